"""What a dashboard tells the mount about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dash.development.base_component import Component
from flask_babel import LazyString

from portal.permissions import Permission

if TYPE_CHECKING:
    from dashapps.mount import PortalDash


@dataclass(frozen=True)
class FirstPaint:
    """What the first HTML of a page carries before any script runs.

    `title` is the document's title; `body` the component tree as it will look once Dash has taken over: it is
    written as HTML by `dashapps.shared.html`, so that the figures are readable at once and nothing jumps.
    `body` None shows nothing until Dash is there.
    """

    title: str
    body: Component | None = None


@dataclass(frozen=True)
class DashSpec:
    """One dashboard, mounted at `/dash/<slug>/`.

    permission: what a person needs for the page, its layout and (unless a callback says otherwise) its callbacks.
    layout: function without arguments that returns the component tree; reads no data (it also runs at start-up).
    register: binds the callbacks to the given app (`app.callback(..., permission=...)`, never `dash.callback`).
    first_paint: runs per page request, reads the signed-in person's figures. Raises NotFoundError for a filter
        outside his area. Gets the path below the slug ('' for the dashboard itself).
    has_path: whether a page exists at `/dash/<slug>/<path>`; other paths are 404.
    libraries: component packages beyond dcc and html whose bundles the page needs, e.g. ("dash_ag_grid",).
    needs_plotly: whether plotly.js is fetched (1.3 MB compressed: only where a chart is).
    styles, scripts: files of portal/static that only this dashboard needs; scripts run before Dash's own.
    routes: further GET routes below the slug: (rule below the slug, endpoint name, view, permission).
    """

    slug: str
    title: LazyString | str
    permission: Permission
    layout: Callable[[], Component]
    register: Callable[[PortalDash], None]
    first_paint: Callable[[str], FirstPaint]
    has_path: Callable[[str], bool] = field(default=lambda path: False)
    libraries: tuple[str, ...] = ()
    needs_plotly: bool = True
    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    routes: tuple[tuple[str, str, Callable[..., Any], Permission], ...] = ()

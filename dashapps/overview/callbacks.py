"""One callback makes the whole page from one snapshot, so that its panels always agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import ClientsideFunction, Input, Output

from dashapps.overview import ids
from dashapps.overview.answers import answer
from dashapps.shared.filters import parse
from portal.permissions import Permission

if TYPE_CHECKING:
    from dashapps.mount import PortalDash


def register(app: PortalDash) -> None:
    """Bind the callbacks to the app."""

    @app.callback(
        *(Output(slot, "children") for slot in ids.SLOTS),
        Output(ids.FIGURES, "data"),
        Output(ids.TITLE, "data"),
        Input(ids.URL, "search"),
        permission=Permission.VIEW_DASHBOARDS,
    )
    def show(search: str | None) -> tuple[Any, ...]:
        """The page for the filters of the URL, in the signed-in person's own scope."""
        built = answer(parse(search))
        return (*(built["slots"][slot] for slot in ids.SLOTS), built["figures"], built["title"])

    # In the browser: colours of the theme into the figures, and the document's title.
    app.in_browser(
        ClientsideFunction("portal", "charts"),
        Output(ids.RECOVERY_GRAPH, "figure"),
        Output(ids.RECOVERY_GRAPH, "className"),
        Output(ids.DAILY_GRAPH, "figure"),
        Output(ids.DAILY_GRAPH, "className"),
        Input(ids.FIGURES, "data"),
        Input(ids.THEME, "data"),
    )
    app.in_browser(
        ClientsideFunction("portal", "title"), Output(ids.TITLE, "modified_timestamp"), Input(ids.TITLE, "data")
    )

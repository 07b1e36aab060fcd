"""Mounts the dashboards on the Flask app, each under `/dash/<slug>/`, behind one guard.

The guard denies by default: a path below /dash/ runs only when it was registered here, with its permission.
    unknown slug or path    404
    anonymous, page         to the login page
    anonymous, data         401 (the open page then goes to the login page, see portal/static/dash.js)
    no permission           403

The sign-in and the permissions are asked for by `portal.web.guard`, which reads what is declared here on each view.

Callbacks are POSTs without a CSRF token: they only read, and a forged one is refused by its origin (browsers send
`Sec-Fetch-Site` or `Origin` with every cross-site POST, and cannot send application/json across sites unasked).
Nothing is registered globally: apps on the same server do not see each other's callbacks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import dash
from dash import ClientsideFunction
from dash.backends._flask import FlaskDashServer
from flask import Flask, Response, abort, current_app, render_template, request, send_file
from flask_login import current_user

from dashapps import specs
from dashapps.bundles import URL_PREFIX, BundleStore
from dashapps.shared.html import to_html
from dashapps.spec import DashSpec
from portal.extensions import csrf
from portal.permissions import Permission, require
from portal.web.context import settings
from portal.web.security import csp_nonce, is_same_origin

PREFIX = "/dash/"
DATA = ("_dash-layout", "_dash-dependencies", "_dash-update-component")


class _Backend(FlaskDashServer):
    """Dash's Flask backend less the routes and hooks that the portal serves itself or does not offer."""

    def register_assets_blueprint(self, blueprint_name: str, assets_url_path: str, assets_folder: str) -> None:
        """No assets folder: stylesheets and scripts are the portal's static files."""

    def setup_component_suites(self, dash_app: dash.Dash) -> None:  # type: ignore[override]
        """Bundles come from one prefix for all dashboards."""

    def before_request(self, func: Callable[[], Any]) -> None:
        """Dash would finish its set-up in the first request; `mount` does it at start-up."""


class PortalDash(dash.Dash):
    """One dashboard: a Dash app whose page is a template of the portal, with a permission on every callback."""

    def __init__(self, spec: DashSpec, server: Flask, store: BundleStore) -> None:
        self.spec = spec
        self.store = store
        self.own_permissions: dict[str, Permission] = {}
        prefix = f"{PREFIX}{spec.slug}/"
        super().__init__(
            name=f"dashapps.{spec.slug}",
            server=False,
            requests_pathname_prefix=prefix,
            routes_pathname_prefix=prefix,
            title=str(spec.slug),
            # None keeps the title: it says where you are, not that something loads.
            update_title=None,  # type: ignore[arg-type]
            suppress_callback_exceptions=True,
            include_assets_files=False,
            add_log_handler=False,
            use_async=False,
        )
        self.backend = _Backend(server)
        self.init_app(server)
        self.layout = spec.layout
        spec.register(self)
        self._setup_server()  # type: ignore[no-untyped-call]

    def callback(self, *args: Any, permission: Permission | None = None, **kwargs: Any) -> Callable[..., Any]:
        """`dash.Dash.callback` with the permission it needs. One that names none is refused to everybody."""
        before = set(self.callback_map)
        decorate = super().callback(*args, **kwargs)

        def with_permission(function: Callable[..., Any]) -> Any:
            decorated = decorate(function)
            if permission is not None:
                self.own_permissions |= dict.fromkeys(set(self.callback_map) - before, permission)
            return decorated

        return with_permission

    def in_browser(self, function: ClientsideFunction, *dependencies: Any) -> None:
        """A callback that runs in the browser only: a function of a script file, never inline text."""
        before = set(self.callback_map)
        self.clientside_callback(function, *dependencies)  # type: ignore[no-untyped-call]
        self.own_permissions |= dict.fromkeys(set(self.callback_map) - before, self.spec.permission)

    def permission_of(self, output: str) -> Permission | None:
        """The permission of the callback with this output id, None when it declares none (and so cannot be called)."""
        return self.own_permissions.get(output)

    def _add_url(self, name: str, view_func: Callable[..., Any], methods: Any = ("GET",)) -> None:
        """Register a route of Dash with its permission; routes that nobody uses do not exist."""
        if name == "_dash-update-component":
            view_func = self._checked_callback(view_func)
        elif name == "<path:path>":
            view_func = self._known_page(view_func)
        elif name != "" and name not in DATA:
            return
        self.add_route(name, view_func, self.spec.permission, methods)

    def add_route(
        self, rule: str, view_func: Callable[..., Any], permission: Permission, methods: Any = ("GET",)
    ) -> None:
        """A route below the dashboard's prefix with the permission that the guard asks for."""

        @require(permission)
        @wraps(view_func)
        def view(*args: Any, **kwargs: Any) -> Any:
            return view_func(*args, **kwargs)

        path = f"{PREFIX}{self.spec.slug}/{rule}"
        server: Flask = self.server
        server.add_url_rule(
            path, endpoint=f"dash.{self.spec.slug}.{rule or 'page'}", view_func=view, methods=list(methods)
        )
        if "POST" in methods:
            csrf.exempt(view)
        self.routes.append(path)

    def _known_page(self, view_func: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view_func)
        def page(path: str) -> Any:
            if not self.spec.has_path(path):
                abort(404)
            return view_func(path)

        return page

    def _checked_callback(self, view_func: Callable[..., Any]) -> Callable[..., Any]:
        """Refuse forged and malformed calls, and callbacks the person may not run, before Dash looks at them."""

        @wraps(view_func)
        def update() -> Any:
            if not is_same_origin():
                abort(403)
            body = request.get_json(silent=True) if request.is_json else None
            if not isinstance(body, dict):
                abort(400)
            output = body.get("output")
            entry = self.callback_map.get(output) if isinstance(output, str) else None
            if entry is None or "callback" not in entry:
                abort(404)
            permission = self.permission_of(str(output))
            if permission is None or not current_user.can(permission):
                abort(403)
            if not (_fits(body.get("inputs", []), entry["inputs"]) and _fits(body.get("state", []), entry["state"])):
                abort(400)
            if not is_output_list(output, body.get("outputs")):
                abort(400)
            changed = body.get("changedPropIds", [])
            if not (isinstance(changed, list) and all(isinstance(item, str) for item in changed)):
                abort(400)
            return view_func()

        return update

    def _generate_scripts_html(self) -> str:
        """The script tags' HTML; the template asks for them through `interpolate_index`."""
        nonce = csp_nonce() if request else ""
        tags = [
            f'<script src="{url}" defer nonce="{nonce}"></script>'
            for url in self.store.script_urls(self.spec.libraries)
        ]
        return "\n".join([f'<script nonce="{nonce}">{script}</script>' for script in self._inline_scripts] + tags)

    def _generate_css_dist_html(self) -> str:
        return ""

    def index(self, path: str = "", **_kwargs: Any) -> str:
        """The page: the portal's shell with the first paint inside. Dash's part is only config and scripts."""
        first = self.spec.first_paint(path)
        self.title = first.title
        return self.interpolate_index(
            title=first.title,
            config=self._generate_config_html(),
            scripts=self._generate_scripts_html(),
            app_entry=to_html(first.body),
        )

    def interpolate_index(self, **parts: Any) -> str:  # type: ignore[override]
        """Dash's hook for the page: a template of the portal instead of Dash's own."""
        return render_template(
            "dash.html",
            spec=self.spec,
            title=parts["title"],
            config=parts["config"],
            scripts=parts["scripts"],
            first_paint=parts["app_entry"],
            plotly_url=self.store.plotly_url if self.spec.needs_plotly else None,
        )


def _fits(given: Any, declared: list[dict[str, Any]]) -> bool:
    """Whether posted inputs or states are those the callback declares, in order, by id and property."""
    return (
        isinstance(given, list)
        and len(given) == len(declared)
        and all(
            isinstance(one, dict) and one.get("id") == wanted["id"] and one.get("property") == wanted["property"]
            for one, wanted in zip(given, declared, strict=True)
        )
    )


def is_output_list(output: Any, given: Any) -> bool:
    """Whether the posted `outputs` are those that the id `output` names, in order: one, or a list of several."""
    several = isinstance(output, str) and output.startswith("..")
    names = output[2:-2].split("...") if several else [output]
    listed = given if several else [given]
    return (
        isinstance(listed, list)
        and len(listed) == len(names)
        and all(
            isinstance(one, dict) and f"{one.get('id')}.{one.get('property')}" == name
            for one, name in zip(listed, names, strict=True)
        )
    )


def guard() -> None:
    """Deny by default below /dash/: what was not mounted here with a permission does not exist.

    Runs after `portal.web.guard`, which has asked for the sign-in and the declared permission of the view.
    """
    if not request.path.startswith(PREFIX) or request.endpoint is None:
        return
    if not hasattr(current_app.view_functions.get(request.endpoint), "__permission__"):
        abort(404)


def _serve_bundle(store: BundleStore) -> Callable[..., Response]:
    @require(Permission.PUBLIC)
    def dash_bundle(build: str, name: str) -> Response:
        """A script bundle, compressed as the browser takes it, to be kept for ever."""
        if build != store.build or name not in store.files:
            abort(404)
        accepted = request.accept_encodings
        encoding = next((e for e in ("br", "gzip") if accepted.quality(e) > 0), None)
        path = store.compressed(name, encoding) if encoding else store.files[name]
        answer = send_file(path, mimetype="text/javascript", max_age=31_536_000, conditional=True, etag=True)
        if encoding:
            answer.headers["Content-Encoding"] = encoding
        answer.headers["Vary"] = "Accept-Encoding"
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer

    return dash_bundle


def mount_all(server: Flask) -> None:
    """Mount every dashboard. Called once per app, at start-up; reads no data."""
    mounted: dict[str, PortalDash] = {}
    chosen = specs()
    with server.app_context():
        store = BundleStore([spec.libraries for spec in chosen], settings().cache_dir)
        server.add_url_rule(f"{URL_PREFIX}/<build>/<path:name>", "dash.bundle", _serve_bundle(store))
        for spec in chosen:
            app = PortalDash(spec, server, store)
            for rule, _name, view, permission in spec.routes:
                app.add_route(rule, view, permission)
            mounted[spec.slug] = app
    server.extensions["dashapps"] = mounted
    server.extensions["dash_bundles"] = store
    server.before_request(guard)


def list_callbacks(server: Flask) -> list[tuple[str, str, Permission | None]]:
    """Every Dash callback: (slug, output id, permission; None when it declares none). For `flask access`."""
    mounted: dict[str, PortalDash] = server.extensions["dashapps"]
    return [
        (slug, output, app.permission_of(output))
        for slug, app in mounted.items()
        for output in sorted(app.callback_map)
    ]

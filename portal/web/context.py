"""What a request is: whose settings, whose address, page or data, activity or polling."""

from __future__ import annotations

from typing import Protocol, cast
from urllib.parse import urlsplit

from flask import current_app, request

from portal.config import Settings

SETTINGS_PROVIDER = "settings_provider"


class SettingsProvider(Protocol):
    """Who knows what was changed on the settings page. Registered in `app.extensions[SETTINGS_PROVIDER]`."""

    def current(self, environment: Settings) -> Settings:
        """The settings of the environment with what was changed. Never raises."""

    def known(self, environment: Settings) -> Settings:
        """The same without looking whether anything changed since."""

    def note_version(self, version: int) -> None:
        """A query of this request has read the version in force: what is older is read anew."""


_DATA_PATHS = ("/_dash-update-component", "/_dash-layout", "/_dash-dependencies")


def settings() -> Settings:
    """The settings in force: the environment's, with what HEAD changed on the settings page.

    Ask at the time of use and keep nothing: they change while the process runs.
    """
    environment = cast(Settings, current_app.extensions["settings"])
    provider = cast("SettingsProvider | None", current_app.extensions.get(SETTINGS_PROVIDER))
    return environment if provider is None else provider.current(environment)


def known_settings() -> Settings:
    """The settings as this process last knew them: for the query that reads their version along."""
    environment = cast(Settings, current_app.extensions["settings"])
    provider = cast("SettingsProvider | None", current_app.extensions.get(SETTINGS_PROVIDER))
    return environment if provider is None else provider.known(environment)


def note_settings_version(version: int | None) -> None:
    """Tell the provider the version of the settings that the signed-in query read along (None: never changed)."""
    provider = cast("SettingsProvider | None", current_app.extensions.get(SETTINGS_PROVIDER))
    if provider is not None:
        provider.note_version(version or 0)


def client_address() -> str:
    """The address the request came from (behind TLS the proxy's header, see `portal.web.security`)."""
    return request.remote_addr or ""


def wants_data() -> bool:
    """Whether the caller is a script: it gets 401/403 and JSON instead of a login page or an error page."""
    if request.path.startswith("/dash/") and request.path.endswith(_DATA_PATHS):
        return True
    if request.is_json or "X-Background" in request.headers or request.headers.get("X-Requested-With"):
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json" and request.accept_mimetypes[best] > request.accept_mimetypes["text/html"]


def is_background() -> bool:
    """Whether the request was made by a timer: polling is not activity and never keeps a session alive.

    A Dash callback counts as polling when everything that triggered it is an interval.
    """
    if request.headers.get("X-Background") == "1" or request.args.get("X-Background") == "1":
        return True
    if request.path.startswith("/dash/") and request.path.endswith("/_dash-update-component"):
        body = request.get_json(silent=True)
        changed = body.get("changedPropIds") if isinstance(body, dict) else None
        return isinstance(changed, list) and bool(changed) and all(str(p).endswith(".n_intervals") for p in changed)
    return False


def safe_next(target: str | None) -> str | None:
    """`target` when it is a path of this site, else None: a link must not send people elsewhere after login."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or len(target) > 2000:
        return None
    if any(ord(char) < 33 or char == "\\" for char in target):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target


def here() -> str:
    """Path and query string of the current page, for `next`."""
    return request.full_path.rstrip("?") if request.query_string else request.path


def referring_path() -> str | None:
    """Path of the page that sent this request, when it is one of ours."""
    parts = urlsplit(request.referrer or "")
    if not parts.netloc or parts.netloc != request.host:
        return None
    return safe_next(parts.path + (f"?{parts.query}" if parts.query else ""))

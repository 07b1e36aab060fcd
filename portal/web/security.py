"""Response headers, the nonce of the Content-Security-Policy, how large a request may be and what is none."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, request
from flask.json.provider import DefaultJSONProvider
from flask_wtf.csrf import CSRFError
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.config import MIB, Settings
from portal.web.context import settings

SMALL_REQUEST = 2 * MIB
# A form without files, which is held in memory whole; of one with files the framework limits each field so.
SMALL_FORM = 512 * 1024
UPLOAD_ENDPOINTS = frozenset({"imports.upload"})
# Forms with photos or documents (see `takes_files`). Far above what one file may be: a photo that is too large gets a
# sentence at its form, where what was typed is kept, not a bare refusal.
FORM_WITH_FILES = 160 * MIB
# What a signed-out browser still keeps of the pages: drafts of forms.
SIGN_OUT_ENDPOINTS = frozenset({"staff.logout"})
# Health checks and the launcher ask under these names, whatever name people use.
_OWN_NAMES = ("localhost", "127.0.0.1")

F = TypeVar("F", bound=Callable[..., Any])

_PERMISSIONS_POLICY = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()"


class StrictJSON(DefaultJSONProvider):
    """JSON of which arrays inside arrays without end are a malformed body, like any other that cannot be read."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The value of a JSON text. Raises ValueError."""
        try:
            return super().loads(s, **kwargs)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def trusted_hosts(config: Settings) -> list[str] | None:
    """The names under which requests are answered; None takes any.

    Those of TRUSTED_HOSTS, else that of PUBLIC_URL; this machine's own names always, since the launcher and health
    checks use them.
    """
    named = list(config.trusted_hosts)
    if not named and config.public_url:
        named = [urlsplit(config.public_url).hostname or ""]
    return [*filter(None, named), *_OWN_NAMES] if any(named) else None


def csp_nonce() -> str:
    """The nonce of this request; every inline or injected `<script>` must carry it."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def content_security_policy(nonce: str) -> str:
    """Scripts only from here or with the nonce. Styles need 'unsafe-inline': AG Grid and plotly set them."""
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'nonce-{nonce}'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "object-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        )
    )


def takes_files(view: F) -> F:
    """Declare a view whose form holds photos or documents: its body may be large, and is read only behind the guard."""
    view.__takes_files__ = True  # type: ignore[attr-defined]
    return view


def _has_files() -> bool:
    """Whether the request is for a view that takes uploads."""
    if request.endpoint in UPLOAD_ENDPOINTS:
        return True
    return hasattr(current_app.view_functions.get(request.endpoint or ""), "__takes_files__")


def _limit_request() -> None:
    """Uploads may be as large as the settings say, everything else stays small."""
    if _has_files() and request.endpoint not in UPLOAD_ENDPOINTS:
        request.max_content_length = FORM_WITH_FILES
    elif request.endpoint in UPLOAD_ENDPOINTS:
        # Several files at once, and the multipart frame around them.
        request.max_content_length = settings().max_import_mib * MIB * 4 + MIB
    else:
        is_plain = request.mimetype == "application/x-www-form-urlencoded"
        request.max_content_length = SMALL_FORM if is_plain else SMALL_REQUEST


def _refuse_what_is_no_text() -> None:
    """No NUL in an address, a form or JSON, no half of a pair of surrogates in JSON: nobody types one, and
    PostgreSQL takes none. Files are not looked at."""
    if "\0" in request.path:
        abort(404)
    typed = [request.args]
    if request.is_json:
        raw = request.get_data(cache=True)
        # Only an escape can say either of them; most bodies have none.
        if (b"\\u0000" in raw or b"\\ud" in raw.lower()) and not is_text(request.get_json(silent=True)):
            abort(400)
    elif not _has_files():
        typed.append(request.form)
    # A part of a multipart body may have no name at all.
    if any(text is None or "\0" in text for fields in typed for pair in fields.items(multi=True) for text in pair):
        abort(400)


def is_same_origin() -> bool:
    """Whether a POST comes from our own pages, or from a program (which carries nobody's cookies unasked)."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def _refuse_other_sites() -> None:
    """A form that another site sent is refused before its token is looked at. (Dashboards' callbacks are refused alike
    in `dashapps.mount`, with no form to offer again.)

    Flask-WTF's own check, by the Referer, is off: pages of one-time links send none. Who reloads the answer to a form
    sends no site at all, and a page without a Referer says that its origin is "null".
    """
    if request.method == "POST" and not request.path.startswith("/dash/") and not is_same_origin():
        unknown = request.headers.get("Sec-Fetch-Site") is None and request.headers.get("Origin") == "null"
        if not unknown and request.headers.get("Sec-Fetch-Site") != "none":
            raise CSRFError("sent by another site")


def _refuse_nameless_fields() -> None:
    """The same for uploads, once it is known that the person may send them: only then the body is read."""
    if not _has_files():
        return
    files = ((name, file.filename) for name, file in request.files.items(multi=True))
    pairs = [*request.form.items(multi=True), *files]
    if any(text is None or "\0" in text for pair in pairs for text in pair):
        abort(400)


def is_text(value: Any) -> bool:
    """Whether every string in a JSON value, keys too, is one that the database can hold."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str):
            if "\0" in one:
                return False
            try:
                one.encode()
            except UnicodeEncodeError:
                return False
    return True


def _add_headers(response: Response, behind_tls: bool) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", content_security_policy(csp_nonce()))
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", _PERMISSIONS_POLICY)
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if behind_tls:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    if request.endpoint in SIGN_OUT_ENDPOINTS and response.status_code < 400:
        headers.setdefault("Clear-Site-Data", '"storage"')
    if "Cache-Control" not in headers:
        # Pages hold personal data: after sign-out the back button must not show them.
        headers["Cache-Control"] = "no-store"
    return response


def install_behind_guard(app: Flask) -> None:
    """What is looked at only when the person may do what he asks for."""
    app.before_request(_refuse_other_sites)
    app.before_request(_refuse_nameless_fields)


def install(app: Flask, config: Settings) -> None:
    """Headers on every response, request size by endpoint, and the proxy's headers when TLS ends before us."""
    app.json = StrictJSON(app)
    if config.behind_tls:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    app.before_request(_limit_request)
    app.before_request(_refuse_what_is_no_text)

    @app.after_request
    def _headers(response: Response) -> Response:
        return _add_headers(response, config.behind_tls)

"""Response headers, the nonce of the Content-Security-Policy, how large a request may be and what is none."""

from __future__ import annotations

import secrets

from flask import Flask, Response, abort, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.config import MIB, Settings
from portal.web.context import settings

SMALL_REQUEST = 2 * MIB
UPLOAD_ENDPOINTS = frozenset({"imports.upload"})

_PERMISSIONS_POLICY = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()"


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


def _limit_request() -> None:
    """Uploads may be as large as the settings say, everything else stays small."""
    if request.endpoint in UPLOAD_ENDPOINTS:
        # Several files at once, and the multipart frame around them.
        request.max_content_length = settings().max_import_mib * MIB * 4 + MIB
    else:
        request.max_content_length = SMALL_REQUEST


def _refuse_nul() -> None:
    """No NUL in an address or a form: nobody types one, and PostgreSQL takes none. Files and JSON are not looked at."""
    if "\0" in request.path:
        abort(404)
    typed = [request.args]
    if request.mimetype != "application/json" and request.endpoint not in UPLOAD_ENDPOINTS:
        typed.append(request.form)
    if any("\0" in text for fields in typed for pair in fields.items(multi=True) for text in pair):
        abort(400)


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
    if "Cache-Control" not in headers:
        # Pages hold personal data: after sign-out the back button must not show them.
        headers["Cache-Control"] = "no-store"
    return response


def install(app: Flask, config: Settings) -> None:
    """Headers on every response, request size by endpoint, and the proxy's headers when TLS ends before us."""
    if config.behind_tls:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    app.before_request(_limit_request)
    app.before_request(_refuse_nul)

    @app.after_request
    def _headers(response: Response) -> Response:
        return _add_headers(response, config.behind_tls)

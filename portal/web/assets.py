"""Static files by fingerprint, compression of answers, and icons inlined one by one.

A URL made by `url_for('static', ...)` carries a digest of the file and is cached for ever; Brotli copies of text
files are made once per content and shared by all processes through the instance folder.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import brotli
import flask_bootstrap
from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from markupsafe import Markup

FOR_EVER = "public, max-age=31536000, immutable"
_SMALL = 1024
_TEXT = re.compile(r"^(text/|application/(json|javascript|xml|manifest\+json)|image/svg)")
_SPRITE = Path(flask_bootstrap.__file__).parent / "static" / "bootstrap5" / "icons" / "bootstrap-icons.svg"


@lru_cache(maxsize=512)
def _digest(path: str, _modified_ns: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def fingerprint(folder: str | None, filename: str) -> str | None:
    """Short digest of a static file's content, None when there is no such file."""
    if folder is None:
        return None
    path = Path(folder) / filename
    try:
        return _digest(str(path), path.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=256)
def _symbol(name: str) -> tuple[str, str]:
    match = re.search(
        rf'<symbol class="[^"]*" viewBox="([^"]+)" id="{re.escape(name)}">(.*?)</symbol>',
        _SPRITE.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    if match is None:
        raise KeyError(f"Bootstrap has no icon '{name}'")
    return match[1], match[2]


def icon(name: str, extra_class: str = "") -> Markup:
    """One Bootstrap icon as inline SVG (decorative: the text beside it, or an aria-label around it, says what it is).

    Raises KeyError for an unknown name. The whole sprite would weigh 200 KB compressed.
    """
    box, paths = _symbol(name)
    return Markup(
        '<svg class="icon{}" viewBox="{}" width="16" height="16" fill="currentColor" aria-hidden="true"'
        ' focusable="false">{}</svg>'
    ).format(f" {extra_class}" if extra_class else "", box, Markup(paths))


def _version_static_urls(app: Flask) -> None:
    @app.url_defaults
    def add_fingerprint(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint not in {"static", "bootstrap.static"} or "v" in values or "filename" not in values:
            return
        folder = app.static_folder if endpoint == "static" else app.blueprints["bootstrap"].static_folder
        mark = fingerprint(folder, values["filename"])
        if mark:
            values["v"] = mark


def _squeeze(data: bytes, encoding: str, best: bool) -> bytes:
    if encoding == "br":
        packed: bytes = brotli.compress(data, quality=11 if best else 4)
        return packed
    return gzip.compress(data, 9 if best else 6, mtime=0)


def _cached_squeeze(store: Path, data: bytes, encoding: str) -> bytes:
    """Best compression, made once per content; a lost or half-written copy is made again (rename is atomic)."""
    path = store / f"{hashlib.sha256(data).hexdigest()[:32]}.{encoding}"
    if path.exists():
        return path.read_bytes()
    packed = _squeeze(data, encoding, best=True)
    store.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{hashlib.sha256(packed).hexdigest()[:8]}.part")
    partial.write_bytes(packed)
    partial.replace(path)
    return packed


def _wanted_encoding() -> str | None:
    accepted = request.accept_encodings
    return "br" if accepted["br"] > 0 else "gzip" if accepted["gzip"] > 0 else None


def compress(response: Response, store: Path) -> Response:
    """Compress a text answer unless it is streamed, small, partial or already encoded."""
    if (
        response.status_code not in {200, 400, 403, 404, 422}
        or (response.is_streamed and not response.direct_passthrough)
        or "Content-Encoding" in response.headers
        or response.headers.get("Content-Disposition", "").startswith("attachment")
        or not _TEXT.match(response.mimetype or "")
    ):
        return response
    response.headers.add("Vary", "Accept-Encoding")
    encoding = _wanted_encoding()
    if encoding is None or request.method == "HEAD":
        return response
    is_static = "immutable" in response.headers.get("Cache-Control", "")
    response.direct_passthrough = False
    data = response.get_data()
    if len(data) < _SMALL:
        return response
    packed = _cached_squeeze(store, data, encoding) if is_static else _squeeze(data, encoding, best=False)
    response.set_data(packed)
    response.headers["Content-Encoding"] = encoding
    if (etag := response.get_etag()[0]) is not None:
        response.set_etag(f"{etag}-{encoding}")
    return response


class CookieSessions(SecureCookieSessionInterface):
    """Flask's sessions, except that files cached for ever neither set the cookie nor vary by it.

    Browsers would fetch everything again after each sign-in.
    """

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookie as Flask does, unless the answer is an immutable file."""
        if "immutable" not in response.headers.get("Cache-Control", ""):
            super().save_session(app, session, response)


def install(app: Flask, store: Path) -> None:
    """Fingerprints, caching and compression; `store` is the folder for compressed copies."""
    app.session_interface = CookieSessions()
    _version_static_urls(app)
    app.jinja_env.globals["icon"] = app.jinja_env.globals["_icon"] = icon

    @app.after_request
    def _serve(response: Response) -> Response:
        if request.endpoint in {"static", "bootstrap.static"} and response.status_code == 200:
            response.headers["Cache-Control"] = FOR_EVER if request.args.get("v") else "public, max-age=300"
        return compress(response, store)

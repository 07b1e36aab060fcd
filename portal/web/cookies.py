"""Cookies beside the session's: every one for this host alone, out of reach of scripts, over TLS alone behind TLS."""

from __future__ import annotations

from flask import Response, request

from portal.config import Settings
from portal.web.context import settings


def cookie_name(name: str, config: Settings) -> str:
    """A cookie's name. Behind TLS with the prefix by which browsers take it from this host alone, over TLS alone."""
    return f"__Host-{name}" if config.behind_tls else name


def get_cookie(name: str) -> str | None:
    """The value the browser sent, None when it sent none."""
    return request.cookies.get(cookie_name(name, settings()))


def set_cookie(response: Response, name: str, value: str, max_age: int) -> None:
    """Have the browser keep a value for `max_age` seconds."""
    config = settings()
    response.set_cookie(
        cookie_name(name, config),
        value,
        max_age=max_age,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=config.behind_tls,
    )

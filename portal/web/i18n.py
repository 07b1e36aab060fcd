"""Language, theme and low-data mode of a request: the signed-in person's, else the browser's cookie, else the default
of the settings and the system's theme. A language that is not offered (any more) is nobody's."""

from __future__ import annotations

from flask import request
from flask_login import current_user

from portal.web.context import settings
from portal.web.cookies import get_cookie

LANGUAGES = {"en": "English", "ur": "اردو"}
RIGHT_TO_LEFT = frozenset({"ur"})
THEMES = ("system", "light", "dark", "sunlight")
COOKIE_SECONDS = 365 * 86_400


def offered() -> dict[str, str]:
    """The languages one may choose, by code."""
    return {code: LANGUAGES[code] for code in settings().languages}


def language() -> str:
    """`en` or `ur`."""
    chosen = getattr(current_user, "language", None) or get_cookie("language")
    config = settings()
    return chosen if chosen in config.languages else config.default_language


def theme() -> str:
    """`system`, `light`, `dark` or `sunlight` (a light one of the strongest contrast)."""
    chosen = getattr(current_user, "theme", None) or get_cookie("theme")
    return chosen if chosen in THEMES else "system"


def low_data() -> bool:
    """Whether photos wait until they are tapped: the person chose so, or his browser asks to save data."""
    return bool(getattr(current_user, "low_data", False)) or request.headers.get("Save-Data", "").lower() == "on"


def locale_selector() -> str | None:
    """For flask-babel, which also asks outside requests (jobs, command line): then English."""
    return language() if request else None

"""What the shell around every page needs: menu, person, area, month in force, language and theme."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from flask import Flask, request
from flask_login import current_user

from portal.billing.cycles import cycle_of
from portal.navigation import SEARCH_PATH, Entry, Group, bottom_bar_for, menu_for
from portal.permissions import Permission
from portal.web import format as fmt
from portal.web import i18n, security
from portal.web.context import here, settings
from portal.web.pages import url_with


@dataclass(frozen=True)
class Shell:
    """Read by `base.html` as `shell`."""

    user: Any
    menu: tuple[Group, ...]
    bottom_bar: tuple[Entry, ...]
    language: str
    direction: str
    other_language: str
    theme: str
    path: str
    here: str
    search_path: str
    month: str
    nonce: str
    idle_seconds: int
    can_search: bool

    @property
    def other_language_name(self) -> str:
        return i18n.LANGUAGES[self.other_language]


def current_shell() -> Shell:
    """The shell of this request; without a signed-in person it has no menu."""
    user = current_user if current_user.is_authenticated else None
    language = i18n.language()
    start_day = settings().cycle_start_day
    today = dt.datetime.now(fmt.KARACHI).date()
    return Shell(
        user=user,
        menu=menu_for(user.can) if user else (),
        bottom_bar=bottom_bar_for(user.role, user.can) if user else (),
        language=language,
        direction="rtl" if language in i18n.RIGHT_TO_LEFT else "ltr",
        other_language="en" if language == "ur" else "ur",
        theme=i18n.theme(),
        path=request.path,
        here=here() if request.method in {"GET", "HEAD"} else request.path,
        search_path=SEARCH_PATH,
        month=fmt.month(cycle_of(today, start_day), language),
        nonce=security.csp_nonce(),
        idle_seconds=settings().idle_minutes * 60,
        can_search=bool(user and user.can(Permission.VIEW_UNITS)),
    )


def install(app: Flask) -> None:
    """Give every template `shell` and `url_with`."""
    app.context_processor(lambda: {"shell": current_shell()})
    app.jinja_env.globals["url_with"] = url_with

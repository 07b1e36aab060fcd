"""What the shell around every page needs: menu, person, area, month in force, language and theme."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from flask import Flask, request
from flask_babel import gettext as _
from flask_login import current_user

from portal.billing.cycles import cycle_of
from portal.config import Logo
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
    other_language: str | None
    theme: str
    low_data: bool
    path: str
    here: str
    search_path: str
    month: str
    nonce: str
    idle_seconds: int
    whole_seconds: int
    draft_owner: str
    draft_key: str
    can_search: bool
    brand: str
    logo: Logo | None

    @property
    def other_language_name(self) -> str:
        return i18n.LANGUAGES[self.other_language] if self.other_language else ""


def _of_person(purpose: str, person_id: int) -> bytes:
    """32 bytes that pages of this person carry and nobody else can know: drafts in his browser are sealed with them."""
    return hmac.new(settings().secret_key.encode(), f"{purpose}:{person_id}".encode(), hashlib.sha256).digest()


def current_shell() -> Shell:
    """The shell of this request; without a signed-in person it has no menu."""
    # Who has something to do first (see portal.web.guard) has no menu: it would lead nowhere.
    user = current_user if current_user.is_authenticated and not getattr(current_user, "step", None) else None
    language = i18n.language()
    config = settings()
    today = dt.datetime.now(fmt.KARACHI).date()
    return Shell(
        user=user,
        menu=menu_for(user.can) if user else (),
        bottom_bar=bottom_bar_for(user.role, user.can) if user else (),
        language=language,
        direction="rtl" if language in i18n.RIGHT_TO_LEFT else "ltr",
        other_language=next((code for code in config.languages if code != language), None),
        theme=i18n.theme(),
        low_data=i18n.low_data(),
        path=request.path,
        here=here() if request.method in {"GET", "HEAD"} else request.path,
        search_path=SEARCH_PATH,
        month=fmt.month(cycle_of(today, config.cycle_start_day), language),
        nonce=security.csp_nonce(),
        idle_seconds=config.idle_minutes * 60,
        whole_seconds=max(config.session_hours * 3600 - int(user.age_seconds), 0) if user else 0,
        draft_owner=_of_person("draft-owner", user.id).hex()[:12] if user else "",
        draft_key=base64.b64encode(_of_person("draft-key", user.id)).decode() if user else "",
        can_search=bool(user and user.can(Permission.VIEW_UNITS)),
        brand=config.company_name or str(_("Suthra Portal")),
        logo=config.logo,
    )


def install(app: Flask) -> None:
    """Give every template `shell` and `url_with`."""
    app.context_processor(lambda: {"shell": current_shell()})
    app.jinja_env.globals["url_with"] = url_with

"""Who is signed in: the cookie's token, looked up in the session table once per request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, g, request, session
from flask_babel import lazy_gettext as _l
from flask_login import UserMixin, current_user, login_user

from portal import db
from portal.config import Settings
from portal.extensions import login_manager
from portal.permissions import PROVINCE_WIDE, AreaScope, Permission, Role, role_allows
from portal.staff import selects, sessions
from portal.staff.password_queue import PasswordQueue
from portal.web.context import is_background, known_settings, note_settings_version, settings
from portal.web.guard import Step

# A password given so short a time ago need not be given again before something that asks for it.
FRESH_SECONDS = 600
# `app.extensions[UNREAD_COUNT]`: a column that counts what the person of a row of `staff` has not read. It is read
# along with who is signed in, so that the bell costs no query. Set by the feature that tells people.
UNREAD_COUNT = "unread_count"

_OWN_WAY_OUT = frozenset({"staff.logout"})
GIVE_CODE = Step(
    "staff.second_factor",
    frozenset({"staff.second_factor", "staff.second_factor_post"}) | _OWN_WAY_OUT,
    _l("Your second factor is still to be given."),
)
CHANGE_PASSWORD = Step(
    "staff.password",
    frozenset({"staff.password", "staff.password_post"}) | _OWN_WAY_OUT,
    _l("Your password has to be changed first."),
)
SET_UP_SECOND_FACTOR = Step(
    "staff.own_factor",
    frozenset({"staff.own_factor", "staff.own_factor_confirm"}) | _OWN_WAY_OUT,
    _l("Your role needs a second factor. It has to be set up first."),
)


@dataclass(frozen=True)
class SignedIn(UserMixin):  # type: ignore[misc]
    """The signed-in person, as every request sees him. `area_ids` are the granted nodes."""

    id: int
    username: str
    full_name: str
    role: Role
    area_ids: tuple[int, ...]
    area_names: tuple[str, ...]
    scope: AreaScope
    language: str
    theme: str
    low_data: bool
    email: str | None
    session_id: int
    idle_seconds: float
    age_seconds: float
    token: str
    step: Step | None
    has_second_factor: bool
    unread: int

    @property
    def is_authenticated(self) -> bool:
        """A password without its second factor is nobody yet."""
        return self.step is not GIVE_CODE

    @property
    def is_fresh(self) -> bool:
        """Whether the password was given only a few minutes ago."""
        return self.age_seconds < FRESH_SECONDS

    def can(self, permission: Permission) -> bool:
        """Whether the role has the permission; what concerns everybody takes the whole province besides."""
        if permission in PROVINCE_WIDE and not self.scope.is_everywhere:
            return False
        return self.is_authenticated and role_allows(self.role, permission)

    def get_id(self) -> str:
        """What Flask-Login keeps in the cookie: the session's token, not the person's id."""
        return self.token

    @property
    def initials(self) -> str:
        """One or two letters for the account button."""
        words = (self.full_name or self.username).split()
        return "".join(word[0] for word in words[:1] + words[1:][-1:]).upper()


def _live(token: str, config: Settings) -> Any:
    """The row of a live session by these settings, None without one."""
    query = selects.signed_in(
        config.idle_minutes, config.session_hours, sessions.HALF_OPEN_MINUTES, sessions.CLOCK_SLACK_SECONDS,
        current_app.extensions.get(UNREAD_COUNT),
    )  # fmt: skip
    return db.session().execute(query, {"token_hash": sessions.token_hash(str(token))}).first()


def load(token: str) -> SignedIn | None:
    """The person of a live session, None when the token is unknown, or the session ended, lay idle or is too old.

    One query, twice right after the settings were changed.
    """
    config = known_settings()
    row = _live(token, config)
    if row is not None:
        note_settings_version(row.settings_version)
    if settings() is not config:  # changed since this process last looked: what is too old, is so by the new ones
        row = _live(token, settings())
    if row is None:
        return None
    area_ids = tuple(row.ids or ())
    role = Role(row.role)
    is_half = row.awaits_second_factor
    step = GIVE_CODE if is_half else CHANGE_PASSWORD if row.must_change_password else None
    if step is None and not row.has_second_factor and role in settings().second_factor_roles:
        step = SET_UP_SECOND_FACTOR
    return SignedIn(
        id=row.id,
        username=row.username,
        full_name=row.full_name,
        role=role,
        area_ids=area_ids,
        area_names=tuple((row.names_ur if row.language == "ur" and "ur" in settings().languages else row.names) or ()),
        scope=AreaScope.everywhere() if row.whole_province else AreaScope.of(area_ids),
        language="" if is_half else row.language,  # until he is known, the browser's choice holds
        theme="" if is_half else row.theme,
        low_data=bool(row.low_data) and not is_half,
        email=row.email,
        session_id=row.session_id,
        idle_seconds=max(float(row.idle_seconds), 0.0),
        age_seconds=max(float(row.age_seconds), 0.0),
        token=str(token),
        step=step,
        has_second_factor=row.has_second_factor,
        unread=row.unread,
    )


def sign_in(token: str) -> None:
    """Make this browser the session with the token. The caller has cleared whatever session there was."""
    user = load(token)
    if user is not None:
        login_user(user)


def touch_interval() -> int:
    """Seconds between two notes of activity: a minute, less where the idle time itself is only a few minutes."""
    return min(60, settings().idle_minutes * 60 // 4)


def note_activity() -> None:
    """Move the session's last-seen time, at most once a minute, for a person's own requests only."""
    if request.endpoint in {"static", "bootstrap.static"} or "_user_id" not in session:
        return
    if is_background() or not current_user.is_authenticated or current_user.idle_seconds < touch_interval():
        return
    with db.side_transaction() as connection:
        sessions.touch_session(connection, current_user.session_id, touch_interval())
    g.session_touched = True


def seconds_left() -> tuple[int, int]:
    """Seconds until the session ends for want of activity, and until it ends in any case."""
    config = settings()
    idle = config.idle_minutes * 60 - int(current_user.idle_seconds)
    absolute = config.session_hours * 3600 - int(current_user.age_seconds)
    return max(idle, 0), max(absolute, 0)


def install(app: Flask) -> None:
    """Bind Flask-Login. Its own protection by address is off: phones change their address all day."""
    login_manager.session_protection = None
    login_manager.user_loader(load)
    login_manager.init_app(app)
    app.extensions["password_queue"] = PasswordQueue(app.extensions["settings"].cache_dir)
    app.before_request(note_activity)

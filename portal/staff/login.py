"""Who is signed in: the cookie's token, looked up in the session table once per request."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, g, request, session
from flask_login import UserMixin, current_user, login_user

from portal import db
from portal.extensions import login_manager
from portal.permissions import AreaScope, Permission, Role, role_allows
from portal.staff import selects, service
from portal.web.context import is_background, settings


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
    session_id: int
    idle_seconds: float
    token: str

    def can(self, permission: Permission) -> bool:
        """Whether the role has the permission."""
        return role_allows(self.role, permission)

    def get_id(self) -> str:
        """What Flask-Login keeps in the cookie: the session's token, not the person's id."""
        return self.token

    @property
    def initials(self) -> str:
        """One or two letters for the account button."""
        words = (self.full_name or self.username).split()
        return "".join(word[0] for word in words[:1] + words[1:][-1:]).upper()


def load(token: str) -> SignedIn | None:
    """The person of a live session, None when the token is unknown, ended or lay idle too long. One query."""
    row = db.session().execute(selects.signed_in(service.token_hash(str(token)), settings().idle_minutes)).first()
    if row is None:
        return None
    area_ids = tuple(row.ids or ())
    return SignedIn(
        id=row.id,
        username=row.username,
        full_name=row.full_name,
        role=Role(row.role),
        area_ids=area_ids,
        area_names=tuple((row.names_ur if row.language == "ur" else row.names) or ()),
        scope=AreaScope.everywhere() if row.whole_province else AreaScope.of(area_ids),
        language=row.language,
        theme=row.theme,
        session_id=row.session_id,
        idle_seconds=float(row.idle_seconds),
        token=str(token),
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
        service.touch_session(connection, current_user.session_id, touch_interval())
    g.session_touched = True


def install(app: Flask) -> None:
    """Bind Flask-Login. Its own protection by address is off: phones change their address all day."""
    login_manager.session_protection = None
    login_manager.user_loader(load)
    login_manager.init_app(app)
    app.before_request(note_activity)

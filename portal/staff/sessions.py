"""Sessions in the table: opened, listed, renewed, ended; and a browser's name in plain words."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import Connection, func, update
from sqlalchemy.orm import Session

from portal.staff import selects
from portal.staff.models import StaffSession

# A password without its second factor: so long may the code take.
HALF_OPEN_MINUTES = 10
# A session that was used "later than now" is of before the clock was set back: nobody knows how old it is.
CLOCK_SLACK_SECONDS = 60


@dataclass(frozen=True)
class OpenSession:
    """A line of "my sessions"."""

    id: int
    device: str
    address: str
    since: dt.datetime
    last_seen: dt.datetime
    is_this: bool


def token_hash(token: str) -> str:
    """What the table keeps of a session's token: reading the table gives nobody a session."""
    return hashlib.sha256(token.encode()).hexdigest()


def open_session(
    session: Session, staff_id: int, address: str, user_agent: str, *, awaits_second_factor: bool = False
) -> str:
    """Start a session; returns the token for the cookie."""
    token = secrets.token_urlsafe(32)
    session.add(
        StaffSession(
            token_hash=token_hash(token),
            staff_id=staff_id,
            address=address,
            user_agent=user_agent[:300],
            awaits_second_factor=awaits_second_factor,
        )
    )
    session.flush()
    return token


def renew_token(session: Session, session_id: int) -> str:
    """A new token for a session whose rights have grown; the cookie of before is worthless. Also completes it."""
    token = secrets.token_urlsafe(32)
    session.execute(
        update(StaffSession)
        .where(StaffSession.id == session_id, StaffSession.ended_at.is_(None))
        .values(token_hash=token_hash(token), awaits_second_factor=False, last_seen_at=func.now())
    )
    return token


def open_sessions(
    session: Session, staff_id: int, this: int, idle_minutes: int, session_hours: int
) -> list[OpenSession]:
    """The sessions of a person that are alive, this one first, then the latest."""
    rows = session.scalars(selects.open_sessions(staff_id, idle_minutes, session_hours, CLOCK_SLACK_SECONDS))
    listed = [
        OpenSession(row.id, device_words(row.user_agent), row.address, row.created_at, row.last_seen_at, row.id == this)
        for row in rows
    ]
    return sorted(listed, key=lambda one: not one.is_this)


def end_session(session: Session, session_id: int, staff_id: int | None = None) -> bool:
    """End one session (of this person only, when given); its cookie is worthless from then on. False: none is open."""
    conditions = [StaffSession.id == session_id, StaffSession.ended_at.is_(None)]
    if staff_id is not None:
        conditions.append(StaffSession.staff_id == staff_id)
    ended = session.execute(
        update(StaffSession).where(*conditions).values(ended_at=func.now()).returning(StaffSession.id)
    )
    return ended.scalar() is not None


def end_all_sessions(session: Session, staff_id: int, keep: int | None = None) -> int:
    """End a person's sessions, but for the one with the id `keep`. Returns how many were open."""
    open_ones = [StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None)]
    if keep is not None:
        open_ones.append(StaffSession.id != keep)
    ended = session.execute(
        update(StaffSession).where(*open_ones).values(ended_at=func.now()).returning(StaffSession.id)
    )
    return len(ended.all())


def touch_session(connection: Connection, session_id: int, older_than_seconds: int) -> None:
    """Note activity, unless that was done within the last `older_than_seconds`."""
    connection.execute(
        update(StaffSession)
        .where(
            StaffSession.id == session_id,
            StaffSession.last_seen_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, older_than_seconds),
        )
        .values(last_seen_at=func.now())
    )


# The first that is found counts: every browser also claims to be some of those further down.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("UCBrowser", "UC Browser"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def device_words(user_agent: str) -> str:
    """`Chrome on Android (SM-A145F)`: what a person recognises his device by."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if not browser and not system:
        return str(_("Another program"))
    words = str(_("%(browser)s on %(system)s", browser=browser, system=system)) if browser and system else ""
    model = re.search(r"Android[^;)]*; ([A-Za-z0-9][A-Za-z0-9 _-]{1,30}?)(?: Build|[;)])", user_agent)
    named = f" ({model[1]})" if model and model[1] != "K" else ""  # Chrome says K for every phone
    return (words or browser or system) + named

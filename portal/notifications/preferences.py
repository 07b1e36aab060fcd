"""How a person wants to be told of each type. Flushes, never commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.notifications import selects
from portal.notifications.models import DAILY, MAIL_CHOICES, NONE, NotificationPreference
from portal.notifications.types import GROUPS, TYPES, NotificationType
from portal.permissions import Role

# Instead of a type in a link that switches mails off: everything that comes in the daily mail.
DIGEST = "digest"


@dataclass(frozen=True)
class Choice:
    """A type and how the person is told of it: by his own choice or by the type's default."""

    name: str
    type: NotificationType
    in_app: bool
    mail: str


def choices(session: Session, staff_id: int, role: Role | str) -> dict[str, list[Choice]]:
    """{group: choices} of the types that concern a role."""
    made = {one.type: one for one in session.scalars(selects.preferences_of(staff_id))}
    grouped: dict[str, list[Choice]] = {}
    for name, one in TYPES.items():
        if one.concerns(role):
            own = made.get(name)
            in_app = one.is_required or (one.in_app if own is None else own.in_app)
            choice = Choice(name, one, in_app, one.mail if own is None else own.mail)
            grouped.setdefault(one.group, []).append(choice)
    return {group: grouped[group] for group in GROUPS if group in grouped}


def save(session: Session, staff_id: int, role: Role | str, wanted: Mapping[str, tuple[bool, str]]) -> int:
    """Store {type: (in the portal, by mail)}; unknown types and choices are left alone. Returns how many changed."""
    changed = 0
    for present in (one for group in choices(session, staff_id, role).values() for one in group):
        in_app, mail = wanted.get(present.name, (present.in_app, present.mail))
        in_app = in_app or present.type.is_required
        if mail not in MAIL_CHOICES or (in_app, mail) == (present.in_app, present.mail):
            continue
        _store(session, staff_id, present.name, in_app, mail)
        changed += 1
    return changed


def back_to_default(session: Session, staff_id: int) -> None:
    """Forget all choices of a person."""
    session.execute(delete(NotificationPreference).where(NotificationPreference.staff_id == staff_id))


def switch_mail_off(session: Session, staff_id: int, role: Role | str, what: str, username: str) -> bool:
    """No more mails of a type, or (DIGEST) of all that come in the daily mail. False: there were none any more.

    The portal itself goes on showing them.
    """
    off = [
        one
        for group in choices(session, staff_id, role).values()
        for one in group
        if (one.mail == DAILY if what == DIGEST else one.name == what and one.mail != NONE)
    ]
    for one in off:
        _store(session, staff_id, one.name, one.in_app, NONE)
    if off:
        after = {"types": [one.name for one in off]}
        record(session, "notifications.unsubscribe", "staff", staff_id, actor=username, staff_id=staff_id, after=after)
    return bool(off)


def _store(session: Session, staff_id: int, name: str, in_app: bool, mail: str) -> None:
    values: dict[str, Any] = {"in_app": in_app, "mail": mail}
    row = insert(NotificationPreference).values(staff_id=staff_id, type=name, **values)
    session.execute(row.on_conflict_do_update(index_elements=["staff_id", "type"], set_=values))

"""What a person does with his notifications: reads them, puts them back, deletes them. Flushes, never commits.

Everything is by the person's own id: another's notification is one that does not exist.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from portal.errors import NotFoundError
from portal.notifications import selects
from portal.notifications.models import Notification
from portal.notifications.selects import CentreFilter


def find(session: Session, staff_id: int, notification_id: int) -> Notification:
    """One of a person's notifications that he may see. Raises NotFoundError."""
    known = 0 < notification_id < 2**63
    found: Notification | None = (
        session.scalar(selects.of_person(staff_id).where(Notification.id == notification_id)) if known else None
    )
    if found is None:
        raise NotFoundError(_("There is no such notification, or it was deleted."))
    return found


def set_read(session: Session, staff_id: int, notification_id: int, is_read: bool) -> None:
    """Mark one as read or unread. Raises NotFoundError."""
    one = find(session, staff_id, notification_id)
    if is_read != (one.read_at is not None):
        one.read_at = dt.datetime.now(dt.UTC) if is_read else None


def read_all(session: Session, staff_id: int, wanted: CentreFilter, up_to: int) -> int:
    """Mark everything of a filter as read, up to the newest one the person has seen. Returns how many."""
    rows = selects.centre(staff_id, wanted).where(Notification.read_at.is_(None), Notification.id <= up_to)
    return _change(session, rows, {"read_at": func.now()})


def delete_one(session: Session, staff_id: int, notification_id: int) -> dt.datetime:
    """Take one out of the centre. Returns the moment, by which it is brought back. Raises NotFoundError."""
    one = find(session, staff_id, notification_id)
    one.deleted_at = moment = dt.datetime.now(dt.UTC)
    return moment


def clear_read(session: Session, staff_id: int, wanted: CentreFilter) -> tuple[int, dt.datetime]:
    """Take everything read of a filter out of the centre. Returns how many, and the moment that undoes it."""
    moment = dt.datetime.now(dt.UTC)
    rows = selects.centre(staff_id, wanted).where(Notification.read_at.is_not(None))
    return _change(session, rows, {"deleted_at": moment}), moment


def restore(session: Session, staff_id: int, moment: dt.datetime) -> int:
    """Bring back what was deleted at a moment. Returns how many."""
    back = (
        update(Notification)
        .where(Notification.staff_id == staff_id, Notification.deleted_at == moment)
        .values(deleted_at=None)
        .returning(Notification.id)
    )
    return len(session.execute(back).all())


def _change(session: Session, rows: selects.Rows, values: dict[str, Any]) -> int:
    ids = rows.with_only_columns(Notification.id, maintain_column_froms=True)
    changed = update(Notification).where(Notification.id.in_(ids.scalar_subquery())).values(**values)
    return len(session.execute(changed.returning(Notification.id)).all())


def prune(session: Session, days: int) -> int:
    """Delete what is older than so many days, read or not. Returns how many."""
    before = func.now() - func.make_interval(0, 0, 0, days)
    old = select(Notification.id).where(Notification.created_at < before).scalar_subquery()
    return len(session.execute(delete(Notification).where(Notification.id.in_(old)).returning(Notification.id)).all())

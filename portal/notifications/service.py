"""Telling people."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.notifications.models import Notification
from portal.notifications.types import TYPES
from portal.web.messages import in_every_language


def notify(
    session: Session,
    type_name: str,
    staff_ids: Iterable[int],
    message: object,
    *,
    event_key: str,
    entity: str = "",
    entity_id: str | int = "",
    url: str = "",
) -> int:
    """Tell people something, in the transaction of what happened. Returns how many were told now.

    `type_name` is a key of `portal.notifications.types.TYPES`; `message` is lazy, it is stored in every language;
    `event_key` names what happened: the same thing is told the same person once. `url` is a path of the portal.
    """
    kind, texts = TYPES[type_name].kind, in_every_language(message)
    rows = [
        {
            "staff_id": staff_id, "type": type_name, "kind": kind, "message": texts, "url": url, "entity": entity,
            "entity_id": str(entity_id), "event_key": event_key,
        }
        for staff_id in sorted(set(staff_ids))
    ]  # fmt: skip
    if not rows:
        return 0
    told = session.execute(insert(Notification).values(rows).on_conflict_do_nothing().returning(Notification.id))
    return len(told.all())

"""Writing the audit log: the only functions that add a line."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert
from sqlalchemy.orm import Session

from portal.audit.models import AuditEntry

SYSTEM = "system"


def record(
    session: Session,
    action: str,
    entity: str,
    entity_id: str | int = "",
    *,
    actor: str = SYSTEM,
    staff_id: int | None = None,
    location_id: int | None = None,
    batch_id: int | None = None,
    address: str = "",
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEntry:
    """Add one line: who (`actor`, `staff_id`) did what (`action`, e.g. `import.commit`) to which thing.

    Goes in with the transaction of the change it describes. `before` and `after` are JSON objects and hold no
    passwords and no consumer's CNIC or mobile number. Words for actions, things and fields: `portal.audit.words`.
    """
    entry = AuditEntry(
        staff_id=staff_id,
        actor=actor,
        action=action,
        entity=entity,
        entity_id=str(entity_id),
        location_id=location_id,
        batch_id=batch_id,
        address=address,
        reason=reason,
        before=before,
        after=after,
    )
    session.add(entry)
    return entry


def record_apart(connection: Connection, action: str, entity: str, entity_id: str | int = "", **line: Any) -> int:
    """The same on a connection of its own (`side_transaction`), for what changes no row: downloads, views, retention.

    `line` is as in `record`. Returns the line's id.
    """
    values = {"actor": SYSTEM, **line, "action": action, "entity": entity, "entity_id": str(entity_id)}
    added = connection.execute(insert(AuditEntry).values(**values).returning(AuditEntry.id))
    return int(added.scalar_one())

"""Who saw whose personal data: at most one line for each person, record and hour, and none of the data in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

VIEW = "personal.view"


class Seen(NamedTuple):
    """A record whose numbers are shown: a unit by survey id, an account by PSID, a report or import by its name."""

    entity: str
    entity_id: str
    location_id: int | None = None


_NOTE = text(
    f"""
    INSERT INTO audit_log (staff_id, actor, action, entity, entity_id, location_id, address)
    SELECT :staff_id, :actor, '{VIEW}', seen.entity, seen.entity_id, seen.location_id, :address
    FROM unnest(cast(:entities AS text[]), cast(:ids AS text[]), cast(:locations AS int[]))
         AS seen(entity, entity_id, location_id)
    WHERE NOT EXISTS (
        SELECT FROM audit_log l
        WHERE l.entity = seen.entity AND l.entity_id = seen.entity_id AND l.staff_id = :staff_id
          AND l.action = '{VIEW}' AND l.at >= date_trunc('hour', now()))"""
)


def note_views(connection: Connection, staff_id: int, actor: str, address: str, seen: Sequence[Seen]) -> int:
    """Add the lines that this hour does not have yet. Returns how many.

    One person's requests queue behind each other here: two at once leave one line.
    """
    if not seen:
        return 0
    key = {"key": f"audit:views:{staff_id}"}
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), key)
    things = list(dict.fromkeys(seen))
    added = connection.execute(
        _NOTE,
        {
            "staff_id": staff_id,
            "actor": actor,
            "address": address,
            "entities": [one.entity for one in things],
            "ids": [one.entity_id for one in things],
            "locations": [one.location_id for one in things],
        },
    )
    return int(added.rowcount)

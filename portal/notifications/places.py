"""Where the thing of a notification lies, so that nobody is told of what he may not see."""

from __future__ import annotations

from sqlalchemy import Text, cast, select
from sqlalchemy.orm import Session

from portal.extensions import Base

# Kind of thing -> its table and the columns that may be its id. Notifications stand below the features that own these
# tables: they are found by name, and a test looks whether each is there.
TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "unit": ("survey_units", ("survey_id",)),
    "account": ("accounts", ("psid",)),
    "visit": ("compliance_visits", ("id",)),
    "correction": ("corrections", ("id",)),
    "ticket": ("tickets", ("id", "number")),
}


def location_of(session: Session, entity: str, entity_id: str) -> int | None:
    """The location of a thing; None for what lies nowhere (a person, a file, a setting), or is not there."""
    if entity not in TABLES or not entity_id:
        return None
    name, keys = TABLES[entity]
    table = Base.metadata.tables[name]
    for key in keys:
        column = table.c[key]
        if key == "id":
            if not (entity_id.isascii() and entity_id.isdecimal() and len(entity_id) < 19):
                continue
            found = session.scalar(select(table.c.location_id).where(column == int(entity_id)))
        else:
            found = session.scalar(select(table.c.location_id).where(cast(column, Text) == entity_id))
        if found is not None:
            return int(found)
    return None

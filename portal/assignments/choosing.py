"""What the form of assigning offers: a few areas and a few agents, and others by their names. Reads only.

A province has thousands of places and hundreds of agents: a list of all of them is found through by nobody, and grows
with every district. Who has few is offered all, as before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from portal.assignments import selects
from portal.locations.models import Location
from portal.permissions import AreaScope
from portal.rollups.remembering import remembered
from portal.staff.models import Staff

MOST_OFFERED = 50
# Of the agents whom neither the area nor words name, where there are many: a phone shows them one below the other.
FEW_OTHERS = 12


@dataclass(frozen=True)
class Offered:
    """Rows to choose from; `has_more`: there are others, which only words (or an area) bring up."""

    rows: list[Any]
    has_more: bool
    words: str = ""


@dataclass(frozen=True)
class OfferedAgent:
    """An agent with what he has. `is_here`: some of his own areas hold, or lie in, what is to be assigned."""

    id: int
    name: str
    areas: tuple[str, ...]
    units: int
    is_here: bool


def places(db: Session, scope: AreaScope, words: str, chosen: int | None) -> Offered:
    """Places that have units and the words in their names; the chosen one among them."""

    def read() -> list[Any]:
        return list(db.execute(selects.places_with_units(scope, None, MOST_OFFERED + 1, words)))

    rows = read() if words else remembered(db, scope, "places_to_assign", MOST_OFFERED, read)
    shown = rows[:MOST_OFFERED]
    if chosen is not None and chosen not in {row.id for row in shown}:
        own = selects.places_with_units(scope, chosen, 1).where(Location.id == chosen)
        shown = [*db.execute(own), *shown]
    return Offered(shown, len(rows) > MOST_OFFERED, words)


def agents(
    db: Session, scope: AreaScope, locations: Sequence[int], words: str, chosen: Collection[int], today: dt.date,
    but: int | None = None,
) -> Offered:  # fmt: skip
    """The agents of these places first, then others by name, `but` one; whoever is chosen stands above all of them."""
    offered = selects.agents_offered(scope, locations, words, MOST_OFFERED + 1)
    found = db.execute(offered.where(Staff.id != but) if but is not None else offered).all()
    rows = list(found[:MOST_OFFERED])
    if len(found) > MOST_OFFERED and not words:
        others = [row.id for row in rows if not row.is_here and row.id not in chosen]
        left_out = set(others[FEW_OTHERS:])
        rows = [row for row in rows if row.id not in left_out]
    missing = set(chosen) - {row.id for row in rows}
    if missing:
        query = selects.agents_offered(scope, locations, "", MOST_OFFERED).where(Staff.id.in_(missing))
        rows = [*db.execute(query), *rows]
    ids = [row.id for row in rows]
    areas: dict[int, list[str]] = {}
    for staff_id, name in db.execute(selects.area_names(ids)) if ids else ():
        areas.setdefault(staff_id, []).append(name)
    load = {row[0]: row[1] for row in db.execute(selects.units_singly(ids, today))} if ids else {}
    people = [
        OfferedAgent(row.id, row.name, tuple(areas.get(row.id, ())[:3]), load.get(row.id, 0), row.is_here)
        for row in rows
    ]
    return Offered(people, len(found) > MOST_OFFERED, words)

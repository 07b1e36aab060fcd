"""Choosing an area step by step: district, tehsil, union council. Reads only.

Each level is a list of its own; the deepest that is chosen counts. Works without a script (the form is sent to show the
next level), and the public's form and the staff's are the same but for where they begin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from portal.locations.models import DISTRICT, Location, LocationClosure
from portal.permissions import AreaScope

DEEPEST = 5


@dataclass(frozen=True)
class Level:
    """One list: (id, name) of what can be chosen, and what is."""

    options: tuple[tuple[int, str], ...]
    chosen: int | None


@dataclass(frozen=True)
class Cascade:
    """The lists from the top down; `area` is the deepest chosen."""

    levels: tuple[Level, ...]

    @property
    def area(self) -> int | None:
        return next((level.chosen for level in reversed(self.levels) if level.chosen is not None), None)


def _name(language: str) -> Any:
    return func.coalesce(Location.name_ur, Location.name) if language == "ur" else Location.name


def options(parent: int | None, scope: AreaScope, language: str) -> Select[*tuple[Any, ...]]:
    """(id, name) of what lies one level below, inside the scope; at the top the scope's own areas (all: districts)."""
    query = select(Location.id, _name(language)).where(Location.deleted_at.is_(None), scope.clause(Location.id))
    if parent is not None:
        query = query.where(Location.parent_id == parent)
    elif scope.is_everywhere:
        query = query.where(Location.kind == DISTRICT)
    else:
        query = query.where(Location.id.in_(scope.location_ids))
    return query.order_by(_name(language), Location.id)


def way_down(session: Session, area: int, scope: AreaScope) -> list[int]:
    """The ids on the way from the top of the scope down to an area: what a form begins with."""
    query = (
        select(LocationClosure.ancestor_id)
        .where(LocationClosure.location_id == area, scope.clause(LocationClosure.ancestor_id))
        .order_by(LocationClosure.depth.desc())
    )
    return list(session.scalars(query))


def cascade(session: Session, scope: AreaScope, chosen: Iterable[int], language: str) -> Cascade:
    """The lists for what is chosen so far; what is not in a list is not chosen. The only area at the top always is."""
    wanted, levels, parent = set(chosen), [], None
    for _depth in range(DEEPEST):
        found = tuple((row[0], row[1]) for row in session.execute(options(parent, scope, language)))
        if not found:
            break
        picked = next((area for area, _text in found if area in wanted), None)
        if picked is None and len(found) == 1 and parent is None:
            picked = found[0][0]
        levels.append(Level(found, picked))
        if picked is None:
            break
        parent = picked
    return Cascade(tuple(levels))

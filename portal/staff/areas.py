"""The location tree as the administration of staff needs it: paths, the way down, and the choice of areas."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from portal.locations.models import Location, LocationClosure
from portal.locations.selects import nodes_named
from portal.permissions import AreaScope
from portal.staff.rules import Area

MOST_AREAS = 100
BIGGEST_ID = 2**31 - 1


@dataclass(frozen=True)
class NamedArea:
    """An area with the names on the way down to it. `has_below`: it can be opened."""

    area: Area
    names: tuple[str, ...]
    kind: str
    has_below: bool = False

    @property
    def id(self) -> int:
        return self.area.id

    @property
    def name(self) -> str:
        return self.names[-1]

    @property
    def text(self) -> str:
        """`Sargodha › Khushab › Khushab`; the province is left out but for itself."""
        return " › ".join(self.names[1:] or self.names)


def _named(language: str) -> Any:
    return func.coalesce(Location.name_ur, Location.name) if language == "ur" else Location.name


def _paths(language: str) -> Select[*tuple[Any, ...]]:
    """(id, kind, [ids down to it], [names down to it], whether something lies below) of locations."""
    above = Location.__table__.alias("above")
    name = func.coalesce(above.c.name_ur, above.c.name) if language == "ur" else above.c.name
    order = LocationClosure.depth.desc()
    below = Location.__table__.alias("below")
    return (
        select(
            Location.id,
            Location.kind,
            func.array_agg(aggregate_order_by(above.c.id, order)),
            func.array_agg(aggregate_order_by(name, order)),
            select(below.c.id).where(below.c.parent_id == Location.id, below.c.deleted_at.is_(None)).exists(),
        )
        .join(LocationClosure, LocationClosure.location_id == Location.id)
        .join(above, above.c.id == LocationClosure.ancestor_id)
        .group_by(Location.id)
    )


def _read(session: Session, query: Select[*tuple[Any, ...]]) -> list[NamedArea]:
    return [
        NamedArea(Area(tuple(path)), tuple(names), kind, has_below)
        for _id, kind, path, names, has_below in session.execute(query)
    ]


def named(session: Session, ids: Collection[int], language: str = "en") -> dict[int, NamedArea]:
    """The areas with these ids, by id; unknown ones are left out."""
    wanted = [one for one in ids if 0 < one <= BIGGEST_ID]
    if not wanted:
        return {}
    return {one.id: one for one in _read(session, _paths(language).where(Location.id.in_(wanted)))}


def inside(session: Session, ids: Collection[int], scope: AreaScope, language: str = "en") -> dict[int, NamedArea]:
    """Of the areas with these ids those that lie inside the scope, by id."""
    found = named(session, ids, language)
    return {key: one for key, one in found.items() if scope.is_everywhere or one.area.lies_in(scope.location_ids)}


def below(session: Session, parent: int | None, scope: AreaScope, language: str = "en") -> list[NamedArea]:
    """The next level inside the scope: what lies in an area, or the top of the reader's own areas."""
    query = _paths(language).where(scope.clause(Location.id), Location.deleted_at.is_(None))
    query = query.order_by(_named(language), Location.id)
    if parent is not None:
        query = query.where(Location.parent_id == parent)
    elif scope.is_everywhere:
        query = query.where(Location.parent_id.is_(None))
    else:
        query = query.where(Location.id.in_(scope.location_ids))
    return _read(session, query)


def matching(
    session: Session, words: str, scope: AreaScope, language: str = "en", kinds: Collection[str] | None = None
) -> list[NamedArea]:
    """The areas inside the scope (of these kinds) whose name holds the words, whole names first; a few only."""
    ids = list(session.scalars(nodes_named(words, scope, kinds)))
    found = named(session, ids, language)
    return [found[one] for one in ids if one in found]


@dataclass(frozen=True)
class Choice:
    """What the picker shows: what is chosen, where one is in the tree, and what can be chosen there."""

    chosen: tuple[NamedArea, ...]
    crumbs: tuple[NamedArea, ...]
    options: tuple[NamedArea, ...]
    words: str = ""

    @property
    def open_id(self) -> int | None:
        return self.crumbs[-1].id if self.crumbs else None


def choice(
    session: Session,
    scope: AreaScope,
    chosen: Iterable[int],
    *,
    opened: int | None = None,
    words: str = "",
    language: str = "en",
    kinds: Collection[str] | None = None,
) -> Choice:
    """The picker's state; words find areas of these kinds only. Areas outside the scope are not among the chosen, nor
    can they be opened."""
    picked = inside(session, list(dict.fromkeys(chosen))[:MOST_AREAS], scope, language)
    if words.strip():
        return Choice(
            tuple(picked.values()), (), tuple(matching(session, words, scope, language, kinds)), words.strip()
        )
    crumbs: tuple[NamedArea, ...] = ()
    if opened is not None:
        here = inside(session, [opened], scope, language).get(opened)
        if here is not None:
            way = inside(session, here.area.path, scope, language)
            crumbs = tuple(way[step] for step in here.area.path if step in way)
    options = below(session, crumbs[-1].id if crumbs else None, scope, language)
    if len(options) == 1 and not crumbs and options[0].has_below:
        # The only thing at the top is open from the start.
        crumbs, options = (options[0],), below(session, options[0].id, scope, language)
    return Choice(tuple(picked.values()), crumbs, tuple(options))

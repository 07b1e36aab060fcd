"""Select statements over the tree and the spellings that wait to be matched. No session here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal_column, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from portal.locations.models import PROVINCE, Location, LocationClosure, Place
from portal.locations.names import match_key
from portal.locations.places import OPEN
from portal.permissions import AreaScope

Rows = Select[*tuple[Any, ...]]
MOST_FOUND = 20


def open_places(scope: AreaScope, text: str = "") -> Rows:
    """(Place, Location) of the spellings that wait, with the node their rows hang on; inside the reader's area.

    Some files name the division and some do not: a place spelled alike in both is listed once (`same_spelling`).
    """
    earlier = aliased(Place)
    query = (
        select(Place, Location)
        .join(Location, Location.id == Place.location_id)
        .where(
            Place.state == OPEN,
            scope.clause(Place.location_id),
            ~exists().where(earlier.id < Place.id, earlier.state == OPEN, *_alike(earlier, Place)),
        )
    )
    key = match_key(text)
    if key:
        spelled = func.concat(Place.district_key, " ", Place.tehsil_key, " ", Place.name_key)
        query = query.where(spelled.contains(key, autoescape=True))
    return query


def _alike(one: Any, other: Any) -> list[ColumnElement[bool]]:
    names = ("location_id", "district_key", "tehsil_key", "name_key", "uc_type")
    return [getattr(one, name) == getattr(other, name) for name in names]


def same_spelling(place_ids: Sequence[int]) -> Rows:
    """(id of the place, id of a place spelled alike that waits too) for each, itself included."""
    other = aliased(Place)
    return (
        select(Place.id, other.id)
        .join(other, and_(*_alike(other, Place)))
        .where(Place.id.in_(place_ids), other.state == OPEN)
    )


def path_names(location_ids: Sequence[int]) -> Rows:
    """(id, "District › Tehsil › Name") of locations, the province left out."""
    above = aliased(Location)
    path = func.string_agg(above.name, aggregate_order_by(literal_column("' › '"), LocationClosure.depth.desc()))
    return (
        select(LocationClosure.location_id, path)
        .join(above, above.id == LocationClosure.ancestor_id)
        .where(LocationClosure.location_id.in_(location_ids), above.kind != PROVINCE)
        .group_by(LocationClosure.location_id)
    )


def all_inside(scope: AreaScope) -> Select[int]:
    """Ids of the locations of an area."""
    return select(LocationClosure.location_id).where(scope.clause(LocationClosure.location_id)).distinct()


def nodes_below(location_id: int, scope: AreaScope) -> Rows:
    """(id, kind, match_key, name) of everything below a node, inside the area."""
    below = select(LocationClosure.location_id).where(
        LocationClosure.ancestor_id == location_id, LocationClosure.depth > 0
    )
    return select(Location.id, Location.kind, Location.match_key, Location.name).where(
        Location.id.in_(below), scope.clause(Location.id), Location.deleted_at.is_(None)
    )


def nodes_named(text: str, scope: AreaScope) -> Rows:
    """Ids of the locations whose name holds the text, inside the area; whole names first."""
    key = match_key(text)
    return (
        select(Location.id)
        .where(
            Location.kind != PROVINCE,
            Location.match_key.contains(key, autoescape=True),
            scope.clause(Location.id),
            Location.deleted_at.is_(None),
        )
        .order_by(Location.match_key != key, func.length(Location.match_key), Location.name, Location.id)
        .limit(MOST_FOUND)
    )


def inside(location_id: int, scope: AreaScope) -> Rows:
    """The location if it lies inside the area."""
    return select(Location).where(Location.id == location_id, scope.clause(Location.id))

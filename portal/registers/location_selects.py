"""Select statements over the tree of locations as its pages need them. No session here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select

from portal.locations.models import Location, LocationClosure, LocationName, Place
from portal.permissions import AreaScope
from portal.registers.placing import BY_HAND
from portal.rollups.models import RollupAccounts, RollupUnits

Rows = Select[*tuple[Any, ...]]
SPELLINGS = 100


def children(location_id: int | None, scope: AreaScope, given_up: bool = False) -> Select[Location]:
    """What lies in a location, or the top of the reader's own areas; those given up instead when asked for."""
    query = select(Location).where(scope.clause(Location.id)).order_by(Location.name, Location.id)
    query = query.where(Location.deleted_at.is_not(None) if given_up else Location.deleted_at.is_(None))
    if location_id is not None:
        return query.where(Location.parent_id == location_id)
    if scope.is_everywhere:
        return query.where(Location.parent_id.is_(None))
    return query.where(Location.id.in_(scope.location_ids))


def units_below(location_ids: Sequence[int]) -> Rows:
    """(location, units) of locations with all below them."""
    return _below(location_ids, RollupUnits, func.sum(RollupUnits.surveyed))


def accounts_below(location_ids: Sequence[int]) -> Rows:
    """(location, accounts) of locations with all below them."""
    return _below(location_ids, RollupAccounts, func.sum(RollupAccounts.accounts))


def _below(location_ids: Sequence[int], table: Any, total: Any) -> Rows:
    return (
        select(LocationClosure.ancestor_id, total)
        .join(table, table.location_id == LocationClosure.location_id)
        .where(LocationClosure.ancestor_id.in_(location_ids))
        .group_by(LocationClosure.ancestor_id)
    )


def names(location_id: int) -> Rows:
    """(LocationName, name of what it is a name in) of the other names of a location."""
    return (
        select(LocationName, Location.name)
        .join(Location, Location.id == LocationName.parent_id)
        .where(LocationName.location_id == location_id)
        .order_by(LocationName.name, LocationName.id)
    )


def spellings(location_id: int) -> Select[Place]:
    """The places of files that stand for a location; not the one for what people put there."""
    return (
        select(Place)
        .where(Place.location_id == location_id, Place.name_key.not_like(f"{BY_HAND}%"))
        .order_by(Place.name, Place.id)
        .limit(SPELLINGS)
    )

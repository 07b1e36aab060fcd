"""Queries of staff, sessions and areas. No session, no side effect."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by

from portal.locations.models import Location, LocationClosure
from portal.staff.models import Staff, StaffArea, StaffSession


def signed_in(token_hash: str, idle_minutes: int) -> Select[*tuple[Any, ...]]:
    """The live session with this token, its person and his areas, in one row; no row when it ended or lay idle."""
    name_ur = func.coalesce(Location.name_ur, Location.name)
    areas = (
        select(
            func.array_agg(aggregate_order_by(Location.id, Location.id)).label("ids"),
            func.array_agg(aggregate_order_by(Location.name, Location.id)).label("names"),
            func.array_agg(aggregate_order_by(name_ur, Location.id)).label("names_ur"),
            func.bool_or(Location.parent_id.is_(None)).label("whole_province"),
        )
        .join(StaffArea, StaffArea.location_id == Location.id)
        .where(StaffArea.staff_id == Staff.id)
        .lateral("areas")
    )
    return (
        select(
            StaffSession.id.label("session_id"),
            func.extract("epoch", func.now() - StaffSession.last_seen_at).label("idle_seconds"),
            Staff.id,
            Staff.username,
            Staff.full_name,
            Staff.role,
            Staff.language,
            Staff.theme,
            areas.c.ids,
            areas.c.names,
            areas.c.names_ur,
            areas.c.whole_province,
        )
        .join(Staff, Staff.id == StaffSession.staff_id)
        .join(areas, text("true"))
        .where(
            StaffSession.token_hash == token_hash,
            StaffSession.ended_at.is_(None),
            Staff.is_active,
            StaffSession.last_seen_at > func.now() - func.make_interval(0, 0, 0, 0, 0, idle_minutes),
        )
    )


def by_username(username: str) -> Select[*tuple[Any, ...]]:
    """The person with this user name, whatever its case."""
    return select(Staff).where(func.lower(Staff.username) == username.strip().lower())


def staff_list() -> Select[*tuple[Any, ...]]:
    """Everybody with role, state and the names of his areas."""
    areas = func.string_agg(Location.name, aggregate_order_by(text("'; '"), Location.name))
    return (
        select(
            Staff.id,
            Staff.username,
            Staff.full_name,
            Staff.role,
            Staff.is_active,
            func.coalesce(areas, "").label("areas"),
        )
        .outerjoin(StaffArea, StaffArea.staff_id == Staff.id)
        .outerjoin(Location, Location.id == StaffArea.location_id)
        .group_by(Staff.id)
        .order_by(Staff.username)
    )


def places_named(key: str, below: int | None) -> Select[*tuple[Any, ...]]:
    """Locations with this folded name; anywhere, or below a location (at any depth)."""
    query = select(Location).where(Location.match_key == key).order_by(Location.id)
    if below is not None:
        inside = select(LocationClosure.location_id).where(
            LocationClosure.ancestor_id == below, LocationClosure.depth > 0
        )
        query = query.where(Location.id.in_(inside))
    return query

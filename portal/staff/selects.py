"""Queries of staff, sessions and areas. No session, no side effect."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, bindparam, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by

from portal.audit.models import AuditEntry
from portal.locations.models import Location, LocationClosure
from portal.settings.models import SettingChange
from portal.staff.models import Staff, StaffArea, StaffSession


def display_name(person: Any = Staff) -> Any:
    """A person (or an alias of `Staff`) as colleagues call him: the full name, else the user name."""
    return func.coalesce(func.nullif(person.full_name, ""), person.username)


def _alive(idle_minutes: int, session_hours: int, slack_seconds: int) -> tuple[ColumnElement[bool], ...]:
    """Sessions that nobody ended, that did not lie idle too long and are not too old, nor of the future.

    A time in the future means that the clock was set back: how old the session is, nobody knows any more.
    """
    now, slack = func.now(), func.make_interval(0, 0, 0, 0, 0, 0, slack_seconds)
    return (
        StaffSession.ended_at.is_(None),
        StaffSession.last_seen_at > now - func.make_interval(0, 0, 0, 0, 0, idle_minutes),
        StaffSession.last_seen_at <= now + slack,
        StaffSession.created_at > now - func.make_interval(0, 0, 0, 0, session_hours),
    )


@lru_cache(maxsize=8)
def signed_in(
    idle_minutes: int, session_hours: int, half_open_minutes: int, slack_seconds: int, unread: Any = None
) -> Select[*tuple[Any, ...]]:
    """The live session with the token hashed as `:token_hash`, its person and his areas, in one row; no row when it
    ended, lay idle or is old.

    A session that awaits its second factor lives for `half_open_minutes` only. Every request asks this, so the
    statement is put together once for the settings in force: that took longer than its answer. `unread` is a column of
    the person's row that counts what he has not read; none counts nothing.
    """
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
            func.extract("epoch", func.now() - StaffSession.created_at).label("age_seconds"),
            StaffSession.awaits_second_factor,
            Staff.must_change_password,
            Staff.totp_confirmed_at.is_not(None).label("has_second_factor"),
            select(func.max(SettingChange.id)).scalar_subquery().label("settings_version"),
            (literal(0) if unread is None else unread).label("unread"),
            Staff.id,
            Staff.username,
            Staff.full_name,
            Staff.email,
            Staff.role,
            Staff.language,
            Staff.theme,
            Staff.low_data,
            areas.c.ids,
            areas.c.names,
            areas.c.names_ur,
            areas.c.whole_province,
        )
        .join(Staff, Staff.id == StaffSession.staff_id)
        .join(areas, text("true"))
        .where(
            StaffSession.token_hash == bindparam("token_hash", type_=Text),
            Staff.is_active,
            *_alive(idle_minutes, session_hours, slack_seconds),
            or_(
                ~StaffSession.awaits_second_factor,
                StaffSession.created_at > func.now() - func.make_interval(0, 0, 0, 0, 0, half_open_minutes),
            ),
        )
    )


def has_signed_in_before(staff_id: int) -> Select[*tuple[Any, ...]]:
    """Whether a person had signed in before the present transaction: sessions are forgotten, the log remembers."""
    session = select(StaffSession.id).where(StaffSession.staff_id == staff_id, StaffSession.created_at < func.now())
    noted = select(AuditEntry.id).where(
        AuditEntry.staff_id == staff_id, AuditEntry.action == "staff.sign_in", AuditEntry.at < func.now()
    )
    return select(or_(session.exists(), noted.exists()))


def open_sessions(
    staff_id: int, idle_minutes: int, session_hours: int, slack_seconds: int
) -> Select[*tuple[StaffSession]]:
    """The live sessions of a person, the latest first."""
    return (
        select(StaffSession)
        .where(
            StaffSession.staff_id == staff_id,
            ~StaffSession.awaits_second_factor,
            *_alive(idle_minutes, session_hours, slack_seconds),
        )
        .order_by(StaffSession.last_seen_at.desc(), StaffSession.id.desc())
    )


def by_username(username: str) -> Select[*tuple[Any, ...]]:
    """The person with this user name, whatever its case."""
    return select(Staff).where(func.lower(Staff.username) == username.strip().lower())


def by_name_or_email(typed: str) -> Select[*tuple[Any, ...]]:
    """The active person with this user name or e-mail address, whatever its case; a user name goes before."""
    wanted = typed.strip().lower()
    is_name = func.lower(Staff.username) == wanted
    return (
        select(Staff)
        .where(or_(is_name, func.lower(Staff.email) == wanted), Staff.is_active)
        .order_by(is_name.desc())
        .limit(1)
    )


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
    query = select(Location).where(Location.match_key == key, Location.deleted_at.is_(None)).order_by(Location.id)
    if below is not None:
        inside = select(LocationClosure.location_id).where(
            LocationClosure.ancestor_id == below, LocationClosure.depth > 0
        )
        query = query.where(Location.id.in_(inside))
    return query

"""Queries of the audit log as it is read. No session here.

Who sees which lines: the head office (HEAD with the whole province) all of them. Everybody else: lines about places
and records of his area, whoever wrote them; and lines without a place that his people left, or that are about his
people. His people are himself and everybody of a lower role whose areas all lie within his own. Lines about anybody
else's account are not his, wherever that person works: they hold names and addresses.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ARRAY, ColumnElement, Select, Text, and_, cast, func, literal, or_, select, true
from sqlalchemy.types import Integer

from portal.audit.models import AuditEntry
from portal.audit.words import ACTIONS, DOWNLOADS, ENTITIES, LOG, PERSONAL, SIGNING_IN, actions_of
from portal.locations.models import Location, LocationClosure
from portal.permissions import AreaScope, Role
from portal.staff.models import Staff
from portal.staff.people import administered
from portal.trail.filters import SYSTEM, TrailFilter
from portal.web.columns import Column, Kind
from portal.web.format import KARACHI

Rows = Select[*tuple[Any, ...]]

# The groups of actions that the activity feed leaves to the audit log.
UNTOLD = (SIGNING_IN, DOWNLOADS, PERSONAL, LOG)


@dataclass(frozen=True)
class Reader:
    """Whose view of the log: None for all places, all people."""

    locations: tuple[int, ...] | None
    people: tuple[int, ...] | None

    @property
    def sees_all(self) -> bool:
        return self.people is None


def people(scope: AreaScope, role: Role, staff_id: int) -> Rows:
    """Ids of a reader's people: himself, and those of a lower role whose areas all lie within his."""
    roles = tuple(Role)
    return select(Staff.id).where(or_(Staff.id == staff_id, administered(scope, roles[: roles.index(role)])))


def locations(scope: AreaScope, area: int | None = None) -> Rows:
    """Ids of the locations of a scope, or of an area within it."""
    query = select(LocationClosure.location_id).where(scope.clause(LocationClosure.location_id)).distinct()
    return query if area is None else query.where(LocationClosure.ancestor_id == area)


def _among(column: Any, values: Sequence[Any], kind: Any) -> ColumnElement[bool]:
    # As one literal array, so that the planner can count them and an index can be asked.
    result: ColumnElement[bool] = column == func.any(cast(list(values), ARRAY(kind)))
    return result


def visible(reader: Reader) -> ColumnElement[bool]:
    """The condition that a reader sees a line."""
    if reader.people is None:
        return true()
    in_area = (
        AuditEntry.location_id.is_not(None)
        if reader.locations is None
        else _among(AuditEntry.location_id, reader.locations, Integer)
    )
    ids = [str(one) for one in reader.people]
    by_his_people = and_(AuditEntry.location_id.is_(None), _among(AuditEntry.staff_id, reader.people, Integer))
    about_them = and_(
        AuditEntry.location_id.is_(None), AuditEntry.entity == "staff", _among(AuditEntry.entity_id, ids, Text)
    )
    not_of_others = or_(
        AuditEntry.entity != "staff",
        _among(AuditEntry.entity_id, ids, Text),
        _among(AuditEntry.staff_id, reader.people, Integer),
    )
    return or_(and_(in_area, not_of_others), by_his_people, about_them)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), KARACHI)


def lines(wanted: TrailFilter, reader: Reader, places: Sequence[int] | None, staff_key: int | None) -> Select[Any]:
    """The lines of a filter that a reader sees, in no order.

    `places` are the locations of the filter's area; `staff_key` the person whose user name the filter's id is.
    """
    query = select(AuditEntry).where(visible(reader))
    if wanted.who is not None:
        query = query.where(
            AuditEntry.staff_id.is_(None) if wanted.who == SYSTEM else AuditEntry.staff_id == wanted.who
        )
    if wanted.group:
        query = query.where(AuditEntry.action.in_(actions_of(wanted.group)))
    if wanted.entity:
        query = query.where(AuditEntry.entity == wanted.entity)
    if places is not None:
        query = query.where(_among(AuditEntry.location_id, places, Integer))
    if wanted.first_day:
        query = query.where(AuditEntry.at >= _midnight(wanted.first_day))
    if wanted.last_day:
        query = query.where(AuditEntry.at < _midnight(wanted.last_day + dt.timedelta(days=1)))
    if wanted.key:
        named = AuditEntry.entity_id == wanted.key
        if staff_key is not None:
            named = or_(named, and_(AuditEntry.entity == "staff", AuditEntry.entity_id == str(staff_key)))
        # The kinds are named, since the index on the id begins with them.
        kinds = [wanted.entity] if wanted.entity else list(ENTITIES)
        query = query.where(AuditEntry.entity.in_(kinds), named)
    return query


def of_activity(query: Select[Any]) -> Select[Any]:
    """Of the lines of a query those that tell of work: no sign-ins, downloads, looks at personal data."""
    return query.where(AuditEntry.action.not_in([action for group in UNTOLD for action in actions_of(group)]))


def counted(query: Select[Any], at_most: int) -> Rows:
    """How many lines a query has, looking at no more than `at_most`."""
    found = query.with_only_columns(literal(1), maintain_column_froms=True).limit(at_most)
    return select(func.count()).select_from(found.subquery())


def staff_named(username: str) -> Rows:
    """The id of the person with a user name."""
    return select(Staff.id).where(func.lower(Staff.username) == username.lower())


def staff_by_ids(ids: Sequence[int] | None) -> Rows:
    """(id, user name, full name) of people, by user name; None for everybody."""
    query = select(Staff.id, Staff.username, Staff.full_name).order_by(Staff.username)
    return query if ids is None else query.where(Staff.id.in_(ids))


def places_by_ids(ids: Sequence[int]) -> Rows:
    """(id, name, Urdu name or name) of locations."""
    return select(Location.id, Location.name, func.coalesce(Location.name_ur, Location.name)).where(
        Location.id.in_(ids)
    )


def area(location_id: int, scope: AreaScope) -> Rows:
    """(id, name, parent) of a location inside the scope."""
    return select(Location.id, Location.name, Location.parent_id).where(
        Location.id == location_id, scope.clause(Location.id)
    )


def area_and_above(location_id: int, scope: AreaScope) -> Rows:
    """(id, name) of a location and of the one above it, what is inside the scope of the two."""
    above = select(Location.parent_id).where(Location.id == location_id).scalar_subquery()
    return select(Location.id, Location.name).where(
        or_(Location.id == location_id, Location.id == above), scope.clause(Location.id)
    )


def areas_below(parent: int | None, scope: AreaScope) -> Rows:
    """(id, name): the children of a location, or the top of the reader's own areas."""
    query = select(Location.id, Location.name).where(scope.clause(Location.id), Location.deleted_at.is_(None))
    query = query.order_by(Location.name, Location.id)
    if parent is not None:
        return query.where(Location.parent_id == parent)
    if scope.is_everywhere:
        return query.where(
            Location.parent_id == select(Location.id).where(Location.parent_id.is_(None)).scalar_subquery()
        )
    return query.where(Location.id.in_(scope.location_ids))


COLUMNS = [
    Column("at", _l("Time"), Kind.DATETIME),
    Column("actor", _l("Who"), width=18),
    Column("full_name", _l("Name"), width=24),
    Column("action", _l("What"), Kind.CODE, 26, {code: words.title for code, words in ACTIONS.items()}, in_words=True),
    Column("code", _l("Code of the action"), Kind.CODE, 22),
    Column("entity", _l("Kind of thing"), Kind.CODE, 14, ENTITIES, in_words=True),
    Column("entity_id", _l("Id"), Kind.IDENTIFIER),
    Column("place", _l("Place"), width=26),
    Column("batch_id", _l("Import"), Kind.NUMBER),
    Column("address", _l("From address"), width=16),
    Column("reason", _l("Reason"), width=30),
    Column("before", _l("Before"), width=50),
    Column("after", _l("After"), width=70),
]


def download(query: Select[Any], may_see: bool) -> Rows:
    """The same lines with names, for a file, newest first. Personal fields are left out for who may not see them."""
    hidden = cast(["cnic", "cnic_text", "mobile", "mobile_text", "email"], ARRAY(Text))

    def shown(column: Any) -> Any:
        return cast(column if may_see else column.op("-")(hidden), Text)

    return (
        query.outerjoin(Staff, Staff.id == AuditEntry.staff_id)
        .outerjoin(Location, Location.id == AuditEntry.location_id)
        .with_only_columns(
            AuditEntry.at.label("at"),
            AuditEntry.actor.label("actor"),
            Staff.full_name.label("full_name"),
            AuditEntry.action.label("action"),
            AuditEntry.action.label("code"),
            AuditEntry.entity.label("entity"),
            AuditEntry.entity_id.label("entity_id"),
            Location.name.label("place"),
            AuditEntry.batch_id.label("batch_id"),
            AuditEntry.address.label("address"),
            AuditEntry.reason.label("reason"),
            shown(AuditEntry.before).label("before"),
            shown(AuditEntry.after).label("after"),
        )
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    )

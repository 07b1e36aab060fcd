"""Queries of notifications: whom to tell how, what a person sees, what waits for the daily mail. No session."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, Text, all_, and_, false, func, literal, or_, select, true
from sqlalchemy.orm import aliased

from portal.locations.models import LocationClosure
from portal.mail.models import RefusedAddress
from portal.notifications.models import DAILY, Notification, NotificationPreference
from portal.notifications.types import GROUPS, TYPES, hidden_from, types_of
from portal.permissions import Role
from portal.staff.models import Staff, StaffArea

Rows = Select[*tuple[Any, ...]]

# The bell counts no further: more is more.
MOST_COUNTED = 100


@dataclass(frozen=True)
class CentreFilter:
    """What the notification centre is narrowed to; '' is everything."""

    unread: bool = False
    group: str = ""
    kind: str = ""
    entity: str = ""
    entity_id: str = ""

    @property
    def is_empty(self) -> bool:
        return self == CentreFilter()


def covers(location: Any, staff_id: Any) -> ColumnElement[bool]:
    """The condition that a person's area covers a location."""
    return (
        select(StaffArea.staff_id)
        .join(LocationClosure, LocationClosure.ancestor_id == StaffArea.location_id)
        .where(StaffArea.staff_id == staff_id, LocationClosure.location_id == location)
        .exists()
    )


def visible(staff: Any = Staff) -> ColumnElement[bool]:
    """The condition that a person (a row of `staff` beside it) may see a notification of his as he is now.

    His areas or his role may be others than when he was told.
    """
    # As arrays, not as lists: every request asks this, and a list is put into the statement anew each time.
    of_role = [
        and_(staff.role == str(role), Notification.type != all_(literal(sorted(hidden), ARRAY(Text))))
        if hidden
        else staff.role == str(role)
        for role in Role
        for hidden in [hidden_from(role)]
    ]
    in_area = or_(Notification.location_id.is_(None), covers(Notification.location_id, Notification.staff_id))
    return and_(or_(*of_role), in_area)


def _in_centre(staff: Any = Staff) -> tuple[Any, ...]:
    return (Notification.shown, Notification.deleted_at.is_(None), visible(staff))


def unread_count() -> Any:
    """How many unread notifications the person of a query of `Staff` has, as one of its columns."""
    rows = (
        select(Notification.id)
        .where(Notification.staff_id == Staff.id, Notification.read_at.is_(None), *_in_centre())
        .limit(MOST_COUNTED)
        .correlate(Staff)
        .subquery("unread")
    )
    return select(func.count()).select_from(rows).correlate(Staff).scalar_subquery()


def recipients(staff_ids: Collection[int], type_name: str, location_id: int | None) -> Rows:
    """Those of the people who may be told of a type at a place, with their own choice (NULL: none made).

    (id, role, in the portal, by mail, whether he has an address that takes mail), lowest id first.
    """
    one = TYPES[type_name]
    roles = [str(role) for role in Role if one.concerns(role)]
    choice = aliased(NotificationPreference)
    can_mail = and_(Staff.email.is_not(None), Staff.email != "", RefusedAddress.address.is_(None))
    return (
        select(Staff.id, choice.in_app, choice.mail, can_mail.label("can_mail"))
        .outerjoin(choice, and_(choice.staff_id == Staff.id, choice.type == type_name))
        .outerjoin(RefusedAddress, RefusedAddress.address == func.lower(Staff.email))
        .where(
            Staff.id.in_(sorted(set(staff_ids))),
            Staff.is_active,
            Staff.role.in_(roles),
            true() if location_id is None else covers(location_id, Staff.id),
        )
        .order_by(Staff.id)
    )


def of_person(staff_id: int) -> Rows:
    """Everything that stands in a person's centre, in no order."""
    return (
        select(Notification)
        .join(Staff, Staff.id == Notification.staff_id)
        .where(Notification.staff_id == staff_id, *_in_centre())
    )


def _matching(wanted: CentreFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.unread:
        conditions.append(Notification.read_at.is_(None))
    if wanted.group:
        conditions.append(Notification.type.in_(types_of(wanted.group)) if wanted.group in GROUPS else false())
    if wanted.kind:
        conditions.append(Notification.kind == wanted.kind)
    if wanted.entity:
        conditions.append(Notification.entity == wanted.entity)
    if wanted.entity_id:
        conditions.append(Notification.entity_id == wanted.entity_id)
    return conditions


def centre(staff_id: int, wanted: CentreFilter) -> Rows:
    """A person's notifications, narrowed, in no order."""
    return of_person(staff_id).where(*_matching(wanted))


def waiting_for_digest(before: dt.datetime, staff_id: int | None = None) -> Rows:
    """Notifications of before a moment that wait for the daily mail."""
    query = select(Notification).where(
        Notification.mail == DAILY, Notification.mailed_at.is_(None), Notification.created_at < before
    )
    return query if staff_id is None else query.where(Notification.staff_id == staff_id)


def preferences_of(staff_id: int) -> Rows:
    """The choices a person has made."""
    return select(NotificationPreference).where(NotificationPreference.staff_id == staff_id)

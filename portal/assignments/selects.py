"""Queries of assignments: whose work a unit is, what an agent has, who may be given what. No session."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, true, union
from sqlalchemy.orm import aliased

from portal.assignments.models import Assignment
from portal.assignments.standing import standing_of, word_of
from portal.billing.models import Account, AccountBalance
from portal.locations.models import Location, LocationClosure
from portal.permissions import AreaScope, Role
from portal.rollups.models import RollupAccounts, RollupUnits
from portal.staff.models import Staff, StaffArea
from portal.staff.selects import display_name
from portal.units.models import SurveyUnit

Rows = Select[*tuple[Any, ...]]
NAME = display_name()


def in_force(on_day: dt.date) -> ColumnElement[bool]:
    """The condition that an assignment holds on a day."""
    return and_(Assignment.valid_from <= on_day, or_(Assignment.valid_to.is_(None), Assignment.valid_to >= on_day))


def overlaps(first: Any, last: dt.date | None) -> ColumnElement[bool]:
    """The condition that an assignment holds on some day of a period (`last` None: without end)."""
    is_real = or_(Assignment.valid_to.is_(None), Assignment.valid_to >= Assignment.valid_from)
    reaches = or_(Assignment.valid_to.is_(None), Assignment.valid_to >= first)
    return and_(is_real, reaches, Assignment.valid_from <= last if last is not None else true())


# -- Whose is what ---------------------------------------------------------------------------------------------------
def assigned_units(staff_id: int, on_day: dt.date) -> Select[Any]:
    """Ids of the units assigned to a person on a day, singly or with their area."""
    mine = and_(Assignment.staff_id == staff_id, in_force(on_day))
    singly = select(Assignment.unit_id.label("unit_id")).where(mine, Assignment.unit_id.is_not(None))
    with_area = (
        select(SurveyUnit.id)
        .join(LocationClosure, LocationClosure.location_id == SurveyUnit.location_id)
        .join(Assignment, Assignment.area_id == LocationClosure.ancestor_id)
        .where(mine)
    )
    both = union(singly, with_area).subquery("of_agent")
    return select(both.c.unit_id)


def agents_of(unit_id: Any, location_id: Any, on_day: Any) -> Rows:
    """(Assignment, name of the agent, name of the area or NULL) that make a unit somebody's work from a day on."""
    area = aliased(Location)
    above = select(LocationClosure.ancestor_id).where(LocationClosure.location_id == location_id).correlate(SurveyUnit)
    return (
        select(Assignment, NAME.label("agent"), area.name.label("area"))
        .select_from(Assignment)
        .join(Staff, Staff.id == Assignment.staff_id)
        .outerjoin(area, area.id == Assignment.area_id)
        .where(
            or_(Assignment.unit_id == unit_id, Assignment.area_id.in_(above)),
            overlaps(on_day, None),
        )
        .order_by(Assignment.valid_from, Assignment.id)
    )


# -- Agents ----------------------------------------------------------------------------------------------------------
def reaches(scope: AreaScope) -> ColumnElement[bool]:
    """The condition that a person's areas and the reader's have something in common."""
    if scope.is_everywhere:
        return true()
    below = select(LocationClosure.location_id).where(LocationClosure.ancestor_id.in_(scope.location_ids))
    above = select(LocationClosure.ancestor_id).where(LocationClosure.location_id.in_(scope.location_ids))
    areas = select(StaffArea.staff_id).where(or_(StaffArea.location_id.in_(below), StaffArea.location_id.in_(above)))
    return Staff.id.in_(areas)


def agents(scope: AreaScope) -> Rows:
    """(id, name, is_active) of the agents of the reader's areas who work, or left and still have something."""
    has_work = select(Assignment.id).where(Assignment.staff_id == Staff.id, overlaps(func.current_date(), None))
    return select(Staff.id, NAME.label("name"), Staff.username, Staff.is_active).where(
        Staff.role == Role.AGENT, or_(Staff.is_active, has_work.exists()), reaches(scope)
    )


def agents_offered(scope: AreaScope, location_ids: Sequence[int], words: str, limit: int) -> Rows:
    """(id, name, is_here) of the agents who work and whose name holds the words; those first whose own areas hold, or
    lie in, one of the locations."""
    above = select(LocationClosure.ancestor_id).where(LocationClosure.location_id.in_(location_ids))
    below = select(LocationClosure.location_id).where(LocationClosure.ancestor_id.in_(location_ids))
    areas = or_(StaffArea.location_id.in_(above), StaffArea.location_id.in_(below))
    here: ColumnElement[bool] = Staff.id.in_(select(StaffArea.staff_id).where(areas)) if location_ids else false()
    query = select(Staff.id, NAME.label("name"), here.label("is_here")).where(
        Staff.role == Role.AGENT, Staff.is_active, reaches(scope)
    )
    for word in words.split():
        query = query.where(
            or_(Staff.full_name.icontains(word, autoescape=True), Staff.username.icontains(word, autoescape=True))
        )
    # PostgreSQL orders by no constant.
    order = [here.desc(), NAME, Staff.id] if location_ids else [NAME, Staff.id]
    return query.order_by(*order).limit(limit)


def agent(staff_id: int, scope: AreaScope) -> Rows:
    """(id, name, is_active) of one agent, if the reader's areas and his have something in common."""
    return select(Staff.id, NAME.label("name"), Staff.username, Staff.is_active).where(
        Staff.id == staff_id, Staff.role == Role.AGENT, reaches(scope)
    )


def covered(staff_ids: Sequence[int], location_ids: Sequence[int]) -> Rows:
    """(staff_id, location_id): which of these locations lie in which agent's own areas."""
    return (
        select(StaffArea.staff_id, LocationClosure.location_id)
        .join(LocationClosure, LocationClosure.ancestor_id == StaffArea.location_id)
        .where(StaffArea.staff_id.in_(staff_ids), LocationClosure.location_id.in_(location_ids))
        .distinct()
    )


def area_names(staff_ids: Sequence[int]) -> Rows:
    """(staff_id, name of an area of his)."""
    return (
        select(StaffArea.staff_id, Location.name)
        .join(Location, Location.id == StaffArea.location_id)
        .where(StaffArea.staff_id.in_(staff_ids))
        .order_by(Location.name)
    )


# -- Load ------------------------------------------------------------------------------------------------------------
def load_of_units(staff_ids: Sequence[int], on_day: dt.date) -> Rows:
    """(staff_id, units, unpaid) of the units assigned singly."""
    owes = (
        select(AccountBalance.account_id)
        .join(Account, Account.id == AccountBalance.account_id)
        .where(Account.unit_id == Assignment.unit_id, Account.deleted_at.is_(None), AccountBalance.unpaid_bills > 0)
        .exists()
    )
    return (
        select(Assignment.staff_id, func.count(), func.count().filter(owes))
        .where(Assignment.staff_id.in_(staff_ids), Assignment.unit_id.is_not(None), in_force(on_day))
        .group_by(Assignment.staff_id)
    )


def units_singly(staff_ids: Sequence[int], on_day: dt.date) -> Rows:
    """(staff_id, units): how many units are assigned to each singly."""
    return (
        select(Assignment.staff_id, func.count())
        .where(Assignment.staff_id.in_(staff_ids), Assignment.unit_id.is_not(None), in_force(on_day))
        .group_by(Assignment.staff_id)
    )


def load_of_areas(staff_ids: Sequence[int], on_day: dt.date) -> Rows:
    """(staff_id, areas, units, unpaid) of the areas assigned, from the rollups; each location once."""
    mine = (
        select(Assignment.staff_id, LocationClosure.location_id)
        .join(LocationClosure, LocationClosure.ancestor_id == Assignment.area_id)
        .where(Assignment.staff_id.in_(staff_ids), in_force(on_day))
        .distinct()
        .subquery("mine")
    )
    number = (
        select(func.count())
        .where(Assignment.staff_id == mine.c.staff_id, Assignment.area_id.is_not(None), in_force(on_day))
        .correlate(mine)
        .scalar_subquery()
    )
    units = (
        select(func.coalesce(func.sum(RollupUnits.surveyed), 0))
        .where(RollupUnits.location_id == mine.c.location_id)
        .scalar_subquery()
    )
    unpaid = (
        select(func.coalesce(func.sum(RollupAccounts.accounts), 0))
        .where(RollupAccounts.location_id == mine.c.location_id, RollupAccounts.unpaid_bills > 0)
        .scalar_subquery()
    )
    each = select(mine.c.staff_id, number.label("areas"), units.label("units"), unpaid.label("unpaid")).subquery("each")
    return select(each.c.staff_id, func.max(each.c.areas), func.sum(each.c.units), func.sum(each.c.unpaid)).group_by(
        each.c.staff_id
    )


def of_agent(staff_id: int, scope: AreaScope, on_day: dt.date) -> Rows:
    """(area name or NULL, location id, first day, last day, number, ids): an agent's assignments that hold or will,
    inside the reader's areas; units of one place and period in one row."""
    place = func.coalesce(SurveyUnit.location_id, Assignment.area_id)
    is_area = Assignment.area_id.is_not(None)
    return (
        select(
            Location.name,
            Location.id.label("location_id"),
            is_area.label("is_area"),
            Assignment.valid_from,
            Assignment.valid_to,
            func.count().label("number"),
            func.min(Assignment.id).label("first_id"),
        )
        .select_from(Assignment)
        .outerjoin(SurveyUnit, SurveyUnit.id == Assignment.unit_id)
        .join(Location, Location.id == place)
        .where(Assignment.staff_id == staff_id, overlaps(on_day, None), scope.clause(place))
        .group_by(Location.id, is_area, Assignment.valid_from, Assignment.valid_to)
        .order_by(is_area.desc(), Location.name, Assignment.valid_from)
    )


def open_rows(staff_id: int, scope: AreaScope, on_day: dt.date) -> Rows:
    """(id, unit_id, location of the unit or area, first day, last day) of what an agent has from a day on, inside the
    actor's areas."""
    place = func.coalesce(SurveyUnit.location_id, Assignment.area_id)
    return (
        select(
            Assignment.id,
            Assignment.unit_id,
            place.label("location_id"),
            Assignment.valid_from,
            Assignment.valid_to,
        )
        .outerjoin(SurveyUnit, SurveyUnit.id == Assignment.unit_id)
        .where(Assignment.staff_id == staff_id, overlaps(on_day, None), scope.clause(place))
        .order_by(place, Assignment.unit_id)
    )


# -- Units to assign -------------------------------------------------------------------------------------------------
def candidates(
    scope: AreaScope,
    *,
    area: int | None = None,
    survey_ids: Sequence[str] = (),
    standing: str | None = None,
    use: str | None = None,
    free_on: dt.date | None = None,
    limit: int,
) -> Rows:
    """(id, location_id) of units by area and filter, or by survey ids; in the order of places, as they were surveyed.

    `free_on`: only those that are nobody's on that day, neither singly nor with an area.
    """
    query = select(SurveyUnit.id, SurveyUnit.location_id).where(
        SurveyUnit.deleted_at.is_(None), scope.clause(SurveyUnit.location_id)
    )
    if area is not None:
        inside = select(LocationClosure.location_id).where(LocationClosure.ancestor_id == area)
        query = query.where(SurveyUnit.location_id.in_(inside))
    if survey_ids:
        query = query.where(SurveyUnit.survey_id.in_(survey_ids))
    if use:
        query = query.where(SurveyUnit.use == use)
    if standing:
        bills = standing_of(SurveyUnit.id)
        query = query.join(bills, true()).where(word_of(bills) == standing)
    if free_on is not None:
        singly = select(Assignment.id).where(Assignment.unit_id == SurveyUnit.id, overlaps(free_on, None))
        taken = (
            select(LocationClosure.location_id)
            .join(Assignment, Assignment.area_id == LocationClosure.ancestor_id)
            .where(overlaps(free_on, None))
        )
        query = query.where(~singly.exists(), SurveyUnit.location_id.not_in(taken))
    return query.order_by(SurveyUnit.location_id, SurveyUnit.id).limit(limit)


def holders(unit_ids: Sequence[int], first: dt.date, last: dt.date | None) -> Rows:
    """(id, unit_id, staff_id, name, first day, last day) of what makes these units somebody's in a period, singly."""
    return (
        select(
            Assignment.id,
            Assignment.unit_id,
            Assignment.staff_id,
            NAME.label("agent"),
            Assignment.valid_from,
            Assignment.valid_to,
        )
        .join(Staff, Staff.id == Assignment.staff_id)
        .where(Assignment.unit_id.in_(unit_ids), overlaps(first, last))
        .order_by(Assignment.id)
    )


def area_holders(location_ids: Sequence[int], first: dt.date, last: dt.date | None, *, below: bool = False) -> Rows:
    """(staff_id, name, area id, area name) of areas assigned that hold one of these locations; `below`: or lie in one
    of them."""
    above = select(LocationClosure.ancestor_id).where(LocationClosure.location_id.in_(location_ids))
    condition: ColumnElement[bool] = Assignment.area_id.in_(above)
    if below:
        inside = select(LocationClosure.location_id).where(LocationClosure.ancestor_id.in_(location_ids))
        condition = or_(condition, Assignment.area_id.in_(inside))
    return (
        select(Assignment.staff_id, NAME.label("agent"), Location.id.label("area_id"), Location.name.label("area"))
        .join(Staff, Staff.id == Assignment.staff_id)
        .join(Location, Location.id == Assignment.area_id)
        .where(condition, overlaps(first, last))
        .order_by(Location.name, Assignment.id)
    )


def places_with_units(scope: AreaScope, within: int | None, limit: int, words: str = "") -> Rows:
    """(id, name, name_ur, kind, parent's name, units, unpaid accounts, in arrears) of places that have units, from the
    rollups; `within`: of this area. `words`: all of them in its name, or its parent's."""
    units = (
        select(RollupUnits.location_id, func.sum(RollupUnits.surveyed).label("units"))
        .where(scope.clause(RollupUnits.location_id))
        .group_by(RollupUnits.location_id)
        .having(func.sum(RollupUnits.surveyed) > 0)
        .subquery("units")
    )
    owing = (
        select(
            RollupAccounts.location_id,
            func.sum(RollupAccounts.accounts).filter(RollupAccounts.unpaid_bills == 1).label("unpaid"),
            func.sum(RollupAccounts.accounts).filter(RollupAccounts.unpaid_bills >= 2).label("arrears"),
        )
        .where(scope.clause(RollupAccounts.location_id))
        .group_by(RollupAccounts.location_id)
        .subquery("owing")
    )
    above = aliased(Location)
    query = (
        select(
            Location.id,
            Location.name,
            Location.name_ur,
            Location.kind,
            above.name.label("parent"),
            units.c.units,
            func.coalesce(owing.c.unpaid, 0).label("unpaid"),
            func.coalesce(owing.c.arrears, 0).label("arrears"),
        )
        .join(units, units.c.location_id == Location.id)
        .outerjoin(owing, owing.c.location_id == Location.id)
        .outerjoin(above, above.id == Location.parent_id)
        .order_by(Location.match_key, Location.id)
        .limit(limit)
    )
    if within is not None:
        inside = select(LocationClosure.location_id).where(LocationClosure.ancestor_id == within)
        query = query.where(Location.id.in_(inside))
    for word in words.split():
        named = [name.icontains(word, autoescape=True) for name in (Location.name, Location.name_ur, above.name)]
        query = query.where(or_(*named))
    return query

"""Queries over visits. No session, no side effect. Every one takes the reader's scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, false, func, or_, select, true
from sqlalchemy.orm import aliased
from sqlalchemy.types import BigInteger

from portal.assignments.selects import NAME, reaches
from portal.billing.models import CANCELLED, Account, Bill
from portal.locations.models import Location, LocationClosure
from portal.permissions import AreaScope
from portal.rollups.models import RollupVisits
from portal.staff.models import Staff, StaffArea
from portal.staff.selects import display_name
from portal.units.models import SurveyUnit
from portal.visits.filters import VisitFilter
from portal.visits.models import PENDING, RETURNED, ComplianceVisit
from portal.visits.rules import HANDED_OVER, PROMISED
from portal.web.format import KARACHI
from portal.web.pages import Key

Rows = Select[*tuple[Any, ...]]
KARACHI_NAME = "Asia/Karachi"
NEWEST_FIRST = (Key(ComplianceVisit.visited_at, True), Key(ComplianceVisit.id, True))
# The queue: what is most doubtful first, then what waits longest.
MOST_DOUBTFUL_FIRST = (Key(ComplianceVisit.doubts, True), Key(ComplianceVisit.id))

COUNTED = 1000  # a queue is counted no further
MOST_PEOPLE = 300

BY_NAME = (Key(NAME), Key(Staff.id))

Reviewer = aliased(Staff, name="reviewer")


def start_of(day: dt.date) -> dt.datetime:
    """Midnight in Karachi, at which the day begins."""
    return dt.datetime.combine(day, dt.time(), KARACHI)


def within(area_id: int | None, location_column: Any) -> Any:
    """The condition of a filter by area; to be added to the scope, so that it can only ever show less."""
    if area_id is None:
        return true()
    return location_column.in_(select(LocationClosure.location_id).where(LocationClosure.ancestor_id == area_id))


def conditions(wanted: VisitFilter, scope: AreaScope) -> list[Any]:
    """The conditions of a list on `ComplianceVisit`."""
    table = ComplianceVisit
    found = [
        scope.clause(table.location_id),
        within(wanted.area, table.location_id),
        table.visited_at >= start_of(wanted.first),
        table.visited_at < start_of(wanted.last + dt.timedelta(days=1)),
    ]
    for column, value in (
        (table.staff_id, wanted.agent),
        (table.visit_type, wanted.visit_type),
        (table.outcome, wanted.outcome),
        (table.review_state, wanted.state),
    ):
        if value is not None:
            found.append(column == value)
    if wanted.doubt is not None:
        found.append(table.doubts.op("&")(wanted.doubt) != 0)
    return found


def listed(wanted: VisitFilter, scope: AreaScope) -> Rows:
    """Rows (visit, survey_id, consumer, agent, place) of a list, without an order."""
    return rows_with_names().where(*conditions(wanted, scope))


def rows_with_names() -> Rows:
    """Rows (visit, survey_id, consumer, agent, place): of all visits, so a caller adds the scope."""
    return (
        select(
            ComplianceVisit,
            SurveyUnit.survey_id,
            SurveyUnit.consumer_name,
            NAME.label("agent"),
            Location.name.label("place"),
        )
        .join(SurveyUnit, SurveyUnit.id == ComplianceVisit.unit_id)
        .join(Location, Location.id == ComplianceVisit.location_id)
        .outerjoin(Staff, Staff.id == ComplianceVisit.staff_id)
    )


def is_in_rollup(wanted: VisitFilter) -> bool:
    """Whether the rollup knows how many visits a list holds."""
    return wanted.agent is None and wanted.doubt is None


def number_of(wanted: VisitFilter, scope: AreaScope) -> Rows:
    """How many visits a list holds: from the rollup where that knows, else counted."""
    if not is_in_rollup(wanted):
        return select(func.count(ComplianceVisit.id)).where(*conditions(wanted, scope))
    table = RollupVisits
    asked = [scope.clause(table.location_id), within(wanted.area, table.location_id)]
    for column, value in (
        (table.visit_type, wanted.visit_type),
        (table.outcome, wanted.outcome),
        (table.review_state, wanted.state),
    ):
        if value is not None:
            asked.append(column == value)
    total = func.coalesce(func.sum(table.visits), 0).cast(BigInteger)
    return select(total).where(table.day.between(wanted.first, wanted.last), *asked)


def visit(visit_id: int, scope: AreaScope) -> Rows:
    """(visit, unit, agent, place, reviewer, PSID) of one visit, if it lies inside the area."""
    return (
        select(
            ComplianceVisit,
            SurveyUnit,
            NAME.label("agent"),
            Location.name.label("place"),
            display_name(Reviewer).label("reviewer"),
            Account.psid,
        )
        .join(SurveyUnit, SurveyUnit.id == ComplianceVisit.unit_id)
        .join(Location, Location.id == ComplianceVisit.location_id)
        .outerjoin(Staff, Staff.id == ComplianceVisit.staff_id)
        .outerjoin(Reviewer, Reviewer.id == ComplianceVisit.reviewed_by)
        .outerjoin(Account, Account.id == ComplianceVisit.account_id)
        .where(ComplianceVisit.id == visit_id, scope.clause(ComplianceVisit.location_id))
    )


def queue(scope: AreaScope, reviewer_id: int, wanted: VisitFilter | None = None) -> Rows:
    """The visits that wait for this reviewer: inside his area, not his own."""
    query = queue_rows().where(*waiting(scope, reviewer_id))
    if wanted is None:
        return query
    return query.where(*narrowing(wanted))


def queue_rows() -> Rows:
    return rows_with_names().add_columns(
        SurveyUnit.gps_lat.label("unit_lat"), SurveyUnit.gps_lon.label("unit_lon"), SurveyUnit.deleted_at
    )


def narrowing(wanted: VisitFilter) -> list[Any]:
    """The filter of a queue: whatever the day, something that waits is to be reviewed."""
    table = ComplianceVisit
    found = [within(wanted.area, table.location_id)]
    if wanted.agent is not None:
        found.append(table.staff_id == wanted.agent)
    if wanted.visit_type is not None:
        found.append(table.visit_type == wanted.visit_type)
    if wanted.doubt is not None:
        found.append(table.doubts.op("&")(wanted.doubt) != 0)
    return found


def waiting(scope: AreaScope, reviewer_id: int) -> list[Any]:
    return [
        ComplianceVisit.review_state == PENDING,
        scope.clause(ComplianceVisit.location_id),
        or_(ComplianceVisit.staff_id.is_(None), ComplianceVisit.staff_id != reviewer_id),
    ]


def number_waiting(scope: AreaScope, reviewer_id: int, wanted: VisitFilter | None = None) -> Rows:
    """How many wait for this reviewer, at most COUNTED + 1."""
    more = narrowing(wanted) if wanted is not None else []
    some = select(ComplianceVisit.id).where(*waiting(scope, reviewer_id), *more).limit(COUNTED + 1)
    return select(func.count()).select_from(some.subquery())


def returned_to(staff_id: int) -> Rows:
    """How many visits of a person were returned and not answered yet."""
    return select(func.count(ComplianceVisit.id)).where(
        ComplianceVisit.staff_id == staff_id, ComplianceVisit.review_state == RETURNED
    )


# -- Days ----------------------------------------------------------------------------------------------------------
def _on(day: dt.date) -> list[Any]:
    return [
        ComplianceVisit.visited_at >= start_of(day),
        ComplianceVisit.visited_at < start_of(day + dt.timedelta(days=1)),
    ]


def of_day(staff_id: int, day: dt.date, scope: AreaScope) -> Rows:
    """A person's visits of a day, in the order in which they happened, as `rows_with_names`."""
    return (
        rows_with_names()
        .where(ComplianceVisit.staff_id == staff_id, *_on(day), scope.clause(ComplianceVisit.location_id))
        .order_by(ComplianceVisit.visited_at, ComplianceVisit.id)
    )


def people_of_day(day: dt.date, scope: AreaScope) -> Rows:
    """Rows (staff_id, name, visits, delivered, promises, doubtful, waiting, returned, first, last) of who logged visits
    on a day, in no order (`BY_NAME`)."""
    table = ComplianceVisit

    def number(condition: Any) -> Any:
        return func.count(table.id).filter(condition)

    return (
        select(
            Staff.id.label("staff_id"),
            NAME.label("name"),
            func.count(table.id).label("visits"),
            number(table.outcome.in_(HANDED_OVER)).label("delivered"),
            number(table.outcome == PROMISED).label("promises"),
            number(table.doubts > 1).label("doubtful"),
            number(table.review_state == PENDING).label("waiting"),
            number(table.review_state == RETURNED).label("returned"),
            func.min(table.visited_at).label("first"),
            func.max(table.visited_at).label("last"),
        )
        .join(Staff, Staff.id == table.staff_id)
        .where(*_on(day), scope.clause(table.location_id))
        .group_by(Staff.id)
    )


def person(staff_id: int, scope: AreaScope) -> Rows:
    """(id, name) of somebody whose areas (one of them at least) lie inside the scope."""
    areas = select(StaffArea.staff_id).where(scope.clause(StaffArea.location_id))
    return select(Staff.id, NAME.label("name")).where(Staff.id == staff_id, Staff.id.in_(areas))


def agents(scope: AreaScope, since: dt.date) -> Rows:
    """(id, name) of who logged visits since a day and works in the scope, or around it: what a filter offers."""
    # One look into the index for each person. Whether those visits lay inside the scope would be known only after all
    # visits of the others' people.
    one = (
        select(ComplianceVisit.id)
        .where(ComplianceVisit.staff_id == Staff.id, ComplianceVisit.visited_at >= start_of(since))
        .order_by(ComplianceVisit.visited_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(Staff.id, NAME.label("name"))
        .where(reaches(scope), one.is_not(None))
        .order_by(NAME, Staff.id)
        .limit(MOST_PEOPLE)
    )


# -- At a unit -----------------------------------------------------------------------------------------------------
def bills_to_hand_over(unit_id: int, scope: AreaScope) -> Rows:
    """(account_id, psid, month, demand, delivered_on) of the newest live bills of a unit's accounts, newest first."""
    return (
        select(Bill.account_id, Bill.psid, Bill.billing_month, Bill.demand, Bill.delivered_on)
        .join(Account, Account.id == Bill.account_id)
        .where(
            Account.unit_id == unit_id,
            Bill.status != CANCELLED,
            scope.clause(Account.location_id),
        )
        .order_by(Bill.billing_month.desc(), Bill.psid)
        .limit(6)
    )


def last_like(unit_id: int, staff_id: int, visit_type: str, since: dt.datetime, scope: AreaScope) -> Rows:
    """(visit): the last one of this kind that somebody logged at a unit since then."""
    return (
        select(ComplianceVisit)
        .where(
            ComplianceVisit.unit_id == unit_id,
            ComplianceVisit.visited_at >= since,
            ComplianceVisit.staff_id == staff_id,
            ComplianceVisit.visit_type == visit_type,
            scope.clause(ComplianceVisit.location_id),
        )
        .order_by(ComplianceVisit.visited_at.desc(), ComplianceVisit.id.desc())
        .limit(1)
    )


def of_record(scope: AreaScope, *, unit_id: int | None, account_ids: Sequence[int] = (), limit: int = 30) -> Rows:
    """(visit, agent) at a unit, or about accounts without one, newest first."""
    whose = ComplianceVisit.unit_id == unit_id if unit_id is not None else false()
    if account_ids and unit_id is None:
        whose = ComplianceVisit.account_id.in_(account_ids)
    return (
        select(ComplianceVisit, func.coalesce(display_name(), "").label("agent"))
        .outerjoin(Staff, Staff.id == ComplianceVisit.staff_id)
        .where(and_(whose, scope.clause(ComplianceVisit.location_id)))
        .order_by(ComplianceVisit.visited_at.desc(), ComplianceVisit.id.desc())
        .limit(limit)
    )

"""Queries of the pages of people in the field. No session; every one takes the reader's areas or his own id."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, func, select, true
from sqlalchemy.orm import aliased

from portal.assignments.selects import assigned_units
from portal.assignments.standing import in_locations, standing_of, word_of
from portal.billing.models import Account
from portal.files.models import PHOTO, StoredFile
from portal.locations.models import Location
from portal.permissions import AreaScope
from portal.rollups.models import RollupUnits
from portal.staff.models import Staff, StaffSession
from portal.units.models import SurveyUnit
from portal.visits.models import ComplianceVisit

Rows = Select[*tuple[Any, ...]]
SCAN = 5_000  # units one page looks at; more are gone through from place to place
DUE_WITHIN = dt.timedelta(days=60)  # a return visit that nobody made for so long is no work of today any more


# -- The load of agents ----------------------------------------------------------------------------------------------
def visits_due(staff_ids: Sequence[int], on_day: dt.date) -> Rows:
    """(staff_id, visits): return visits and promises of his up to this day with no visit to the unit since."""
    later = aliased(ComplianceVisit)
    since = select(later.id).where(
        later.unit_id == ComplianceVisit.unit_id, later.visited_at > ComplianceVisit.visited_at
    )
    return (
        select(ComplianceVisit.staff_id, func.count())
        .where(
            ComplianceVisit.staff_id.in_(staff_ids),
            ComplianceVisit.visited_at > on_day - DUE_WITHIN,
            func.least(ComplianceVisit.next_date, ComplianceVisit.promise_date) <= on_day,
            ~since.exists(),
        )
        .group_by(ComplianceVisit.staff_id)
    )


def last_activity(staff_ids: Sequence[int]) -> Rows:
    """(staff_id, last visit, last seen in the portal)."""
    visited = (
        select(ComplianceVisit.visited_at)
        .where(ComplianceVisit.staff_id == Staff.id)
        .order_by(ComplianceVisit.visited_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    seen = select(func.max(StaffSession.last_seen_at)).where(StaffSession.staff_id == Staff.id).scalar_subquery()
    return select(Staff.id, visited.label("visited"), seen.label("seen")).where(Staff.id.in_(staff_ids))


# -- Units as work ---------------------------------------------------------------------------------------------------
def _last_visit(unit_id: Any) -> Any:
    """The latest visit of a unit; one row, NULLs without one."""
    return (
        select(
            ComplianceVisit.visited_at,
            ComplianceVisit.visit_type,
            ComplianceVisit.outcome,
            ComplianceVisit.next_date,
            ComplianceVisit.promise_date,
            ComplianceVisit.promise_amount,
        )
        .where(ComplianceVisit.unit_id == unit_id)
        .order_by(ComplianceVisit.visited_at.desc())
        .limit(1)
        .lateral("visit")
    )


def work_of(staff_id: int, scope: AreaScope, locations: Sequence[int] | None, on_day: dt.date) -> Rows:
    """(id, location_id, place, address, word, visited_at, next_date, promise_date) of the units assigned to a person,
    at most `SCAN`. `locations`: those of his areas, whose accounts count."""
    mine = assigned_units(staff_id, on_day).subquery("mine")
    bills, visit = standing_of(SurveyUnit.id, locations), _last_visit(SurveyUnit.id)
    return (
        select(
            SurveyUnit.id,
            SurveyUnit.location_id,
            Location.name.label("place"),
            SurveyUnit.address,
            word_of(bills).label("word"),
            visit.c.visited_at,
            visit.c.next_date,
            visit.c.promise_date,
        )
        .join(mine, mine.c.unit_id == SurveyUnit.id)
        .join(Location, Location.id == SurveyUnit.location_id)
        .join(bills, true())
        .outerjoin(visit, true())
        .where(scope.clause(SurveyUnit.location_id), SurveyUnit.deleted_at.is_(None))
        .limit(SCAN)
    )


def units_of(locations: Sequence[int], own: Sequence[int] | None, after: tuple[int, int] | None) -> Rows:
    """(id, location_id, word) of the units of places, in the order of the survey; at most `SCAN` behind `after`."""
    first = (
        select(SurveyUnit.id, SurveyUnit.location_id)
        .where(in_locations(SurveyUnit.location_id, locations), SurveyUnit.deleted_at.is_(None))
        .order_by(SurveyUnit.location_id, SurveyUnit.id)
        .limit(SCAN)
    )
    if after is not None:
        place, unit_id = after
        beyond = SurveyUnit.location_id > place
        same = and_(SurveyUnit.location_id == place, SurveyUnit.id > unit_id)
        first = first.where(beyond | same)
    rows = first.subquery("rows")
    bills = standing_of(rows.c.id, own)
    return (
        select(rows.c.id, rows.c.location_id, word_of(bills).label("word"))
        .join(bills, true())
        .order_by(rows.c.location_id, rows.c.id)
    )


def cards(ids: Sequence[int], own: Sequence[int] | None) -> Rows:
    """Everything a card shows of these units."""
    bills, visit = standing_of(SurveyUnit.id, own), _last_visit(SurveyUnit.id)
    return (
        select(
            SurveyUnit.id,
            SurveyUnit.survey_id,
            SurveyUnit.location_id,
            SurveyUnit.consumer_name,
            SurveyUnit.address,
            SurveyUnit.mobile,
            SurveyUnit.use,
            SurveyUnit.size_band,
            SurveyUnit.business_type,
            SurveyUnit.gps_lat,
            SurveyUnit.gps_lon,
            SurveyUnit.image_urls,
            Location.name.label("place"),
            word_of(bills).label("word"),
            bills.c.outstanding,
            bills.c.unpaid_bills,
            bills.c.latest_month,
            visit.c.visited_at,
            visit.c.outcome,
            visit.c.visit_type,
            visit.c.next_date,
            visit.c.promise_date,
            visit.c.promise_amount,
        )
        .join(Location, Location.id == SurveyUnit.location_id)
        .join(bills, true())
        .outerjoin(visit, true())
        .where(SurveyUnit.id.in_(ids))
    )


def first_photos(unit_ids: Sequence[int]) -> Select[StoredFile]:
    """The newest photo of each of these units that has one with a small version."""
    newest = (
        select(func.max(StoredFile.id))
        .where(
            StoredFile.unit_id.in_(unit_ids),
            StoredFile.kind == PHOTO,
            StoredFile.thumb_key.is_not(None),
            StoredFile.deleted_at.is_(None),
        )
        .group_by(StoredFile.unit_id)
    )
    return select(StoredFile).where(StoredFile.id.in_(newest))


def in_places(ids: Sequence[int], locations: Sequence[int]) -> Rows:
    """(id, location_id) of those of the units that lie in these places and were not deleted."""
    return (
        select(SurveyUnit.id, SurveyUnit.location_id)
        .where(SurveyUnit.id.in_(ids), in_locations(SurveyUnit.location_id, locations), SurveyUnit.deleted_at.is_(None))
        .order_by(SurveyUnit.location_id, SurveyUnit.id)
    )


def units_of_accounts(account_ids: Sequence[int]) -> Rows:
    """Ids of the units of these accounts."""
    return select(Account.unit_id).where(Account.id.in_(account_ids), Account.unit_id.is_not(None))


# -- Places ----------------------------------------------------------------------------------------------------------
def place(location_id: int, scope: AreaScope) -> Rows:
    """(id, name, kind) of a location inside the reader's areas."""
    return select(Location.id, Location.name, Location.name_ur, Location.kind, Location.parent_id).where(
        Location.id == location_id, scope.clause(Location.id)
    )


def units_in(locations: Sequence[int]) -> Rows:
    """How many units places have, from the rollup."""
    return select(func.coalesce(func.sum(RollupUnits.surveyed), 0)).where(
        in_locations(RollupUnits.location_id, locations)
    )


def own_areas(scope: AreaScope) -> Rows:
    """(id, name, name_ur, kind) of the reader's own areas."""
    query = select(Location.id, Location.name, Location.name_ur, Location.kind).order_by(Location.name)
    return query.where(Location.parent_id.is_(None) if scope.is_everywhere else Location.id.in_(scope.location_ids))

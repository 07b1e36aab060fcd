"""Logging visits and correcting them. Flushes, never commits."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.billing.models import CANCELLED, Account, Bill
from portal.errors import ConflictError, InvalidInputError, NotFoundError
from portal.files.models import PHOTO, StoredFile
from portal.permissions import AreaScope
from portal.units.models import SurveyUnit
from portal.visits import clock, geo, rules
from portal.visits.models import APPROVED, DELIVERY, PENDING, ComplianceVisit
from portal.visits.rules import Doubt, Evidence
from portal.web import format as fmt

NOTES_LENGTH, NAME_LENGTH = 2000, 120
LARGEST_PROMISE = 10_000_000
FURTHEST = dt.timedelta(days=366)  # a next visit, a promise
EXACT_M = 50  # a receiver under the sky, not a network's guess
DELIVERIES_TASK = "visits.deliveries"

BillKey = tuple[int, dt.date]


@dataclass(frozen=True)
class Actor:
    """Who logs or reviews, within his area."""

    staff_id: int
    name: str
    scope: AreaScope
    address: str = ""


@dataclass(frozen=True)
class Position:
    """What the phone said of its place."""

    lat: float
    lon: float
    accuracy_m: int | None = None
    is_mock: bool = False


@dataclass(frozen=True)
class Said:
    """What the agent says of a visit: what can be corrected later."""

    outcome: str
    notes: str = ""
    received_by: str = ""
    next_date: dt.date | None = None
    promise_date: dt.date | None = None
    promise_amount: int | None = None
    position: Position | None = None


@dataclass(frozen=True)
class NewVisit:
    """A visit as it comes from a form. `bill` is (account id, month) of a delivery."""

    client_uuid: uuid.UUID
    survey_id: str
    visit_type: str
    said: Said
    bill: BillKey | None = None
    device_at: dt.datetime | None = None
    ticket_id: int | None = None


@dataclass(frozen=True)
class Logged:
    """The visit, and whether it is new; False: the same was sent before, and nothing was done now."""

    visit: ComplianceVisit
    is_new: bool


@dataclass(frozen=True)
class Rules:
    """What the office has set."""

    far_m: int = 100
    approves_itself: bool = False


# -- Logging -------------------------------------------------------------------------------------------------------
def log_visit(session: Session, actor: Actor, new: NewVisit, now: dt.datetime) -> Logged:
    """Write a visit down; its photos and `finish` come after. The same uuid sent twice gives the first one.

    A unit that was closed while the agent stood before it takes the visit: work done in the field is never lost. It
    does not approve itself, and the reviewer is told (see `rules.approves_itself`).

    Raises NotFoundError (unit, account), InvalidInputError with the field, ConflictError for the uuid of another visit.
    """
    known = _sent_before(session, actor, new)
    if known is not None:
        return Logged(known, False)
    unit = _unit(session, actor.scope, new.survey_id)
    if new.visit_type not in rules.OUTCOMES_OF:
        raise InvalidInputError(_("Choose what the visit is for."), field="type")
    happened = clock.happened(new.device_at, now)
    values = _said(new.visit_type, new.said, unit, fmt.local(happened.at).date())
    values |= _bill(session, actor.scope, unit, new)
    values["gps_is_mock"] = values["gps_is_mock"] or _repeats_a_position(session, actor, unit, values, happened.at)
    values |= {
        "client_uuid": new.client_uuid, "unit_id": unit.id, "location_id": unit.location_id,
        "staff_id": actor.staff_id, "visit_type": new.visit_type, "visited_at": happened.at,
        "device_at": new.device_at, "created_at": now,
        "ticket_id": new.ticket_id, "doubts": 0 if happened.is_believed else Doubt.CLOCK,
    }  # fmt: skip
    added = session.execute(
        insert(ComplianceVisit).values(values).on_conflict_do_nothing().returning(ComplianceVisit.id)
    ).scalar_one_or_none()
    if added is None:  # the same came at the same time, on another connection
        known = _sent_before(session, actor, new)
        if known is None:
            raise ConflictError(_("This visit was sent at the same moment already. Open the unit and look."))
        return Logged(known, False)
    visit = session.get_one(ComplianceVisit, added)
    note(session, actor, "visit.log", visit, after=_facts(visit))
    return Logged(visit, True)


def finish(session: Session, visit: ComplianceVisit, office: Rules) -> list[BillKey]:
    """Judge a visit with its photos: what speaks against it, and whether it needs a reviewer. Returns the bills whose
    delivery it changed."""
    evidence = _evidence(session, visit)
    visit.doubts = int(rules.doubts(evidence, office.far_m))
    if not office.approves_itself or not rules.approves_itself(evidence, office.far_m):
        session.flush()
        return []
    visit.review_state, visit.reviewed_at = APPROVED, func.now()
    session.flush()
    record(
        session, "visit.approve", "visit", visit.id, location_id=visit.location_id,
        after={"review_state": APPROVED, "by_itself": True},
    )  # fmt: skip
    return bills_of([visit])


def correct(
    session: Session, actor: Actor, visit_id: int, version: int, said: Said, *, now: dt.datetime
) -> ComplianceVisit:
    """Answer a return, or put something right before the review. It waits for review again.

    A position given now does not replace the one of the visit: he is no longer there. Only where there was none, it is
    taken, by whoever corrects on the spot.
    """
    visit = open_visit(session, actor.scope, visit_id, version)
    if not rules.may_correct(actor.staff_id, visit.staff_id, visit.review_state):
        raise ConflictError(_("Only who logged a visit can correct it, and only until it is approved."))
    before = _facts(visit)
    unit = session.get_one(SurveyUnit, visit.unit_id)
    kept = None if visit.gps_lat is None else _position(visit)
    values = _said(visit.visit_type, said, unit, fmt.local(visit.visited_at).date(), kept)
    for name, value in values.items():
        setattr(visit, name, value)
    visit.review_state, visit.version = PENDING, visit.version + 1
    visit.reviewed_by, visit.reviewed_at = None, None
    session.flush()
    after = _facts(visit)
    changed = {name for name in after if after[name] != before[name]}
    note(
        session, actor, "visit.correct", visit,
        before={name: before[name] for name in changed}, after={name: after[name] for name in changed},
    )  # fmt: skip
    return visit


# -- Parts ---------------------------------------------------------------------------------------------------------
def _sent_before(session: Session, actor: Actor, new: NewVisit) -> ComplianceVisit | None:
    found = session.scalars(select(ComplianceVisit).where(ComplianceVisit.client_uuid == new.client_uuid)).first()
    if found is None:
        return None
    survey_id = session.scalar(select(SurveyUnit.survey_id).where(SurveyUnit.id == found.unit_id))
    if found.staff_id != actor.staff_id or survey_id != new.survey_id:
        raise ConflictError(_("This form was sent for another visit before. Open the unit and begin again."))
    return found


def _unit(session: Session, scope: AreaScope, survey_id: str) -> SurveyUnit:
    unit = None
    if survey_id.isascii() and survey_id.isdecimal():
        unit = session.scalars(
            select(SurveyUnit).where(SurveyUnit.survey_id == survey_id, scope.clause(SurveyUnit.location_id))
        ).first()
    if unit is None:
        raise NotFoundError(_("Survey id %(id)s is not in the register of your area.", id=survey_id))
    return unit


def _said(visit_type: str, said: Said, unit: SurveyUnit, day: dt.date, kept: Position | None = None) -> dict[str, Any]:
    """The checked columns of what was said. Raises InvalidInputError with the field."""
    if said.outcome not in rules.OUTCOMES_OF[visit_type]:
        raise InvalidInputError(_("Choose how the visit ended."), field="outcome")
    for name, most in (("notes", NOTES_LENGTH), ("received_by", NAME_LENGTH)):
        if len(getattr(said, name)) > most:
            raise InvalidInputError(_("Enter at most %(count)s characters.", count=most), field=name)
    promise_date, promise_amount = said.promise_date, said.promise_amount
    if said.outcome == rules.PROMISED:
        if promise_date is None:
            raise InvalidInputError(_("Enter the day on which he promised to pay."), field="promise_date")
        if promise_amount is not None and not 0 < promise_amount <= LARGEST_PROMISE:
            raise InvalidInputError(_("Enter whole rupees."), field="promise_amount")
    else:
        promise_date = promise_amount = None
    for name, date in (("promise_date", promise_date), ("next_date", said.next_date)):
        if date is not None and not day <= date <= day + FURTHEST:
            raise InvalidInputError(_("Enter a day from the visit to a year after it."), field=name)
    place = kept or said.position
    values: dict[str, Any] = {
        "outcome": said.outcome, "notes": said.notes.strip(), "received_by": " ".join(said.received_by.split()),
        "next_date": said.next_date, "promise_date": promise_date, "promise_amount": promise_amount,
        "gps_lat": None, "gps_lon": None, "gps_accuracy_m": None, "gps_is_mock": False, "distance_m": None,
    }  # fmt: skip
    if place is not None:
        home = geo.point(unit.gps_lat, unit.gps_lon)
        here = geo.Point(place.lat, place.lon)
        values |= {
            "gps_lat": place.lat, "gps_lon": place.lon, "gps_accuracy_m": place.accuracy_m,
            "gps_is_mock": place.is_mock, "distance_m": geo.distance_m(home, here) if home else None,
        }  # fmt: skip
    return values


def _repeats_a_position(
    session: Session, actor: Actor, unit: SurveyUnit, values: dict[str, Any], at: dt.datetime
) -> bool:
    """Whether he stood at another unit on exactly the same spot that day. A real receiver never gives the same place to
    the last digit twice; an app that pretends one does. Where a phone knows its place only roughly (by its network), it
    does so too, and nothing is said.
    """
    accuracy = values["gps_accuracy_m"]
    if values["gps_lat"] is None or accuracy is None or accuracy > EXACT_M:
        return False
    same = select(ComplianceVisit.id).where(
        ComplianceVisit.staff_id == actor.staff_id,
        ComplianceVisit.visited_at.between(at - dt.timedelta(hours=24), at + dt.timedelta(hours=24)),
        ComplianceVisit.unit_id != unit.id,
        ComplianceVisit.gps_lat == values["gps_lat"],
        ComplianceVisit.gps_lon == values["gps_lon"],
    )
    return session.scalar(same.limit(1)) is not None


def _position(visit: ComplianceVisit) -> Position | None:
    if visit.gps_lat is None or visit.gps_lon is None:
        return None
    return Position(visit.gps_lat, visit.gps_lon, visit.gps_accuracy_m, visit.gps_is_mock)


def _bill(session: Session, scope: AreaScope, unit: SurveyUnit, new: NewVisit) -> dict[str, Any]:
    """The account and bill that a delivery names. Raises InvalidInputError when there is no such live bill."""
    if new.visit_type != DELIVERY:
        return {}
    if new.bill is None:
        raise InvalidInputError(_("Choose the bill that was handed over."), field="bill")
    account_id, month = new.bill
    found = session.execute(
        select(Bill.portal_bill_id)
        .join(Account, Account.id == Bill.account_id)
        .where(
            Bill.account_id == account_id,
            Bill.billing_month == month,
            Bill.status != CANCELLED,
            Account.unit_id == unit.id,
            scope.clause(Account.location_id),
        )
    ).first()
    if found is None:
        raise InvalidInputError(
            _("There is no live bill of that month for this unit. Choose another one."), field="bill"
        )
    return {"account_id": account_id, "bill_month": month, "portal_bill_id": found.portal_bill_id}


def _evidence(session: Session, visit: ComplianceVisit) -> Evidence:
    photos = session.scalar(
        select(func.count()).where(
            StoredFile.visit_id == visit.id, StoredFile.kind == PHOTO, StoredFile.deleted_at.is_(None)
        )
    )
    here = geo.point(visit.gps_lat, visit.gps_lon)
    return Evidence(
        has_position=here is not None and here.is_in_punjab,
        accuracy_m=visit.gps_accuracy_m,
        is_mock=visit.gps_is_mock,
        distance_m=visit.distance_m,
        photos=photos or 0,
        is_clock_believed=clock.happened(visit.device_at, visit.created_at).is_believed,
        is_unit_closed=session.get_one(SurveyUnit, visit.unit_id).deleted_at is not None,
    )


def open_visit(session: Session, scope: AreaScope, visit_id: int, version: int) -> ComplianceVisit:
    """The visit, locked, as it was seen."""
    visit = None
    if 0 < visit_id < 2**63:
        visit = session.scalars(
            select(ComplianceVisit)
            .where(ComplianceVisit.id == visit_id, scope.clause(ComplianceVisit.location_id))
            .with_for_update()
            .execution_options(populate_existing=True)
        ).first()
    if visit is None:
        raise NotFoundError(_("There is no such visit in your area."))
    if visit.version != version:
        raise ConflictError(
            _("This visit was changed or reviewed meanwhile. Nothing was done; look at it again."), code="stale"
        )
    return visit


def bills_of(visits: Iterable[ComplianceVisit]) -> list[BillKey]:
    """The bills whose delivery these visits decide."""
    return [
        (visit.account_id, visit.bill_month)
        for visit in visits
        if visit.visit_type == DELIVERY and visit.account_id is not None and visit.bill_month is not None
    ]


def _facts(visit: ComplianceVisit) -> dict[str, Any]:
    """What the audit log keeps of a visit: no notes and no names, which may hold anybody's number."""
    return {
        "visit_type": visit.visit_type,
        "outcome": visit.outcome,
        "unit_id": visit.unit_id,
        "bill_month": visit.bill_month.isoformat() if visit.bill_month else None,
        "distance_m": visit.distance_m,
        "next_date": visit.next_date.isoformat() if visit.next_date else None,
        "promise_date": visit.promise_date.isoformat() if visit.promise_date else None,
        "promise_amount": visit.promise_amount,
        "review_state": visit.review_state,
    }


def note(
    session: Session,
    actor: Actor,
    action: str,
    visit: ComplianceVisit,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> None:
    record(
        session, action, "visit", visit.id, actor=actor.name, staff_id=actor.staff_id, address=actor.address,
        location_id=visit.location_id, before=before, after=after, reason=reason,
    )  # fmt: skip

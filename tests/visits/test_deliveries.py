"""What is delivered: reviews, superseded and moved bills, imports in any order; always what `flask verify` says."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.db import db, transaction
from portal.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from portal.locations.models import TEHSIL, Location
from portal.notifications.models import Notification
from portal.payments.moves import Move, move_bills
from portal.permissions import AreaScope, Role
from portal.staff.models import Staff, StaffArea
from portal.visits import digest, reviewing, service
from portal.visits.models import APPROVED, PENDING, ComplianceVisit
from portal.visits.rules import Doubt
from portal.visits.service import Actor, NewVisit, Position, Said
from tests.imports.portal_files import area_row, biller_row, survey_row
from tests.support.importing import assert_verified, bring, bring_committed, write

NOVEMBER, OCTOBER = dt.date(2025, 11, 1), dt.date(2025, 10, 1)
NOW = dt.datetime(2025, 12, 1, 10, tzinfo=dt.UTC)


def person(session: Session, name: str) -> Actor:
    staff = session.scalars(select(Staff).where(Staff.username == name)).first()
    if staff is None:
        staff = Staff(username=name, password_hash="x", role=str(Role.SUPERVISOR))
        root = session.scalars(select(Location.id).where(Location.parent_id.is_(None))).one()
        staff.areas = [StaffArea(location_id=root)]
        session.add(staff)
        session.flush()
    return Actor(staff.id, name, AreaScope.everywhere())


@pytest.fixture
def session(db_session: Session, tmp_path: Path) -> Session:
    """Two units with an account and a bill of November each."""
    for month in (OCTOBER, NOVEMBER):
        db_session.execute(text("SELECT ensure_bill_partition(:month)"), {"month": month})
    bring(db_session, write(tmp_path, "areas", [area_row(1)]))
    bring(db_session, write(tmp_path, "survey", [survey_row(1), survey_row(2)]))
    bring(db_session, write(tmp_path, "biller", [biller_row(1), biller_row(2)]), month="2025-11", as_of="2025-11-20")
    return db_session


def bill_of(session: Session, number: int) -> Any:
    """(account id, survey id, portal bill id) of the live bill of November."""
    return session.execute(
        text(
            "SELECT b.account_id, u.survey_id, b.portal_bill_id FROM bills b JOIN accounts a ON a.id = b.account_id"
            " JOIN survey_units u ON u.id = a.unit_id WHERE b.status <> 'CANCELLED'"
            " ORDER BY u.survey_id OFFSET :n LIMIT 1"
        ),
        {"n": number - 1},
    ).one()


def deliver(session: Session, number: int = 1, **said: Any) -> ComplianceVisit:
    bill = bill_of(session, number)
    new = NewVisit(
        uuid.uuid4(), bill.survey_id, "DELIVERY", Said(**{"outcome": "DELIVERED"} | said), (bill.account_id, NOVEMBER),
        device_at=NOW - dt.timedelta(days=2),
    )  # fmt: skip
    visit = service.log_visit(session, person(session, "agent"), new, NOW).visit
    assert service.finish(session, visit, service.Rules()) == []
    return visit


def settle(session: Session, reviewed: reviewing.Reviewed) -> reviewing.Reviewed:
    assert reviewing.bring_up_to_date(session, reviewed.bills)
    return reviewed


def approve(session: Session, visit: ComplianceVisit) -> None:
    settle(session, reviewing.approve(session, person(session, "boss"), visit.id, visit.version))


def delivered(session: Session) -> dict[str, str]:
    """{portal bill id: day} of delivered bills."""
    rows = session.execute(text("SELECT portal_bill_id, delivered_on::text FROM bills WHERE delivered_on IS NOT NULL"))
    return {row[0]: row[1] for row in rows}


def test_a_delivery_counts_when_it_is_approved_and_not_when_it_is_returned(session: Session) -> None:
    visit = deliver(session)
    assert (visit.review_state, delivered(session)) == (PENDING, {})
    approve(session, visit)
    bill = bill_of(session, 1).portal_bill_id
    assert delivered(session) == {bill: "2025-11-29"}
    days = "SELECT day::text, sum(delivered_bills)::int FROM rollup_days WHERE delivered_bills <> 0 GROUP BY 1"
    assert [tuple(row) for row in session.execute(text(days))] == [("2025-11-29", 1)]
    units = text("SELECT sum(delivered)::int, sum(reached)::int, sum(billed)::int FROM rollup_unit_cycles")
    assert tuple(session.execute(units).one()) == (1, 1, 2)
    assert_verified(session.connection())
    settle(session, reviewing.send_back(session, person(session, "boss"), visit.id, visit.version, "He was not there."))
    assert delivered(session) == {}
    assert tuple(session.execute(units).one()) == (0, 0, 2)
    assert_verified(session.connection())


def test_only_a_bill_that_changed_hands_is_delivered(session: Session) -> None:
    for outcome in ("REFUSED", "LOCKED", "VACANT", "NOT_FOUND"):
        approve(session, deliver(session, outcome=outcome))
    assert delivered(session) == {}
    approve(session, deliver(session, outcome="DELIVERED_TO_NEIGHBOUR"))
    assert len(delivered(session)) == 1
    assert_verified(session.connection())


def test_the_successor_of_a_superseded_bill_takes_over_its_delivery(session: Session, tmp_path: Path) -> None:
    approve(session, deliver(session))
    first = bill_of(session, 1).portal_bill_id
    later = biller_row(1, last_bill_id="990001", last_bill_date_time="28/11/2025 09:00 AM")
    bring(session, write(tmp_path, "biller", [later], "later.csv"), month="2025-11", as_of="2025-12-02")
    assert session.scalar(text("SELECT status FROM bills WHERE portal_bill_id = :id"), {"id": first}) == "CANCELLED"
    assert delivered(session) == {"990001": "2025-11-29"}
    assert_verified(session.connection())


def test_a_delivery_moves_along_with_its_bill(session: Session, tmp_path: Path) -> None:
    visit = deliver(session)
    approve(session, visit)
    bill = bill_of(session, 1).portal_bill_id
    tehsil = session.scalars(select(Location.id).where(Location.kind == TEHSIL)).first()
    issued = session.scalar(text("SELECT issued_at::date FROM bills WHERE portal_bill_id = :id"), {"id": bill})
    move_bills(
        session, Move(tehsil or 0, issued, NOVEMBER, OCTOBER), AreaScope.everywhere(), today=NOW.date(), start_day=16
    )
    session.expire_all()
    assert delivered(session) == {bill: "2025-11-29"}
    assert session.get_one(ComplianceVisit, visit.id).bill_month == OCTOBER
    months = text("SELECT billing_month::text FROM rollup_days GROUP BY 1 HAVING sum(delivered_bills) > 0")
    assert session.scalars(months).all() == ["2025-10-01"]
    assert_verified(session.connection())


def test_a_file_that_says_another_month_takes_the_delivery_along(session: Session, tmp_path: Path) -> None:
    approve(session, deliver(session))
    rows = [biller_row(1), biller_row(2)]
    bring(session, write(tmp_path, "biller", rows, "old.csv"), month="2025-10", as_of="2025-11-19")
    assert list(delivered(session).values()) == ["2025-11-29"]
    assert session.scalar(text("SELECT billing_month FROM bills WHERE delivered_on IS NOT NULL")) == OCTOBER
    assert_verified(session.connection())


def test_the_first_of_several_deliveries_counts(session: Session) -> None:
    late, early = deliver(session), deliver(session)
    early.visited_at = NOW - dt.timedelta(days=5)
    session.flush()
    approve(session, late)
    assert list(delivered(session).values()) == ["2025-11-29"]
    approve(session, early)
    assert list(delivered(session).values()) == ["2025-11-26"]
    assert_verified(session.connection())


# -- The service ----------------------------------------------------------------------------------------------------
def test_the_same_visit_sent_twice_is_one(session: Session) -> None:
    bill = bill_of(session, 1)
    agent, said = person(session, "agent"), Said("DELIVERED")
    new = NewVisit(uuid.uuid4(), bill.survey_id, "DELIVERY", said, (bill.account_id, NOVEMBER))
    first, again = (service.log_visit(session, agent, new, NOW) for _time in range(2))
    assert (first.is_new, again.is_new, first.visit.id) == (True, False, again.visit.id)
    elsewhere = NewVisit(new.client_uuid, bill_of(session, 2).survey_id, "ROUTINE", Said("DONE"))
    with pytest.raises(ConflictError):
        service.log_visit(session, agent, elsewhere, NOW)
    with pytest.raises(ConflictError):
        service.log_visit(session, person(session, "other"), new, NOW)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"outcome": "DONE"}, "outcome"),
        ({"outcome": "PROMISED"}, "promise_date"),
        ({"outcome": "PROMISED", "promise_date": dt.date(2025, 1, 1)}, "promise_date"),
        ({"outcome": "PROMISED", "promise_date": dt.date(2025, 12, 9), "promise_amount": 0}, "promise_amount"),
        ({"outcome": "LOCKED", "notes": "x" * 2001}, "notes"),
        ({"outcome": "LOCKED", "next_date": dt.date(2031, 1, 1)}, "next_date"),
    ],
)
def test_what_makes_no_sense_is_named(session: Session, said: dict[str, Any], field: str) -> None:
    new = NewVisit(uuid.uuid4(), bill_of(session, 1).survey_id, "RECOVERY", Said(**said))
    with pytest.raises(InvalidInputError) as caught:
        service.log_visit(session, person(session, "agent"), new, NOW)
    assert caught.value.details["field"] == field


def test_a_bill_of_another_unit_cannot_be_handed_over(session: Session) -> None:
    one, other = bill_of(session, 1), bill_of(session, 2)
    for bill in ((other.account_id, NOVEMBER), (one.account_id, OCTOBER), None):
        with pytest.raises(InvalidInputError):
            service.log_visit(
                session, person(session, "agent"),
                NewVisit(uuid.uuid4(), one.survey_id, "DELIVERY", Said("DELIVERED"), bill), NOW,
            )  # fmt: skip
    with pytest.raises(NotFoundError):
        nobody = Actor(person(session, "agent").staff_id, "agent", AreaScope())
        service.log_visit(session, nobody, NewVisit(uuid.uuid4(), one.survey_id, "ROUTINE", Said("DONE")), NOW)


def test_positions_are_kept_as_sent_and_judged(session: Session) -> None:
    session.execute(text("UPDATE survey_units SET gps_lat = 32.3, gps_lon = 72.35"))
    agent, bill = person(session, "agent"), bill_of(session, 1)

    def log(place: Position | None, number: int = 1) -> ComplianceVisit:
        survey_id = bill_of(session, number).survey_id
        new = NewVisit(uuid.uuid4(), survey_id, "ROUTINE", Said("DONE", position=place))
        visit = service.log_visit(session, agent, new, NOW).visit
        service.finish(session, visit, service.Rules(100))
        return visit

    near = log(Position(32.3001, 72.35, 8))
    assert (near.distance_m, near.doubts) == (11, Doubt.NO_PHOTO)
    far = log(Position(32.31, 72.35, 8))
    assert (far.distance_m, far.doubts) == (1112, Doubt.FAR | Doubt.NO_PHOTO)
    nowhere = log(Position(0.0, 0.0, 8))
    assert nowhere.gps_lat == 0.0
    assert nowhere.doubts == Doubt.FAR | Doubt.NO_PHOTO | Doubt.NO_POSITION
    assert log(None).doubts == Doubt.NO_PHOTO | Doubt.NO_POSITION
    # On the very same spot at another unit: no receiver does that.
    assert log(Position(32.3001, 72.35, 8), 2).gps_is_mock
    assert not log(Position(32.3002, 72.35, 8), 2).gps_is_mock
    assert bill.survey_id


def test_a_near_visit_with_a_photo_approves_itself_where_the_office_wants_it(session: Session) -> None:
    from portal.files.models import StoredFile

    session.execute(text("UPDATE survey_units SET gps_lat = 32.3, gps_lon = 72.35"))
    for has_photo, wants in ((True, False), (False, True), (True, True)):
        visit = deliver(session, position=Position(32.3, 72.35 + 1e-5 * (1 + has_photo), 8))
        if has_photo:
            session.add(
                StoredFile(
                    client_uuid=uuid.uuid4(), kind="PHOTO", key=f"photos/{visit.id}.jpg", media_type="image/jpeg",
                    bytes=1, sha256="0", location_id=visit.location_id, visit_id=visit.id,
                )
            )  # fmt: skip
            session.flush()
        bills = service.finish(session, visit, service.Rules(100, wants))
        assert (visit.review_state == APPROVED) == (has_photo and wants)
        assert bool(bills) == (has_photo and wants)
        assert reviewing.bring_up_to_date(session, bills)
    assert len(delivered(session)) == 1
    assert_verified(session.connection())


def test_nobody_reviews_his_own_and_a_return_is_told_and_answered(session: Session) -> None:
    visit = deliver(session)
    agent, boss = person(session, "agent"), person(session, "boss")
    with pytest.raises(ForbiddenError):
        reviewing.approve(session, agent, visit.id, visit.version)
    with pytest.raises(InvalidInputError):
        reviewing.send_back(session, boss, visit.id, visit.version, "  ")
    reviewing.send_back(session, boss, visit.id, visit.version, "There is no photo.")
    told = session.scalars(select(Notification).where(Notification.type == "visit.returned")).one()
    assert told.staff_id == agent.staff_id
    assert "There is no photo." in told.message["en"]
    assert told.url == f"/visits/{visit.id}"
    with pytest.raises(ConflictError):
        reviewing.approve(session, boss, visit.id, visit.version - 1)
    with pytest.raises(ConflictError):
        service.correct(session, boss, visit.id, visit.version, Said("LOCKED"), now=NOW)
    corrected = service.correct(session, agent, visit.id, visit.version, Said("LOCKED", notes="Nobody."), now=NOW)
    assert (corrected.review_state, corrected.outcome, corrected.sent_back) == (PENDING, "LOCKED", 1)
    reviewing.approve(session, boss, visit.id, corrected.version)
    with pytest.raises(ConflictError):
        service.correct(session, agent, visit.id, corrected.version, Said("DELIVERED"), now=NOW)
    assert delivered(session) == {}


def test_several_are_approved_at_once_but_not_what_changed_meanwhile(session: Session) -> None:
    boss = person(session, "boss")
    one, two, own = deliver(session, 1), deliver(session, 2), deliver(session, 1)
    own.staff_id = boss.staff_id
    session.flush()
    wanted = [(one.id, one.version), (two.id, two.version - 1), (own.id, own.version), (10**8, 1)]
    result = settle(session, reviewing.approve_many(session, boss, wanted))
    assert (result.done, result.skipped) == (1, 3)
    assert [visit.review_state for visit in (one, two, own)] == [APPROVED, PENDING, PENDING]
    assert len(delivered(session)) == 1


def test_supervisors_are_told_once_a_day_how_many_wait(session: Session) -> None:
    visit = deliver(session)
    boss, agent = person(session, "boss"), person(session, "agent")
    for actor in (boss, agent):
        session.execute(
            text("INSERT INTO staff_areas (staff_id, location_id) VALUES (:staff, :place)"),
            {"staff": actor.staff_id, "place": visit.location_id},
        )
    assert digest.waiting_by_person(session) == {boss.staff_id: 1}  # his own visit waits for somebody else
    assert digest.tell_reviewers(session, NOW.date()) == 1
    assert digest.tell_reviewers(session, NOW.date()) == 0
    told = session.scalars(select(Notification).where(Notification.type == "visit.review")).one()
    assert (told.staff_id, told.message["en"]) == (boss.staff_id, "1 visit waits for your review")


def test_a_review_during_an_import_is_settled_afterwards(app: Flask, tmp_path: Path) -> None:
    """The reviewer does not wait; the job does, and then the figures are right."""
    with app.app_context():
        bring_committed(write(tmp_path, "areas", [area_row(1)]))
        bring_committed(write(tmp_path, "survey", [survey_row(1)]))
        bring_committed(write(tmp_path, "biller", [biller_row(1)]), month="2025-11")
        with transaction() as session:
            visit = deliver(session)
            boss, key, version = person(session, "boss"), visit.id, visit.version
        locked, release = threading.Event(), threading.Event()

        def importing() -> None:
            with app.app_context(), db.engine.begin() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('imports'))"))
                locked.set()
                release.wait(20)

        other = threading.Thread(target=importing)
        other.start()
        assert locked.wait(10)
        with transaction() as session:
            reviewed = reviewing.approve(session, boss, key, version)
            assert not reviewing.bring_up_to_date(session, reviewed.bills)
        release.set()
        other.join()
        with transaction() as session:
            assert session.get_one(ComplianceVisit, key).review_state == APPROVED
            assert delivered(session) == {}
            assert reviewing.bring_up_to_date(session, reviewed.bills, 5)
            assert len(delivered(session)) == 1
            assert_verified(session.connection())

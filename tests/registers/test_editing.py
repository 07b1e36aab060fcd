"""Edits by hand through the service: what they write, hold, refuse and bring up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.audit.models import AuditEntry
from portal.billing.models import Account
from portal.errors import ConflictError, InvalidInputError, NotFoundError
from portal.locations.models import Location
from portal.permissions import AreaScope
from portal.registers import service
from portal.registers.models import RecordChange
from portal.units.models import SurveyUnit
from tests.imports.portal_files import area_row, biller_row, paid_row, survey_row
from tests.support.importing import assert_verified, bring, state, write

PERSON = service.Actor("editor", None, AreaScope.everywhere())


@pytest.fixture
def office(db_session: Session, tmp_path: Path) -> Session:
    """Three surveyed units and four accounts with bills and a payment."""
    db_session.execute(
        text("SELECT ensure_bill_partition(m::date) FROM generate_series(date '2025-08-01', '2026-01-01', '1 month') m")
    )
    bring(db_session, write(tmp_path, "areas", [area_row(n) for n in range(1, 4)]), as_of="2025-09-01")
    bring(db_session, write(tmp_path, "survey", [survey_row(n) for n in (1, 2, 3)]), as_of="2025-09-10")
    rows = [biller_row(n) for n in (1, 2, 3, 4)]
    bring(db_session, write(tmp_path, "biller", rows), as_of="2025-11-20", month="2025-11")
    bring(db_session, write(tmp_path, "paid", [paid_row(1)]), as_of="2025-12-10")
    return db_session


def unit(session: Session, number: int) -> SurveyUnit:
    key = survey_row(number)[1]
    return session.scalars(
        select(SurveyUnit).where(SurveyUnit.survey_id == str(key)).execution_options(populate_existing=True)
    ).one()


def account(session: Session, number: int) -> Account:
    found: Account = session.scalars(select(Account).order_by(Account.psid).offset(number - 1).limit(1)).one()
    return found


def area(session: Session, number: int) -> Location:
    found: Location = session.scalars(
        select(Location).where(Location.kind == "UNION_COUNCIL").order_by(Location.name).offset(number - 1).limit(1)
    ).one()
    return found


def edit(session: Session, one: SurveyUnit, **changes: Any) -> bool:
    return service.edit_unit(session, PERSON, one.id, one.version, changes, reason="told on the phone")


def test_an_edit_writes_holds_and_is_told(office: Session) -> None:
    one = unit(office, 1)
    typed = {"consumer_name": "New Name", "mobile": "+92 300 7654321", "gps": "32.5, 72.5", "size_band": "5-10 Marla"}
    assert edit(office, one, **typed)
    one = unit(office, 1)
    assert (one.consumer_name, one.mobile, one.gps_lat, one.size_band) == ("New Name", "03007654321", 32.5, "M5_10")
    assert one.kept_by_hand == ["consumer_name", "gps", "mobile", "size_band"]
    assert one.version == 2
    changes = office.scalars(select(RecordChange).where(RecordChange.unit_id == one.id))
    told = {change.field: change for change in changes}
    assert told.keys() == {"consumer_name", "gps", "mobile", "size_band"}
    assert told["mobile"].new == "03007654321"
    assert told["consumer_name"].reason == "told on the phone"
    line = office.scalars(select(AuditEntry).where(AuditEntry.action == "unit.edit")).one()
    assert "03007654321" not in str(line.after)
    assert line.after["mobile"].endswith("4321")
    assert_verified(office.connection())


def test_nothing_different_changes_nothing(office: Session) -> None:
    one = unit(office, 1)
    assert not edit(office, one, consumer_name=one.consumer_name)
    assert (unit(office, 1).version, unit(office, 1).kept_by_hand) == (1, [])


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"mobile": "042 111"}, {"mobile"}),
        ({"mobile": "12", "cnic": "13"}, {"mobile", "cnic"}),
        ({"gps": "0,0"}, {"gps"}),
        ({"gps": "72.5, 32.5"}, {"gps"}),
        ({"use": "DOMESTIC", "size_band": "LARGE"}, {"size_band"}),
        ({"email": "nobody"}, {"email"}),
        ({"surveyed_at": "2999-01-01 10:00"}, {"surveyed_at"}),
        ({"image_urls": "javascript:alert(1)"}, {"image_urls"}),
        ({"address": "x" * 501}, {"address"}),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_field(office: Session, changes: dict[str, str], wrong: set[str]) -> None:
    with pytest.raises(InvalidInputError) as error:
        edit(office, unit(office, 1), **changes)
    assert set(error.value.details["fields"]) == wrong


def test_an_older_form_is_refused(office: Session) -> None:
    one = unit(office, 1)
    edit(office, one, consumer_name="First")
    with pytest.raises(ConflictError) as error:
        service.edit_unit(office, PERSON, one.id, 1, {"consumer_name": "Second"})
    assert error.value.code == "stale"
    assert unit(office, 1).consumer_name == "First"


def test_both_areas_of_a_move_must_be_the_editors(office: Session) -> None:
    one, here, there = unit(office, 1), unit(office, 1).location_id, area(office, 3)
    assert there.id != here
    only_here = service.Actor("local", None, AreaScope.of([here]))
    only_there = service.Actor("local", None, AreaScope.of([there.id]))
    for actor in (only_here, only_there):
        with pytest.raises(NotFoundError):
            service.edit_unit(office, actor, one.id, one.version, {"location_id": there.id})
    both = service.Actor("local", None, AreaScope.of([here, there.id]))
    assert service.edit_unit(office, both, one.id, one.version, {"location_id": there.id}, move_accounts=True)
    assert unit(office, 1).location_id == there.id
    assert account(office, 1).location_id == there.id
    assert_verified(office.connection())


def test_a_closed_unit_counts_nowhere_and_comes_back_as_it_was(office: Session) -> None:
    before = state(office.connection())
    one = unit(office, 1)
    service.close_unit(office, PERSON, one.id, one.version, "demolished")
    assert_verified(office.connection())
    closed = state(office.connection())
    assert closed["unit_states"] != before["unit_states"]
    for table in ("account_balances", "bills", "payments", "rollup_bills", "rollup_collected", "rollup_accounts"):
        assert closed[table] == before[table]
    with pytest.raises(ConflictError):
        edit(office, unit(office, 1), consumer_name="Nobody")
    service.restore_unit(office, PERSON, one.id, None)
    assert_verified(office.connection())
    assert state(office.connection()) == before


def test_closing_needs_a_reason(office: Session) -> None:
    with pytest.raises(InvalidInputError):
        service.close_unit(office, PERSON, unit(office, 1).id, None, "  ")


def test_a_closed_account_keeps_its_money(office: Session) -> None:
    before = state(office.connection())
    service.close_account(office, PERSON, account(office, 1).id, None, "double")
    assert_verified(office.connection())
    after = state(office.connection())
    assert after.pop("accounts") != before.pop("accounts")  # it is marked
    assert after == before


def test_an_account_is_linked_and_unlinked(office: Session) -> None:
    one, two = account(office, 1), unit(office, 2)
    service.edit_account(office, PERSON, one.id, one.version, {"survey_id": two.survey_id})
    office.refresh(one)
    assert one.unit_id == two.id
    assert_verified(office.connection())
    service.edit_account(office, PERSON, one.id, None, {"survey_id": ""})
    office.refresh(one)
    assert (one.unit_id, one.survey_id) == (None, None)
    assert_verified(office.connection())


def test_a_unit_made_by_hand_finds_its_account(office: Session) -> None:
    waiting = account(office, 4)
    assert waiting.unit_id is None
    made = service.create_unit(
        office, PERSON, waiting.survey_id or "", {"location_id": area(office, 1).id, "consumer_name": "By hand"}
    )
    office.refresh(waiting)
    assert waiting.unit_id == made.id
    assert made.kept_by_hand == ["consumer_name", "location_id"]
    assert_verified(office.connection())
    with pytest.raises(ConflictError) as error:
        service.create_unit(office, PERSON, made.survey_id, {"location_id": area(office, 1).id})
    assert error.value.code == "taken"
    provisional = service.create_unit(office, PERSON, "", {"location_id": area(office, 1).id})
    assert len(provisional.survey_id) == 12


def test_an_account_made_by_hand_finds_its_payments(office: Session, tmp_path: Path) -> None:
    bring(office, write(tmp_path, "paid", [paid_row(9)], "late.csv"), as_of="2025-12-11")
    psid = paid_row(9)[1]
    made = service.create_account(office, PERSON, psid, {"location_id": area(office, 2).id, "monthly_fee": "300"})
    assert office.scalar(text("SELECT account_id FROM payments WHERE psid = :psid"), {"psid": psid}) == made.id
    assert_verified(office.connection())

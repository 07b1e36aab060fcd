"""The old system's tables: every row accounted for, repeatable, and never above what the portal's files say."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.billing.models import Account, Bill
from portal.cutover.outcome import TableOutcome
from portal.cutover.service import exports_in, take_over
from portal.db import read_snapshot, session, transaction
from portal.errors import RefusedFileError
from portal.imports.service import Actor, ImportSettings
from portal.notifications.models import Notification
from portal.payments.models import Payment
from portal.staff.models import Staff
from portal.tickets.models import Ticket
from portal.units.models import SurveyUnit
from portal.verify.service import verify
from portal.visits.models import ComplianceVisit
from tests.cutover import exports
from tests.imports import portal_files
from tests.support.importing import bring, state
from tests.support.places import small_tree

TODAY = dt.date(2025, 12, 20)


@pytest.fixture
def here(app: Flask, tmp_path: Path) -> Flask:
    small_tree(app)
    return app


def run(folder: Path, tmp_path: Path) -> dict[str, TableOutcome]:
    with transaction() as db:
        return {outcome.kind: outcome for outcome in _take(db, folder, tmp_path)}


def _take(db: Session, folder: Path, tmp_path: Path) -> list[TableOutcome]:
    kept = ImportSettings(uploads_dir=tmp_path / "work", max_bytes=100 << 20, cycle_start_day=16)
    return take_over(db, exports_in(folder), actor=Actor.system(), settings=kept, today=TODAY)


def check_verified() -> None:
    with read_snapshot() as connection:
        report = verify(connection)
    assert [str(found) for found in report.differences] == []


def figures(outcome: TableOutcome) -> tuple[int, ...]:
    counts = outcome.counts
    assert counts.rows == counts.inserted + counts.updated + counts.unchanged + counts.duplicates + counts.rejected
    return counts.inserted, counts.updated, counts.unchanged, counts.duplicates, counts.rejected, counts.pending


def test_every_row_of_every_table_is_accounted_for(here: Flask, tmp_path: Path) -> None:
    folder = exports.write_all(tmp_path / "old")
    with here.app_context():
        found = run(folder, tmp_path)
        assert {kind: figures(outcome) for kind, outcome in found.items()} == {
            "unique_locations": (2, 0, 0, 1, 1, 0),
            "survey_units": (3, 0, 0, 1, 1, 0),
            "bills": (4, 0, 0, 0, 2, 1),
            "payments": (1, 0, 0, 0, 1, 0),
            "staff": (3, 0, 0, 0, 2, 0),
            "tickets": (2, 0, 0, 0, 1, 0),
            "compliance_visits": (1, 0, 0, 0, 2, 0),
            "notifications": (1, 0, 0, 0, 1, 0),
        }
        assert found["bills"].totals == {"bills": 4, "monthly_fee": 2100, "amount_payable": 2100}
        assert found["payments"].totals == {"payments": 1, "paid_amount": 300}
        check_verified()


def test_what_stands_in_the_registers_afterwards(here: Flask, tmp_path: Path) -> None:
    folder = exports.write_all(tmp_path / "old")
    with here.app_context():
        run(folder, tmp_path)
        db = session()
        unit = db.scalars(select(SurveyUnit).where(SurveyUnit.survey_id == "1001")).one()
        assert (unit.consumer_name, unit.mobile, unit.size_band) == ("Aslam Khan", "03001234567", "M0_5")
        assert unit.image_urls == ["https://drive.google.com/file/d/drive-1/view"]
        account = db.scalars(select(Account).where(Account.psid == exports.FIRST)).one()
        assert (account.consumer_name, account.mobile, account.unit_id) == ("Aslam K.", "03007654321", unit.id)
        bills = db.scalars(select(Bill).where(Bill.account_id == account.id).order_by(Bill.billing_month)).all()
        assert [(bill.status, bill.source, bill.portal_bill_id) for bill in bills] == [
            ("PAID", "OLD_SYSTEM", None),
            ("UNPAID", "OLD_SYSTEM", None),
        ]
        paid = db.scalars(select(Payment)).one()
        assert (paid.psid, paid.paid_amount, paid.account_id) == (exports.FIRST, 300, account.id)
        pending = db.scalars(select(Account).where(Account.psid == exports.SECOND)).one()
        assert (pending.unit_id, pending.survey_id) == (None, "4444")
        ticket = db.scalars(select(Ticket).where(Ticket.number == "OLD-7")).one()
        assert (ticket.status, ticket.decision, ticket.priority) == ("OPEN", "PENDING", "HIGH")
        assert ticket.description == "Ten marla,\nnot five"
        reporter = db.scalars(select(Staff).where(Staff.username == "old.agent")).one()
        assert ticket.reported_by == reporter.id
        assert ticket.location_id == reporter.areas[0].location_id
        visit = db.scalars(select(ComplianceVisit)).one()
        assert visit.visited_at == dt.datetime(2025, 11, 5, 9, 30, tzinfo=dt.UTC)
        assert visit.notes == "Clean\nhttps://drive.google.com/file/d/p-9/view"
        told = db.scalars(select(Notification)).one()
        assert "1234567" not in told.message["en"]
        assert told.read_at is None


def test_passwords_are_kept_as_hashes_or_not_at_all(here: Flask, tmp_path: Path) -> None:
    folder = exports.write_all(tmp_path / "old")
    with here.app_context():
        found = run(folder, tmp_path)
        people = {staff.username: staff for staff in session().scalars(select(Staff))}
        assert bcrypt.checkpw(exports.PASSWORD.encode(), people["old.agent"].password_hash.encode())
        assert (people["old.plain"].password_hash, people["old.plain"].must_change_password) == ("", True)
        assert found["staff"].findings["PASSWORD_RESET"] == 1
        everything = session().execute(text("SELECT string_agg(t::text, '') FROM staff t")).scalar_one()
        everything += str(session().execute(text("SELECT string_agg(t::text, '') FROM audit_log t")).scalar_one())
        assert "1234567" not in everything


def test_an_area_that_is_unknown_gives_nothing(here: Flask, tmp_path: Path) -> None:
    folder = exports.write_all(tmp_path / "old")
    with here.app_context():
        run(folder, tmp_path)
        lost = session().scalars(select(Staff).where(Staff.username == "old.lost")).one()
        assert (lost.areas, lost.is_active) == ([], False)


def test_a_second_time_changes_nothing(here: Flask, tmp_path: Path) -> None:
    folder = exports.write_all(tmp_path / "old")
    with here.app_context():
        run(folder, tmp_path)
        before = _everything()
        found = run(folder, tmp_path)
        written = {kind: (o.counts.inserted, o.counts.updated) for kind, o in found.items()}
        assert written == dict.fromkeys(found, (0, 0))
        assert _everything() == before
        check_verified()


def _everything() -> dict[str, Any]:
    with read_snapshot() as connection:
        found = dict(state(connection))
        for table in ("staff", "staff_areas", "tickets", "ticket_events", "compliance_visits", "notifications"):
            found[table] = connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")).all()
        return found


def _biller(folder: Path) -> Path:
    row = portal_files.biller_row(
        1,
        biller_psid=exports.FIRST,
        survey_id="1001",
        last_bill_id="900",
        last_bill_date_time="25/10/2025 04:45 AM",
        total_payable="777",
        district="Khushab",
        tehsil="Khushab",
        uc="MC-9 Clocktower",
        name="Portal Name",
    )
    return portal_files.write_csv(folder / "02_Biller_Khushab_Nov2025.csv", portal_files.BILLER, [row])


@pytest.mark.parametrize("files_first", [True, False])
def test_the_portals_bill_stands_whatever_comes_first(here: Flask, tmp_path: Path, files_first: bool) -> None:
    folder = exports.write_all(tmp_path / "old")
    with here.app_context():
        for step in ("file", "cutover") if files_first else ("cutover", "file"):
            if step == "file":
                with transaction() as db:
                    bring(db, _biller(tmp_path), kind="biller")
            else:
                found = run(folder, tmp_path)
        assert ("GIVEN_BY_PORTAL" in found["bills"].findings) is files_first
        live = session().execute(
            select(Bill.source, Bill.amount_payable).where(
                Bill.psid == exports.FIRST, Bill.billing_month == dt.date(2025, 11, 1), Bill.status != "CANCELLED"
            )
        )
        assert live.all() == [("BILLER", 777)]
        assert session().scalar(select(Account.consumer_name).where(Account.psid == exports.FIRST)) == "Portal Name"
        check_verified()


def test_a_dry_run_writes_nothing(here: Flask, tmp_path: Path) -> None:
    folder = exports.write_all(tmp_path / "old")
    with here.app_context():
        before = _everything()
        with transaction() as db:
            found = _take(db, folder, tmp_path)
            db.rollback()
        assert sum(outcome.counts.inserted for outcome in found) == 17
        assert _everything() == before


def test_a_file_that_is_none_is_refused_whole(here: Flask, tmp_path: Path) -> None:
    folder = exports.write_all(tmp_path / "old")
    (folder / "zz.csv").write_text("a,b,c\n1,2,3\n")
    with here.app_context(), pytest.raises(RefusedFileError, match="none of the old system"):
        run(folder, tmp_path)
    (folder / "zz.csv").write_text((folder / "bills.csv").read_text())
    with here.app_context(), pytest.raises(RefusedFileError, match="second export"):
        run(folder, tmp_path)


cell = st.text(st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=("Cs",)), max_size=12)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_the_cells_every_row_is_told(data: st.DataObject, tmp_path_factory: Any) -> None:
    """No cell of any table can make a run fail or lose a row."""
    folder = tmp_path_factory.mktemp("random")
    for table, rows in exports.ALL.items():
        spoiled = [
            {key: data.draw(cell) if data.draw(st.integers(0, 3)) == 0 else value for key, value in row.items()}
            for row in rows
        ]
        exports.write(folder, table, spoiled)
    with RANDOM["app"].app_context(), transaction() as db:
        found = _take(db, folder, folder)
        db.rollback()
    for outcome in found:
        figures(outcome)
        if outcome.kind not in {"payments"}:
            assert outcome.counts.rows <= len(exports.ALL[outcome.kind])


RANDOM: dict[str, Flask] = {}


@pytest.fixture(autouse=True, scope="module")
def _random_app(module_app: Flask) -> None:
    small_tree(module_app)
    RANDOM["app"] = module_app

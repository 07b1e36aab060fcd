"""The rules of portal files, one by one, through the real importers on a real database."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.errors import InvalidInputError, RefusedFileError
from portal.imports.outcome import Outcome
from portal.locations.service import link_place
from portal.permissions import AreaScope
from tests.imports.portal_files import area_row, biller_row, paid_row, psid, short_paid_row, survey_row, write_xlsx
from tests.support.importing import assert_verified, bring, write

OCT, NOV, DEC = dt.date(2025, 10, 1), dt.date(2025, 11, 1), dt.date(2025, 12, 1)


@pytest.fixture(autouse=True)
def partitions(db_session: Session) -> None:
    """Made in the test's own transaction; an import would make them in another, which waits for this one."""
    db_session.execute(
        text("SELECT ensure_bill_partition(m::date) FROM generate_series(date '2025-09-01', '2026-01-01', '1 month') m")
    )


@pytest.fixture
def tree(db_session: Session, tmp_path: Path) -> None:
    """District Rangpur, tehsil Nilokot, union councils 1 to 4."""
    bring(db_session, write(tmp_path, "areas", [area_row(n) for n in range(1, 5)]))


def one(session: Session, sql: str, **parameters: Any) -> Any:
    return session.execute(text(sql), parameters).one()


def bill(session: Session, portal_bill_id: str) -> Any:
    return one(session, "SELECT * FROM bills WHERE portal_bill_id = :id", id=portal_bill_id)


def codes(outcome: Outcome) -> dict[str, int]:
    return {finding["code"]: finding["rows"] for finding in outcome.findings}


@pytest.mark.usefixtures("tree")
class TestBillerList:
    def test_counts_and_totals(self, db_session: Session, tmp_path: Path) -> None:
        rows = [
            biller_row(1),
            biller_row(2, total_payable="-", last_bill_id="-", last_bill_date_time="-", monthly_fee="-"),
            biller_row(3, biller_psid="2.67701E+19"),
            biller_row(1, name="Somebody Else"),
            biller_row(4, total_payable="300"),
        ]
        outcome = bring(db_session, write(tmp_path, "biller", rows))
        assert outcome.summary() == {
            "kind": "biller", "file": "biller.csv", "rows": 5, "inserted": 3, "updated": 0, "unchanged": 0,
            "duplicates": 1, "rejected": 1, "pending": 3,
            "totals": {"accounts": 3, "bills": 2, "monthly_fee": 400, "amount_payable": 1955},
        }  # fmt: skip
        assert codes(outcome)["DUPLICATE_KEY_DIFFERENT"] == 1
        assert one(db_session, "SELECT consumer_name FROM accounts WHERE psid = :p", p=psid(1))[0] == "Somebody Else"
        kept = db_session.execute(text("SELECT line_no, outcome, raw IS NOT NULL FROM import_rows ORDER BY 1")).all()
        assert [(2, "DUPLICATE"), (3, "INSERTED"), (4, "REJECTED"), (5, "INSERTED"), (6, "INSERTED")] == [
            row[:2] for row in kept
        ]
        assert [row[2] for row in kept] == [True, False, True, False, False]
        assert_verified(db_session.connection())

    def test_the_same_file_again_changes_nothing(self, db_session: Session, tmp_path: Path) -> None:
        path = write(tmp_path, "biller", [biller_row(n) for n in range(1, 6)])
        bring(db_session, path)
        again = bring(db_session, path)
        assert (again.counts.unchanged, again.counts.rows) == (5, 5)
        assert again.totals["bills"] == 5

    def test_a_repeated_bill_id_is_the_same_bill_and_keeps_its_month(self, db_session: Session, tmp_path: Path) -> None:
        bring(db_session, write(tmp_path, "biller", [biller_row(1)]), month="2025-10", as_of="2025-11-01")
        refreshed = write(tmp_path, "biller", [biller_row(1, total_payable="1,820")])
        outcome = bring(db_session, refreshed, month="2025-11", as_of="2025-12-01")
        assert outcome.counts.updated == 1
        assert db_session.scalar(text("SELECT count(*) FROM bills")) == 1
        assert (bill(db_session, "880001").billing_month, bill(db_session, "880001").amount_payable) == (OCT, 1820)

    def test_an_older_file_adds_what_is_missing_and_overwrites_nothing(
        self, db_session: Session, tmp_path: Path
    ) -> None:
        newer = [biller_row(1, name="New Name", last_bill_id="990001", last_bill_date_time="17/11/2025 04:45 AM")]
        bring(db_session, write(tmp_path, "biller", newer), as_of="2025-12-01", month="2025-11")
        older = [biller_row(1, name="Old Name"), biller_row(2)]
        outcome = bring(db_session, write(tmp_path, "biller", older), as_of="2025-11-01", month="2025-10")
        assert (outcome.counts.inserted, outcome.counts.updated) == (1, 1)
        assert codes(outcome)["OLDER_FILE"] == 1
        assert one(db_session, "SELECT consumer_name FROM accounts WHERE psid = :p", p=psid(1))[0] == "New Name"
        assert (bill(db_session, "880001").status, bill(db_session, "990001").status) == ("ARREARS", "UNPAID")
        assert_verified(db_session.connection())

    def test_changes_show_only_what_is_written(self, db_session: Session, tmp_path: Path) -> None:
        newer = [biller_row(1, name="New Name", last_bill_id="990001", last_bill_date_time="17/11/2025 04:45 AM")]
        bring(db_session, write(tmp_path, "biller", newer), as_of="2025-12-01", month="2025-11")
        older = [biller_row(1, name="Old Name", mobile="03110000000")]
        outcome = bring(db_session, write(tmp_path, "biller", older), as_of="2025-11-01", month="2025-10")
        assert outcome.counts.updated == 1
        changes = db_session.scalar(text("SELECT changes FROM import_rows WHERE outcome = 'UPDATED'"))
        assert set(changes) == {"bill", "bill_month"}
        assert set(outcome.samples[0]["changes"]) == {"bill", "bill_month"}

    def test_precedence_of_the_month(self, db_session: Session, tmp_path: Path) -> None:
        rows = [
            biller_row(1, last_bill_date_time="24/10/2025 04:45 AM"),
            biller_row(2, last_bill_date_time="25/10/2025 04:45 AM"),
            biller_row(3, last_bill_date_time="04/11/2025 04:45 AM"),
        ]
        named = write(tmp_path, "biller", rows, name="02_Biller_Nilokot_Nov2025.csv")
        plain = write(tmp_path, "biller", rows)
        months = {}
        for label, path, options in (
            ("calendar", plain, {}),
            ("file name", named, {}),
            ("month", named, {"month": "2025-12"}),
            ("issued", named, {"month": "2025-12", "issued": {"2025-10-24": "2025-10"}}),
        ):
            outcome = bring(db_session, path, dry_run=True, **options)
            months[label] = [(entry["month"][:7], entry["source"]) for entry in outcome.issue_dates]
        assert months == {
            "calendar": [("2025-10", "CALENDAR"), ("2025-10", "CALENDAR"), ("2025-11", "CALENDAR")],
            "file name": [("2025-11", "FILE_NAME")] * 3,
            "month": [("2025-12", "MONTH")] * 3,
            "issued": [("2025-10", "ISSUED"), ("2025-12", "MONTH"), ("2025-12", "MONTH")],
        }

    def test_a_month_in_the_future_is_refused(self, db_session: Session, tmp_path: Path) -> None:
        path = write(tmp_path, "biller", [biller_row(1)])
        with pytest.raises(InvalidInputError, match="2026-03"):
            bring(db_session, path, month="2026-03")

    def test_an_as_of_in_the_future_is_refused(self, db_session: Session, tmp_path: Path) -> None:
        with pytest.raises(InvalidInputError, match="lies in the future"):
            bring(db_session, write(tmp_path, "biller", [biller_row(1)]), as_of="2130-01-01")

    def test_a_name_from_the_future_is_not_used_and_said(self, db_session: Session, tmp_path: Path) -> None:
        path = write(tmp_path, "biller", [biller_row(1)], name="Biller_Nilokot_Nov2027.csv")
        outcome = bring(db_session, path)
        assert outcome.issue_dates[0]["source"] == "CALENDAR"
        assert codes(outcome)["NAME_IN_FUTURE"] == 1

    def test_a_second_bill_of_a_month_supersedes_and_payments_follow(self, db_session: Session, tmp_path: Path) -> None:
        bring(db_session, write(tmp_path, "biller", [biller_row(1)]), month="2025-11", as_of="2025-11-01")
        bring(db_session, write(tmp_path, "paid", [paid_row(1, paid_amount="1,000", amount="1,000")]))
        assert bill(db_session, "880001").status == "PAID"
        later = [biller_row(1, last_bill_id="880009", last_bill_date_time="17/11/2025 04:45 AM", total_payable="900")]
        outcome = bring(db_session, write(tmp_path, "biller", later), month="2025-11", as_of="2025-11-20")
        assert codes(outcome)["SUPERSEDED_BILL"] == 1
        assert (bill(db_session, "880001").status, bill(db_session, "880009").status) == ("CANCELLED", "PAID")
        assert bill(db_session, "880001").paid_amount == 0
        assert bill(db_session, "880009").demand == 1000, "the Amount of the paid row comes before the stated payable"
        assert_verified(db_session.connection())

    def test_same_issue_time_the_higher_id_is_later(self, db_session: Session, tmp_path: Path) -> None:
        for number, as_of in (("99", "2025-11-01"), ("100", "2025-11-02"), ("98", "2025-11-03")):
            bring(
                db_session,
                write(tmp_path, "biller", [biller_row(1, last_bill_id=number)]),
                month="2025-11",
                as_of=as_of,
            )
        assert bill(db_session, "100").status == "UNPAID"
        assert {bill(db_session, "98").status, bill(db_session, "99").status} == {"CANCELLED"}

    def test_dry_run_writes_nothing(self, db_session: Session, tmp_path: Path) -> None:
        outcome = bring(db_session, write(tmp_path, "biller", [biller_row(1)]), dry_run=True)
        assert outcome.counts.inserted == 1
        for table in ("accounts", "bills", "places", "import_rows"):
            assert db_session.scalar(text(f"SELECT count(*) FROM {table}")) == 0

    def test_odd_values_never_reject(self, db_session: Session, tmp_path: Path) -> None:
        row = biller_row(1, cnic="junk", mobile="see neighbour", monthly_fee="-", uc="-", status="?", balance="x")
        outcome = bring(db_session, write(tmp_path, "biller", [row]))
        assert (outcome.counts.inserted, outcome.counts.rejected) == (1, 0)
        assert {"CNIC_UNREADABLE", "MOBILE_UNREADABLE", "NO_UNION_COUNCIL"} <= set(codes(outcome))
        kept = one(db_session, "SELECT cnic, cnic_text, mobile, mobile_text FROM accounts")
        assert tuple(kept) == (None, "junk", None, "see neighbour")

    def test_rows_outside_the_area_are_rejected(self, db_session: Session, tmp_path: Path) -> None:
        inside = db_session.scalar(text("SELECT id FROM locations WHERE portal_id = '701' AND kind = 'UNION_COUNCIL'"))
        rows = [biller_row(1), biller_row(2, uc="UC-2, Chak 2, Nilokot")]
        outcome = bring(db_session, write(tmp_path, "biller", rows), scope=AreaScope.of([inside]))
        assert (outcome.counts.inserted, outcome.counts.rejected) == (1, 1)
        assert codes(outcome)["OUTSIDE_AREA"] == 1
        assert outcome.totals["accounts"] == 1

    def test_an_account_elsewhere_cannot_be_pulled_into_the_own_area(self, db_session: Session, tmp_path: Path) -> None:
        bring(db_session, write(tmp_path, "biller", [biller_row(1, uc="UC-2, Chak 2, Nilokot")]))
        inside = db_session.scalar(text("SELECT id FROM locations WHERE portal_id = '701' AND kind = 'UNION_COUNCIL'"))
        outcome = bring(db_session, write(tmp_path, "biller", [biller_row(1)]), scope=AreaScope.of([inside]))
        assert outcome.counts.rejected == 1
        assert codes(outcome)["OUTSIDE_AREA_ACCOUNT"] == 1

    def test_a_bill_id_goes_over_to_a_lower_psid_with_all_that_hangs_on_it(
        self, db_session: Session, tmp_path: Path
    ) -> None:
        bring(db_session, write(tmp_path, "survey", [survey_row(1), survey_row(2)]))
        bring(db_session, write(tmp_path, "biller", [biller_row(2)]), month="2025-11", as_of="2025-11-27")
        bring(db_session, write(tmp_path, "paid", [paid_row(2)]))
        claim = biller_row(1, last_bill_id="880002", total_payable="300")
        # Even from an older file, and with that file's month.
        outcome = bring(db_session, write(tmp_path, "biller", [claim]), month="2025-10", as_of="2025-11-20")
        assert (codes(outcome)["BILL_TAKEN_OVER"], "BILL_OTHER_ACCOUNT" in codes(outcome)) == (1, False)
        taken = bill(db_session, "880002")
        assert (taken.psid, taken.billing_month, taken.demand, taken.status) == (psid(1), OCT, 300, "UNPAID")
        left = one(
            db_session,
            "SELECT latest_bill_id, outstanding, payments_count FROM account_balances b"
            " JOIN accounts a ON a.id = b.account_id WHERE psid = :psid",
            psid=psid(2),
        )
        assert tuple(left) == (None, 0, 1)
        assert one(db_session, "SELECT psid, bill_id, account_id IS NULL FROM payments")[:] == (psid(2), None, False)
        # The higher PSID does not get it back.
        outcome = bring(db_session, write(tmp_path, "biller", [biller_row(2)]), month="2025-11", as_of="2025-12-01")
        assert codes(outcome)["BILL_OTHER_ACCOUNT"] == 1
        assert bill(db_session, "880002").psid == psid(1)
        assert_verified(db_session.connection())

    def test_a_bill_that_a_person_moved_keeps_its_month_when_it_goes_over(
        self, db_session: Session, tmp_path: Path
    ) -> None:
        bring(db_session, write(tmp_path, "biller", [biller_row(2)]), month="2025-11")
        db_session.execute(text("UPDATE bills SET month_source = 'MOVED'"))
        bring(db_session, write(tmp_path, "biller", [biller_row(1, last_bill_id="880002")]), month="2025-10")
        found = bill(db_session, "880002")
        assert (found.psid, found.billing_month, found.month_source) == (psid(1), NOV, "MOVED")

    def test_a_claim_takes_no_bill_from_an_account_elsewhere(self, db_session: Session, tmp_path: Path) -> None:
        bring(db_session, write(tmp_path, "biller", [biller_row(2, uc="UC-2, Chak 2, Nilokot")]), month="2025-11")
        inside = db_session.scalar(text("SELECT id FROM locations WHERE portal_id = '701' AND kind = 'UNION_COUNCIL'"))
        claim = write(tmp_path, "biller", [biller_row(1, last_bill_id="880002")])
        outcome = bring(db_session, claim, month="2025-11", scope=AreaScope.of([inside]))
        assert codes(outcome)["BILL_OTHER_ACCOUNT"] == 1
        assert bill(db_session, "880002").psid == psid(2)
        # Nor is a claim of a row outside the area one: the row inside has its bill.
        rows = [biller_row(3, uc="UC-2, Chak 2, Nilokot", last_bill_id="880009"), biller_row(4, last_bill_id="880009")]
        bring(db_session, write(tmp_path, "biller", rows), month="2025-11", scope=AreaScope.of([inside]))
        assert bill(db_session, "880009").psid == psid(4)

    def test_pending_accounts_match_themselves_when_their_survey_arrives(
        self, db_session: Session, tmp_path: Path
    ) -> None:
        bring(db_session, write(tmp_path, "biller", [biller_row(1), biller_row(2)]))
        assert db_session.scalar(text("SELECT sum(pending) FROM rollup_accounts")) == 2
        bring(db_session, write(tmp_path, "survey", [survey_row(1)]))
        assert db_session.scalar(text("SELECT sum(pending) FROM rollup_accounts")) == 1
        assert db_session.scalar(text("SELECT sum(billed) FROM rollup_unit_cycles")) == 1
        assert_verified(db_session.connection())

    def test_a_survey_id_with_two_psids_is_found_and_counts_once(self, db_session: Session, tmp_path: Path) -> None:
        bring(db_session, write(tmp_path, "survey", [survey_row(1)]))
        outcome = bring(db_session, write(tmp_path, "biller", [biller_row(1), biller_row(2, survey_id="2319001")]))
        assert codes(outcome)["SECOND_PSID"] == 2
        assert db_session.scalar(text("SELECT sum(listed) FROM rollup_units")) == 1
        assert db_session.scalar(text("SELECT sum(billed) FROM rollup_unit_cycles")) == 1
        assert_verified(db_session.connection())


@pytest.mark.usefixtures("tree")
class TestPaidList:
    def test_counts_totals_and_unmatched(self, db_session: Session, tmp_path: Path) -> None:
        bring(db_session, write(tmp_path, "biller", [biller_row(1)]), month="2025-11")
        rows = [paid_row(1), paid_row(1), paid_row(2), paid_row(3, paid_date="never"), paid_row(1, channel="JazzCash")]
        outcome = bring(db_session, write(tmp_path, "paid", rows))
        assert outcome.summary() == {
            "kind": "paid", "file": "paid.csv", "rows": 5, "inserted": 3, "updated": 0, "unchanged": 0,
            "duplicates": 1, "rejected": 1, "pending": 1, "totals": {"payments": 3, "paid_amount": 4965},
        }  # fmt: skip
        sums = dict(db_session.execute(text("SELECT state, sum(amount) FROM rollup_collected GROUP BY 1")).all())
        assert sums == {"POSTED": 3310, "UNMATCHED": 1655}
        assert_verified(db_session.connection())

    def test_unmatched_money_is_matched_when_its_account_arrives(self, db_session: Session, tmp_path: Path) -> None:
        bring(db_session, write(tmp_path, "paid", [paid_row(1)]))
        bring(db_session, write(tmp_path, "biller", [biller_row(1)]), month="2025-11")
        assert bill(db_session, "880001").status == "PAID"
        assert db_session.scalar(text("SELECT sum(amount) FROM rollup_collected WHERE state = 'UNMATCHED'")) == 0
        assert_verified(db_session.connection())

    def test_csv_and_excel_long_and_short_are_the_same_payment(self, db_session: Session, tmp_path: Path) -> None:
        from tests.imports.portal_files import PAID_LONG

        bring(db_session, write(tmp_path, "short", [short_paid_row(1)]), as_of="2025-12-06")
        book = write_xlsx(
            tmp_path / "paid.xlsx",
            {
                "Pivot": [["Row Labels", "Sum of Paid Amount"], ["1Bill", 1655]],
                "Data": [PAID_LONG, paid_row(1, month=dt.datetime(2025, 11, 1), paid_amount=1655, amount=1655)],
            },
        )
        outcome = bring(db_session, book, as_of="2025-12-07")
        assert (outcome.counts.rows, outcome.counts.inserted, outcome.counts.updated) == (1, 0, 1)
        again = bring(db_session, write(tmp_path, "short", [short_paid_row(1)]), as_of="2025-12-08")
        assert again.counts.unchanged == 1, "what only the long form states is not blanked out by the short one"
        assert one(db_session, "SELECT wmc FROM payments")[0] == "Rangpur WMC"
        assert db_session.scalar(text("SELECT count(*) FROM payments")) == 1

    def test_another_date_amount_or_channel_is_a_second_payment(self, db_session: Session, tmp_path: Path) -> None:
        bring(db_session, write(tmp_path, "paid", [paid_row(1)]))
        others = [
            paid_row(1, paid_date="Dec 06, 2025"),
            paid_row(1, paid_amount="1,656"),
            paid_row(1, channel="OTC/Cash"),
            paid_row(1, active="0"),
        ]
        outcome = bring(db_session, write(tmp_path, "paid", others))
        assert (outcome.counts.inserted, outcome.counts.updated) == (3, 1)

    def test_money_of_a_month_without_bill_goes_to_the_latest_bill_before_it(
        self, db_session: Session, tmp_path: Path
    ) -> None:
        bring(db_session, write(tmp_path, "biller", [biller_row(1)]), month="2025-10")
        outcome = bring(db_session, write(tmp_path, "paid", [paid_row(1)]))
        assert codes(outcome)["MONTH_DIFFERS"] == 1
        payment = one(db_session, "SELECT month, bill_month FROM payments")
        assert tuple(payment) == (NOV, OCT)

    def test_money_before_any_bill_stays_unallocated_but_collected(self, db_session: Session, tmp_path: Path) -> None:
        bring(db_session, write(tmp_path, "biller", [biller_row(1)]), month="2025-10")
        bring(db_session, write(tmp_path, "paid", [paid_row(1, month="Sep 2025", paid_date="Sep 20, 2025")]))
        assert one(db_session, "SELECT bill_id, account_id IS NOT NULL FROM payments") == (None, True)
        assert db_session.scalar(text("SELECT sum(amount) FROM rollup_collected WHERE state = 'POSTED'")) == 1655
        assert (bill(db_session, "880001").status, bill(db_session, "880001").paid_amount) == ("UNPAID", 0)

    @pytest.mark.parametrize(
        ("amount", "fine", "paid", "status"),
        [
            ("1,000", "100", "1,000", "PAID"),
            ("1,000", "100", "1,100", "PAID"),
            ("1,000", "100", "999", "PARTIAL"),
            ("-", "-", "1,655", "PAID"),
            ("-", "-", "1,654", "PARTIAL"),
        ],
    )
    def test_when_a_bill_is_paid(
        self, db_session: Session, tmp_path: Path, amount: str, fine: str, paid: str, status: str
    ) -> None:
        bring(db_session, write(tmp_path, "biller", [biller_row(1)]), month="2025-11")
        bring(db_session, write(tmp_path, "paid", [paid_row(1, amount=amount, fine=fine, paid_amount=paid)]))
        assert bill(db_session, "880001").status == status

    def test_amounts_that_disagree_are_found_and_neither_is_corrected(
        self, db_session: Session, tmp_path: Path
    ) -> None:
        bring(db_session, write(tmp_path, "biller", [biller_row(1)]), month="2025-11")
        outcome = bring(db_session, write(tmp_path, "paid", [paid_row(1, amount="1,000", paid_amount="1,000")]))
        assert codes(outcome)["AMOUNT_DIFFERS"] == 1
        assert (bill(db_session, "880001").amount_payable, bill(db_session, "880001").demand) == (1655, 1000)


class TestPlaces:
    def test_unknown_places_wait_and_their_rows_follow_the_area_list(self, db_session: Session, tmp_path: Path) -> None:
        bring(db_session, write(tmp_path, "biller", [biller_row(1)]), month="2025-11")
        bring(db_session, write(tmp_path, "survey", [survey_row(1)]))
        bring(db_session, write(tmp_path, "paid", [paid_row(1)]))
        open_places = db_session.scalar(text("SELECT count(*) FROM places WHERE state = 'OPEN'"))
        assert open_places and open_places > 0
        bring(db_session, write(tmp_path, "areas", [area_row(n) for n in range(1, 3)]))
        assert db_session.scalar(text("SELECT count(*) FROM places WHERE state = 'OPEN'")) == 0
        area = one(db_session, "SELECT id FROM locations WHERE portal_id = '701' AND kind = 'UNION_COUNCIL'")[0]
        for table in ("accounts", "bills", "survey_units", "payments", "account_balances", "unit_cycles"):
            assert db_session.scalars(text(f"SELECT location_id FROM {table}")).all() == [area], table
        assert (
            one(
                db_session,
                "SELECT p.name FROM locations d JOIN locations p ON p.id = d.parent_id WHERE d.kind = 'DISTRICT'",
            )[0]
            == "Nilaab"
        )
        assert_verified(db_session.connection())

    def test_a_district_in_two_divisions_is_said(self, db_session: Session, tmp_path: Path) -> None:
        bring(db_session, write(tmp_path, "areas", [area_row(1)]))
        outcome = bring(db_session, write(tmp_path, "biller", [biller_row(1)]))
        assert "DISTRICT_IN_TWO_DIVISIONS" not in codes(outcome)
        path = write(tmp_path, "paid", [paid_row(n, division=" Zard Kot ") for n in range(1, 4)])
        outcome = bring(db_session, path, dry_run=True)
        found = next(one for one in outcome.findings if one["code"] == "DISTRICT_IN_TWO_DIVISIONS")
        assert (found["rows"], found["severity"]) == (1, "NOTE")
        assert [(one["line_no"], one["value"]) for one in found["samples"]] == [(0, "Rangpur: Nilaab, Zard Kot")]
        again = [bring(db_session, path), bring(db_session, path)]
        assert [codes(one)["DISTRICT_IN_TWO_DIVISIONS"] for one in again] == [1, 1], "as long as it is so"
        # Of another district nothing is said, nor by a list that names no division.
        other = bring(db_session, write(tmp_path, "biller", [biller_row(9, district="Alagkot")]))
        survey = bring(db_session, write(tmp_path, "survey", [survey_row(1)]))
        assert not {"DISTRICT_IN_TWO_DIVISIONS"} & (codes(other).keys() | codes(survey).keys())

    def test_one_file_may_name_two_divisions(self, db_session: Session, tmp_path: Path) -> None:
        rows = [biller_row(1), biller_row(2, division="Abad"), biller_row(3, division="NILAAB")]
        outcome = bring(db_session, write(tmp_path, "biller", rows))
        found = next(one for one in outcome.findings if one["code"] == "DISTRICT_IN_TWO_DIVISIONS")
        assert [one["value"] for one in found["samples"]] == ["Rangpur: Abad, Nilaab"]

    def test_a_linked_spelling_holds_for_files_without_a_division(self, db_session: Session, tmp_path: Path) -> None:
        bring(db_session, write(tmp_path, "areas", [area_row(n) for n in range(1, 3)]))
        bring(db_session, write(tmp_path, "biller", [biller_row(1, uc="Purana Bazar")]))
        area = one(db_session, "SELECT id FROM locations WHERE portal_id = '702' AND kind = 'UNION_COUNCIL'")[0]
        link_place(db_session, one(db_session, "SELECT id FROM places WHERE state = 'OPEN'")[0], area)
        bring(db_session, write(tmp_path, "survey", [survey_row(1, union_council="Purana Bazar")]))
        for table in ("accounts", "bills", "survey_units", "account_balances", "unit_states"):
            assert db_session.scalars(text(f"SELECT location_id FROM {table}")).all() == [area], table
        assert_verified(db_session.connection())

    def test_names_that_repeat_go_by_type_then_by_lowest_id(self, db_session: Session, tmp_path: Path) -> None:
        areas = [
            area_row(1, area_name="Urban - Model Town"),
            area_row(2, area_name="Rural - Model Town"),
            area_row(3, area_name="Urban - MODEL TOWN"),
        ]
        bring(db_session, write(tmp_path, "areas", areas))
        rows = [biller_row(1, uc="model town", category="Rural"), biller_row(2, uc="Model-Town", category="Urban")]
        outcome = bring(db_session, write(tmp_path, "biller", rows))
        found = (
            db_session.execute(
                text("SELECT l.portal_id FROM accounts a JOIN locations l ON l.id = a.location_id ORDER BY a.psid")
            )
            .scalars()
            .all()
        )
        assert found == ["702", "701"]
        assert codes(outcome)["AMBIGUOUS_PLACE"] == 1


@pytest.mark.usefixtures("tree")
class TestSurvey:
    def test_impossible_coordinates_are_kept_as_text_only(self, db_session: Session, tmp_path: Path) -> None:
        rows = [survey_row(1, gps_coordinates="32.2695,-72.8979"), survey_row(2, gps_coordinates="0,0"), survey_row(3)]
        outcome = bring(db_session, write(tmp_path, "survey", rows))
        assert outcome.counts.inserted == 3
        found = db_session.execute(text("SELECT gps_text, gps_lat FROM survey_units ORDER BY survey_id")).all()
        assert [tuple(row) for row in found] == [("32.2695,-72.8979", None), ("0,0", None), (None, 32.2695)]

    def test_several_photos_and_quotes_survive(self, db_session: Session, tmp_path: Path) -> None:
        urls = 'https://portal.example/a.jpg, https://portal.example/b"c.jpg'
        bring(db_session, write(tmp_path, "survey", [survey_row(1, image_urls=urls)]))
        assert one(db_session, "SELECT image_urls FROM survey_units")[0] == [
            "https://portal.example/a.jpg",
            'https://portal.example/b"c.jpg',
        ]


def test_the_wrong_kind_of_file_is_refused_whole(db_session: Session, tmp_path: Path) -> None:
    path = write(tmp_path, "biller", [biller_row(1)])
    with pytest.raises(RefusedFileError):
        bring(db_session, path, kind="paid")
    assert db_session.scalar(text("SELECT count(*) FROM accounts")) == 0


@pytest.mark.usefixtures("tree")
class TestColumnsThatAreNotThere:
    def test_an_absent_column_blanks_nothing(self, db_session: Session, tmp_path: Path) -> None:
        from tests.imports.portal_files import BILLER, write_csv

        bring(db_session, write(tmp_path, "biller", [biller_row(1)]), as_of="2025-11-01")
        keep = [i for i, name in enumerate(BILLER) if name not in {"WMC", "Office"}]
        row = biller_row(1)
        path = write_csv(tmp_path / "few.csv", [BILLER[i] for i in keep], [[row[i] for i in keep]])
        outcome = bring(db_session, path, as_of="2025-12-01")
        assert outcome.counts.unchanged == 1
        assert one(db_session, "SELECT wmc FROM accounts")[0] == "Rangpur WMC"

    def test_a_month_for_a_date_that_is_not_there_is_said(self, db_session: Session, tmp_path: Path) -> None:
        outcome = bring(db_session, write(tmp_path, "biller", [biller_row(1)]), issued={"2025-10-01": "2025-10"})
        assert codes(outcome)["ISSUED_NOT_IN_FILE"] == 1


@pytest.mark.usefixtures("tree")
def test_characters_that_nobody_sees_make_no_row_another_one(db_session: Session, tmp_path: Path) -> None:
    def files(mark: str, shape: str = "\u200c") -> dict[str, list[Any]]:
        name = f"محمد{shape}{mark}علی {mark}"
        return {
            "survey": [survey_row(n, name=f"{mark}{name}", address=f"House{mark} 4", house_type=f"Pakka{mark}",
                                  mobile_num=f"{mark}0300 1234567", union_council=f"UC-1, {mark}Chak 1, Nilokot")
                       for n in range(1, 4)],
            "biller": [biller_row(n, name=name, office=f"Nilokot{mark} Office") for n in range(1, 4)],
            "paid": [paid_row(n, channel=f"1{mark}Bill", office=f"Nilokot{mark} Office") for n in range(1, 4)],
        }  # fmt: skip

    plain = files("")
    for form, rows in files("\u202e").items():
        bring(db_session, write(tmp_path, form, rows))
    for mark in ("\u202e", "", "\u200b\ufeff", "\u2067"):
        for form, rows in files(mark).items():
            counts = bring(db_session, write(tmp_path, form, [*rows, rows[0]])).counts
            assert (counts.unchanged, counts.duplicates, counts.rows) == (3, 1, 4), (form, mark)
    kept = one(db_session, "SELECT consumer_name, address, house_type, mobile FROM survey_units LIMIT 1")
    assert kept == (plain["survey"][0][15].strip(), "House 4", "Pakka", "03001234567")
    assert one(db_session, "SELECT min(channel), max(channel), count(*) FROM payments") == ("1Bill", "1Bill", 3)

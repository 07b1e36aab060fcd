"""`flask verify` finds an error of every kind, and names it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from portal.db import db, transaction
from portal.payments.deliveries import refresh
from portal.verify.checks import CHECKS
from portal.verify.cli import verify_command
from tests.imports.portal_files import area_row, biller_row, paid_row, survey_row
from tests.support.importing import bring_committed, write

OFF = "SET LOCAL session_replication_role = replica"  # no triggers: an error that nothing noticed
# (table whose check must speak, the damage)
PLANTED = [
    ("bills", "UPDATE bills SET status = 'PAID' WHERE portal_bill_id = '880002'"),
    ("bills", "UPDATE bills SET status = 'CANCELLED' WHERE portal_bill_id = '880002'"),
    ("bills", "UPDATE bills SET demand = demand + 1 WHERE portal_bill_id = '880001'"),
    ("bills", "UPDATE bills SET paid_amount = 5 WHERE portal_bill_id = '880003'"),
    ("bills", "UPDATE bills SET last_paid_on = '2025-01-01' WHERE portal_bill_id = '880001'"),
    ("bills", "UPDATE bills SET psid = '12345678901' WHERE portal_bill_id = '880001'"),
    ("bills", "UPDATE bills SET portal_bill_id = NULL WHERE portal_bill_id = '880001'"),
    ("bills", "UPDATE bills SET location_id = 1 WHERE portal_bill_id = '880001'"),
    ("payments", "UPDATE payments SET account_id = NULL, bill_id = NULL, bill_month = NULL WHERE bill_id IS NOT NULL"),
    ("payments", "UPDATE payments SET bill_id = NULL, bill_month = NULL WHERE bill_id IS NOT NULL"),
    ("payments", "UPDATE payments SET location_id = 1"),
    ("account_balances", "UPDATE account_balances SET outstanding = outstanding + 1"),
    ("account_balances", "UPDATE account_balances SET credit = 7"),
    ("account_balances", "UPDATE account_balances SET unpaid_bills = 9"),
    ("account_balances", "UPDATE account_balances SET payments_count = 9"),
    ("account_balances", "DELETE FROM account_balances"),
    ("account_balances", "INSERT INTO account_balances (account_id, location_id, is_pending) VALUES (999999, 1, true)"),
    ("accounts", "UPDATE accounts SET unit_id = NULL"),
    ("accounts", "UPDATE accounts SET location_id = 1"),
    ("survey_units", "UPDATE survey_units SET location_id = 1"),
    ("unit_states", "UPDATE unit_states SET accounts = 5"),
    ("unit_states", "DELETE FROM unit_states"),
    ("unit_states", "INSERT INTO unit_states (unit_id, location_id, accounts) VALUES (999999, 1, 1)"),
    ("unit_cycles", "INSERT INTO unit_cycles (billing_month, unit_id, location_id, bills, paid_bills)"
     " VALUES ('2025-11-01', 999999, 1, 1, 0)"),
    ("unit_cycles", "UPDATE unit_cycles SET paid_bills = 1 - paid_bills"),
    ("unit_cycles", "DELETE FROM unit_cycles"),
    ("rollup_bills", "UPDATE rollup_bills SET bills = bills + 1"),
    ("rollup_bills", "INSERT INTO rollup_bills (location_id, billing_month, \"use\", size_band, bills, paid_bills,"
     " monthly_fee, demand) VALUES (1, '2025-11-01', '', '', 1, 0, 1, 1)"),
    ("rollup_received", "DELETE FROM rollup_received"),
    ("rollup_collected", "UPDATE rollup_collected SET amount = amount - 1"),
    ("rollup_accounts", "UPDATE rollup_accounts SET outstanding = outstanding + 1"),
    ("rollup_units", "UPDATE rollup_units SET surveyed = surveyed + 1"),
    ("rollup_unit_cycles", "UPDATE rollup_unit_cycles SET paid = paid + 1"),
    ("bills", "UPDATE bills SET carried_on = '2025-12-01' WHERE portal_bill_id = '880002'"),
    ("unit_cycles", "UPDATE unit_cycles SET paid_on = '2025-11-02'"),
    ("rollup_days", "UPDATE rollup_days SET outstanding = outstanding + 1"),
    ("rollup_days", "UPDATE rollup_days SET day = day + 1 WHERE monthly_fee > 0"),
    ("rollup_days", "UPDATE rollup_days SET paid_units = 2 WHERE paid_units = 1"),
    ("rollup_days", "UPDATE account_balances SET outstanding = outstanding + 1"),
    ("bills", "UPDATE bills SET delivered_on = delivered_on + 1 WHERE delivered_on IS NOT NULL"),
    ("bills", "UPDATE bills SET delivered_on = NULL"),
    ("bills", "UPDATE compliance_visits SET review_state = 'RETURNED'"),
    ("bills", "UPDATE bills SET delivered_on = '2025-11-30' WHERE delivered_on IS NULL"),
    ("compliance_visits", "UPDATE compliance_visits SET bill_month = '2025-10-01'"),
    ("unit_cycles", "UPDATE unit_cycles SET delivered_bills = 1 - delivered_bills"),
    ("rollup_unit_cycles", "UPDATE rollup_unit_cycles SET delivered = delivered + 1"),
    ("rollup_unit_cycles", "UPDATE rollup_unit_cycles SET reached = 0"),
    ("rollup_days", "UPDATE rollup_days SET delivered_bills = delivered_bills + 1"),
    ("rollup_visits", "UPDATE rollup_visits SET visits = visits + 1"),
    ("rollup_visits", "UPDATE rollup_visits SET day = day + 1"),
    ("rollup_tickets", "UPDATE rollup_tickets SET tickets = 0"),
    ("rollup_tickets", "UPDATE tickets SET status = 'CLOSED'"),
    ("location_closure", "DELETE FROM location_closure WHERE depth = 1"),
    ("import_batches", "DELETE FROM import_rows"),
    ("import_batches", "UPDATE accounts SET last_batch_id = 999999"),
    ("import_batches", "UPDATE bills SET first_batch_id = 999999"),
    ("stored_files", "UPDATE stored_files SET location_id = 1"),
    ("tickets", "UPDATE tickets SET reopened = 1 WHERE number = 'T-25-000001'"),
    ("tickets", "UPDATE tickets SET due_at = NULL WHERE number = 'T-25-000001'"),
    ("tickets", "UPDATE tickets SET status = 'MERGED', merged_into_id = CASE id WHEN 1 THEN 2 ELSE 1 END"),
]  # fmt: skip

TICKETS = """
    INSERT INTO tickets (number, client_uuid, category_id, title, location_id, assigned_role, due_at)
    SELECT 'T-25-00000' || n, gen_random_uuid(), 1, 'Heap', 1, 'SUPERVISOR', now() FROM generate_series(1, 2) n"""


# An approved delivery of one of the bills.
FIELD_WORK = (
    """INSERT INTO compliance_visits (client_uuid, unit_id, account_id, location_id, visit_type, outcome, bill_month,
           portal_bill_id, visited_at, review_state)
       SELECT gen_random_uuid(), a.unit_id, a.id, a.location_id, 'DELIVERY', 'DELIVERED', b.billing_month,
           b.portal_bill_id, '2025-11-28 19:30Z', 'APPROVED'
       FROM bills b JOIN accounts a ON a.id = b.account_id WHERE b.portal_bill_id = '880002'""",
)


@pytest.fixture(scope="module")
def filled(module_app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Two units, three accounts, three bills, a payment of a known and one of an unknown PSID, a rejected row."""
    folder = tmp_path_factory.mktemp("files")
    with module_app.app_context():
        bring_committed(write(folder, "areas", [area_row(1)]))
        bring_committed(write(folder, "survey", [survey_row(1), survey_row(2)]))
        rows = [biller_row(1), biller_row(2), biller_row(3), biller_row(4, biller_psid="-")]
        bring_committed(write(folder, "biller", rows), month="2025-11")
        bring_committed(write(folder, "paid", [paid_row(1), paid_row(9)]))
        with transaction() as session:
            session.execute(
                text(
                    "INSERT INTO stored_files (client_uuid, kind, key, media_type, bytes, sha256, location_id, unit_id)"
                    " SELECT gen_random_uuid(), 'PHOTO', 'photos/' || id, 'image/jpeg', 1, '', location_id, id"
                    " FROM survey_units"
                )
            )
            for statement in FIELD_WORK:
                session.execute(text(statement))
            refresh(
                session,
                [tuple(row) for row in session.execute(text("SELECT account_id, bill_month FROM compliance_visits"))],
            )
            session.execute(text(TICKETS))
    return module_app


def run_verify(app: Flask) -> tuple[int, dict[str, object]]:
    result = app.test_cli_runner().invoke(verify_command, ["--json"])
    return result.exit_code, json.loads(result.output)


def test_all_is_well_after_imports(filled: Flask) -> None:
    code, report = run_verify(filled)
    assert (code, report["ok"], report["differences"]) == (0, True, [])
    assert report["checks"] == len(CHECKS)


@pytest.mark.parametrize(("table", "damage"), PLANTED, ids=[f"{i}-{table}" for i, (table, _) in enumerate(PLANTED)])
def test_a_planted_error_is_found(filled: Flask, table: str, damage: str) -> None:
    """Planted in a transaction that is rolled back; the checks look through the same connection."""
    from portal.verify.service import verify

    with filled.app_context(), db.engine.connect() as connection:
        outer = connection.begin()
        connection.execute(text(OFF))
        changed = connection.execute(text(damage)).rowcount
        assert changed > 0, "the damage did nothing"
        report = verify(connection)
        outer.rollback()
    found = [difference for difference in report.differences if difference.table == table]
    assert found, report.differences
    assert all(difference.key and difference.expected != difference.found for difference in found)


def test_the_command_says_what_is_wrong_and_exits_1(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        bring_committed(write(tmp_path, "biller", [biller_row(1)]), month="2025-11")
        with transaction() as session:
            session.execute(text("UPDATE rollup_bills SET monthly_fee = monthly_fee + 3"))
    result = app.test_cli_runner().invoke(verify_command)
    assert result.exit_code == 1
    assert "rollup_bills" in result.output
    assert "expected bills=1 paid_bills=0 monthly_fee=200" in result.output
    assert "found bills=1 paid_bills=0 monthly_fee=203" in result.output

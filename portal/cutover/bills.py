"""The old `bills`: accounts and bills that no biller list has given, and the payments of the paid ones.

Set-based. An old bill carries no portal bill id, and the old system counted a bill again in every month's file: so one
is taken only for an account and month without any bill, and gives way to whatever a biller list brings for that month.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.billing.cycles import add_months, cycle_of
from portal.billing.partitions import ensure_partitions
from portal.cutover.cells import day_of, moment_of, month_of, rupees_of, text_of
from portal.cutover.outcome import TableOutcome
from portal.cutover.reading import Row, rows_of
from portal.cutover.staging import Staged, outcome_of
from portal.cutover.units import BEFORE_ALL_FILES
from portal.imports.cells import read_mobile, read_psid, read_survey_id
from portal.imports.sqltools import run
from portal.payments import allocation, touched

PAID_HEADER = (
    "PSID", "City", "Month", "Office", "UC", "Billing Category", "Amount", "Fine", "Channel", "Paid Date",
    "Paid Amount", "Active",
)  # fmt: skip
_COLUMNS = {
    "psid": "text", "month": "date", "survey_id": "text", "monthly_fee": "int", "arrears": "int", "amount_due": "int",
    "is_paid": "boolean", "paid_date": "text", "paid_amount": "text", "fine": "int", "channel": "text",
    "updated_at": "timestamptz",
}  # fmt: skip


def prepare(session: Session, path: Path, today: dt.date, start_day: int) -> None:
    """Make the partitions of the export's months. Before anything is written: attaching one waits for every writer of
    the tables it refers to, also for ourselves.
    """
    last = add_months(cycle_of(today, start_day), 1)
    found = {month_of(row["bill_month"]) for _line_no, row in rows_of(path)}
    ensure_partitions(session, [month for month in found if month is not None and month <= last])


def take(session: Session, path: Path, file: str, units: Path | None, today: dt.date, start_day: int) -> TableOutcome:
    """Take the bills over, with the accounts they need. `units` is the export of units, for names of accounts."""
    staged = Staged(session, "bills", _COLUMNS)
    staged.load(_rows(path, add_months(cycle_of(today, start_day), 1)))
    _stage_names(session, units)
    _add_accounts(session)
    _classify(session)
    staged.notes("GIVEN_BY_PORTAL", "SELECT line_no, '' FROM old_bills_work WHERE is_given")
    staged.notes("PENDING_SURVEY", "SELECT line_no, '' FROM old_bills_work WHERE unit_id IS NULL AND NOT is_given")
    staged.decide(
        "(SELECT w.outcome FROM old_bills_work w WHERE w.line_no = s.line_no)",
        "(SELECT w.unit_id IS NULL AND NOT w.is_given FROM old_bills_work w WHERE w.line_no = s.line_no)",
    )
    _write(session)
    row = run(
        session,
        "SELECT count(*) AS bills, coalesce(sum(monthly_fee), 0) AS fee, coalesce(sum(amount_due), 0) AS due"
        " FROM old_bills WHERE state = ''",
    ).one()
    totals = {"bills": int(row.bills), "monthly_fee": int(row.fee), "amount_payable": int(row.due)}
    return outcome_of(session, "bills", file, totals)


def _rows(path: Path, last_month: dt.date) -> Iterator[tuple[int, str, str, Sequence[Any]]]:
    for line_no, row in rows_of(path):
        yield _parse(line_no, row, last_month)


def _parse(line_no: int, row: Row, last_month: dt.date) -> tuple[int, str, str, Sequence[Any]]:
    psid, code = read_psid(row["psid"])
    month, due = month_of(row["bill_month"]), rupees_of(row["amount_due"])
    survey_id, _code = read_survey_id(row["survey_id_fk"])
    reason = ""
    if psid is None:
        reason = code or "PSID_MISSING"
    elif month is None:
        reason = "MONTH_UNREADABLE"
    elif month > last_month:
        reason = "MONTH_IN_FUTURE"
    elif due is None and text_of(row["amount_due"]):
        reason = "AMOUNT_UNREADABLE"
    paid_on, updated = day_of(row["paid_date"]), moment_of(row["updated_at"]) or moment_of(row["created_at"])
    values = (
        psid, month, survey_id, rupees_of(row["monthly_fee"]), rupees_of(row["arrears"]), due,
        (text_of(row["payment_status"]) or "").upper() == "PAID" or bool(rupees_of(row["paid_amount"])),
        paid_on.isoformat() if paid_on else text_of(row["paid_date"]), text_of(row["paid_amount"]),
        rupees_of(row["fine"]), text_of(row["channel"]), updated,
    )  # fmt: skip
    return line_no, f"{psid or text_of(row['psid']) or ''} {month:%Y-%m}" if month else str(psid or ""), reason, values


def _stage_names(session: Session, units: Path | None) -> None:
    """Who is billed, by the export of units: names of the accounts that are made."""
    columns = dict.fromkeys(("name", "mobile", "mobile_text", "address"), "text")
    staged = Staged(session, "billed_names", columns)

    def rows() -> Iterator[tuple[int, str, str, Sequence[Any]]]:
        for line_no, row in rows_of(units) if units else ():
            survey_id, _code = read_survey_id(row["survey_id"])
            name, address = text_of(row["billing_consumer_name"]), text_of(row["billing_address"])
            mobile = read_mobile(row["billing_mobile"])
            if survey_id and (name or address or mobile.value or mobile.text):
                yield line_no, survey_id, "", (name, mobile.value, mobile.text, address)

    staged.load(rows())


def _add_accounts(session: Session) -> None:
    """Accounts of PSIDs that no biller list has named, as they stand in their latest old bill."""
    place_id, root_id = _no_place(session)
    run(
        session,
        """
        INSERT INTO accounts (psid, survey_id, consumer_name, mobile, mobile_text, address, uc_type, "use", size_band,
                              size_text, monthly_fee, unit_id, place_id, location_id, as_of)
        SELECT DISTINCT ON (s.psid) s.psid, s.survey_id, coalesce(n.name, u.consumer_name),
               coalesce(n.mobile, u.mobile), coalesce(n.mobile_text, u.mobile_text), coalesce(n.address, u.address),
               u.uc_type, u."use", u.size_band, u.size_text, s.monthly_fee, u.id, coalesce(u.place_id, :place),
               coalesce(u.location_id, :root), :as_of
        FROM old_bills s LEFT JOIN survey_units u ON u.survey_id = s.survey_id
        LEFT JOIN old_billed_names n ON n.row_key = s.survey_id AND n.state = ''
        WHERE s.state = '' AND NOT EXISTS (SELECT FROM accounts a WHERE a.psid = s.psid)
        ORDER BY s.psid, s.month DESC""",
        place=place_id,
        root=root_id,
        as_of=BEFORE_ALL_FILES,
    )
    run(session, "ANALYZE accounts (id, psid, unit_id)")


def _no_place(session: Session) -> tuple[int, int]:
    """(place, location) of an account of which nothing is known but its number: the province."""
    root_id = int(run(session, "SELECT id FROM locations WHERE parent_id IS NULL").scalar_one())
    run(
        session,
        "INSERT INTO places (location_id, state) VALUES (:root, 'NONE') ON CONFLICT DO NOTHING",
        root=root_id,
    )
    found = run(
        session,
        "SELECT id, location_id FROM places WHERE division_key = '' AND district_key = '' AND tehsil_key = ''"
        " AND name_key = '' AND uc_type = ''",
    ).one()
    return int(found.id), int(found.location_id)


def _classify(session: Session) -> None:
    """`old_bills_work`: what becomes of each old bill."""
    run(session, "DROP TABLE IF EXISTS pg_temp.old_bills_work")
    months = run(session, "SELECT DISTINCT month FROM old_bills WHERE state = ''").scalars().all()
    literals = ", ".join(f"DATE '{month}'" for month in months) or "NULL"
    run(
        session,
        f"""
        CREATE TEMP TABLE old_bills_work ON COMMIT DROP AS
        SELECT *, CASE WHEN is_given THEN 'UNCHANGED' WHEN bill_id IS NULL THEN 'INSERTED'
                       WHEN differs THEN 'UPDATED' ELSE 'UNCHANGED' END AS outcome
        FROM (
            SELECT s.line_no, a.id AS account_id, a.unit_id, own.id AS bill_id, own.billing_month,
                   EXISTS (SELECT FROM bills b WHERE b.account_id = a.id AND b.billing_month = s.month
                           AND b.source <> 'OLD_SYSTEM' AND b.billing_month IN ({literals})) AS is_given,
                   (own.monthly_fee, own.arrears, own.amount_payable, own.fine) IS DISTINCT FROM
                   (coalesce(s.monthly_fee, 0), s.arrears, s.amount_due, s.fine) AS differs
            FROM old_bills s JOIN accounts a ON a.psid = s.psid
            LEFT JOIN bills own ON own.account_id = a.id AND own.billing_month = s.month
                AND own.source = 'OLD_SYSTEM' AND own.billing_month IN ({literals})
            WHERE s.state = ''
        ) compared""",
    )
    run(session, "CREATE UNIQUE INDEX ON old_bills_work (line_no)")
    run(session, "ANALYZE old_bills_work")


def _write(session: Session) -> None:
    """Write the bills and recompute what depends on them.

    The day of issue is not told; the first of the billing month keeps the order of the months.
    """
    run(
        session,
        """
        INSERT INTO bills (billing_month, account_id, psid, source, place_id, location_id, uc_type, "use", size_band,
                           issued_at, monthly_fee, arrears, fine, amount_payable, amount_after_due, status, demand,
                           month_source, month_as_of, as_of)
        SELECT s.month, w.account_id, s.psid, 'OLD_SYSTEM', a.place_id, a.location_id, a.uc_type, a."use", a.size_band,
               s.month::timestamp AT TIME ZONE 'Asia/Karachi', coalesce(s.monthly_fee, 0), s.arrears, s.fine,
               s.amount_due, s.amount_due + s.fine, CASE WHEN s.amount_due = 0 THEN 'PAID' ELSE 'UNPAID' END,
               coalesce(s.amount_due, 0), 'OLD_SYSTEM', :as_of, :as_of
        FROM old_bills_work w JOIN old_bills s USING (line_no) JOIN accounts a ON a.id = w.account_id
        WHERE w.outcome = 'INSERTED'""",
        as_of=BEFORE_ALL_FILES,
    )
    run(
        session,
        """
        UPDATE bills b SET monthly_fee = coalesce(s.monthly_fee, 0), arrears = s.arrears, fine = s.fine,
                           amount_payable = s.amount_due, amount_after_due = s.amount_due + s.fine, updated_at = now()
        FROM old_bills_work w JOIN old_bills s USING (line_no)
        WHERE w.outcome = 'UPDATED' AND b.billing_month = w.billing_month AND b.id = w.bill_id""",
    )
    run(
        session,
        "UPDATE payments p SET account_id = a.id FROM accounts a"
        " WHERE p.account_id IS NULL AND a.psid = p.psid AND a.psid IN (SELECT psid FROM old_bills WHERE state = '')",
    )
    touched.begin_touching(session)
    # Accounts that were made just now have no balance yet, with a bill or without.
    touched.touch(
        session,
        "SELECT w.account_id FROM old_bills_work w WHERE w.outcome IN ('INSERTED', 'UPDATED')"
        " UNION SELECT w.account_id FROM old_bills_work w"
        " WHERE NOT EXISTS (SELECT FROM account_balances k WHERE k.account_id = w.account_id)",
    )
    allocation.recompute(session)


def write_paid_list(session: Session, target: Path) -> int:
    """The payments of the staged old bills as a paid list of the short form; how many.

    The short form's place yields to what the portal's long list says. A paid bill without date or amount makes a row
    that the importer rejects with its reason. Rows of rejected bills and duplicates are left out: they are told there.
    """
    rows = session.connection().execute(
        text(
            """
            SELECT s.psid, p.tehsil, to_char(s.month, 'YYYY-MM') AS month, p.name AS uc, s.amount_due, s.fine,
                   s.channel, s.paid_date, s.paid_amount
            FROM old_bills s JOIN accounts a ON a.psid = s.psid JOIN places p ON p.id = a.place_id
            WHERE s.state = '' AND s.is_paid ORDER BY s.line_no"""
        ),
        execution_options={"stream_results": True, "max_row_buffer": 1000},
    )
    target.touch(mode=0o600)
    number = 0
    with target.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(PAID_HEADER)
        for row in rows:
            number += 1
            writer.writerow(
                (row.psid, row.tehsil, row.month, "", row.uc, "", row.amount_due, row.fine, row.channel, row.paid_date,
                 row.paid_amount, "")
            )  # fmt: skip
    return number

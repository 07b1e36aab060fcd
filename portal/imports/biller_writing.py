"""Writing what a biller list decided: accounts, bills and their keys, and what depends on them."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from portal.billing.partitions import ensure_partitions
from portal.imports.sqltools import quoted, run
from portal.payments import allocation, touched

FEW_BILLS = 500
ACCOUNT_FIELDS = (
    "survey_id", "consumer_name", "mobile", "mobile_text", "cnic", "cnic_text", "address", "wmc", "office", "uc_type",
    "use", "size_band", "size_text", "monthly_fee", "total_payable", "portal_balance", "portal_current_bill",
    "is_active",
)  # fmt: skip
# What the file says of a bill, whatever a person has set in its account (see `portal.imports.by_hand`).
FILED = {
    name: f'CASE WHEN h.line_no IS NULL THEN s."{name}" ELSE h."{name}" END'
    for name in ("uc_type", "use", "size_band", "monthly_fee")
}
# Column of bills: expression over a stage row `s`, its place `pl` and what is held of it `h`.
BILL_FIELDS = {
    "uc_type": FILED["uc_type"],
    "use": FILED["use"],
    "size_band": FILED["size_band"],
    "issued_at": "s.issued_at",
    "monthly_fee": f"coalesce({FILED['monthly_fee']}, 0)",
    "amount_payable": "s.total_payable",
    "place_id": "pl.place_id",
}


def apply(session: Session, batch_id: int, as_of: dt.datetime) -> None:
    """Write what `work` decided, and recompute what depends on it."""
    months = [row[0] for row in run(session, "SELECT DISTINCT month FROM stage_months")]
    ensure_partitions(session, months)
    parameters = {"as_of": as_of, "batch": batch_id}
    fields = quoted(ACCOUNT_FIELDS)
    staged = quoted(ACCOUNT_FIELDS, "s.")
    run(
        session,
        f"""
        INSERT INTO accounts (id, psid, {fields}, unit_id, place_id, location_id, as_of, first_batch_id, last_batch_id)
        SELECT w.account_id, s.psid, {staged}, w.unit_id, pl.place_id, pl.location_id, :as_of, :batch, :batch
        FROM work w JOIN stage s USING (line_no) JOIN stage_places pl USING (place_no)
        WHERE w.outcome = 'INSERTED'""",
        **parameters,
    )
    _update_accounts(session, parameters)
    _write_bills(session, parameters)
    _note_filled_months(session)
    run(
        session,
        "UPDATE payments p SET account_id = w.account_id FROM work w"
        " WHERE p.account_id IS NULL AND w.outcome = 'INSERTED' AND p.psid = w.psid",
    )
    touched.begin_touching(session)
    # A known account at a new unit, a bill in another month or issued at another time: all its bills are looked at.
    touched.touch(
        session,
        "SELECT account_id FROM work WHERE outcome = 'UPDATED' AND (old_unit_id IS DISTINCT FROM unit_id"
        " OR month_moves OR (may_write_bill AND bill_reissued))",
    )
    touched.touch(session, "SELECT taken_from FROM work WHERE taken_from IS NOT NULL AND outcome <> 'REJECTED'")
    touched.touch_bills(
        session,
        "SELECT account_id, CASE WHEN bill_state = 'NEW' THEN file_month WHEN bill_state = 'KNOWN' THEN old_month END"
        " FROM work WHERE outcome = 'UPDATED' AND ((may_write AND account_differs) OR bill_state = 'NEW'"
        " OR (may_write_bill AND bill_differs))",
    )
    touched.touch_new(
        session,
        "SELECT w.account_id, CASE WHEN w.bill_state = 'NEW' THEN w.file_month END, w.unit_id, w.location_id,"
        ' s."use", s.size_band FROM work w JOIN stage s USING (line_no)'
        " WHERE w.outcome = 'INSERTED'",
    )
    touched.release_units(
        session,
        "SELECT old_unit_id FROM work WHERE outcome = 'UPDATED' AND may_write AND old_unit_id IS NOT NULL"
        " AND old_unit_id IS DISTINCT FROM unit_id",
    )
    allocation.recompute(session)


def _update_accounts(session: Session, parameters: dict[str, object]) -> None:
    """Overwrite known accounts by an equal or later as-of.

    Name and address in a statement of their own: assigning them makes the database fold and index them anew.
    """
    searched = ("consumer_name", "address")
    others = [name for name in ACCOUNT_FIELDS if name not in searched]
    rows = """
        FROM work w JOIN stage s USING (line_no) JOIN stage_places pl USING (place_no)
        LEFT JOIN stage_held h USING (line_no)
        WHERE a.id = w.account_id AND NOT w.is_new AND w.may_write AND w.outcome <> 'REJECTED'"""
    run(
        session,
        f"""
        UPDATE accounts a SET {", ".join(f'"{name}" = s."{name}"' for name in searched)} {rows}
          AND w.account_differs AND ({quoted(searched, "a.")}) IS DISTINCT FROM ({quoted(searched, "s.")})""",
    )
    run(
        session,
        f"""
        UPDATE accounts a SET
            {", ".join(f'"{name}" = s."{name}"' for name in others)},
            unit_id = w.unit_id, place_id = coalesce(h.place_id, pl.place_id), location_id = w.location_id,
            as_of = :as_of,
            last_batch_id = CASE WHEN w.outcome = 'UPDATED' THEN :batch ELSE a.last_batch_id END,
            updated_at = CASE WHEN w.outcome = 'UPDATED' THEN now() ELSE a.updated_at END {rows}
          AND (w.account_differs OR w.old_unit_id IS DISTINCT FROM w.unit_id OR a.as_of < :as_of)""",
        **parameters,
    )


def _write_bills(session: Session, parameters: dict[str, object]) -> None:
    names = list(BILL_FIELDS)
    expressions = ", ".join(BILL_FIELDS.values())
    _give_up_bills(session)
    # Bills whose month is corrected step aside first, so that no month ever has two live ones.
    run(
        session,
        "UPDATE bills b SET status = 'CANCELLED' FROM work w WHERE b.billing_month = w.old_month AND b.id = w.bill_id"
        " AND w.month_moves AND w.bill_state = 'KNOWN' AND w.outcome <> 'REJECTED'",
    )
    run(
        session,
        "UPDATE bill_keys k SET billing_month = w.file_month FROM work w JOIN stage s USING (line_no)"
        " WHERE k.portal_bill_id = s.portal_bill_id AND w.month_moves AND w.bill_state = 'KNOWN'"
        " AND w.outcome <> 'REJECTED'",
    )
    run(
        session,
        """
        UPDATE bills b SET month_as_of = :as_of, month_source = w.month_source
        FROM work w JOIN stage s USING (line_no)
        WHERE b.portal_bill_id = s.portal_bill_id AND b.billing_month = w.file_month
          AND w.month_is_earlier AND w.bill_state = 'KNOWN' AND w.outcome <> 'REJECTED'""",
        **parameters,
    )
    run(
        session,
        f"""
        UPDATE bills b SET
            {", ".join(f'"{name}" = {expression}' for name, expression in BILL_FIELDS.items())},
            location_id = pl.location_id, as_of = :as_of,
            last_batch_id = CASE WHEN w.bill_differs THEN :batch ELSE b.last_batch_id END,
            updated_at = CASE WHEN w.bill_differs THEN now() ELSE b.updated_at END
        FROM work w JOIN stage s USING (line_no) JOIN stage_places pl USING (place_no)
        LEFT JOIN stage_held h USING (line_no)
        WHERE b.billing_month = CASE WHEN w.month_moves THEN w.file_month ELSE w.old_month END AND b.id = w.bill_id
          AND w.bill_state = 'KNOWN' AND w.may_write_bill AND w.outcome <> 'REJECTED'
          AND (w.bill_differs OR b.as_of < :as_of)""",
        **parameters,
    )
    run(
        session,
        "INSERT INTO bill_keys (portal_bill_id, billing_month) SELECT s.portal_bill_id, w.file_month"
        " FROM work w JOIN stage s USING (line_no) WHERE w.bill_state = 'NEW' AND w.outcome <> 'REJECTED'",
    )
    # Beside a live bill of the same month a new one waits as CANCELLED until the later of the two is chosen. What
    # nothing is to be paid for is PAID; whatever payments say comes after.
    run(
        session,
        f"""
        INSERT INTO bills (billing_month, account_id, psid, portal_bill_id, {quoted(names)}, location_id, status,
                           demand, month_source, month_as_of, as_of, first_batch_id, last_batch_id)
        SELECT w.file_month, w.account_id, w.psid, s.portal_bill_id, {expressions}, pl.location_id,
               CASE WHEN live.id IS NOT NULL THEN 'CANCELLED' WHEN s.total_payable = 0 THEN 'PAID' ELSE 'UNPAID' END,
               coalesce(s.total_payable, 0), w.month_source, :as_of, :as_of, :batch, :batch
        FROM work w JOIN stage s USING (line_no) JOIN stage_places pl USING (place_no)
        LEFT JOIN stage_held h USING (line_no)
        LEFT JOIN bills live ON live.account_id = w.account_id AND live.billing_month = w.file_month
            AND live.status <> 'CANCELLED'
        WHERE w.bill_state = 'NEW' AND w.outcome <> 'REJECTED'""",
        **parameters,
    )


def _give_up_bills(session: Session) -> None:
    """Remove the bills that a lower PSID takes over: they are new bills of its own."""
    taken = "w.taken_from IS NOT NULL AND w.outcome <> 'REJECTED'"
    if not run(session, f"SELECT EXISTS (SELECT FROM work w WHERE {taken})").scalar_one():
        return
    run(
        session,
        "UPDATE payments p SET bill_month = NULL, bill_id = NULL FROM work w"
        f" WHERE p.bill_month = w.old_month AND p.bill_id = w.bill_id AND {taken}",
    )
    run(
        session,
        f"DELETE FROM bills b USING work w WHERE b.billing_month = w.old_month AND b.id = w.bill_id AND {taken}",
    )
    run(
        session,
        "DELETE FROM bill_keys k USING work w JOIN stage s USING (line_no)"
        f" WHERE k.portal_bill_id = s.portal_bill_id AND {taken}",
    )


def _note_filled_months(session: Session) -> None:
    """Tell the planner of months this file has filled, from the first bills on.

    Without statistics it takes `billing_month = ...` for selective within a month's own partition, and walks the whole
    partition for every row of a join: a minute for 11,000 rows. Autovacuum would come too late.
    """
    found = run(
        session,
        "SELECT file_month, count(*) AS bills FROM work WHERE bill_state = 'NEW' AND outcome <> 'REJECTED' GROUP BY 1",
    ).all()
    for row in found:
        partition = f"bills_y{row.file_month:%Ym%m}"
        known = run(session, "SELECT reltuples FROM pg_class WHERE oid = to_regclass(:name)", name=partition).scalar()
        if known is not None and row.bills >= FEW_BILLS and known < row.bills:
            run(session, f"ANALYZE {partition} (billing_month, id, account_id, portal_bill_id, status)")

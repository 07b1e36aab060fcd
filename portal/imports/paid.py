"""The paid list: payments. One is (PSID, month, paid date, paid amount, channel), in whatever file it stands.

The long form names district and tehsil, the short one only a city. What only the long form states (the place's
district and tehsil, WMC, the bill's PDF, the status) is therefore kept with an as-of of its own, and a short form
never overwrites it.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from portal.imports.outcome import ImportOptions
from portal.imports.sqltools import changes, differs, make_work, note, quoted, run
from portal.payments import allocation, touched

KEY = ("psid", "month", "paid_on", "paid_amount", "channel")
KEY_COLUMN = "psid"
COMMON_FIELDS = ("amount", "fine", "billing_category", "uc_type", "use", "size_band", "office", "is_active")
LONG_FIELDS = ("wmc", "bill_pdf", "portal_status")


def newest_sql() -> str:
    return "SELECT max(paid_on)::timestamptz FROM stage WHERE state = ''"


def prepare(session: Session, options: ImportOptions, file_month: dt.date | None) -> None:
    """Nothing to prepare: the month is in every row."""


def classify(session: Session, as_of: dt.datetime, inside: str, columns: frozenset[str]) -> None:
    """Decide for every row what it would change: the table `work`. Nothing real is written.

    `columns` are those the file has: `division` among them tells the long form.
    """
    is_long = "district" in columns
    common_pairs = {f'p."{name}"': f's."{name}"' for name in COMMON_FIELDS}
    long_pairs = {"p.place_id": "pl.place_id"}
    if is_long:
        long_pairs |= {f'p."{name}"': f's."{name}"' for name in LONG_FIELDS if name in columns}
    # The long form comes before the short one; among equals the later as-of counts.
    may_place = (
        "(NOT p.place_is_long OR :as_of >= p.place_as_of)"
        if is_long
        else "(NOT p.place_is_long AND :as_of >= p.place_as_of)"
    )
    same_key = " AND ".join(f'p."{name}" = s."{name}"' for name in KEY)
    make_work(
        session,
        f"""
        SELECT s.line_no, s.psid AS entity_key, p.id AS payment_id, a.id AS account_id, p.id IS NULL AS is_new,
               {is_long} AS is_long,
               coalesce(:as_of >= p.as_of, false) AS may_write, coalesce({may_place}, false) AS may_place,
               p.id IS NOT NULL AND {differs(common_pairs)} AS common_differs,
               p.id IS NOT NULL AND {differs(long_pairs)} AS place_differs,
               NOT {inside.format(column="pl.location_id")} AS outside,
               NOT (a.id IS NULL OR {inside.format(column="a.location_id")})
               OR NOT (p.id IS NULL OR {inside.format(column="p.location_id")}) AS account_outside
        FROM stage s
        JOIN stage_places pl USING (place_no)
        LEFT JOIN payments p ON {same_key}
        LEFT JOIN accounts a ON a.psid = s.psid
        WHERE s.state = ''""",
        {
            "REJECTED": "outside OR account_outside",
            "INSERTED": "is_new",
            "UPDATED": "(may_write AND common_differs) OR (may_place AND place_differs)",
        },
        pending="account_id IS NULL",
        as_of=as_of,
    )


def find(session: Session) -> None:
    """What is worth a look: months the portal and we name differently, amounts that disagree, older files."""
    note(
        session,
        "OUTSIDE_AREA_ACCOUNT",
        "SELECT line_no, 'PSID', entity_key FROM work WHERE account_outside AND NOT outside",
        severity="REJECT",
    )
    note(
        session,
        "UNKNOWN_PSID",
        "SELECT line_no, 'PSID', entity_key FROM work WHERE pending AND outcome <> 'REJECTED'",
    )
    note(
        session,
        "MONTH_DIFFERS",
        f"""
        SELECT w.line_no, 'Month', to_char(s.month, 'YYYY-MM') || ' > ' || to_char(ours.billing_month, 'YYYY-MM')
        FROM work w JOIN stage s USING (line_no)
        JOIN LATERAL (
            SELECT b.billing_month FROM bills b
            WHERE b.account_id = w.account_id AND b.status <> 'CANCELLED'
              AND b.issued_at < (s.paid_on + 1)::timestamptz
            ORDER BY {touched.LATER_FIRST} LIMIT 1
        ) ours ON true
        WHERE w.outcome <> 'REJECTED' AND w.account_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM bills b WHERE b.account_id = w.account_id AND b.billing_month = s.month
                AND b.status <> 'CANCELLED')""",
    )
    note(
        session,
        "AMOUNT_DIFFERS",
        """
        SELECT w.line_no, 'Amount', s.amount || ' / ' || b.amount_payable
        FROM work w JOIN stage s USING (line_no)
        JOIN bills b ON b.account_id = w.account_id AND b.billing_month = s.month AND b.status <> 'CANCELLED'
        WHERE w.outcome <> 'REJECTED' AND s.amount IS NOT NULL AND b.amount_payable IS NOT NULL
          AND b.amount_payable NOT IN (0, s.amount, s.amount + coalesce(s.fine, 0))""",  # 0: some, once it is paid
    )
    note(
        session,
        "OLDER_FILE",
        "SELECT line_no, '', '' FROM work WHERE outcome = 'UNCHANGED' AND ((common_differs AND NOT may_write)"
        " OR (place_differs AND NOT may_place AND is_long))",
    )


def issue_dates(session: Session) -> list[dict[str, object]]:
    return []


def totals(session: Session) -> dict[str, int]:
    row = run(
        session,
        "SELECT count(*) AS payments, coalesce(sum(s.paid_amount), 0) AS paid_amount"
        " FROM work w JOIN stage s USING (line_no) WHERE w.outcome <> 'REJECTED'",
    ).one()
    return {"payments": row.payments, "paid_amount": int(row.paid_amount)}


def changes_sql() -> tuple[str, str]:
    """(jsonb of the changes of an UPDATED row, the joins it needs beside `work w` and `stage s`)."""
    pairs = {
        name: (f'p."{name}"', f'CASE WHEN w.may_write THEN s."{name}" ELSE p."{name}" END') for name in COMMON_FIELDS
    }
    pairs |= {
        name: (f'p."{name}"', f'CASE WHEN w.may_place AND w.is_long THEN s."{name}" ELSE p."{name}" END')
        for name in LONG_FIELDS
    }
    pairs["location_id"] = ("p.location_id", "CASE WHEN w.may_place THEN pl.location_id ELSE p.location_id END")
    return changes(pairs), "JOIN payments p ON p.id = w.payment_id JOIN stage_places pl ON pl.place_no = s.place_no"


def apply(session: Session, batch_id: int, as_of: dt.datetime) -> None:
    """Write what `work` decided, and recompute the accounts concerned."""
    parameters = {"as_of": as_of, "batch": batch_id}
    fields = (*KEY, *COMMON_FIELDS, *LONG_FIELDS)
    # With the bill of the same month at once: most payments have one, and writing them twice costs twice.
    run(
        session,
        f"""
        INSERT INTO payments ({quoted(fields)}, account_id, place_id, location_id, place_is_long, place_as_of, as_of,
                              first_batch_id, last_batch_id, bill_month, bill_id)
        SELECT {quoted(fields, "s.")}, w.account_id, pl.place_id, pl.location_id, w.is_long, :as_of, :as_of,
               :batch, :batch, b.billing_month, b.id
        FROM work w JOIN stage s USING (line_no) JOIN stage_places pl USING (place_no)
        LEFT JOIN bills b ON b.account_id = w.account_id AND b.billing_month = s.month AND b.status <> 'CANCELLED'
        WHERE w.outcome = 'INSERTED' ORDER BY s.line_no""",
        **parameters,
    )
    run(
        session,
        f"""
        UPDATE payments p SET {", ".join(f'"{name}" = s."{name}"' for name in COMMON_FIELDS)}, as_of = :as_of,
            last_batch_id = CASE WHEN w.common_differs THEN :batch ELSE p.last_batch_id END,
            updated_at = CASE WHEN w.common_differs THEN now() ELSE p.updated_at END
        FROM work w JOIN stage s USING (line_no)
        WHERE p.id = w.payment_id AND w.may_write AND w.outcome <> 'REJECTED'
          AND (w.common_differs OR p.as_of < :as_of)""",
        **parameters,
    )
    run(
        session,
        f"""
        UPDATE payments p SET place_id = pl.place_id, location_id = pl.location_id, place_as_of = :as_of,
            place_is_long = w.is_long,
            {", ".join(f'"{name}" = CASE WHEN w.is_long THEN s."{name}" ELSE p."{name}" END' for name in LONG_FIELDS)},
            last_batch_id = CASE WHEN w.place_differs THEN :batch ELSE p.last_batch_id END,
            updated_at = CASE WHEN w.place_differs THEN now() ELSE p.updated_at END
        FROM work w JOIN stage s USING (line_no) JOIN stage_places pl USING (place_no)
        WHERE p.id = w.payment_id AND w.may_place AND w.outcome <> 'REJECTED'
          AND (w.place_differs OR p.place_as_of < :as_of OR p.place_is_long <> w.is_long)""",
        **parameters,
    )
    touched.begin_touching(session)
    touched.touch_bills(
        session,
        "SELECT w.account_id, CASE WHEN w.is_new THEN s.month ELSE p.bill_month END"
        " FROM work w JOIN stage s USING (line_no) LEFT JOIN payments p ON p.id = w.payment_id"
        " WHERE w.account_id IS NOT NULL AND (w.outcome = 'INSERTED' OR (w.outcome = 'UPDATED' AND w.common_differs))",
        money=True,
    )
    allocation.recompute(session)

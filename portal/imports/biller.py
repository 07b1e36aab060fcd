"""The biller list: accounts, and the last bill of each.

A row describes an account and, where a bill was issued, the account's last bill by its id. The next file repeats
the id for every account that got no new bill: the same bill, refreshed. The billing month is not in the file; it
comes from the options of the file with the earliest as-of that holds the bill (see `ImportOptions`), and stays.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.orm import Session

from portal.billing.cycles import month_label
from portal.imports.biller_writing import ACCOUNT_FIELDS, BILL_FIELDS, FILED, apply
from portal.imports.outcome import ImportOptions
from portal.imports.sqltools import changes, differs, make_work, note, run

KEY = ("psid",)
KEY_COLUMN = "psid"


@dataclass(frozen=True)
class MonthChoice:
    """The month proposed for bills of one issue date, and where it comes from."""

    month: dt.date
    source: str


def choose_month(issued_on: dt.date, options: ImportOptions, file_month: dt.date | None) -> MonthChoice:
    """Order of precedence: the date's own option, the month for all, the file's name, the calendar month of issue."""
    if issued_on in options.issued:
        return MonthChoice(options.issued[issued_on], "ISSUED")
    if options.month is not None:
        return MonthChoice(options.month, "MONTH")
    if file_month is not None:
        return MonthChoice(file_month, "FILE_NAME")
    return MonthChoice(issued_on.replace(day=1), "CALENDAR")


def newest_sql() -> str:
    return "SELECT max(issued_at) FROM stage WHERE state = ''"


def prepare(session: Session, options: ImportOptions, file_month: dt.date | None) -> None:
    """Make `stage_months`: the month of each issue date in the file."""
    run(session, "CREATE TEMP TABLE stage_months (issued_on date PRIMARY KEY, month date, source text) ON COMMIT DROP")
    found = run(session, "SELECT DISTINCT issued_at::date FROM stage WHERE issued_at IS NOT NULL AND state = ''")
    dates = [row[0] for row in found]
    for issued_on in dates:
        choice = choose_month(issued_on, options, file_month)
        run(
            session,
            "INSERT INTO stage_months VALUES (:issued_on, :month, :source)",
            issued_on=issued_on,
            month=choice.month,
            source=choice.source,
        )


def classify(session: Session, as_of: dt.datetime, inside: str, columns: frozenset[str]) -> None:
    """Decide for every row what it would change: the table `work`. Nothing real is written.

    A new account has its coming id at once (a preview uses up numbers, which nobody misses): the bills need it.
    """
    account_pairs = {f'a."{name}"': f's."{name}"' for name in ACCOUNT_FIELDS} | {
        "a.place_id": "coalesce(h.place_id, pl.place_id)"  # where a person has put the account
    }
    bill_pairs = {f'b."{name}"': expression for name, expression in BILL_FIELDS.items()}
    in_scope = inside.format(column="pl.location_id")
    account_in_scope = f"(a.id IS NULL OR {inside.format(column='a.location_id')})"
    # A bill id that several accounts claim belongs to the lowest PSID, in one file or in several, in any order: a lower
    # one takes the bill over. Rows and accounts outside the uploader's area neither claim nor lose any.
    claims = inside.format(column="(SELECT p.location_id FROM stage_places p WHERE p.place_no = stage.place_no)")
    may_take = (
        f"(s.psid < b.psid AND {inside.format(column='b.location_id')} AND EXISTS ("
        f"SELECT FROM accounts loser WHERE loser.id = b.account_id AND {inside.format(column='loser.location_id')}))"
    )
    # A bill that a person has moved stays in its month also then.
    moved = "s.psid < b.psid AND b.month_source = 'MOVED'"
    make_work(
        session,
        f"""
        WITH owners AS (
            SELECT portal_bill_id, min(psid) AS psid FROM stage
            WHERE state = '' AND portal_bill_id IS NOT NULL AND {claims}
            GROUP BY 1 HAVING count(*) > 1
        )
        SELECT s.line_no, s.psid AS entity_key, s.psid,
               coalesce(a.id, nextval('accounts_id_seq')) AS account_id, a.unit_id AS old_unit_id,
               u.id AS unit_id, coalesce(h.location_id, pl.location_id) AS location_id, a.id IS NULL AS is_new,
               coalesce(:as_of >= a.as_of, false) AS may_write,
               a.id IS NOT NULL AND {differs(account_pairs)} AS account_differs,
               b.id AS bill_id, b.billing_month AS old_month, b.amount_payable AS old_payable,
               CASE WHEN {moved} THEN b.billing_month ELSE m.month END AS file_month,
               CASE WHEN {moved} THEN b.month_source ELSE m.source END AS month_source,
               CASE WHEN s.portal_bill_id IS NULL THEN ''
                    WHEN o.psid <> s.psid THEN 'OTHERS'
                    WHEN k.portal_bill_id IS NULL OR {may_take} THEN 'NEW'
                    WHEN b.psid = s.psid THEN 'KNOWN'
                    ELSE 'OTHERS' END AS bill_state,
               CASE WHEN coalesce(o.psid = s.psid, true) AND {may_take} THEN b.account_id END AS taken_from,
               coalesce(:as_of >= b.as_of, false) AS may_write_bill,
               b.id IS NOT NULL AND {differs(bill_pairs)} AS bill_differs,
               coalesce(b.issued_at <> s.issued_at, false) AS bill_reissued,
               coalesce(b.month_source <> 'MOVED' AND :as_of < b.month_as_of AND b.billing_month <> m.month, false)
                   AS month_moves,
               coalesce(b.month_source <> 'MOVED' AND :as_of < b.month_as_of, false) AS month_is_earlier,
               NOT {in_scope} AS outside, NOT {account_in_scope} AS account_outside
        FROM stage s
        JOIN stage_places pl USING (place_no)
        LEFT JOIN stage_held h USING (line_no)
        LEFT JOIN accounts a ON a.psid = s.psid
        LEFT JOIN survey_units u ON u.survey_id = s.survey_id
        LEFT JOIN stage_months m ON m.issued_on = s.issued_at::date
        LEFT JOIN owners o ON o.portal_bill_id = s.portal_bill_id
        LEFT JOIN bill_keys k ON k.portal_bill_id = s.portal_bill_id
        LEFT JOIN bills b ON b.billing_month = k.billing_month AND b.portal_bill_id = k.portal_bill_id
        WHERE s.state = ''""",
        {
            "REJECTED": "outside OR account_outside",
            "INSERTED": "is_new",
            "UPDATED": "(may_write AND (account_differs OR old_unit_id IS DISTINCT FROM unit_id)) OR bill_state = 'NEW'"
            " OR (bill_state = 'KNOWN' AND ((may_write_bill AND bill_differs) OR month_moves))",
        },
        pending="unit_id IS NULL",
        joined_on="line_no, account_id, bill_id, bill_state, outcome",
        as_of=as_of,
    )


def find(session: Session) -> None:
    """What is worth a look in the rows."""
    note(
        session,
        "OUTSIDE_AREA_ACCOUNT",
        "SELECT line_no, 'Biller PSID', psid FROM work WHERE account_outside AND NOT outside",
        severity="REJECT",
    )
    note(
        session,
        "PENDING_SURVEY",
        "SELECT w.line_no, 'Survey ID', coalesce(s.survey_id, '') FROM work w JOIN stage s USING (line_no)"
        " WHERE w.pending AND w.outcome <> 'REJECTED'",
    )
    note(
        session,
        "SECOND_PSID",
        """
        SELECT w.line_no, 'Survey ID', s.survey_id
        FROM (
            SELECT w.line_no FROM work w JOIN accounts o ON o.unit_id = w.unit_id AND o.psid <> w.psid
            UNION
            SELECT line_no FROM stage JOIN (
                SELECT survey_id FROM stage WHERE state = '' AND survey_id IS NOT NULL
                GROUP BY survey_id HAVING count(*) > 1) several USING (survey_id)
        ) second JOIN work w USING (line_no) JOIN stage s USING (line_no)
        WHERE w.outcome <> 'REJECTED'""",
    )
    note(
        session,
        "SUPERSEDED_BILL",
        """
        SELECT w.line_no, 'Last Bill ID', live.portal_bill_id
        FROM work w JOIN bills live ON live.account_id = w.account_id AND live.billing_month = w.file_month
            AND live.status <> 'CANCELLED'
        WHERE w.bill_state = 'NEW' AND w.outcome <> 'REJECTED'""",
    )
    note(
        session,
        "BILL_OTHER_ACCOUNT",
        "SELECT w.line_no, 'Last Bill ID', s.portal_bill_id FROM work w JOIN stage s USING (line_no)"
        " WHERE w.bill_state = 'OTHERS' AND w.outcome <> 'REJECTED'",
    )
    note(
        session,
        "BILL_TAKEN_OVER",
        "SELECT w.line_no, 'Last Bill ID', s.portal_bill_id FROM work w JOIN stage s USING (line_no)"
        " WHERE w.taken_from IS NOT NULL AND w.outcome <> 'REJECTED'",
    )
    note(
        session,
        "OLDER_FILE",
        "SELECT line_no, '', '' FROM work WHERE outcome <> 'REJECTED' AND NOT is_new AND ("
        " (NOT may_write AND account_differs) OR (bill_state = 'KNOWN' AND NOT may_write_bill AND bill_differs))",
    )
    note(
        session,
        "MONTH_FROM_EARLIER_FILE",
        "SELECT line_no, 'Last Bill Date &Time',"
        " to_char(old_month, 'YYYY-MM') || ' > ' || to_char(file_month, 'YYYY-MM')"
        " FROM work WHERE month_moves AND bill_state = 'KNOWN' AND outcome <> 'REJECTED'",
    )


def issue_dates(session: Session) -> list[dict[str, object]]:
    """The issue dates found, with their counts and months, for the preview."""
    rows = run(
        session,
        """
        SELECT m.issued_on, m.month, m.source,
               count(*) FILTER (WHERE w.bill_state = 'NEW') AS new_bills,
               coalesce(sum(s.total_payable) FILTER (WHERE w.bill_state = 'NEW'), 0) AS payable,
               count(*) FILTER (WHERE w.bill_state = 'KNOWN') AS known_bills
        FROM stage_months m JOIN stage s ON s.issued_at::date = m.issued_on JOIN work w USING (line_no)
        WHERE w.outcome <> 'REJECTED' GROUP BY 1, 2, 3 ORDER BY 1""",
    )
    return [
        {
            "date": row.issued_on.isoformat(),
            "month": row.month.isoformat(),
            "label": month_label(row.month),
            "source": row.source,
            "new_bills": row.new_bills,
            "payable": int(row.payable),
            "known_bills": row.known_bills,
        }
        for row in rows
    ]


def totals(session: Session) -> dict[str, int]:
    row = run(
        session,
        f"""
        SELECT count(*) AS accounts, count(s.portal_bill_id) AS bills,
               coalesce(sum({FILED["monthly_fee"]}), 0) AS monthly_fee,
               coalesce(sum(s.total_payable), 0) AS amount_payable
        FROM work w JOIN stage s USING (line_no) LEFT JOIN stage_held h USING (line_no)
        WHERE w.outcome <> 'REJECTED'""",
    ).one()
    return {
        "accounts": row.accounts,
        "bills": row.bills,
        "monthly_fee": int(row.monthly_fee),
        "amount_payable": int(row.amount_payable),
    }


def changes_sql() -> tuple[str, str]:
    """(jsonb of the changes of an UPDATED row, the joins it needs beside `work w` and `stage s`)."""
    # A row may be UPDATED for its bill while the account itself has been told by a newer file.
    pairs = {
        name: (f'a."{name}"', f'CASE WHEN w.may_write THEN s."{name}" ELSE a."{name}" END') for name in ACCOUNT_FIELDS
    }
    bill_only = "w.bill_state = 'KNOWN' AND w.may_write_bill AND NOT w.may_write"
    pairs |= {
        "bill": ("NULL::text", "CASE WHEN w.bill_state = 'NEW' THEN s.portal_bill_id END"),
        "bill_month": (
            "CASE WHEN w.month_moves THEN to_char(w.old_month, 'YYYY-MM') END",
            "CASE WHEN w.month_moves OR w.bill_state = 'NEW' THEN to_char(w.file_month, 'YYYY-MM') END",
        ),
        "bill_payable": (
            f"CASE WHEN {bill_only} THEN w.old_payable END",
            f"CASE WHEN {bill_only} THEN s.total_payable END",
        ),
        "location_id": ("a.location_id", "CASE WHEN w.may_write THEN w.location_id ELSE a.location_id END"),
        "unit_id": ("w.old_unit_id", "CASE WHEN w.may_write THEN w.unit_id ELSE w.old_unit_id END"),
    }
    return changes(pairs), "JOIN accounts a ON a.id = w.account_id"


__all__ = [
    "KEY",
    "KEY_COLUMN",
    "apply",
    "changes_sql",
    "classify",
    "find",
    "issue_dates",
    "newest_sql",
    "prepare",
    "totals",
]

"""Importing small files in tests, and the whole state of a database in a form that can be compared."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from portal.db import transaction
from portal.imports.outcome import ImportOptions, Outcome
from portal.imports.pipeline import KARACHI
from portal.imports.service import Actor, ImportSettings, import_file
from portal.permissions import AreaScope
from portal.rollups.service import MEASURES, key_columns
from portal.verify.service import verify
from tests.imports import portal_files

HEADERS = {
    "areas": portal_files.AREAS,
    "survey": portal_files.SURVEY,
    "biller": portal_files.BILLER,
    "paid": portal_files.PAID_LONG,
    "short": portal_files.PAID_SHORT,
}
TODAY = dt.date(2025, 12, 20)
SETTINGS = ImportSettings(uploads_dir=Path("/nonexistent"), max_bytes=100 << 20, cycle_start_day=16)


def at(day: str) -> dt.datetime:
    """Midnight in Karachi."""
    return dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), KARACHI)


def write(folder: Path, form: str, rows: Sequence[Sequence[Any]], name: str | None = None) -> Path:
    """A CSV file of a form (`areas`, `survey`, `biller`, `paid`, `short`)."""
    return portal_files.write_csv(folder / (name or f"{form}.csv"), HEADERS[form], rows)


def bring(
    session: Session,
    path: Path,
    *,
    as_of: str | None = None,
    month: str | None = None,
    issued: dict[str, str] | None = None,
    scope: AreaScope | None = None,
    dry_run: bool = False,
    kind: str | None = None,
) -> Outcome:
    """Import a file within the session's transaction."""
    options = ImportOptions(
        month=dt.date.fromisoformat(f"{month}-01") if month else None,
        issued={dt.date.fromisoformat(d): dt.date.fromisoformat(f"{m}-01") for d, m in (issued or {}).items()},
        as_of=at(as_of) if as_of else None,
    )
    actor = Actor(name="tester", staff_id=None, scope=scope or AreaScope.everywhere())
    outcome = import_file(
        session, path, kind=kind, options=options, settings=SETTINGS, actor=actor, dry_run=dry_run, today=TODAY
    )
    session.expire_all()
    assert_accounted(outcome)
    return outcome


def bring_committed(path: Path, **options: Any) -> Outcome:
    """Import a file in a transaction of its own (needs an app context)."""
    with transaction() as session:
        return bring(session, path, **options)


def assert_accounted(outcome: Outcome) -> None:
    """Every row is accounted for."""
    c = outcome.counts
    assert c.inserted + c.updated + c.unchanged + c.duplicates + c.rejected == c.rows
    assert c.pending <= c.inserted + c.updated + c.unchanged


def assert_verified(connection: Connection) -> None:
    """Everything derived is what the rows say."""
    report = verify(connection)
    assert report.total == 0, report.differences


_STATE = {
    "locations": """SELECT l.kind, l.name, l.match_key, l.uc_type, l.portal_id, p.name, p.kind
        FROM locations l LEFT JOIN locations p ON p.id = l.parent_id""",
    "places": """SELECT p.division_key, p.district_key, p.tehsil_key,
        CASE WHEN p.name_key LIKE '#%' THEN 'by hand' ELSE p.name_key END, p.uc_type, p.division, p.district,
        p.tehsil, p.name, l.name, l.kind, l.portal_id, p.state, p.ambiguous
        FROM places p JOIN locations l ON l.id = p.location_id""",
    "survey_units": """SELECT u.survey_id, u.consumer_name, u.mobile, u.mobile_text, u.cnic, u.cnic_text, u.address,
        l.name, l.portal_id, u."use", u.size_band, u.size_text, u.gps_text, u.gps_lat, u.gps_lon, u.image_urls,
        u.surveyor_name, u.surveyed_at, u.as_of, u.kept_by_hand, u.deleted_at IS NOT NULL
        FROM survey_units u JOIN locations l ON l.id = u.location_id""",
    "accounts": """SELECT a.psid, a.survey_id, u.survey_id, a.consumer_name, a.mobile, a.cnic, a.address, a.monthly_fee,
        a.total_payable, a.is_active, l.name, l.portal_id, a.as_of, a."use", a.size_band, a.uc_type,
        a.kept_by_hand, a.deleted_at IS NOT NULL
        FROM accounts a LEFT JOIN survey_units u ON u.id = a.unit_id JOIN locations l ON l.id = a.location_id""",
    "bills": """SELECT b.psid, b.portal_bill_id, b.billing_month, b.issued_at, b."use", b.size_band, b.monthly_fee,
        b.amount_payable, b.status, b.paid_amount, b.demand, b.last_paid_on, b.carried_on, b.month_source,
        b.month_as_of, b.as_of, l.name, l.portal_id FROM bills b JOIN locations l ON l.id = b.location_id""",
    "payments": """SELECT p.psid, p.month, p.paid_on, p.paid_amount, p.channel, p.amount, p.fine, p.billing_category,
        p.wmc, p.office, p.bill_pdf, p.portal_status, p.is_active, l.name, l.portal_id, p.place_is_long, p.place_as_of,
        p.as_of, p.bill_month, b.portal_bill_id, p.account_id IS NULL
        FROM payments p JOIN locations l ON l.id = p.location_id
        LEFT JOIN bills b ON b.billing_month = p.bill_month AND b.id = p.bill_id""",
    "account_balances": """SELECT a.psid, l.name, b."use", b.size_band, b.is_pending, b.latest_bill_month,
        b.outstanding, b.credit, b.unpaid_bills, b.payments_count
        FROM account_balances b JOIN accounts a ON a.id = b.account_id
        JOIN locations l ON l.id = b.location_id""",
    "unit_states": """SELECT u.survey_id, s.accounts, s."use", l.name FROM unit_states s
        JOIN survey_units u ON u.id = s.unit_id JOIN locations l ON l.id = s.location_id""",
    "unit_cycles": """SELECT u.survey_id, s.billing_month, s.bills, s.paid_bills, s.paid_on, s."use", l.name
        FROM unit_cycles s
        JOIN survey_units u ON u.id = s.unit_id JOIN locations l ON l.id = s.location_id""",
}


def state(connection: Connection) -> dict[str, list[str]]:
    """All rows of the registers and all sums of the rollups, without surrogate ids, timestamps and history."""
    found = {name: connection.execute(text(sql)).all() for name, sql in _STATE.items()}
    for table, measures in MEASURES.items():
        if table == "data_versions":
            continue
        keys = ", ".join(
            "l.kind || ':' || l.name" if key == "location_id" else f'r."{key}"' for key in key_columns(table)
        )
        sums = ", ".join(f"sum(r.{name})" for name in measures)
        nonzero = " OR ".join(f"sum(r.{name}) <> 0" for name in measures)
        found[table] = connection.execute(
            text(
                f"SELECT {keys}, {sums} FROM {table} r JOIN locations l ON l.id = r.location_id"
                f" GROUP BY {keys} HAVING {nonzero}"
            )
        ).all()
    return {name: sorted(map(repr, rows)) for name, rows in found.items()}

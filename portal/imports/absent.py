"""Columns that a file does not have say nothing: the register keeps what it knows."""

from __future__ import annotations

from sqlalchemy.orm import Session

from portal.imports.layouts import EXTRA_TEXT
from portal.imports.sqltools import run

# kind: (register, its key and the staging key, {optional header: staging column = register column})
_OPTIONAL: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    "survey": (
        "survey_units",
        ("survey_id",),
        {
            "Surveyor Name": "surveyor_name",
            "Water Connection": "water_connection",
            "Email": "email",
            EXTRA_TEXT: "extra_text",
        },
    ),
    "biller": (
        "accounts",
        ("psid",),
        {"Current Bill": "portal_current_bill", "WMC": "wmc", "Office": "office", "Balance": "portal_balance"},
    ),
    "paid": (
        "payments",
        ("psid", "month", "paid_on", "paid_amount", "channel"),
        {
            "WMC": "wmc",
            "Office": "office",
            "Bill PDF": "bill_pdf",
            "Status": "portal_status",
            "Active": "is_active",
        },
    ),
}


def fill_absent_columns(session: Session, kind: str, present: frozenset[str]) -> None:
    """Give the staged rows of known keys the register's values in the columns that the file lacks."""
    if kind not in _OPTIONAL:
        return
    register, key, optional = _OPTIONAL[kind]
    absent = [column for header, column in optional.items() if header not in present]
    if not absent:
        return
    assigned = ", ".join(f'"{column}" = r."{column}"' for column in absent)
    same = " AND ".join(f's."{column}" = r."{column}"' for column in key)
    run(session, f"UPDATE stage s SET {assigned} FROM {register} r WHERE s.state = '' AND {same}")

"""A few rows of an import as a person reads them: what would change, and what is new."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sqlalchemy.orm import Session

from portal.imports.sqltools import run

UPDATED, INSERTED = 8, 4

_PLACE = "LEFT JOIN stage_places spl ON spl.place_no = s.place_no"
# What a row says of itself, as (jsonb, joins) over `work w` and `stage s`.
_FACTS = {
    "areas": ("jsonb_build_object('name', s.name, 'place', s.tehsil_name)", ""),
    "survey": ("jsonb_build_object('name', s.consumer_name, 'place', spl.name, 'date', s.surveyed_at::date)", _PLACE),
    "biller": (
        "jsonb_build_object('name', s.consumer_name, 'place', spl.name, 'date', s.issued_at::date,"
        " 'amount', s.total_payable, 'new_bill', w.bill_state = 'NEW')",
        _PLACE,
    ),
    "paid": (
        "jsonb_build_object('name', own.consumer_name, 'place', spl.name, 'date', s.paid_on,"
        " 'amount', s.paid_amount, 'month', s.month)",
        f"{_PLACE} LEFT JOIN accounts own ON own.id = w.account_id",
    ),
}


def samples(session: Session, kind: str, module: ModuleType) -> list[dict[str, Any]]:
    """[{"line_no", "key", "outcome", "changes": {column: [old, new]}, "facts": {...}}], changed rows first."""
    changes, joins = module.changes_sql()
    facts, fact_joins = _FACTS[kind]
    shared = f"SELECT w.line_no, w.entity_key AS key, w.outcome, {facts} AS facts"
    updated = run(
        session,
        f"{shared}, {changes} AS changes FROM work w JOIN stage s USING (line_no) {fact_joins} {joins}"
        f" WHERE w.outcome = 'UPDATED' ORDER BY w.line_no LIMIT {UPDATED}",
    )
    new = run(
        session,
        f"{shared}, '{{}}'::jsonb AS changes FROM work w JOIN stage s USING (line_no) {fact_joins}"
        f" WHERE w.outcome = 'INSERTED' ORDER BY w.line_no LIMIT {INSERTED}",
    )
    return [dict(row._mapping) for row in [*updated, *new]]

"""What a check is."""

from __future__ import annotations

from dataclasses import dataclass

LATEST = 'issued_at DESC, length(portal_bill_id) DESC NULLS LAST, portal_bill_id COLLATE "C" DESC NULLS LAST, id DESC'


@dataclass(frozen=True)
class Check:
    """One thing verified. `sql` selects key, expected, found (all text) of each difference."""

    table: str
    what: str
    sql: str

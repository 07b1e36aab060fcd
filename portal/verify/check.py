"""What a check is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing verified. `sql` selects key, expected, found (all text) of each difference."""

    table: str
    what: str
    sql: str

"""Running the checks in one snapshot."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, text

from portal.verify.checks import CHECKS

SHOWN = 100


@dataclass(frozen=True)
class Difference:
    """One figure that is not what the rows say."""

    table: str
    what: str
    key: str
    expected: str
    found: str


@dataclass(frozen=True)
class Report:
    """What was checked, how many differences there are in all, and up to SHOWN of each check."""

    checks: int
    total: int
    differences: list[Difference]

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.total == 0,
            "checks": self.checks,
            "total": self.total,
            "differences": [asdict(difference) for difference in self.differences],
        }


def verify(connection: Connection) -> Report:
    """Recompute every rollup, status, balance and count from the rows. Reads only; give it a snapshot."""
    differences: list[Difference] = []
    total = 0
    for check in CHECKS:
        sql = f"SELECT key, expected, found, count(*) OVER () AS total FROM ({check.sql}) d ORDER BY key LIMIT {SHOWN}"
        rows = connection.execute(text(sql)).all()
        total += int(rows[0].total) if rows else 0
        differences += [
            Difference(check.table, check.what, row.key, row.expected or "", row.found or "") for row in rows
        ]
    return Report(len(CHECKS), total, differences)

"""What came of a table: its rows, each accounted for, and what was found in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from portal.imports.outcome import Counts, Outcome


@dataclass
class TableOutcome:
    """`kind` is the table (or `payments`). `findings` is {code: rows}, of the rows about which there is something to
    say; `totals` as in imports. rows = inserted + updated + unchanged + duplicates + rejected.
    """

    kind: str
    file: str
    counts: Counts
    totals: dict[str, int] = field(default_factory=dict)
    findings: dict[str, int] = field(default_factory=dict)
    # The import whose pages show the rows, of what went through an importer.
    batch_id: int | None = None

    @classmethod
    def of_import(cls, kind: str, file: str, outcome: Outcome, batch_id: int | None) -> TableOutcome:
        """Of rows that went through an importer of the portal's files."""
        found = {finding["code"]: int(finding["rows"]) for finding in outcome.findings}
        return cls(kind, file, outcome.counts, dict(outcome.totals), found, batch_id)

    def as_json(self) -> dict[str, Any]:
        """One object as `flask import --json` prints it, with the findings beside it."""
        counts = self.counts.as_json()
        return {"kind": self.kind, "file": self.file, **counts, "totals": self.totals, "findings": self.findings}


def promise(outcomes: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What was shown and confirmed: compared at the commit with what would be done by then."""
    names = ("kind", "rows", "inserted", "updated", "unchanged", "duplicates", "rejected", "pending")
    return [tuple(outcome[name] for name in names) for outcome in outcomes]

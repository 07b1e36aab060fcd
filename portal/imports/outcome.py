"""What an import is asked to do, and what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# (phase, done, total): done and total in rows; total 0 while it is not known.
Progress = Callable[[str, int, int], None]


def no_progress(_phase: str, _done: int, _total: int) -> None:
    """The progress of those who do not look."""


@dataclass(frozen=True)
class ImportOptions:
    """What the uploader says about a file.

    `month`: the billing month of bills first seen here; `issued`: the same for single issue dates, which comes
    first; `as_of`: when the file was downloaded. Months are first days of months.
    """

    month: dt.date | None = None
    issued: dict[dt.date, dt.date] = field(default_factory=dict)
    as_of: dt.datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "month": self.month.isoformat() if self.month else None,
            "issued": {day.isoformat(): month.isoformat() for day, month in self.issued.items()},
            "as_of": self.as_of.isoformat() if self.as_of else None,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ImportOptions:
        return cls(
            month=dt.date.fromisoformat(data["month"]) if data.get("month") else None,
            issued={
                dt.date.fromisoformat(day): dt.date.fromisoformat(month)
                for day, month in (data.get("issued") or {}).items()
            },
            as_of=dt.datetime.fromisoformat(data["as_of"]) if data.get("as_of") else None,
        )


@dataclass
class Counts:
    """Every row is accounted for: rows = inserted + updated + unchanged + duplicates + rejected.

    `pending` counts, among the first three, the rows that wait for a partner.
    """

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0
    pending: int = 0

    def as_json(self) -> dict[str, int]:
        return dict(vars(self))


@dataclass
class Outcome:
    """The counts of one file, and what the preview and result pages show of it.

    `issue_dates`: [{"date", "new_bills", "payable", "known_bills", "month", "source"}] (biller lists).
    `findings`: [{"code", "severity", "rows", "samples": [{"line_no", "column", "value"}]}].
    `samples`: [{"line_no", "key", "outcome", "name", "changes": {column: [old, new]}}].
    `new_places`: the spellings that wait to be matched after this file.
    """

    kind: str
    file: str
    counts: Counts
    totals: dict[str, int]
    as_of: dt.datetime
    as_of_source: str
    issue_dates: list[dict[str, Any]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    open_places: list[dict[str, Any]] = field(default_factory=list)
    file_facts: dict[str, Any] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """The object `flask import --json` prints."""
        return {"kind": self.kind, "file": self.file, **self.counts.as_json(), "totals": self.totals}

    def as_json(self) -> dict[str, Any]:
        """For the batch's `preview` and `result`."""
        return {
            **self.summary(),
            "as_of": self.as_of.isoformat(),
            "as_of_source": self.as_of_source,
            "issue_dates": self.issue_dates,
            "findings": self.findings,
            "samples": self.samples,
            "open_places": self.open_places,
            "file_facts": self.file_facts,
        }

    def agrees_with(self, preview: dict[str, Any]) -> bool:
        """Whether a commit does what its preview promised: the same counts and totals."""
        mine = self.summary()
        return all(mine[key] == preview.get(key) for key in ["kind", "totals", *self.counts.as_json()])

"""The rows of one table on their way: a temporary table of them, what becomes of each, and what is to be said of it.

`old_outcomes` (table_name, line_no, row_key, outcome, pending) has a row for each row of every table;
`old_notes` (table_name, line_no, code, detail) what was found. Both end with the transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.cutover.outcome import TableOutcome
from portal.imports.outcome import Counts
from portal.imports.sqltools import run
from portal.imports.staging import _CopyStream

REJECTED, DUPLICATE = "REJECTED", "DUPLICATE"


def begin(session: Session) -> None:
    """Make the empty lists."""
    run(session, "DROP TABLE IF EXISTS pg_temp.old_outcomes, pg_temp.old_notes")
    run(
        session,
        "CREATE TEMP TABLE old_outcomes (table_name text, line_no int, row_key text, outcome text, pending boolean)"
        " ON COMMIT DROP",
    )
    run(
        session,
        "CREATE TEMP TABLE old_notes (table_name text, line_no int, code text, detail text) ON COMMIT DROP",
    )


class Staged:
    """The temporary table `old_<table>` of a table's rows: `line_no`, `row_key`, `state` ('' or REJECTED or DUPLICATE)
    and the columns given as {name: type}."""

    def __init__(self, session: Session, table: str, columns: dict[str, str]) -> None:
        self.session, self.table, self.columns = session, table, columns
        self.name = f"old_{table}"
        typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        run(session, f"DROP TABLE IF EXISTS pg_temp.{self.name}")
        run(
            session,
            f"CREATE TEMP TABLE {self.name} (line_no int PRIMARY KEY, row_key text, state text, {typed})"
            " ON COMMIT DROP",
        )

    def load(self, rows: Iterable[tuple[int, str, str, Sequence[Any]]]) -> None:
        """COPY rows of (line_no, row_key, reason of rejection or '', values in the order of the columns).

        Of rows with the same key the last counts.
        """
        cursor = self.session.connection().connection.cursor()
        rejected: list[tuple[int, str]] = []

        def lines() -> Any:
            for line_no, key, reason, values in rows:
                if reason:
                    rejected.append((line_no, reason))
                yield [line_no, key, REJECTED if reason else "", *values]

        names = ", ".join(["line_no", "row_key", "state", *self.columns])
        stream = _CopyStream(lines())
        cursor.copy_expert(
            f"COPY {self.name} ({names}) FROM STDIN (FORMAT csv, FORCE_NOT_NULL (row_key, state))", stream
        )
        for line_no, reason in rejected:
            self.note(line_no, reason)
        run(
            self.session,
            f"""
            UPDATE {self.name} s SET state = 'DUPLICATE'
            FROM (SELECT row_key, max(line_no) AS last FROM {self.name} WHERE state = '' GROUP BY 1
                  HAVING count(*) > 1) k
            WHERE s.row_key = k.row_key AND s.state = '' AND s.line_no < k.last""",
        )
        run(self.session, f"ANALYZE {self.name}")
        self.notes("SAME_KEY_AGAIN", f"SELECT line_no, '' FROM {self.name} WHERE state = 'DUPLICATE'")

    def note(self, line_no: int, code: str, detail: str = "") -> None:
        """Say something of one row."""
        self.session.execute(
            text("INSERT INTO old_notes VALUES (:table, :line, :code, :detail)"),
            {"table": self.table, "line": line_no, "code": code, "detail": detail},
        )

    def notes(self, code: str, select: str, **parameters: Any) -> None:
        """Say something of the rows that a SELECT of (line_no, detail) gives."""
        run(
            self.session,
            f"INSERT INTO old_notes SELECT '{self.table}', f.line_no, '{code}', coalesce(f.detail, '')"
            f" FROM ({select}) AS f (line_no, detail)",
            **parameters,
        )

    def reject(self, code: str, condition: str, **parameters: Any) -> None:
        """Reject the rows `s` of which a condition holds."""
        self.notes(code, f"SELECT line_no, '' FROM {self.name} s WHERE state = '' AND ({condition})", **parameters)
        run(
            self.session,
            f"UPDATE {self.name} s SET state = 'REJECTED' WHERE state = '' AND ({condition})",
            **parameters,
        )

    def decide(self, outcome: str, pending: str = "false") -> None:
        """Note what becomes of each row: SQL over `s` for the outcome of those neither rejected nor duplicates."""
        run(
            self.session,
            f"""
            INSERT INTO old_outcomes
            SELECT '{self.table}', s.line_no, s.row_key, CASE WHEN s.state <> '' THEN s.state ELSE {outcome} END,
                   s.state = '' AND ({pending})
            FROM {self.name} s""",
        )


def outcome_of(session: Session, table: str, file: str, totals: dict[str, int]) -> TableOutcome:
    """The counts and findings of a table whose rows have been decided."""
    found = {
        row.outcome: (int(row.n), int(row.pending))
        for row in run(
            session,
            "SELECT outcome, count(*) AS n, count(*) FILTER (WHERE pending) AS pending FROM old_outcomes"
            " WHERE table_name = :table GROUP BY 1",
            table=table,
        )
    }

    def count(name: str) -> int:
        return found.get(name, (0, 0))[0]

    counts = Counts(
        rows=sum(n for n, _pending in found.values()),
        inserted=count("INSERTED"),
        updated=count("UPDATED"),
        unchanged=count("UNCHANGED"),
        duplicates=count(DUPLICATE),
        rejected=count(REJECTED),
        pending=sum(pending for _n, pending in found.values()),
    )
    notes = {
        row.code: int(row.n)
        for row in run(
            session,
            "SELECT code, count(DISTINCT line_no) AS n FROM old_notes WHERE table_name = :table GROUP BY 1 ORDER BY 1",
            table=table,
        )
    }
    return TableOutcome(table, file, counts, totals, notes)

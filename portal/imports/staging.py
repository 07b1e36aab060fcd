"""From a file to the staging tables: parsed rows go through COPY, and everything after is set-based SQL.

Temporary tables of one import (they end with its transaction):

- `stage`: one row per file row: `line_no`, `state` ('' or REJECTED or DUPLICATE), `place_no`, and the kind's columns.
- `stage_raw`: of the rejected and the duplicate rows `line_no` and `raw`, the JSON list of their cells.
- `stage_places`: the distinct places, resolved: `place_no`, the folded and written names, `place_id` (NULL while
  new), `location_id`, `place_state`, `ambiguous`.
- `stage_findings`: `line_no`, `severity`, `code`, `column_name`, `value`.
"""

from __future__ import annotations

import csv
import datetime as dt
import gc
import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.imports import parse
from portal.imports.outcome import Progress
from portal.imports.raw_rows import RawRows
from portal.imports.readers import Table
from portal.locations.places import PlaceKey, Tree, resolve

WRITTEN_PLACE = ("division", "district", "tehsil", "uc_name")
PLACE_COLUMNS = (*WRITTEN_PLACE, "division_key", "district_key", "tehsil_key", "name_key")
COLUMN_TYPES = {
    "monthly_fee": "int",
    "total_payable": "int",
    "paid_amount": "int",
    "amount": "int",
    "fine": "int",
    "is_active": "boolean",
    "issued_at": "timestamptz",
    "surveyed_at": "timestamptz",
    "month": "date",
    "paid_on": "date",
    "gps_lat": "float8",
    "gps_lon": "float8",
    "image_urls": "text[]",
}
REPORT_EVERY = 20_000


class _Readable(Protocol):
    def read(self, size: int = -1) -> str: ...


class _CopyStream(io.TextIOBase):
    """A file that COPY reads: CSV made row by row as it is asked for, so memory stays flat."""

    def __init__(self, rows: Iterator[Sequence[Any]]) -> None:
        self._rows = rows
        self._buffer = io.StringIO()
        self._writer = csv.writer(self._buffer)
        self._rest = ""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> str:
        wanted = 1 << 16 if size is None or size < 0 else size
        parts = [self._rest]
        length = len(self._rest)
        while length < wanted:
            row = next(self._rows, None)
            if row is None:
                break
            self._writer.writerow(row)
            if self._buffer.tell() > 1 << 15:
                length += self._flush_to(parts)
        self._flush_to(parts)
        whole = "".join(parts)
        self._rest = whole[wanted:]
        return whole[:wanted]

    def _flush_to(self, parts: list[str]) -> int:
        chunk = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        parts.append(chunk)
        return len(chunk)


@contextmanager
def _without_collector() -> Iterator[None]:
    """A file's rows hold no cycles, and looking for some among millions of new objects takes a tenth of the reading."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _array_literal(items: Any) -> str:
    """A list of texts as PostgreSQL writes an array."""
    quoted = ",".join('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items)
    return "{" + quoted + "}"


def data_columns(kind: str) -> list[str]:
    """The staging columns of a kind without those of its place."""
    return [name for name in parse.COLUMNS[kind] if name not in PLACE_COLUMNS]


class Stager:
    """Parses the rows of one file into the staging tables."""

    def __init__(
        self,
        session: Session,
        table: Table,
        raw_rows: RawRows,
        today: dt.date,
        cycle_start_day: int,
        progress: Progress,
    ) -> None:
        self.session = session
        self.table = table
        self.raw_rows = raw_rows
        self.kind = table.kind
        self.progress = progress
        self.rows = 0
        self.places: dict[tuple[str, ...], tuple[int, tuple[str, ...]]] = {}
        self._parse = parse.PARSERS[table.kind]
        self._context = parse.Context(today, cycle_start_day)
        columns = parse.COLUMNS[table.kind]
        data = data_columns(table.kind)
        self._pick_data = itemgetter(*(columns.index(name) for name in data))
        self._arrays = [i for i, name in enumerate(data) if COLUMN_TYPES.get(name) == "text[]"]
        # The place's names; the survey names no division, and a kind without places has none of them.
        self._pick_place = itemgetter(*(columns.index(name) for name in (*PLACE_COLUMNS, "uc_type") if name in columns))
        self._divisions = "division_key" in columns
        self._place_numbers: dict[Any, int] = {}
        self._findings = tempfile.SpooledTemporaryFile(  # noqa: SIM115 (closed in load)
            max_size=8 << 20, mode="w+", encoding="utf-8", newline=""
        )
        self._findings_writer = csv.writer(self._findings)

    def load(self) -> None:
        """Read the whole file. Afterwards `rows` is the number of its rows."""
        connection = self.session.connection()
        columns = data_columns(self.kind)
        typed = ", ".join(f'"{name}" {COLUMN_TYPES.get(name, "text")}' for name in columns)
        connection.execute(
            text(f"CREATE TEMP TABLE stage (line_no int, state text NOT NULL, place_no int, {typed}) ON COMMIT DROP")
        )
        connection.execute(
            text(
                "CREATE TEMP TABLE stage_findings (line_no int, severity text, code text, column_name text,"
                " value text) ON COMMIT DROP"
            )
        )
        cursor = connection.connection.cursor()
        with self._findings, _without_collector():
            names = ", ".join(f'"{name}"' for name in columns)
            rows = _CopyStream(self._stage_rows())
            self._copy(cursor, f"stage (line_no, state, place_no, {names})", rows, not_null="state")
            self._findings.seek(0)
            self._copy(cursor, "stage_findings", self._findings, not_null="column_name, value")
        # Only what is joined on: statistics of every text column would take longer than the joins.
        joined = [name for name in ("psid", "survey_id", "portal_bill_id", "area_id", "place_no") if name in columns]
        connection.execute(text(f"ANALYZE stage (line_no, state, {', '.join(joined)})"))
        self.progress("reading", self.rows, self.rows)

    @staticmethod
    def _copy(cursor: Any, target: str, stream: _Readable, not_null: str = "") -> None:
        """COPY; an empty cell is NULL, but in the columns of `not_null`."""
        options = f", FORCE_NOT_NULL ({not_null})" if not_null else ""
        cursor.copy_expert(f"COPY {target} FROM STDIN (FORMAT csv{options})", stream)

    def _stage_rows(self) -> Iterator[list[Any]]:
        has_place = self.kind != "areas"
        keep, parse_row, context, pick = self.raw_rows.add, self._parse, self._context, self._pick_data
        for line_no, cells in self.table.rows:
            self.rows += 1
            if self.rows % REPORT_EVERY == 0:
                self.progress("reading", self.rows, 0)
            keep(line_no, cells)
            _key, values, findings, rejected = parse_row(line_no, cells, context)
            for finding in findings:
                self._findings_writer.writerow((line_no, *finding))
            data = list(pick(values))
            for i in self._arrays:
                data[i] = None if data[i] is None else _array_literal(data[i])
            if rejected:
                yield [line_no, "REJECTED", None, *data]
            else:
                yield [line_no, "", self._place_no(values) if has_place else None, *data]

    def _place_no(self, values: Sequence[Any]) -> int:
        picked = self._pick_place(values)
        known = self._place_numbers.get(picked)
        if known is None:
            names = [name or "" for name in picked]
            if not self._divisions:
                names.insert(len(WRITTEN_PLACE), "")
            written, key = tuple(names[: len(WRITTEN_PLACE)]), tuple(names[len(WRITTEN_PLACE) :])
            # The same place in another spelling keeps its number, and the spelling that was first.
            known = self._place_numbers[picked] = self.places.setdefault(key, (len(self.places), written))[0]
        return known

    def load_places(self, tree: Tree) -> None:
        """Resolve the distinct places and put them into `stage_places`."""
        connection = self.session.connection()
        connection.execute(
            text(
                "CREATE TEMP TABLE stage_places (place_no int PRIMARY KEY, division_key text, district_key text,"
                " tehsil_key text, name_key text, uc_type text, division text, district text, tehsil text, name text,"
                " place_id bigint, location_id int, place_state text, ambiguous boolean) ON COMMIT DROP"
            )
        )
        lines = io.StringIO()
        writer = csv.writer(lines, quoting=csv.QUOTE_ALL)
        for key, (place_no, written) in self.places.items():
            found = resolve(tree, PlaceKey(*key))
            writer.writerow((place_no, *key, *written, found.location_id, found.state, str(found.ambiguous)))
        lines.seek(0)
        self._copy(
            connection.connection.cursor(),
            "stage_places (place_no, division_key, district_key, tehsil_key, name_key, uc_type,"
            " division, district, tehsil, name, location_id, place_state, ambiguous)",
            lines,
        )
        connection.execute(
            text(
                """
                UPDATE stage_places s SET place_id = p.id, location_id = p.location_id, place_state = p.state,
                                          ambiguous = p.ambiguous
                FROM places p
                WHERE (p.division_key, p.district_key, p.tehsil_key, p.name_key, p.uc_type)
                    = (s.division_key, s.district_key, s.tehsil_key, s.name_key, s.uc_type)"""
            )
        )
        # A person linked this spelling when a file with another division (or none) brought it.
        connection.execute(
            text(
                """
                UPDATE stage_places s SET location_id = p.location_id, place_state = p.state
                FROM places p
                WHERE s.place_id IS NULL AND s.place_state = 'OPEN' AND p.state = 'LINKED'
                  AND (p.district_key, p.tehsil_key, p.name_key, p.uc_type)
                    = (s.district_key, s.tehsil_key, s.name_key, s.uc_type)"""
            )
        )
        connection.execute(text("ANALYZE stage_places"))


def keep_new_places(session: Session) -> None:
    """Write the places that are new to the places table and note their ids in `stage_places`."""
    session.execute(
        text(
            """
            INSERT INTO places (division_key, district_key, tehsil_key, name_key, uc_type,
                                division, district, tehsil, name, location_id, state, ambiguous)
            SELECT division_key, district_key, tehsil_key, name_key, uc_type, division, district, tehsil, name,
                   location_id, place_state, ambiguous
            FROM stage_places
            WHERE place_id IS NULL
              AND place_no IN (SELECT s.place_no FROM stage s JOIN work w USING (line_no) WHERE w.outcome <> 'REJECTED')
            ON CONFLICT DO NOTHING"""
        )
    )
    # The written form of a place is the alphabetically first one seen, whatever came first.
    session.execute(
        text(
            """
            UPDATE places p SET division = least(p.division, s.division), district = least(p.district, s.district),
                                tehsil = least(p.tehsil, s.tehsil), name = least(p.name, s.name)
            FROM stage_places s
            WHERE p.id = s.place_id
              AND (s.division < p.division OR s.district < p.district OR s.tehsil < p.tehsil OR s.name < p.name)"""
        )
    )
    session.execute(
        text(
            """
            UPDATE stage_places s SET place_id = p.id FROM places p
            WHERE s.place_id IS NULL
              AND (p.division_key, p.district_key, p.tehsil_key, p.name_key, p.uc_type)
                = (s.division_key, s.district_key, s.tehsil_key, s.name_key, s.uc_type)"""
        )
    )


def mark_duplicates(session: Session, kind: str, key: Sequence[str]) -> None:
    """Of rows with the same key the last counts; the earlier ones become DUPLICATE, with a finding."""
    columns = ", ".join(f'"{name}"' for name in key)
    same = " AND ".join(f's."{name}" = k."{name}"' for name in key)
    compared = [name for name in [*data_columns(kind), "place_no"] if name not in key]
    mine = ", ".join(f's."{name}"' for name in compared)
    winners = ", ".join(f'w."{name}"' for name in compared)
    connection = session.connection()
    # A table of its own, since mostly it is tiny and the planner expects a third of all keys to be doubled.
    connection.execute(
        text(
            f"""
            CREATE TEMP TABLE doubled ON COMMIT DROP AS
            SELECT {columns}, max(line_no) AS last_line FROM stage WHERE state = ''
            GROUP BY {columns} HAVING count(*) > 1"""
        )
    )
    connection.execute(text("ANALYZE doubled"))
    connection.execute(
        text(
            f"""
            INSERT INTO stage_findings (line_no, severity, code, column_name, value)
            SELECT s.line_no, 'DUPLICATE',
                   CASE WHEN ({mine}) IS DISTINCT FROM ({winners})
                        THEN 'DUPLICATE_KEY_DIFFERENT' ELSE 'DUPLICATE_ROW' END,
                   '', k.last_line::text
            FROM doubled k JOIN stage s ON {same} JOIN stage w ON w.line_no = k.last_line
            WHERE s.state = '' AND s.line_no < k.last_line"""
        )
    )
    connection.execute(
        text(
            f"UPDATE stage s SET state = 'DUPLICATE' FROM doubled k"
            f" WHERE {same} AND s.state = '' AND s.line_no < k.last_line"
        )
    )
    connection.execute(text("DROP TABLE doubled"))

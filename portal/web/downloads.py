"""Downloads of whole selects: CSV and Excel, streamed, of exactly the rows the select gives.

    return csv_response(select, columns, "bill-register-nov-2025.csv")
    return xlsx_response(select, columns, "bill-register-nov-2025.xlsx", title=..., facts=[...])

The select names its columns by the keys of `columns`, in any order, and has its own ORDER BY. Identifiers stay
digits, amounts integers, dates ISO in CSV and typed in Excel; text that a spreadsheet would run is neutralised.
CSV begins with a byte order mark: without it Excel takes Urdu names for Latin ones (Python reads it as "utf-8-sig").
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from flask import Response
from flask_babel import force_locale
from sqlalchemy import Select, func, literal_column, select

from portal.web.columns import Column, cell_expression, csv_expression
from portal.web.copying import CHUNK_BYTES, CopyStream, Snapshot, open_snapshot
from portal.web.noting import ExportNote
from portal.web.xlsx import Fact, WorkbookSink

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BOM = "\ufeff"


def csv_response(
    rows: Select[Any],
    columns: Sequence[Column],
    filename: str,
    *,
    snapshot: Snapshot | None = None,
    expected_rows: int | None = None,
    note: ExportNote | None = None,
) -> Response:
    """The rows as a CSV download. Headings are English in every language, so that macros keep working.

    `snapshot` (closed here) is the one in which the rows were counted; `expected_rows` breaks the download off
    when another number comes out. `note` is its line in the audit log, and is told how it ended.
    """
    with force_locale("en"):
        heading = _csv_line([str(column.label) for column in columns])
        # A subquery with ORDER BY keeps its order under a mere projection (and without parallel workers).
        query = rows.subquery("report")
        shaped = select(*(csv_expression(column, query.c[column.key]).label(column.key) for column in columns))
    stream = CopyStream(
        snapshot or open_snapshot(),
        shaped,
        "FORMAT csv",
        lambda emit: _CsvSink(heading, emit),
        expected_rows,
        note.end if note else None,
    )
    return _attachment(stream, filename, CSV_TYPE)


def xlsx_response(
    rows: Select[Any],
    columns: Sequence[Column],
    filename: str,
    *,
    title: str,
    facts: Sequence[Fact] = (),
    sheet_names: tuple[str, str] = ("Summary", "Rows"),
    right_to_left: bool = False,
    snapshot: Snapshot | None = None,
    expected_rows: int | None = None,
    note: ExportNote | None = None,
) -> Response:
    """The rows as a workbook: a first sheet that states `title` and `facts`, the rows on the second (and further
    ones when they are more than a sheet holds), with widths, formats, a filter and a frozen heading."""
    query = rows.subquery("report")
    line = func.concat(
        literal_column("'<row>'"),
        *(cell_expression(column, query.c[column.key]) for column in columns),
        literal_column("'</row>'"),
    )
    # Labels are resolved here: the thread that writes has no request and so no language.
    headings = [(str(column.label), column) for column in columns]
    stream = CopyStream(
        snapshot or open_snapshot(),
        select(line),
        "FORMAT text",
        lambda emit: WorkbookSink(emit, title, list(facts), headings, sheet_names, right_to_left),
        expected_rows,
        note.end if note else None,
    )
    return _attachment(stream, filename, XLSX_TYPE)


class _CsvSink:
    """Collects rows into chunks."""

    def __init__(self, heading: bytes, emit: Callable[[bytes], None]) -> None:
        self.rows = 0
        self._emit = emit
        self._buffer = bytearray(heading)

    def write(self, row: bytes) -> None:
        self.rows += 1
        self._buffer += row
        if len(self._buffer) >= CHUNK_BYTES:
            self._flush()

    def finish(self) -> None:
        self._flush()

    def _flush(self) -> None:
        self._emit(bytes(self._buffer))
        self._buffer.clear()


def _csv_line(cells: Sequence[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return (BOM + out.getvalue()).encode()


def _attachment(stream: CopyStream, filename: str, mimetype: str) -> Response:
    response = Response(stream, content_type=mimetype, direct_passthrough=True)
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response

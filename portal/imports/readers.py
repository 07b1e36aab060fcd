"""Opens a portal file of any kind and form as a table of text rows; refuses what is not one. No database.

    with open_table(path, "02_Biller_Khushab_Nov2025.csv") as table:
        for line_no, cells in table.rows: ...

A refused file raises RefusedFileError with a sentence for the user, on opening or (a file damaged further down) while
its rows are read. Nothing may have been written by then, so read inside the transaction that writes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask_babel import lazy_gettext as _l

from portal.errors import RefusedFileError
from portal.imports.csv_rows import CsvRows, detect_encoding, find_start
from portal.imports.file_types import CSV, file_type
from portal.imports.findings import NOTE, Finding
from portal.imports.layouts import KIND_NAMES, Header, no_header_message
from portal.imports.tables import Flag, FlaggedCells, Table, flagged
from portal.imports.xlsx_reader import open_workbook
from portal.web.messages import lazily

__all__ = ["DEFAULT_MAX_BYTES", "Flag", "FlaggedCells", "Table", "flagged", "open_table"]

MIB = 1024 * 1024
DEFAULT_MAX_BYTES = 100 * MIB

Row = tuple[int, list[str]]


@contextmanager
def open_table(
    path: Path,
    file_name: str,
    kind: str | None = None,
    *,
    max_bytes: int = DEFAULT_MAX_BYTES,
    max_unpacked_mib: int = 2048,
    memory_mib: int = 1400,
) -> Iterator[Table]:
    """The table in a file, recognised by its header; `kind` (if given) is what the user says it is.

    `file_name` is the name the user gave it, for messages. `max_bytes` limits the file, `max_unpacked_mib` what an
    Excel workbook unpacks to, `memory_mib` the address space of the process that reads it. Raises RefusedFileError.
    """
    path = Path(path)
    size = path.stat().st_size
    if size > max_bytes:
        raise RefusedFileError(
            _l(
                "%(name)s has %(size)s MB; at most %(limit)s MB are accepted."
                " Download a shorter period or a single tehsil.",
                name=file_name,
                size=-(-size // MIB),
                limit=max_bytes // MIB,
            ),
            code="too_large",
        )
    if file_type(path, file_name) == CSV:
        with _open_csv(path, file_name, kind) as table:
            yield table
        return
    with open_workbook(path, file_name, kind, max_unpacked_mib=max_unpacked_mib, memory_mib=memory_mib) as book:
        header = book.header
        check_kind(header, kind, file_name)
        yield Table(
            kind=header.kind,
            form=header.form,
            columns=header.columns,
            present_columns=header.present,
            ignored_columns=header.ignored,
            rows=_not_empty(book.rows(), header, file_name),
            file_format="xlsx",
            line_of_header=book.header_row,
            sheet=book.sheet,
        )


@contextmanager
def _open_csv(path: Path, file_name: str, kind: str | None) -> Iterator[Table]:
    encoding = detect_encoding(path)
    start = find_start(path, encoding)
    if start is None:
        raise RefusedFileError(lazily(lambda: f"{file_name}: {no_header_message()}"), code="no_header")
    header = start.header
    check_kind(header, kind, file_name)
    notes = [Finding(NOTE, "ENCODING_DAMAGED", "", encoding.name)] if encoding.damaged else []
    with path.open(encoding=encoding.name, errors=encoding.errors, newline="") as handle:
        yield Table(
            kind=header.kind,
            form=header.form,
            columns=header.columns,
            present_columns=header.present,
            ignored_columns=header.ignored,
            rows=_not_empty(iter(CsvRows(handle, start)), header, file_name),
            file_format="csv",
            line_of_header=start.header_line,
            encoding=encoding.name,
            delimiter=start.delimiter,
            notes=notes,
        )


def check_kind(header: Header, kind: str | None, file_name: str) -> None:
    """Raise RefusedFileError when the file is of another kind than the user says."""
    if kind is not None and header.kind != kind:
        raise RefusedFileError(
            _l(
                "%(name)s does not hold what was asked for (%(wanted)s) but another kind: %(found)s."
                " Nothing was imported. Choose the right file, or the right kind.",
                name=file_name,
                found=KIND_NAMES[header.kind],
                wanted=KIND_NAMES[kind],
            ),
            code="other_kind",
            kind=header.kind,
        )


def _not_empty(rows: Iterator[Row], header: Header, file_name: str) -> Iterator[Row]:
    """The rows; a file with a header and nothing below it is refused (on opening: the first row is read here)."""
    first = next(rows, None)
    if first is None:
        raise RefusedFileError(
            _l(
                "%(name)s holds the header of a %(kind)s but not a single row."
                " Download the file again from the portal.",
                name=file_name,
                kind=KIND_NAMES[header.kind],
            ),
            code="no_rows",
        )
    return itertools.chain([first], rows)

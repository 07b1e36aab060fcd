"""A small table that somebody typed, out of a CSV or Excel file: rows of text below a known heading. No database.

Not for the portal's large files (`portal.imports` reads those): a list of people has a few hundred rows, so the whole
file is held in memory, within bounds that a small file cannot be made to break.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from openpyxl import load_workbook

from portal.errors import RefusedFileError

MAX_BYTES = 1024 * 1024
MAX_ROWS = 500
_MAX_UNPACKED = 20 * 1024 * 1024
_MAX_COLUMNS = 40
_HEADING_WITHIN = 20  # rows
_MAX_CELL = 2000
_LONGEST_CELL = 100_000


@dataclass(frozen=True)
class SheetRow:
    """One row: its number as the spreadsheet shows it, and its cells by column."""

    number: int
    cells: Mapping[str, str]


def read_sheet(data: bytes, columns: Mapping[str, Sequence[str]], required: Sequence[str]) -> list[SheetRow]:
    """The rows of the first table with the required columns. `columns` maps a key to the headings it may have.

    Case, blanks and punctuation of headings do not count; other columns are ignored, empty rows left out. Raises
    RefusedFileError for what is no such table.
    """
    if not data.strip(b"\0 \r\n\t"):
        raise RefusedFileError(_("The file is empty. Nothing was created."))
    if len(data) > MAX_BYTES:
        raise RefusedFileError(_("The file is larger than 1 MiB, which no list of people is. Nothing was created."))
    sheets = _excel(data) if data.startswith(b"PK") else iter([_csv(data)])
    names = {_fold(name): key for key, headings in columns.items() for name in headings}
    for rows in sheets:
        for _number, row in itertools.islice(rows, _HEADING_WITHIN):
            found = {names[_fold(cell)]: at for at, cell in reversed(list(enumerate(row))) if _fold(cell) in names}
            if set(required) <= found.keys():
                return _below(rows, found)
    wanted = ", ".join(columns[key][0] for key in required)
    raise RefusedFileError(
        _("No row of the file has the headings %(names)s. Use the template. Nothing was created.", names=wanted)
    )


def _below(rows: Iterator[tuple[int, list[str]]], found: Mapping[str, int]) -> list[SheetRow]:
    taken = []
    for number, row in rows:
        cells = {key: row[at].strip() if at < len(row) else "" for key, at in found.items()}
        if any(cells.values()):
            taken.append(SheetRow(number, cells))
        if len(taken) > MAX_ROWS:
            raise RefusedFileError(
                _("The file has more than %(number)s rows. Split it. Nothing was created.", number=MAX_ROWS)
            )
    if not taken:
        raise RefusedFileError(_("Below the headings stands nothing. Nothing was created."))
    return taken


def _fold(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


# -- CSV -----------------------------------------------------------------------------------------------------------
def _csv(data: bytes) -> Iterator[tuple[int, list[str]]]:
    text = _decoded(data)
    first = text[:4096].partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    number = 1
    try:
        for row in reader:
            # The module's own limit is one for the whole process, and another reader may have raised it.
            if any(len(cell) > _LONGEST_CELL for cell in row):
                raise csv.Error("a cell longer than any real one: a quotation mark that is never closed")
            yield number, [cell[:_MAX_CELL] for cell in row[:_MAX_COLUMNS]]
            number = reader.line_num + 1
    except csv.Error as error:
        raise RefusedFileError(
            _("Line %(number)s of the file cannot be read. Save it anew as CSV. Nothing was created.", number=number)
        ) from error


def _decoded(data: bytes) -> str:
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if is_utf16 else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise RefusedFileError(_("This is neither a CSV file nor an Excel workbook (.xlsx). Nothing was created."))


# -- Excel ---------------------------------------------------------------------------------------------------------
def _excel(data: bytes) -> Iterator[Iterator[tuple[int, list[str]]]]:
    broken = RefusedFileError(_("The Excel workbook is damaged. Save it anew as .xlsx. Nothing was created."))
    try:
        book = load_workbook(io.BytesIO(_repacked(data)), read_only=True, keep_links=False)
    except RefusedFileError:
        raise
    except Exception as error:  # openpyxl raises whatever the damage leads it into
        raise broken from error
    for sheet in book.worksheets:
        sheet.reset_dimensions()
        yield _sheet_rows(sheet, broken)


def _sheet_rows(sheet: Any, broken: RefusedFileError) -> Iterator[tuple[int, list[str]]]:
    try:
        for number, row in enumerate(sheet.iter_rows(max_col=_MAX_COLUMNS, values_only=True), 1):
            yield number, [_text(cell)[:_MAX_CELL] for cell in row]
    except RefusedFileError:
        raise
    except Exception as error:
        raise broken from error


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).replace("\0", "")


def _repacked(data: bytes) -> bytes:
    """The workbook with every part unpacked under a limit: a small file cannot unpack into gigabytes later."""
    too_large = RefusedFileError(_("The workbook unpacks to far more than a list of people. Nothing was created."))
    out = io.BytesIO()
    left = _MAX_UNPACKED
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target:
        if len(source.infolist()) > 500:
            raise too_large
        for part in source.infolist():
            with source.open(part) as handle:
                content = handle.read(left + 1)
            left -= len(content)
            if left < 0:
                raise too_large
            target.writestr(part.filename, content)
    return out.getvalue()

"""The parts of an Excel workbook, and cuts of its data sheet small enough to be read at once.

python-calamine holds a whole sheet in memory (300,000 rows of 23 columns take 670 MiB). So the sheet's XML is streamed
and cut at row ends, and each cut is given to calamine as a small workbook with the original's styles and strings. The
same pass sees formulas and error values, which calamine does not report, and drops stretches without any value.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import python_calamine as calamine

MIB = 1024 * 1024
MAX_STRINGS_MIB = 400
MAX_PARTS = 5000
BLOCK = MIB
CUT = 32 * MIB
# A cut spans at most this many rows: calamine's table is dense, a value in the last row would make a million.
CUT_ROWS = 40_000
EXACT = 2**53

_WORKBOOK, _WORKBOOK_RELS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"


class Unreadable(Exception):
    """The workbook cannot be read; `code` tells the parent why."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail or code)
        self.code = code


def as_text(value: Any) -> str:
    """A cell as text: whole numbers without '.0', dates in ISO form.

    A whole number of 2**53 or more lost its last digits in the file; it keeps an exponent, so that no reader takes it
    for an identifier.
    """
    if type(value) is float:
        if -EXACT < value < EXACT:
            whole = int(value)
            if whole == value:
                return str(whole)
            text = repr(value)
            return format(value, "f") if "e" in text else text
        return f"{value:e}"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, dt.datetime):
        if value.microsecond:
            value = (value + dt.timedelta(microseconds=500_000)).replace(microsecond=0)
        return str(value)
    return str(value)


class SheetPart(NamedTuple):
    """A worksheet: its name, its part in the archive, and whether it is shown."""

    name: str
    part: str
    visible: bool


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _xml(archive: zipfile.ZipFile, part: str) -> ElementTree.Element:
    info = archive.getinfo(part)
    if info.file_size > 16 * MIB:
        raise Unreadable("bomb", part)
    data = archive.read(info)
    # UTF-16 would hide a document type from this look; no program writes workbooks in it.
    if b"\0" in data or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise Unreadable("damaged", "document type in " + part)
    return ElementTree.fromstring(data)


class Workbook:
    """The archive, its worksheets, and the small workbooks made from it."""

    def __init__(self, path: Path, max_unpacked: int) -> None:
        try:
            self.archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise Unreadable("truncated", str(error)) from error
        infos = self.archive.infolist()
        names = {info.filename for info in infos}
        if any(info.flag_bits & 1 for info in infos):
            raise Unreadable("encrypted")
        if len(infos) > MAX_PARTS or sum(info.file_size for info in infos) > max_unpacked:
            raise Unreadable("bomb")
        if "xl/workbook.bin" in names:
            raise Unreadable("xlsb")
        if _WORKBOOK not in names or _WORKBOOK_RELS not in names:
            raise Unreadable("not_xlsx")
        targets: dict[str, tuple[str, str]] = {}
        self._kept = {"[Content_Types].xml": "[Content_Types].xml", "_rels/.rels": "_rels/.rels"}
        self._kept |= {_WORKBOOK: _WORKBOOK, _WORKBOOK_RELS: _WORKBOOK_RELS}
        for relation in _xml(self.archive, _WORKBOOK_RELS):
            kind = relation.get("Type", "").rpartition("/")[2]
            target = relation.get("Target", "")
            part = target.lstrip("/") if target.startswith("/") else os.path.normpath("xl/" + target).replace("\\", "/")
            targets[relation.get("Id", "")] = (kind, part)
            if kind in {"styles", "sharedStrings"} and part in names:
                # The names under which calamine looks for them.
                self._kept[part] = f"xl/{kind}.xml"
        self._kept = {part: to for part, to in self._kept.items() if part in names}
        if any(self.archive.getinfo(part).file_size > MAX_STRINGS_MIB * MIB for part in self._kept):
            raise Unreadable("bomb")
        self.sheets: list[SheetPart] = []
        for element in _xml(self.archive, _WORKBOOK).iter():
            if _local(element.tag) == "sheet":
                relation_id = next((value for key, value in element.attrib.items() if _local(key) == "id"), "")
                kind, part = targets.get(relation_id, ("", ""))
                if kind == "worksheet" and part in names:
                    visible = element.get("state", "visible") == "visible"
                    self.sheets.append(SheetPart(element.get("name", ""), part, visible))
        self._base: bytes | None = None

    def open_with(self, parts: dict[str, list[bytes]]) -> calamine.CalamineWorkbook:
        """calamine's workbook of the original's styles and strings with these parts as its sheets."""
        with tempfile.NamedTemporaryFile(prefix="portal-", suffix=".xlsx") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as small:
                for source, target in self._kept.items():
                    with self.archive.open(source) as reader, small.open(target, "w", force_zip64=True) as writer:
                        while block := reader.read(BLOCK):
                            writer.write(block)
                for part, pieces in parts.items():
                    with small.open(part, "w", force_zip64=True) as writer:
                        for piece in pieces:
                            writer.write(piece)
            file.flush()
            return calamine.CalamineWorkbook.from_path(file.name)


class Marks(NamedTuple):
    """The byte patterns of one sheet's XML; some writers put a namespace prefix before every element."""

    prefix: bytes
    end_row: bytes
    row: bytes
    cell: bytes
    value: bytes
    inline: bytes
    formula_hint: bytes
    formula: re.Pattern[bytes]
    result: re.Pattern[bytes]
    text_result: re.Pattern[bytes]
    error: re.Pattern[bytes]
    row_number: re.Pattern[bytes]


def _marks(prefix: bytes) -> Marks:
    p = re.escape(prefix)
    return Marks(
        prefix,
        b"</" + prefix + b"row>",
        b"<" + prefix + b"row",
        b"<" + prefix + b"c",
        b"<" + prefix + b"v>",
        b"<" + prefix + b"is>",
        b"<" + prefix + b"f",
        re.compile(b"<" + p + rb"f[ />]"),
        re.compile(b"<" + p + rb"v>[^<]"),
        re.compile(b"<" + p + rb'c\b[^>]*\bt="str"'),
        re.compile(b"<" + p + rb'c\b[^>]*\bt="e"'),
        re.compile(b"<" + p + rb'row\b[^>]*?\br="(\d+)"'),
    )


class Flagged(NamedTuple):
    """A cell with a formula or an error value, by its place in the sheet (both from 0)."""

    row: int
    column: int
    code: str


_SHEET_DATA = re.compile(rb"<((?:[A-Za-z_][\w.-]*:)?)sheetData\s*(/?)>")
_REFERENCE = re.compile(rb'\br="([A-Z]{1,3})(\d+)"')


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


class SheetStream:
    """The XML of one sheet, in pieces of whole rows."""

    def __init__(self, workbook: Workbook, sheet: SheetPart) -> None:
        self._file = workbook.archive.open(sheet.part)
        self.prolog, self._rest, self.marks = self._find_data()

    def _find_data(self) -> tuple[bytes, bytes, Marks]:
        head = b""
        while block := self._file.read(65536):
            head += block
            if match := _SHEET_DATA.search(head):
                empty = bool(match[2])
                return head[: match.start()], b"" if empty else head[match.end() :], _marks(match[1])
            if len(head) > 8 * MIB:
                break
        raise Unreadable("damaged", "no sheet data")

    def whole(self, rows: list[bytes]) -> list[bytes]:
        """A sheet of these rows alone, in pieces."""
        p = self.marks.prefix
        return [self.prolog, b"<", p, b"sheetData>", *rows, b"</", p, b"sheetData></", p, b"worksheet>"]

    def head(self, rows: int) -> bytes:
        """At least the first `rows` rows with cells, if the sheet has them (within 2 MiB)."""
        data, end = self._rest, b"</" + self.marks.prefix + b"sheetData>"
        while end not in data and data.count(self.marks.end_row) < rows and len(data) < 2 * MIB:
            block = self._file.read(65536)
            if not block:
                break
            data += block
        cut = data.rfind(self.marks.end_row)
        return data[: cut + len(self.marks.end_row)] if cut >= 0 else b""

    def pieces(self) -> Iterator[bytes]:
        """All rows in pieces of about a MiB, stretches without values too."""
        end_row, end = self.marks.end_row, b"</" + self.marks.prefix + b"sheetData>"
        data = self._rest
        while True:
            stop = data.find(end)
            if stop >= 0:
                yield data[:stop]
                break
            cut = data.rfind(end_row)
            if cut >= 0:
                cut += len(end_row)
                yield data[:cut]
                data = data[cut:]
            elif len(data) > 4 * MIB:
                # Rows without cells only, or one giant row.
                cut = data.rfind(self.marks.row)
                if cut <= 0 and len(data) > 64 * MIB:
                    raise Unreadable("damaged", "a row of more than 64 MiB")
                if cut > 0:
                    yield data[:cut]
                    data = data[cut:]
            block = self._file.read(BLOCK)
            if not block:
                raise Unreadable("truncated", "sheet ends early")
            data += block
        while self._file.read(BLOCK):
            # To the end, where the checksum is compared.
            pass


class Cut(NamedTuple):
    """A small sheet. `offset` is added to its row numbers; `flagged` holds places in the original sheet."""

    xml: list[bytes]
    offset: int
    flagged: list[Flagged]


class Cuts:
    """The rows of a sheet in cuts that bound calamine's memory, each with its formulas and error values."""

    def __init__(self, stream: SheetStream) -> None:
        self._stream = stream
        self._marks = stream.marks
        # Rows numbered by nothing but their order: some writers leave the references out.
        self._unnumbered: bool | None = None
        self._rows_before = 0

    def __iter__(self) -> Iterator[Cut]:
        held: list[bytes] = []
        flagged: list[Flagged] = []
        size = first = offset = held_rows = 0
        for piece in self._pieces():
            start = self._rows_before
            self._note_numbering(piece)
            if self._unnumbered is not False:
                self._rows_before += piece.count(self._marks.row)
            last = self._last_row(piece)
            if held and (size + len(piece) > CUT or last - first > CUT_ROWS):
                yield Cut(self._stream.whole(held), offset, flagged)
                held, flagged, size, held_rows = [], [], 0, 0
            if not self._has_values(piece):
                continue
            if not held:
                first = self._first_row(piece)
                offset = start if self._unnumbered else 0
            elif self._unnumbered and start != offset + held_rows:
                # A dropped stretch lies between, which only a number would tell.
                yield Cut(self._stream.whole(held), offset, flagged)
                held, flagged, size, held_rows, offset = [], [], 0, 0, start
            held.append(piece)
            held_rows += self._rows_before - start
            size += len(piece)
            flagged.extend(self._flags(piece, start))
        if held:
            yield Cut(self._stream.whole(held), offset, flagged)

    def _has_values(self, piece: bytes) -> bool:
        marks = self._marks
        return marks.value in piece or marks.inline in piece or marks.formula_hint in piece

    def _pieces(self) -> Iterator[bytes]:
        """The stream's pieces; one that spans too many rows is taken apart, row by row."""
        for piece in self._stream.pieces():
            if self._last_row(piece) - self._first_row(piece) <= CUT_ROWS:
                yield piece
                continue
            end = self._marks.end_row
            for row in piece.split(end):
                if self._has_values(row):
                    yield row + end

    def _first_row(self, piece: bytes) -> int:
        match = self._marks.row_number.search(piece)
        return int(match[1]) if match else 0

    def _last_row(self, piece: bytes) -> int:
        place = piece.rfind(self._marks.row)
        match = self._marks.row_number.match(piece, place) if place >= 0 else None
        return int(match[1]) if match else 0

    def _note_numbering(self, piece: bytes) -> None:
        if self._unnumbered is None and self._marks.cell in piece:
            place = piece.find(self._marks.cell)
            cell = piece[place : piece.find(b">", place)]
            self._unnumbered = not _REFERENCE.search(cell) and not self._first_row(piece)

    def _flags(self, piece: bytes, rows_before: int) -> Iterator[Flagged]:
        marks = self._marks
        for match in marks.formula.finditer(piece):
            start = piece.rfind(marks.cell, 0, match.start())
            end = piece.find(b"</" + marks.prefix + b"c>", match.end())
            # A text result may be empty; otherwise an empty value was never calculated.
            calculated = marks.result.search(piece, match.end(), end) or marks.text_result.match(piece, start)
            code = "FORMULA" if calculated and not marks.error.match(piece, start) else "FORMULA_NO_VALUE"
            yield self._place(piece, start, rows_before, code)
        # A plain search first: the pattern tries every cell and would cost more than the rest of the reading.
        for match in marks.error.finditer(piece) if b't="e"' in piece else ():
            yield self._place(piece, match.start(), rows_before, "CELL_ERROR")

    def _place(self, piece: bytes, start: int, rows_before: int, code: str) -> Flagged:
        """The cell that begins at `start`, by its reference or else by counting."""
        reference = _REFERENCE.search(piece, start, piece.find(b">", start))
        if reference is not None:
            return Flagged(int(reference[2]) - 1, _column_number(reference[1]), code)
        row_start = piece.rfind(self._marks.row, 0, start)
        number = self._marks.row_number.match(piece, row_start)
        row = int(number[1]) - 1 if number else rows_before + piece.count(self._marks.row, 0, row_start)
        column = len(re.findall(self._marks.cell + rb"[ />]", piece[row_start:start]))
        return Flagged(row, column, code)

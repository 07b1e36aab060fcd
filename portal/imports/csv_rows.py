"""CSV files as rows: encoding, delimiter, header, and records that other programs damaged. Streams the file."""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from portal.errors import RefusedFileError
from portal.imports.layouts import HEADER_ROWS, Header, find_header
from portal.imports.tables import Flag, flagged

DELIMITERS = (",", ";", "\t", "|")
BLOCK = 1 << 20
# A longer field is the rest of a file behind a quotation mark that is never closed.
MAX_FIELD = 1 << 20
_HEAD_LINES = 100

Row = tuple[int, list[str]]


class Encoding(NamedTuple):
    """How to decode a file; `damaged` when bytes do not fit the encoding that the rest of the file has."""

    name: str
    errors: str
    damaged: bool


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are not UTF-8 are what an older program wrote: cp1252 (undefined ones become U+FFFD)."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("portal-cp1252", _as_cp1252)


def detect_encoding(path: Path) -> Encoding:
    """utf-8-sig, utf-8, utf-16 or cp1252, from the whole file (streamed).

    A file that is UTF-8 but for some bytes stays UTF-8, else one bad byte would garble every Urdu name in it.
    """
    with path.open("rb") as handle:
        head = handle.read(4)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return Encoding("utf-16", "replace", False)
        name = "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
        handle.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while block := handle.read(BLOCK):
                if not (block.isascii() and decoder.getstate() == (b"", 0)):
                    decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            pass
        else:
            return Encoding(name, "strict", False)
        handle.seek(0)
        good = bad = 0
        while block := handle.read(BLOCK):
            text = block.decode("utf-8", "replace")
            bad += text.count("\ufffd")
            good += sum(map("\x7f".__lt__, text)) - text.count("\ufffd")
    if name == "utf-8-sig" or good > bad:
        return Encoding(name, "portal-cp1252", True)
    return Encoding("cp1252", "replace", False)


class CsvStart(NamedTuple):
    """Where the rows begin: the header, the lines up to and including it, and the number of cells in it."""

    header: Header
    delimiter: str
    header_line: int
    lines: int
    width: int


def find_start(path: Path, encoding: Encoding) -> CsvStart | None:
    """The header among the first rows, under the delimiter that makes it one; None when there is none.

    Raises RefusedFileError when a row is nearly a header.
    """
    with path.open(encoding=encoding.name, errors=encoding.errors, newline="") as handle:
        lines = [line[:MAX_FIELD].replace("\0", "") for line in itertools.islice(_bounded(handle), _HEAD_LINES)]
    nearly: RefusedFileError | None = None
    for delimiter in DELIMITERS:
        rows: list[list[str]] = []
        ends: list[int] = []
        reader = csv.reader(lines, delimiter=delimiter)
        try:
            for row in itertools.islice(reader, HEADER_ROWS):
                rows.append(row)
                ends.append(reader.line_num)
        except csv.Error:
            pass
        try:
            found = find_header(rows)
        except RefusedFileError as error:
            nearly = nearly or error
            continue
        if found is not None:
            index, header = found
            before = ends[index - 1] if index else 0
            return CsvStart(header, delimiter, before + 1, ends[index], len(rows[index]))
    if nearly is not None:
        raise nearly
    return None


def _bounded(handle: Iterator[str]) -> Iterator[str]:
    """Lines of a text file; stops at one of more than a MiB, which no header is."""
    read = getattr(handle, "readline")  # noqa: B009
    while line := read(MAX_FIELD):
        yield line
        if len(line) >= MAX_FIELD:
            return


def _odd_quotes(lines: Sequence[str]) -> bool:
    """Whether a quotation mark in the record has no partner; one inside a value is written twice."""
    return sum(line.count('"') for line in lines) % 2 == 1


def _unwrap(cell: str) -> str:
    """123 of ="123", the form in which spreadsheets are told to keep a number as text."""
    if cell.startswith('="') and cell.endswith('"') and len(cell) > 2:
        return cell[2:-1]
    return cell


class CsvRows:
    """Reads the records behind the header of one open file."""

    def __init__(self, handle: Iterator[str], start: CsvStart) -> None:
        self._handle = handle
        self._start = start
        self._width = start.width
        positions = start.header.positions
        self._identity = positions == tuple(range(self._width))
        # Columns that the file lacks are taken from a blank appended to each row.
        self._lacking = any(position < 0 for position in positions)
        self._pick = itemgetter(*(position if position >= 0 else self._width for position in positions))

    def __iter__(self) -> Iterator[Row]:
        csv.field_size_limit(MAX_FIELD)
        pending: list[str] = []
        for _line in itertools.islice(self._handle, self._start.lines):
            pass
        reader = csv.reader(self._lines(pending), delimiter=self._start.delimiter)
        line_no = self._start.lines
        while True:
            try:
                for row in reader:
                    first = line_no + 1
                    line_no += len(pending)
                    if len(pending) == 1:
                        wrapped = '="' in pending[0]
                    else:
                        wrapped = any('="' in line for line in pending)
                        if (len(row) != self._width or _odd_quotes(pending)) and (apart := self._apart(pending)):
                            yield from self._yield_apart(first, apart)
                            pending.clear()
                            continue
                    pending.clear()
                    cells = self._cells([_unwrap(cell) for cell in row] if wrapped else row)
                    if any(map(str.strip, cells)):
                        yield first, cells
                return
            except csv.Error:
                # A field longer than any real one: the lines it swallowed are read one by one.
                first = line_no + 1
                line_no += len(pending)
                lines = pending[:]
                pending.clear()
                yield from self._yield_apart(first, [self._single(line) for line in lines])

    def _lines(self, pending: list[str]) -> Iterator[str]:
        for line in self._handle:
            if "\0" in line:
                line = line.replace("\0", "")  # noqa: PLW2901
            pending.append(line)
            yield line

    def _cells(self, row: list[str]) -> list[str]:
        """The row's cells in canonical order; a row of another length is padded or flagged."""
        flags: list[Flag] = []
        if len(row) != self._width:
            if len(row) > self._width:
                extra = [cell for cell in row[self._width :] if cell.strip()]
                if extra:
                    flags.append(Flag("ROW_TOO_LONG", "", self._start.delimiter.join(extra)))
                del row[self._width :]
            else:
                if 0 < len(row) < self._start.header.width:
                    flags.append(Flag("ROW_TOO_SHORT", "", str(len(row))))
                row.extend([""] * (self._width - len(row)))
        if not self._identity:
            if self._lacking:
                row.append("")
            row = list(self._pick(row))
        return flagged(row, *flags) if flags else row

    def _single(self, line: str) -> list[str]:
        """One physical line as a record of its own; quotation marks as plain characters where that fits better."""
        line = line.rstrip("\r\n")
        delimiter = self._start.delimiter
        if not line.strip():
            return []
        if len(line) > MAX_FIELD:
            return line[:MAX_FIELD].split(delimiter)
        row = next(csv.reader([line], delimiter=delimiter), [])
        if len(row) != self._width:
            plain = next(csv.reader([line], delimiter=delimiter, quoting=csv.QUOTE_NONE), [])
            if len(plain) == self._width:
                return plain
        return row

    def _apart(self, lines: Sequence[str]) -> list[list[str]] | None:
        """The lines of a many-line record as records of their own, if most of those behind the first are whole.

        They are when a quotation mark was opened and not closed; the later lines of a name with line breaks are not.
        """
        rows = [self._single(line) for line in lines]
        following = [row for row in rows[1:] if row]
        whole = sum(len(row) == self._width for row in following)
        return rows if whole * 2 > len(following) else None

    def _yield_apart(self, first: int, rows: Sequence[list[str]]) -> Iterator[Row]:
        """Rows of a record that an unclosed quotation mark had run together; the first one bears the flag."""
        for offset, row in enumerate(rows):
            cells = self._cells([_unwrap(cell) for cell in row])
            if any(map(str.strip, cells)):
                if offset == 0:
                    cells = flagged(cells, Flag("QUOTE_UNCLOSED", "", ""))
                yield first + offset, cells

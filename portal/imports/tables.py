"""What reading a file gives: a table of text rows, and the flags that reading put on some of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from portal.imports.findings import Finding


class Flag(NamedTuple):
    """Something the reader saw in a row: a code of `FINDINGS`, the canonical column ('' for the row) and a text."""

    code: str
    column: str
    value: str


class FlaggedCells(list[str]):
    """The cells of a row about which the reader has something to say."""

    flags: list[Flag]


def flagged(cells: list[str], *flags: Flag) -> FlaggedCells:
    """The cells with these flags on top of those they may have."""
    result = FlaggedCells(cells)
    result.flags = [*(cells.flags if isinstance(cells, FlaggedCells) else ()), *flags]
    return result


@dataclass
class Table:
    """A recognised file, its rows streamed once.

    `rows` yields (line number, cells): the physical line on which the record begins (CSV) or the row number (Excel),
    and one text per entry of `columns`, '' where the file has no such column. Reading `rows` raises RefusedFileError
    when the file turns out to be damaged further down. `ignored_columns` are headers that no layout knows; `notes`
    concern the file as a whole.
    """

    kind: str
    form: str
    columns: tuple[str, ...]
    present_columns: frozenset[str]
    ignored_columns: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]
    file_format: str
    line_of_header: int
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    notes: list[Finding] = field(default_factory=list)

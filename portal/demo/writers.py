"""Streams of rows into files: CSV with the csv module, workbooks through one bulk writer.

Rows of a workbook are spooled to disk first, since several files grow at once while the bulk writer wants to
pull its rows from one iterator: memory stays flat at any size.
"""

from __future__ import annotations

import csv
import datetime as dt
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

Cell = str | int | float | dt.date | None
Row = Sequence[Cell]
Sheet = tuple[str, list[dict[str, Cell]]]
_SPOOL_BATCH = 500


class Sink(Protocol):
    """Where the rows of one file go."""

    def add(self, row: Row) -> None: ...

    def close(self) -> None: ...


class CsvSink:
    """A CSV file. What an old code page cannot hold becomes '?', as the portal does it."""

    def __init__(self, path: Path, header: Sequence[str], encoding: str = "utf-8") -> None:
        self._file = path.open("w", newline="", encoding=encoding, errors="replace", buffering=1 << 18)
        writer = csv.writer(self._file)
        writer.writerow(header)
        self.add: Callable[[Row], Any] = writer.writerow

    def close(self) -> None:
        self._file.close()


class XlsxSink:
    """A workbook whose data sheet comes last, after the sheets that `before` returns when the file is closed."""

    def __init__(self, path: Path, header: Sequence[str], sheet: str, before: Callable[[], list[Sheet]] = list) -> None:
        self._path, self._header, self._sheet, self._before = path, tuple(header), sheet, before
        self._spool: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._batch: list[Row] = []

    def add(self, row: Row) -> None:
        """Take a row. It is copied, so the caller may reuse a list."""
        self._batch.append(tuple(row))
        if len(self._batch) >= _SPOOL_BATCH:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._spool.seek(0)
        with self._spool:
            sheets: list[tuple[str, Iterable[dict[str, Cell]]]] = [*self._before(), (self._sheet, self._records())]
            write_workbook(self._path, sheets)

    def _flush(self) -> None:
        pickle.dump(self._batch, self._spool, protocol=5)
        self._batch = []

    def _records(self) -> Iterator[dict[str, Cell]]:
        while True:
            try:
                batch = pickle.load(self._spool)
            except EOFError:
                return
            for row in batch:
                yield dict(zip(self._header, row, strict=True))


def write_workbook(path: Path, sheets: list[tuple[str, Iterable[dict[str, Cell]]]]) -> None:
    """Write the sheets in order, rows as {header: value}. The only caller of the bulk writer in this package."""
    from rustpy_xlsxwriter import write_worksheets

    write_worksheets(sheets, str(path))

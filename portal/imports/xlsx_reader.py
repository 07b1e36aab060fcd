"""Reads an Excel workbook through a process of its own (`portal.imports.xlsx_rows`); this side stays flat in memory.

The process holds one file and nothing of the portal: no settings, no database. If it dies, only the file is refused.
"""

from __future__ import annotations

import json
import marshal
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flask_babel import lazy_gettext as _l

from portal.errors import RefusedFileError
from portal.imports.layouts import HEADER_ROWS, Header, find_header, no_header_message
from portal.imports.tables import Flag, flagged
from portal.web.messages import lazily

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
# What the reading process may see of the environment: no secrets.
_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL", "SYSTEMROOT", "LD_LIBRARY_PATH")

Row = tuple[int, list[str]]

_REASONS = {
    "truncated": _l("The workbook is damaged or was cut off. Download the file again and upload it unopened."),
    "damaged": _l(
        "The workbook cannot be read. Open it in Excel and save it as .xlsx, or download it again from the portal."
    ),
    "encrypted": _l(
        "The workbook is protected by a password. Remove the password in Excel, save it and upload it again."
    ),
    "bomb": _l("The workbook unpacks to far more than any portal file. Download the file again from the portal."),
    "memory": _l(
        "The workbook needs too much memory: usually a stray value far to the right of or below the table."
        " Download the file again from the portal, or upload it as CSV."
    ),
    "xlsb": _l("The workbook is in Excel's binary format (.xlsb). Save it as .xlsx and upload it again."),
    "not_xlsx": _l(
        "The file is an archive but no Excel workbook. Accepted are the portal's CSV files (.csv) and Excel"
        " workbooks (.xlsx); unpack a zip archive first."
    ),
}


def _refused(file_name: str, reason: str, detail: str) -> RefusedFileError:
    reason = reason if reason in _REASONS else "damaged"
    message = lazily(lambda: f"{file_name}: {_REASONS[reason]}")
    return RefusedFileError(message, code=reason, detail=detail)


class OpenWorkbook:
    """A workbook whose data sheet is found; `rows()` streams it once."""

    def __init__(self, process: subprocess.Popen[bytes], file_name: str, kind: str | None) -> None:
        self._process = process
        self._file_name = file_name
        frame = self._receive()
        self._index, self.header_row, self.header, self.sheet, left = self._choose(frame["sheets"], kind)
        positions = [position + left if position >= 0 else -1 for position in self.header.positions]
        self._send({"sheet": self._index, "header_row": self.header_row, "positions": positions})

    def _send(self, choice: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(choice).encode() + b"\n")
            self._process.stdin.close()
        except BrokenPipeError:
            raise self._died() from None

    def _receive(self) -> Any:
        """The next frame. Raises RefusedFileError when the process reports an error or died."""
        out = self._process.stdout
        assert out is not None
        size = out.read(4)
        if len(size) < 4:
            raise self._died()
        data = out.read(struct.unpack("<I", size)[0])
        try:
            frame = marshal.loads(data)
        except (EOFError, ValueError, TypeError):
            raise self._died() from None
        if isinstance(frame, dict) and "error" in frame:
            raise _refused(self._file_name, frame["error"], frame["detail"])
        return frame

    def _died(self) -> RefusedFileError:
        code = self._process.wait()
        assert self._process.stderr is not None
        detail = self._process.stderr.read(65536).decode("utf-8", "replace").strip()[-500:]
        # calamine aborts when the memory limit is reached.
        reason = "memory" if code < 0 or "memory" in detail.lower() else "damaged"
        return _refused(self._file_name, reason, f"exit code {code}: {detail}")

    def _choose(self, sheets: list[dict[str, Any]], kind: str | None) -> tuple[int, int, Header, str, int]:
        """(sheet, row of the header, header, name, first column) of the one sheet with a known header.

        Shown sheets before hidden ones, those of the wanted kind before others, those with rows before empty ones. Two
        equally good ones are refused: taking one would drop the rows of the other in silence.
        """
        found: list[tuple[tuple[bool, bool, bool], tuple[int, int, Header, str, int]]] = []
        nearly: RefusedFileError | None = None
        for index, sheet in enumerate(sheets):
            try:
                match = find_header([cells for _number, cells in sheet["rows"]])
            except RefusedFileError as error:
                nearly = nearly or RefusedFileError(
                    _l("Sheet “%(sheet)s”: %(message)s", sheet=sheet["name"], message=error),
                    code=error.code,
                    **error.details,
                )
                continue
            if match is None:
                continue
            place, header = match
            rank = (kind in {None, header.kind}, bool(sheet["visible"]), place + 1 < len(sheet["rows"]))
            found.append((rank, (index, sheet["rows"][place][0], header, sheet["name"], sheet["left"])))
        if not found:
            raise nearly or self._no_header([sheet["name"] for sheet in sheets])
        best = max(rank for rank, _choice in found)
        chosen = [choice for rank, choice in found if rank == best]
        if len(chosen) > 1:
            raise RefusedFileError(
                _l(
                    "%(name)s has several sheets with such a table: %(sheets)s. Leave only one of them in the workbook,"
                    " or upload each as a file of its own.",
                    name=self._file_name,
                    sheets=", ".join(f"“{choice[3]}”" for choice in chosen),
                ),
                code="several_sheets",
            )
        return chosen[0]

    def _no_header(self, sheets: list[str]) -> RefusedFileError:
        message = no_header_message()
        if sheets:
            message = _l(
                "No sheet has the header of an area list, survey master, biller list or paid list in its first"
                " %(rows)s rows (sheets: %(sheets)s). Upload the workbook as the portal gives it, with its row of"
                " column names.",
                rows=HEADER_ROWS,
                sheets=", ".join(f"“{name}”" for name in sheets),
            )
        return RefusedFileError(lazily(lambda: f"{self._file_name}: {message}"), code="no_header")

    def rows(self) -> Iterator[Row]:
        """(row number, cells in canonical order). Raises RefusedFileError when the workbook is damaged further down."""
        columns = self.header.columns
        while True:
            frame = self._receive()
            if isinstance(frame, dict):
                return
            for number, cells, flags in frame:
                if flags:
                    yield number, flagged(cells, *(Flag(code, columns[at], cells[at]) for at, code in flags))
                else:
                    yield number, cells


@contextmanager
def open_workbook(
    path: Path, file_name: str, kind: str | None, *, max_unpacked_mib: int, memory_mib: int
) -> Iterator[OpenWorkbook]:
    """Start the reading process and find the data sheet. Raises RefusedFileError."""
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment["PYTHONPATH"] = str(PROJECT_DIR)
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.imports.xlsx_rows", str(path.resolve()), str(max_unpacked_mib), str(memory_mib)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=PROJECT_DIR,
    )
    try:
        yield OpenWorkbook(process, file_name, kind)
    finally:
        # Also when the reader stops in the middle: the process would wait for ever on a full pipe.
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None and not pipe.closed:
                with suppress(BrokenPipeError):
                    pipe.close()

"""The cells of a file's rows as they were read, kept on disk until it is known which of them are wanted.

Only rejected and duplicate rows are kept with their cells, and which ones are duplicates is known at the end of the
file: sending all of them to the database would double what goes there.
"""

from __future__ import annotations

import csv
import io
import tempfile
from array import array
from collections.abc import Sequence
from types import TracebackType

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

CHUNK = 1 << 20


class RawRows:
    """A temporary file of JSON lists, found by line number. A full disk raises OSError from `add`."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=CHUNK)  # noqa: SIM115 (closed in __exit__)
        self._lines = array("q")
        self._ends = array("q")
        self._end = 0

    def __enter__(self) -> RawRows:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, line_no: int, cells: Sequence[str]) -> None:
        """Keep the cells of a row."""
        self._end += self._file.write(orjson.dumps(list(cells)))
        self._lines.append(line_no)
        self._ends.append(self._end)

    def keep_wanted(self, session: Session) -> None:
        """Make `stage_raw` of the rows of `stage` that were rejected or are duplicates."""
        connection = session.connection()
        connection.execute(text("CREATE TEMP TABLE stage_raw (line_no int, raw jsonb) ON COMMIT DROP"))
        wanted = set(connection.execute(text("SELECT line_no FROM stage WHERE state <> ''")).scalars())
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        for position, line_no in enumerate(self._lines):
            if line_no in wanted:
                start = self._ends[position - 1] if position else 0
                self._file.seek(start)
                writer.writerow((line_no, self._file.read(self._ends[position] - start).decode()))
                if buffer.tell() > CHUNK:
                    self._send(session, buffer)
        self._send(session, buffer)

    @staticmethod
    def _send(session: Session, buffer: io.StringIO) -> None:
        buffer.seek(0)
        cursor = session.connection().connection.cursor()
        cursor.copy_expert("COPY stage_raw (line_no, raw) FROM STDIN (FORMAT csv)", buffer)
        buffer.seek(0)
        buffer.truncate()

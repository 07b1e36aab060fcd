"""Rows from the database to the browser: COPY in a thread, chunks through a bounded queue, flat memory.

The first chunk is fetched before the response begins, so that an error up to there is an ordinary error page. An error
after that breaks the connection: a download that died never looks like a short file.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Select, text
from sqlalchemy.dialects import postgresql

from portal.db import read_snapshot

CHUNK_BYTES = 128 * 1024
_CHUNKS_WAITING = 8
EXPORT_TIMEOUT_MS = 15 * 60 * 1000


class CutShortError(RuntimeError):
    """The rows sent are not the rows counted in the same snapshot."""


@dataclass
class Snapshot:
    """A read snapshot that outlives the view, until the last row is sent (or the reader has gone)."""

    connection: Connection
    stack: ExitStack

    def close(self, error: BaseException | None = None) -> None:
        """Give the connection back; harmless when that has been done."""
        if self.connection.closed:
            return
        if error is not None:
            # A connection in the middle of COPY cannot be used again.
            self.connection.invalidate()
        self.stack.__exit__(type(error) if error else None, error, None)


def open_snapshot(timeout_ms: int = EXPORT_TIMEOUT_MS) -> Snapshot:
    """A snapshot for one download. Rows come in index order where there is one, and always in the same order:
    without parallel workers, and with memory for the joins."""
    stack = ExitStack()
    connection = stack.enter_context(read_snapshot(timeout_ms=timeout_ms))
    for setting in ("max_parallel_workers_per_gather = 0", "work_mem = '64MB'", "synchronize_seqscans = off"):
        connection.execute(text(f"SET LOCAL {setting}"))
    return Snapshot(connection, stack)


class Sink(Protocol):
    """Takes the rows one by one as COPY gives them, and passes bytes on by the `emit` it was made with."""

    rows: int

    def write(self, row: bytes) -> None: ...

    def finish(self) -> None: ...


SinkMaker = Callable[[Callable[[bytes], None]], Sink]
OnEnd = Callable[[int, bool], None]


class CopyStream:
    """An iterator of byte chunks for a WSGI response. `close()` ends the query, whoever calls it and when.

    `on_end(rows, finished)` is called once, after the last chunk was taken, or when it broke off (with the number of
    rows that can have gone out at most).
    """

    def __init__(
        self,
        snapshot: Snapshot,
        select: Select[Any],
        options: str,
        make_sink: SinkMaker,
        expected_rows: int | None = None,
        on_end: OnEnd | None = None,
    ) -> None:
        self._snapshot = snapshot
        self._expected = expected_rows
        self._on_end = on_end
        self._rows = 0
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(_CHUNKS_WAITING)
        self._stopped = threading.Event()
        self._closed = False
        self._raw: Any = snapshot.connection.connection.dbapi_connection
        self._sql = f"COPY ({render(select, self._raw)}) TO STDOUT WITH ({options})"
        self._thread = threading.Thread(target=self._produce, args=(make_sink,), name="copy", daemon=True)
        self._thread.start()
        self._first: bytes | None = self._take()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk, self._first = (self._first, None) if self._first is not None else (self._take(), None)
        if chunk is None:
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Called by the server when the response is done or the reader has gone."""
        if self._closed:
            return
        error: BaseException | None = None
        if self._thread.is_alive():
            error = GeneratorExit("the reader has gone")
            self._stopped.set()
            self._raw.cancel()
            self._thread.join()
        self._end(error, finished=False)

    def _end(self, error: BaseException | None, finished: bool) -> None:
        if self._closed:
            return
        self._closed = True
        self._snapshot.close(error)
        if self._on_end is not None:
            self._on_end(self._rows, finished)

    def _take(self) -> bytes | None:
        if self._closed:
            return None
        item = self._queue.get()
        if isinstance(item, bytes):
            return item
        self._thread.join()
        self._end(item, finished=item is None)
        if item is not None:
            raise item
        return None

    def _produce(self, make_sink: SinkMaker) -> None:
        end: BaseException | None = None
        sink: Sink | None = None
        try:
            sink = make_sink(self._emit)
            with self._raw.cursor() as cursor:
                cursor.copy_expert(self._sql, sink)
            if self._expected is not None and sink.rows != self._expected:
                raise CutShortError(f"{sink.rows} rows sent, {self._expected} counted")
            sink.finish()
        except BaseException as error:
            end = error
        if sink is not None:  # not kept: it would hold itself, and a workbook must be closed in order
            self._rows = sink.rows
        self._put(end)

    def _emit(self, chunk: bytes) -> None:
        if chunk and not self._put(chunk):
            raise CutShortError("the reader has gone")

    def _put(self, item: bytes | BaseException | None) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.5)
                return True
            except queue.Full:
                continue
        return False


def render(select: Select[Any], dbapi_connection: Any) -> str:
    """The statement with its values quoted by the driver: COPY takes no parameters."""
    dialect: Any = postgresql.psycopg2
    compiled = select.compile(dialect=dialect.dialect(), compile_kwargs={"render_postcompile": True})
    with dbapi_connection.cursor() as cursor:
        # An always-present parameter makes the driver undo the doubled per cent signs in every case.
        rendered: bytes = cursor.mogrify(str(compiled), {**compiled.params, "_": None})
    return rendered.decode()

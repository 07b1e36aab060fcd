"""How many requests a process works on at once, whatever the number of its threads.

A thread that only waits (for the turn of a password check) costs next to nothing; one that works costs a processor and
up to three database connections. So there are many threads but few slots: who works holds one, from the first line of
the application until his answer is sent, and steps aside while he waits for something that is not the database.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import request
from werkzeug.wsgi import ClosingIterator

KEY = "portal.slots"
# Threads beside those that work: a shift's sign-ins that wait for their turn.
WAITING_ROOM = 60

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


class _Turns:
    """So many at once, the others strictly in the order they came: a free place goes to who waits longest.

    `threading.Semaphore` lets whoever comes by take it, and sends the one it has woken to the end of the line.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()

    def acquire(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn = threading.Event()
            self._waiting.append(turn)
        turn.wait()

    def release(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1


class Slots:
    """WSGI middleware: at most `number` requests at once; the others wait in the order they came."""

    def __init__(self, application: Application, number: int) -> None:
        self._application = application
        self._free = _Turns(number)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        environ[KEY] = self
        self._free.acquire()
        release = self._once()
        try:
            answer = self._application(environ, start_response)
        except BaseException:
            release()
            raise
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(answer, wrapper):
            release()  # a file: the system sends it
            return answer
        return ClosingIterator(answer, release)

    def _once(self) -> Callable[[], None]:
        lock = threading.Lock()

        def release() -> None:
            if lock.acquire(blocking=False):
                self._free.release()

        return release

    @contextlib.contextmanager
    def left(self) -> Iterator[None]:
        """Give the slot up for a while."""
        self._free.release()
        try:
            yield
        finally:
            self._free.acquire()


@contextlib.contextmanager
def stepped_aside() -> Iterator[None]:
    """Let another request work while this one waits. The caller holds no database connection meanwhile."""
    slots = request.environ.get(KEY)
    with slots.left() if isinstance(slots, Slots) else contextlib.nullcontext():
        yield

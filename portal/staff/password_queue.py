"""One queue for all password checks of a machine: in the order they came, beside other work and not before it.

A check takes a quarter of a second of a core. Fifty people who sign in at once would otherwise take every core and
every thread for seconds. So each process checks in one thread of low priority, and the processes agree, by numbered
tickets in a small file, on whose turn it is. Nobody who waits holds a database connection.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

from flask_babel import gettext as _

from portal.errors import DomainError

T = TypeVar("T")

WAIT_SECONDS = 180.0
_POLL_SECONDS = 0.01
_NICENESS = 10
_TICKET_SECONDS = WAIT_SECONDS + 60  # nobody waits that long: whoever drew such a ticket is stuck


class BusyError(DomainError):
    """So many people sign in that waiting has no end."""

    status = 503
    code = "busy"


class _Check:
    """One piece of work in the queue, and its outcome."""

    def __init__(self, ticket: int, work: Callable[[], Any]) -> None:
        self.ticket = ticket
        self.work = work
        self.done = threading.Event()
        self.given_up = False
        self.result: Any = None
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.result = self.work()
        except Exception as error:  # told to the one who waits
            self.error = error


class _Tickets:
    """The tickets drawn on this machine: lines `number pid seconds` in a file, the next number in the first line.

    Where the file cannot be written, everybody is served all the same; only the order over processes is lost.
    """

    def __init__(self, path: Path, slots: int) -> None:
        self._path = path
        self._slots = slots
        self._thread_lock = threading.Lock()  # a file lock does not part the threads of one process

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        with self._thread_lock:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield handle
            finally:
                os.close(handle)

    @staticmethod
    def _read(handle: int) -> tuple[int, list[tuple[int, int, float]]]:
        lines = os.pread(handle, 1 << 20, 0).decode("ascii", "replace").split("\n")
        try:
            drawn = [(int(a), int(b), float(c)) for a, b, c in (line.split() for line in lines[1:] if line)]
            return int(lines[0]), drawn
        except ValueError:  # a new file, or one cut off by a power failure
            return 1, []

    @staticmethod
    def _write(handle: int, following: int, drawn: list[tuple[int, int, float]]) -> None:
        text = "\n".join([str(following), *(f"{a} {b} {c:.3f}" for a, b, c in drawn)])
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode(), 0)

    def draw(self) -> int:
        """A new ticket, behind all others; 0, which waits for nobody, when the file cannot be written."""
        with contextlib.suppress(OSError), self._locked() as handle:
            ticket, drawn = self._read(handle)
            self._write(handle, ticket + 1, [*drawn, (ticket, os.getpid(), time.monotonic())])
            return ticket
        return 0

    def is_next(self, ticket: int) -> bool:
        """Whether it is this ticket's turn. Tickets of processes that died are thrown away."""
        with contextlib.suppress(OSError), self._locked() as handle:
            following, drawn = self._read(handle)
            alive = [entry for entry in drawn if _is_alive(entry)]
            if alive != drawn:
                self._write(handle, following, alive)
            return sum(entry[0] < ticket for entry in alive) < self._slots
        return True

    def give_back(self, ticket: int) -> None:
        """The ticket's work is done."""
        with contextlib.suppress(OSError), self._locked() as handle:
            following, drawn = self._read(handle)
            self._write(handle, following, [entry for entry in drawn if entry[0] != ticket])


def _is_alive(entry: tuple[int, int, float]) -> bool:
    _ticket, pid, drawn_at = entry
    # The clock starts at zero with the machine: a ticket "of later" is one of before the start.
    if not 0 <= time.monotonic() - drawn_at < _TICKET_SECONDS:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class PasswordQueue:
    """Runs checks one after the other, in the order of their arrival on this machine.

    `folder` is shared by the processes of an installation; `slots` is how many checks run at once on the machine.
    """

    def __init__(self, folder: Path, slots: int | None = None, wait_seconds: float = WAIT_SECONDS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # One core stays free for everybody else.
        slots = slots or max(1, len(os.sched_getaffinity(0)) - 1)
        self._tickets = _Tickets(folder / "password-queue", slots)
        self._wait_seconds = wait_seconds
        self._waiting: deque[_Check] = deque()
        self._changed = threading.Condition()
        self._thread_of = 0
        self._is_ending = False

    def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, when its turn has come. Holds the calling thread meanwhile, nothing else.

        Raises what `work` raises, and BusyError when the turn does not come.
        """
        with self._changed:  # drawn and queued in one: the tickets of a process stand in order
            check = _Check(self._tickets.draw(), work)
            self._waiting.append(check)
            if self._thread_of != os.getpid():
                self._thread_of = os.getpid()
                thread = threading.Thread(target=self._serve, name="passwords", daemon=True)
                thread.start()
                atexit.register(self._end, thread)
            self._changed.notify()
        if not check.done.wait(self._wait_seconds):
            check.given_up = True
        if check.given_up:
            raise BusyError(_("Very many people are signing in at this moment. Try again in a minute."))
        if check.error is not None:
            raise check.error
        return cast(T, check.result)

    def _end(self, thread: threading.Thread) -> None:
        """Before the process ends: a thread cut off in the middle of a check would bring it down with a crash."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        thread.join(10)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # only Linux has a priority for each thread
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while True:
            with self._changed:
                while not self._waiting and not self._is_ending:
                    self._changed.wait()
                if self._is_ending:
                    return
                check = self._waiting.popleft()
            while not (check.given_up or self._is_ending or self._tickets.is_next(check.ticket)):
                time.sleep(_POLL_SECONDS)
            check.given_up = check.given_up or self._is_ending
            if not check.given_up:
                check.run()
            self._tickets.give_back(check.ticket)
            check.done.set()

"""Find jobs whose worker died, and run them again, or give them up and say why.

Two ways to know. A worker holds a lock on a slot file of its machine; the next one in the slot knows for certain
that its predecessor is dead and takes over at once. Workers of other machines are judged by their heartbeat.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from portal.db import session, transaction
from portal.errors import ConfigurationError
from portal.jobs.app import MAX_ATTEMPTS, tell_lost

HEARTBEAT_SECONDS = 3
STALE_SECONDS = 30
MAX_SLOTS = 32

_LOST_OF_WORKER = """
    SELECT j.id, j.task_name, j.args, j.attempts FROM procrastinate_jobs j
    WHERE j.status = 'doing' AND j.worker_id = :worker FOR UPDATE OF j SKIP LOCKED
"""
_LOST_BY_HEARTBEAT = """
    SELECT j.id, j.task_name, j.args, j.attempts
    FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
    WHERE j.status = 'doing' AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => :seconds))
    FOR UPDATE OF j SKIP LOCKED
"""

_RETRY = text("SELECT procrastinate_retry_job_v2(:id, now(), NULL, NULL, NULL)")
_FINISH = text("SELECT procrastinate_finish_job_v1(:id, cast(:status AS procrastinate_job_status), false)")


@dataclass
class Slot:
    """The place of one worker on this machine. `name` is also the application name of its connections."""

    handle: int
    name: str

    def predecessor(self) -> int | None:
        """The queue's id of the worker that held the slot before."""
        os.lseek(self.handle, 0, os.SEEK_SET)
        written = os.read(self.handle, 32).decode().strip()
        return int(written) if written.isdigit() else None

    def write(self, worker_id: int) -> None:
        """Remember who we are, for whoever comes after us."""
        os.ftruncate(self.handle, 0)
        os.pwrite(self.handle, str(worker_id).encode(), 0)


def take_slot(folder: Path) -> Slot:
    """Take the first free slot; it is ours until the process ends, however it ends."""
    for number in range(1, MAX_SLOTS + 1):
        handle = os.open(folder / f"worker-{number}.slot", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            continue
        place = zlib.crc32(f"{socket.gethostname()}:{folder}".encode())
        return Slot(handle, f"portal-worker-{place:08x}-{number}")
    raise ConfigurationError(f"{MAX_SLOTS} workers run in {folder} already.")


def rescue_predecessor(slot: Slot) -> int:
    """End what the dead worker of this slot left running in the database, and take care of its jobs.

    Its server processes may still execute a statement of a killed import: they must be gone before the job runs
    again. Returns the number of jobs. Needs an app context, and no connection under the slot's name yet.
    """
    with transaction() as current:
        current.execute(
            text(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE application_name = :name AND pid <> pg_backend_pid() AND usename = current_user"
            ),
            {"name": slot.name},
        )
    predecessor = slot.predecessor()
    if predecessor is None:
        return 0
    return _take_care(_LOST_OF_WORKER, {"worker": predecessor})


def rescue_stale() -> int:
    """Take care of the jobs of workers that have not been heard of for STALE_SECONDS. Returns their number."""
    return _take_care(_LOST_BY_HEARTBEAT, {"seconds": STALE_SECONDS})


def _take_care(query: str, parameters: dict[str, Any]) -> int:
    given_up = []
    with transaction():
        rows = session().execute(text(query), parameters).all()
        for row in rows:
            if row.attempts + 1 >= MAX_ATTEMPTS:
                session().execute(_FINISH, {"id": row.id, "status": "failed"})
                given_up.append(row)
                continue
            try:
                with session().begin_nested():
                    session().execute(_RETRY, {"id": row.id})
            except IntegrityError:  # another job with its queueing lock waits, and stands for this one
                session().execute(_FINISH, {"id": row.id, "status": "aborted"})
    for row in given_up:
        arguments = {key: value for key, value in row.args.items() if key != "timestamp"}
        with contextlib.suppress(Exception):
            tell_lost(row.task_name, f"The worker died {row.attempts + 1} times while it ran.", arguments)
    return len(rows)

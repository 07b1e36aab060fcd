"""What a page can say about a job it waits for, beyond the job's own progress: that it waits for a worker, or that
its worker died and it is begun anew."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.jobs.rescue import HEARTBEAT_SECONDS

SILENT_SECONDS = HEARTBEAT_SECONDS * 3

_JOB = text(
    """
    SELECT j.status, j.attempts,
           w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => :silent) AS is_silent,
           EXISTS (SELECT FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => :silent))
               AS has_workers
    FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
    WHERE j.status IN ('todo', 'doing') AND j.task_name = ANY(:names) AND j.args ->> :key = :value
    ORDER BY j.id DESC LIMIT 1"""
)


class Standing(StrEnum):
    """How it stands with the job behind a page."""

    ORDINARY = "ordinary"  # it waits its turn or runs
    NO_WORKER = "no worker"  # it waits, and no worker answers
    LOST = "lost"  # its worker does not answer any more: about to be begun anew
    AGAIN = "again"  # it was begun before, by a worker that died


def standing(session: Session, task_names: Sequence[str], key: str, value: int) -> Standing:
    """How it stands with the newest job of these tasks whose argument `key` is `value`. One query by index."""
    asked = {"names": list(task_names), "key": key, "value": str(value), "silent": SILENT_SECONDS}
    job = session.execute(_JOB, asked).one_or_none()
    if job is None:
        return Standing.ORDINARY
    if job.status == "doing" and job.is_silent:
        return Standing.LOST
    if job.status == "todo" and not job.has_workers:
        return Standing.NO_WORKER
    return Standing.AGAIN if job.attempts else Standing.ORDINARY


def remark(found: Standing) -> str:
    """A sentence about it for whoever waits; '' when all is as usual."""
    sentences = {
        Standing.LOST: _("The worker has stopped; another one takes this over in a moment."),
        Standing.AGAIN: _("The worker was restarted; going on from the beginning."),
        Standing.NO_WORKER: _("No worker answers at the moment; this begins by itself as soon as one runs."),
    }
    return str(sentences.get(found, ""))

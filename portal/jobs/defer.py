"""Put a job into the queue, in the transaction of the caller: it exists if and when that commits."""

from __future__ import annotations

import datetime as dt
from typing import Any

from procrastinate import exceptions
from procrastinate.contrib.sqlalchemy import SQLAlchemyPsycopg2Connector
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task

from portal.db import session
from portal.jobs.app import load_tasks, queue

_manager = JobManager(SQLAlchemyPsycopg2Connector())


def defer(
    task_name: str,
    *,
    job_lock: str | None = None,
    job_queueing_lock: str | None = None,
    run_at: dt.datetime | None = None,
    priority: int = 0,
    **arguments: Any,
) -> int | None:
    """Queue a job for the worker, which gets `arguments` (JSON values). Returns its id.

    To be called inside `transaction()`. The locks default to the task's own. None: a job with the same queueing
    lock waits already, and stands for this one. Raises KeyError for a task that does not exist.
    """
    load_tasks()
    task = queue.tasks[task_name]
    connection = session().connection()
    queueing_lock = job_queueing_lock or task.queueing_lock
    deferrer = configure_task(
        name=task.name,
        job_manager=_manager,
        connection=connection,
        queue=task.queue,
        lock=job_lock or task.lock,
        queueing_lock=queueing_lock,
        schedule_at=run_at,
        priority=priority,
    )
    try:
        # A refused job must not spoil the caller's transaction. The connection's savepoint, not the session's, which
        # is set only when the session itself sends something.
        with connection.begin_nested():
            return int(deferrer.defer(**arguments))
    except exceptions.AlreadyEnqueued:
        return None

"""The queue: procrastinate's App, and the decorators that make a function a background task.

Tasks live in `<feature>/tasks.py` (listed in TASK_MODULES) and are thin: load, call the service, report progress.

    @task("imports.commit", lock="imports", on_lost=mark_failed)
    def commit(batch_id: int) -> None: ...

They run in a thread of the worker, inside an app context. A job whose database connection was lost is tried again,
so is one whose worker was killed: a task does its work in one transaction, or can be repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar, cast

import procrastinate
from flask import Flask
from procrastinate.contrib.sqlalchemy import SQLAlchemyPsycopg2Connector
from sqlalchemy.exc import InterfaceError, OperationalError

TASK_MODULES = [
    "portal.mail.tasks",
    "portal.staff.invitations",
    "portal.staff.reset_mail",
    "portal.imports.tasks",
    "portal.payments.tasks",
    "portal.cutover.tasks",
    "portal.notifications.tasks",
    "portal.visits.tasks",
    "portal.tickets.tasks",
    "portal.files.tasks",
    "portal.registers.tasks",
    "portal.jobs.tasks",
]
MAX_ATTEMPTS = 3

log = logging.getLogger(__name__)
# Its info lines tell every step of the minutely jobs; ours tell when a job with arguments runs.
logging.getLogger("procrastinate").setLevel(logging.WARNING)

# The connector is replaced by an asynchronous one inside the worker; elsewhere jobs enter the queue through the
# caller's own transaction (`portal.jobs.defer`), and this one is never opened.
queue = procrastinate.App(connector=SQLAlchemyPsycopg2Connector(), import_paths=TASK_MODULES)

_lost_handlers: dict[str, Callable[..., None]] = {}
_flask_app: Flask | None = None

F = TypeVar("F", bound=Callable[..., Any])


def task(
    name: str,
    *,
    lock: str | None = None,
    queueing_lock: str | None = None,
    on_lost: Callable[..., None] | None = None,
    cron: str | None = None,
    queue_name: str = "default",
) -> Callable[[F], F]:
    """Register a function as a task.

    `lock`: jobs with the same lock never run at the same time. `queueing_lock`: at most one of them waits.
    `cron` (UTC, five fields): the worker queues it by itself, without arguments. `on_lost(reason, **arguments)` is
    called, in a transaction of its own, when the job is given up for good: its worker died MAX_ATTEMPTS times, or
    it raised; so that what waits for the job learns why it will not come.
    """

    def register(function: F) -> F:
        def run(context: procrastinate.JobContext, /, **arguments: Any) -> None:
            arguments.pop("timestamp", None)  # given to periodic jobs
            with flask_app().app_context():
                if cron is None:
                    # Numbers tell which import or person; words may be an address, or what a mail says.
                    numbers = {key: value for key, value in arguments.items() if isinstance(value, int)}
                    log.info("job %s: %s %s", context.job.id, name, numbers)
                try:
                    function(**arguments)
                except (OperationalError, InterfaceError) as error:
                    if context.job.attempts + 1 >= MAX_ATTEMPTS:
                        tell_lost(name, _reason(error), arguments)
                    raise
                except Exception as error:
                    tell_lost(name, _reason(error), arguments)
                    raise

        strategy = procrastinate.RetryStrategy(
            max_attempts=MAX_ATTEMPTS - 1, linear_wait=2, wait=1, retry_exceptions={OperationalError, InterfaceError}
        )
        registered = queue.task(
            name=name,
            queue=queue_name,
            lock=lock,
            queueing_lock=queueing_lock,
            # A second minutely job may wait by the time the first is tried again, and only one may: it stands for it.
            retry=strategy if cron is None or queueing_lock is None else False,
            pass_context=True,
        )(run)
        if cron is not None:
            queue.periodic(cron=cron)(cast(Any, registered))
        if on_lost is not None:
            _lost_handlers[name] = on_lost
        return function

    return register


def load_tasks() -> None:
    """Import the modules that define tasks (once)."""
    queue.perform_import_paths()  # type: ignore[no-untyped-call]


def tell_lost(name: str, reason: str, arguments: dict[str, Any]) -> None:
    """Tell the task's feature that a job is given up. Needs an app context; never raises."""
    from portal.db import db, transaction

    handler = _lost_handlers.get(name)
    if handler is None:
        return
    try:
        db.session.remove()  # whatever the failed task left open
        with transaction():
            handler(reason, **arguments)
    except Exception:
        log.exception("on_lost of %s failed", name)


def _reason(error: Exception) -> str:
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {first[0] if first else ''}"


def use_flask_app(app: Flask) -> None:
    """The app inside whose context the tasks of this process run."""
    global _flask_app  # noqa: PLW0603 - one worker, one app
    _flask_app = app


def flask_app() -> Flask:
    """The app given to `use_flask_app`."""
    if _flask_app is None:
        raise RuntimeError("No app: call use_flask_app() first.")
    return _flask_app

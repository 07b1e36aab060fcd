"""The worker: runs background jobs and the periodic tasks.

    python -m portal.worker

Two jobs at a time, each in a thread with its own app context. SIGTERM lets running jobs finish for a while; what
is cut off then, or by `kill -9`, is found and run again by the next worker (`portal.jobs.rescue`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time

from flask import Flask
from procrastinate import PsycopgConnector
from procrastinate.worker import Worker
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from portal import embedded
from portal.config import Settings, load_settings
from portal.errors import ConfigurationError
from portal.jobs import rescue
from portal.jobs.app import load_tasks, queue, use_flask_app

CONCURRENCY = 2
GRACE_SECONDS = 20.0

log = logging.getLogger("portal.worker")


def wait_for_schema(app: Flask, seconds: float) -> None:
    """Return when the database answers and has the queue's tables. Raises ConfigurationError after `seconds`."""
    from portal.db import side_transaction

    deadline = time.monotonic() + seconds
    while True:
        try:
            with app.app_context(), side_transaction() as connection:
                if connection.execute(text("SELECT to_regclass('procrastinate_jobs')")).scalar() is not None:
                    return
            reason = "the tables are missing (run 'flask db upgrade')"
        except DBAPIError as error:
            reason = str(error.orig).strip()
        if time.monotonic() > deadline:
            raise ConfigurationError(f"The worker cannot use the database: {reason}")
        time.sleep(0.5)


def run(app: Flask, settings: Settings, *, wait: bool = True, slot: rescue.Slot | None = None) -> None:
    """Run jobs until told to stop, or with `wait=False` until none is waiting."""
    use_flask_app(app)
    load_tasks()
    connector = PsycopgConnector(conninfo=embedded.libpq_url(settings), min_size=1, max_size=4, timeout=15)

    async def work() -> None:
        with queue.replace_connector(connector):
            async with queue.open_async():
                worker = Worker(
                    app=queue,
                    name="worker",
                    concurrency=CONCURRENCY,
                    wait=wait,
                    listen_notify=wait,
                    fetch_job_polling_interval=5,
                    shutdown_graceful_timeout=GRACE_SECONDS,
                    update_heartbeat_interval=rescue.HEARTBEAT_SECONDS,
                    stalled_worker_timeout=rescue.STALE_SECONDS,
                    install_signal_handlers=wait,
                )
                running = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]
                while slot is not None and worker.worker_id is None and not running.done():
                    await asyncio.sleep(0.01)
                if slot is not None and worker.worker_id is not None:
                    slot.write(worker.worker_id)
                await running

    asyncio.run(work())


def main() -> int:
    """Run until SIGTERM or SIGINT. Exit code 1 when the database went away: the process manager starts us again."""
    try:
        settings = load_settings()
        from portal.factory import create_app

        app = create_app(settings)
        wait_for_schema(app, seconds=120)
        slot = rescue.take_slot(embedded.run_dir(settings))
        with app.app_context():
            found = rescue.rescue_predecessor(slot) + rescue.rescue_stale()
            if found:
                log.warning("%d jobs of a worker that died are run again", found)
            from portal.db import db

            db.session.remove()
            db.engine.dispose()  # connections made from here on carry the slot's name
        os.environ["PGAPPNAME"] = slot.name
        run(app, settings, slot=slot)
    except ConfigurationError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

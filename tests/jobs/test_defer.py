"""Jobs enter the queue with the transaction that asks for them, run in the worker, and survive its death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from portal import worker
from portal.config import PROJECT_DIR, Settings
from portal.db import session, side_transaction, transaction
from portal.jobs import app as jobs
from portal.jobs import rescue
from portal.jobs.defer import defer
from portal.web.context import settings
from tests.support.browser import wait_for
from tests.support.servers import Databases

ran: list[Any] = []
lost: list[tuple[str, Any]] = []


def note_lost(reason: str, **arguments: Any) -> None:
    lost.append((reason, arguments))


@pytest.fixture(autouse=True, scope="module")
def tasks() -> Iterator[None]:
    """Tasks of this module, known to the queue while its tests run."""
    jobs.load_tasks()
    before = dict(jobs.queue.tasks)

    @jobs.task("test.note", on_lost=note_lost)
    def note(value: str) -> None:
        ran.append((value, session().execute(text("SHOW TIME ZONE")).scalar()))

    @jobs.task("test.once", queueing_lock="test.once")
    def once() -> None:
        ran.append("once")

    @jobs.task("test.fail", on_lost=note_lost)
    def fail(value: str) -> None:
        raise ValueError(f"cannot do {value}")

    yield
    jobs.queue.tasks.clear()
    jobs.queue.tasks.update(before)


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()
    lost.clear()


def waiting() -> int:
    with side_transaction() as connection:
        return int(
            connection.execute(text("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")).scalar_one()
        )


def work_off(app: Flask) -> None:
    with app.app_context():
        found = settings()
    worker.run(app, found, wait=False)


def status_of(job_id: int | None) -> str:
    with side_transaction() as connection:
        query = text("SELECT status::text FROM procrastinate_jobs WHERE id = :id")
        return str(connection.execute(query, {"id": job_id}).scalar_one())


def test_job_appears_with_the_commit_and_runs_in_an_app_context(app: Flask) -> None:
    with app.app_context():
        with transaction():
            job_id = defer("test.note", value="50% of {this} & 'that'")
            assert waiting() == 0
        assert waiting() == 1
    work_off(app)
    assert ran == [("50% of {this} & 'that'", "Asia/Karachi")]
    with app.app_context():
        assert status_of(job_id) == "succeeded"


def test_job_of_a_rolled_back_transaction_never_was(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(RuntimeError, match="changed my mind"), transaction():
            defer("test.note", value="x")
            raise RuntimeError("changed my mind")
        assert waiting() == 0


def test_queueing_lock_keeps_one_and_spares_the_transaction(app: Flask) -> None:
    with app.app_context():
        with transaction() as current:
            assert defer("test.once") is not None
            current.execute(text("CREATE TABLE proof (n int)"))
            assert defer("test.once") is None
        assert waiting() == 1
        assert session().execute(text("SELECT to_regclass('proof')")).scalar() is not None


def test_unknown_task_is_refused(app: Flask) -> None:
    with app.app_context(), transaction(), pytest.raises(KeyError):
        defer("test.no-such-task")


def test_failed_job_tells_its_feature_why(app: Flask) -> None:
    with app.app_context(), transaction():
        job_id = defer("test.fail", value="that")
    work_off(app)
    assert lost == [("ValueError: cannot do that", {"value": "that"})]
    with app.app_context():
        assert status_of(job_id) == "failed"


def as_left_by(worker_id: int, attempts: int = 0) -> int:
    """A job that a worker was running; the worker is registered, with a fresh heartbeat."""
    with side_transaction() as connection:
        connection.execute(
            text("INSERT INTO procrastinate_workers (id) OVERRIDING SYSTEM VALUE VALUES (:w)"), {"w": worker_id}
        )
        query = text(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id, attempts)"
            " VALUES ('default', 'test.note', '{\"value\": \"again\"}', 'doing', :worker, :attempts) RETURNING id"
        )
        return int(connection.execute(query, {"worker": worker_id, "attempts": attempts}).scalar_one())


def test_successor_in_the_slot_takes_over_at_once(app: Flask, tmp_path: Any) -> None:
    with app.app_context():
        job_id, other = as_left_by(900), as_left_by(901)
        dead = rescue.take_slot(tmp_path)
        dead.write(900)
        assert rescue.take_slot(tmp_path).name != dead.name  # held: the next one gets another slot
        os.close(dead.handle)
        slot = rescue.take_slot(tmp_path)
        assert slot.name == dead.name
        assert rescue.rescue_predecessor(slot) == 1
        assert (status_of(job_id), status_of(other)) == ("todo", "doing")
        assert rescue.rescue_stale() == 0
    work_off(app)
    assert [value for value, _zone in ran] == ["again"]


def test_worker_of_another_machine_is_judged_by_its_heartbeat(app: Flask) -> None:
    with app.app_context():
        job_id = as_left_by(902)
        with side_transaction() as connection:
            connection.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '5 minutes'"))
        assert rescue.rescue_stale() == 1
        assert status_of(job_id) == "todo"


def test_job_that_kills_its_worker_again_and_again_is_given_up(app: Flask, tmp_path: Any) -> None:
    with app.app_context():
        job_id = as_left_by(903, attempts=jobs.MAX_ATTEMPTS - 1)
        slot = rescue.take_slot(tmp_path)
        slot.write(903)
        rescue.rescue_predecessor(slot)
        assert status_of(job_id) == "failed"
    assert lost == [(f"The worker died {jobs.MAX_ATTEMPTS} times while it ran.", {"value": "again"})]


def test_lost_job_whose_successor_waits_already_is_dropped(app: Flask, tmp_path: Any) -> None:
    """A periodic job is lost, and the next minute's waits: they share a queueing lock."""
    with app.app_context():
        job_id = as_left_by(904)
        with side_transaction() as connection:
            connection.execute(text("UPDATE procrastinate_jobs SET queueing_lock = 'test.once'"))
        with transaction():
            waits = defer("test.once")
        slot = rescue.take_slot(tmp_path)
        slot.write(904)
        assert rescue.rescue_predecessor(slot) == 1
        assert (status_of(job_id), status_of(waits)) == ("aborted", "todo")


def test_successor_ends_what_the_dead_worker_left_running(app: Flask, databases: Databases, tmp_path: Any) -> None:
    """The server does not notice at once that a killed client is gone: its statement would run beside the new one."""
    slot = rescue.take_slot(tmp_path)
    with app.app_context():
        url = settings().database_url
    code = (
        "import sys, psycopg2; c = psycopg2.connect(sys.argv[1]); q = c.cursor();"
        "q.execute('CREATE TABLE half (n int)'); print('in', flush=True); q.execute('SELECT pg_sleep(60)')"
    )
    assert url is not None
    process = subprocess.Popen(
        [sys.executable, "-c", code, url.replace("+psycopg2", "")],
        env=os.environ | {"PGAPPNAME": slot.name}, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"in\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with app.app_context():
        rescue.rescue_predecessor(slot)
        with side_transaction() as connection:
            count = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
            assert connection.execute(count, {"name": slot.name}).scalar_one() == 0
            assert connection.execute(text("SELECT to_regclass('half')")).scalar() is None


@pytest.mark.slow
def test_killed_worker_process_is_replaced_and_its_job_runs(app: Flask, databases: Databases) -> None:
    """The real thing: a worker process, `kill -9` in the middle of a job, the next worker process."""
    with app.app_context():
        found = settings()
        with transaction():
            job_id = defer("jobs.housekeeping")
        with side_transaction() as blocker:
            blocker.execute(text("LOCK TABLE login_attempts IN ACCESS EXCLUSIVE MODE"))
            first = start_worker(databases, found)
            wait_for(lambda: status_of(job_id) == "doing", 120, "the job to start")
            first.kill()
            first.wait()
        second = start_worker(databases, found)
        try:
            wait_for(lambda: status_of(job_id) == "succeeded", 120, "the job to be run again")
        finally:
            second.terminate()
            assert second.wait(timeout=120) == 0, (found.instance_dir / "worker.log").read_text()


def start_worker(databases: Databases, found: Settings) -> subprocess.Popen[bytes]:
    """A worker process on the app's database."""
    with (found.instance_dir / "worker.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "portal.worker"],
            cwd=PROJECT_DIR, env=databases.environment(found), stdout=log, stderr=log,
        )  # fmt: skip

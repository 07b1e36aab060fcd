"""Two administrators at once, a killed import: wholly in or wholly out, never twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Connection, text

from portal.db import db
from tests.imports.portal_files import area_row, biller_row
from tests.support.importing import assert_verified, bring_committed, state, write
from tests.support.servers import Databases

pytestmark = pytest.mark.slow


def count(table: str) -> int:
    with db.engine.connect() as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


def import_runs(connection: Connection) -> bool:
    """Whether somebody holds the importers' lock."""
    return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")))


def wait_for(condition: Callable[[], bool], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_two_administrators_at_the_same_moment(app: Flask, tmp_path: Path) -> None:
    rows = [biller_row(n) for n in range(1, 200)]
    first = write(tmp_path, "biller", rows, "first.csv")
    second = write(tmp_path, "biller", [*rows[50:], *(biller_row(n) for n in range(200, 260))], "second.csv")
    errors: list[BaseException] = []

    def bring(path: Path) -> None:
        try:
            with app.app_context():
                bring_committed(path, month="2025-11", as_of="2025-12-01")
        except BaseException as error:
            errors.append(error)

    with app.app_context():
        bring_committed(write(tmp_path, "areas", [area_row(n) for n in range(1, 4)]))
    threads = [threading.Thread(target=bring, args=(path,)) for path in (first, second, first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert errors == []
    with app.app_context(), db.engine.connect() as connection:
        assert (count("accounts"), count("bills"), count("bill_keys")) == (259, 259, 259)
        assert_verified(connection)


def test_a_killed_import_leaves_nothing_and_can_be_repeated(app: Flask, databases: Databases, tmp_path: Path) -> None:
    path = write(tmp_path, "biller", [biller_row(n) for n in range(1, 8000)])
    settings = app.extensions["settings"]
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "import", "biller", str(path), "--month", "2025-11"]
    for delay in (0.05, 0.4, 0.8):
        process = subprocess.Popen(
            command, env=databases.environment(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with app.app_context(), db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            wait_for(lambda: import_runs(connection))
            time.sleep(delay)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            # The server ends the killed client's transaction by itself.
            wait_for(lambda: not import_runs(connection))
            done = connection.scalar(text("SELECT count(*) FROM import_batches WHERE status = 'DONE'"))
            assert count("accounts") == (7999 if done else 0)
            assert_verified(connection)
    with app.app_context():
        bring_committed(path, month="2025-11")
        with db.engine.connect() as connection:
            first = state(connection)
        bring_committed(path, month="2025-11")
        with db.engine.connect() as connection:
            assert state(connection) == first
            assert_verified(connection)
        assert count("accounts") == 7999

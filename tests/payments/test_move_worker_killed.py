"""A move whose worker is killed in the middle: wholly done or not at all, and the next worker finishes it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.db import db
from portal.permissions import Role
from tests.imports.office import Office, load_areas
from tests.imports.portal_files import biller_row, paid_row
from tests.payments.test_moves import confirm, query
from tests.support.importing import assert_verified, bring_committed, write
from tests.support.servers import Databases
from tests.support.workers import start_worker, wait_for

pytestmark = pytest.mark.slow
ROWS = 9_000


def row(app: Flask, statement: str) -> Any:
    with app.app_context(), db.engine.connect() as connection:
        return connection.execute(text(statement)).one()


@pytest.mark.parametrize("phase", ["moving", "recomputing"])
def test_the_next_worker_finishes_it(
    app: Flask, databases: Databases, login_as: Callable[..., FlaskClient], tmp_path: Path, phase: str
) -> None:
    places = load_areas(app, tmp_path)
    with app.app_context():
        bills = write(tmp_path, "biller", [biller_row(n) for n in range(1, ROWS + 1)])
        bring_committed(bills, as_of="2025-11-10", month="2025-11")
        bring_committed(write(tmp_path, "paid", [paid_row(n) for n in range(1, 500)]), as_of="2025-12-10")
    office = Office(app, login_as(Role.ADMIN, [places["Nilokot"]]))

    def move() -> Any:
        return row(app, "SELECT status, phase, progress FROM bill_moves")

    def moved() -> int:
        return int(row(app, "SELECT count(*) AS n FROM bills WHERE month_source = 'MOVED'").n)

    page = confirm(office, query(places)).headers["Location"]
    assert "No worker answers" in office.client.get(f"{page}/status").get_json()["text"]
    worker = start_worker(app, databases)
    try:
        wait_for(lambda: move().status == "MOVING" and move().phase == phase)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        done = move().status == "DONE"
        assert moved() == (ROWS if done else 0)
        with app.app_context(), db.engine.connect() as connection:
            assert_verified(connection)
        said = []
        worker = start_worker(app, databases)

        def finished() -> bool:
            said.append(office.client.get(f"{page}/status").get_json()["text"])
            return bool(move().status == "DONE")

        wait_for(finished)
        if not done:
            assert any("The worker was restarted" in text for text in said), said[-20:]
        assert moved() == ROWS
        assert row(app, "SELECT count(*) AS n FROM audit_log WHERE action = 'bills.move'").n == 1
        with app.app_context(), db.engine.connect() as connection:
            assert_verified(connection)
    finally:
        worker.kill()
        worker.wait()

"""A move of many units whose worker is killed in the middle: nothing has moved, and the next worker finishes it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.db import db
from portal.permissions import Role
from tests.imports.office import load_areas
from tests.imports.portal_files import biller_row, survey_row
from tests.registers.test_bulk import TARGET, choose
from tests.registers.test_pages import fields_of
from tests.support.importing import assert_verified, bring_committed, write
from tests.support.servers import Databases
from tests.support.workers import start_worker, wait_for

pytestmark = pytest.mark.slow
UNITS = 6_000


def test_the_next_worker_finishes_it(
    app: Flask, databases: Databases, login_as: Callable[..., FlaskClient], tmp_path: Path
) -> None:
    places = load_areas(app, tmp_path)
    numbers = range(1, UNITS + 1)
    with app.app_context():
        bring_committed(write(tmp_path, "survey", [survey_row(n) for n in numbers]), as_of="2025-09-10")
        bring_committed(
            write(tmp_path, "biller", [biller_row(n) for n in numbers]), as_of="2025-11-20", month="2025-11"
        )

    def one(statement: str) -> object:
        with app.app_context(), db.engine.connect() as connection:
            return connection.execute(text(statement)).scalar_one()

    def moved() -> object:
        return one(f"SELECT count(*) FROM survey_units WHERE location_id = {places[TARGET]}")

    client = login_as(Role.ADMIN, [places["Nilokot"]])
    path = choose(client, all="1", list="use=DOMESTIC")
    form = fields_of(client.get(f"{path}?to={places[TARGET]}").get_data(as_text=True))
    assert client.post(path, data={**form, "confirm": TARGET, "reason": "new map"}).status_code == 303
    assert one("SELECT status FROM unit_moves") == "QUEUED"
    worker = start_worker(app, databases)
    try:
        in_the_middle = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'UPDATE survey_units r SET%'"
        wait_for(lambda: bool(one(in_the_middle)))
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        assert one("SELECT status FROM unit_moves") == "QUEUED"
        assert moved() == 0
        assert one("SELECT count(*) FROM record_changes") == 0
        worker = start_worker(app, databases)
        wait_for(lambda: one("SELECT status FROM unit_moves") == "DONE")
        assert moved() == UNITS
        assert one("SELECT count(*) FROM record_changes WHERE unit_id IS NOT NULL") == UNITS
        assert one("SELECT count(*) FROM audit_log WHERE action = 'units.move'") == 1
        with app.app_context(), db.engine.connect() as connection:
            assert_verified(connection)
    finally:
        worker.kill()
        worker.wait()

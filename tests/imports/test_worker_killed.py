"""An import whose worker is killed in the middle: wholly in or wholly out, and the next worker finishes it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from portal.db import db, transaction
from portal.imports.cli import settings_for_imports
from portal.imports.service import Actor, new_batch, queue_commit, store_upload
from portal.jobs.defer import defer
from tests.imports.portal_files import biller_row
from tests.support.importing import assert_verified, write
from tests.support.servers import Databases
from tests.support.workers import start_worker, wait_for

pytestmark = pytest.mark.slow
ROWS = 12_000


def status(batch_id: int) -> tuple[str, str]:
    with db.engine.connect() as connection:
        query = text("SELECT status, phase FROM import_batches WHERE id = :id")
        row = connection.execute(query, {"id": batch_id}).one()
        return row.status, row.phase


@pytest.mark.parametrize("phase", ["reading", "writing"])
def test_the_next_worker_finishes_it(app: Flask, databases: Databases, tmp_path: Path, phase: str) -> None:
    settings = app.extensions["settings"]
    path = write(tmp_path, "biller", [biller_row(n) for n in range(1, ROWS + 1)])
    worker = start_worker(app, databases)
    try:
        with app.app_context():
            with transaction() as session, path.open("rb") as stream:
                stored = store_upload(stream, settings_for_imports(settings))
                batch_id = new_batch(session, "02_Biller_Nilokot_Nov2025.csv", stored, Actor.system()).id
                defer("imports.check", batch_id=batch_id)
            wait_for(lambda: status(batch_id)[0] == "PREVIEW")
            with transaction() as session:
                queue_commit(session, batch_id)
                defer("imports.commit", batch_id=batch_id)
            wait_for(lambda: status(batch_id)[0] == "COMMITTING" and status(batch_id)[1].startswith(phase))
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
            with db.engine.connect() as connection:
                done = status(batch_id)[0] == "DONE"
                assert connection.scalar(text("SELECT count(*) FROM accounts")) == (ROWS if done else 0)
                assert_verified(connection)
            worker = start_worker(app, databases)
            wait_for(lambda: status(batch_id)[0] == "DONE")
            with db.engine.connect() as connection:
                assert connection.scalar(text("SELECT count(*) FROM accounts")) == ROWS
                assert connection.scalar(text("SELECT count(*) FROM bills")) == ROWS
                assert connection.scalar(text("SELECT count(*) FROM audit_log WHERE action = 'import.commit'")) == 1
                assert_verified(connection)
    finally:
        worker.kill()
        worker.wait()

"""An office administrator at work in tests: uploads through HTTP, the queue's jobs run as the worker runs them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from portal.db import db, side_transaction
from portal.imports.models import ImportBatch
from portal.imports.tasks import check_import, commit_import
from portal.payments.tasks import move_bills
from tests.imports.portal_files import area_row
from tests.support.importing import bring_committed, write
from tests.support.people import csrf_token

TASKS: dict[str, Callable[..., None]] = {
    "imports.check": check_import,
    "imports.commit": commit_import,
    "bills.move": move_bills,
}
_TOKEN = re.compile(r'name="token" value="([0-9a-f]+)"')


class Office:
    """One person's browser, and the worker behind it."""

    def __init__(self, app: Flask, client: FlaskClient) -> None:
        self.app = app
        self.client = client

    def token(self) -> str:
        return csrf_token(self.client.get("/me").get_data(as_text=True))

    def post(self, path: str, **data: Any) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token(), **data})

    def upload(self, *files: tuple[str, bytes], **headers: str) -> TestResponse:
        """Send files in one request, as the form does without JavaScript."""
        data = {"csrf_token": self.token(), "files": [(io.BytesIO(content), name) for name, content in files]}
        answer = self.client.post("/imports/upload", data=data, headers=headers, content_type="multipart/form-data")
        answer.request.environ["wsgi.input"].close()  # the client keeps large bodies in a file
        return answer

    def upload_path(self, path: Path) -> int:
        """Send one file; returns the id of its import."""
        answer = self.upload((path.name, path.read_bytes()))
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return int(answer.headers["Location"].rsplit("/", 1)[1])

    def work(self) -> list[str]:
        """Run what waits in the queue, in its order. Returns the names of the tasks."""
        done = []
        while True:
            with self.app.app_context(), side_transaction() as connection:
                job = connection.execute(
                    text(
                        "UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = (SELECT min(id)"
                        " FROM procrastinate_jobs WHERE status = 'todo') RETURNING task_name, args"
                    )
                ).first()
            if job is None:
                return done
            done.append(job.task_name)
            with self.app.app_context():
                TASKS[job.task_name](**job.args)

    def checked(self, path: Path) -> int:
        """Upload and check a file."""
        batch_id = self.upload_path(path)
        assert self.work() == ["imports.check"]
        return batch_id

    def page(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, f"{path} answered {answer.status_code}"
        return answer.get_data(as_text=True)

    def decide(self, batch_id: int, do: str = "import", token: str | None = None, **fields: str) -> TestResponse:
        """Press a button of the preview."""
        if token is None:
            found = _TOKEN.search(self.page(f"/imports/{batch_id}"))
            assert found, "the page shows no preview"
            token = found.group(1)
        return self.post(f"/imports/{batch_id}", do=do, token=token, **fields)

    def imported(self, path: Path) -> int:
        """Upload, check, confirm and write a file."""
        batch_id = self.checked(path)
        assert self.decide(batch_id).status_code == 303
        assert self.work() == ["imports.commit"]
        assert self.batch(batch_id).status == "DONE"
        return batch_id

    def batch(self, batch_id: int) -> ImportBatch:
        with self.app.app_context():
            found = db.session.get(ImportBatch, batch_id)
            assert found is not None
            db.session.expunge(found)
            return found

    def scalar(self, sql: str, **parameters: Any) -> Any:
        with self.app.app_context():
            return db.session.scalar(text(sql), parameters)

    def rows(self, sql: str, **parameters: Any) -> list[Any]:
        with self.app.app_context():
            return list(db.session.execute(text(sql), parameters))


def load_areas(app: Flask, folder: Path, rows: Sequence[Sequence[str]] | None = None) -> dict[str, int]:
    """Import a small area list; ids of all locations by name."""
    rows = rows or [
        *(area_row(n) for n in range(1, 5)),
        area_row(9, tehsil_id="71", tehsil_name="Dharampur", area_name="Urban - MC-9, Dharampur"),
    ]
    with app.app_context():
        bring_committed(write(folder, "areas", rows), as_of="2025-01-01")
        found = db.session.execute(text("SELECT name, id FROM locations")).all()
    return {row.name: row.id for row in found}


def flashed(client: FlaskClient, answer: TestResponse) -> str:
    """The page a redirect leads to."""
    assert answer.status_code == 303
    return client.get(answer.headers["Location"]).get_data(as_text=True)

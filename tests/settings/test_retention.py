"""What the nightly tidying keeps: as long as the settings page says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.db import side_transaction, transaction
from portal.imports.cli import settings_for_imports
from portal.imports.service import Actor, new_batch, store_upload
from portal.jobs.tasks import tidy_up
from portal.permissions import Role
from portal.web.context import settings
from tests.settings.pages import Desk, form_fields, in_force, scalar
from tests.support.importing import write

LoginAs = Callable[..., FlaskClient]


def kept(app: Flask) -> list[bool]:
    """Whether each import still has its file, in the table and in the folder."""
    with app.app_context(), side_transaction() as connection:
        paths = connection.scalars(text("SELECT stored_path FROM import_batches ORDER BY id")).all()
        folder = settings().uploads_dir
    files = len([path for path in folder.rglob("*") if path.is_file()])
    assert files == len([path for path in paths if path is not None])
    return [path is not None for path in paths]


def test_imported_files_and_mails_go_when_the_settings_say(app: Flask, login_as: LoginAs, tmp_path: Path) -> None:
    desk = Desk(login_as(Role.HEAD))
    with app.app_context():
        for days in (95, 40, 5):
            path = write(tmp_path, "biller", [])
            with transaction() as session, path.open("rb") as stream:
                batch = new_batch(session, "list.csv", store_upload(stream, settings_for_imports(settings())),
                                  Actor.system())  # fmt: skip
                session.flush()
                session.execute(
                    text("UPDATE import_batches SET status = 'REFUSED', created_at = now() - make_interval(days => :d)"
                         " WHERE id = :id"),
                    {"d": days, "id": batch.id},
                )  # fmt: skip
        with side_transaction() as connection:
            old_and_new = "('old', now() - interval '91 days'), ('new', now())"
            connection.execute(text(f"INSERT INTO mail_deliveries (key, updated_at) VALUES {old_and_new}"))
        tidy_up()
    assert kept(app) == [False, True, True]
    assert scalar(app, "SELECT string_agg(key, ' ') FROM mail_deliveries") == "new"
    told = desk.save("data", import_file_days="30")
    assert "older than 30 days" in told.get_data(as_text=True)
    assert desk.save("data", form_fields(told.get_data(as_text=True), "/settings/data")).status_code == 303
    assert in_force(app).import_file_days == 30
    with app.app_context():
        tidy_up()
    assert kept(app) == [False, False, True]

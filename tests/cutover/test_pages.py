"""The cutover in the browser: upload, preview, confirm; and on the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from portal.audit.models import AuditEntry
from portal.cutover.models import CutoverRun
from portal.cutover.tasks import check_cutover, run_cutover
from portal.db import session, transaction
from portal.imports.models import ImportBatch
from portal.locations.models import Location
from portal.permissions import Role
from portal.staff.models import Staff
from portal.units.models import SurveyUnit
from tests.cutover import exports
from tests.support.people import csrf_token
from tests.support.places import small_tree

LoginAs = Callable[..., FlaskClient]


@pytest.fixture
def head(app: Flask, login_as: LoginAs) -> FlaskClient:
    small_tree(app)
    return login_as(Role.HEAD)


def _token(browser: FlaskClient) -> str:
    return csrf_token(browser.get("/cutover/").get_data(as_text=True))


def upload(browser: FlaskClient, folder: Path, *names: str) -> Any:
    files = [(BytesIO((folder / f"{name}.csv").read_bytes()), f"{name}.csv") for name in names]
    return browser.post("/cutover/upload", data={"csrf_token": _token(browser), "files": files})


def work(app: Flask, task: Any, run_id: int, **more: Any) -> None:
    with app.app_context():
        task(run_id=run_id, **more)


def the_run(app: Flask) -> CutoverRun:
    with app.app_context():
        return session().scalars(select(CutoverRun).order_by(CutoverRun.id.desc())).first()  # type: ignore[return-value]


def units(app: Flask) -> int:
    with app.app_context():
        return session().scalar(select(func.count()).select_from(SurveyUnit)) or 0


def test_uploaded_looked_at_confirmed_done(app: Flask, head: FlaskClient, tmp_path: Path) -> None:
    folder = exports.write_all(tmp_path / "old")
    answer = upload(head, folder, *exports.ALL)
    assert answer.status_code == 303
    run = the_run(app)
    kept = [Path(file["path"]) for file in run.files.values()]
    assert all(path.exists() for path in kept)
    assert "1234567" not in Path(run.files["staff"]["path"]).read_text()
    assert "are being checked" in head.get(answer.location).get_data(as_text=True)

    work(app, check_cutover, run.id)
    page = head.get(answer.location).get_data(as_text=True)
    assert "What would be done" in page
    assert "the person needs an invitation" in page
    assert units(app) == 0

    wrong = head.post(f"{answer.location}/confirm", data={"csrf_token": _token(head), "confirm": "yes"})
    assert wrong.status_code == 422
    right = head.post(f"{answer.location}/confirm", data={"csrf_token": _token(head), "confirm": "cutover"})
    assert right.status_code == 303
    assert the_run(app).status == "QUEUED"
    work(app, run_cutover, run.id, staff_id=run.staff_id)
    assert the_run(app).status == "DONE"
    assert units(app) == 3
    assert not any(path.exists() for path in kept)
    assert not any(path.parent.exists() for path in kept)
    with app.app_context():
        assert set(session().scalars(select(ImportBatch.file_name))) == {"survey_units.csv", "bills.csv"}
        made = session().scalars(select(AuditEntry).where(AuditEntry.action == "staff.create", AuditEntry.reason != ""))
        assert {(line.reason, line.staff_id) for line in made} == {("cutover", run.staff_id)}
    page = head.get(answer.location).get_data(as_text=True)
    assert "What was done" in page
    assert re.search(r'<a class="small" href="/imports/\d+">', page)
    rows = head.get(f"{answer.location}/rows.csv").get_data(as_text=True)
    assert "2.67701E+19" in rows
    assert "There is no such role." in rows
    # Its place before all files is no day that anybody would know.
    with app.app_context():
        unit = session().scalars(select(SurveyUnit.survey_id).limit(1)).one()
    record = head.get(f"/units/{unit}").get_data(as_text=True)
    assert "From the old system; no file has it yet" in record
    assert "1 Jan 2000" not in record
    # A second time: the job comes again after its worker was killed.
    work(app, run_cutover, run.id)
    assert units(app) == 3


def test_what_changed_since_the_preview_is_shown_anew(app: Flask, head: FlaskClient, tmp_path: Path) -> None:
    folder = exports.write_all(tmp_path / "old")
    upload(head, folder, "staff")
    run = the_run(app)
    work(app, check_cutover, run.id)
    with app.app_context(), transaction() as db:
        db.add(Staff(username="old.agent", password_hash="", role="AGENT"))
    head.post(f"/cutover/{run.id}/confirm", data={"csrf_token": _token(head), "confirm": "cutover"})
    work(app, run_cutover, run.id)
    assert the_run(app).status == "PREVIEW"
    assert "The registers have changed" in head.get(f"/cutover/{run.id}").get_data(as_text=True)
    with app.app_context():
        assert session().scalar(select(func.count()).select_from(Staff).where(Staff.legacy_id.is_not(None))) == 0


def test_cancelling_is_called_so_by_button_heading_and_list(app: Flask, head: FlaskClient, tmp_path: Path) -> None:
    folder = exports.write_all(tmp_path / "old")
    upload(head, folder, "staff", "tickets")
    run = the_run(app)
    assert re.search(r'/cancel">.*?<button[^>]*>Cancel</button>', head.get(f"/cutover/{run.id}").get_data(as_text=True))
    answer = head.post(f"/cutover/{run.id}/cancel", data={"csrf_token": _token(head)}, follow_redirects=True)
    assert the_run(app).status == "CANCELLED"
    shown = answer.get_data(as_text=True) + head.get(f"/cutover/{run.id}").get_data(as_text=True)
    assert "Cancelled. Nothing was written" in shown and re.search(r"<h1[^>]*>\s*Cancelled", shown)
    listed = head.get("/cutover/").get_data(as_text=True)
    assert ">Cancelled</span>" in listed and "aside" not in (shown + listed).lower().replace("<aside", "").replace(
        "</aside", ""
    )
    assert not any(Path(file["path"]).exists() for file in run.files.values())
    work(app, check_cutover, run.id)
    assert the_run(app).status == "CANCELLED"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file staff.csv is empty. Nothing was taken over."),
        (b"a,b,c\n1,2,3\n", "staff.csv is none of the old system"),
        (b"id,username,role,assigned_city\n1,x,AGENT,y\n", "is missing in the table staff"),
        (b"\x50\x4b\x03\x04\xff\xfe\x00\x00", "The file staff.csv is no CSV in UTF-8"),
    ],
)
def test_a_file_that_is_none_keeps_nothing(app: Flask, head: FlaskClient, content: bytes, said: str) -> None:
    uploads = app.extensions["settings"].uploads_dir
    before = set(uploads.glob("*"))
    answer = head.post("/cutover/upload", data={"csrf_token": _token(head), "files": [(BytesIO(content), "staff.csv")]})
    assert answer.status_code == 422
    assert said in answer.get_data(as_text=True)
    with app.app_context():
        assert session().scalar(select(func.count()).select_from(CutoverRun)) == 0
    assert set(uploads.glob("*")) == before


def test_only_a_head_of_the_whole_province(app: Flask, head: FlaskClient, login_as: LoginAs) -> None:
    with app.app_context():
        part = session().scalars(select(Location.id).where(Location.kind == "TEHSIL").limit(1)).one()
    assert login_as(Role.HEAD, [part]).get("/cutover/").status_code == 403
    assert login_as(Role.MANAGER).get("/cutover/").status_code == 403


def test_the_command_prints_one_object(app: Flask, tmp_path: Path) -> None:
    small_tree(app)
    folder = exports.write_all(tmp_path / "old")
    runner = app.test_cli_runner()
    looked = runner.invoke(args=["cutover", str(folder), "--dry-run", "--json"])
    assert looked.exit_code == 0, looked.output
    assert units(app) == 0
    done = runner.invoke(args=["cutover", str(folder), "--json"])
    tables = {table["kind"]: table for table in json.loads(done.stdout)["tables"]}
    assert json.loads(looked.stdout)["tables"] == json.loads(done.stdout)["tables"]
    assert tables["bills"]["inserted"] == 4
    assert units(app) == 3
    again = runner.invoke(args=["cutover", str(folder), "--json"])
    assert {table["inserted"] for table in json.loads(again.stdout)["tables"]} == {0}
    empty = tmp_path / "empty"
    empty.mkdir()
    refused = runner.invoke(args=["cutover", str(empty), "--json"])
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "no CSV file" in refused.stderr

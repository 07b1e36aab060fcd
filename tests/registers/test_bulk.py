"""Many units of the list to another area: preview, typed confirmation, at once or by a job, once only."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.db import db
from portal.permissions import Role
from portal.registers import bulk
from portal.registers.tasks import move_units
from tests.imports.office import load_areas
from tests.imports.portal_files import biller_row, survey_row
from tests.registers.test_pages import fields_of
from tests.support import people
from tests.support.importing import assert_verified, bring_committed, write

Browser = Callable[..., FlaskClient]
TARGET = "UC-3, Chak 3, Nilokot"


@pytest.fixture
def places(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Thirty units with accounts and bills in one union council."""
    folder = tmp_path_factory.mktemp("files")
    found = load_areas(app, folder)
    with app.app_context():
        bring_committed(write(folder, "survey", [survey_row(n) for n in range(1, 31)]), as_of="2025-09-10")
        rows = [biller_row(n) for n in range(1, 31)]
        bring_committed(write(folder, "biller", rows), as_of="2025-11-20", month="2025-11")
    return found


def units_in(app: Flask, location_id: int) -> int:
    with app.app_context():
        assert_verified(db.session.connection())
        sql = text("SELECT count(*) FROM survey_units WHERE location_id = :id")
        count = int(db.session.scalar(sql, {"id": location_id}))
        db.session.rollback()
        return count


def choose(client: FlaskClient, **data: object) -> str:
    token = people.csrf_token(client.get("/me").get_data(as_text=True))
    answer = client.post("/units/moves/", data={"csrf_token": token, **data})
    assert answer.status_code == 303
    return str(answer.headers["Location"])


def test_chosen_units_move_with_their_accounts_once(
    app: Flask, places: dict[str, int], login_as: Callable[..., FlaskClient]
) -> None:
    client, target = login_as(Role.ADMIN, [places["Nilokot"]]), places[TARGET]
    listed = client.get("/units/").get_data(as_text=True)
    keys = re.findall(r'name="unit" value="(\d+)"', listed)[:3]
    path = choose(client, unit=keys)
    assert "3 units are chosen" in client.get(path).get_data(as_text=True)
    preview = client.get(f"{path}?to={target}").get_data(as_text=True)
    form = fields_of(preview)
    assert form["promise"].startswith("3-0-3-")
    wrong = client.post(path, data={**form, "confirm": "elsewhere"})
    assert wrong.status_code == 422
    assert units_in(app, target) == 0
    for _ in range(2):
        assert client.post(path, data={**form, "confirm": TARGET, "reason": "new map"}).status_code == 303
    assert units_in(app, target) == 3
    assert "Units moved" in client.get(path).get_data(as_text=True)
    told = client.get(f"/units/{keys[0]}").get_data(as_text=True)
    assert "new map" in told
    # Another person sees nothing of it, and a place outside is no target.
    assert login_as(Role.ADMIN, [places["Nilokot"]]).get(path).status_code == 404
    other = choose(client, unit=keys)
    assert client.get(f"{other}?to={places['MC-9, Dharampur']}").status_code == 404


def test_what_has_changed_since_the_preview_is_not_moved(
    app: Flask, places: dict[str, int], login_as: Callable[..., FlaskClient]
) -> None:
    client, target = login_as(Role.ADMIN, [places["Nilokot"]]), places[TARGET]
    path = choose(client, unit=["2319001", "2319002"])
    form = fields_of(client.get(f"{path}?to={target}").get_data(as_text=True))
    with app.app_context():
        db.session.execute(text("UPDATE survey_units SET deleted_at = now() WHERE survey_id = '2319001'"))
        db.session.execute(text("DELETE FROM unit_states WHERE unit_id = (SELECT id FROM survey_units"
                                " WHERE survey_id = '2319001')"))  # fmt: skip
        db.session.execute(text("DELETE FROM unit_cycles WHERE unit_id = (SELECT id FROM survey_units"
                                " WHERE survey_id = '2319001')"))  # fmt: skip
        db.session.commit()
    answer = client.post(path, data={**form, "confirm": TARGET})
    assert answer.status_code == 409
    assert units_in(app, target) == 0
    now = fields_of(answer.get_data(as_text=True))
    assert client.post(path, data={**now, "confirm": TARGET}).status_code == 303
    assert units_in(app, target) == 1


def test_many_are_moved_by_a_job(
    app: Flask, places: dict[str, int], login_as: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 10)
    client, target = login_as(Role.ADMIN, [places["Nilokot"]]), places[TARGET]
    path = choose(client, all="1", list="use=DOMESTIC")
    form = fields_of(client.get(f"{path}?to={target}").get_data(as_text=True))
    assert form["promise"].startswith("30-0-30-")
    assert client.post(path, data={**form, "confirm": TARGET}).status_code == 303
    assert client.get(f"{path}/status").json["running"]
    assert units_in(app, target) == 0
    with app.app_context():
        arguments = db.session.scalar(text("SELECT args FROM procrastinate_jobs WHERE task_name = 'units.move'"))
        move_units(**arguments)
        move_units(**arguments)  # a lost job is begun again
    assert units_in(app, target) == 30
    assert not client.get(f"{path}/status").json["running"]

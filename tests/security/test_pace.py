"""How much a signed-in person may ask for in a minute: far more than work needs, not without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.config import Settings, load_settings
from portal.errors import ConfigurationError
from portal.permissions import Role
from tests.support.people import add_staff, sign_in

JSON = {"Accept": "application/json"}
RATE = 30


@pytest.fixture
def hurried(app: Flask) -> Iterator[Flask]:
    """The application, with few requests a minute."""
    before: Settings = app.extensions["settings"]
    app.extensions["settings"] = replace(before, requests_per_minute=RATE)
    yield app
    app.extensions["settings"] = before


def statuses(client: FlaskClient, path: str, number: int) -> list[int]:
    answered = []
    for _number in range(number):
        with client.get(path) as answer:
            answered.append(answer.status_code)
    return answered


def test_a_person_is_held_up_and_nobody_else(hurried: Flask) -> None:
    name = add_staff(hurried, Role.MANAGER)
    phone, pc = sign_in(hurried.test_client(), name), sign_in(hurried.test_client(), name)
    other = sign_in(hurried.test_client(), add_staff(hurried, Role.MANAGER))
    assert statuses(phone, "/static/portal.css", RATE) == [200] * RATE, "files of the pages do not count"
    assert statuses(phone, "/me", RATE - 10) == [200] * (RATE - 10)
    assert statuses(pc, "/session", 12) == [200] * 10 + [429] * 2, "over all of his browsers"
    refused = pc.get("/units/")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 61  # rounded up
    assert "Wait a minute and try again." in refused.get_data(as_text=True)
    data = phone.get("/session", headers=JSON)
    assert (data.status_code, data.get_json()["error"]) == (429, "too_many_requests")
    assert statuses(other, "/me", 5) == [200] * 5
    # Files of the pages, health checks and the sign-in page are not held up.
    assert statuses(phone, "/static/portal.css", 2) == [200] * 2
    assert statuses(hurried.test_client(), "/login", RATE + 5) == [200] * (RATE + 5)
    assert statuses(phone, "/healthz", 5) == [200] * 5


def test_a_form_that_came_too_often_changes_nothing(hurried: Flask, login_as: Callable[..., FlaskClient]) -> None:
    client = login_as(Role.AGENT)
    page = client.get("/me").get_data(as_text=True)
    statuses(client, "/me", RATE)
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    answer = client.post("/preferences", data={"csrf_token": token, "language": "ur"})
    assert answer.status_code == 429
    assert "Nothing was changed." in answer.get_data(as_text=True)


@pytest.mark.parametrize("text", ["29", "0", "many", "-1", "1000001"])
def test_a_rate_that_nobody_could_work_with_is_refused(tmp_path: object, text: str) -> None:
    with pytest.raises(ConfigurationError, match="REQUESTS_PER_MINUTE"):
        load_settings({"INSTANCE_DIR": str(tmp_path), "REQUESTS_PER_MINUTE": text})
    assert load_settings({"INSTANCE_DIR": str(tmp_path)}).requests_per_minute == 300

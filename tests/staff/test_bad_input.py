"""What nobody should send to the pages of signing in: a clear refusal, no stack trace, nothing kept."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from portal.db import session
from portal.errors import InvalidInputError
from portal.extensions import limiter
from portal.locations.models import Location
from portal.permissions import Role
from portal.staff import service
from tests.staff.helpers import PASSWORD, attempt, execute, words
from tests.support.people import add_staff, csrf_token
from tests.support.places import small_tree

PAGES = ("/login", "/forgot", "/reset")


@pytest.fixture(autouse=True)
def _places(app: Flask) -> None:
    small_tree(app)


@pytest.mark.parametrize("name", ["аdmin", "ａｄｍｉｎ", "admin\u200b", "аdmіn", "ADMİN", "ایڈمن", "admin١"])
def test_look_alikes_are_nobody_and_are_told_why(app: Flask, client: FlaskClient, name: str) -> None:
    add_staff(app, Role.ADMIN, username="admin")
    answer = attempt(client, name, PASSWORD)
    assert answer.status_code == 401
    assert "keyboard is set to English" in words(answer)
    assert "keyboard" not in words(attempt(client, "somebody", PASSWORD))
    with app.app_context(), pytest.raises(InvalidInputError, match="user name"):
        place = session().scalars(select(Location)).first()
        assert place is not None
        service.create_staff(session(), username=name, password=PASSWORD, role=Role.AGENT, areas=[place], cost=4)


@pytest.mark.parametrize("path", PAGES)
def test_ten_megabytes_in_a_field_are_refused(app: Flask, client: FlaskClient, path: str) -> None:
    token = csrf_token(words(client.get("/login")))
    fields = ("username", "password", "name", "one_time_code", "new_password", "repeated")
    for field in fields:
        form = dict.fromkeys(fields, "x") | {"csrf_token": token, field: "x" * (10 * 1024 * 1024)}
        answer = client.post(path, data=form)
        assert answer.status_code == 413
        assert "Traceback" not in words(answer)
    assert execute(app, "SELECT count(*) FROM login_attempts") == [(0,)]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=70), password=st.text(max_size=300), code=st.text(max_size=50))
def test_any_text_gets_an_answer(app: Flask, client: FlaskClient, name: str, password: str, code: str) -> None:
    limiter.reset()
    for path in PAGES:
        form = {"username": name, "name": name, "password": password, "one_time_code": code,
                "new_password": password, "repeated": password,
                "csrf_token": csrf_token(words(client.get("/login")))}  # fmt: skip
        answer = client.post(path, data=form)
        assert answer.status_code in {400, 401, 409, 422, 429}, (path, answer.status_code)
    assert execute(app, "SELECT count(*) FROM staff_sessions") == [(0,)]


@pytest.mark.parametrize("token", ["x", "a" * 3000, "%00", "..%2F..%2Fetc", "%F0%9F%A6%9C", "' OR 1=1 --"])
@pytest.mark.parametrize("page", ["/reset/", "/welcome/"])
def test_links_that_are_none(client: FlaskClient, page: str, token: str) -> None:
    answer = client.get(page + token)
    assert answer.status_code in {404, 410}
    assert "Traceback" not in words(answer)


@pytest.mark.parametrize("cookie", ["portal_session", "portal_device", "language"])
@pytest.mark.parametrize("value", ["\x7f", "ü", "a" * 3500, "eyJ9.", ".....", '{"a":1}'])
def test_cookies_that_are_none(app: Flask, client: FlaskClient, cookie: str, value: str) -> None:
    name = add_staff(app, Role.AGENT)
    client.set_cookie(cookie, value)
    assert client.get("/me").status_code == 303
    assert attempt(client, name, PASSWORD).status_code == 303

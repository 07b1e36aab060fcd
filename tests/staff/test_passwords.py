"""Which passwords are accepted, changing one's own, having to change it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.errors import InvalidInputError
from portal.permissions import Role
from portal.staff import password_rules
from portal.staff.password_rules import PasswordRules
from tests.staff.helpers import PASSWORD, attempt, audit, begun, execute, send, words
from tests.support.people import add_staff, sign_in
from tests.support.places import small_tree

LoginAs = Callable[..., FlaskClient]
NEW = "seven green parrots"
RULES = PasswordRules(10, "Clean City (Pvt) Ltd")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "at least 10"),
        ("nine char", "at least 10"),
        ("x" * 201, "at most 200"),
        ("nul\0byte and more", "NUL"),
        ("sana.khan2026!", "user name"),
        ("  Sana Khan  ", "user name"),
        ("123sana_khan123", "user name"),
        ("Clean City (Pvt) Ltd", "company"),
        ("Suthra Punjab 2026", "company"),
        ("password123", "first that are tried"),
        ("PASSWORD123", "first that are tried"),
        ("P@ssw0rd2026", "first that are tried"),
        ("qwertyuiop", "first that are tried"),
        ("1234567890", "first that are tried"),
        ("aaaaaaaaaaaaaaaa", "first that are tried"),
        ("abcabcabcabc", "first that are tried"),
        ("lahore12345", "first that are tried"),
    ],
)
def test_refused_with_a_reason(app: Flask, password: str, reason: str) -> None:
    with app.test_request_context(), pytest.raises(InvalidInputError, match=reason):
        password_rules.check(password, "sana.khan", "Sana Khan", RULES)


@pytest.mark.parametrize(
    "password",
    [PASSWORD, NEW, "kjq2-ytm8-zz41", "آج بازار میں بارش", "alibaba and the 40", "aaaa🦜 parrots of seven", NEW * 10],
)
def test_accepted(app: Flask, password: str) -> None:
    with app.test_request_context():
        password_rules.check(password[:200], "ali", "Ali", RULES)
        # The same words are refused where a rule says so: what was accepted was looked at.
        with pytest.raises(InvalidInputError, match="user name"):
            password_rules.check(password[:200], password[:200], "Ali", RULES)


def test_the_list_is_long_enough_for_any_length() -> None:
    """ASVS 5.0 asks for the 3,000 commonest that the rule on length lets through; guessing finds the rest."""
    common = sorted(password_rules._common_passwords())
    assert len(common) == 30_000
    assert sum(len(password) >= 8 for password in common) > 10_000
    assert all(password_rules.is_common(password) for password in common if len(password) >= 10)


@settings(max_examples=60, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(password=st.text(max_size=260), username=st.text(max_size=64), company=st.text(max_size=80))
def test_any_text_is_judged(app: Flask, password: str, username: str, company: str) -> None:
    with app.test_request_context():
        try:
            password_rules.check(password, username, "", PasswordRules(8, company))
        except InvalidInputError as error:
            assert str(error)
        else:
            assert 8 <= len(password) <= 200


def test_what_makes_guessing_slow_to_judge_is_judged_quickly() -> None:
    import time

    started = time.thread_time()
    password_rules.is_common("4@8({[<369|!1$5+7%2zZ0oO" * 8)
    assert time.thread_time() - started < 5


# --- one's own -----------------------------------------------------------------------------------------------------


@pytest.fixture
def _places(app: Flask) -> None:
    small_tree(app)


@pytest.mark.usefixtures("_places")
def test_changing_ones_own(app: Flask) -> None:
    name = add_staff(app, Role.AGENT)
    client, elsewhere = sign_in(app.test_client(), name), sign_in(app.test_client(), name)
    before = client.get_cookie("portal_session")
    assert before
    for form, status, why in (
        ({"password": PASSWORD, "new_password": "short", "repeated": "short"}, 422, "at least 10"),
        ({"password": PASSWORD, "new_password": NEW, "repeated": "other"}, 422, "differ"),
        ({"password": PASSWORD, "new_password": PASSWORD, "repeated": PASSWORD}, 422, "have already"),
        ({"new_password": NEW, "repeated": NEW}, 422, "This password is wrong"),  # a moment after signing in, too
        ({}, 422, "Enter a new password"),
    ):
        answer = send(client, "/me/password", **form)
        assert answer.status_code == status
        assert why in words(answer)
    assert send(client, "/me/password", password=PASSWORD, new_password=NEW, repeated=NEW).status_code == 303
    assert client.get("/me").status_code == 200
    assert elsewhere.get("/me").status_code == 303
    thief = app.test_client()
    thief.set_cookie("portal_session", before.value)
    assert thief.get("/me").status_code == 303, "the token is another one"
    assert attempt(app.test_client(), name, PASSWORD).status_code == 401
    assert attempt(app.test_client(), name, NEW).status_code == 303
    assert audit(app, "staff.password")[-1]["after"] == {"how": "own", "sessions_ended": 1}


@pytest.mark.usefixtures("_places")
def test_an_older_session_gives_the_password_of_now(app: Flask, login_as: LoginAs) -> None:
    client = login_as(Role.AGENT)
    begun(app, 3600)
    wrong = send(client, "/me/password", password="wrong password", new_password=NEW, repeated=NEW)
    assert wrong.status_code == 422
    assert "This password is wrong" in words(wrong)
    assert send(client, "/me/password", new_password=NEW, repeated=NEW).status_code == 422
    done = send(client, "/me/password", password=PASSWORD, new_password=NEW, repeated=NEW)
    assert done.status_code == 303
    for _number in range(5):
        send(client, "/me/password", password="wrong password", new_password=NEW + "x", repeated=NEW + "x")
    begun(app, 3600)
    codes = [
        send(client, "/me/password", password="wrong", new_password=NEW + "x", repeated=NEW + "x").status_code
        for _number in range(6)
    ]
    assert 429 in codes, "no guessing here either"


@pytest.mark.usefixtures("_places")
def test_a_password_that_was_given_is_changed_before_anything_else(app: Flask, client: FlaskClient) -> None:
    name = add_staff(app, Role.MANAGER)
    execute(app, "UPDATE staff SET must_change_password = true")
    assert attempt(client, name, PASSWORD, "/units/").location == "/units/"
    for path in ("/", "/units/", "/me", "/dash/overview/", "/me/second-factor", "/session"):
        assert client.get(path).location.startswith("/me/password"), path
    callback = client.post("/dash/overview/_dash-update-component", json={})
    assert callback.status_code == 403
    page = client.get("/me/password?next=/units/")
    assert 'name="password"' not in words(page), "it was given a moment ago"
    assert "nav-entry" not in words(page)
    same = send(client, "/me/password", new_password=PASSWORD, repeated=PASSWORD)
    assert same.status_code == 422
    done = send(client, "/me/password", new_password=NEW, repeated=NEW, next="/units/")
    assert done.location == "/units/"
    assert client.get("/units/").status_code == 200
    assert execute(app, "SELECT must_change_password FROM staff") == [(False,)]


@pytest.mark.usefixtures("_places")
def test_the_rules_in_force_are_those_of_the_settings(app: Flask, login_as: LoginAs) -> None:
    client = login_as(Role.AGENT)
    before = app.extensions["settings"]
    app.extensions["settings"] = dataclasses.replace(before, password_min_length=20, company_name="Saaf Shehar Private")
    try:
        own = {"password": PASSWORD}
        assert "at least 20" in words(send(client, "/me/password", new_password=NEW, repeated=NEW, **own))
        for company in ("Saaf Shehar Private 2026",):
            answer = send(client, "/me/password", new_password=company, repeated=company, **own)
            assert "name of the company" in words(answer)
    finally:
        app.extensions["settings"] = before

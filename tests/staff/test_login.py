"""Signing in and out, idle sessions, rate limits, forms: through the real pages."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import bcrypt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer

from portal.db import session, side_transaction, transaction
from portal.permissions import Role
from portal.staff import service, signin
from tests.staff.helpers import age_sessions, attempt, execute
from tests.support.people import PASSWORD, add_staff, csrf_token, sign_in
from tests.support.places import small_tree
from tests.support.queries import recorded_queries

LoginAs = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def places(app: Flask) -> dict[str, int]:
    return small_tree(app)


def idle_seconds(app: Flask) -> float:
    rows = execute(app, "SELECT extract(epoch FROM now() - last_seen_at) FROM staff_sessions WHERE ended_at IS NULL")
    return float(rows[0][0])


# --- in and out --------------------------------------------------------------------------------------------------


def test_wrong_name_and_wrong_password_look_the_same(app: Flask, client: FlaskClient) -> None:
    name = add_staff(app, Role.AGENT)
    execute(
        app, "UPDATE staff SET is_active = false WHERE username = :n", n=add_staff(app, Role.AGENT, username="gone")
    )
    answers = [attempt(client, *pair) for pair in ((name, "wrong password"), ("nobody", PASSWORD), ("gone", PASSWORD))]
    assert [answer.status_code for answer in answers] == [401] * 3
    pages = {re.sub(r'value="[^"]*"|nonce="[^"]*"|data-csrf="[^"]*"', "", a.get_data(as_text=True)) for a in answers}
    assert len(pages) == 1
    assert "User name or password is wrong." in pages.pop()
    assert client.get("/me").status_code == 303


@pytest.mark.parametrize("name", ["\0", "ad\0min", "head\0"])
def test_a_name_with_a_nul_is_nobodys(app: Flask, client: FlaskClient, name: str) -> None:
    head = add_staff(app, Role.HEAD, username="head")
    assert attempt(client, name, PASSWORD).status_code == 400
    with app.app_context(), side_transaction() as connection:
        counted_as = signin.attempt_name(None, name, "key")
        assert signin.begin_attempt(connection, counted_as, "127.0.0.1")[0] is not None
    with app.app_context(), transaction() as db_session:
        assert signin.find_account(db_session, name) is None
    assert attempt(client, head, PASSWORD).status_code == 303


def test_an_unknown_name_costs_the_same_check_as_a_known_one(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """One real bcrypt check of the same cost in either case: the time of an answer does not tell who exists."""
    checks: list[tuple[str, bool]] = []
    check = bcrypt.checkpw

    def noted(password: bytes, stored: bytes) -> bool:
        matches = check(password, stored)  # raises for a hash bcrypt would not work through
        checks.append((stored.decode()[:7], matches))
        return matches

    monkeypatch.setattr(bcrypt, "checkpw", noted)
    with app.app_context(), transaction() as db_session:
        service.set_password(db_session, add_staff(app, Role.AGENT, username="known"), PASSWORD, cost=5)
    for username, password, is_let_in in (
        ("known", "wrong password", False),
        ("unknown", "wrong password", False),
        ("unknown", PASSWORD, False),
        ("known", PASSWORD, True),
    ):
        checks.clear()
        with app.app_context():
            account = signin.find_account(session(), username)
        assert (signin.check_password(account, password, cost=5) is not None) is is_let_in
        assert checks == [("$2b$05$", is_let_in)], username


def test_the_cookie_of_before_and_of_after_is_worthless(app: Flask, client: FlaskClient) -> None:
    """Signing in starts a new session (fixation), signing out ends it on the server."""
    name = add_staff(app, Role.MANAGER)
    client.get("/login")
    before = client.get_cookie("portal_session")
    sign_in(client, name)
    during = client.get_cookie("portal_session")
    assert before and during and before.value != during.value
    page = client.get("/me")
    assert page.status_code == 200
    client.post("/logout", data={"csrf_token": csrf_token(page.get_data(as_text=True))})
    assert client.get("/me").status_code == 303
    for old in (before, during):
        thief = app.test_client()
        thief.set_cookie("portal_session", old.value)
        assert thief.get("/me").status_code == 303
    assert execute(app, "SELECT count(*) FROM staff_sessions WHERE ended_at IS NULL") == [(0,)]


def test_signing_in_again_ends_the_session_before(app: Flask, client: FlaskClient) -> None:
    sign_in(client, add_staff(app, Role.MANAGER))
    old = client.get_cookie("portal_session")
    assert old
    token = csrf_token(client.get("/me").get_data(as_text=True))
    other = add_staff(app, Role.AGENT, username="other")
    answer = client.post("/login", data={"username": other, "password": PASSWORD, "csrf_token": token})
    assert answer.status_code == 303
    assert "other" in client.get("/me").get_data(as_text=True)
    thief = app.test_client()
    thief.set_cookie("portal_session", old.value)
    assert thief.get("/me").status_code == 303


def test_the_cookie_is_protected(app: Flask, client: FlaskClient) -> None:
    name = add_staff(app, Role.AGENT)
    answer = attempt(client, name, PASSWORD)
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("portal_session="))
    assert "; HttpOnly" in cookie
    assert "; SameSite=Lax" in cookie
    assert "Expires" not in cookie
    token = execute(app, "SELECT token_hash FROM staff_sessions")[0][0]
    assert str(token) not in cookie


@pytest.mark.parametrize("forged", ["rubbish", "eyJfdXNlcl9pZCI6IjEifQ.aaaa.bbbb"])
def test_a_forged_cookie_is_nobody(client: FlaskClient, forged: str) -> None:
    client.set_cookie("portal_session", forged)
    assert client.get("/me").status_code == 303


def test_a_well_signed_cookie_with_a_persons_id_is_nobody(app: Flask, client: FlaskClient) -> None:
    add_staff(app, Role.HEAD)
    with client.session_transaction() as cookie:
        cookie["_user_id"] = "1"
    assert client.get("/me").status_code == 303


def test_somebody_switched_off_is_out_at_once(app: Flask, login_as: LoginAs) -> None:
    client = login_as(Role.MANAGER)
    assert client.get("/me").status_code == 200
    execute(app, "UPDATE staff SET is_active = false")
    assert client.get("/me").status_code == 303


def test_a_new_password_ends_all_sessions(app: Flask) -> None:
    name = add_staff(app, Role.MANAGER)
    client = sign_in(app.test_client(), name)
    with app.app_context(), transaction() as db_session:
        service.set_password(db_session, name, "another good one", cost=4)
    assert client.get("/me").status_code == 303
    sign_in(client, name, "another good one")


def test_the_hash_follows_the_cost_in_force(app: Flask, client: FlaskClient) -> None:
    name = add_staff(app, Role.AGENT)
    with app.app_context(), transaction() as db_session:
        service.set_password(db_session, name, PASSWORD, cost=5)
    sign_in(client, name)
    stored = str(execute(app, "SELECT password_hash FROM staff")[0][0])
    assert stored.startswith("$2b$04$")
    sign_in(app.test_client(), name.upper())


@pytest.mark.parametrize(
    ("target", "lands"),
    [
        ("/me?x=1", "/me?x=1"),
        ("//evil.example/", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("", "/"),
    ],
)
def test_next_stays_here(app: Flask, client: FlaskClient, target: str, lands: str) -> None:
    answer = attempt(client, add_staff(app, Role.MANAGER), PASSWORD, target)
    assert (answer.status_code, answer.location) == (303, lands)
    assert client.get("/login", query_string={"next": target}).location == lands


def test_a_page_asked_for_comes_after_signing_in(app: Flask, client: FlaskClient) -> None:
    answer = client.get("/me?tab=2")
    assert answer.location == "/login?next=/me?tab%3D2"
    page = client.get(answer.location).get_data(as_text=True)
    assert 'name="next" value="/me?tab=2"' in page
    assert "session has ended" not in page
    assert client.get("/me", headers={"Accept": "application/json"}).status_code == 401


# --- idleness ----------------------------------------------------------------------------------------------------


def test_an_idle_session_ends(app: Flask, login_as: LoginAs) -> None:
    client = login_as(Role.MANAGER)
    age_sessions(app, 29.9 * 60)
    assert client.get("/me").status_code == 200
    age_sessions(app, 30.1 * 60)
    answer = client.get("/me")
    assert answer.status_code == 303
    assert "expired=1" in answer.location
    assert "Your session has ended" in client.get(answer.location).get_data(as_text=True)
    data = client.get("/session", headers={"X-Background": "1"})
    assert (data.status_code, data.get_json()["error"]) == (401, "sign_in_required")


def test_a_form_sent_too_late_leads_back_to_its_page(app: Flask, login_as: LoginAs) -> None:
    client = login_as(Role.MANAGER)
    token = csrf_token(client.get("/me").get_data(as_text=True))
    age_sessions(app, 3600)
    answer = client.post("/session", data={"csrf_token": token}, headers={"Referer": "http://localhost/me?tab=2"})
    assert answer.status_code == 303
    assert "next=/me?tab%3D2" in answer.location
    answer = client.post("/session", data={"csrf_token": token}, headers={"Referer": "https://evil.example/me"})
    assert "next" not in answer.location


def test_activity_counts_and_is_noted_once_a_minute(app: Flask, login_as: LoginAs) -> None:
    client = login_as(Role.MANAGER)
    age_sessions(app, 50)
    client.get("/me")
    assert idle_seconds(app) > 49
    age_sessions(app, 70)
    client.get("/me")
    assert idle_seconds(app) < 5


def test_polling_is_no_activity(app: Flask, login_as: LoginAs) -> None:
    client = login_as(Role.MANAGER)
    age_sessions(app, 600)
    for answer in (
        client.get("/session", headers={"X-Background": "1"}),
        client.get("/session?X-Background=1"),
        client.get("/static/portal.css", buffered=True),
    ):
        assert answer.status_code == 200
        assert idle_seconds(app) > 599
    left = client.get("/session", headers={"X-Background": "1"}).get_json()["seconds_left"]
    assert 1190 < left <= 1200


def test_stay_signed_in(app: Flask, login_as: LoginAs) -> None:
    client = login_as(Role.MANAGER)
    token = csrf_token(client.get("/me").get_data(as_text=True))
    age_sessions(app, 30)
    answer = client.post("/session", headers={"X-CSRFToken": token, "X-Requested-With": "fetch"})
    times = answer.get_json()
    assert (times["seconds_left"], times["idle_left"]) == (1800, 1800)
    assert 43_100 < times["whole_left"] <= 43_200
    assert idle_seconds(app) < 5


def test_a_request_asks_who_it_is_in_one_query(app: Flask, login_as: LoginAs, places: dict[str, int]) -> None:
    client = login_as(Role.AGENT, [places["khushab"], places["mc-9"]])
    client.get("/home")
    with recorded_queries(app) as statements:
        page = client.get("/home").get_data(as_text=True)
    assert len(statements) == 1
    assert "Khushab" in page
    assert "MC-9 Clocktower" in page


# --- forms -------------------------------------------------------------------------------------------------------


def test_every_post_needs_its_token(app: Flask, login_as: LoginAs) -> None:
    client = login_as(Role.MANAGER)
    for path in ("/logout", "/preferences", "/session"):
        answer = client.post(path, data={"theme": "dark"})
        assert answer.status_code == 400, path
        assert "does not come from this site" in answer.get_data(as_text=True)
    assert client.get("/me").status_code == 200, "still signed in"
    assert client.post("/session", headers={"Accept": "application/json"}).get_json()["error"] == "csrf"


def test_a_token_of_another_session_or_an_old_one_is_refused(app: Flask, login_as: LoginAs) -> None:
    mine, theirs = login_as(Role.MANAGER), login_as(Role.MANAGER)
    token = csrf_token(theirs.get("/me").get_data(as_text=True))
    mine.get("/me")
    assert mine.post("/preferences", data={"theme": "dark", "csrf_token": token}).status_code == 400
    with mine.session_transaction() as cookie:
        raw = cookie["csrf_token"]
    signer = URLSafeTimedSerializer(app.secret_key or "", salt="wtf-csrf-token")
    fresh = signer.dumps(raw)
    assert mine.post("/preferences", data={"theme": "dark", "csrf_token": fresh}).status_code == 303

    class Yesterday(URLSafeTimedSerializer):
        def make_signer(self, salt=None):  # type: ignore[no-untyped-def]
            made = super().make_signer(salt)
            made.get_timestamp = lambda: int(time.time()) - 86_400
            return made

    old = Yesterday(app.secret_key or "", salt="wtf-csrf-token").dumps(raw)
    assert mine.post("/preferences", data={"theme": "light", "csrf_token": old}).status_code == 400
    assert execute(app, "SELECT theme FROM staff WHERE theme <> 'system'") == [("dark",)]


def test_what_was_typed_survives_an_old_form_of_our_own_only(login_as: LoginAs) -> None:
    client = login_as(Role.MANAGER)
    form = {"theme": "dark", "note": "<b>typed</b>", "password": "secret words", "csrf_token": "old"}
    own = client.post(
        "/preferences", data=form, headers={"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    )
    html = own.get_data(as_text=True)
    assert own.status_code == 400
    assert "Send it again" in html
    assert "&lt;b&gt;typed&lt;/b&gt;" in html
    assert "secret words" not in html
    assert client.post("/preferences", data={"theme": "dark", "csrf_token": csrf_token(html)}).status_code == 303
    for headers in ({}, {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        answer = client.post("/preferences", data=form, headers=headers)
        assert answer.status_code == 400
        assert "typed&lt;" not in answer.get_data(as_text=True)


def test_an_old_login_form_says_so(client: FlaskClient) -> None:
    answer = client.post("/login", data={"username": "somebody", "password": "x", "next": "/me", "csrf_token": "old"})
    html = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert 'href="/login?next=/me"' in html


def test_preferences_are_remembered_on_the_account(app: Flask) -> None:
    name = add_staff(app, Role.AGENT)
    first, second = sign_in(app.test_client(), name), sign_in(app.test_client(), name)
    form = {"csrf_token": csrf_token(first.get("/me").get_data(as_text=True)), "language": "ur", "theme": "light"}
    first.post("/preferences", data=form)
    html = second.get("/me").get_data(as_text=True)
    assert '<html lang="ur" dir="rtl" data-theme="light"' in html
    assert "پنجاب" in html


@pytest.mark.parametrize("role", list(Role))
def test_home_is_that_of_the_role(login_as: LoginAs, role: Role) -> None:
    client = login_as(role)
    expected = {Role.AGENT: "/assigned", Role.SUPERVISOR: "/home"}.get(role, "/dash/overview/")
    assert client.get("/").location == expected
    assert client.get("/home").status_code == 200

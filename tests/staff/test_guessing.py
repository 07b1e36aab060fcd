"""Guessing: slowed by account and by address, without shutting out whoever has the account."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.db import side_transaction, transaction
from portal.permissions import Role
from portal.staff import devices, service, signin
from portal.staff.models import Staff
from tests.staff.helpers import PASSWORD, attempt, audit, execute, send, words
from tests.support.people import add_staff, csrf_token, sign_in
from tests.support.places import small_tree


@pytest.fixture(autouse=True)
def _places(app: Flask) -> None:
    small_tree(app)


def spend(app: Flask, name: str, failures: int = signin.FREE_FAILURES_ACCOUNT + 4) -> None:
    """Somebody elsewhere has guessed at an account."""
    execute(
        app,
        "INSERT INTO login_attempts (username, address, succeeded)"
        " SELECT :name, '203.0.113.9', false FROM generate_series(1, :n)",
        name=name,
        n=failures,
    )


def test_guessing_one_account_is_slowed(app: Flask, client: FlaskClient) -> None:
    name = add_staff(app, Role.AGENT)
    for _number in range(signin.FREE_FAILURES_ACCOUNT):
        assert attempt(client, name, "wrong password").status_code == 401
    answer = attempt(client, name, PASSWORD)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 2
    assert attempt(client, add_staff(app, Role.AGENT, username="colleague"), PASSWORD).status_code == 303
    execute(app, "UPDATE login_attempts SET at = at - interval '3 seconds'")
    assert attempt(app.test_client(), name, PASSWORD).status_code == 303
    assert attempt(app.test_client(), name, "wrong password").status_code == 401, "a success starts the count anew"


def test_waits_grow_to_a_limit() -> None:
    waits = [signin.wait_after(failures) for failures in range(40)]
    assert waits[:8] == [0, 0, 0, 0, 0, 2, 4, 8]
    assert waits == sorted(waits)
    assert waits[-1] == signin.MAX_WAIT_SECONDS


def test_guessing_many_accounts_from_one_address_is_slowed(app: Flask, client: FlaskClient) -> None:
    execute(
        app,
        "INSERT INTO login_attempts (username, address, succeeded)"
        " SELECT 'user' || n, '127.0.0.1', false FROM generate_series(1, :n) AS n",
        n=signin.FREE_FAILURES_ADDRESS,
    )
    assert attempt(client, "another", "wrong password").status_code == 429
    execute(app, "UPDATE login_attempts SET at = at - interval '16 minutes'")
    assert attempt(client, "another", "wrong password").status_code == 401


def test_many_guesses_at_once_are_all_counted(app: Flask) -> None:
    allowed: list[bool] = []

    def guess() -> None:
        with app.app_context():
            with side_transaction() as connection:
                attempt_id, _wait = signin.begin_attempt(connection, "victim", "127.0.0.1")
            allowed.append(attempt_id is not None)

    threads = [threading.Thread(target=guess) for _ in range(14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == signin.FREE_FAILURES_ACCOUNT
    assert len(allowed) == 14


# --- known devices -------------------------------------------------------------------------------------------------


def test_guessing_from_elsewhere_does_not_lock_anybody_out_of_his_own_device(app: Flask) -> None:
    name = add_staff(app, Role.AGENT)
    own = sign_in(app.test_client(), name)
    send(own, "/logout", page="/me")
    spend(app, name)
    execute(
        app,
        "INSERT INTO login_attempts (username, address, succeeded)"
        " SELECT 'x' || n, '127.0.0.1', false FROM generate_series(1, :n) AS n",
        n=signin.FREE_FAILURES_ADDRESS,
    )
    assert attempt(app.test_client(), name, PASSWORD).status_code == 429, "a stranger waits"
    assert attempt(own, name, PASSWORD).status_code == 303
    assert attempt(app.test_client(), name, PASSWORD).status_code == 429, "his success frees no guesses"
    assert execute(app, "SELECT known_device FROM login_attempts WHERE succeeded ORDER BY id") == [(False,), (True,)]


def test_a_known_device_is_slowed_too(app: Flask) -> None:
    name = add_staff(app, Role.AGENT)
    own = sign_in(app.test_client(), name)
    send(own, "/logout", page="/me")
    codes = [attempt(own, name, "wrong password").status_code for _number in range(6)]
    assert codes == [401] * 5 + [429]
    assert attempt(app.test_client(), name, PASSWORD).status_code == 303, "and slows nobody else"


def test_a_device_is_known_for_its_own_people_and_password(app: Flask) -> None:
    victim, colleague = add_staff(app, Role.AGENT), add_staff(app, Role.AGENT)
    shared = sign_in(app.test_client(), colleague)
    send(shared, "/logout", page="/me")
    spend(app, victim)
    assert attempt(shared, victim, PASSWORD).status_code == 429, "signing in as oneself gives no guesses at another"
    with app.app_context(), transaction() as db_session:
        service.set_password(db_session, colleague, "another good one", cost=4)
    spend(app, colleague)
    assert attempt(shared, colleague, "another good one").status_code == 429, "of before the password was changed"


@pytest.mark.parametrize("forged", ["", "rubbish", "WzFd.aaaa.bbbb", "x" * 3000])
def test_a_forged_device_cookie_is_no_device(app: Flask, client: FlaskClient, forged: str) -> None:
    name = add_staff(app, Role.AGENT)
    spend(app, name)
    client.set_cookie("portal_device", forged)
    assert attempt(client, name, PASSWORD).status_code == 429


def test_the_device_cookie_keeps_ten_people_and_ends(app: Flask) -> None:
    cookie: str | None = None
    for staff_id in range(1, 13):
        cookie = devices.remembering(cookie, "key", staff_id, 7)
    assert cookie is not None
    assert len(cookie) < 1000
    known = [staff_id for staff_id in range(1, 13) if devices.is_known(cookie, "key", staff_id, 7)]
    assert known == list(range(3, 13))
    assert not devices.is_known(cookie, "other key", 12, 7)
    assert not devices.is_known(cookie, "key", 12, 8)


def test_the_device_cookie_is_protected(app: Flask, client: FlaskClient) -> None:
    answer = attempt(client, add_staff(app, Role.AGENT), PASSWORD)
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("portal_device="))
    for part in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=15552000"):
        assert f"; {part}" in cookie
    assert "Domain" not in cookie


# --- administrators, the log ---------------------------------------------------------------------------------------


def test_an_administrator_ends_the_wait(app: Flask, client: FlaskClient) -> None:
    name = add_staff(app, Role.AGENT)
    spend(app, name)
    with app.app_context(), transaction() as db_session:
        assert signin.seconds_to_wait(db_session, name) > 0
        staff = db_session.query(Staff).filter_by(username=name).one()
        assert service.unlock(db_session, staff) == 9
        assert signin.seconds_to_wait(db_session, name) == 0
    assert attempt(client, name, PASSWORD).status_code == 303


def test_failures_are_noted_without_what_was_typed(app: Flask, client: FlaskClient) -> None:
    name = add_staff(app, Role.AGENT)
    attempt(client, "my secret pass", "wrong password")
    attempt(client, name, "wrong password")
    lines = audit(app, "staff.sign_in_failed")
    staff_id = execute(app, "SELECT id FROM staff")[0][0]
    assert [(line["actor"], line["entity_id"], line["address"]) for line in lines] == [
        ("anonymous", "", "127.0.0.1"),
        ("anonymous", str(staff_id), "127.0.0.1"),
    ]
    kept = str(execute(app, "SELECT * FROM login_attempts")) + str(execute(app, "SELECT * FROM audit_log"))
    assert "my secret pass" not in kept
    assert "wrong password" not in kept


def test_many_requests_from_one_address_are_refused(app: Flask, client: FlaskClient) -> None:
    form = {"csrf_token": csrf_token(words(client.get("/login")))}
    codes = [client.post("/login", data=form).status_code for _number in range(301)]
    assert codes == [422] * 300 + [429]
    assert "Too many requests" in words(client.post("/login", data=form))


def test_a_name_nobody_has_is_slowed_like_one_that_somebody_has(app: Flask, client: FlaskClient) -> None:
    add_staff(app, Role.AGENT, username="somebody")
    for name in ("somebody", "nobody"):
        codes = [attempt(client, name, "wrong password").status_code for _number in range(6)]
        assert codes == [401] * 5 + [429], name

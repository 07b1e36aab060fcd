"""The second factor: setting it up, giving it, losing it, being made to have it."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator

import pyotp
import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from portal.db import transaction
from portal.permissions import Role
from portal.staff import second_factor as factor
from tests.staff.helpers import (
    PASSWORD,
    age_sessions,
    attempt,
    audit,
    begun,
    codes_in,
    enrol,
    execute,
    sealed_in,
    send,
    words,
)
from tests.support.people import add_staff, csrf_token, sign_in
from tests.support.places import small_tree

LoginAs = Callable[..., FlaskClient]
KEY = "a-secret-key-for-tests-only-0123456789"


@pytest.fixture(autouse=True)
def _places(app: Flask) -> None:
    small_tree(app)


@pytest.fixture
def required(app: Flask) -> Iterator[None]:
    """Managers and heads need a second factor."""
    before = app.extensions["settings"]
    app.extensions["settings"] = dataclasses.replace(before, second_factor_roles=("MANAGER", "HEAD"))
    yield
    app.extensions["settings"] = before


def step_on(app: Flask) -> None:
    """As if the code used last were an old one: tests do not wait for half a minute."""
    execute(app, "UPDATE staff SET totp_last_step = 0 WHERE totp_secret IS NOT NULL")


def enrolled(app: Flask, role: Role = Role.MANAGER) -> tuple[str, str, list[str]]:
    """A person with a second factor: user name, secret, recovery codes."""
    name = add_staff(app, role)
    secret, codes = enrol(sign_in(app.test_client(), name))
    return name, secret, codes


def test_password_alone_opens_nothing(app: Flask, client: FlaskClient) -> None:
    name, secret, _codes = enrolled(app)
    answer = attempt(client, name, PASSWORD, "/me?tab=2")
    assert answer.location == "/second-factor?next=/me?tab%3D2"
    for path in ("/me", "/units/", "/dash/overview/", "/me/password", "/me/second-factor"):
        answer = client.get(path)
        assert answer.status_code == 303, path
        assert answer.location.startswith("/second-factor"), path
    data = client.get("/session", headers={"Accept": "application/json"})
    assert (data.status_code, data.get_json()["error"]) == (403, "step_first")
    assert client.get("/login").location.startswith("/second-factor")
    assert "data-idle-seconds" not in words(client.get("/second-factor")), "no menu, no person"
    half = client.get_cookie("portal_session")
    assert half
    assert client.get_cookie("portal_device") is None
    step_on(app)
    done = send(client, "/second-factor", code=pyotp.TOTP(secret).now(), next="/me?tab=2")
    assert (done.status_code, done.location) == (303, "/me?tab=2")
    assert client.get("/me").status_code == 200
    thief = app.test_client()  # the token of before is worthless
    thief.set_cookie("portal_session", half.value)
    assert thief.get("/me").location.startswith("/login")
    assert audit(app, "staff.sign_in")[-1]["after"] == {"second_factor": "totp"}


def test_a_half_open_session_changes_nothing_and_may_sign_out(app: Flask, client: FlaskClient) -> None:
    name, _secret, _codes = enrolled(app)
    attempt(client, name, PASSWORD)
    page = words(client.get("/second-factor"))
    client.post("/preferences", data={"csrf_token": csrf_token(page), "language": "ur"})
    assert execute(app, "SELECT language FROM staff") == [("en",)]
    assert 'lang="ur"' in words(client.get("/second-factor")), "in this browser alone"
    assert send(client, "/logout", page="/second-factor").status_code == 303
    assert client.get("/second-factor").location.startswith("/login")


def test_a_half_open_session_ends_after_ten_minutes(app: Flask, client: FlaskClient) -> None:
    name, _secret, _codes = enrolled(app)
    attempt(client, name, PASSWORD)
    begun(app, 9.9 * 60)
    assert client.get("/second-factor").status_code == 200
    begun(app, 10.1 * 60)
    assert client.get("/second-factor").location.startswith("/login")


def test_wrong_codes_are_slowed_and_noted(app: Flask, client: FlaskClient) -> None:
    name, secret, _codes = enrolled(app)
    step_on(app)
    attempt(client, name, PASSWORD)
    for wrong in ("000000", "abcdef", "١٢٣٤٥٦", "0" * 40, "12345"):
        if wrong != pyotp.TOTP(secret).now():
            assert send(client, "/second-factor", code=wrong).status_code == 401, wrong
    answer = send(client, "/second-factor", code=pyotp.TOTP(secret).now())
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) <= 2
    assert len(audit(app, "staff.second_factor_failed")) == 5
    with app.app_context(), transaction() as db_session:
        from portal.staff import service
        from portal.staff.models import Staff

        assert service.unlock(db_session, db_session.query(Staff).one()) == 5
    assert send(client, "/second-factor", code=pyotp.TOTP(secret).now()).status_code == 303


def test_a_code_works_once(app: Flask) -> None:
    name, secret, _codes = enrolled(app)
    step_on(app)
    code = pyotp.TOTP(secret).now()
    first, second = app.test_client(), app.test_client()
    for browser in (first, second):
        attempt(browser, name, PASSWORD)
    assert send(first, "/second-factor", code=code).status_code == 303
    replayed = send(second, "/second-factor", code=code)
    assert replayed.status_code == 401
    assert "was used before" in words(replayed)


def test_of_two_who_give_the_same_code_at_once_one_gets_in(app: Flask) -> None:
    name, secret, codes = enrolled(app)
    step_on(app)
    for code in (pyotp.TOTP(secret).now(), codes[0]):
        given: list[str | None] = []

        def use(code: str = code, given: list[str | None] = given) -> None:
            with app.app_context(), transaction() as db_session:
                staff_id = db_session.execute(factor.select(factor.Staff.id)).scalar_one()
                given.append(factor.use_code(db_session, staff_id, code, KEY))

        threads = [threading.Thread(target=use) for _number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(str, given)) == sorted(["None"] * 4 + [next(str(one) for one in given if one)])
    assert name


def test_a_recovery_code_stands_in_once(app: Flask, client: FlaskClient) -> None:
    name, _secret, codes = enrolled(app)
    attempt(client, name, PASSWORD)
    typed = f" {codes[3].lower().replace('-', ' ')} "
    done = send(client, "/second-factor", code=typed)
    assert done.status_code == 303
    assert "9 are left" in words(client.get("/home"))
    other = app.test_client()
    attempt(other, name, PASSWORD)
    assert send(other, "/second-factor", code=codes[3]).status_code == 401
    assert audit(app, "staff.sign_in")[-1]["after"] == {"second_factor": "recovery"}
    assert not any(codes[3].replace("-", "") in str(row) for row in execute(app, "SELECT * FROM recovery_codes"))


def test_codes_of_one_person_are_nothing_to_another(app: Flask, client: FlaskClient) -> None:
    _name, secret, codes = enrolled(app)
    other, _other_secret, _other_codes = enrolled(app)
    step_on(app)
    attempt(client, other, PASSWORD)
    assert send(client, "/second-factor", code=codes[0]).status_code == 401
    assert send(client, "/second-factor", code=pyotp.TOTP(secret).now()).status_code == 401


def test_the_secret_is_sealed_at_rest(app: Flask) -> None:
    _name, secret, _codes = enrolled(app)
    stored = execute(app, "SELECT totp_secret FROM staff")[0][0]
    assert secret not in stored
    execute(app, "UPDATE staff SET totp_secret = :s", s=Fernet(Fernet.generate_key()).encrypt(b"other").decode())
    with app.app_context(), transaction() as db_session:  # another SECRET_KEY: a refusal, no failure
        staff_id = db_session.execute(factor.select(factor.Staff.id)).scalar_one()
        assert factor.use_code(db_session, staff_id, pyotp.TOTP(secret).now(), KEY) is None


# --- setting up ----------------------------------------------------------------------------------------------------


def test_setting_up_needs_a_right_code_and_ends_other_sessions(app: Flask) -> None:
    name = add_staff(app, Role.ADMIN)
    elsewhere, client = sign_in(app.test_client(), name), sign_in(app.test_client(), name)
    html = words(client.get("/me/second-factor"))
    assert "<svg" in html
    form = {"csrf_token": csrf_token(html), "sealed": sealed_in(html)}
    wrong = client.post("/me/second-factor", data={**form, "code": "123"})
    assert wrong.status_code == 422
    assert sealed_in(words(wrong)) == form["sealed"], "the QR code that was scanned stays"
    assert execute(app, "SELECT totp_secret FROM staff") == [(None,)]
    enrol(client)
    assert client.get("/me").status_code == 200
    assert elsewhere.get("/me").status_code == 303
    assert not codes_in(words(client.get("/me/second-factor"))), "shown once"
    assert len(audit(app, "staff.second_factor_on")) == 1


def test_a_secret_of_another_person_or_an_old_page_is_refused(app: Flask, login_as: LoginAs) -> None:
    mine, theirs = login_as(Role.ADMIN), login_as(Role.ADMIN)
    sealed = sealed_in(words(theirs.get("/me/second-factor")))
    answer = send(mine, "/me/second-factor", sealed=sealed, code="123456")
    assert answer.status_code == 422
    assert "open too long" in words(answer)
    box = factor._box(KEY)
    old = box.encrypt_at_time(b"1:JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", int(time.time()) - 16 * 60).decode()
    for text in (old, "rubbish", "", "x" * 5000):
        answer = send(mine, "/me/second-factor", sealed=text, code=pyotp.TOTP("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").now())
        assert answer.status_code == 422


def test_an_older_session_gives_the_password_again(app: Flask, login_as: LoginAs) -> None:
    client = login_as(Role.ADMIN)
    assert 'name="password"' not in words(client.get("/me/second-factor"))
    begun(app, 3600)
    html = words(client.get("/me/second-factor"))
    assert 'name="password"' in html
    found = html.split('class="secret" dir="ltr">')[1].split("<")[0].replace(" ", "")
    form = {"csrf_token": csrf_token(html), "sealed": sealed_in(html), "code": pyotp.TOTP(found).now()}
    assert client.post("/me/second-factor", data={**form, "password": "wrong password"}).status_code == 422
    assert execute(app, "SELECT totp_secret FROM staff") == [(None,)]
    assert client.post("/me/second-factor", data={**form, "password": PASSWORD}).status_code == 200


def test_another_second_factor_needs_the_password_however_fresh_the_session(app: Flask) -> None:
    client = sign_in(app.test_client(), add_staff(app, Role.ADMIN))
    enrol(client)
    before = execute(app, "SELECT totp_secret FROM staff")
    html = words(client.get("/me/second-factor?replace=1"))
    assert 'name="password"' in html
    secret = html.split('class="secret" dir="ltr">')[1].split("<")[0].replace(" ", "")
    form = {"csrf_token": csrf_token(html), "sealed": sealed_in(html), "code": pyotp.TOTP(secret).now()}
    for typed in ({}, {"password": ""}, {"password": "wrong password"}):
        refused = client.post("/me/second-factor?replace=1", data={**form, **typed})
        assert refused.status_code == 422, typed
        assert sealed_in(words(refused)) == form["sealed"], "the QR code that was scanned stays"
    assert client.post("/me/second-factor", data=form).status_code == 422, "by whatever address"
    assert execute(app, "SELECT totp_secret FROM staff") == before
    done = client.post("/me/second-factor?replace=1", data={**form, "password": PASSWORD})
    assert len(codes_in(words(done))) == 10
    assert execute(app, "SELECT totp_secret FROM staff") != before
    assert len(audit(app, "staff.second_factor_replaced")) == 1


def test_new_codes_and_switching_off_need_the_password(app: Flask) -> None:
    name = add_staff(app, Role.ADMIN)
    client = sign_in(app.test_client(), name)
    _secret, codes = enrol(client)
    for path in ("/me/second-factor/codes", "/me/second-factor/remove"):
        assert send(client, path, page="/me/second-factor", password="wrong").status_code == 422, path
    fresh = codes_in(words(send(client, "/me/second-factor/codes", page="/me/second-factor", password=PASSWORD)))
    assert len(fresh) == 10
    assert not set(fresh) & set(codes)
    assert send(client, "/me/second-factor/remove", page="/me/second-factor", password=PASSWORD).status_code == 303
    assert execute(app, "SELECT totp_secret, totp_confirmed_at FROM staff") == [(None, None)]
    assert execute(app, "SELECT count(*) FROM recovery_codes") == [(0,)]
    assert len(audit(app, "staff.second_factor_off")) == 1
    assert attempt(app.test_client(), name, PASSWORD).location == "/"


# --- required by role ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("required")
def test_a_role_that_needs_it_sets_it_up_before_anything_else(app: Flask, login_as: LoginAs) -> None:
    client = login_as(Role.MANAGER)
    for path in ("/", "/me", "/units/", "/dash/overview/", "/me/password"):
        assert client.get(path).location.startswith("/me/second-factor"), path
    assert client.get("/session", headers={"Accept": "application/json"}).status_code == 403
    enrol(client)
    assert client.get("/me").status_code == 200
    assert login_as(Role.AGENT).get("/me").status_code == 200
    removed = send(client, "/me/second-factor/remove", page="/me/second-factor", password=PASSWORD)
    assert removed.status_code == 422
    assert "replace it, not remove it" in words(removed)
    html = words(client.get("/me/second-factor?replace=1"))
    assert "<svg" in html
    age_sessions(app, 0)


# --- steps of time -------------------------------------------------------------------------------------------------


@given(now=st.integers(10**9, 4 * 10**9), offset=st.integers(-4, 4), behind=st.integers(0, 5))
def test_a_code_is_taken_around_its_time_and_after_the_last_one(now: int, offset: int, behind: int) -> None:
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    current = now // 30
    code = pyotp.TOTP(secret).generate_otp(current + offset)
    near = {pyotp.TOTP(secret).generate_otp(current + other): current + other for other in (-1, 0, 1)}
    expected = near.get(code)
    last = current - behind
    found = factor.matching_step(secret, code, last, now)
    assert found == (expected if expected is not None and expected > last else None)


def test_a_clock_set_back_shuts_nobody_out() -> None:
    secret, now = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 1_800_000_000
    code = pyotp.TOTP(secret).generate_otp(now // 30)
    last = (now + 86_400) // 30  # used while the clock was a day fast
    assert factor.matching_step(secret, code, last, now) == now // 30
    assert factor.matching_step(secret, code, now // 30, now) is None

"""A new password without the old one: mailed links, administrators' codes, invitations."""

from __future__ import annotations

import dataclasses
import logging
import re
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.db import transaction
from portal.permissions import Role
from portal.staff import tokens
from portal.staff.models import Staff
from portal.staff.reset_mail import make_message, send_reset_mail
from portal.staff.tokens import TokenKind
from tests.mail.servers import mail_server
from tests.staff.helpers import PASSWORD, attempt, audit, execute, send, words
from tests.support.people import add_staff, csrf_token, sign_in
from tests.support.places import small_tree

NEW = "seven green parrots"


@pytest.fixture(autouse=True)
def _places(app: Flask) -> None:
    small_tree(app)


@pytest.fixture(autouse=True)
def _mail(app: Flask) -> Iterator[None]:
    """A mail server is named, and the portal knows its own address."""
    before = app.extensions["settings"]
    app.extensions["settings"] = dataclasses.replace(
        before, smtp_host="127.0.0.1", smtp_from="portal@example.org", public_url="https://portal.example.org"
    )
    yield
    app.extensions["settings"] = before


def person(app: Flask, username: str = "sana", email: str | None = "sana@example.org") -> int:
    add_staff(app, Role.AGENT, username=username)
    execute(app, "UPDATE staff SET email = :email WHERE username = :username", email=email, username=username)
    return int(execute(app, "SELECT id FROM staff WHERE username = :username", username=username)[0][0])


def issue(app: Flask, staff_id: int, kind: TokenKind, minutes: int = 15) -> str:
    with app.app_context(), transaction() as db_session:
        return tokens.issue(db_session, staff_id, kind, created_by=None, minutes=minutes)


def test_asking_gives_the_same_answer_to_everybody(app: Flask, client: FlaskClient) -> None:
    known = person(app)
    person(app, "addressless", None)
    answers = []
    for typed in ("sana", "SANA@example.org", "nobody", "addressless", "' OR 1=1 --", "ｓａｎａ"):
        answer = send(client, "/forgot", name=typed)
        assert answer.status_code == 200
        answers.append(re.sub(r'value="[^"]*"|nonce-?="?[^" ]*"?|data-csrf="[^"]*"', "", words(answer)))
    assert len(set(answers)) == 1
    assert "a link is on its way" in answers[0]
    jobs = execute(app, "SELECT args FROM procrastinate_jobs WHERE task_name = 'staff.reset_mail' ORDER BY id")
    assert [job[0] for job in jobs] == [{"staff_id": n} for n in (known, known, 0, 0, 0, 0)]


def test_without_a_mail_server_only_the_code_is_offered(app: Flask, client: FlaskClient) -> None:
    app.extensions["settings"] = dataclasses.replace(app.extensions["settings"], smtp_host="")
    html = words(client.get("/forgot"))
    assert "Send me a link" not in html
    assert 'href="/reset"' in html
    token = csrf_token(html)
    assert client.post("/forgot", data={"name": "sana", "csrf_token": token}).status_code == 409
    assert execute(app, "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'staff.reset_mail'") == [(0,)]


def mailed_path(app: Flask, staff_id: int) -> str:
    with app.app_context(), transaction() as db_session:
        message = make_message(db_session, staff_id)
    assert message is not None
    assert message.to == "sana@example.org"
    found = re.search(r"https://portal\.example\.org(/reset/\S+)", message.text)
    assert found
    return found[1]


def test_the_link_of_the_mail_sets_a_password_once(app: Flask, client: FlaskClient) -> None:
    staff_id = person(app)
    elsewhere = sign_in(app.test_client(), "sana")
    path = mailed_path(app, staff_id)
    page = client.get(path)
    assert page.status_code == 200
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert 'value="sana"' in words(page)
    for bad, why in (("short", "at least 10"), ("password1234", "first that are tried"), ("Sana 2026!!", "user name")):
        refused = send(client, path, new_password=bad, repeated=bad)
        assert refused.status_code == 422
        assert why in words(refused)
    differing = send(client, path, new_password=NEW, repeated=NEW + "x")
    assert "differ" in words(differing)
    done = send(client, path, new_password=NEW, repeated=NEW)
    assert done.status_code == 303
    assert done.location.startswith("/login")
    assert "Your new password is set" in words(client.get(done.location))
    assert elsewhere.get("/me").status_code == 303, "sessions of before are ended"
    replayed = client.get(path)
    assert replayed.status_code == 410
    assert "used before" in words(replayed)
    token = csrf_token(words(client.get("/login")))
    again = client.post(path, data={"new_password": "other words entirely", "repeated": "other words entirely",
                                    "csrf_token": token})  # fmt: skip
    assert again.status_code == 410
    assert attempt(client, "sana", PASSWORD).status_code == 401
    assert attempt(client, "sana", NEW).status_code == 303
    assert audit(app, "staff.password")[-1]["after"]["how"] == "link"


@pytest.mark.parametrize("spoil", ["expired", "future", "inactive", "newer", "own change", "unknown", "other kind"])
def test_links_that_do_not_work_say_so(app: Flask, client: FlaskClient, spoil: str) -> None:
    staff_id = person(app)
    token = issue(app, staff_id, TokenKind.RESET, 30)
    if spoil == "expired":
        execute(app, "UPDATE staff_tokens SET expires_at = now() - interval '1 second'")
    elif spoil == "future":  # the clock was set back
        execute(app, "UPDATE staff_tokens SET created_at = now() + interval '1 hour'")
    elif spoil == "inactive":
        execute(app, "UPDATE staff SET is_active = false")
    elif spoil == "newer":
        issue(app, staff_id, TokenKind.RESET, 30)
    elif spoil == "own change":
        own = sign_in(app.test_client(), "sana")
        assert send(own, "/me/password", password=PASSWORD, new_password=NEW, repeated=NEW).status_code == 303
    elif spoil == "unknown":
        token = "A" * 43
    path = f"/welcome/{token}" if spoil == "other kind" else f"/reset/{token}"
    answer = client.get(path)
    assert answer.status_code == 410
    assert "This link does not work" in words(answer)
    posted = client.post(path, data={"new_password": NEW, "repeated": NEW, "csrf_token": csrf_token(
        words(client.get("/login")))})  # fmt: skip
    assert posted.status_code == 410
    expected = 303 if spoil == "own change" else 401
    assert attempt(client, "sana", NEW).status_code == expected


def test_of_two_who_use_a_link_at_once_one_gets_it(app: Flask) -> None:
    token = issue(app, person(app), TokenKind.RESET, 30)
    taken: list[bool] = []

    def take() -> None:
        with app.app_context(), transaction() as db_session:
            taken.append(tokens.take(db_session, TokenKind.RESET, token) is not None)

    threads = [threading.Thread(target=take) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 5 + [True]


def test_an_invitation_sets_the_first_password(app: Flask, client: FlaskClient) -> None:
    staff_id = person(app)
    execute(app, "UPDATE staff SET password_hash = '', must_change_password = true")
    assert attempt(client, "sana", "").status_code == 422
    assert attempt(client, "sana", PASSWORD).status_code == 401
    path = f"/welcome/{issue(app, staff_id, TokenKind.INVITE, 600)}"
    page = client.get(path)
    assert "Welcome" in words(page)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert send(client, path, new_password=NEW, repeated=NEW).status_code == 303
    assert attempt(client, "sana", NEW).location == "/", "nothing more to change"
    assert audit(app, "staff.password")[-1]["after"]["how"] == "invitation"


# --- codes ---------------------------------------------------------------------------------------------------------


def give(client: FlaskClient, code: str, username: str = "sana", password: str = NEW) -> int:
    return send(
        client, "/reset", username=username, one_time_code=code, new_password=password, repeated=password
    ).status_code


def test_a_code_sets_a_password_once(app: Flask, client: FlaskClient) -> None:
    code = issue(app, person(app), TokenKind.CODE)
    assert len(code) == 8
    assert not set(code) & set("0O1IL5S2Z8BU")
    assert code not in str(execute(app, "SELECT * FROM staff_tokens"))
    assert give(client, f" {code[:4].lower()}-{code[4:]} ", password="password1234") == 422, "costs no try"
    assert give(client, f" {code[:4].lower()}-{code[4:]} ") == 303
    assert give(client, code, password="another seven parrots") == 401
    assert attempt(client, "sana", NEW).status_code == 303
    assert audit(app, "staff.password")[-1]["after"]["how"] == "code"


def test_a_code_dies_after_a_few_wrong_tries(app: Flask, client: FlaskClient) -> None:
    code = issue(app, person(app), TokenKind.CODE)
    for _number in range(tokens.MAX_CODE_FAILURES):
        assert give(client, "AAAAAAAA") == 401
        execute(app, "UPDATE login_attempts SET at = at - interval '20 minutes'")
    assert give(client, code) == 401
    assert attempt(client, "sana", PASSWORD).status_code == 303, "the password of before still holds"


def test_guessing_codes_is_slowed(app: Flask, client: FlaskClient) -> None:
    person(app)
    assert [give(client, "AAAAAAAA") for _number in range(6)] == [401] * 5 + [429]


def test_a_code_is_its_persons_and_in_time(app: Flask, client: FlaskClient) -> None:
    code = issue(app, person(app), TokenKind.CODE)
    person(app, "bilal", None)
    assert give(client, code, username="bilal") == 401
    assert give(client, code, username="nobody") == 401
    execute(app, "UPDATE staff_tokens SET expires_at = now() - interval '1 second'")
    assert give(client, code) == 401


def test_tries_at_once_are_all_counted(app: Flask) -> None:
    issue(app, person(app), TokenKind.CODE)
    token_id = execute(app, "SELECT id FROM staff_tokens")[0][0]
    counted: list[bool] = []

    def try_it() -> None:
        with app.app_context(), transaction() as db_session:
            counted.append(tokens.begin_code_try(db_session, token_id))

    threads = [threading.Thread(target=try_it) for _number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counted) == tokens.MAX_CODE_FAILURES


# --- mail ----------------------------------------------------------------------------------------------------------


def test_nobodys_mailbox_is_flooded(app: Flask) -> None:
    staff_id = person(app)
    with app.app_context(), transaction() as db_session:
        made = [make_message(db_session, staff_id) is not None for _number in range(7)]
        assert made == [True] * 5 + [False] * 2
        assert make_message(db_session, 0) is None
        db_session.execute(select(Staff)).scalar_one().is_active = False
        assert make_message(db_session, staff_id) is None


def test_tokens_stand_in_no_log(app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    token = issue(app, person(app), TokenKind.RESET, 30)
    with caplog.at_level(logging.DEBUG):
        assert client.get(f"/reset/{token}").status_code == 200
        assert send(client, f"/reset/{token}", new_password=NEW, repeated=NEW).status_code == 303
    assert "/reset/<token>" in caplog.text
    assert token not in caplog.text
    assert NEW not in caplog.text


def test_the_job_mails_the_link_and_keeps_no_secret(app: Flask, client: FlaskClient) -> None:
    staff_id = person(app)
    execute(app, "UPDATE staff SET language = 'ur'")
    with mail_server() as inbox:
        config = app.extensions["settings"]
        app.extensions["settings"] = dataclasses.replace(config, smtp_port=inbox.port, smtp_security="none")
        with app.app_context():
            send_reset_mail(staff_id)
            send_reset_mail(0)
        inbox.refuse["RCPT"] = "451 try later"
        with app.app_context():
            send_reset_mail(staff_id)
    assert inbox.recipients == ["sana@example.org"]
    body = inbox.mails[0].get_body(("plain",))
    assert body is not None
    text = body.get_content()
    path = re.search(r"https://portal\.example\.org(/reset/\S+)", text)
    assert path
    assert client.get(path[1]).status_code == 410, "the attempt that failed has made a newer link"
    waiting = execute(app, "SELECT args FROM procrastinate_jobs WHERE task_name = 'staff.reset_mail'")
    assert waiting == [({"staff_id": staff_id, "attempt": 2},)]
    kept = str(execute(app, "SELECT * FROM mail_deliveries")) + str(execute(app, "SELECT * FROM procrastinate_jobs"))
    assert "/reset/" not in kept

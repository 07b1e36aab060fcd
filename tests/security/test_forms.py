"""Passwords, codes and the way out, as the standard asks of them: fields, what is kept, what is never asked."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.db import transaction
from portal.permissions import Role
from portal.staff import tokens
from portal.staff.tokens import CODE_ALPHABET, CODE_LENGTH, MAX_CODE_FAILURES, TokenKind
from tests.staff.helpers import attempt, enrol, execute, send, words
from tests.support.people import PASSWORD, add_staff, csrf_token, sign_in
from tests.support.places import small_tree


@pytest.fixture(autouse=True)
def _places(app: Flask) -> None:
    small_tree(app)


class Inputs(HTMLParser):
    """The fields of a page: name -> attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "input" and given.get("name"):
            self.found[given["name"]] = given


def link(app: Flask, name: str, kind: TokenKind) -> str:
    """A one-time secret of a person."""
    with app.app_context(), transaction() as session:
        return tokens.issue(session, staff_id(app, name), kind, created_by=None, minutes=10)


def staff_id(app: Flask, name: str) -> int:
    return int(execute(app, "SELECT id FROM staff WHERE username = :n", n=name)[0][0])


def test_fields_of_secrets_hide_and_name_them(app: Flask, client: FlaskClient) -> None:
    """Masked, named for password managers, nothing in the way of pasting, and no hints or questions anywhere."""
    name = add_staff(app, Role.HEAD)
    own = sign_in(app.test_client(), name)
    execute(app, "UPDATE staff_sessions SET created_at = now() - interval '1 hour'")
    pages = {
        "/login": (client, {"password": "current-password"}),
        "/reset": (client, {"new_password": "new-password", "repeated": "new-password"}),
        f"/reset/{link(app, name, TokenKind.RESET)}": (client, {"new_password": "new-password"}),
        "/me/password": (own, {"password": "current-password", "new_password": "new-password"}),
        "/me/second-factor": (own, {"password": "current-password"}),
    }
    for path, (browser, wanted) in pages.items():
        html = words(browser.get(path))
        fields = Inputs(html).found
        for field, purpose in wanted.items():
            assert fields[field]["type"] == "password", f"{path} {field}"
            assert fields[field]["autocomplete"] == purpose, f"{path} {field}"
            assert fields[field].get("value", "") == "", f"{path} {field}"
            assert int(fields[field].get("maxlength", 200)) >= 64, f"{path} {field}"
        assert not re.search(r"hint|maiden|first pet|security question", html, re.I), path
    script = words(client.get("/static/portal.js", buffered=True))
    assert "paste" not in script


def test_a_password_of_years_still_opens(app: Flask) -> None:
    name = add_staff(app, Role.AGENT)
    execute(
        app,
        "UPDATE staff SET created_at = now() - interval '5 years', password_changed_at = now() - interval '5 years'",
    )
    client = sign_in(app.test_client(), name)
    assert client.get("/me").status_code == 200


def test_a_reset_does_not_go_round_the_second_factor(app: Flask, client: FlaskClient) -> None:
    """By link and by code: the new password is set, and the code of the app is asked for as before."""
    name = add_staff(app, Role.MANAGER)
    secret, _codes = enrol(sign_in(app.test_client(), name))
    new = "violet kettle drum 93"
    done = send(client, f"/reset/{link(app, name, TokenKind.RESET)}", new_password=new, repeated=new)
    assert done.status_code == 303
    assert client.get("/me").status_code == 303, "the link itself opens no session"
    answer = attempt(client, name, new)
    assert (answer.location or "").startswith("/second-factor")
    assert (client.get("/me").location or "").startswith("/second-factor")
    execute(app, "UPDATE staff SET totp_last_step = 0")
    assert send(client, "/second-factor", code=pyotp.TOTP(secret).now()).status_code == 303
    assert client.get("/me").status_code == 200
    newer, code = "amber ladder moth 58", link(app, name, TokenKind.CODE)
    other = app.test_client()
    form = {"username": name, "one_time_code": code, "new_password": newer, "repeated": newer}
    assert send(other, "/reset", **form).status_code == 303
    assert (attempt(other, name, newer).location or "").startswith("/second-factor")


def test_what_the_tables_keep_of_secrets(app: Flask) -> None:
    """Hashes only; long random ones by a digest, short ones slowly or by a key that is not in the database."""
    name = add_staff(app, Role.MANAGER)
    client = sign_in(app.test_client(), name)
    with client.session_transaction() as cookie:
        token = cookie["_user_id"]
    _secret, codes = enrol(client)
    reset, code = link(app, name, TokenKind.RESET), link(app, name, TokenKind.CODE)
    for long in (token, reset):
        assert len(long) >= 43, "256 bits"
    dump = str(
        [
            execute(app, f"SELECT * FROM {table}")
            for table in ("staff", "staff_sessions", "staff_tokens", "recovery_codes")
        ]
    )
    for plain in (token, reset, code, PASSWORD, *codes, *(one.replace("-", "") for one in codes)):
        assert plain not in dump
    hashes = {row[0]: row[1] for row in execute(app, "SELECT kind, token_hash FROM staff_tokens WHERE used_at IS NULL")}
    assert re.fullmatch(r"[0-9a-f]{64}", hashes["RESET"])
    assert hashes["CODE"].startswith("$2b$")
    assert math.log2(len(CODE_ALPHABET)) * CODE_LENGTH >= 36
    assert math.log2(len(CODE_ALPHABET)) * len(codes[0].replace("-", "")) >= 45
    assert 2 ** (math.log2(len(CODE_ALPHABET)) * CODE_LENGTH) / MAX_CODE_FAILURES > 1e9


@pytest.mark.parametrize("role", [Role.AGENT, Role.HEAD])
def test_every_page_can_be_left(app: Flask, role: Role) -> None:
    """Signing out stands on every page of a signed-in person, dashboards and error pages too."""
    client = sign_in(app.test_client(), add_staff(app, role))
    for path in (
        "/me",
        "/units/",
        "/accounts/",
        "/search",
        "/nothing",
        "/dash/overview/",
        "/dash/reports/bill-register",
    ):
        html = words(client.get(path))
        assert 'action="/logout"' in html, path
        assert csrf_token(html)


def test_asking_for_a_reset_tells_nobody_who_has_an_account(app: Flask, client: FlaskClient) -> None:
    name = add_staff(app, Role.HEAD)
    answers = [send(client, "/forgot", name=one) for one in (name, "nobody-at-all", "nobody@nowhere.example")]
    assert len({answer.status_code for answer in answers}) == 1
    assert len({re.sub(r'value="[^"]*"|nonce="[^"]*"|data-csrf="[^"]*"', "", words(answer)) for answer in answers}) == 1

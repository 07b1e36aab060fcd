"""What the tests of signing in share."""

from __future__ import annotations

import re
from typing import Any

import pyotp
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from portal.db import transaction
from tests.support.people import PASSWORD, csrf_token

_SECRET = re.compile(r'<code class="secret"[^>]*>([A-Z2-7 ]+)</code>')
_CODES = re.compile(r"<li><code>([A-Z0-9-]+)</code></li>")


def execute(app: Flask, statement: str, **values: object) -> list[tuple[Any, ...]]:
    with app.app_context(), transaction() as db_session:
        result = db_session.execute(text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else []


def attempt(client: FlaskClient, username: str, password: str, next_path: str = "") -> TestResponse:
    """An attempt to sign in, through the form."""
    token = csrf_token(client.get("/login?again=1").get_data(as_text=True))
    form = {"username": username, "password": password, "next": next_path, "csrf_token": token}
    return client.post("/login", data=form)


def send(client: FlaskClient, path: str, page: str | None = None, **form: str) -> TestResponse:
    """Send a form with the CSRF token of its page."""
    token = csrf_token(client.get(page or path).get_data(as_text=True))
    return client.post(path, data={**form, "csrf_token": token})


def audit(app: Flask, action: str) -> list[dict[str, Any]]:
    """The audit lines of an action, oldest first."""
    columns = ("actor", "staff_id", "entity_id", "address", "reason", "after")
    rows = execute(app, f"SELECT {', '.join(columns)} FROM audit_log WHERE action = :action ORDER BY id", action=action)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def words(answer: TestResponse) -> str:
    return answer.get_data(as_text=True)


def age_sessions(app: Flask, seconds: float) -> None:
    """As if the latest activity had been so long ago."""
    execute(app, "UPDATE staff_sessions SET last_seen_at = now() - make_interval(secs => :s)", s=seconds)


def begun(app: Flask, seconds: float) -> None:
    """As if every session had begun so long ago."""
    execute(app, "UPDATE staff_sessions SET created_at = now() - make_interval(secs => :s)", s=seconds)


def enrol(client: FlaskClient, **more: str) -> tuple[str, list[str]]:
    """Set up the second factor; its secret and the recovery codes."""
    html = words(client.get("/me/second-factor"))
    secret = _secret_in(html)
    form = {"csrf_token": csrf_token(html), "sealed": sealed_in(html), "code": pyotp.TOTP(secret).now(), **more}
    done = client.post("/me/second-factor", data=form)
    assert done.status_code == 200, words(done)
    codes = _CODES.findall(words(done))
    assert len(codes) == 10
    return secret, codes


def sealed_in(html: str) -> str:
    found = re.search(r'name="sealed"[^>]*value="([^"]+)"', html)
    assert found
    return found[1]


def _secret_in(html: str) -> str:
    found = _SECRET.search(html)
    assert found, "the page shows no secret"
    return found[1].replace(" ", "")


def codes_in(html: str) -> list[str]:
    return _CODES.findall(html)


__all__ = ["PASSWORD", "age_sessions", "attempt", "audit", "begun", "codes_in", "enrol", "execute", "send", "words"]

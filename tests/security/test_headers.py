"""What every answer carries, on every page there is and on every error page."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.config import Settings
from portal.factory import create_app
from portal.permissions import Permission, Role, require
from portal.web.guard import permission_of
from tests.support.people import PASSWORD, add_staff, csrf_token, sign_in
from tests.support.places import small_tree
from tests.test_access import World, all_rules, call, world

__all__ = ["world"]

ERRORS = (400, 403, 404, 405, 409, 413, 422, 429, 500, 503)
TLS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}


class _Handlers(HTMLParser):
    """Collects attributes that run something: `onclick=...`, `href="javascript:..."`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith(
                ("javascript:", "data:text", "vbscript:")
            ):
                self.found.append(f"<{tag} {name}={value}>")


def handlers(html: str) -> list[str]:
    """What in a page would run without a script element."""
    parser = _Handlers()
    parser.feed(html)
    return parser.found


def test_what_runs_is_found() -> None:
    assert handlers('<a onclick="x()">') and handlers('<a href=" JavaScript:x()">')
    assert handlers('<p title=" onclick=x()">&lt;a onclick="x()"&gt;</p>') == []


def policy_of(answer: TestResponse) -> dict[str, str]:
    parts = [part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")]
    return {part[0]: part[1] if len(part) > 1 else "" for part in parts}


def check(answer: TestResponse, what: str) -> None:
    """The headers of an answer, and of a page that nothing in it needs more than the policy gives."""
    policy = policy_of(answer)
    nonce = re.fullmatch(r"'self' 'nonce-([\w-]{20,})'", policy["script-src"])
    assert nonce, what
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'", what
    assert policy["default-src"] == policy["form-action"] == policy["connect-src"] == "'self'", what
    assert "unsafe-eval" not in str(policy) and "*" not in str(policy), what
    assert answer.headers["X-Frame-Options"] == "DENY", what
    assert answer.headers["X-Content-Type-Options"] == "nosniff", what
    assert answer.headers["Referrer-Policy"] in {"same-origin", "no-referrer"}, what
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin", what
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin", what
    assert "Access-Control-Allow-Origin" not in answer.headers, what
    assert "X-Powered-By" not in answer.headers, what
    if answer.data and answer.mimetype.startswith("text/"):
        assert "charset=utf-8" in answer.headers["Content-Type"].lower(), what
    if answer.mimetype == "text/html":
        html = answer.get_data(as_text=True)
        tags = re.findall(r"<script\b[^>]*>", html)
        loose = [tag for tag in tags if f'nonce="{nonce[1]}"' not in tag and 'type="application/json"' not in tag]
        assert loose == [], what
        assert handlers(html) == [], what


@pytest.mark.parametrize("who", [None, Role.AGENT, Role.HEAD], ids=["nobody", "AGENT", "HEAD"])
def test_every_answer_of_every_rule(world: World, who: Role | None) -> None:
    pages = 0
    for rule, method in all_rules(world.app):
        if method != "GET":
            continue
        answer = call(world, who, rule, method, world.inside)
        check(answer, rule.rule)
        permission = permission_of(world.app, rule.endpoint)
        if permission is not Permission.PUBLIC:
            assert answer.headers["Cache-Control"] == "no-store", rule.rule
        pages += answer.mimetype == "text/html" and answer.status_code == 200
    assert pages >= (1 if who is None else 6)


@pytest.fixture(scope="module")
def failing(world: World) -> FlaskClient:
    """An application with a route for each way to fail."""
    app = create_app(world.app.extensions["settings"])
    app.testing = False

    @app.get("/fails/<int:status>")
    @require(Permission.PUBLIC)
    def fails(status: int) -> str:
        if status == 500:
            secret = "the secret reason"
            raise RuntimeError(secret)
        abort(status)

    return app.test_client()


@pytest.mark.parametrize("status", ERRORS)
def test_every_error_page(failing: FlaskClient, status: int) -> None:
    for accept in ("text/html", "application/json"):
        answer = failing.get(f"/fails/{status}", headers={"Accept": accept})
        assert answer.status_code == status
        check(answer, f"{status} {accept}")
        assert answer.headers["Cache-Control"] == "no-store"
        words = answer.get_data(as_text=True)
        for leak in ("Traceback", "the secret reason", "RuntimeError", "site-packages", "werkzeug", 'File "'):
            assert leak not in words


def test_a_host_that_is_not_ours_gets_the_headers_too(world: World) -> None:
    settings: Settings = world.app.extensions["settings"]
    answer = (
        create_app(replace(settings, trusted_hosts=("portal.example",))).test_client().get("/", base_url="http://x")
    )
    assert answer.status_code == 400
    check(answer, "host")


def test_behind_tls_cookies_are_this_hosts_alone(app: Flask) -> None:
    """Every cookie there is: the session's, language, theme; after signing in as well."""
    small_tree(app)
    settings: Settings = app.extensions["settings"]
    secure = create_app(replace(settings, behind_tls=True))
    client = secure.test_client()
    base = {"base_url": "https://portal.example", "headers": TLS | {"Referer": "https://portal.example/login"}}
    name = add_staff(app, Role.HEAD)
    page = client.get("/login", **base)
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    form = {"csrf_token": csrf_token(page.get_data(as_text=True)), "username": name, "password": PASSWORD}
    signed_in = client.post("/login", data=form, **base)
    assert signed_in.status_code == 303
    me = client.get("/me", **base)
    assert me.status_code == 200
    token = csrf_token(me.get_data(as_text=True))
    chosen = client.post("/preferences", data={"csrf_token": token, "language": "ur", "theme": "dark"}, **base)
    cookies = [c for answer in (page, signed_in, chosen) for c in answer.headers.getlist("Set-Cookie")]
    assert {c.split("=")[0] for c in cookies} >= {"__Host-portal_session", "__Host-language", "__Host-theme"}
    for cookie in cookies:
        assert cookie.startswith("__Host-"), cookie
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= attributes, cookie
        assert not any(part.startswith("domain") for part in attributes), cookie
        assert len(cookie) < 4096
    assert 'lang="ur"' in client.get("/login?x", **base, follow_redirects=True).get_data(as_text=True)


def test_without_tls_no_cookie_claims_it(client: FlaskClient) -> None:
    cookie = client.get("/login").headers["Set-Cookie"]
    assert cookie.startswith("portal_session=")
    assert "Secure" not in cookie


def test_signing_out_clears_what_the_browser_keeps(app: Flask) -> None:
    small_tree(app)
    client = sign_in(app.test_client(), add_staff(app, Role.AGENT))
    page = client.get("/me")
    assert "Clear-Site-Data" not in page.headers
    answer = client.post("/logout", data={"csrf_token": csrf_token(page.get_data(as_text=True))})
    assert answer.status_code == 303
    assert answer.headers["Clear-Site-Data"] == '"storage"'


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static",
        "/bootstrap/static/",
        "/static/../config.py",
        "/.git/config",
        "/.env",
        "/uploads/",
        "/instance/secret_key",
        "/static/%2e%2e/config.py",
        "/static/..%2fconfig.py",
        "/dash/_dash-component-suites/",
        "/server-status",
    ],
)
def test_no_folder_is_listed_and_no_file_beside_is_served(client: FlaskClient, path: str) -> None:
    answer = client.get(path, buffered=True)
    assert answer.status_code == 404, answer.status_code
    assert "Index of" not in answer.get_data(as_text=True)


def test_the_forwarded_headers_of_anybody_mean_nothing_without_tls(client: FlaskClient) -> None:
    forged = TLS | {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil", "Forwarded": "host=evil.example"}
    answer = client.get("/me", headers=forged)
    assert answer.status_code == 303
    assert answer.location == "/login?next=/me"
    assert "evil" not in str(answer.headers) + answer.get_data(as_text=True)

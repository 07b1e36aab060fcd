"""Headers, compression, caching, safe targets, errors in the product's look."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace

import brotli
import pytest
from flask import Flask, abort
from flask.testing import FlaskClient

from portal.config import Settings
from portal.factory import create_app
from portal.permissions import Permission, require
from portal.web.context import safe_next
from tests.support.places import small_tree


@pytest.mark.parametrize("path", ["/login", "/nothing", "/static/portal.css"])
def test_every_answer_carries_the_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path, buffered=True).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert re.fullmatch(r"'self' 'nonce-[\w-]{20,}'", policy["script-src"])
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["object-src"] == "'none'"
    assert policy["connect-src"] == policy["form-action"] == "'self'"
    assert "unsafe-eval" not in str(policy)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers


def test_the_nonce_is_new_each_time_and_on_every_script(client: FlaskClient) -> None:
    nonces = set()
    for _ in range(3):
        answer = client.get("/login")
        html = answer.get_data(as_text=True)
        found = re.search(r"'nonce-([\w-]+)'", answer.headers["Content-Security-Policy"])
        assert found
        nonces.add(found[1])
        scripts = re.findall(r"<script[^>]*>", html)
        assert scripts
        assert all(f'nonce="{found[1]}"' in script for script in scripts)
        assert not re.search(r"\son\w+=", html)
    assert len(nonces) == 3


def test_behind_tls(_each_app: Flask) -> None:
    settings: Settings = _each_app.extensions["settings"]
    app = create_app(replace(settings, behind_tls=True))
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "portal.example"}
    answer = app.test_client().get("/login", headers=forwarded)
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
    assert re.search(r"portal_session=.*; Secure; HttpOnly; Path=/; SameSite=Lax", answer.headers["Set-Cookie"])


def test_only_the_hosts_of_the_settings_answer(_each_app: Flask) -> None:
    settings: Settings = _each_app.extensions["settings"]
    client = create_app(replace(settings, trusted_hosts=("portal.example",))).test_client()
    assert client.get("/login", base_url="http://portal.example").status_code == 200
    assert client.get("/login", base_url="http://evil.example").status_code == 400


def test_static_files_are_cached_for_ever_and_compressed(client: FlaskClient) -> None:
    html = client.get("/login").get_data(as_text=True)
    urls = re.findall(r'(?:href|src)="((?:/bootstrap)?/static/[^"]+)"', html)
    assert len(urls) >= 4
    total = len(gzip.compress(html.encode()))
    for url in urls:
        assert "?v=" in url
        answer = client.get(url, headers={"Accept-Encoding": "gzip, br"}, buffered=True)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "Cookie" not in answer.headers.get("Vary", "")
        total += len(answer.data)
        if url.split("?")[0].endswith((".css", ".js")):
            assert answer.headers["Content-Encoding"] == "br"
            assert "Accept-Encoding" in answer.headers["Vary"]
            assert (
                brotli.decompress(answer.data)
                == client.get(url, headers={"Accept-Encoding": "identity"}, buffered=True).data
            )
    assert total < 100_000, "the first page on a phone may weigh 200 KB; the shell takes its half at most"
    assert "immutable" not in client.get("/static/portal.css", buffered=True).headers["Cache-Control"]


def test_pages_are_not_stored(client: FlaskClient) -> None:
    assert client.get("/login").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("target", "safe"),
    [
        ("/units/?q=1&area=2", True), ("/", True), ("/dash/overview/?area=3", True),
        ("//evil.example", False), ("/\\evil.example", False), ("https://evil.example", False),
        ("javascript:alert(1)", False),
        ("/a\\b", False), ("/a\nb", False), ("\t//evil.example", False), ("evil", False), ("", False), (None, False),
        ("/" + "a" * 3000, False),
    ],
)  # fmt: skip
def test_safe_next(target: str | None, safe: bool) -> None:
    assert safe_next(target) == (target if safe else None)


def test_errors_are_pages_or_json(client: FlaskClient) -> None:
    page = client.get("/nothing")
    assert page.status_code == 404
    assert "There is nothing here" in page.get_data(as_text=True)
    data = client.get("/nothing", headers={"Accept": "application/json"})
    assert data.status_code == 404
    assert data.get_json()["error"] == "not_found"
    wrong = client.delete("/login")
    assert wrong.status_code == 405
    assert "POST" in wrong.headers["Allow"]


def test_a_failure_tells_nothing_but_its_number(_each_app: Flask) -> None:
    settings: Settings = _each_app.extensions["settings"]
    app = create_app(settings)
    app.testing = False

    @app.get("/fails")
    @require(Permission.PUBLIC)
    def fails() -> str:
        raise RuntimeError("the secret reason")

    @app.get("/large")
    @require(Permission.PUBLIC)
    def large() -> str:
        abort(413)

    answer = app.test_client().get("/fails")
    html = answer.get_data(as_text=True)
    assert answer.status_code == 500
    assert "Something failed here" in html
    assert answer.headers["X-Request-Id"] in html
    assert "secret reason" not in html
    assert "The file is too large" in app.test_client().get("/large").get_data(as_text=True)


def test_a_database_that_is_away_gives_the_error_page(_each_app: Flask) -> None:
    settings: Settings = _each_app.extensions["settings"]
    app = create_app(replace(settings, database_url="postgresql+psycopg2://nobody@127.0.0.1:1/none"))
    app.testing = False
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = "a token"
    answer = client.get("/me")
    assert answer.status_code in {500, 503}
    assert "Nothing was changed" in answer.get_data(as_text=True)


def test_large_posts_are_refused(client: FlaskClient) -> None:
    answer = client.post("/login", data={"username": "x" * (3 * 1024 * 1024)})
    assert answer.status_code == 413


def test_language_and_theme_follow_the_cookie(app: Flask, client: FlaskClient) -> None:
    small_tree(app)
    page = client.get("/login").get_data(as_text=True)
    assert '<html lang="en" dir="ltr" data-theme="system"' in page
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    form = {"csrf_token": token[1], "language": "ur", "theme": "dark", "next": "/login"}
    answer = client.post("/preferences", data=form)
    assert (answer.status_code, answer.location) == (303, "/login")
    page = client.get("/login").get_data(as_text=True)
    assert '<html lang="ur" dir="rtl" data-theme="dark" data-bs-theme="dark">' in page
    assert "سائن اِن" in page
    assert client.post("/preferences", data={**form, "language": "xx"}).status_code == 422
    assert client.post("/preferences", data={**form, "next": "//evil.example"}).location == "/"


def test_a_nul_in_an_address_or_a_form_is_refused(client: FlaskClient) -> None:
    for path in ("/login?next=%00", "/login?a%00b=1", "/?q=x&q=%00"):
        assert client.get(path).status_code == 400
    assert client.get("/static/%00").status_code == 404
    assert client.post("/login", data={"anything": "a\0b"}).status_code == 400
    assert client.get("/login?next=%2500").status_code == 200

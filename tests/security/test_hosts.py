"""Under which names the portal answers, and that what somebody says in `Host` leads nowhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from portal.config import Settings
from portal.factory import create_app
from portal.web.security import trusted_hosts


@pytest.mark.parametrize(
    ("hosts", "public", "expected"),
    [
        ((), "", None),
        (("a.example", "b.example"), "", {"a.example", "b.example", "localhost", "127.0.0.1"}),
        ((), "https://portal.example:8443/x", {"portal.example", "localhost", "127.0.0.1"}),
        (("a.example",), "https://portal.example", {"a.example", "localhost", "127.0.0.1"}),
    ],
)
def test_the_names(_each_app: Flask, hosts: tuple[str, ...], public: str, expected: set[str] | None) -> None:
    settings: Settings = replace(_each_app.extensions["settings"], trusted_hosts=hosts, public_url=public)
    found = trusted_hosts(settings)
    assert (set(found) if found else None) == expected


def test_with_a_public_address_other_names_are_refused(_each_app: Flask) -> None:
    settings: Settings = _each_app.extensions["settings"]
    client = create_app(replace(settings, public_url="https://portal.example")).test_client()
    for host, status in (
        ("portal.example", 200),
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("evil.example", 400),
        ("portal.example.evil.example", 400),
        ("portal.example@evil.example", 400),
        ("", 400),
    ):
        answer = client.get("/login", headers={"Host": host})
        assert answer.status_code == status, host
        assert "evil" not in answer.get_data(as_text=True)


def test_behind_a_proxy_the_forwarded_name_is_checked_too(_each_app: Flask) -> None:
    settings: Settings = _each_app.extensions["settings"]
    app = create_app(replace(settings, behind_tls=True, public_url="https://portal.example"))
    answer = app.test_client().get("/login", headers={"Host": "portal.example", "X-Forwarded-Host": "evil.example"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/",
        "///evil.example",
        "/%2f%2fevil.example",
        "/\\evil.example",
        "//evil.example/%2e%2e",
        "/units//",
        "/https://evil.example",
        "/units?x=//evil.example",
    ],
)
def test_no_redirect_leaves_the_site(_each_app: Flask, path: str) -> None:
    client = _each_app.test_client()
    answer = client.get(path)
    for _ in range(3):
        target = answer.headers.get("Location", "")
        assert not target.startswith(("//", "/\\")), target
        assert target.startswith(("/", "http://localhost/")) or not target, target
        if not target:
            break
        answer = client.get(target)

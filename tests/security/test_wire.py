"""The real server, byte by byte: malformed, oversized and smuggled requests, and what it logs of them."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser

from portal.db import db, transaction
from portal.factory import create_app
from portal.locations.models import UNION_COUNCIL, Location
from portal.permissions import Role
from tests.support.browser import Live, running_portal
from tests.support.people import PASSWORD, add_staff, csrf_token
from tests.support.places import add_place, small_tree
from tests.support.register import MONTH, Registered, register
from tests.support.servers import Databases

pytestmark = pytest.mark.slow
EVIL = """=1+1<img src=x onerror="window.ran=1">'"></script><script>window.ran=2</script>"""
LEAKS = re.compile(r"Traceback|site-packages|File \"/", re.I)


@pytest.fixture(scope="module")
def served(databases: Databases) -> Iterator[tuple[Live, Registered, Path]]:
    """A running portal with one consumer of an evil name; its web log."""
    with running_portal(databases, "portal_wire") as live:
        settings = databases.settings("portal_wire")
        app = create_app(settings)
        tree = small_tree(app)
        with app.app_context(), transaction() as session:
            above = session.get(Location, tree["khushab/khushab"])
            assert above is not None
            thing = register(session, add_place(session, EVIL, UNION_COUNCIL, above), 1, EVIL)
        add_staff(app, Role.HEAD, username="headwire")
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        yield live, thing, settings.instance_dir / "processes.log"


def say(live: Live, raw: bytes, seconds: float = 10) -> bytes:
    """Send bytes, return what comes until the server closes or falls silent."""
    where = urlsplit(live.url)
    with socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=seconds) as line:
        answer = b""
        try:
            line.sendall(raw)
            line.settimeout(3)
            while block := line.recv(65536):
                answer += block
        except (TimeoutError, ConnectionError, BrokenPipeError):
            pass
        return answer


def status(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(found[1]) if found else 0


def request(
    path: str = "/healthz", *headers: str, method: str = "GET", version: str = "1.1", body: bytes = b""
) -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


@pytest.mark.parametrize(
    ("raw", "allowed"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, {400, 0}),
        (b"GET\r\n\r\n", {400}),
        (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", {400, 505}),
        (b"G\xe9T / HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
        (request("/" + "a" * 9000), {400, 414}),
        (request("/healthz", "X-Big: " + "a" * 20_000), {400, 431}),
        (request("/me", "Cookie: portal_session=" + "a" * 20_000), {400, 431}),
        (request("/healthz", *[f"X-{n}: a" for n in range(300)]), {400, 431}),
        (request("/healthz", "X-Bad : a"), {400}),
        (request("/healthz", "X-Bad: a\x00b"), {400}),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", {400}),
        (request("/healthz", "Content-Length: 5", "Content-Length: 6"), {400}),
        (request("/healthz", "Content-Length: -1"), {400}),
        (
            request(
                "/healthz", "Content-Length: 4", "Transfer-Encoding: chunked", method="POST", body=b"0\r\n\r\nGET /"
            ),
            {400},
        ),
        (request("/login", "Transfer-Encoding: chunked, identity", method="POST", body=b"0\r\n\r\n"), {400, 501}),
        (request("/login", "Transfer-Encoding: xchunked", method="POST", body=b"0\r\n\r\n"), {400, 501}),
        (request("/login", "Transfer-Encoding: chunked", method="POST", body=b"ZZ\r\nabc\r\n0\r\n\r\n"), {400}),
        (request("/healthz", method="TRACE"), {400, 405, 501}),
        (request("http://evil.example/healthz"), {200, 400, 404}),
        (request("/healthz\x00"), {400, 404}),
        (request("/%00"), {404}),
        (request("/login?next=%0d%0aSet-Cookie:x=y"), {200}),
    ],
)
def test_malformed_requests_end_in_a_status(
    served: tuple[Live, Registered, Path], raw: bytes, allowed: set[int]
) -> None:
    live, _thing, _log = served
    answer = say(live, raw)
    assert status(answer) in allowed, answer[:300]
    assert not LEAKS.search(answer.decode("latin-1"))
    assert b"set-cookie:x=y" not in answer.split(b"\r\n\r\n", 1)[0].lower()
    assert status(say(live, request())) == 200, "and the server goes on"


@pytest.mark.parametrize(
    "header",
    [
        "SCRIPT_NAME: /evil",
        "PATH_INFO: /login",
        "X-Script-Name: /evil",
        "X-Forwarded-Prefix: /evil",
        "X-Original-URL: /me",
        "X-Rewrite-URL: /me",
        "REMOTE_USER: head",
    ],
)
def test_no_header_moves_the_application(served: tuple[Live, Registered, Path], header: str) -> None:
    answer = say(served[0], request("/me", header)).decode("latin-1")
    assert "\nlocation: /login?next=/me\r" in answer.lower()
    assert "evil" not in answer
    assert status(say(served[0], request("/healthz", header))) == 200


def test_a_body_without_a_length_is_limited_too(served: tuple[Live, Registered, Path]) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    headers = ("Transfer-Encoding: chunked", "Content-Type: application/x-www-form-urlencoded")
    answer = say(served[0], request("/login", *headers, method="POST", body=chunk * 100 + b"0\r\n\r\n"))
    assert status(answer) in {413, 0}, answer[:100]  # 0: the line was closed while we were still talking
    assert status(say(served[0], request())) == 200


def test_a_giant_length_is_refused_before_the_body(served: tuple[Live, Registered, Path]) -> None:
    for path in ("/login", "/imports/upload"):
        answer = say(served[0], request(path, "Content-Length: 99999999999", method="POST", body=b"x"))
        assert status(answer) in {303, 400, 401, 413}, answer[:100]


def test_a_slow_talker_does_not_stop_the_others(served: tuple[Live, Registered, Path]) -> None:
    """A few phones on a bad line. Hundreds are the proxy's to hold back, see docs/security.md."""
    where = urlsplit(served[0].url)
    lines = [socket.create_connection((str(where.hostname), int(where.port or 0))) for _ in range(2)]
    try:
        for line in lines:
            line.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert requests.get(f"{served[0].url}/healthz", timeout=10).status_code == 200
    finally:
        for line in lines:
            line.close()


def test_the_answers_do_not_tell_versions(served: tuple[Live, Registered, Path]) -> None:
    for raw in (request(), request("/nothing"), b"GET\r\n\r\n"):
        head = say(served[0], raw).split(b"\r\n\r\n", 1)[0].decode("latin-1")
        assert not re.search(r"(gunicorn|werkzeug|python|flask)/\d", head, re.I), head


def test_the_servers_log_holds_no_address(served: tuple[Live, Registered, Path]) -> None:
    live, thing, log = served
    browser = requests.Session()
    page = browser.get(f"{live.url}/login?next=/accounts/{thing.psid}", timeout=20)
    form = {"csrf_token": csrf_token(page.text), "username": "headwire", "password": PASSWORD}
    assert browser.post(f"{live.url}/login", data=form, timeout=20).status_code == 200
    assert browser.get(f"{live.url}/accounts/{thing.psid}?q=secretword", timeout=20).status_code == 200
    requests.get(f"{live.url}/welcome/secret-token-in-a-link", timeout=20)
    written = log.read_text()
    assert thing.psid not in written
    assert "secretword" not in written
    assert "secret-token-in-a-link" not in written
    assert PASSWORD not in written
    assert browser.cookies["portal_session"] not in written


@pytest.mark.browser
def test_names_with_markup_run_nowhere(served: tuple[Live, Registered, Path], chromium: Browser) -> None:
    """Chromium itself: pages, the grid and the charts show the name as it is written, and run nothing of it."""
    live, thing, _log = served
    context = chromium.new_context(base_url=live.url)
    page = context.new_page()
    said: list[str] = []
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto("/login")
    page.fill("input[name=username]", "headwire")
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/login" not in url)
    month = f"{MONTH:%Y-%m}"
    for path, ready in (
        (f"/units/{thing.survey_id}", "main"),
        (f"/accounts/{thing.psid}", "main"),
        ("/units/", "main"),
        ("/imports/", "main"),
        (f"/imports/{thing.batch_id}", "main"),
        (f"/dash/reports/bill-register?cycle={month}", ".ag-row"),
        ("/dash/reports/payment-register", ".ag-row"),
        (f"/dash/overview/?cycle={month}", ".js-plotly-plot"),
    ):
        page.goto(path)
        page.wait_for_selector(ready, timeout=20_000, state="attached")
        page.wait_for_timeout(300)
        assert page.evaluate("window.ran === undefined"), path
        assert page.locator("img[src=x]").count() == 0, path
        assert "<img src=x" in page.locator("body").inner_text() or "overview" in path or path == "/imports/", path
    assert said == []
    context.close()

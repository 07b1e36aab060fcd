"""A running portal and Chromium, for tests that drive a browser.

`live` is the portal as users have it: gunicorn and worker in processes of their own, with a little demo data.
`browse(width, user)` opens a page, signed in; console errors, exceptions and CSP violations on it fail the test.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from portal.config import PROJECT_DIR, Settings
from tests.support.ports import free_port
from tests.support.servers import Databases

WIDTHS = {1440: 900, 820: 1180, 390: 844}
PASSWORD = "demo password for tests 7"
PATIENCE = 30_000  # ms for whatever a page is waited for; a machine that does other things, too, is slow
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_TELL_CSP = """
document.addEventListener('securitypolicyviolation', e =>
  console.error('CSP violation: ' + [e.violatedDirective, e.blockedURI, e.sourceFile, e.lineNumber].join(' ')));
"""


@dataclass
class Live:
    """A portal that runs. `environment` is that of its processes, for command lines on the same data."""

    url: str
    environment: dict[str, str]
    database: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def flask(self, *arguments: str, text: str = "") -> str:
        """Run a command line; returns its standard output, fails the test on an error."""
        result = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
            cwd=PROJECT_DIR, env=self.environment, input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return result.stdout


def get(port: int, path: str) -> int:
    """The status of a GET, 0 when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> None:
    """Wait until the condition holds; fails the test when the time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)


@contextlib.contextmanager
def running_portal(databases: Databases, name: str, *, demo: Path | None = None) -> Iterator[Live]:
    """Web and worker on a database of their own. `demo`: where this run keeps its demo data; None for no data."""
    databases.create(name)
    port = free_port()
    settings = databases.settings(name)
    environment = databases.environment(settings, PORT=str(port), HOST="127.0.0.1", DEMO_PASSWORD=PASSWORD)
    live = Live(f"http://127.0.0.1:{port}", environment, name)
    if demo is not None:
        _bring_demo(databases, live, settings, demo)
    log_path = settings.instance_dir / "processes.log"
    with log_path.open("wb") as log:
        for command in (
            ["-m", "gunicorn", "-c", str(PROJECT_DIR / "portal" / "gunicorn_conf.py"), "wsgi:app"],
            ["-m", "portal.worker"],
        ):
            live.processes.append(
                subprocess.Popen(
                    [sys.executable, *command], cwd=PROJECT_DIR, env=environment, stdout=log, stderr=subprocess.STDOUT
                )
            )
    try:
        try:
            wait_for(lambda: get(port, "/readyz") == 200, 180, "the portal to answer")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{log_path.read_text()[-3000:]}") from None
        yield live
    finally:
        for process in reversed(live.processes):
            process.terminate()
        for process in live.processes:
            try:
                process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _bring_demo(databases: Databases, live: Live, settings: Settings, kept: Path) -> None:
    """A little demo data. The first process of a run that needs them makes them, the others copy them."""
    dump, files = kept / "demo.dump", kept / "demo-files"
    with (kept / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if dump.exists():
            databases.restore(live.database, dump)
            shutil.copytree(files, settings.files_dir, dirs_exist_ok=True)
            return
        live.flask("demo", "--units", "400", "--months", "3", "--seed", "7")
        settings.files_dir.mkdir(exist_ok=True)
        shutil.copytree(settings.files_dir, files, dirs_exist_ok=True)
        databases.dump(live.database, dump)


@pytest.fixture(scope="session")
def live(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The portal with a little demo data, for the whole session."""
    own = tmp_path_factory.getbasetemp()
    of_the_run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with running_portal(databases, "portal_live", demo=of_the_run) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


class Troubles:
    """What went wrong on pages. A test that provokes something says so with `expect`."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.expected: list[str] = []

    def expect(self, part: str) -> None:
        """Messages that contain this are no trouble (a 404 the test asks for, say)."""
        self.expected.append(part)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"exception: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.found.append(f"console: {message.text} ({message.location.get('url', '')})")

    def remaining(self) -> list[str]:
        return [text for text in self.found if not any(part in text for part in self.expected)]


@pytest.fixture
def troubles() -> Iterator[Troubles]:
    """Collects what goes wrong on the pages of a test, and fails it at the end."""
    collected = Troubles()
    yield collected
    assert not collected.remaining(), "\n".join(collected.remaining())


@pytest.fixture
def browse(chromium: Browser, live: Live, troubles: Troubles) -> Iterator[Callable[..., Page]]:
    """`browse(width=1440, user="manager", dark=False) -> Page`: signed in as a demo user (None: nobody)."""
    contexts = []

    def open_page(width: int = 1440, user: str | None = "manager", *, dark: bool = False) -> Page:
        context = chromium.new_context(
            base_url=live.url,
            viewport={"width": width, "height": WIDTHS[width]},
            has_touch=width < 900,
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        contexts.append(context)
        context.add_init_script(_TELL_CSP)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        troubles.watch(page)
        if user is not None:
            page.goto("/login")
            page.fill("input[name=username]", user)
            page.fill("input[name=password]", PASSWORD)
            with page.expect_navigation(url=lambda url: "/login" not in url):
                page.press("input[name=password]", "Enter")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(params=list(WIDTHS), ids=[f"{width}px" for width in WIDTHS])
def width(request: pytest.FixtureRequest) -> int:
    """Each of the widths a page must work at: desktop, tablet, phone."""
    return int(request.param)


def has_no_sideways_scroll(page: Page) -> bool:
    """Whether the page fits its window's width."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def settled(page: Page, condition: str) -> None:
    """Wait for a condition in the page (evaluated from outside: the policy forbids eval inside)."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"not so after {PATIENCE} ms: {condition}"
        page.wait_for_timeout(50)


def prefer(page: Page, name: str, value: str) -> None:
    """Choose a language or theme on the page about oneself; returns when the answer is there, also if it was chosen."""
    page.goto("/me")
    page.check(f"input[name={name}][value={value}]")
    with page.expect_navigation():
        page.click(f"main form:has(input[name={name}]) button[type=submit]")
    attribute = {"language": "lang", "theme": "data-theme"}[name]
    expect(page.locator("html")).to_have_attribute(attribute, value)


_DRAFTS = "Object.entries(sessionStorage).filter(([name]) => name.startsWith('draft:')).sort().join()"


@contextlib.contextmanager
def draft_is_kept(page: Page) -> Iterator[None]:
    """Around typing: returns when the page has kept, sealed, what was typed, and goes on keeping nothing more."""
    before = page.evaluate(_DRAFTS)
    yield
    settled(page, f"{_DRAFTS} !== {json.dumps(before)}")
    kept = ""
    while kept != (kept := page.evaluate(_DRAFTS)):
        page.wait_for_timeout(400)  # more than the moment after the last key


def screenshot(page: Page, name: str) -> Path:
    """Save a picture below build/screenshots, for people to look at."""
    folder = PROJECT_DIR / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    page.screenshot(path=str(path), full_page=True)
    return path

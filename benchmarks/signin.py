"""Shift start: fifty people sign in at once while others work. The portal's own gunicorn on loopback, bcrypt cost 12.

Also what finding out who it is, and what he may, adds to a request.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import event, text

from benchmarks.dataset import Dataset, served_app
from benchmarks.server import PASSWORD, Server
from benchmarks.table import Line, percentile
from portal.config import PROJECT_DIR
from portal.db import db
from portal.permissions import Permission
from portal.staff import login, passwords
from portal.web import guard

PEOPLE = 50
APART = 0.02  # seconds between two sign-ins: so their order is known
COST = 12
SAME_TIME = 0.15  # seconds: who came closer together came at the same time (two processes accept connections)
PAGES = ("/units/", "/home", "/accounts/", "/me", "/session")
DATABASE = "bench_signin"
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass
class Client:
    """A browser on a connection of its own: cookies, forms, times."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def send(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """(status, text) of a request; cookies are kept."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if form is not None:
            body = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
        except (http.client.HTTPException, OSError):  # an idle connection that the server has closed
            self.connection.close()
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
        html = response.read().decode()
        for line in response.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        return response.status, html

    def form_token(self) -> str:
        found = _CSRF.search(self.send("GET", "/login")[1])
        assert found, "the login page has no form"
        return found[1]

    def sign_in(self, username: str, token: str) -> int:
        return self.send("POST", "/login", {"username": username, "password": PASSWORD, "csrf_token": token})[0]


@contextlib.contextmanager
def running_portal(server: Server, folder: Path, database: str = DATABASE) -> Iterator[int]:
    """The web server with the settings it has in use; its port. Two processes: the floor is set for two cores."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = server.environment(database, PORT=str(port), BCRYPT_COST=str(COST), WEB_CONCURRENCY="2")
    with (folder / "signin.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "portal/gunicorn_conf.py", "wsgi:app"],
            cwd=PROJECT_DIR, env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            for _attempt in range(300):
                with contextlib.suppress(OSError):
                    if Client(port).send("GET", "/readyz")[0] in {200, 503}:
                        break
                time.sleep(0.2)
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def add_people(server: Server) -> None:
    """Fifty people of the whole province, with the password of the demo users at the cost in use."""
    stored = passwords.hash_password(PASSWORD, COST)
    with server.connect(DATABASE) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM login_attempts")
        cursor.execute("UPDATE staff SET password_hash = %s", (stored,))
        cursor.execute(
            "WITH new AS (INSERT INTO staff (username, password_hash, full_name, role)"
            " SELECT 'shift' || n, %s, 'Shift ' || n, 'AGENT' FROM generate_series(1, %s) AS n RETURNING id)"
            " INSERT INTO staff_areas (staff_id, location_id)"
            " SELECT new.id, l.id FROM new, locations l WHERE l.parent_id IS NULL",
            (stored, PEOPLE),
        )


@dataclass
class Worker:
    """Somebody who is signed in already and loads one page after the other."""

    client: Client
    times: list[float] = field(default_factory=list)
    failures: int = 0

    def load_until(self, stopped: threading.Event) -> None:
        number = 0
        while not stopped.is_set():
            started = time.perf_counter()
            status, _html = self.client.send("GET", PAGES[number % len(PAGES)])
            self.times.append(1000 * (time.perf_counter() - started))
            self.failures += status != 200
            number += 1
            time.sleep(0.05)


def at_work(workers: list[Worker], seconds: float | Callable[[], Any]) -> list[float]:
    """Let the workers load pages for some seconds, or as long as something takes; their times in milliseconds."""
    stopped = threading.Event()
    threads = [threading.Thread(target=worker.load_until, args=(stopped,)) for worker in workers]
    for worker in workers:
        worker.times = []
    for thread in threads:
        thread.start()
    if callable(seconds):
        seconds()
    else:
        time.sleep(seconds)
    stopped.set()
    for thread in threads:
        thread.join()
    return [taken for worker in workers for taken in worker.times]


def burst(port: int) -> list[tuple[float, int]]:
    """Everybody signs in, one shortly after the other: (seconds until the answer since the first, status) of each."""
    clients = [Client(port) for _number in range(PEOPLE)]
    tokens = [client.form_token() for client in clients]
    results: list[tuple[float, int]] = [(0.0, 0)] * PEOPLE
    begin = time.perf_counter() + 0.5

    def sign_in(number: int) -> None:
        time.sleep(max(begin + number * APART - time.perf_counter(), 0))
        status = clients[number].sign_in(f"shift{number + 1}", tokens[number])
        results[number] = (time.perf_counter() - begin, status)

    threads = [threading.Thread(target=sign_in, args=(number,)) for number in range(PEOPLE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def run(server: Server, data: Dataset, runs: int, report: Callable[[str], None]) -> list[Line]:
    server.copy(data.whole, DATABASE)
    try:
        return [*_burst(server, data, report), *_checks(server, runs, report)]
    finally:
        server.drop(DATABASE)


def _burst(server: Server, data: Dataset, report: Callable[[str], None]) -> list[Line]:
    add_people(server)
    stored = passwords.hash_password(PASSWORD, COST)
    started = time.perf_counter()
    passwords.verify_password(PASSWORD, stored)
    one = time.perf_counter() - started
    results: list[tuple[float, int]] = []
    with running_portal(server, data.files) as port:
        workers = [Worker(Client(port)) for _number in range(2)]
        for worker in workers:
            token = worker.client.form_token()
            status = worker.client.sign_in("head", token)
            assert status == 303, f"login answered {status}"
        at_work(workers, 3)  # warm
        quiet = at_work(workers, 5)
        busy = at_work(workers, lambda: results.extend(burst(port)))
    failed = sum(status != 303 for _seconds, status in results)
    order = sorted(range(PEOPLE), key=lambda number: results[number][0])
    displaced = max(abs(place - number) for place, number in enumerate(order))
    p95, before = percentile(busy, 0.95), percentile(quiet, 0.95)
    failures = sum(worker.failures for worker in workers)
    last, middle = max(seconds for seconds, _status in results), median(seconds for seconds, _status in results)
    report(f"sign-ins: {failed} failed, last after {last:.1f} s, others' p95 {p95:.0f} ms (before {before:.0f} ms)")
    measured = (
        f"{failed} failed; answered in the order sent, but for {displaced} places at most; median after {middle:.1f} s,"
        f" last after {last:.1f} s; others' p95 {p95:.0f} ms (without the burst {before:.0f} ms), median"
        f" {median(busy):.0f} ms, worst {max(busy):.0f} ms of {len(busy)}, {failures} failed"
    )
    is_met = failed == 0 and failures == 0 and displaced * APART <= SAME_TIME and p95 < 500
    goal = "none fails, in order; others' p95 < 500 ms"
    limit = f"one check {1000 * one:.0f} ms of a core, so {PEOPLE * one:.1f} s of one"
    work = f"{PEOPLE} sign-ins within {PEOPLE * APART:.0f} s, bcrypt cost {COST}"
    return [Line(work, goal, limit, measured, None, is_met)]


def _checks(server: Server, runs: int, report: Callable[[str], None]) -> list[Line]:
    """The one query that says who it is and where he may look, and the permission's look-up."""
    with served_app(server, DATABASE) as app:
        with app.test_client() as client:
            found = _CSRF.search(client.get("/login").get_data(as_text=True))
            assert found
            form = {"username": "head", "password": PASSWORD, "csrf_token": found[1]}
            assert client.post("/login", data=form).status_code == 303
            with client.session_transaction() as cookie:
                token = cookie["_user_id"]
        statements: list[str] = []
        with app.app_context():
            event.listen(db.engine, "before_cursor_execute", lambda *all_: statements.append(str(all_[2])))
        who, ping, allowed = [], [], []
        for _number in range(100 * runs):
            with app.test_request_context("/units/"):
                db.session.execute(text("SELECT 1"))  # the connection is there: every page needs one
                started = time.perf_counter()
                db.session.execute(text("SELECT 1"))
                ping.append(1000 * (time.perf_counter() - started))
                before, started = len(statements), time.perf_counter()
                user = login.load(token)
                who.append(1000 * (time.perf_counter() - started))
                assert user is not None
                asked = len(statements) - before
                login.login_user(user)
                started = time.perf_counter()
                assert guard.check(Permission.VIEW_UNITS) is None
                user.scope.clause(text("location_id"))
                allowed.append(1000 * (time.perf_counter() - started))
    total = percentile([a + b for a, b in zip(who, allowed, strict=True)], 0.95)
    report(f"who and what: median {median(who):.2f} ms + {median(allowed):.3f} ms, p95 {total:.2f} ms, {asked} query")
    measured = (
        f"{asked} query; median {median(who):.2f} ms, of which permission and scope {median(allowed):.3f} ms; p95 of"
        f" both {total:.2f} ms"
    )
    limit = f"SELECT 1: {median(ping):.2f} ms"
    is_met = asked <= 1 and median(who) + median(allowed) < 2
    return [Line("who it is, permission and scope of a request", "< 2 ms, 1 query", limit, measured, None, is_met)]


if __name__ == "__main__":
    os.execv(sys.executable, [sys.executable, "-m", "benchmarks", "--only", "signin", *sys.argv[1:]])

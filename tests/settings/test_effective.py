"""A change holds at once, in every process and thread, and costs the others no query."""

from __future__ import annotations

import datetime as dt
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.billing.cycles import cycle_bounds, cycle_of
from portal.db import db, side_transaction, transaction
from portal.factory import create_app
from portal.permissions import Role
from portal.settings import effective
from portal.web.context import settings
from portal.web.format import KARACHI
from tests.settings.pages import Desk, form_fields
from tests.support.browser import Live, running_portal
from tests.support.people import PASSWORD, add_staff, csrf_token, sign_in
from tests.support.queries import recorded_queries
from tests.support.servers import Databases

LoginAs = Callable[..., FlaskClient]


@pytest.fixture
def second(app: Flask) -> Iterator[Flask]:
    """Another process's application on the same database: it shares nothing with the first but that."""
    other = create_app(app.extensions["settings"])
    yield other
    with other.app_context():
        db.session.remove()
        db.engine.dispose()


def time_passes(app: Flask) -> None:
    """So many seconds that a process which is asked by nobody signed in looks for new settings again."""
    app.extensions["settings_provider"]._next_check = 0.0


def seconds_left(client: FlaskClient) -> int:
    answer = client.get("/session", headers={"X-Background": "1"})
    assert answer.status_code == 200
    return int(answer.get_json()["seconds_left"])


def test_another_process_follows_on_the_next_request(app: Flask, second: Flask, login_as: LoginAs) -> None:
    desk = Desk(login_as(Role.HEAD))
    there = sign_in(second.test_client(), add_staff(second, Role.AGENT))
    assert 1700 < seconds_left(there) <= 1800
    for minutes in (45, 60, 90):
        assert desk.save("access", idle_minutes=str(minutes)).status_code == 303
        assert minutes * 60 - 100 < seconds_left(there) <= minutes * 60


def test_a_shorter_idle_time_ends_sessions_at_once_and_a_longer_one_keeps_them(
    app: Flask, second: Flask, login_as: LoginAs
) -> None:
    desk = Desk(login_as(Role.HEAD))
    there = sign_in(second.test_client(), add_staff(second, Role.AGENT))

    def lie_idle(minutes: int) -> None:
        with app.app_context(), side_transaction() as connection:
            connection.execute(
                text(
                    "UPDATE staff_sessions SET last_seen_at = now() - make_interval(mins => :n), created_at ="
                    " least(created_at, now() - make_interval(mins => :n)) WHERE staff_id = (SELECT max(id) FROM staff)"
                ),
                {"n": minutes},
            )

    assert desk.save("access", idle_minutes="60").status_code == 303
    lie_idle(40)
    # This process still knows 30 minutes; that the row is not there for them is no reason to end the session.
    second.extensions["settings_provider"].forget()
    assert seconds_left(there) > 1000
    told = desk.save("access", idle_minutes="20")
    assert desk.save("access", form_fields(told.get_data(as_text=True), "/settings/access")).status_code == 303
    lie_idle(25)
    assert there.get("/session", headers={"X-Background": "1"}).status_code == 401


def test_a_signed_in_request_asks_nothing_more(app: Flask, login_as: LoginAs) -> None:
    client, desk = login_as(Role.AGENT), Desk(login_as(Role.HEAD))
    client.get("/home")
    time_passes(app)
    with recorded_queries(app) as queries:
        client.get("/home")
    about = [query for query in queries if "setting" in query]
    assert len(about) == 1
    assert "staff_sessions" in about[0]
    desk.save("access", session_hours="11")
    time_passes(app)
    with recorded_queries(app) as queries:
        for _ in range(3):
            client.get("/home")
    assert len([query for query in queries if "FROM settings" in query]) <= 1


def test_nobody_and_jobs_follow_within_seconds(app: Flask, second: Flask, login_as: LoginAs) -> None:
    desk = Desk(login_as(Role.HEAD))
    stranger = second.test_client()
    stranger.get("/login")
    assert desk.save("general", company_name="Khushab Sanitation").status_code == 303
    with recorded_queries(second) as queries:
        for _ in range(5):
            stranger.get("/login")
    assert len(queries) <= 1
    time_passes(second)
    assert "Khushab Sanitation" in stranger.get("/login").get_data(as_text=True)
    with second.app_context():
        assert settings().company_name == "Khushab Sanitation"


def test_a_version_is_seen_by_all_threads(app: Flask, login_as: LoginAs) -> None:
    desk = Desk(login_as(Role.HEAD))
    clients = [login_as(Role.AGENT) for _ in range(4)]
    found: list[list[int]] = [[] for _ in clients]
    stop = threading.Event()

    def ask(index: int) -> None:
        while not stop.is_set():
            found[index].append(seconds_left(clients[index]))

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(clients))]
    for thread in threads:
        thread.start()
    for minutes in (45, 60, 75, 90):
        assert desk.save("access", idle_minutes=str(minutes)).status_code == 303
        assert all(minutes * 60 - 100 < seconds_left(client) for client in [desk.client])
    stop.set()
    for thread in threads:
        thread.join()
    for client, seen in zip(clients, found, strict=True):
        assert seconds_left(client) > 89 * 60
        steps = [next(minutes for minutes in (30, 45, 60, 75, 90) if left <= minutes * 60) for left in seen]
        assert steps == sorted(steps)  # never back to what held before


def test_two_writers_at_once_become_two_versions(app: Flask, second: Flask) -> None:
    """The one that began later waits: a version that is visible is never followed by a smaller one."""
    from portal.settings import service

    actor = service.Actor("head", None, "")
    order: list[str] = []
    first_has_lock, may_commit = threading.Event(), threading.Event()

    def write(where: Flask, name: str, value: int, wait: bool) -> None:
        with where.app_context(), transaction() as session:
            plan = service.plan(session, where.extensions["settings"], {name: value}, 0)
            service.write(session, plan, actor)
            if wait:
                first_has_lock.set()
                assert may_commit.wait(10)
            order.append(name)

    one = threading.Thread(target=write, args=(app, "session_hours", 8, True))
    one.start()
    assert first_has_lock.wait(10)
    two = threading.Thread(target=write, args=(second, "due_days", 9, False))
    two.start()
    time.sleep(0.3)
    assert order == []
    may_commit.set()
    one.join()
    two.join()
    assert order == ["session_hours", "due_days"]
    with app.app_context():
        app.extensions["settings_provider"].forget()
        assert (settings().session_hours, settings().due_days) == (8, 9)


def test_a_database_that_is_away_leaves_what_is_known(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = effective.Provider()
    asked = []

    def refuse() -> Any:
        from sqlalchemy.exc import OperationalError

        asked.append(1)
        raise OperationalError("x", {}, Exception("no server"))

    monkeypatch.setattr(effective, "side_transaction", refuse)
    with app.app_context():
        environment = app.extensions["settings"]
        assert provider.current(environment) == environment
        assert provider.current(replace(environment, idle_minutes=7)).idle_minutes == 7
    assert len(asked) == 1  # and asks again only some seconds later


@pytest.mark.slow
def test_gunicorn_and_the_command_line_follow(databases: Databases) -> None:
    """Two web processes, four threads each, and the command line: all of them, without a restart."""
    with running_portal(databases, "portal_settings") as live:
        app = create_app(replace(databases.settings("portal_settings")))
        add_staff(app, Role.HEAD, username="head")
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        browsers = [signed_in(live) for _ in range(8)]  # connections of their own: both processes answer
        for minutes in (45, 75):
            page = browsers[0].get(f"{live.url}/settings/access", timeout=20).text
            fields = form_fields(page, "/settings/access") | {"idle_minutes": str(minutes)}
            answer = browsers[0].post(f"{live.url}/settings/access", data=fields, timeout=20, allow_redirects=False)
            assert answer.status_code == 303
            for browser in browsers * 3:
                left = browser.get(f"{live.url}/session", headers={"X-Background": "1"}, timeout=20).json()
                assert minutes * 60 - 100 < left["seconds_left"] <= minutes * 60
        shown = "from portal.web.context import settings; print('idle', settings().idle_minutes)"
        assert "idle 75" in live.flask("shell", text=shown + "\n")
        for browser in browsers:
            browser.close()


def signed_in(live: Live) -> requests.Session:
    browser = requests.Session()
    token = csrf_token(browser.get(f"{live.url}/login", timeout=20).text)
    data = {"username": "head", "password": PASSWORD, "csrf_token": token}
    answer = browser.post(f"{live.url}/login", data=data, timeout=20, allow_redirects=False)
    assert answer.status_code == 303
    browser.headers["Connection"] = "close"
    return browser


def test_a_dashboard_follows_the_start_day(app: Flask, second: Flask, login_as: LoginAs) -> None:
    """The Overview of another process counts its days from the new start at once."""
    desk = Desk(login_as(Role.HEAD))
    reader = sign_in(second.test_client(), add_staff(second, Role.MANAGER))
    today = dt.datetime.now(KARACHI).date()

    def day() -> int:
        page = reader.get("/dash/overview/").get_data(as_text=True)
        found = re.search(r"day (\d+)", page)
        assert found
        return int(found[1])

    for start in (16, 1, 28):
        fields = desk.fields("billing") | {"cycle_start_day": str(start)}
        answer = desk.save("billing", fields)
        if answer.status_code == 200:  # told first
            confirmed = form_fields(answer.get_data(as_text=True), "/settings/billing")
            assert desk.save("billing", confirmed).status_code == 303
        first, _last = cycle_bounds(cycle_of(today, start), start)
        assert day() == (today - first).days + 1

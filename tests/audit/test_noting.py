"""Lines about reading: downloads that end and that break off, and who saw whose numbers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_login import login_user
from sqlalchemy import literal_column, select, text

from portal.audit.sightings import VIEW, Seen, note_views
from portal.db import db, side_transaction
from portal.permissions import Role
from portal.staff.models import Staff
from portal.web.columns import Column, Kind
from portal.web.downloads import csv_response, xlsx_response
from portal.web.noting import begin_export
from tests.records import register as r
from tests.support import people
from tests.support.people import csrf_token

Browser = Callable[..., FlaskClient]
SEEN = [Seen("unit", "77"), Seen("unit", "78")]
COLUMNS = [Column("n", "N", Kind.NUMBER), Column("name", "Name")]


@pytest.fixture(scope="module")
def data(module_app: Flask) -> r.Register:
    return r.build(module_app)


@pytest.fixture(scope="module")
def browser(module_app: Flask, data: r.Register) -> Browser:
    known: dict[Role, tuple[FlaskClient, str]] = {}

    def get(role: Role = Role.ADMIN) -> FlaskClient:
        if role not in known:
            name = people.add_staff(module_app, role, [data.places["khushab"]])
            known[role] = people.sign_in(module_app.test_client(), name), name
        return known[role][0]

    return get


def lines(app: Flask, condition: str, **values: Any) -> list[Any]:
    with app.app_context(), side_transaction() as connection:
        return list(connection.execute(text(f"SELECT * FROM audit_log WHERE {condition} ORDER BY id"), values))


# --- downloads ---------------------------------------------------------------------------------------------------


def series(count: int) -> Any:
    numbers = text("SELECT n, 'x' || n AS name FROM generate_series(1, :count) AS n").bindparams(count=count)
    one = numbers.columns(literal_column("n"), literal_column("name")).subquery("series")
    return select(one.c.n, one.c.name)


@pytest.fixture
def reader(module_app: Flask, data: r.Register) -> Any:
    """A request of somebody signed in, outside any view."""
    name = people.add_staff(module_app, Role.ADMIN, [data.places["khushab"]])
    people.sign_in(module_app.test_client(), name)
    with module_app.test_request_context(environ_base={"REMOTE_ADDR": "192.0.2.7"}):
        staff = db.session.scalars(select(Staff).where(Staff.username == name)).one()

        class Someone:
            is_authenticated = is_active = True
            id, username = staff.id, staff.username

            def get_id(self) -> str:
                return str(staff.id)

        login_user(Someone())
        yield staff


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_download_leaves_a_beginning_and_an_end(module_app: Flask, reader: Staff, kind: str) -> None:
    note = begin_export("report.export.csv", "report", f"whole-{kind}", {"filters": ["all"]})
    make: Any = csv_response if kind == "csv" else lambda *a, **k: xlsx_response(*a, title="T", **k)
    answer = make(series(70_000), COLUMNS, "x", note=note)
    begun = lines(module_app, "entity_id = :id", id=f"whole-{kind}")
    assert [line.action for line in begun] == ["report.export.csv"]
    assert len(list(answer.response)) > 1
    answer.close()
    first, last = lines(module_app, "entity_id = :id", id=f"whole-{kind}")
    assert first.after == {"filters": ["all"]}
    assert last.action == "export.done"
    assert last.after == {"rows": 70_000, "of": "report.export.csv", "began": first.id}
    assert {(line.actor, line.staff_id, line.address) for line in (first, last)} == {
        (reader.username, reader.id, "192.0.2.7")
    }


def test_a_reader_who_leaves_is_seen_to_have_left(module_app: Flask, reader: Staff) -> None:
    answer = csv_response(
        series(2_000_000), COLUMNS, "x.csv", note=begin_export("report.export.csv", "report", "left", {})
    )
    next(iter(answer.response))
    answer.close()
    answer.close()
    begun, broken = lines(module_app, "entity_id = 'left'")
    assert broken.action == "export.broken"
    assert broken.after["began"] == begun.id
    assert 0 < broken.after["rows"] < 2_000_000


def test_what_was_made_but_not_fetched_is_broken_off(module_app: Flask, reader: Staff) -> None:
    answer = csv_response(series(10), COLUMNS, "x.csv", note=begin_export("report.export.csv", "report", "head", {}))
    answer.close()
    assert [line.action for line in lines(module_app, "entity_id = 'head'")] == ["report.export.csv", "export.broken"]


def test_a_query_that_fails_ends_the_download_too(module_app: Flask, reader: Staff) -> None:
    broken = text("SELECT 1 / (n - 1) AS n FROM generate_series(1, 10) AS n").columns(literal_column("n"))
    with pytest.raises(Exception, match="division by zero"):
        csv_response(
            select(broken.subquery("b").c.n), COLUMNS[:1], "x",
            note=begin_export("report.export.csv", "report", "failed", {}),
        )  # fmt: skip
    assert [line.action for line in lines(module_app, "entity_id = 'failed'")] == ["report.export.csv", "export.broken"]


def test_exports_over_http(module_app: Flask, browser: Browser) -> None:
    browser().get("/reports/outstanding.csv").get_data()
    begun, done = lines(module_app, "entity_id = 'outstanding' AND action <> :view", view=VIEW)
    assert (begun.action, done.action) == ("report.export.csv", "export.done")
    assert begun.after["rows"] == done.after["rows"] > 0
    assert begun.address == done.address == "127.0.0.1"


def test_no_number_of_a_consumer_comes_into_the_log_by_a_filter(module_app: Flask, browser: Browser) -> None:
    answer = browser().get("/reports/outstanding.csv", query_string={"q": r.MOBILE})
    assert answer.status_code == 422
    browser().get("/dash/overview/download/all.csv", query_string={"cycle": f"{r.MONTH:%Y-%m}", "x": r.CNIC})
    (line,) = lines(module_app, "action = 'dashboard.export.csv'")
    assert line.after["lines"] > 10
    assert r.CNIC[:8] not in str(line.after)
    assert f"cycle={r.MONTH:%Y-%m}" in line.after["query"]


# --- views of personal data --------------------------------------------------------------------------------------


def test_a_record_page_is_noted_once_an_hour_for_each_person(module_app: Flask, browser: Browser) -> None:
    for _again in range(3):
        assert browser(Role.MANAGER).get(f"/units/{r.UNIT}").status_code == 200
    assert browser(Role.SUPERVISOR).get(f"/units/{r.UNIT}").status_code == 200
    assert browser(Role.MANAGER).get(f"/accounts/{r.PSID}").status_code == 200
    found = lines(module_app, "action = :view AND actor ~ '^(manager|super)'", view=VIEW)
    assert [(line.actor[:5], line.entity, line.entity_id) for line in found] == [
        ("manag", "unit", r.UNIT), ("super", "unit", r.UNIT), ("manag", "account", r.PSID),
    ]  # fmt: skip
    for line in found:
        assert line.location_id is not None
        assert (line.before, line.after, line.reason) == (None, None, "")
        assert line.address == "127.0.0.1"


def test_who_sees_no_number_leaves_no_line(module_app: Flask, browser: Browser) -> None:
    agent = browser(Role.AGENT)
    assert agent.get(f"/units/{r.UNIT}").status_code == 200
    token = csrf_token(agent.get("/search").get_data(as_text=True))
    assert agent.post("/search", data={"q": r.MOBILE, "csrf_token": token}).status_code in {200, 303}
    assert agent.get(f"/units/{r.FOREIGN_UNIT}").status_code == 404
    assert lines(module_app, "action = :view AND actor LIKE 'agent%'", view=VIEW) == []


def test_a_search_that_shows_numbers_is_noted_for_each_hit(module_app: Flask, data: r.Register) -> None:
    name = people.add_staff(module_app, Role.SUPERVISOR)
    client = people.sign_in(module_app.test_client(), name)
    token = csrf_token(client.get("/search").get_data(as_text=True))
    for _again in range(2):
        answer = client.post("/search", data={"q": r.MOBILE, "csrf_token": token})
        assert answer.status_code == 200
        assert r.MOBILE in answer.get_data(as_text=True).split('class="hit-list"', 1)[1]
    found = lines(module_app, "action = :view AND actor = :name", view=VIEW, name=name)
    assert {(line.entity, line.entity_id) for line in found} == {
        ("unit", r.UNIT), ("unit", r.FOREIGN_UNIT), ("account", r.PSID),
    }  # fmt: skip
    assert len(found) == 3
    client.get("/search?q=akram")  # names, no numbers
    assert len(lines(module_app, "action = :view AND actor = :name", view=VIEW, name=name)) == 3


def test_a_report_with_numbers_on_the_screen_is_noted_once(module_app: Flask, browser: Browser) -> None:
    for _again in range(2):
        assert browser(Role.HEAD).get("/dash/reports/outstanding").status_code == 200
        assert browser(Role.HEAD).get("/dash/reports/daily-collection").status_code == 200
    found = lines(module_app, "action = :view AND actor LIKE 'head%' AND entity = 'report'", view=VIEW)
    assert [line.entity_id for line in found] == ["outstanding"]


def test_two_requests_at_once_leave_one_line(module_app: Flask, data: r.Register) -> None:
    name = people.add_staff(module_app, Role.ADMIN)
    with module_app.app_context():
        staff_id = db.session.scalars(select(Staff.id).where(Staff.username == name)).one()
    start, added = threading.Barrier(6), []

    def look() -> None:
        with module_app.app_context():
            start.wait()
            with side_transaction() as connection:
                added.append(note_views(connection, staff_id, name, "192.0.2.1", SEEN))

    threads = [threading.Thread(target=look) for _n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == [0, 0, 0, 0, 0, 2]
    assert len(lines(module_app, "actor = :name AND action = :view", name=name, view=VIEW)) == 2


def test_the_next_hour_gets_a_line_of_its_own(module_app: Flask, data: r.Register) -> None:
    name = people.add_staff(module_app, Role.ADMIN)
    with module_app.app_context(), side_transaction() as connection:
        staff_id = connection.scalar(text("SELECT id FROM staff WHERE username = :name"), {"name": name})
        connection.execute(
            text(
                "INSERT INTO audit_log (at, staff_id, actor, action, entity, entity_id)"
                " VALUES (date_trunc('hour', now()) - interval '1 second', :id, :name, :view, 'unit', '79')"
            ),
            {"id": staff_id, "name": name, "view": VIEW},
        )
        assert note_views(connection, staff_id, name, "", [Seen("unit", "79")]) == 1
        assert note_views(connection, staff_id, name, "", [Seen("unit", "79")]) == 0
        assert note_views(connection, staff_id, name, "", []) == 0


def test_views_do_not_stand_in_the_timeline(browser: Browser) -> None:
    browser(Role.HEAD).get(f"/accounts/{r.PSID}")
    html = browser(Role.HEAD).get(f"/accounts/{r.PSID}").get_data(as_text=True)
    timeline = html.split('<ol class="timeline">', 1)[1].split("</ol>", 1)[0]
    assert "account.correct" in timeline
    assert "Numbers seen" not in timeline
    assert VIEW not in timeline

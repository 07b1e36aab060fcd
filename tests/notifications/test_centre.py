"""The bell and the centre, as a browser uses them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from portal.db import side_transaction
from portal.permissions import Role
from portal.staff.models import StaffSession
from tests.notifications.world import World, ids_of, make_world, post, tell
from tests.support.queries import recorded_queries


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    return make_world(module_app)


@pytest.fixture
def me(world: World) -> int:
    """Somebody without any notification."""
    one = world.people[Role.MANAGER, "everywhere"]
    with world.app.app_context(), side_transaction() as connection:
        connection.execute(text("DELETE FROM notifications"))
    return one


@pytest.fixture
def browser(world: World, me: int) -> FlaskClient:
    signed_in = world.browser(me)
    with world.app.app_context(), side_transaction() as connection:
        connection.execute(text("DELETE FROM notifications"))  # of the sign-in on a new device
    return signed_in


def unread(browser: FlaskClient) -> int:
    answer = browser.get("/notifications/count", headers={"X-Background": "1"})
    assert answer.status_code == 200
    return int(answer.json["unread"])


def bell(html: str) -> tuple[str, bool]:
    """The figure of the bell, and whether it is shown."""
    found = re.search(r'<span class="bell-count num" data-bell-count( hidden)?>([^<]*)</span>', html)
    assert found
    return found[2], found[1] is None


def page(browser: FlaskClient, query: str = "") -> str:
    answer = browser.get(f"/notifications/{query}")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


PAGES = ["/units/", "/me", "/dash/overview/", "/audit/", "/notifications/"]


@pytest.mark.parametrize("path", PAGES)
def test_the_bell_costs_no_query(world: World, me: int, browser: FlaskClient, path: str) -> None:
    """On Flask's pages and Dash's, with unread ones and without, whether their number changed or not."""
    counts: list[tuple[str, bool]] = []
    browser.get(path)  # whatever is read once a process

    def queries() -> list[str]:
        with recorded_queries(world.app) as sent:
            html = browser.get(path).get_data(as_text=True)
        counts.append(bell(html))
        return [one for one in sent if "FROM notifications" in one]

    without = queries()
    tell(world.app, [me], "first")
    changed = queries()
    unchanged = queries()
    assert counts == [("0", False), ("1", True), ("1", True)]
    # The one that finds the signed-in person, and on the centre itself its list.
    for sent in (without, changed, unchanged):
        (first, *more) = sent
        assert "staff_sessions" in first
        assert len(more) == (path == "/notifications/")


def test_the_number_of_queries_is_the_same_as_without_a_bell(
    world: World, me: int, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def number() -> int:
        browser.get("/units/")
        with recorded_queries(world.app) as sent:
            browser.get("/units/")
        return len(sent)

    tell(world.app, [me], "one")
    with_bell = number()
    monkeypatch.delitem(world.app.extensions, "unread_count")
    assert number() == with_bell


def test_asking_for_the_count_is_no_activity(world: World, me: int, browser: FlaskClient) -> None:
    with world.app.app_context(), side_transaction() as connection:
        connection.execute(text("UPDATE staff_sessions SET last_seen_at = last_seen_at - interval '10 minutes'"))

    def seen() -> Any:
        with world.app.app_context(), side_transaction() as connection:
            return connection.scalar(
                select(StaffSession.last_seen_at)
                .where(StaffSession.staff_id == me, StaffSession.ended_at.is_(None))
                .order_by(StaffSession.id.desc())
                .limit(1)
            )

    before = seen()
    with recorded_queries(world.app) as sent:
        assert unread(browser) == 0
    assert len(sent) == 1, sent
    assert seen() == before
    browser.get("/notifications/")
    assert seen() > before


def test_reading_and_unreading(world: World, me: int, browser: FlaskClient) -> None:
    tell(world.app, [me], "a", url="/units/?q=1")
    tell(world.app, [me], "b")
    first, second = ids_of(world.app, me)
    answer = browser.get(f"/notifications/{first}")
    assert (answer.status_code, answer.location) == (303, "/units/?q=1")
    assert unread(browser) == 1
    assert post(browser, f"/notifications/{first}/read", read="0").status_code == 303
    assert unread(browser) == 2
    post(browser, f"/notifications/{second}/read", read="1")
    assert unread(browser) == 1
    # Without a thing of its own it leads back to the centre.
    assert browser.get(f"/notifications/{second}").location == "/notifications/"


def test_a_link_never_leads_away(world: World, me: int, browser: FlaskClient) -> None:
    tell(world.app, [me], "away", url="https://elsewhere.example.org/")
    (one,) = ids_of(world.app, me)
    assert browser.get(f"/notifications/{one}").location == "/notifications/"


def test_all_are_marked_but_not_what_came_since(world: World, me: int, browser: FlaskClient) -> None:
    for key in ("a", "b"):
        tell(world.app, [me], key)
    newest = ids_of(world.app, me)[-1]
    assert f'name="newest" value="{newest}"' in page(browser)
    tell(world.app, [me], "later")
    post(browser, "/notifications/read-all", newest=str(newest))
    assert unread(browser) == 1
    assert post(browser, "/notifications/read-all", newest="x").status_code == 422
    # Of a filter only what it holds.
    tell(world.app, [me], "import", "import.done")
    post(browser, "/notifications/read-all", newest=str(ids_of(world.app, me)[-1]), group="imports")
    assert unread(browser) == 1


def test_deleting_really_deletes_and_can_be_undone(world: World, me: int, browser: FlaskClient) -> None:
    for key in ("a", "b", "c"):
        tell(world.app, [me], key)
    first, second, third = ids_of(world.app, me)
    post(browser, f"/notifications/{first}/delete")
    assert ids_of(world.app, me) == [second, third]
    html = page(browser)
    assert "1 notification is deleted." in html
    assert "is deleted" not in page(browser)  # said once
    moment = re.search(r'name="at" value="([^"]+)"', html)
    assert moment
    post(browser, "/notifications/restore", at=moment[1])
    assert ids_of(world.app, me) == [first, second, third]
    # Everything read, and nothing else.
    for one in (first, third):
        post(browser, f"/notifications/{one}/read", read="1")
    post(browser, "/notifications/clear-read")
    assert ids_of(world.app, me) == [second]
    html = page(browser)
    assert "2 notifications are deleted." in html
    moment = re.search(r'name="at" value="([^"]+)"', html)
    assert moment
    post(browser, "/notifications/restore", at=moment[1])
    assert ids_of(world.app, me) == [first, second, third]
    assert unread(browser) == 1
    # Told again, it stays deleted: it was told once.
    post(browser, f"/notifications/{second}/delete")
    assert tell(world.app, [me], "b") == 0
    assert ids_of(world.app, me) == [first, third]
    assert post(browser, "/notifications/restore", at="yesterday").status_code == 422


def test_anothers_notification_does_not_exist(world: World, me: int, browser: FlaskClient) -> None:
    other = world.people[Role.ADMIN, "everywhere"]
    tell(world.app, [other], "his", message="A secret of his")
    (one,) = ids_of(world.app, other)
    assert browser.get(f"/notifications/{one}").status_code == 404
    for what in ("read", "delete"):
        assert post(browser, f"/notifications/{one}/{what}").status_code == 404
    assert "A secret of his" not in page(browser)
    post(browser, "/notifications/read-all", newest=str(one))
    post(browser, "/notifications/clear-read")
    with world.app.app_context(), side_transaction() as connection:
        row = connection.execute(
            text("SELECT read_at, deleted_at FROM notifications WHERE id = :id"), {"id": one}
        ).one()
    assert tuple(row) == (None, None)
    assert browser.get(f"/notifications/{2**70}").status_code == 404


def test_changes_need_a_form_of_ours(world: World, me: int, browser: FlaskClient) -> None:
    tell(world.app, [me], "a")
    (one,) = ids_of(world.app, me)
    paths = (f"{one}/read", f"{one}/delete", "read-all", "clear-read", "restore")
    for path in paths:
        assert browser.post(f"/notifications/{path}").status_code == 400
        assert browser.get(f"/notifications/{path}").status_code in {404, 405}
    assert ids_of(world.app, me) == [one]
    assert unread(browser) == 1


def test_filters(world: World, me: int, browser: FlaskClient) -> None:
    unit = {"entity": "unit", "entity_id": world.here.survey_id}
    tell(world.app, [me], "t", "ticket.assigned", message="The ticket")
    tell(world.app, [me], "u", "visit.review", message="The unit", **unit)
    tell(world.app, [me], "i", "import.failed", message="The import")
    post(browser, f"/notifications/{ids_of(world.app, me)[0]}/read", read="1")

    def shown(query: str) -> set[str]:
        html = page(browser, query)
        return {word for word in ("The ticket", "The unit", "The import") if word in html}

    assert shown("") == {"The ticket", "The unit", "The import"}
    assert shown("?unread=1") == {"The unit", "The import"}
    assert shown("?group=imports") == {"The import"}
    assert shown("?kind=error") == {"The import"}
    assert shown("?entity=unit") == {"The unit"}
    assert shown(f"?entity=unit&id={world.here.survey_id}") == {"The unit"}
    assert shown(f"?entity=unit&id={world.there.survey_id}") == set()
    # What makes no sense counts as absent.
    assert shown("?group=nonsense&kind=loud&entity=staff&unread=maybe") == {"The ticket", "The unit", "The import"}


def test_pages_at_constant_cost(world: World, me: int, browser: FlaskClient) -> None:
    for number in range(65):
        tell(world.app, [me], f"n{number}", message=f"Message {number:03}")
    seen: list[str] = []
    query = ""
    for _ in range(3):
        with recorded_queries(world.app) as sent:
            html = page(browser, query)
        assert len(sent) <= 4, sent
        seen += re.findall(r"Message (\d{3})", html)
        following = re.search(r'rel="next" href="/notifications/(\?cursor=[^"]+)"', html)
        query = following[1] if following else ""
    assert seen == [f"{number:03}" for number in reversed(range(65))]
    assert query == ""


def test_the_bell_counts_to_99(world: World, me: int, browser: FlaskClient) -> None:
    with world.app.app_context(), side_transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO notifications (staff_id, type, kind, message, event_key)"
                " SELECT :me, 'ticket.comment', 'info', '{\"en\": \"x\"}', 'many' || n FROM generate_series(1, 5000) n"
            ),
            {"me": me},
        )
    assert unread(browser) == 100
    assert bell(page(browser)) == ("99+", True)


def test_the_choices_page(world: World, me: int, browser: FlaskClient) -> None:
    html = browser.get("/me/notifications").get_data(as_text=True)
    assert 'name="mail-ticket.assigned"' in html
    assert 'name="app-security.password"' not in html  # always
    assert "No mails are sent from this portal yet" in html
    post(browser, "/me/notifications", **{"mail-ticket.comment": "NONE", "mail-security.password": "NONE"})
    html = browser.get("/me/notifications").get_data(as_text=True)
    assert re.search(r'name="mail-ticket.comment".*?value="NONE" selected', html)
    assert not re.search(r'name="app-ticket.comment"[^>]*checked', html)
    assert re.search(r'name="app-ticket.assigned"[^>]*checked', html)  # was not on the form
    assert tell(world.app, [me], "c", "ticket.comment") == 0
    assert tell(world.app, [me], "p", "security.password") == 1
    post(browser, "/me/notifications", default="1")
    assert tell(world.app, [me], "c", "ticket.comment") == 1
    # An agent is offered nothing that no agent is told.
    agent = world.browser(world.people[Role.AGENT, "here"]).get("/me/notifications").get_data(as_text=True)
    assert 'name="mail-import.done"' not in agent
    assert 'name="mail-ticket.assigned"' in agent

"""The activity feed: the same lines as the log within the same sight, as sentences, without what only checkers need."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.audit.service import record
from portal.audit.words import ACTIONS
from portal.db import side_transaction, transaction
from portal.permissions import Role
from portal.trail import selects
from tests.notifications.world import World, make_world
from tests.support.queries import recorded_queries


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    world = make_world(module_app)
    here, there = world.here, world.there
    supervisor, other = world.people[Role.SUPERVISOR, "here"], world.people[Role.SUPERVISOR, "there"]
    with module_app.app_context(), transaction() as session:
        me = {"actor": world.names[supervisor], "staff_id": supervisor, "location_id": here.location_id}
        him = {"actor": world.names[other], "staff_id": other, "location_id": there.location_id}
        secrets = {"cnic": "3820112345671", "consumer_name": "Aslam"}
        record(
            session, "place.link", "place", 1, **me, address="10.0.0.7", reason="Told by 0300 1234567",
            before={"name": "Old name", **secrets}, after={"name": "New name", "cnic": "3820112345672"},
        )  # fmt: skip
        record(session, "place.create", "place", 2, **him, after={"name": "Their place"})
        record(session, "import.commit", "import_batch", here.batch_id, **me, after={"file": "mine.csv"})
        for action in ("staff.sign_in", "report.export.csv", "personal.view", "audit.retention"):
            record(session, action, "unit", here.survey_id, **me)
        record(
            session,
            "settings.change",
            "setting",
            "idle_minutes",
            actor="head",
            before={"value": 15},
            after={"value": 5},
        )
    return world


@pytest.fixture(scope="module")
def browsers(world: World) -> dict[tuple[Role, str], FlaskClient]:
    return {key: world.browser(one) for key, one in world.people.items() if key[0] in {Role.SUPERVISOR, Role.HEAD}}


def page(browser: FlaskClient, query: str = "") -> str:
    answer = browser.get(f"/activity/{query}")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def sentences(html: str) -> str:
    """The lines as they are read."""
    found = re.findall(r'<li class="feed-line".*?</li>', html, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", " | ".join(found)))


def test_one_sees_what_was_done_in_his_area(world: World, browsers: dict[tuple[Role, str], FlaskClient]) -> None:
    mine = sentences(page(browsers[Role.SUPERVISOR, "here"]))
    assert "matched Place New name with a location" in mine
    assert "imported Import mine.csv" in mine
    assert "Their place" not in mine
    assert "idle" not in mine.lower()
    theirs = sentences(page(browsers[Role.SUPERVISOR, "there"]))
    assert "made a location of Place Their place" in theirs
    assert "New name" not in theirs
    everything = sentences(page(browsers[Role.HEAD, "everywhere"]))
    for part in ("Their place", "New name", "mine.csv", "changed Setting"):
        assert part in everything
    # A head of a district sees no more than his district.
    assert "Their place" not in sentences(page(browsers[Role.HEAD, "here"]))


def test_who_may_not_see_activity(world: World) -> None:
    assert world.browser(world.people[Role.AGENT, "here"]).get("/activity/").status_code == 403


def test_no_personal_data_and_nothing_for_checkers_only(browsers: dict[tuple[Role, str], FlaskClient]) -> None:
    html = page(browsers[Role.HEAD, "everywhere"])
    for hidden in ("1234567", "38201", "10.0.0.7", "Aslam", "Old name"):
        assert hidden not in html
    assert "Told by" in html
    read = sentences(html)
    for left_out in ("signed in", "download", "saw CNIC", "dropped an old month"):
        assert left_out not in read
    # Which fields changed is told, what they hold is not.
    fields = re.search(r'<p class="feed-fields">([^<]*)</p>', html)
    assert fields
    assert "name" in html


def test_every_group_that_is_left_out_is_one(world: World) -> None:
    groups = {words.group for words in ACTIONS.values()}
    assert set(selects.UNTOLD) <= groups


def test_filters(world: World, browsers: dict[tuple[Role, str], FlaskClient]) -> None:
    head = browsers[Role.HEAD, "everywhere"]
    me, there = world.people[Role.SUPERVISOR, "here"], world.there.location_id

    def shown(query: str) -> set[str]:
        read = sentences(page(head, query))
        return {part for part in ("Their place", "New name", "mine.csv", "Setting") if part in read}

    assert shown(f"?who={me}") == {"New name", "mine.csv"}
    assert shown(f"?area={there}") == {"Their place"}
    assert shown("?entity=import_batch") == {"mine.csv"}
    assert shown("?group=settings") == {"Setting"}
    assert shown(f"?entity=import_batch&id={world.here.batch_id}") == {"mine.csv"}
    assert shown("?group=signing-in") == set()
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=2)
    assert shown(f"?to={yesterday}") == set()
    assert shown(f"?from={yesterday}") == {"Their place", "New name", "mine.csv", "Setting"}
    assert browsers[Role.SUPERVISOR, "here"].get(f"/activity/?area={there}").status_code == 404
    assert head.get("/activity/?id=03001234567").status_code == 303


def test_in_the_readers_language(world: World, browsers: dict[tuple[Role, str], FlaskClient]) -> None:
    with world.app.app_context(), side_transaction() as connection:
        one = world.people[Role.SUPERVISOR, "here"]
        connection.execute(text("UPDATE staff SET language = 'ur' WHERE id = :one"), {"one": one})
    try:
        html = page(browsers[Role.SUPERVISOR, "here"])
        assert 'dir="rtl"' in html
        assert "matched" not in sentences(html)
        assert "New name" in sentences(html)
    finally:
        with world.app.app_context(), side_transaction() as connection:
            connection.execute(text("UPDATE staff SET language = 'en'"))


@pytest.fixture
def many(world: World) -> Iterator[int]:
    """A hundred lines over three days."""
    with world.app.app_context(), side_transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO audit_log (at, actor, action, entity, entity_id, location_id, after)"
                " SELECT now() - n * interval '40 minutes', 'system', 'place.create', 'place', n, :here,"
                " jsonb_build_object('name', 'Row ' || lpad(n::text, 3, '0')) FROM generate_series(1, 100) n"
            ),
            {"here": world.here.location_id},
        )
    yield 100


def test_days_and_pages(world: World, browsers: dict[tuple[Role, str], FlaskClient], many: int) -> None:
    browser, seen, query = browsers[Role.SUPERVISOR, "here"], [], ""
    days: list[str] = []
    for _ in range(4):
        with recorded_queries(world.app) as sent:
            html = page(browser, query)
        assert len(sent) <= 12, len(sent)
        seen += re.findall(r"Row (\d{3})", html)
        days += re.findall(r'data-day="([\d-]+)"', html)
        following = re.search(r'rel="next" href="/activity/(\?cursor=[^"]+)"', html)
        if not following:
            break
        query = following[1]
    assert seen == [f"{n:03}" for n in range(1, many + 1)]
    assert days == sorted(days, reverse=True)
    assert len(set(days)) >= 3

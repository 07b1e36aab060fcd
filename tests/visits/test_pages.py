"""The pages of visits as a phone and an office use them."""

from __future__ import annotations

import csv
import io
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from portal.db import db, transaction
from portal.locations.models import Location
from portal.permissions import Role
from portal.visits.rules import Doubt
from tests.files import samples
from tests.support.people import add_staff, csrf_token, sign_in
from tests.support.places import small_tree
from tests.support.queries import recorded_queries
from tests.support.register import Registered, register


@dataclass(frozen=True)
class World:
    """Two units in two areas; an agent and a supervisor of the first."""

    app: Flask
    here: Registered
    there: Registered
    agent: FlaskClient
    boss: FlaskClient
    office: FlaskClient


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    tree = small_tree(module_app)
    with module_app.app_context(), transaction() as session:
        one, two = (session.get_one(Location, tree[key]) for key in ("mc-9", "bhakkar/bhakkar"))
        here, there = register(session, one, 1, "Aslam"), register(session, two, 2, "Zzyzx")
        session.execute(text("UPDATE survey_units SET gps_lat = 32.3, gps_lon = 72.35"))
    people = {
        role: sign_in(module_app.test_client(), add_staff(module_app, role, [tree["mc-9"]]))
        for role in (Role.AGENT, Role.SUPERVISOR, Role.ADMIN)
    }
    return World(module_app, here, there, people[Role.AGENT], people[Role.SUPERVISOR], people[Role.ADMIN])


def rows(world: World, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    with world.app.app_context(), db.engine.begin() as connection:
        return [tuple(row) for row in connection.execute(text(statement), values)]


def send(client: FlaskClient, path: str, **fields: Any) -> TestResponse:
    """Send a form of the page at the path."""
    token = csrf_token(client.get("/me").get_data(as_text=True))
    return client.post(path, data={"csrf_token": token, **fields}, content_type="multipart/form-data")


def log(world: World, kind: str = "ROUTINE", client: FlaskClient | None = None, **fields: Any) -> TestResponse:
    path = f"/visits/new?unit={world.here.survey_id}&type={kind}"
    values = {"client_uuid": str(uuid.uuid4()), "outcome": "DONE"} | fields
    return send(client or world.agent, path, **values)


def id_of(answer: TestResponse) -> int:
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return int((answer.location or "").rsplit("/", 1)[1])


def test_the_form_offers_the_bill_and_the_outcomes_and_asks_for_the_position(world: World) -> None:
    answer = world.agent.get(f"/visits/new?unit={world.here.survey_id}&type=DELIVERY")
    page = answer.get_data(as_text=True)
    assert "geolocation=(self)" in answer.headers["Permissions-Policy"]
    assert "geolocation=()" in world.agent.get("/visits/").headers["Permissions-Policy"]
    assert re.findall(r'name="outcome" value="(\w+)"', page)[:2] == ["DELIVERED", "DELIVERED_TO_NEIGHBOUR"]
    assert 'name="client_uuid" value="' in page
    assert world.agent.get(f"/visits/new?unit={world.there.survey_id}").status_code == 404
    assert "no bill to hand over" in page or 'name="bill"' in page


def test_a_visit_with_a_photo_is_logged_once_however_often_it_is_sent(world: World) -> None:
    fields = {
        "client_uuid": str(uuid.uuid4()), "lat": "32.3001", "lon": "72.35", "accuracy": "9.4",
        "device_at": "2020-01-01T00:00:00.000Z", "notes": "Ring 03001234567", "photos_uuid": str(uuid.uuid4()),
    }  # fmt: skip
    first = id_of(log(world, photos=(io.BytesIO(samples.photo()), "a.jpg"), **fields))
    assert id_of(log(world, photos=(io.BytesIO(samples.photo()), "a.jpg"), **fields)) == first
    counted = rows(world, "SELECT count(*) FROM stored_files WHERE visit_id = :id", id=first)
    assert counted == [(1,)]
    [(distance, doubts, accuracy)] = rows(
        world, "SELECT distance_m, doubts, gps_accuracy_m FROM compliance_visits WHERE id = :id", id=first
    )
    assert (distance, doubts, accuracy) == (11, Doubt.CLOCK, 9)
    page = world.agent.get(f"/visits/{first}").get_data(as_text=True)
    assert 'class="sketch"' in page and "data-gallery" in page
    assert "03001234567" not in page  # he sees no numbers, in notes neither
    assert "03001234567" in world.boss.get(f"/visits/{first}").get_data(as_text=True)
    other = send(
        world.boss, f"/visits/new?unit={world.here.survey_id}", outcome="DONE", client_uuid=fields["client_uuid"]
    )
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("content", "name"), [(b"", "empty.jpg"), (b"%PDF-1.7 x", "bill.jpg"), (samples.bomb(), "bomb.png")]
)
def test_a_photo_that_is_none_saves_nothing_and_keeps_what_was_typed(world: World, content: bytes, name: str) -> None:
    before = rows(world, "SELECT count(*) FROM compliance_visits")
    answer = log(world, photos=(io.BytesIO(content), name), photos_uuid=str(uuid.uuid4()), notes="The gate is green.")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "The gate is green." in page
    assert 'value="DONE" checked' in page
    assert rows(world, "SELECT count(*) FROM compliance_visits") == before


def test_a_form_that_comes_back_says_that_its_photos_are_lost(world: World) -> None:
    lost = "The photos were not kept."
    answer = log(world, "RECOVERY", outcome="PROMISED", photos=(io.BytesIO(samples.photo()), "a.jpg"))
    assert answer.status_code == 422
    assert lost in answer.get_data(as_text=True)
    assert lost not in log(world, "RECOVERY", outcome="PROMISED").get_data(as_text=True)


def test_the_form_tells_of_the_visit_that_he_has_just_saved(world: World) -> None:
    """Back from the saved visit, the form looks as if it had not been sent."""
    path = f"/visits/new?unit={world.here.survey_id}&type=SURVEY"
    told = "You have saved one already"
    assert told not in world.agent.get(path).get_data(as_text=True)
    visit = id_of(log(world, "SURVEY", outcome="LOCKED"))
    page = world.agent.get(path).get_data(as_text=True)
    assert told in page
    assert f'href="/visits/{visit}"' in page
    assert "&lt;time" not in page
    assert told not in world.boss.get(path).get_data(as_text=True)
    assert told not in world.agent.get(path.replace("SURVEY", "FOLLOWUP")).get_data(as_text=True)
    rows(
        world,
        "UPDATE compliance_visits SET visited_at = visited_at - interval '1 day' WHERE id = :id RETURNING 1",
        id=visit,
    )
    assert told not in world.agent.get(path).get_data(as_text=True)


def test_errors_stand_at_their_fields(world: World) -> None:
    answer = log(world, "RECOVERY", outcome="PROMISED", promise_amount="ten")
    assert answer.status_code == 422
    assert "Enter whole rupees." in answer.get_data(as_text=True)
    answer = log(world, "RECOVERY", outcome="PROMISED")
    assert "Enter the day on which he promised to pay." in answer.get_data(as_text=True)
    assert log(world, outcome="DELIVERED").status_code == 422
    assert log(world, client_uuid="x").status_code == 422


def test_positions_of_nowhere_are_kept_and_said(world: World) -> None:
    visit = id_of(log(world, lat="0", lon="0", accuracy="5"))
    assert "outside Punjab" in world.agent.get(f"/visits/{visit}").get_data(as_text=True)
    [(lat, doubts)] = rows(world, "SELECT gps_lat, doubts FROM compliance_visits WHERE id = :id", id=visit)
    assert lat == 0.0
    assert doubts & Doubt.FAR and doubts & Doubt.NO_POSITION
    for lat_typed in ("nan", "inf", "91", "north"):
        visit = id_of(log(world, lat=lat_typed, lon="72"))
        assert rows(world, "SELECT gps_lat FROM compliance_visits WHERE id = :id", id=visit) == [(None,)]


def version(world: World, visit: int) -> str:
    return str(rows(world, "SELECT version FROM compliance_visits WHERE id = :id", id=visit)[0][0])


def test_the_review_from_the_queue_to_the_corrected_answer(world: World) -> None:
    far = id_of(log(world, lat="32.31", lon="72.35", accuracy="5"))
    near = id_of(log(world, lat="32.30004", lon="72.35", accuracy="5"))
    page = world.boss.get("/review/").get_data(as_text=True)
    order = [int(one) for one in re.findall(r'id="visit-(\d+)"', page)]
    assert order.index(far) < order.index(near)
    assert world.agent.get("/review/").status_code == 403
    assert send(world.boss, f"/visits/{far}/return", version=version(world, far), reason="").status_code == 422
    stale = version(world, far)
    assert (
        send(world.boss, f"/visits/{far}/return", version=stale, reason="You were not at the unit.").status_code == 303
    )
    assert send(world.boss, f"/visits/{far}/approve", version=stale).status_code == 409
    told = rows(world, "SELECT url FROM notifications WHERE type = 'visit.returned' AND entity_id = :id", id=str(far))
    assert told == [(f"/visits/{far}",)]
    assert "You were not at the unit." in world.agent.get(f"/visits/{far}/correct").get_data(as_text=True)
    answer = send(
        world.agent, f"/visits/{far}/correct", version=version(world, far), outcome="LOCKED",
        notes="It was the back gate.", photos=(io.BytesIO(samples.photo()), "b.jpg"), photos_uuid=str(uuid.uuid4()),
    )  # fmt: skip
    assert answer.status_code == 303
    state = "SELECT review_state, outcome, sent_back, doubts FROM compliance_visits WHERE id = :id"
    assert rows(world, state, id=far) == [("PENDING", "LOCKED", 1, int(Doubt.FAR))]
    bulk = send(world.boss, "/review/approve", visit=[f"{near}:{version(world, near)}", f"{far}:1"])
    assert bulk.status_code == 303
    assert [rows(world, state, id=one)[0][0] for one in (near, far)] == ["APPROVED", "PENDING"]
    assert send(world.agent, f"/visits/{near}/correct", version=version(world, near), outcome="DONE").status_code == 409
    audit = rows(
        world, "SELECT action FROM audit_log WHERE entity = 'visit' AND entity_id = :id ORDER BY id", id=str(far)
    )
    assert [one for (one,) in audit] == ["visit.log", "visit.return", "visit.correct"]


def test_a_supervisors_own_visit_waits_for_somebody_else(world: World) -> None:
    own = id_of(log(world, client=world.boss))
    assert f'id="visit-{own}"' not in world.boss.get("/review/").get_data(as_text=True)
    assert f'id="visit-{own}"' in world.office.get("/review/").get_data(as_text=True)
    assert send(world.boss, f"/visits/{own}/approve", version=version(world, own)).status_code == 403


def test_the_list_its_count_and_its_downloads_hold_the_same_rows(world: World) -> None:
    log(world, "RECOVERY", outcome="LOCKED")
    page = world.office.get("/visits/?type=RECOVERY&from=2020-01-01").get_data(as_text=True)
    shown = int((re.search(r'<strong class="num">(\d+)</strong> visits?<', page) or [0, "-1"])[1])
    assert shown == page.count('class="row-link"') == rows(
        world, "SELECT count(*) FROM compliance_visits WHERE visit_type = 'RECOVERY'"
    )[0][0]  # fmt: skip
    answer = world.office.get("/visits.csv?type=RECOVERY&from=2020-01-01")
    lines = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert len(lines) == shown
    assert {line["Type"] for line in lines} == {"Recovery visit"}
    assert world.boss.get("/visits.csv").status_code == 403
    assert world.office.get("/visits.xlsx").status_code == 200
    everything = world.office.get("/visits/?from=2020-01-01").get_data(as_text=True)
    assert "Zzyzx" not in everything
    assert f"/visits/{world.there.visit_id}" not in everything


def test_day_sheets_count_what_was_done(world: World) -> None:
    mine = world.agent.get("/visits/day").get_data(as_text=True)
    today = rows(
        world,
        "SELECT count(*) FROM compliance_visits WHERE staff_id = (SELECT id FROM staff WHERE role = 'AGENT')"
        " AND visited_at >= date_trunc('day', now() AT TIME ZONE 'Asia/Karachi') AT TIME ZONE 'Asia/Karachi'",
    )[0][0]
    assert mine.count('class="row-link"') == today > 0
    table = world.boss.get("/visits/agents").get_data(as_text=True)
    person = re.search(r'href="(/visits/agents/\d+\?day=[0-9-]+)"', table)
    assert person
    assert world.boss.get(person[1]).status_code == 200
    assert world.agent.get("/visits/agents").status_code == 403


def test_unit_and_account_show_their_visits_within_the_budget(world: World) -> None:
    for path in (f"/units/{world.here.survey_id}", f"/accounts/{world.here.psid}"):
        world.boss.get(path)
        with recorded_queries(world.app) as sent:
            page = world.boss.get(path).get_data(as_text=True)
        assert len(sent) <= 12, "\n".join(sent)
        assert "Hand over a bill" in page
        assert page.count("/visits/") > 4
    for path in ("/visits/", "/review/", "/visits/day", "/visits/agents"):
        world.boss.get(path)
        with recorded_queries(world.app) as sent:
            world.boss.get(path)
        assert len(sent) <= 12, (path, len(sent))


def test_a_delivery_of_the_form_is_delivered_once_approved(world: World) -> None:
    [(account, month)] = rows(
        world, "SELECT account_id, billing_month::text FROM bills WHERE psid = :psid", psid=world.here.psid
    )
    visit = id_of(log(world, "DELIVERY", outcome="DELIVERED", bill=f"{account}:{month[:7]}", received_by="His son"))
    day = "SELECT delivered_on IS NOT NULL FROM bills WHERE account_id = :account"
    assert rows(world, day, account=account) == [(False,)]
    assert send(world.boss, f"/visits/{visit}/approve", version=version(world, visit)).status_code == 303
    assert rows(world, day, account=account) == [(True,)]
    assert "handed over on" in world.boss.get(f"/accounts/{world.here.psid}").get_data(as_text=True)
    assert send(world.boss, f"/visits/{visit}/return", version=version(world, visit), reason="No.").status_code == 303
    assert rows(world, day, account=account) == [(False,)]


@pytest.fixture
def closed(world: World) -> Iterator[None]:
    """The unit is closed meanwhile."""
    change = "UPDATE survey_units SET deleted_at = {at}, delete_reason = 'Torn down' WHERE survey_id = :id RETURNING 1"
    rows(world, change.format(at="'2025-11-20 12:00+05'"), id=world.here.survey_id)
    yield
    rows(world, change.format(at="NULL"), id=world.here.survey_id)


@pytest.mark.usefixtures("closed")
def test_a_closed_unit_offers_no_work(world: World) -> None:
    unit = world.here.survey_id
    offers = ("/visits/new", "/tickets/new?unit=", f"/units/{unit}/correct", "/assignments/new?unit=")
    for client in (world.agent, world.boss):
        page = client.get(f"/units/{unit}").get_data(as_text=True)
        assert "Torn down" in page
        assert [offer for offer in offers if offer in page] == []
        assert "/visits/new" not in client.get(f"/accounts/{world.here.psid}").get_data(as_text=True)
    answer = world.agent.get(f"/visits/new?unit={unit}&type=DELIVERY")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "20 Nov 2025" in page and "Torn down" in page and f'href="/units/{unit}"' in page
    assert unit not in world.agent.get("/area").get_data(as_text=True)  # no card either
    asked = world.agent.get(f"/tickets/new?unit={unit}").get_data(as_text=True)
    assert "This unit is closed." in asked and 'name="category"' in asked


@pytest.mark.usefixtures("closed")
def test_a_visit_to_a_unit_that_was_closed_meanwhile_is_taken_and_the_reviewer_told(world: World) -> None:
    answer = log(world, notes="Nobody was told.")
    visit = id_of(answer)
    assert "was closed meanwhile" in world.agent.get(f"/visits/{visit}").get_data(as_text=True)
    for path in (f"/visits/{visit}", "/review/"):
        assert "Unit closed on 20 Nov 2025" in world.boss.get(path).get_data(as_text=True)
    assert send(world.boss, f"/visits/{visit}/approve", version=version(world, visit)).status_code == 303

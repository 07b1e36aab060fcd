# ruff: noqa: E501
"""Corrections: proposed once, decided by somebody else, applied to the register, looked at anew when it has moved."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from PIL import Image

from portal.db import transaction
from portal.imports.service import Actor
from portal.permissions import AreaScope, Role
from portal.registers.service import edit_unit
from tests.field.crew import Crew, clean, crew, words
from tests.settings.pages import Desk
from tests.support.people import add_staff, csrf_token, sign_in
from tests.support.queries import recorded_queries


@pytest.fixture(scope="module")
def world(module_app: Flask) -> Crew:
    return crew(module_app)


@pytest.fixture
def team(world: Crew) -> Crew:
    clean(world)
    world.run("UPDATE survey_units SET kept_by_hand = '{}', version = 1, deleted_at = NULL, size_band = 'M0_5',"
              " mobile = '0300' || lpad((survey_id::bigint - 100000)::text, 7, '0'), consumer_name = 'Consumer ' || (survey_id::bigint - 100000)")  # fmt: skip
    return world


@pytest.fixture
def direct(team: Crew) -> Iterator[Crew]:
    """The setting that lets the field change the register at once, as HEAD saves it."""
    office = Desk(sign_in(team.app.test_client(), add_staff(team.app, Role.HEAD)))
    office.save("data", direct_edit="on")
    yield team
    office.save("data", direct_edit="off")


def propose(team: Crew, unit: str, *, by: str = "amna", status: int = 303, key: str = "", **typed: str) -> int:
    """Send the form; the number of the newest correction."""
    team.post(by, f"/units/{unit}/correct", status, client_uuid=key or str(uuid.uuid4()), **typed)
    found = team.run("SELECT max(id) FROM corrections")
    return int(found[0][0] or 0)


def state(team: Crew, number: int) -> tuple[str, str | None]:
    return team.run(
        "SELECT c.state, s.username FROM corrections c LEFT JOIN staff s ON s.id = c.decided_by WHERE c.id = :id",
        id=number,
    )[0]  # type: ignore[return-value]


def test_a_proposal_waits_is_told_and_changes_nothing_yet(team: Crew) -> None:
    unit = team.here[0]
    number = propose(team, unit, consumer_name="Rashida Bibi", size_band="M5_10", note="says the neighbour")
    kept = team.run("SELECT fields, note, state FROM corrections WHERE id = :id", id=number)[0]
    assert kept[0] == {"consumer_name": ["Consumer 1", "Rashida Bibi"], "size_band": ["M0_5", "M5_10"]}
    assert kept[1:] == ("says the neighbour", "PENDING")
    assert team.unit(unit).consumer_name == "Consumer 1"
    told = team.run("SELECT staff_id, url FROM notifications WHERE type = 'correction.proposed'")
    assert told == [(team.ids["saima"], f"/corrections/{number}")]
    page = words(team.get("saima", "/corrections/"))
    assert "Rashida Bibi" in page
    assert "Consumer 1" in page
    assert "0-5 marla" in page.replace("–", "-") or "marla" in page
    assert "Rashida Bibi" in words(team.get("bilal", f"/units/{unit}"))  # whoever opens the unit sees what waits


def test_approving_applies_it_in_the_register_with_its_history(team: Crew) -> None:
    unit = team.here[0]
    number = propose(team, unit, consumer_name="Rashida Bibi", mobile="0300 7654321")
    team.post("saima", f"/corrections/{number}/decide", do="approve", unit_version="1")
    after = team.unit(unit)
    assert (after.consumer_name, after.mobile, after.version) == ("Rashida Bibi", "03007654321", 2)
    assert set(after.kept_by_hand) == {"consumer_name", "mobile"}
    history = team.run("SELECT field, source, correction_id FROM record_changes ORDER BY field")
    assert history == [("consumer_name", "CORRECTION", number), ("mobile", "CORRECTION", number)]
    assert state(team, number) == ("APPROVED", "saima")
    assert team.run("SELECT staff_id FROM notifications WHERE type = 'correction.decided'") == [(team.ids["amna"],)]
    lines = team.run("SELECT after::text FROM audit_log WHERE entity IN ('correction', 'unit')")
    assert not any("7654321" in (row[0] or "") for row in lines), "a number of a person stands in the audit log"
    team.post("saima", f"/corrections/{number}/decide", 409, do="approve", unit_version="2")


def test_rejecting_needs_a_reason_that_the_agent_reads(team: Crew) -> None:
    number = propose(team, team.here[0], consumer_name="Rashida Bibi")
    page = team.post("saima", f"/corrections/{number}/decide", 422, do="reject", note=" ")
    assert "Say why" in words(page)
    team.post("saima", f"/corrections/{number}/decide", do="reject", note="The deed says otherwise")
    assert state(team, number) == ("REJECTED", "saima")
    assert team.unit(team.here[0]).consumer_name == "Consumer 1"
    assert "The deed says otherwise" in words(team.get("amna", "/corrections/?show=decided"))


def test_what_changed_meanwhile_is_shown_and_decided_anew(team: Crew) -> None:
    unit = team.here[0]
    number = propose(team, unit, consumer_name="Rashida Bibi")
    with team.app.app_context(), transaction() as session:
        edit_unit(
            session, Actor("clerk", None, AreaScope.everywhere()), team.unit(unit).id, None, {"consumer_name": "Office"}
        )
    page = words(team.post("saima", f"/corrections/{number}/decide", 409, do="approve", unit_version="1"))
    assert "The register says by now: Office" in page
    assert team.unit(unit).consumer_name == "Office"
    # Ticked in the list it stays, and is named; looked at singly it goes.
    team.post("saima", "/corrections/decide", correction=f"{number}:2")
    assert state(team, number)[0] == "PENDING"
    assert "has changed since this was proposed" in words(team.get("saima", "/corrections/"))
    team.post("saima", f"/corrections/{number}/decide", do="approve", unit_version="2")
    assert team.unit(unit).consumer_name == "Rashida Bibi"


def test_the_same_form_sent_twice_is_one_and_anothers_uuid_is_refused(team: Crew) -> None:
    key = str(uuid.uuid4())
    first = propose(team, team.here[0], key=key, consumer_name="Rashida Bibi")
    assert propose(team, team.here[0], key=key, consumer_name="Rashida Bibi") == first
    assert team.run("SELECT count(*) FROM corrections") == [(1,)]
    propose(team, team.here[1], key=key, status=409, consumer_name="Else")
    propose(team, team.here[0], key=key, by="bilal", status=409, consumer_name="Else")
    assert team.run("SELECT count(*) FROM corrections") == [(1,)]


@pytest.mark.parametrize(
    "typed, sentence",
    [
        ({}, "Nothing is different"),
        ({"mobile": "12"}, "Not a Pakistani mobile number"),
        ({"cnic": "38201"}, "13 digits"),
        ({"size_band": "SMALL"}, "size in marla"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field_and_kept(team: Crew, typed: dict[str, str], sentence: str) -> None:
    token = {"client_uuid": str(uuid.uuid4()), "address": "House 1, Street 2, Mohalla Islamia", "house_type": "kept"}
    if not typed:
        token.pop("house_type")
    page = team.post("amna", f"/units/{team.here[0]}/correct", 422, **token, **typed)
    assert sentence in words(page)
    assert ("kept" in page) == bool(typed)
    assert team.run("SELECT count(*) FROM corrections") == [(0,)]


def test_an_agent_sees_no_number_that_he_may_not_and_can_correct_it_all_the_same(team: Crew) -> None:
    unit = team.here[0]
    number = team.unit(unit).mobile
    assert number
    form = team.get("amna", f"/units/{unit}/correct")
    assert number not in form
    assert "It stays as it is" in words(form) or "it stays as it is" in words(form)
    made = propose(team, unit, mobile="03007654321")
    page = team.get("amna", f"/corrections/{made}")
    assert "03007654321" in page  # what he typed himself
    assert number not in page
    assert number not in team.get("bilal", f"/units/{unit}")
    assert "03007654321" not in team.get("bilal", f"/units/{unit}")
    assert number in team.get("saima", f"/corrections/{made}")
    left_empty = propose(team, team.here[1], mobile="", cnic="", consumer_name="Other Name")
    assert team.run("SELECT fields FROM corrections WHERE id = :id", id=left_empty)[0][0].keys() == {"consumer_name"}


def test_who_may_see_and_decide_what(team: Crew) -> None:
    number = propose(team, team.here[0], consumer_name="Rashida Bibi")
    team.get("bilal", f"/corrections/{number}", 404)  # agents see their own
    team.get("farid", f"/corrections/{number}", 404)
    team.post("amna", f"/corrections/{number}/decide", 403, do="approve", unit_version="1")
    team.post("farid", f"/corrections/{number}/decide", 404, do="approve", unit_version="1")
    team.get("amna", f"/units/{team.there}/correct", 404)
    team.post("bilal", f"/corrections/{number}/withdraw", 404)
    own = propose(team, team.here[1], by="saima", consumer_name="By a supervisor")
    team.post("saima", f"/corrections/{own}/decide", 403, do="approve", unit_version="1")
    team.post("amna", f"/corrections/{number}/withdraw")
    assert state(team, number)[0] == "WITHDRAWN"


def test_ticked_ones_are_approved_each_for_itself(team: Crew) -> None:
    made = [propose(team, unit, consumer_name=f"Name {unit}") for unit in team.here[:3]]
    team.post("saima", "/corrections/decide", correction=[f"{made[0]}:1", f"{made[1]}:99", f"{made[2]}:1"])
    assert [state(team, one)[0] for one in made] == ["APPROVED", "PENDING", "APPROVED"]
    page = words(team.get("saima", "/corrections/"))
    assert "2 corrections approved" in page
    assert f"Correction {made[1]} stays" in page


def test_with_the_setting_it_is_applied_at_once(direct: Crew) -> None:
    unit = direct.here[0]
    assert "applied at once" in words(direct.get("amna", f"/units/{unit}/correct"))
    number = propose(direct, unit, consumer_name="At once")
    assert direct.unit(unit).consumer_name == "At once"
    assert state(direct, number) == ("APPROVED", "amna")
    assert direct.run("SELECT count(*) FROM notifications") == [(0,)]


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (900, 600), (12, 120, 80)).save(out, "JPEG")
    return out.getvalue()


def send_photo(team: Crew, unit: str, data: bytes, name: str) -> tuple[int, str]:
    browser = team.browsers["amna"]
    token = csrf_token(browser.get("/me").get_data(as_text=True))
    form = {
        "csrf_token": token,
        "client_uuid": str(uuid.uuid4()),
        "note": "new door",
        "photos": (io.BytesIO(data), name),
    }
    answer = browser.post(f"/units/{unit}/correct", data=form, content_type="multipart/form-data")
    return answer.status_code, answer.get_data(as_text=True)


def test_a_photo_comes_with_it_and_is_the_units_once_approved(team: Crew) -> None:
    unit = team.here[0]
    assert send_photo(team, unit, picture(), "door.jpg")[0] == 303
    number = int(team.run("SELECT max(id) FROM corrections")[0][0])
    assert team.run("SELECT correction_id FROM stored_files") == [(number,)]
    assert "/files/" in team.get("saima", f"/corrections/{number}")
    assert "1 photo" in words(team.get("saima", "/corrections/"))
    team.post("saima", f"/corrections/{number}/decide", do="approve", unit_version="1")
    assert team.run("SELECT unit_id, correction_id FROM stored_files") == [(team.unit(unit).id, None)]
    team.post("saima", "/assignments/new", unit=unit, agent=team.ids["amna"])
    assert '<img src="/files/' in team.get("amna", "/assigned")
    light = team.browsers["amna"].get("/assigned", headers={"Save-Data": "on"}).get_data(as_text=True)
    assert "<img" not in light.partition("<main")[2]
    assert 'data-thumb="/files/' in light


@pytest.mark.parametrize("data, name", [(b"", "empty.jpg"), (b"%PDF-1.7 not a photo", "paper.jpg")])
def test_what_is_no_photo_is_refused_and_nothing_is_kept(team: Crew, data: bytes, name: str) -> None:
    status, page = send_photo(team, team.here[0], data, name)
    assert status in {413, 422}
    assert "new door" in page
    assert team.run("SELECT count(*) FROM corrections") == [(0,)]


def test_the_list_asks_few_queries_however_long(team: Crew) -> None:
    for unit in team.here:
        propose(team, unit, consumer_name=f"Name {unit}")
    with recorded_queries(team.app) as queries:
        team.get("saima", "/corrections/")
    assert len(queries) <= 12


def test_a_unit_that_was_closed_takes_no_correction(team: Crew) -> None:
    team.run("UPDATE survey_units SET deleted_at = now() WHERE survey_id = :id", id=team.here[0])
    page = team.post("amna", f"/units/{team.here[0]}/correct", 409, client_uuid=str(uuid.uuid4()), consumer_name="X Y")
    assert "closed" in words(page)


def test_a_correction_goes_where_its_unit_goes(team: Crew) -> None:
    """With its photos; whoever looks after the place it came from has nothing more to do with it."""
    unit = team.here[0]
    number = propose(team, unit, consumer_name="Rashida Bibi")
    there = team.run("SELECT location_id FROM survey_units WHERE survey_id = :unit", unit=team.there)[0][0]
    before = team.run("SELECT location_id FROM survey_units WHERE survey_id = :unit", unit=unit)[0][0]
    assert "Rashida Bibi" in words(team.get("saima", "/corrections/"))
    try:
        team.run("UPDATE survey_units SET location_id = :there WHERE survey_id = :unit", there=there, unit=unit)
        assert "Rashida Bibi" not in words(team.get("saima", "/corrections/"))
        team.get("saima", f"/corrections/{number}", 404)
        team.post("saima", f"/corrections/{number}/decide", 404, do="approve", unit_version="1")
    finally:
        team.run("UPDATE survey_units SET location_id = :before WHERE survey_id = :unit", before=before, unit=unit)
    assert "Rashida Bibi" in words(team.get("saima", "/corrections/"))

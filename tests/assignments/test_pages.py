"""Assigning through the pages: bulk with preview, conflicts, single, hand over, end; and whose numbers are seen."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from flask import Flask

from portal.assignments import choosing
from tests.field.crew import Crew, clean, crew, hidden, today, words
from tests.support.people import csrf_token
from tests.support.queries import recorded_queries


@pytest.fixture(scope="module")
def world(module_app: Flask) -> Crew:
    return crew(module_app)


@pytest.fixture
def team(world: Crew) -> Crew:
    return clean(world)


def assigned(team: Crew, name: str) -> set[str]:
    """Survey ids that are somebody's today."""
    rows = team.run(
        "SELECT u.survey_id FROM assignments a JOIN survey_units u ON u.id = a.unit_id WHERE a.staff_id = :id"
        " AND a.valid_from <= :day AND (a.valid_to IS NULL OR a.valid_to >= :day)",
        id=team.ids[name], day=today(),
    )  # fmt: skip
    return {row[0] for row in rows}


def give(team: Crew, *names: str, by: str = "saima", **form: object) -> str:
    """Preview and confirm; returns the preview."""
    values = {"area": team.tree["mc-9"], "agent": [team.ids[name] for name in names], **form}
    if "unit" in values:
        values.pop("area")
    preview = team.post(by, "/assignments/new", 200, **values)
    team.post(by, "/assignments/assign", **hidden(preview, "/assignments/assign"))
    return preview


def test_an_area_is_shared_out_evenly_and_told(team: Crew) -> None:
    preview = give(team, "amna", "bilal")
    assert "6 units fit" in words(preview)
    amna, bilal = assigned(team, "amna"), assigned(team, "bilal")
    assert amna | bilal == set(team.here)
    assert (len(amna), len(bilal)) == (3, 3)
    told = team.run("SELECT staff_id, message->>'en' FROM notifications WHERE type = 'assignment.new'")
    assert {row[0] for row in told} == {team.ids["amna"], team.ids["bilal"]}
    assert all("3 units" in row[1] for row in told)
    lines = (
        "SELECT entity_id, after->>'units' FROM audit_log WHERE action = 'assignment.assign' ORDER BY id DESC LIMIT 2"
    )
    assert {(int(row[0]), row[1]) for row in team.run(lines)} == {(team.ids["amna"], "3"), (team.ids["bilal"], "3")}


def test_an_agent_gets_only_what_lies_in_his_own_areas(team: Crew) -> None:
    preview = give(team, "amna", area=team.tree["khushab/khushab"])
    assert "3 units lie in none of these agents" in words(preview)
    assert assigned(team, "amna") == set(team.here)
    page = team.post("saima", "/assignments/new", 422, area=team.tree["zone"], agent=team.ids["amna"], how="area")
    assert "does not lie in the areas of" in words(page)
    # Nor does somebody get work from a supervisor of elsewhere, who does not even know him.
    refused = team.post("farid", "/assignments/new", 422, area=team.tree["other mc-9"], agent=team.ids["amna"])
    assert "is no agent of your areas" in words(refused)
    team.post("farid", "/assignments/new", 404, area=team.tree["mc-9"], agent=team.ids["stranger"])
    team.post("farid", "/assignments/new", 404, unit=team.here[0], agent=team.ids["stranger"])


def test_filters_choose_by_bill_and_by_who_has_none(team: Crew) -> None:
    team.run(
        "UPDATE account_balances b SET unpaid_bills = 3 FROM accounts a"
        " WHERE a.id = b.account_id AND a.survey_id = ANY(:ids)", ids=team.here[:2],
    )  # fmt: skip
    preview = give(team, "amna", standing="ARREARS")
    assert "2 units fit" in words(preview)
    assert assigned(team, "amna") == set(team.here[:2])
    give(team, "bilal", free="1")
    assert assigned(team, "bilal") == set(team.here[2:])


def test_units_of_others_are_left_taken_or_shared_as_chosen(team: Crew) -> None:
    give(team, "amna")
    values = {"area": team.tree["mc-9"], "agent": team.ids["bilal"]}
    left = team.post("saima", "/assignments/new", 200, **values)
    assert "Others have some of them" in words(left)
    assert "There is nothing to assign" in words(left)
    moved = team.post("saima", "/assignments/new", 200, **values, taken="move")
    team.post("saima", "/assignments/assign", **hidden(moved, "/assignments/assign"))
    assert assigned(team, "amna") == set()
    assert assigned(team, "bilal") == set(team.here)
    # What ended before it began never held, and stands in the past all the same.
    assert len(team.run("SELECT 1 FROM assignments WHERE valid_to < valid_from AND ended_by IS NOT NULL")) == 6
    give(team, "amna", taken="both")
    assert assigned(team, "amna") == assigned(team, "bilal") == set(team.here)


def test_sent_twice_assigns_once_and_what_changed_is_shown_anew(team: Crew) -> None:
    preview = team.post("saima", "/assignments/new", 200, area=team.tree["mc-9"], agent=team.ids["amna"])
    form = hidden(preview, "/assignments/assign")
    team.post("saima", "/assignments/assign", **form)
    again = team.post("saima", "/assignments/assign", 409, **form)
    assert "Something has changed since the preview" in words(again)
    assert team.run("SELECT count(*) FROM assignments") == [(6,)]


@pytest.mark.parametrize(
    "form, sentence",
    [
        ({"first": "2020-01-01"}, "from today on"),
        ({"first": "2090-02-02", "last": "2090-02-01"}, "before the first"),
        ({"last": "tomorrow"}, "is no day"),
        ({"agent": []}, "at least one agent"),
        ({"area": ""}, "Choose an area"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(team: Crew, form: dict[str, object], sentence: str) -> None:
    values = {"area": team.tree["mc-9"], "agent": team.ids["amna"], "note": "kept words", **form}
    page = team.post("saima", "/assignments/new", 422, **values)
    assert sentence in words(page)
    assert "kept words" in page
    assert team.run("SELECT count(*) FROM assignments") == [(0,)]


def test_one_unit_is_assigned_and_ended_from_its_page(team: Crew) -> None:
    unit = team.here[0]
    team.post("saima", "/assignments/new", unit=unit, agent=team.ids["amna"], first=today().isoformat())
    assert assigned(team, "amna") == {unit}
    assert "amna" in words(team.get("saima", f"/units/{unit}"))
    team.post("farid", f"/assignments/units/{unit}/end", 404, agent=team.ids["amna"])
    team.post("amna", f"/assignments/units/{unit}/end", 403, agent=team.ids["amna"])
    team.post("saima", f"/assignments/units/{unit}/end", agent=team.ids["amna"])
    assert assigned(team, "amna") == set()
    team.post("saima", f"/assignments/units/{unit}/end", 409, agent=team.ids["amna"])


def test_a_whole_area_holds_units_that_come_later(team: Crew) -> None:
    give(team, "bilal", how="area", area=team.tree["khushab/khushab"])
    shown = team.get("bilal", "/assigned")
    assert all(f"/units/{unit}" in shown for unit in [*team.here, *team.zone])
    page = team.post("saima", "/assignments/new", 422, area=team.tree["mc-9"], agent=team.ids["bilal"], how="area")
    assert "have this area already" in words(page)
    # Somebody else's units in it: said, not hidden.
    preview = team.post("saima", "/assignments/new", 200, area=team.tree["mc-9"], agent=team.ids["amna"])
    assert "bilal has the area Khushab as a whole" in words(preview)


def test_what_somebody_has_is_handed_over_when_he_leaves(team: Crew) -> None:
    give(team, "amna")
    give(team, "amna", how="area")
    team.run("UPDATE staff SET is_active = false WHERE id = :id", id=team.ids["amna"])
    page = team.get("saima", f"/assignments/agents/{team.ids['amna']}")
    assert "switched off" in words(page)
    path = f"/assignments/agents/{team.ids['amna']}/hand-over"
    preview = team.post("saima", path, 200, agent=team.ids["bilal"], day=today().isoformat())
    assert "6 units, 1 area" in words(preview)
    assert assigned(team, "amna") == set(team.here)
    seen = f"{team.ids['bilal']}:6:1/0"
    assert seen in preview
    team.post("saima", path, agent=team.ids["bilal"], day=today().isoformat(), seen=seen, reason="has left")
    assert assigned(team, "amna") == set()
    assert assigned(team, "bilal") == set(team.here)
    assert (
        len(team.run("SELECT 1 FROM assignments WHERE area_id IS NOT NULL AND staff_id = :id", id=team.ids["bilal"]))
        == 1
    )
    team.post("saima", path, 409, agent=team.ids["bilal"], day=today().isoformat(), seen=seen)


def test_hand_over_from_a_later_day_keeps_today(team: Crew) -> None:
    give(team, "amna")
    day = today() + dt.timedelta(days=5)
    path, to = f"/assignments/agents/{team.ids['amna']}/hand-over", team.ids["bilal"]
    team.post("saima", path, agent=to, day=day.isoformat(), seen=f"{to}:6:0/0")
    assert assigned(team, "amna") == set(team.here)
    assert team.run("SELECT DISTINCT valid_from FROM assignments WHERE staff_id = :id", id=to) == [(day,)]


def test_a_part_is_ended_and_the_rest_stays(team: Crew) -> None:
    give(team, "bilal", area=team.tree["khushab/khushab"])
    team.post(
        "saima", f"/assignments/agents/{team.ids['bilal']}/end", place=team.tree["zone"], is_area="0",
        since=today().isoformat(),
    )  # fmt: skip
    assert assigned(team, "bilal") == set(team.here)
    team.post("farid", f"/assignments/agents/{team.ids['bilal']}/end", 404)
    team.post("saima", f"/assignments/agents/{team.ids['bilal']}/end")
    assert assigned(team, "bilal") == set()


def test_numbers_of_assigned_units_are_seen_while_they_are(team: Crew) -> None:
    unit, other = team.here[0], team.here[1]
    number = team.unit(unit).mobile
    assert number
    assert number not in team.get("amna", f"/units/{unit}")
    team.post("saima", "/assignments/new", unit=unit, agent=team.ids["amna"])
    assert number in team.get("amna", f"/units/{unit}")
    assert f"tel:{number}" in team.get("amna", "/assigned")
    assert team.unit(other).mobile not in team.get("amna", f"/units/{other}")
    assert team.run("SELECT count(*) FROM audit_log WHERE action = 'personal.view' AND actor = 'amna'") != [(0,)]
    tomorrow = today() + dt.timedelta(days=1)
    team.run("UPDATE assignments SET valid_from = :day", day=tomorrow)
    assert number not in team.get("amna", f"/units/{unit}")


def test_the_load_of_each_agent_is_counted(team: Crew) -> None:
    give(team, "amna")
    give(team, "bilal", how="area", area=team.tree["zone"])
    team.visit("amna", team.here[0], 2, next_date=today())
    team.visit("amna", team.here[1], 5, promise_date=today() - dt.timedelta(days=1))
    team.visit("bilal", team.here[1], 1)
    with recorded_queries(team.app) as queries:
        page = words(team.get("saima", "/assignments/"))
    assert len(queries) <= 12
    assert "stranger" not in page
    amna = page.partition("amna")[2].partition("bilal")[0]
    assert amna.split()[:5] == ["MC-9", "Clocktower", "6", "6", "1"]
    bilal = page.partition("bilal")[2].split()
    assert bilal[:2] == ["Khushab", "3"]
    team.get("amna", "/assignments/", 403)


def test_units_ticked_on_the_list_open_the_form(team: Crew) -> None:
    page = team.get("saima", "/units/")
    assert page.count('name="unit"') >= 6
    assert 'name="unit"' not in team.get("amna", "/units/")
    form = team.post("saima", "/assignments/new", 200, step="open", unit=team.here[:3])
    assert "3 units were chosen" in words(form)
    give(team, "amna", unit=team.here[:3])
    assert assigned(team, "amna") == set(team.here[:3])
    nothing = team.post("saima", "/assignments/new", 200, step="open")
    assert "What" in words(nothing)


def offered(page: str) -> list[int]:
    """Ids of the agents that a form offers, in their order."""
    return [int(one) for one in re.findall(r'name="agent" value="(\d+)"', page)]


def test_the_agents_of_the_area_are_offered_first(team: Crew) -> None:
    team.post("saima", "/assignments/new", unit=team.zone[0], agent=team.ids["bilal"])
    amna, bilal = team.ids["amna"], team.ids["bilal"]
    zone = team.get("saima", f"/assignments/new?area={team.tree['zone']}")
    assert offered(zone) == [bilal, amna]
    assert re.search(r"Of this area.*bilal.*has 1 unit singly.*Others.*amna.*has 0 units singly", words(zone))
    # Those of a ward in a larger area, too; without a script the button shows it, and what was typed stays.
    ward = team.post(
        "saima", "/assignments/new", 200, step="find", area=team.tree["khushab/khushab"], agent=amna, note="kept words"
    )
    assert "Others" not in words(ward)
    assert "kept words" in ward
    assert f'value="{amna}" checked' in ward
    assert team.ids["stranger"] not in offered(ward)


def test_many_agents_are_found_by_name_and_the_form_stays_small(team: Crew) -> None:
    team.run(
        "INSERT INTO staff (username, full_name, password_hash, role)"
        " SELECT 'walker' || n, CASE WHEN n % 2 = 0 THEN 'Naveed_' || n ELSE '' END, 'x', 'AGENT'"
        " FROM generate_series(100, 220) n"
    )
    team.run(
        "INSERT INTO staff_areas (staff_id, location_id) SELECT id, :ward FROM staff WHERE username LIKE 'walker%'",
        ward=team.tree["zone"],
    )
    try:
        with recorded_queries(team.app) as queries:
            page = team.get("saima", f"/assignments/new?area={team.tree['mc-9']}")
        assert len(queries) <= 12, queries
        assert len(offered(page)) == 2 + choosing.FEW_OTHERS
        assert len(offered(team.get("saima", "/assignments/new"))) == choosing.FEW_OTHERS
        assert len(offered(team.get("saima", f"/assignments/new?area={team.tree['zone']}"))) == 50
        assert offered(page)[:2] == [team.ids["amna"], team.ids["bilal"]]
        assert "There are more agents" in words(page)
        [(last,)] = team.run("SELECT id FROM staff WHERE username = 'walker220'")
        assert last not in offered(page)
        found = team.post(
            "saima", "/assignments/new", 200, step="find", find_agent="naveed 220", agent=team.ids["amna"]
        )
        assert offered(found) == [team.ids["amna"], last]
        assert f'value="{team.ids["amna"]}" checked' in found
        assert offered(team.post("saima", "/assignments/new", 200, step="find", find_agent="d_22")) == [last]
        assert "is called that" in words(
            team.post("saima", "/assignments/new", 200, step="find", find_agent="stranger")
        )
        # The script gets the lists alone.
        browser = team.browsers["saima"]
        token = csrf_token(browser.get("/me").get_data(as_text=True))
        form = {"csrf_token": token, "step": "find", "find_agent": "walker21", "area": team.tree["zone"]}
        part = browser.post("/assignments/new", data=form, headers={"X-Parts": "1"}).get_data(as_text=True)
        assert len(offered(part)) == 10
        assert "<html" not in part
        assert 'data-part="places"' in part
        # Handing over what somebody has offers the same, but himself.
        give(team, "amna", unit=team.here[:2])
        path = f"/assignments/agents/{team.ids['amna']}"
        hand_over = team.get("saima", path)
        assert len(offered(hand_over)) == 1 + choosing.FEW_OTHERS
        assert offered(hand_over)[0] == team.ids["bilal"]
        found = team.post("saima", f"{path}/hand-over", 200, step="find", find_agent="naveed 220", reason="kept words")
        assert offered(found) == [last]
        assert "kept words" in found
        found = team.post("saima", f"{path}/hand-over", 200, step="find", find_agent="amna")
        assert offered(found) == []
    finally:
        team.run("DELETE FROM staff_areas WHERE staff_id IN (SELECT id FROM staff WHERE username LIKE 'walker%')")
        team.run("DELETE FROM staff WHERE username LIKE 'walker%'")


def test_many_areas_are_found_by_name(team: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "MOST_OFFERED", 1)
    page = team.get("saima", "/assignments/new")
    assert "There are more areas" in words(page)
    assert page.partition("</select>")[0].count("<option") == 2
    for name, area in (("clocktower", "mc-9"), ("zone-02", "zone")):
        found = team.post("saima", "/assignments/new", 200, step="find", find_area=name)
        assert f'<option value="{team.tree[area]}">' in found
        assert found.partition("</select>")[0].count("<option") == 2
    # What is chosen stays among them.
    kept = team.post("saima", "/assignments/new", 200, step="find", find_area="clocktower", area=team.tree["zone"])
    assert f'<option value="{team.tree["zone"]}" selected>' in kept
    none = team.post("saima", "/assignments/new", 200, step="find", find_area="Bhakkar")
    assert "No area of yours is called that" in words(none)

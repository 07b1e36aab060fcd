# ruff: noqa: E501
"""Assigned to me and my area, as agents and supervisors use them."""

from __future__ import annotations

import datetime as dt
import io
import re

import pytest
from flask import Flask

from portal.field import area as areas
from tests.field.crew import Crew, clean, crew, today, words
from tests.files import samples
from tests.support.queries import recorded_queries


@pytest.fixture(scope="module")
def world(module_app: Flask) -> Crew:
    return crew(module_app, units=30)


@pytest.fixture
def team(world: Crew) -> Crew:
    return clean(world)


def cards(html: str) -> list[str]:
    """Survey ids of the cards, in order."""
    return re.findall(r'id="u(\d+)"', html)


def chips(html: str) -> dict[str, int]:
    found = re.findall(
        r'<a class="chip[^>]*>(?:<svg.*?</svg>)?\s*([^<]+?)\s*<span class="chip-count">([\d,]+)', html, re.S
    )
    return {name.strip(): int(number.replace(",", "")) for name, number in found}


def give(team: Crew, name: str, survey_ids: list[str]) -> None:
    team.run(
        "INSERT INTO assignments (staff_id, unit_id, valid_from) SELECT :staff, id, :day FROM survey_units"
        " WHERE survey_id = ANY(:ids)", staff=team.ids[name], day=today(), ids=survey_ids,
    )  # fmt: skip


def test_an_agent_begins_with_his_work_and_a_supervisor_with_his_home(team: Crew) -> None:
    assert team.browsers["amna"].get("/").location == "/assigned"
    assert team.browsers["saima"].get("/").location == "/home"
    assert "Nothing is assigned to you today" in words(team.get("amna", "/assigned"))


def test_what_is_due_comes_first_and_done_is_counted(team: Crew) -> None:
    here = team.here
    give(team, "amna", here[:8])
    team.visit("amna", here[5], 2, promise_date=today(), promise_amount=500)
    team.visit("bilal", here[6], 2, next_date=today() - dt.timedelta(days=1))
    team.visit("amna", here[7], 0)
    team.run(
        "UPDATE account_balances b SET unpaid_bills = 3, outstanding = 993 FROM accounts a"
        " WHERE a.id = b.account_id AND a.survey_id = :id", id=here[4],
    )  # fmt: skip
    team.run(
        "UPDATE account_balances b SET unpaid_bills = 0, outstanding = 0 FROM accounts a"
        " WHERE a.id = b.account_id AND a.survey_id = :id", id=here[0],
    )  # fmt: skip
    with recorded_queries(team.app) as queries:
        page = team.get("amna", "/assigned")
    assert len(queries) <= 12
    assert cards(page)[:3] == [here[5], here[6], here[4]]
    assert set(cards(page)) == set(here[1:7])
    assert chips(page) == {"To do": 6, "Promised": 1, "Come back": 1, "Arrears": 1, "Unpaid": 5, "Done": 2}
    text = words(page)
    assert "2 of 8" in text
    assert "Owed Rs 993" in text.replace("\xa0", " ")
    assert "3 months" in text
    assert "Promised Rs 500 for" in text.replace("\xa0", " ")
    assert set(cards(team.get("amna", "/assigned?show=DONE"))) == {here[0], here[7]}
    assert cards(team.get("amna", "/assigned?show=PROMISED")) == [here[5]]
    assert cards(team.get("bilal", "/assigned")) == []


def test_work_outside_ones_areas_is_not_shown_any_more(team: Crew) -> None:
    give(team, "amna", [team.here[0], team.there])
    assert cards(team.get("amna", "/assigned")) == [team.here[0]]


def test_more_cards_come_without_losing_the_place(team: Crew) -> None:
    give(team, "amna", team.here)
    first = team.get("amna", "/assigned")
    assert len(cards(first)) == areas.STEP
    more = re.search(r'rel="next" href="([^"]+)"', first)
    assert more
    path = more[1].replace("&amp;", "&")
    whole = cards(team.get("amna", path))
    assert len(whole) == 30
    assert whole[: areas.STEP] == cards(first)
    part = team.browsers["amna"].get(path, headers={"X-Cards": "1", "X-Cards-Shown": str(areas.STEP)})
    assert cards(part.get_data(as_text=True)) == whole[areas.STEP :]
    assert "<html" not in part.get_data(as_text=True)


def test_past_the_longest_page_the_next_one_begins_behind_its_last_unit(
    team: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(areas, "STEP", 10)
    monkeypatch.setattr(areas, "MOST", 10)
    give(team, "amna", team.here)
    for path in ("/assigned", f"/area?area={team.tree['mc-9']}"):
        found: list[str] = []
        at: str | None = path
        while at:
            page = team.get("amna", at)
            found += cards(page)
            more = re.search(r'rel="next" href="([^"]+)"', page)
            at = more[1].replace("&amp;", "&") if more else None
        assert len(found) == 30
        assert set(found) == set(team.here)
    team.get("amna", "/assigned?after=forged", 422)


def test_my_area_opens_at_the_one_ward_or_lets_choose(team: Crew) -> None:
    page = team.get("amna", "/area")
    assert cards(page) == team.here[: areas.STEP]
    assert chips(page) == {"All": 30, "Unpaid": 30, "In arrears": 0, "Paid": 0, "No bill": 0}
    choice = team.get("bilal", "/area")
    assert cards(choice) == []
    assert "MC-9 Clocktower" in words(choice)
    assert "Zone-02" in words(choice)
    assert cards(team.get("bilal", f"/area?area={team.tree['zone']}")) == team.zone
    team.get("amna", f"/area?area={team.tree['zone']}", 404)
    team.get("amna", f"/area?area={team.tree['other mc-9']}", 404)


def test_a_unit_that_was_closed_is_no_work(team: Crew) -> None:
    give(team, "amna", team.here[:2])
    team.run("UPDATE survey_units SET deleted_at = now() WHERE survey_id = :id", id=team.here[0])
    try:
        assert cards(team.get("amna", "/assigned")) == [team.here[1]]
        assert team.here[0] not in cards(team.get("amna", "/area?n=100"))
    finally:
        team.run("UPDATE survey_units SET deleted_at = NULL")


def test_chips_show_units_by_how_they_stand(team: Crew) -> None:
    team.run(
        "UPDATE account_balances b SET unpaid_bills = 2 FROM accounts a WHERE a.id = b.account_id AND a.survey_id = :id",
        id=team.here[3],
    )
    page = team.get("amna", "/area?show=ARREARS")
    assert cards(page) == [team.here[3]]
    assert chips(page)["In arrears"] == 1
    with recorded_queries(team.app) as queries:
        team.get("amna", "/area")
    assert len(queries) <= 12


def test_search_in_the_area_finds_names_houses_and_numbers(team: Crew) -> None:
    unit = team.unit(team.here[4])
    psid = team.run("SELECT psid FROM accounts WHERE survey_id = :id", id=team.here[4])[0][0]
    for typed in (f"Consumer {5}", "house 5", unit.survey_id, psid, unit.mobile):
        answer = team.browsers["amna"].post(
            "/area", data={"csrf_token": _token(team), "q": typed}, follow_redirects=True
        )
        assert answer.status_code == 200, typed
        page = answer.get_data(as_text=True)
        assert cards(page) == [team.here[4]], typed
        assert unit.mobile not in answer.request.full_path
    for typed in (f"Consumer {201}", team.there, team.unit(team.there).mobile):
        answer = team.browsers["amna"].post(
            "/area", data={"csrf_token": _token(team), "q": typed}, follow_redirects=True
        )
        assert cards(answer.get_data(as_text=True)) == [], typed
    assert team.browsers["amna"].get(f"/area?q={unit.mobile}").status_code == 303


def _token(team: Crew) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', team.get("amna", "/me"))
    assert found
    return found[1]


def test_themes_and_low_data_are_kept_on_the_account(team: Crew) -> None:
    team.post("amna", "/preferences", theme="sunlight", low_data="1", language="en")
    page = team.get("amna", "/area")
    assert 'data-theme="sunlight"' in page
    assert 'data-bs-theme="light"' in page
    assert 'data-low-data="1"' in page
    team.post("amna", "/preferences", theme="system", low_data="0")
    page = team.get("amna", "/area")
    assert "data-low-data" not in page
    saving = team.browsers["amna"].get("/area", headers={"Save-Data": "on"}).get_data(as_text=True)
    assert 'data-low-data="1"' in saving
    team.post("amna", "/preferences", 422, theme="moonlight")


def test_a_paid_unit_is_first_for_a_visit_and_an_unpaid_one_for_its_bill(team: Crew) -> None:
    team.run(
        "UPDATE account_balances b SET unpaid_bills = 0, outstanding = 0 FROM accounts a"
        " WHERE a.id = b.account_id AND a.survey_id = :id", id=team.here[0],
    )  # fmt: skip
    page = team.get("amna", "/area")
    assert "Nothing owed" in words(_card(page, team.here[0])) and "Rs" not in words(_card(page, team.here[0]))
    assert "Owed Rs" in words(_card(page, team.here[1])).replace("\xa0", " ")
    firsts = re.findall(r'act btn-primary" href="([^"]+)"', page)
    assert firsts[0] == f"/visits/new?unit={team.here[0]}&amp;type=ROUTINE"
    assert firsts[1] == f"/visits/new?unit={team.here[1]}&amp;type=DELIVERY"
    assert f"/visits/new?unit={team.here[0]}&amp;type=DELIVERY" in team.get("amna", "/area")  # behind the dots


def test_a_card_shows_the_photo_of_the_portal_until_there_is_one_of_ours(team: Crew) -> None:
    """By our own address, which tells nobody where the phone is; with low data only when tapped."""
    source = "https://photos.example.pk/1.jpg"
    team.run("UPDATE survey_units SET image_urls = ARRAY[:url] WHERE survey_id = :id", url=source, id=team.here[0])
    ours = f"/photos/portal/{team.here[0]}/1?size=thumb"
    try:
        card = _card(team.get("amna", "/area"), team.here[0])
        assert f'<span class="unit-photo"><img src="{ours}" alt="" loading="lazy"' in card
        assert source not in card
        assert "unit-photo" in _card(team.get("amna", "/area"), team.here[1])
        assert "<img" not in _card(team.get("amna", "/area"), team.here[1])
        team.post("amna", "/preferences", low_data="1")
        card = _card(team.get("amna", "/area"), team.here[0])
        assert f'<button class="unit-photo" type="button" data-thumb="{ours}">' in card
        assert "<img" not in card
        team.post("amna", "/preferences", low_data="0")
        team.post("amna", f"/units/{team.here[0]}/photos/add", photos=(io.BytesIO(samples.photo()), "door.jpg"))
        assert ours not in _card(team.get("amna", "/area"), team.here[0])
    finally:
        team.run("UPDATE survey_units SET image_urls = '{}' WHERE survey_id = :id", id=team.here[0])


def _card(html: str, survey_id: str) -> str:
    found = re.search(rf'<li class="unit-card[^>]*id="u{survey_id}">.*?</li>', html, re.S)
    assert found
    return found[0]

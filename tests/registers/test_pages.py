"""The pages of edits over HTTP: what an office administrator does, twice, at once with others, and outside his area."""

from __future__ import annotations

import html as markup
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from portal.db import db
from portal.permissions import Role
from portal.units.models import SurveyUnit
from tests.imports.office import load_areas
from tests.imports.portal_files import biller_row, paid_row, psid, survey_row
from tests.support import people
from tests.support.importing import assert_verified, bring_committed, write
from tests.support.queries import recorded_queries

Browser = Callable[..., FlaskClient]
UNIT, PSID = "2319001", psid(1)


@pytest.fixture(scope="module")
def places(module_app: Flask, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Two tehsils; three units with accounts and bills in one of them. Ids of locations by name."""
    folder = tmp_path_factory.mktemp("files")
    found = load_areas(module_app, folder)
    with module_app.app_context():
        bring_committed(write(folder, "survey", [survey_row(n) for n in (1, 2, 3)]), as_of="2025-09-10")
        rows = [biller_row(n) for n in (1, 2, 3)]
        bring_committed(write(folder, "biller", rows), as_of="2025-11-20", month="2025-11")
        bring_committed(write(folder, "paid", [paid_row(1)]), as_of="2025-12-10")
    return found


@pytest.fixture(scope="module")
def browser(module_app: Flask, places: dict[str, int]) -> Browser:
    known = people.known_browsers(module_app)
    return lambda role=Role.ADMIN, area="Nilokot": known(role, places[area] if area else None)


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, path
    return re.sub(r"\s+", " ", answer.get_data(as_text=True))


def fields_of(html: str) -> dict[str, str]:
    """What the form of a page would send, as it stands."""
    form = html.rsplit("<main", 1)[1]
    found = {}
    for tag in re.findall(r"<input[^>]*>", form):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        is_tick = attributes.get("type") in {"checkbox", "radio"}
        if "name" in attributes and (not is_tick or re.search(r"\bchecked\b", tag)):
            found[attributes["name"]] = markup.unescape(attributes.get("value", ""))
    for name, body in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.S):
        found[name] = markup.unescape(body.strip())
    for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option selected value="([^"]*)"', body)
        found[name] = chosen.group(1) if chosen else ""
    return found


def send(client: FlaskClient, path: str, **changes: Any) -> TestResponse:
    """Open a form, change some fields, send it."""
    return client.post(path, data={**form_of(client, path), **changes})


def form_of(client: FlaskClient, path: str) -> dict[str, str]:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return fields_of(answer.get_data(as_text=True))


def unit(app: Flask, key: str = UNIT) -> SurveyUnit:
    with app.app_context():
        found: SurveyUnit = db.session.scalars(select(SurveyUnit).where(SurveyUnit.survey_id == key)).one()
        db.session.expunge(found)
        return found


def verified(app: Flask) -> None:
    with app.app_context():
        assert_verified(db.session.connection())
        db.session.rollback()


def test_an_edit_is_saved_and_told_on_the_record_page(module_app: Flask, browser: Browser) -> None:
    client = browser()
    answer = send(client, f"/units/{UNIT}/edit", house_type="Flat", mobile="0345 1112223", reason="he called")
    assert answer.status_code == 303
    saved = unit(module_app)
    assert (saved.house_type, saved.mobile) == ("Flat", "03451112223")
    assert saved.kept_by_hand == ["house_type", "mobile"]
    html = page(client, f"/units/{UNIT}")
    told = html.split("Changes by people", 1)[1]
    assert "Flat" in told
    assert "he called" in told
    assert "Kept by hand" in html
    # Who may not see numbers sees none of them in the history, either.
    agent = page(browser(Role.AGENT), f"/units/{UNIT}")
    assert "03451112223" not in agent
    assert "2223" in agent.split("Changes by people", 1)[1]
    assert f"/units/{UNIT}/edit" not in agent


def test_a_form_sent_as_it_is_changes_nothing(module_app: Flask, browser: Browser) -> None:
    before = unit(module_app)
    for path in (f"/units/{UNIT}/edit", f"/accounts/{PSID}/edit"):
        assert send(browser(), path).status_code == 303
    assert unit(module_app).version == before.version


def test_two_editors_get_both_versions(module_app: Flask, browser: Browser) -> None:
    client = browser()
    path = f"/units/{UNIT}/edit"
    mine = form_of(client, path)
    other = {"consumer_name": "Name of the other", "surveyor_name": "Other surveyor"}
    assert send(browser(Role.HEAD, None), path, **other).status_code == 303
    answer = client.post(path, data={**mine, "consumer_name": "My name", "address": "My address"})
    assert answer.status_code == 409
    html = answer.get_data(as_text=True)
    assert "Name of the other" in html
    now = fields_of(html)
    assert now["consumer_name"] == "My name"  # nothing typed is lost
    assert now["surveyor_name"] == "Other surveyor"  # and what I left alone is what the other saved
    assert client.post(path, data=now).status_code == 303
    saved = unit(module_app)
    assert (saved.consumer_name, saved.address, saved.surveyor_name) == ("My name", "My address", "Other surveyor")


def test_a_form_sent_twice_saves_once(module_app: Flask, browser: Browser) -> None:
    client, path = browser(), f"/units/{UNIT}/edit"
    form = {**form_of(client, path), "extra_text": "once"}
    assert client.post(path, data=form).status_code == 303
    version = unit(module_app).version
    again = client.post(path, data=form)
    assert again.status_code == 409
    assert "there is nothing left to save" in again.get_data(as_text=True)
    assert unit(module_app).version == version


def test_wrong_fields_are_named_and_nothing_is_lost(browser: Browser) -> None:
    answer = send(browser(), f"/units/{UNIT}/edit", cnic="12", gps="0,0", consumer_name="Typed name")
    assert answer.status_code == 422
    html = answer.get_data(as_text=True)
    assert "A CNIC has 13 digits" in html
    assert "lies outside Punjab" in html
    assert 'value="Typed name"' in html


def test_a_unit_is_made_once_however_often_the_form_is_sent(
    module_app: Flask, browser: Browser, places: dict[str, int]
) -> None:
    client = browser()
    assert "In which area?" in page(client, "/units/new")
    path = f"/units/new?area={places['UC-2, Chak 2, Nilokot']}"
    form = {**form_of(client, path), "consumer_name": "Made by hand"}
    first, second = client.post(path, data=form), client.post(path, data=form)
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"]
    with module_app.app_context():
        assert db.session.scalar(text("SELECT count(*) FROM survey_units WHERE consumer_name = 'Made by hand'")) == 1
    assert "Entered by hand" in page(client, first.headers["Location"])
    taken = client.post(path, data={**form, "survey_id": UNIT})
    assert taken.status_code == 409
    assert "in the register already" in taken.get_data(as_text=True)
    verified(module_app)


def test_a_unit_moves_with_its_accounts(module_app: Flask, browser: Browser, places: dict[str, int]) -> None:
    client, target = browser(), places["UC-3, Chak 3, Nilokot"]
    here = unit(module_app).location_id
    assert "To which area?" in page(client, f"/units/{UNIT}/move")
    path = f"/units/{UNIT}/move?to={target}"
    answer = send(client, path, reason="it lies there")
    assert answer.status_code == 303
    assert unit(module_app).location_id == target
    verified(module_app)
    assert send(client, f"/units/{UNIT}/move?to={here}").status_code == 303
    verified(module_app)
    page(client, f"/units/{UNIT}/move?to={places['MC-9, Dharampur']}", 404)


def test_close_restore_and_release(module_app: Flask, browser: Browser) -> None:
    client = browser()
    assert send(client, f"/units/{UNIT}/close").status_code == 422
    assert send(client, f"/units/{UNIT}/close", reason="pulled down").status_code == 303
    verified(module_app)
    assert "Closed on" in page(client, f"/units/{UNIT}")
    listed = page(client, "/units/")
    assert f"/units/{UNIT}" not in listed.split("<tbody>", 1)[-1]
    assert f"/units/{UNIT}" in page(client, "/units/?state=closed")
    page(client, f"/units/{UNIT}/edit", 303)
    assert send(client, f"/units/{UNIT}/restore").status_code == 303
    assert f"/units/{UNIT}" in page(client, "/units/")
    held = unit(module_app).kept_by_hand
    assert held
    assert send(client, f"/units/{UNIT}/release", field=held[0]).status_code == 303
    assert unit(module_app).kept_by_hand == held[1:]
    verified(module_app)


def test_a_closed_account_is_marked(module_app: Flask, browser: Browser) -> None:
    client = browser()
    assert send(client, f"/accounts/{PSID}/close", reason="double").status_code == 303
    verified(module_app)
    assert "is-closed" in page(client, "/accounts/")
    assert PSID in page(client, "/accounts/?state=closed")
    assert send(client, f"/accounts/{PSID}/restore").status_code == 303


def test_an_account_is_unlinked_and_linked(module_app: Flask, browser: Browser) -> None:
    client = browser()
    assert send(client, f"/accounts/{PSID}/edit", survey_id="").status_code == 303
    verified(module_app)
    assert send(client, f"/accounts/{PSID}/edit", survey_id=UNIT).status_code == 303
    verified(module_app)


@pytest.mark.parametrize("what", ["edit", "move", "close", "restore", "release"])
def test_records_of_another_area_are_not_there(browser: Browser, what: str) -> None:
    client = browser(Role.ADMIN, "Dharampur")
    for path in (f"/units/{UNIT}/{what}", f"/accounts/{PSID}/{what}"):
        page(client, path, 404)
        assert client.post(path, data={"csrf_token": people.csrf_token(page(client, "/me"))}).status_code == 404


def test_the_record_pages_stay_within_their_queries(module_app: Flask, browser: Browser) -> None:
    client = browser()
    for path in (f"/units/{UNIT}", f"/accounts/{PSID}"):
        page(client, path)
        with recorded_queries(module_app) as queries:
            page(client, path)
        assert len(queries) <= 12, "\n".join(q[:150].replace("\n", " ") for q in queries)


@pytest.fixture
def shop(module_app: Flask, browser: Browser) -> Iterator[FlaskClient]:
    """The unit is a shop with a word of each list; whoever looks at it reads Urdu."""
    change = text(
        "UPDATE survey_units SET business_type = :shop, house_type = :house, water_connection = 'Yes', use = :use,"
        " size_band = :size, kept_by_hand = '{}' WHERE survey_id = :id"
    )
    client = browser(Role.HEAD, None)

    def set_to(language: str, **values: str | None) -> None:
        with module_app.app_context(), db.engine.begin() as connection:
            connection.execute(change, {"id": UNIT, **values})
            connection.execute(
                text("UPDATE staff SET language = :language WHERE role = 'HEAD'"), {"language": language}
            )

    set_to("ur", shop="barber shops", house="Haveli of old", use="COMMERCIAL", size="SMALL")
    yield client
    set_to("en", shop=None, house="Pakka", use="DOMESTIC", size="M0_5")


def stored_shop(app: Flask) -> str | None:
    with app.app_context(), db.engine.begin() as connection:
        found: str | None = connection.scalar(
            text("SELECT business_type FROM survey_units WHERE survey_id = :id"), {"id": UNIT}
        )
    return found


BARBER, TAILOR = "حجام کی دکانیں", "درزی"


def test_words_of_lists_are_read_and_typed_in_urdu_and_kept_in_english(shop: FlaskClient, module_app: Flask) -> None:
    record = page(shop, f"/units/{UNIT}")
    assert BARBER in record and "barber shops" not in record.lower()
    assert "Haveli of old" in record  # what no list knows stays as the file has it
    assert "ون بل" in record and "1Bill" not in record.split("<main")[1]  # the channel of its payment
    listed = page(shop, "/units/")
    assert BARBER in listed and "barber shops" not in listed.lower()
    path = f"/units/{UNIT}/edit"
    form = form_of(shop, path)
    assert form["business_type"] == BARBER
    assert f'<option value="{TAILOR}">Tailors</option>' in page(shop, path)
    assert shop.post(path, data=form).status_code == 303
    assert stored_shop(module_app) == "barber shops"  # nothing was changed, whatever language it was shown in
    assert send(shop, path, business_type=TAILOR).status_code == 303
    assert stored_shop(module_app) == "Tailors"
    record = page(shop, f"/units/{UNIT}")
    assert TAILOR in record and BARBER in record  # and so does the history


def test_a_correction_is_shown_and_typed_in_urdu(shop: FlaskClient, module_app: Flask) -> None:
    path = f"/units/{UNIT}/correct"
    form = form_of(shop, path)
    assert form["business_type"] == BARBER
    answer = shop.post(path, data={**form, "use": "COMMERCIAL", "size_band": "SMALL", "business_type": TAILOR})
    assert answer.status_code == 303
    shown = page(shop, answer.headers["Location"])
    assert TAILOR in shown and BARBER in shown and "Tailors" not in shown
    with module_app.app_context(), db.engine.begin() as connection:
        fields = connection.scalar(text("SELECT fields FROM corrections ORDER BY id DESC LIMIT 1"))
    assert fields == {"business_type": ["barber shops", "Tailors"]}


def test_two_words_of_a_list_cannot_share_an_urdu_name(browser: Browser) -> None:
    client = browser()
    answer = send(client, "/lookups/business_type", name="Hair salons", name_ur=BARBER)
    assert answer.status_code == 409
    assert "Another word of the list has this Urdu name already." in answer.get_data(as_text=True)
    assert send(client, "/lookups/house_type", name="Of barbers", name_ur=BARBER).status_code == 303

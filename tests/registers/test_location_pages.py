"""The pages of the tree and of the lists of words, over HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.db import db
from portal.permissions import Role
from tests.imports.office import load_areas
from tests.imports.portal_files import survey_row
from tests.registers.test_pages import form_of, send
from tests.support import people
from tests.support.importing import assert_verified, bring_committed, write

ONE, TWO = "UC-1, Chak 1, Nilokot", "UC-2, Chak 2, Nilokot"


@pytest.fixture(scope="module")
def places(module_app: Flask, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    folder = tmp_path_factory.mktemp("files")
    found = load_areas(module_app, folder)
    with module_app.app_context():
        rows = [survey_row(1), survey_row(2), survey_row(3, union_council="Purana Chak")]
        bring_committed(write(folder, "survey", rows), as_of="2025-09-10")
    return found


@pytest.fixture(scope="module")
def browser(module_app: Flask, places: dict[str, int]) -> Callable[..., FlaskClient]:
    known = people.known_browsers(module_app)
    return lambda role=Role.ADMIN, area="Nilokot": known(role, places[area] if area else None)


def html(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path, follow_redirects=status == 200)
    assert answer.status_code == status, path
    return answer.get_data(as_text=True)


def post(client: FlaskClient, path: str, **data: str) -> int:
    token = people.csrf_token(html(client, "/me"))
    return client.post(path, data={"csrf_token": token, **data}).status_code


def verified(app: Flask) -> None:
    with app.app_context():
        assert_verified(db.session.connection())
        db.session.rollback()


def test_the_tree_is_looked_through_and_searched(browser: Callable[..., FlaskClient], places: dict[str, int]) -> None:
    assert ONE in html(browser(), "/locations/")
    assert f"/locations/{places[ONE]}" in html(browser(), "/locations/?find=chak+1")
    assert "Purana Chak" not in html(browser(), f"/locations/{places[ONE]}")
    html(browser(), f"/locations/{places['MC-9, Dharampur']}", 404)
    html(browser(Role.MANAGER), "/locations/", 403)


def test_edit_with_two_editors(module_app: Flask, browser: Callable[..., FlaskClient], places: dict[str, int]) -> None:
    path = f"/locations/{places['UC-4, Chak 4, Nilokot']}/edit"
    mine = form_of(browser(), path)
    assert send(browser(Role.HEAD, None), path, name="Chak Four", name_ur="چک چار").status_code == 303
    answer = browser().post(path, data={**mine, "name": "Chak 4 new"})
    assert answer.status_code == 409
    assert "Chak Four" in answer.get_data(as_text=True)
    verified(module_app)


def offered(page: str, what: str) -> set[int]:
    """The ids that a page lets one choose."""
    return {int(one) for one in re.findall(rf'/{what}\?(?:[^"]*&amp;)?to=(\d+)"', page)}


def test_the_forms_offer_only_where_a_location_can_go(
    browser: Callable[..., FlaskClient], places: dict[str, int]
) -> None:
    head, one, tehsil = browser(Role.HEAD, None), f"/locations/{places[ONE]}", places["Nilokot"]
    above = head.get(f"/locations/{tehsil}").get_data(as_text=True)
    district = max(int(found) for found in re.findall(r'/locations/(\d+)"', above) if int(found) < tehsil)
    # A union council: under another tehsil; into another union council, anywhere.
    assert offered(html(head, f"{one}/move?at={district}"), "move") == {places["Dharampur"]}
    assert offered(html(head, f"{one}/move?find=nilokot"), "move") == set()
    assert "at=" + str(tehsil) not in html(
        head, f"{one}/move?at={district}"
    )  # what lies in a tehsil is no place for it
    assert offered(html(head, f"{one}/merge?at={district}"), "merge") == set()
    siblings = {places[f"UC-{n}, Chak {n}, Nilokot"] for n in (2, 3, 4)}
    assert offered(html(head, f"{one}/merge?at={tehsil}"), "merge") == siblings
    assert offered(html(head, f"{one}/merge?find=chak"), "merge") == siblings
    # A tehsil: never into itself or what lies in it.
    path = f"/locations/{tehsil}"
    assert offered(html(head, f"{path}/move?at={tehsil}"), "move") == set()
    assert offered(html(head, f"{path}/merge?at={district}"), "merge") == {places["Dharampur"]}


@pytest.mark.parametrize(
    ("what", "name", "to", "sentence"),
    [
        ("move", ONE, "Nilokot", "It lies there already."),
        ("move", ONE, TWO, "A location of this kind cannot lie there."),
        ("move", "Nilokot", ONE, "A location of this kind cannot lie there."),
        ("merge", ONE, ONE, "Only two locations of one kind can be merged."),
        ("merge", ONE, "Dharampur", "Only two locations of one kind can be merged."),
    ],
)
def test_an_impossible_target_is_said_before_anything_is_asked(
    browser: Callable[..., FlaskClient], places: dict[str, int], what: str, name: str, to: str, sentence: str
) -> None:
    page = html(browser(Role.HEAD, None), f"/locations/{places[name]}/{what}?to={places[to]}")
    assert sentence in page
    assert 'id="area-find"' in page  # another can be chosen
    assert 'name="confirm"' not in page and 'method="post" action="/locations/' not in page


def test_moving_to_where_it_lies_says_so_and_changes_nothing(
    module_app: Flask, browser: Callable[..., FlaskClient], places: dict[str, int]
) -> None:
    client, path = browser(), f"/locations/{places[ONE]}"
    state = text(
        "SELECT l.version, (SELECT count(*) FROM audit_log WHERE entity = 'location') FROM locations l WHERE id = :id"
    )
    with module_app.app_context():
        before = db.session.execute(state, {"id": places[ONE]}).one()
        db.session.rollback()
    target = f"/locations/{places[ONE]}/move?to={places['Nilokot']}"
    token = people.csrf_token(html(client, "/me"))
    answer = client.post(target, data={"csrf_token": token, "version": str(before.version)}, follow_redirects=True)
    page = answer.get_data(as_text=True)
    assert "It lies there already. Nothing was changed." in page and "Moved" not in page
    assert answer.request.path == path
    with module_app.app_context():
        assert db.session.execute(state, {"id": places[ONE]}).one() == before
        db.session.rollback()


def test_add_name_move_merge_and_give_up(
    module_app: Flask, browser: Callable[..., FlaskClient], places: dict[str, int]
) -> None:
    client, one, two = browser(), places[ONE], places[TWO]
    assert post(client, f"/locations/{one}/names", alias="Purana Chak") == 303
    assert post(client, f"/locations/{two}/names", alias="Purana Chak") == 409
    shown = html(client, f"/locations/{one}")
    assert "Purana Chak" in shown
    assert "added by hand" in shown
    answer = send(client, f"/locations/{places['Nilokot']}/add", name="Naya", kind="UNION_COUNCIL", uc_type="RURAL")
    made = answer.headers["Location"]
    assert send(client, f"{made}/close").status_code == 422
    assert send(client, f"{made}/close", reason="made twice").status_code == 303
    assert send(client, f"{made}/restore").status_code == 303
    merge = f"/locations/{one}/merge?to={two}"
    assert send(client, merge, confirm="wrong").status_code == 422
    assert send(client, merge, confirm=ONE, reason="one place").status_code == 303
    verified(module_app)
    assert "Merged into" in html(client, f"/locations/{one}")
    with module_app.app_context():
        assert db.session.scalar(text("SELECT count(*) FROM survey_units WHERE location_id = :id"), {"id": two}) == 3
    assert send(browser(Role.HEAD, None), f"/locations/{two}/move?to={places['Dharampur']}").status_code == 303
    verified(module_app)
    html(client, f"/locations/{two}", 404)


def test_words_are_added_renamed_and_switched_off(browser: Callable[..., FlaskClient], module_app: Flask) -> None:
    client = browser()
    assert "Barber shops" in html(client, "/lookups/")
    assert post(client, "/lookups/house_type", name="Haveli", name_ur="حویلی") == 303
    assert post(client, "/lookups/house_type", name="HAVELI") == 409
    with module_app.app_context():
        word = db.session.execute(text("SELECT id, version FROM lookups WHERE name = 'Haveli'")).one()
        db.session.rollback()
    path = f"/lookups/house_type/{word.id}"
    head = browser(Role.HEAD, None)
    assert "Haveli" in html(head, "/units/2319001/edit")
    assert post(client, path, name="Haveli", version=str(word.version)) == 303
    assert post(client, path, name="Other", version=str(word.version)) == 409
    assert "Haveli" not in html(head, "/units/2319001/edit")
    html(client, "/lookups/nothing", 404)

"""Places to match: spellings that wait are linked or created, and their rows follow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.db import db, side_transaction
from portal.locations.locks import lock_registers
from portal.locations.matching import closeness
from portal.permissions import Role
from tests.imports.office import Office, flashed, load_areas
from tests.imports.portal_files import biller_row, paid_row, short_paid_row, survey_row
from tests.support.importing import assert_verified, bring_committed, write
from tests.support.queries import recorded_queries

LoginAs = Callable[..., FlaskClient]
MISSPELLED = "UC-2, Chakk 2, Nilokot"


@pytest.fixture
def places(app: Flask, tmp_path: Path) -> dict[str, int]:
    """Two rows of each register under a misspelled union council, one more in another tehsil."""
    ids = load_areas(app, tmp_path)
    with app.app_context():
        bills = [biller_row(1, uc=MISSPELLED), biller_row(2, uc=MISSPELLED)]
        bills.append(biller_row(3, tehsil="Dharampur", uc="MC-10, Dharampur"))
        bring_committed(write(tmp_path, "biller", bills), as_of="2025-11-30", month="2025-11")
        units = [survey_row(n, union_council=MISSPELLED) for n in (1, 2)]
        bring_committed(write(tmp_path, "survey", units), as_of="2025-11-30")
        bring_committed(write(tmp_path, "paid", [paid_row(1, uc=MISSPELLED)]), as_of="2025-12-10")
    return ids


def place_id(office: Office, name: str) -> int:
    found = office.scalar("SELECT min(id) FROM places WHERE name = :name", name=name)
    assert isinstance(found, int)
    return found


def test_a_spelling_is_linked_and_its_rows_follow(
    app: Flask, login_as: LoginAs, places: dict[str, int], tmp_path: Path
) -> None:
    office = Office(app, login_as(Role.ADMIN, [places["Nilokot"]]))
    listed = office.page("/places/")
    # The survey names no division, the other files do: still one place to match.
    assert office.scalar("SELECT count(*) FROM places WHERE name = :name", name=MISSPELLED) == 2
    assert listed.count(MISSPELLED) == 1
    assert "MC-10" not in listed
    waiting = place_id(office, MISSPELLED)
    page = office.page(f"/places/{waiting}")
    suggested = page.split("The closest names")[1]
    assert suggested.index("UC-2, Chak 2, Nilokot") < suggested.index("UC-1, Chak 1, Nilokot")
    assert "Link, and let 7 rows follow" in page  # 2 units, 2 accounts, 2 bills, 1 payment
    target = places["UC-2, Chak 2, Nilokot"]
    answer = office.post(f"/places/{waiting}/link", location_id=str(target))
    assert "7 rows followed" in flashed(office.client, answer)
    for table in ("survey_units", "accounts", "bills", "payments"):
        rows = office.rows(
            f"SELECT r.location_id FROM {table} r JOIN places p ON p.id = r.place_id WHERE p.name = :name",
            name=MISSPELLED,
        )
        assert {row.location_id for row in rows} == {target}, table
    with app.app_context(), db.engine.connect() as connection:
        assert_verified(connection)
        # Kept as a name of the location, also for files to come.
        bring_committed(write(tmp_path, "biller", [biller_row(9, uc=MISSPELLED)]), as_of="2025-12-15")
    assert office.scalar("SELECT location_id FROM accounts WHERE survey_id = '2319009'") == target
    (line,) = office.rows("SELECT action, actor, location_id, after FROM audit_log WHERE entity = 'place'")
    assert (line.action, line.location_id, line.after["rows"]["bills"]) == ("place.link", target, 2)


def test_matched_meanwhile_is_said_and_changes_nothing(app: Flask, login_as: LoginAs, places: dict[str, int]) -> None:
    first, second = Office(app, login_as(Role.HEAD)), Office(app, login_as(Role.HEAD))
    waiting = place_id(first, MISSPELLED)
    first.post(f"/places/{waiting}/link", location_id=str(places["UC-2, Chak 2, Nilokot"]))
    answer = second.post(f"/places/{waiting}/link", location_id=str(places["UC-1, Chak 1, Nilokot"]))
    assert "has been matched meanwhile" in flashed(second.client, answer)
    kept = second.scalar("SELECT location_id FROM places WHERE id = :id", id=waiting)
    assert kept == places["UC-2, Chak 2, Nilokot"]
    assert second.scalar("SELECT count(*) FROM audit_log WHERE entity = 'place'") == 1


def test_a_place_of_its_own_is_created(app: Flask, login_as: LoginAs, places: dict[str, int]) -> None:
    office = Office(app, login_as(Role.ADMIN, [places["Dharampur"]]))
    waiting = place_id(office, "MC-10, Dharampur")
    flashed(office.client, office.post(f"/places/{waiting}/create"))
    (made,) = office.rows("SELECT id, kind, parent_id FROM locations WHERE name = 'MC-10, Dharampur'")
    assert (made.kind, made.parent_id) == ("UNION_COUNCIL", places["Dharampur"])
    assert office.scalar("SELECT location_id FROM accounts WHERE survey_id = '2319003'") == made.id
    assert "Every place is matched" in office.page("/places/")
    with app.app_context(), db.engine.connect() as connection:
        assert_verified(connection)


def test_a_bare_city_cannot_be_created_from(
    app: Flask, login_as: LoginAs, places: dict[str, int], tmp_path: Path
) -> None:
    with app.app_context():
        bring_committed(write(tmp_path, "short", [short_paid_row(5, city="Atlantis")]), as_of="2025-12-11")
    office = Office(app, login_as(Role.HEAD))
    waiting = office.scalar("SELECT id FROM places WHERE tehsil = 'Atlantis'")
    assert "the location cannot be created from it" in office.page(f"/places/{waiting}")
    answer = office.post(f"/places/{waiting}/create")
    assert answer.status_code == 422
    assert "Link the place to a location instead" in answer.get_data(as_text=True)
    assert office.scalar("SELECT count(*) FROM locations WHERE match_key = 'atlantis'") == 0


def test_search_and_choice(app: Flask, login_as: LoginAs, places: dict[str, int]) -> None:
    office = Office(app, login_as(Role.ADMIN, [places["Nilokot"]]))
    waiting = place_id(office, MISSPELLED)
    found = office.page(f"/places/{waiting}?q=chak+4")
    assert "Rangpur › Nilokot › UC-4, Chak 4, Nilokot" in found
    assert "No location of your area holds" in office.page(f"/places/{waiting}?q=Dharampur")
    answer = office.post(f"/places/{waiting}/link")
    assert answer.status_code == 422
    assert "Choose a location" in answer.get_data(as_text=True)
    assert "No place to match holds" in office.page("/places/?q=nothing+like+it")
    assert MISSPELLED in office.page("/places/?q=chakk")


def test_only_within_ones_own_area(app: Flask, login_as: LoginAs, places: dict[str, int]) -> None:
    office = Office(app, login_as(Role.ADMIN, [places["Dharampur"]]))
    theirs, mine = place_id(office, MISSPELLED), place_id(office, "MC-10, Dharampur")
    assert office.client.get(f"/places/{theirs}").status_code == 404
    for action in ("link", "create"):
        answer = office.post(f"/places/{theirs}/{action}", location_id=str(places["MC-9, Dharampur"]))
        assert answer.status_code == 404, action
    foreign = office.post(f"/places/{mine}/link", location_id=str(places["UC-2, Chak 2, Nilokot"]))
    assert "no such location in your area" in flashed(office.client, foreign)
    assert office.scalar("SELECT count(*) FROM places WHERE state = 'LINKED'") == 0
    # A district cannot be reached from one of its tehsils.
    manager = Office(app, login_as(Role.MANAGER))
    assert manager.client.get("/places/").status_code == 403
    assert manager.post(f"/places/{mine}/link", location_id="1").status_code == 403


def test_nobody_waits_for_a_long_import(
    app: Flask, login_as: LoginAs, places: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_registers, "__defaults__", (1,))
    office = Office(app, login_as(Role.HEAD))
    waiting = place_id(office, MISSPELLED)
    with app.app_context(), side_transaction() as importing:
        importing.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('imports'))")
        answer = office.post(f"/places/{waiting}/link", location_id=str(places["UC-2, Chak 2, Nilokot"]))
        assert "A file is being imported at this moment" in flashed(office.client, answer)
    assert office.scalar("SELECT state FROM places WHERE id = :id", id=waiting) == "OPEN"


def test_lists_ask_few_queries_and_scan_no_register(app: Flask, login_as: LoginAs, places: dict[str, int]) -> None:
    office = Office(app, login_as(Role.HEAD))
    for path in ("/places/", f"/places/{place_id(office, MISSPELLED)}?q=chak"):
        with recorded_queries(app) as queries:
            office.page(path)
        assert len(queries) <= 12, path


def test_closeness() -> None:
    known = "uc2chak2nilokot"
    assert closeness(known, known) == 1.0
    assert closeness("uc2chakk2nilokot", known) > closeness("uc3chakk3nilokot", known)
    assert closeness("uc02chak2nilokot", known) > 0.95
    assert closeness("", known) == 0.0
    assert closeness("gulbergtown", known) < 0.5

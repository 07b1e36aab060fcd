"""The tree by hand: rows follow, files go on matching by the names they know, and area lists leave it alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.errors import ConflictError, InvalidInputError, NotFoundError
from portal.locations.models import Location, Place
from portal.permissions import AreaScope
from portal.registers import merging, service, tree
from tests.imports.portal_files import area_row, biller_row, paid_row, survey_row
from tests.support.importing import assert_verified, bring, write

PERSON = service.Actor("editor", None, AreaScope.everywhere())
UC = "UC-{0}, Chak {0}, Nilokot"
AREAS = [area_row(n) for n in range(1, 5)]
OTHER_TEHSIL = area_row(9, tehsil_id="71", tehsil_name="Dharampur", area_name="Urban - MC-9, Dharampur")


@pytest.fixture
def office(db_session: Session, tmp_path: Path) -> Session:
    """Two tehsils; units, accounts, bills and a payment in UC-1, one unit in UC-2."""
    db_session.execute(
        text("SELECT ensure_bill_partition(m::date) FROM generate_series(date '2025-08-01', '2026-01-01', '1 month') m")
    )
    bring(db_session, write(tmp_path, "areas", [*AREAS, OTHER_TEHSIL]), as_of="2025-09-01")
    bring(db_session, write(tmp_path, "survey", surveys()), as_of="2025-09-10")
    rows = [biller_row(n) for n in (1, 2, 3)]
    bring(db_session, write(tmp_path, "biller", rows), as_of="2025-11-20", month="2025-11")
    bring(db_session, write(tmp_path, "paid", [paid_row(1)]), as_of="2025-12-10")
    return db_session


def surveys() -> list[list[object]]:
    return [survey_row(1), survey_row(2), survey_row(3, union_council=UC.format(2))]


def location(session: Session, name: str, kind: str | None = None) -> Location:
    query = select(Location).where(Location.name == name).execution_options(populate_existing=True)
    return session.scalars(query if kind is None else query.where(Location.kind == kind)).one()


def units_in(session: Session, location_id: int) -> int:
    return int(session.scalar(text("SELECT count(*) FROM survey_units WHERE location_id = :id"), {"id": location_id}))


def bring_all_again(session: Session, folder: Path, day: str) -> None:
    """The same files once more, later: everything is matched anew."""
    bring(session, write(folder, "survey", surveys()), as_of=f"{day}")
    bring(session, write(folder, "biller", [biller_row(n) for n in (1, 2, 3)]), as_of=f"{day}", month="2025-11")
    bring(session, write(folder, "paid", [paid_row(1), paid_row(2)]), as_of=f"{day}")
    assert_verified(session.connection())


def test_a_renamed_location_is_found_by_both_names(office: Session, tmp_path: Path) -> None:
    one = location(office, UC.format(1))
    assert tree.edit(office, PERSON, one.id, one.version, "Chak One", "چک ایک", "RURAL", "shorter")
    assert_verified(office.connection())
    assert units_in(office, one.id) == 2
    # The area list still calls it otherwise: its name stays, and nothing is counted as changed.
    outcome = bring(office, write(tmp_path, "areas", [*AREAS, OTHER_TEHSIL]), as_of="2025-12-01")
    assert (outcome.counts.updated, outcome.counts.unchanged) == (0, 5)
    assert "KEPT_BY_HAND" in {finding["code"] for finding in outcome.findings}
    assert location(office, "Chak One").name_ur == "چک ایک"
    bring_all_again(office, tmp_path, "2025-12-12")
    rows = [*surveys(), survey_row(7, union_council="CHAK one")]
    bring(office, write(tmp_path, "survey", rows), as_of="2025-12-13")
    assert units_in(office, one.id) == 3
    assert office.scalar(text("SELECT count(*) FROM places WHERE state = 'OPEN'")) == 0


def test_a_renamed_tehsil_keeps_what_files_put_below_it(office: Session, tmp_path: Path) -> None:
    tehsil = location(office, "Nilokot")
    tree.edit(office, PERSON, tehsil.id, None, "Neelokot", "", "")
    assert_verified(office.connection())
    bring_all_again(office, tmp_path, "2025-12-12")
    assert units_in(office, location(office, UC.format(1)).id) == 2
    assert office.scalar(text("SELECT count(*) FROM places WHERE state = 'OPEN'")) == 0


def test_a_moved_location_stays_where_a_person_put_it(office: Session, tmp_path: Path) -> None:
    one, target = location(office, UC.format(1)), location(office, "Dharampur")
    assert tree.move(office, PERSON, one.id, one.version, target.id, "new boundaries")
    assert_verified(office.connection())
    outcome = bring(office, write(tmp_path, "areas", [*AREAS, OTHER_TEHSIL]), as_of="2025-12-01")
    assert outcome.counts.updated == 0
    bring_all_again(office, tmp_path, "2025-12-12")
    assert location(office, UC.format(1)).parent_id == target.id
    assert units_in(office, one.id) == 2
    tree.release(office, PERSON, one.id, None)
    bring(office, write(tmp_path, "areas", [*AREAS, OTHER_TEHSIL]), as_of="2025-12-14")
    assert location(office, UC.format(1)).parent_id == location(office, "Nilokot").id
    assert_verified(office.connection())


@pytest.mark.parametrize("whole_tehsil", [False, True])
def test_a_merged_location_takes_everything_along(office: Session, tmp_path: Path, whole_tehsil: bool) -> None:
    names = ("Dharampur", "Nilokot") if whole_tehsil else (UC.format(1), UC.format(2))
    gone, into = location(office, names[0]), location(office, names[1])
    seen = merging.effects(office, gone.id)
    assert seen.units == (0 if whole_tehsil else 2)
    with pytest.raises(ConflictError):
        merging.merge(office, PERSON, gone.id, None, into.id, "same place", promise="0-0-0")
    merging.merge(office, PERSON, gone.id, None, into.id, "same place", promise=seen.promise)
    assert_verified(office.connection())
    assert location(office, names[0]).merged_into_id == into.id
    outcome = bring(office, write(tmp_path, "areas", [*AREAS, OTHER_TEHSIL]), as_of="2025-12-01")
    assert (outcome.counts.inserted, outcome.counts.updated) == (0, 0)
    bring_all_again(office, tmp_path, "2025-12-12")
    assert units_in(office, gone.id) == 0
    if not whole_tehsil:
        assert units_in(office, into.id) == 3
    assert office.scalar(text("SELECT count(*) FROM locations WHERE name = 'MC-9, Dharampur'")) == 1
    with pytest.raises(ConflictError):
        tree.restore(office, PERSON, gone.id, None)


def test_what_is_merged_moves_in_every_table_that_knows_locations(office: Session) -> None:
    one, two = location(office, UC.format(1)), location(office, UC.format(2))
    office.execute(text("INSERT INTO staff (username, password_hash, role, full_name) VALUES ('x', '', 'AGENT', '')"))
    for place in (one, two):
        office.execute(
            text("INSERT INTO staff_areas (staff_id, location_id) SELECT id, :id FROM staff WHERE username = 'x'"),
            {"id": place.id},
        )
    merging.merge(office, PERSON, one.id, None, two.id, "same")
    assert office.scalars(text("SELECT location_id FROM staff_areas")).all() == [two.id]


def test_another_name_brings_the_rows_that_waited(office: Session, tmp_path: Path) -> None:
    rows = [*surveys(), survey_row(8, union_council="Purana Chak")]
    bring(office, write(tmp_path, "survey", rows), as_of="2025-12-01")
    one = location(office, UC.format(1))
    assert units_in(office, one.id) == 2
    made = tree.add_name(office, PERSON, one.id, "purana chak")
    assert units_in(office, one.id) == 3
    assert_verified(office.connection())
    with pytest.raises(ConflictError):
        tree.add_name(office, PERSON, location(office, UC.format(2)).id, "Purana Chak")
    tree.remove_name(office, PERSON, made.id)
    assert units_in(office, one.id) == 2
    assert_verified(office.connection())


def test_a_new_location_brings_the_rows_that_waited_and_an_empty_one_can_be_given_up(
    office: Session, tmp_path: Path
) -> None:
    rows = [*surveys(), survey_row(8, union_council="Naya Chak")]
    bring(office, write(tmp_path, "survey", rows), as_of="2025-12-01")
    tehsil = location(office, "Nilokot")
    made = tree.create(office, PERSON, tehsil.id, "UNION_COUNCIL", "Naya Chak", "", "RURAL")
    assert units_in(office, made.id) == 1
    with pytest.raises(ConflictError) as error:
        tree.create(office, PERSON, tehsil.id, "UNION_COUNCIL", "NAYA chak", "", "RURAL")
    assert error.value.code == "taken"
    with pytest.raises(ConflictError) as error:
        tree.close(office, PERSON, made.id, None, "not needed")
    assert error.value.code == "in_use"
    empty = tree.create(office, PERSON, tehsil.id, "UNION_COUNCIL", "Khali", "", "")
    tree.close(office, PERSON, empty.id, None, "made twice")
    tree.restore(office, PERSON, empty.id, None)
    with pytest.raises(InvalidInputError):
        tree.create(office, PERSON, tehsil.id, "DISTRICT", "Wrong", "", "")
    assert_verified(office.connection())


def test_the_tree_of_another_area_is_out_of_reach(office: Session) -> None:
    here, there = location(office, "Nilokot"), location(office, "Dharampur")
    local = service.Actor("local", None, AreaScope.of([here.id]))
    one = location(office, UC.format(1))
    with pytest.raises(NotFoundError):
        tree.move(office, local, one.id, None, there.id)
    with pytest.raises(NotFoundError):
        tree.edit(office, local, there.id, None, "Mine", "", "")
    with pytest.raises(NotFoundError):
        tree.create(office, local, there.id, "UNION_COUNCIL", "Mine", "", "")
    with pytest.raises(NotFoundError):
        merging.merge(office, local, location(office, "MC-9, Dharampur").id, None, one.id, "")


def test_a_linked_spelling_is_matched_by_its_name_again(office: Session, tmp_path: Path) -> None:
    rows = [*surveys(), survey_row(8, union_council="Kuch Aur")]
    bring(office, write(tmp_path, "survey", rows), as_of="2025-12-01")
    from portal.locations.service import link_place

    waiting = office.scalars(select(Place).where(Place.state == "OPEN")).one()
    link_place(office, waiting.id, location(office, UC.format(4)).id)
    assert units_in(office, location(office, UC.format(4)).id) == 1
    tree.unlink(office, PERSON, waiting.id)
    assert units_in(office, location(office, UC.format(4)).id) == 0
    assert_verified(office.connection())

"""The area list: what it may change in the tree, and for whom."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.locations.service import create_location_for
from portal.permissions import AreaScope
from tests.imports.portal_files import area_row, biller_row
from tests.support.importing import assert_verified, bring, state, write


@pytest.fixture(autouse=True)
def partitions(db_session: Session) -> None:
    """Made in the test's own transaction; an import would make them in another, which waits for this one."""
    db_session.execute(
        text("SELECT ensure_bill_partition(m::date) FROM generate_series(date '2025-09-01', '2026-01-01', '1 month') m")
    )


@pytest.fixture
def tree(db_session: Session, tmp_path: Path) -> dict[str, int]:
    """District Rangpur with tehsils Nilokot and Dharampur, district Lakeside with Westbrook; ids by portal id."""
    rows = [
        area_row(1),
        area_row(2),
        area_row(9, tehsil_id="71", tehsil_name="Dharampur", area_name="Urban - MC-9, Dharampur"),
        area_row(20, district_id="8", district_name="Lakeside", tehsil_id="80", tehsil_name="Westbrook"),
    ]
    bring(db_session, write(tmp_path, "areas", rows), as_of="2025-01-01")
    found = db_session.execute(text("SELECT portal_id, id FROM locations WHERE portal_id IS NOT NULL")).all()
    return {row.portal_id: row.id for row in found}


def tree_now(session: Session) -> dict[str, tuple[str, str | None]]:
    """(name, portal id of the parent) of every node, by portal id."""
    rows = session.execute(
        text(
            "SELECT l.portal_id, l.name, p.portal_id AS above"
            " FROM locations l LEFT JOIN locations p ON p.id = l.parent_id WHERE l.portal_id IS NOT NULL"
        )
    )
    return {row.portal_id: (row.name, row.above) for row in rows}


def test_names_outside_the_uploaders_area_stay(db_session: Session, tree: dict[str, int], tmp_path: Path) -> None:
    rows = [
        area_row(1, district_name="Mine Now", tehsil_name="Neelokot"),
        area_row(2, district_name="Mine Now", tehsil_name="Neelokot", area_name="Rural - UC-2, Renamed"),
    ]
    outcome = bring(db_session, write(tmp_path, "areas", rows), as_of="2025-02-01", scope=AreaScope.of([tree["70"]]))
    assert (outcome.counts.updated, outcome.counts.rejected) == (2, 0)
    now = tree_now(db_session)
    assert now["7"][0] == "Rangpur", "the district is not his"
    assert now["70"] == ("Neelokot", "7"), "the tehsil is"
    assert now["702"][0] == "UC-2, Renamed"


def test_a_district_that_is_not_his_makes_no_change(db_session: Session, tree: dict[str, int], tmp_path: Path) -> None:
    path = write(tmp_path, "areas", [area_row(1, district_name="Mine Now")])
    outcome = bring(db_session, path, as_of="2025-02-01", scope=AreaScope.of([tree["70"]]))
    assert (outcome.counts.unchanged, outcome.counts.updated) == (1, 0)


@pytest.mark.parametrize(
    "values",
    [
        {"tehsil_id": "80", "tehsil_name": "Taken"},
        {"tehsil_id": "80", "tehsil_name": "Taken", "district_id": "8", "district_name": "Taken"},
        {"tehsil_id": "71", "tehsil_name": "Dharampur"},
        {"district_id": "8", "district_name": "Lakeside"},
        {"district_id": "99", "district_name": "New"},
        {"tehsil_id": "999", "tehsil_name": "New"},
    ],
)
def test_nothing_is_hung_into_an_area_of_others(
    db_session: Session, tree: dict[str, int], tmp_path: Path, values: dict[str, str]
) -> None:
    before = tree_now(db_session)
    outcome = bring(
        db_session,
        write(tmp_path, "areas", [area_row(1, **values)]),
        as_of="2025-02-01",
        scope=AreaScope.of([tree["70"]]),
    )
    assert outcome.counts.rejected == 1
    assert [finding["code"] for finding in outcome.findings if finding["severity"] == "REJECT"] == ["OUTSIDE_AREA"]
    assert tree_now(db_session) == before


def test_within_the_area_everything_moves(db_session: Session, tree: dict[str, int], tmp_path: Path) -> None:
    rows = [
        area_row(1, tehsil_id="71", tehsil_name="Dharampur"),
        area_row(30, tehsil_id="72", tehsil_name="Newtown"),
    ]
    outcome = bring(db_session, write(tmp_path, "areas", rows), as_of="2025-02-01", scope=AreaScope.of([tree["7"]]))
    assert (outcome.counts.updated, outcome.counts.inserted, outcome.counts.rejected) == (1, 1, 0)
    now = tree_now(db_session)
    assert now["701"][1] == "71"
    assert (now["730"][1], now["72"]) == ("72", ("Newtown", "7"))


def test_a_renamed_tehsil_is_said_for_every_row(db_session: Session, tree: dict[str, int], tmp_path: Path) -> None:
    path = write(tmp_path, "areas", [area_row(n, tehsil_name="Neelokot") for n in (1, 2)])
    outcome = bring(db_session, path, as_of="2025-02-01")
    assert outcome.counts.updated == 2
    assert [sample["changes"] for sample in outcome.samples] == [{"tehsil": ["Nilokot", "Neelokot"]}] * 2
    kept = db_session.scalars(
        text("SELECT changes FROM import_rows WHERE batch_id = (SELECT max(id) FROM import_batches)")
    )
    assert list(kept) == [{"tehsil": ["Nilokot", "Neelokot"]}] * 2


def test_what_was_made_by_hand_is_the_portals_when_its_list_comes(db_session: Session, tmp_path: Path) -> None:
    """Also a district, which the first biller list has hung under its division by then."""
    biller = write(tmp_path, "biller", [biller_row(1)])
    areas = write(tmp_path, "areas", [area_row(1)])
    nested = db_session.begin_nested()
    bring(db_session, areas, as_of="2025-01-01")
    bring(db_session, biller, as_of="2025-11-30", month="2025-11")
    wanted = state(db_session.connection())
    nested.rollback()
    db_session.expire_all()

    bring(db_session, biller, as_of="2025-11-30", month="2025-11")
    (open_place,) = db_session.scalars(text("SELECT id FROM places WHERE state = 'OPEN'")).all()
    made = create_location_for(db_session, open_place)
    bring(db_session, areas, as_of="2025-01-01")
    assert db_session.scalar(text("SELECT portal_id FROM locations WHERE id = :id"), {"id": made.id}) == "701"
    assert state(db_session.connection()) == wanted
    assert_verified(db_session.connection())

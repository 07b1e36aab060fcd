"""What a reader gets to know of another area: nothing, also by the way of a record that has moved there."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text, update

from dashapps.overview.queries import read_stamp
from portal.billing.models import Account, AccountBalance
from portal.db import read_snapshot, transaction
from portal.imports.models import ImportBatch
from portal.locations.models import Location
from portal.permissions import AreaScope, PersonalSight, Role
from portal.reports.catalogue import find_report
from portal.reports.reader import open_query, read_block
from tests.imports.office import Office, load_areas
from tests.imports.portal_files import biller_row
from tests.support.importing import write
from tests.support.people import add_staff, sign_in
from tests.support.places import small_tree
from tests.support.register import Registered, register

SECRET = "Zzyzx"


@pytest.fixture(scope="module")
def tree(module_app: Flask) -> dict[str, int]:
    return small_tree(module_app)


@pytest.fixture(scope="module")
def moved(module_app: Flask, tree: dict[str, int]) -> Registered:
    """A consumer billed and paid in Khushab, whose account stands in Bhakkar since, with a new name and number."""
    with module_app.app_context(), transaction() as session:
        here = session.get(Location, tree["mc-9"])
        assert here is not None
        thing = register(session, here, 1, "Aslam")
        new = {"consumer_name": SECRET, "mobile": "03451414213", "cnic": "3820271828459"}
        session.execute(update(Account).values(location_id=tree["other mc-9"], **new))
        session.execute(update(AccountBalance).values(location_id=tree["other mc-9"]))  # which follows its account
    return thing


@pytest.mark.parametrize("report", ["bill-register", "payment-register"])
def test_reports_do_not_show_an_account_that_has_left_the_area(
    module_app: Flask, tree: dict[str, int], moved: Registered, report: str
) -> None:
    def rows(scope: AreaScope) -> list[list[Any]]:
        with module_app.test_request_context(), read_snapshot() as connection:
            query = open_query(
                connection, find_report(report), {}, scope, cycle_start_day=16, sight=PersonalSight(everybody=True)
            )
            return read_block(connection, query, 0).rows

    own = rows(AreaScope.of([tree["khushab"]]))
    assert len(own) == 1
    assert moved.psid in own[0]
    assert SECRET not in str(own)
    assert "03451414213" not in str(own)
    assert SECRET in str(rows(AreaScope.everywhere()))


def test_pages_and_files_do_not_either(module_app: Flask, tree: dict[str, int], moved: Registered) -> None:
    client: FlaskClient = sign_in(module_app.test_client(), add_staff(module_app, Role.ADMIN, [tree["khushab"]]))
    for path in (
        "/reports/bill-register.csv", "/reports/payment-register.csv", "/reports/outstanding.csv", "/units.csv",
        "/accounts.csv", f"/units/{moved.survey_id}", "/units/", "/accounts/", "/dash/reports/bill-register",
    ):  # fmt: skip
        answer = client.get(path, buffered=True)
        assert answer.status_code == 200, path
        body = answer.get_data(as_text=True)
        assert SECRET not in body, path
        assert "1414213" not in body, path
    assert client.get(f"/accounts/{moved.psid}").status_code == 404


@pytest.mark.parametrize(
    ("areas", "counts"),
    [(None, True), (["khushab"], True), (["mc-9"], True), (["punjab"], True), (["bhakkar"], False), ([], False)],
)
def test_figures_are_as_of_a_file_that_can_concern_the_area(
    module_app: Flask, tree: dict[str, int], moved: Registered, areas: list[str] | None, counts: bool
) -> None:
    newer = dt.datetime(2026, 3, 4, tzinfo=dt.UTC)
    with module_app.app_context(), transaction() as session:
        ids = None if areas is None else [tree[name] for name in areas]
        batch = ImportBatch(
            kind="paid", file_name="x.csv", file_sha256="0" * 64, file_size=1, status="DONE", as_of=newer,
            area_ids=ids,
        )  # fmt: skip
        session.add(batch)
        session.flush()
        with_it = read_stamp(session.connection(), AreaScope.of([tree["khushab/khushab"]])).as_of
        session.rollback()
    assert (with_it == newer) is counts


TAKEN = {
    "nothing": ("SELECT 1", "DONE"),
    "active": ("UPDATE staff SET is_active = false WHERE username = :name", "FAILED"),
    "role": ("UPDATE staff SET role = 'SUPERVISOR' WHERE username = :name", "FAILED"),
    "area": (
        "UPDATE staff_areas SET location_id = (SELECT min(id) FROM locations WHERE name = 'Dharampur')"
        " WHERE staff_id = (SELECT id FROM staff WHERE username = :name)",
        "FAILED",
    ),
}


@pytest.mark.parametrize("taken", list(TAKEN))
def test_a_job_acts_only_as_long_as_its_person_may(app: Flask, tmp_path: Path, taken: str) -> None:
    """Confirmed, then deactivated, degraded or moved to another area before the worker comes to it."""
    areas = load_areas(app, tmp_path)
    name = add_staff(app, Role.ADMIN, [areas["Nilokot"]])
    office = Office(app, sign_in(app.test_client(), name))
    batch_id = office.checked(write(tmp_path, "biller", [biller_row(1)], "02_Biller_2025-11-01.csv"))
    assert office.decide(batch_id).status_code == 303
    statement, status = TAKEN[taken]
    with app.app_context(), transaction() as session:
        session.execute(text(statement), {"name": name} if ":name" in statement else {})
    assert office.work() == ["imports.commit"]
    assert office.batch(batch_id).status == status
    assert office.scalar("SELECT count(*) FROM accounts") == (1 if status == "DONE" else 0)
    if status == "FAILED":
        assert "may not import any more" in str(office.batch(batch_id).error)

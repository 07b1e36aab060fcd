"""Whatever comes as a file to keep needs the permission to export, and leaves its lines in the log."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.routing import Rule

from portal.db import side_transaction, transaction
from portal.locations.models import Location
from portal.permissions import Permission, Role, role_allows
from portal.web.guard import permission_of
from tests.support.people import add_staff, sign_in
from tests.support.places import small_tree
from tests.support.register import MONTH, Registered, register
from tests.test_access import all_rules, example

# Files that hold nothing of the registers.
NO_EXPORT = {"people_bulk.template": "the empty form of a list of people"}
NAMES = {"overview": ("all", "league", "daily"), "reports": ("bill-register", "payment-register", "outstanding")}


@pytest.fixture(scope="module")
def thing(module_app: Flask) -> Registered:
    tree = small_tree(module_app)
    with module_app.app_context(), transaction() as session:
        here = session.get(Location, tree["mc-9"])
        assert here is not None
        return register(session, here, 1, "Aslam")


@pytest.fixture(scope="module")
def browsers(module_app: Flask, thing: Registered) -> dict[Role, FlaskClient]:
    return {role: sign_in(module_app.test_client(), add_staff(module_app, role)) for role in Role}


def paths(app: Flask, rule: Rule, thing: Registered) -> set[str]:
    """Addresses of a rule, with every format and name that may matter."""
    values = example(rule, thing)
    made = [values]
    if "file_format" in values:
        made = [{**values, "file_format": kind} for kind in ("csv", "xlsx")]
    if "code" in values:
        made = [{**one, "code": "PENDING_SURVEY"} for one in made]
    if "which" in values:
        made = [{**one, "which": which} for one in made for which in ("rejected", "changed", "pending", "duplicates")]
    for part, names in NAMES.items():
        if "name" in values and part in rule.rule:
            made = [{**one, "name": name} for one in made for name in names]
    with app.test_request_context():
        built = (rule.build(one, append_unknown=False) for one in made)
        return {path for found in built if found for path in [found[1]]}


def files(app: Flask, browser: FlaskClient, thing: Registered) -> dict[str, str]:
    """{address: endpoint} of everything that a browser is given to keep."""
    found = {}
    for rule, method in all_rules(app):
        if method != "GET":
            continue
        for path in paths(app, rule, thing):
            asked = {"cycle": f"{MONTH:%Y-%m}"} if "overview" in path else {}
            answer = browser.get(path, query_string=asked, buffered=True)
            if answer.headers.get("Content-Disposition", "").startswith("attachment"):
                assert answer.status_code == 200
                found[path] = rule.endpoint
    return found


def test_every_file_is_an_export_and_noted(
    module_app: Flask, browsers: dict[Role, FlaskClient], thing: Registered
) -> None:
    given = files(module_app, browsers[Role.HEAD], thing)
    endpoints = set(given.values())
    assert {
        "reports.download_csv", "reports.download_xlsx", "lists.units", "lists.accounts", "imports.rows",
        "imports.finding_download", "audit.download", "dash.overview.download/<name>.csv",
    } <= endpoints  # fmt: skip
    for path, endpoint in given.items():
        if endpoint not in NO_EXPORT:
            assert permission_of(module_app, endpoint) is Permission.EXPORT, endpoint
            for role, browser in browsers.items():
                expected = 200 if role_allows(role, Permission.EXPORT) else 403
                assert browser.get(path, buffered=True).status_code == expected, f"{role} {path}"


def lines(app: Flask) -> list[str]:
    with app.app_context(), side_transaction() as connection:
        found = connection.scalars(text("SELECT action FROM audit_log WHERE action ~ 'export|download' ORDER BY id"))
        return list(found)


def test_each_file_leaves_a_beginning_and_an_end(
    module_app: Flask, browsers: dict[Role, FlaskClient], thing: Registered
) -> None:
    for path, endpoint in files(module_app, browsers[Role.MANAGER], thing).items():
        before = lines(module_app)
        assert browsers[Role.MANAGER].get(path, buffered=True).status_code == 200
        added = lines(module_app)[len(before) :]
        if endpoint in NO_EXPORT:
            assert added == []
        elif endpoint.startswith("dash."):
            assert added == ["dashboard.export.csv"]
        else:
            assert len(added) == 2, (path, added)
            assert added[1] == "export.done", (path, added)
            assert added[0] == "import.download" or ".export." in added[0], (path, added)

"""No list, search or record page reads a large table from end to end, or more rows of it than it may.

Every SELECT of a page is run again under EXPLAIN ANALYZE, with its own parameters and planner settings, on a register
of a hundred and sixty thousand rows whose tehsils lie one after another, as imports leave them.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text

from portal.billing.cycles import add_months, cycle_of
from portal.db import db, transaction
from portal.permissions import Role
from portal.records import listing
from portal.search import finder
from portal.web.format import KARACHI
from tests.records import volume
from tests.support import people

MONTH = cycle_of(dt.datetime.now(KARACHI).date(), 16)
UNITS = 42_000
LARGE = ("bills", "payments", "accounts", "survey_units", "unit_cycles", "unit_states", "import_rows", "audit_log")
# One page may look at a window of rows, and at the rows of a rare word; never at a register.
MOST_ROWS = listing.WINDOW + finder.WINDOW

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(module_app: Flask) -> volume.Volume:
    with module_app.app_context():
        with transaction() as session:
            loaded = volume.load(session.connection(), units=UNITS, months=[add_months(MONTH, -1), MONTH], councils=14)
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE)"))
        return loaded


@pytest.fixture(scope="module")
def browser(module_app: Flask, data: volume.Volume) -> Callable[..., FlaskClient]:
    known = people.known_browsers(module_app)
    return lambda area=None: known(Role.SUPERVISOR, area)


@pytest.fixture(scope="module")
def empty_tables(module_app: Flask, data: volume.Volume) -> set[str]:
    """Month partitions without a row: reading one from end to end is reading nothing."""
    with module_app.app_context(), db.engine.connect() as connection:
        months = "relname LIKE 'bills_y%' OR relname LIKE 'audit_log_%'"
        names = connection.scalars(text(f"SELECT relname FROM pg_class WHERE ({months}) AND relkind = 'r'"))
        return {name for name in names if connection.scalar(text(f"SELECT NOT EXISTS (SELECT FROM {name})"))}


@contextmanager
def sent(app: Flask) -> Iterator[list[tuple[str, Any]]]:
    """The statements an app sends meanwhile, with their parameters."""
    statements: list[tuple[str, Any]] = []

    def before(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        statements.append((statement, parameters))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", before)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", before)


def plans(app: Flask, statements: list[tuple[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(statement, plan node) of every node of every SELECT, measured."""

    def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield plan
        for below in plan.get("Plans", []):
            yield from nodes(below)

    with app.app_context(), db.engine.connect() as connection, connection.begin():
        for statement, parameters in statements:
            if not statement.startswith("SELECT"):
                connection.exec_driver_sql(statement, parameters or None)
                continue
            explained = connection.exec_driver_sql(
                f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", parameters or None
            ).scalar()
            plan = json.loads(explained) if isinstance(explained, str) else explained
            for node in nodes(plan[0]["Plan"]):
                yield statement, node


def touched(node: dict[str, Any]) -> float:
    """Rows a node has looked at, over all its loops."""
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float((node["Actual Rows"] + removed) * node["Actual Loops"])


PAGES = {
    "units": "/units/",
    "units of a tehsil": "/units/?area={last}",
    "units, use": "/units/?use=COMMERCIAL",
    "units, state": "/units/?state=surveyed",
    "units, closed": "/units/?state=closed",
    "accounts, closed": "/accounts/?state=closed",
    "units, no bill": "/units/?state=listed&use=COMMERCIAL&size=LARGE",
    "units, paid": "/units/?status=paid&size=M40_PLUS",
    "units of a council by name": "/units/?area={council}&sort=name",
    "units, common word": "/units/?q=muhammad",
    "units, rare word": "/units/?q=muhammad+0abc",
    "units, word of another tehsil": "/units/?q={word}&area={first}",
    "accounts": "/accounts/",
    "accounts, pending": "/accounts/?state=pending",
    "accounts, paid": "/accounts/?status=paid",
    "accounts, listed": "/accounts/?state=listed&use=COMMERCIAL&size=SMALL",
    "accounts of a council by debt": "/accounts/?area={council}&sort=-outstanding",
    "search, common": "/search?q=muhammad",
    "search, two words": "/search?q=muhammad+akram",
    "search, rare": "/search?q=0abc",
    "search, nothing": "/search?q=nobodyhere",
    "search, word of one tehsil": "/search?q={word}",
    "search, Urdu": "/search?q=محمد",
    "search, number": "/search?q=1000007",
    "unit": "/units/1000007",
    "account": "/accounts/26770000000001000007",
    "all of an account": "/accounts/26770000000001000007?all=1",
}


@pytest.mark.parametrize("scope", ["everywhere", "first", "last", "council"])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_reads_a_large_table(
    module_app: Flask,
    data: volume.Volume,
    empty_tables: set[str],
    browser: Callable[..., FlaskClient],
    name: str,
    scope: str,
) -> None:
    places = {
        "first": data.tehsils[0],
        "last": data.tehsils[-1],
        "council": data.union_council,
        "word": volume.TEHSIL_WORD,
    }
    client = browser(places.get(scope))
    path = PAGES[name].format(**places)
    client.get(path)
    with sent(module_app) as statements:
        answer = client.get(path)
    assert answer.status_code in {200, 303} or (scope != "everywhere" and answer.status_code == 404)
    assert len(statements) <= 12
    for statement, node in plans(module_app, statements):
        table = node.get("Relation Name", "")
        if not table.startswith(LARGE) or table in empty_tables:
            continue
        assert node["Node Type"] != "Seq Scan", f"{table} is read from end to end by\n{statement}"
        assert touched(node) <= MOST_ROWS, f"{touched(node)} rows of {table} are looked at by\n{statement}"


@pytest.mark.parametrize("path", ["/units/?area={last}", "/accounts/?state=billed", "/units/?use=COMMERCIAL"])
def test_the_last_page_costs_no_more_than_the_first(
    module_app: Flask, data: volume.Volume, browser: Callable[..., FlaskClient], path: str
) -> None:
    """A page in the middle of the last union council looks at as few rows as the first page."""
    with module_app.test_request_context():
        from portal.web.pages import make_cursor

        table = path.split("/")[1]
        register = {"units": "survey_units", "accounts": "accounts"}[table]
        with db.engine.connect() as connection:
            row = connection.execute(
                text(f"SELECT location_id, id FROM {register} ORDER BY id DESC OFFSET 400 LIMIT 1")
            ).one()
        cursor = make_cursor(f"places:{register}", False, [row.location_id, row.id])
    with sent(module_app) as statements:
        answer = browser().get(f"{path.format(last=data.tehsils[-1])}{'&' if '?' in path else '?'}cursor={cursor}")
    assert answer.status_code == 200
    assert answer.get_data(as_text=True).count('class="row-link') > 10
    for _statement, node in plans(module_app, statements):
        if node.get("Relation Name", "").startswith(LARGE):
            assert touched(node) <= 2_000

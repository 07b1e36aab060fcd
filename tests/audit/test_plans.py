"""How PostgreSQL reads the log: by index, a page at a time, also with a hundred thousand lines and many months."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.audit.partitions import plus_months
from portal.db import db, side_transaction
from portal.permissions import Role
from portal.web.format import KARACHI
from tests.records.test_plans import sent, touched
from tests.support import people
from tests.support.places import small_tree

pytestmark = [pytest.mark.slow, pytest.mark.pg15]

LINES, MONTHS, AGENTS = 120_000, 30, 60
# Two pages and what a filter passes over on its way; a tenth of the log at the very most.
MOST_ROWS = LINES // 10

_FILL = """
INSERT INTO audit_log (at, staff_id, actor, action, entity, entity_id, location_id, address)
SELECT now() - n * make_interval(secs => :step), s.id, s.username,
    CASE WHEN n % 1000 = 0 THEN 'staff.edit' WHEN n % 50 = 0 THEN 'report.export.csv'
         WHEN n % 7 = 0 THEN 'staff.sign_in' ELSE 'personal.view' END,
    CASE WHEN n % 1000 = 0 THEN 'staff' WHEN n % 50 = 0 THEN 'report' WHEN n % 7 = 0 THEN 'staff' ELSE 'unit' END,
    CASE WHEN n % 1000 = 0 OR n % 7 = 0 THEN s.id::text ELSE (n % 30000)::text END,
    CASE WHEN n % 50 = 0 OR n % 7 = 0 THEN NULL WHEN n % 500 = 3 THEN :rare ELSE :common END, '192.0.2.1'
FROM generate_series(1, :lines) n JOIN (SELECT id, username, row_number() OVER (ORDER BY id) - 1 AS at FROM staff
    WHERE username LIKE 'walker%') s ON s.at = n % :agents
"""


@pytest.fixture(scope="module")
def places(module_app: Flask) -> dict[str, int]:
    tree = small_tree(module_app)
    today = dt.datetime.now(KARACHI).date()
    with module_app.app_context():
        with side_transaction() as connection:
            for back in range(MONTHS + 1):
                month = plus_months(today, -back)
                connection.execute(text("SELECT ensure_audit_partition(:month)"), {"month": month})
            connection.execute(
                text(
                    "INSERT INTO staff (username, password_hash, role) SELECT 'walker' || n, '', 'AGENT'"
                    " FROM generate_series(1, :agents) n"
                ),
                {"agents": AGENTS},
            )
            connection.execute(
                text("INSERT INTO staff_areas SELECT id, :place FROM staff WHERE username LIKE 'walker%'"),
                {"place": tree["mc-9"]},
            )
            step = MONTHS * 30 * 86_400 / LINES
            values = {"step": step, "lines": LINES, "agents": AGENTS, "rare": tree["noorpur"], "common": tree["mc-9"]}
            connection.execute(text(_FILL), values)
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE) audit_log"))
    return tree


@pytest.fixture(scope="module")
def browsers(module_app: Flask, places: dict[str, int]) -> dict[str, FlaskClient]:
    areas = {Role.HEAD: None, Role.MANAGER: [places["khushab"]], Role.ADMIN: [places["noorpur"]]}
    return {
        str(role): people.sign_in(module_app.test_client(), people.add_staff(module_app, role, area))
        for role, area in areas.items()
    }


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


FILTERS = (
    "", "group=staff", "group=downloads", "group=personal", "group=settings", "entity=report", "entity=account",
    "id=17", "id=17&entity=unit", "id=nothing", "who={walker}", "who={walker}&group=staff", "area={rare}",
    "area={common}", "area={rare}&group=personal", "from={old}&to={older}", "from={old}", "to={older}&who={walker}",
)  # fmt: skip


@pytest.mark.parametrize("who", ["HEAD", "MANAGER", "ADMIN"])
@pytest.mark.parametrize("filters", FILTERS)
def test_a_page_looks_at_few_lines(
    module_app: Flask, browsers: dict[str, FlaskClient], places: dict[str, int], who: str, filters: str
) -> None:
    today = dt.datetime.now(KARACHI).date()
    with module_app.app_context(), side_transaction() as connection:
        walker = connection.scalar(text("SELECT id FROM staff WHERE username = 'walker7'"))
    asked = filters.format(
        walker=walker, rare=places["noorpur"], common=places["mc-9"], old=today - dt.timedelta(days=400),
        older=today - dt.timedelta(days=380),
    )  # fmt: skip
    with sent(module_app) as statements:
        began = time.perf_counter()
        answer = browsers[who].get(f"/audit/?{asked}")
        took = time.perf_counter() - began
    if answer.status_code == 404:
        assert who == "ADMIN"
        assert "area={common}" in filters
        return
    assert answer.status_code == 200
    assert took < 10  # of one process on a busy machine; what it reads is looked at below
    reading = [(sql, values) for sql, values in statements if "FROM audit_log" in sql and sql.startswith("SELECT")]
    assert reading
    with module_app.app_context(), db.engine.connect() as connection:
        for sql, values in reading:
            found = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", values or None)
            plan = found.scalar()
            plan = json.loads(plan) if isinstance(plan, str) else plan
            looked_at = 0.0
            for node in nodes(plan[0]["Plan"]):
                if node.get("Relation Name", "").startswith("audit_log"):
                    looked_at += touched(node)
                    whole = node["Node Type"] == "Seq Scan" and touched(node) > 1000
                    assert not (whole and "ORDER BY" in sql), (node["Relation Name"], sql)
            assert looked_at <= MOST_ROWS, (looked_at, sql)

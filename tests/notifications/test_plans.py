"""The bell and the centre look at a person's own rows only, however many there are in all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Select, select, text
from sqlalchemy.dialects import postgresql

from portal.db import db, side_transaction
from portal.notifications import selects
from portal.notifications.models import Notification
from portal.notifications.selects import CentreFilter
from portal.permissions import Role
from portal.staff.models import Staff
from tests.notifications.world import World, make_world

ROWS = 120_000


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    """Each has thousands of notifications of many things, nearly all of them read."""
    world = make_world(module_app)
    with module_app.app_context():
        with side_transaction() as connection:
            connection.execute(
                text(
                    "INSERT INTO notifications (staff_id, type, kind, message, event_key, read_at, location_id)"
                    " SELECT s.id, CASE n % 3 WHEN 0 THEN 'import.done' WHEN 1 THEN 'ticket.comment'"
                    " ELSE 'security.password' END, 'info', '{\"en\": \"x\"}', 'n' || n,"
                    " CASE WHEN n % 40 > 0 THEN now() END, CASE WHEN n % 2 = 0 THEN CAST(:here AS int) END"
                    " FROM staff s, generate_series(1, :rows / (SELECT count(*) FROM staff)) n"
                ),
                {"here": world.here.location_id, "rows": ROWS},
            )
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE) notifications"))
    return world


def plan(app: Flask, query: Select[Any]) -> list[dict[str, Any]]:
    """The nodes of a query's plan that read notifications, with what they did."""
    sql = str(query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
    with app.app_context(), db.engine.connect() as connection:
        explained = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql.replace('%', '%%')}").scalar_one()
    found: list[dict[str, Any]] = []
    waiting = [(explained if isinstance(explained, list) else json.loads(explained))[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        if node.get("Relation Name") == "notifications":
            found.append(node)
    return found


@pytest.mark.parametrize("role", [Role.AGENT, Role.ADMIN])
def test_the_bell(world: World, role: Role) -> None:
    one = world.people[role, "here"]
    nodes = plan(world.app, select(Staff.id, selects.unread_count()).where(Staff.id == one))
    assert len(nodes) == 1
    assert nodes[0]["Index Name"] == "ix_notifications_unread"
    assert nodes[0]["Actual Rows"] <= selects.MOST_COUNTED


@pytest.mark.parametrize(
    "wanted",
    [CentreFilter(), CentreFilter(unread=True), CentreFilter(group="imports"), CentreFilter(kind="error")],
    ids=["all", "unread", "imports", "none at all"],
)
def test_the_centre(world: World, wanted: CentreFilter) -> None:
    one = world.people[Role.ADMIN, "here"]
    query = selects.centre(one, wanted).order_by(Notification.id.desc()).limit(31)
    nodes = plan(world.app, query)
    assert nodes
    for node in nodes:
        assert node["Node Type"] != "Seq Scan", node
        # One's own rows at most.
        looked_at = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        assert looked_at <= ROWS / len(world.people) + 1

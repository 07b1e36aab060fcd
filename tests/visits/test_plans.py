"""No page of visits reads the table of visits, or that of units, from end to end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.db import db, transaction
from portal.locations.models import UNION_COUNCIL, Location
from portal.permissions import Role
from tests.records.test_plans import plans, sent, touched
from tests.support import people
from tests.support.places import add_place, small_tree
from tests.support.register import register

pytestmark = pytest.mark.slow

# Of a hundred thousand units each with a visit in the last hundred days, one in ten waiting for review.
UNITS = """
    INSERT INTO survey_units (survey_id, place_id, location_id, as_of, gps_lat, gps_lon)
    SELECT (5000000 + n)::text, p.id, l.id, now(), 32, 72 FROM generate_series(1, 100000) n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS at FROM locations WHERE kind = 'UNION_COUNCIL') l
        ON l.at = n % :councils
    CROSS JOIN (SELECT min(id) AS id FROM places) p"""
VISITS = """
    INSERT INTO compliance_visits (client_uuid, unit_id, location_id, staff_id, visit_type, outcome, visited_at, doubts,
                                   review_state, gps_lat, gps_lon, distance_m)
    SELECT gen_random_uuid(), u.id, u.location_id, s.id, (array['ROUTINE', 'RECOVERY'])[1 + u.id % 2], 'LOCKED',
           now() - interval '1 minute' * (u.id * 7919 % 144000), u.id % 64,
           CASE WHEN u.id % 10 = 0 THEN 'PENDING' ELSE 'APPROVED' END, 32, 72, 5
    FROM survey_units u CROSS JOIN (SELECT min(id) AS id FROM staff WHERE role = 'AGENT') s"""
LARGE = ("compliance_visits", "survey_units")
COUNCILS = 40


@pytest.fixture(scope="module")
def browser(module_app: Flask) -> Callable[[str], FlaskClient]:
    tree = small_tree(module_app)
    people.add_staff(module_app, Role.AGENT, [tree["mc-9"]], username="walker")
    with module_app.app_context():
        with transaction() as session:
            parent = session.get_one(Location, tree["khushab/khushab"])
            for number in range(COUNCILS):
                add_place(session, f"UC-{number}", UNION_COUNCIL, parent)
            register(session, session.get_one(Location, tree["mc-9"]), 1, "Aslam")
            councils = session.scalar(text("SELECT count(*) FROM locations WHERE kind = 'UNION_COUNCIL'"))
            session.execute(text(UNITS), {"councils": councils})
            session.execute(text(VISITS))
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE)"))
    known = people.known_browsers(module_app)
    return lambda place: known(Role.SUPERVISOR, {"ward": tree["mc-9"], "tehsil": tree["khushab/khushab"]}.get(place))


@pytest.mark.parametrize("scope", ["everywhere", "tehsil", "ward"])
@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/visits/", 80_000),
        ("/visits/?type=RECOVERY&state=PENDING", 80_000),
        ("/review/", 25_000),
        ("/review/?doubt=32", 25_000),
        ("/visits/agents", 5_000),
        ("/units/5000007", 200),
    ],
)
def test_no_page_reads_all_visits(
    module_app: Flask, browser: Callable[[str], FlaskClient], path: str, most: int, scope: str
) -> None:
    client = browser(scope)
    client.get(path)
    with sent(module_app) as statements:
        answer = client.get(path)
    assert answer.status_code in {200, 404}
    assert len(statements) <= 12
    for statement, node in plans(module_app, statements):
        table = node.get("Relation Name", "")
        if table in LARGE:
            assert node["Node Type"] != "Seq Scan", f"{table} is read from end to end by\n{statement}"
            assert touched(node) <= most, f"{touched(node)} rows of {table} are looked at by\n{statement}"

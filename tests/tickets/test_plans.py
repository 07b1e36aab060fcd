"""No page of tickets reads the whole table, or sends more than twelve statements, with a hundred thousand tickets.

Every SELECT of a page is run again under EXPLAIN ANALYZE, as in tests/records/test_plans.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from portal.billing.cycles import cycle_of
from portal.db import db, transaction
from portal.permissions import Role
from portal.staff.models import Staff
from portal.web.format import KARACHI
from tests.records import volume
from tests.records.test_plans import plans, sent, touched
from tests.support import people

MONTH = cycle_of(dt.datetime.now(KARACHI).date(), 16)
TICKETS = 100_000
MOST_ROWS = 9_000  # the tickets that are worked on, and what stands beside them
LARGE = ("tickets", "ticket_events", "ticket_comments", "survey_units", "accounts", "bills")

pytestmark = pytest.mark.slow

# One in sixteen is worked on, the others are closed; an agent has a few of both.
_TICKETS = """
    INSERT INTO tickets (number, client_uuid, category_id, priority, status, title, location_id, unit_id, reported_by,
                         assigned_to, assigned_role, decision, due_at, near_at, clock_from, clock_minutes, created_at)
    SELECT 'T-26-' || lpad(n::text, 6, '0'), gen_random_uuid(), 1 + n % 12,
           (ARRAY['LOW','MEDIUM','HIGH','URGENT'])[1 + n % 4],
           CASE WHEN n % 16 = 0 THEN (ARRAY['OPEN','IN_PROGRESS','WAITING'])[1 + (n / 16) % 3] ELSE 'CLOSED' END,
           (ARRAY['missed collection','heap of rubbish','wrong bill','dead animal'])[1 + n % 4] || ' ' || n,
           u.location_id, u.id, CASE WHEN n % 50 = 0 THEN :agent END, CASE WHEN n % 80 = 0 THEN :agent END,
           (ARRAY['AGENT','SUPERVISOR','ADMIN'])[1 + n % 3],
           CASE WHEN 1 + n % 12 IN (5, 6, 8, 9, 11) THEN CASE WHEN n % 16 = 0 THEN 'PENDING' ELSE 'APPROVED' END END,
           now() + interval '1 minute' * (n % 4000 - 1000), now() + interval '1 minute' * (n % 4000 - 1600),
           now() - interval '1 day', 480, now() - interval '1 minute' * (:tickets - n)
    FROM generate_series(1, :tickets) n
    JOIN (SELECT id, location_id, row_number() OVER (ORDER BY id) AS place FROM survey_units) u
      ON u.place = 1 + (n * 7919) % (SELECT count(*) FROM survey_units)"""

_COMMENTS = """
    INSERT INTO ticket_comments (client_uuid, ticket_id, author, body)
    SELECT gen_random_uuid(), id, 'agent', 'Seen.' FROM tickets WHERE id % 2 = 0"""
_EVENTS = "INSERT INTO ticket_events (ticket_id, event, actor) SELECT id, 'made', 'agent' FROM tickets"


@dataclass(frozen=True)
class Data:
    places: volume.Volume
    browser: Callable[..., FlaskClient]
    number: str


@pytest.fixture(scope="module")
def data(module_app: Flask) -> Data:
    with module_app.app_context(), transaction() as session:
        loaded = volume.load(session.connection(), units=6_000, months=[MONTH], councils=14)
    known = people.known_browsers(module_app)
    known(Role.AGENT, loaded.union_council)
    with module_app.app_context():
        with transaction() as session:
            agent = session.scalars(select(Staff.id).where(Staff.role == "AGENT")).one()
            session.execute(text(_TICKETS), {"agent": agent, "tickets": TICKETS})
            session.execute(text(_COMMENTS))
            session.execute(text(_EVENTS))
            number = session.execute(
                text("SELECT number FROM tickets WHERE assigned_to = :agent AND location_id = :place LIMIT 1"),
                {"agent": agent, "place": loaded.union_council},
            ).scalar_one()
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE)"))
    return Data(loaded, known, number)


PAGES = {
    "all open": "/tickets/?box=all",
    "mine": "/tickets/?box=mine",
    "of the role": "/tickets/?box=role",
    "near": "/tickets/?box=near",
    "past": "/tickets/?box=past",
    "to decide": "/tickets/?box=decide",
    "raised": "/tickets/?box=raised",
    "closed too": "/tickets/?box=every",
    "by deadline": "/tickets/?box=all&sort=due",
    "oldest of a council": "/tickets/?box=every&area={council}&sort=oldest",
    "open of a category": "/tickets/?box=all&category=3&priority=HIGH",
    "rare word": "/tickets/?box=every&q=4711",
    "a ticket": "/tickets/{number}",
    "new": "/tickets/new",
}


@pytest.mark.parametrize(
    ("role", "scope"),
    [
        (Role.HEAD, None), (Role.ADMIN, "tehsil"), (Role.SUPERVISOR, "council"), (Role.AGENT, "council"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", PAGES)
def test_no_page_reads_all_tickets(module_app: Flask, data: Data, name: str, role: Role, scope: str | None) -> None:
    places = {"tehsil": data.places.tehsils[-1], "council": data.places.union_council}
    browser = data.browser(role, places.get(scope or ""))
    path = PAGES[name].format(council=data.places.union_council, number=data.number)
    browser.get(path)
    with sent(module_app) as statements:
        answer = browser.get(path)
    assert answer.status_code == 200
    assert len(statements) <= 12, [one for one, _values in statements]
    for statement, node in plans(module_app, statements):
        table = node.get("Relation Name", "")
        if table not in LARGE:
            continue
        assert node["Node Type"] != "Seq Scan", f"{table} is read from end to end by\n{statement}"
        assert touched(node) <= MOST_ROWS, f"{touched(node)} rows of {table} are looked at by\n{statement}"


@pytest.mark.parametrize("path", ["/units/1000007", "/accounts/26770000000001000007"])
def test_records_with_their_tickets_stay_within_twelve(module_app: Flask, data: Data, path: str) -> None:
    browser = data.browser(Role.HEAD, None)
    browser.get(path)
    with sent(module_app) as statements:
        assert browser.get(path).status_code in {200, 404}
    assert len(statements) <= 12

"""No list of the field's office work reads a register from end to end: assignments, corrections, documents, activity.

Sixty agents with areas and single units, corrections and documents by the thousand on forty thousand units; every
SELECT of a page is run again under EXPLAIN ANALYZE, as in tests/records/test_plans.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.billing.cycles import cycle_of
from portal.db import db, transaction
from portal.permissions import Role
from portal.web.format import KARACHI
from tests.records import volume
from tests.records.test_plans import plans, sent, touched
from tests.support import people

MONTH = cycle_of(dt.datetime.now(KARACHI).date(), 16)
UNITS = 30_000
# A window of files, or the units in hand of a page of agents with their balances: never a register. Assignments are
# counted from an index alone, with those of the past.
MOST_ROWS = 6_000
MOST_ASSIGNMENTS = UNITS + 100
LARGE = ("survey_units", "accounts", "bills", "account_balances", "corrections", "stored_files", "assignments")

pytestmark = pytest.mark.slow

_AGENTS = """
    INSERT INTO staff (username, password_hash, role, language)
    SELECT 'walker' || n, 'x', 'AGENT', 'en' FROM generate_series(1, 60) n"""
_AREAS = """
    INSERT INTO staff_areas (staff_id, location_id)
    SELECT s.id, l.id FROM staff s JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM locations
    WHERE kind = 'UNION_COUNCIL') l ON l.n = 1 + substr(s.username, 7)::int % (SELECT count(*) FROM locations
    WHERE kind = 'UNION_COUNCIL') WHERE s.username LIKE 'walker%'"""
_WITH_AREA = """
    INSERT INTO assignments (staff_id, area_id, valid_from)
    SELECT staff_id, location_id, current_date - 30 FROM staff_areas JOIN staff s ON s.id = staff_id
    WHERE s.username LIKE 'walker%'"""
_SINGLY = """
    INSERT INTO assignments (staff_id, unit_id, valid_from, valid_to)
    SELECT s.id, u.id, current_date - 300, CASE WHEN u.id % 4 > 0 THEN current_date - 200 END
    FROM survey_units u JOIN staff s ON s.username = 'walker' || (1 + u.id % 60)"""
_CORRECTIONS = """
    INSERT INTO corrections (client_uuid, unit_id, location_id, fields, state, proposed_by, decided_by, decided_at)
    SELECT gen_random_uuid(), u.id, u.location_id, '{"consumer_name": ["A", "B"]}',
           CASE WHEN u.id % 50 = 0 THEN 'PENDING' ELSE 'APPROVED' END, s.id,
           CASE WHEN u.id % 50 > 0 THEN s.id END, CASE WHEN u.id % 50 > 0 THEN now() END
    FROM survey_units u JOIN staff s ON s.username = 'walker' || (1 + u.id % 60)"""
_DOCUMENTS = """
    INSERT INTO stored_files (client_uuid, kind, key, file_name, title, media_type, bytes, sha256, location_id, unit_id)
    SELECT gen_random_uuid(), 'DOCUMENT', 'd' || id, 'deed.pdf', 'Deed of ' || survey_id, 'application/pdf', 9,
           repeat('0', 64), location_id, id FROM survey_units"""


@dataclass(frozen=True)
class Data:
    places: volume.Volume
    browser: Callable[..., FlaskClient]
    agent: int
    document: int
    correction: int


@pytest.fixture(scope="module")
def data(module_app: Flask) -> Data:
    with module_app.app_context():
        with transaction() as session:
            loaded = volume.load(session.connection(), units=UNITS, months=[MONTH], councils=14)
            for step in (_AGENTS, _AREAS, _WITH_AREA, _SINGLY, _CORRECTIONS, _DOCUMENTS):
                session.execute(text(step))
            ids = [
                session.execute(text(query), {"council": loaded.union_council}).scalar_one()
                for query in (
                    "SELECT staff_id FROM staff_areas WHERE location_id = :council LIMIT 1",
                    "SELECT id FROM stored_files WHERE location_id = :council LIMIT 1",
                    "SELECT id FROM corrections WHERE location_id = :council AND state = 'PENDING' LIMIT 1",
                )
            ]
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE)"))
    return Data(loaded, people.known_browsers(module_app), *ids)


PAGES = {
    "load": "/assignments/",
    "an agent": "/assignments/agents/{agent}",
    "assign": "/assignments/new",
    "documents": "/documents/",
    "documents, a common word": "/documents/?q=deed",
    "documents, a rare word": "/documents/?q=1000007",
    "a document": "/documents/{document}",
    "corrections": "/corrections/",
    "corrections, decided": "/corrections/?show=decided",
    "a correction": "/corrections/{correction}",
    "activity": "/activity/",
    "activity of a council": "/activity/?area={council}",
}


@pytest.mark.parametrize(("role", "scope"), [(Role.HEAD, None), (Role.ADMIN, "tehsil"), (Role.SUPERVISOR, "council")])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_reads_a_register(module_app: Flask, data: Data, name: str, role: Role, scope: str | None) -> None:
    places = {"tehsil": data.places.tehsils[-1], "council": data.places.union_council}
    browser = data.browser(role, places.get(scope or ""))
    path = PAGES[name].format(
        agent=data.agent, document=data.document, correction=data.correction, council=data.places.union_council
    )
    browser.get(path)
    with sent(module_app) as statements:
        answer = browser.get(path)
    assert answer.status_code == 200, path
    assert len(statements) <= 12, [one for one, _values in statements]
    for statement, node in plans(module_app, statements):
        table = node.get("Relation Name", "")
        if not table.startswith(LARGE):
            continue
        assert node["Node Type"] != "Seq Scan", f"{table} is read from end to end by\n{statement}"
        most = MOST_ASSIGNMENTS if table == "assignments" else MOST_ROWS
        assert touched(node) <= most, f"{touched(node)} rows of {table} are looked at by\n{statement}"

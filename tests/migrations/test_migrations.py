"""Migrations: from nothing to head, forward on filled tables, and the same as the models."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from portal.db import db, is_modelled
from portal.factory import create_app
from tests.support.servers import Databases

HEAD = "0019"


@pytest.fixture
def blank(databases: Databases) -> Iterator[Flask]:
    """An application whose database has no table yet."""
    databases.create_empty("portal_blank")
    app = create_app(databases.settings("portal_blank"))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def test_from_nothing_to_head_and_the_models_agree(blank: Flask) -> None:
    upgrade()
    with db.engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == HEAD
        context = MigrationContext.configure(
            connection,
            opts={"compare_type": True, "compare_server_default": True, "include_object": is_modelled},
        )
        assert compare_metadata(context, db.metadata) == []


FILL = """
    INSERT INTO places (location_id, state) SELECT id, 'NONE' FROM locations;
    INSERT INTO accounts (psid, place_id, location_id, as_of, consumer_name, office, address)
        SELECT '26770000000000000001', p.id, l.id, now(), 'Asl\u202eam علی\u200c\u200b ', 'Nilokot', '\u200b'
        FROM places p, locations l;
    INSERT INTO bill_keys VALUES ('1', date_trunc('month', now())::date);
    INSERT INTO bills (billing_month, account_id, psid, portal_bill_id, place_id, location_id, issued_at, monthly_fee,
                       demand, status, month_source, month_as_of, as_of)
        SELECT date_trunc('month', now())::date, id, psid, '1', place_id, location_id, now(), 300, 300, 'UNPAID',
               'MONTH', now(), now() FROM accounts;
    INSERT INTO staff (username, password_hash, role) VALUES ('old', 'x', 'HEAD');
    INSERT INTO audit_log (at, staff_id, actor, action, entity)
        SELECT now() - n * interval '20 days', id, 'old', 'step ' || n, 'staff'
        FROM staff, generate_series(0, 9) AS n ORDER BY n DESC;
"""


def test_forward_on_filled_tables(blank: Flask) -> None:
    upgrade(revision="0002")
    with db.engine.begin() as connection:
        connection.execute(text(FILL))
    upgrade()
    with db.engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == HEAD
        assert connection.scalar(text("SELECT sum(monthly_fee) FROM rollup_bills")) == 300
        assert connection.scalar(text("SELECT count(*) FROM bills")) == 1
        # What nobody sees is gone from texts of files; the words of lists have their Urdu names, each once.
        account = connection.execute(text("SELECT consumer_name, office, address FROM accounts")).one()
        assert account == ("Aslam علی\u200c", "Nilokot", None)
        words = "SELECT count(*), count(name_ur), count(DISTINCT (kind, name_ur)) FROM lookups"
        assert len(set(connection.execute(text(words)).one())) == 1
        # The audit log keeps its lines and their numbers, goes on counting, and stays closed, month by month.
        kept = connection.execute(text("SELECT id, action FROM audit_log ORDER BY id")).all()
        assert [row.action for row in kept] == [f"step {n}" for n in range(9, -1, -1)]
        add = "INSERT INTO audit_log (actor, action, entity) VALUES ('a', 'b', 'c') RETURNING id"
        assert connection.scalar(text(add)) == kept[-1].id + 1
        tables = connection.execute(text("SELECT DISTINCT tableoid\\:\\:regclass\\:\\:text FROM audit_log")).scalars()
        for table in [*tables, "audit_log"]:
            for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET actor = 'x'", f"TRUNCATE {table}"):
                with pytest.raises(DBAPIError, match="is refused"), connection.begin_nested():
                    connection.execute(text(statement))


BEFORE_DAYS = """
    SELECT ensure_bill_partition(month) FROM unnest(ARRAY[DATE '2025-10-01', '2025-11-01', '2025-12-01']) AS month;
    INSERT INTO places (location_id, state) SELECT id, 'NONE' FROM locations;
    INSERT INTO survey_units (survey_id, place_id, location_id, as_of) SELECT '2319001', id, location_id, now()
        FROM places;
    INSERT INTO accounts (psid, place_id, location_id, unit_id, as_of)
        SELECT '26770000000000000001', u.place_id, u.location_id, u.id, now() FROM survey_units u;
    INSERT INTO bill_keys VALUES ('1', '2025-10-01'), ('2', '2025-11-01'), ('3', '2025-12-01');
    INSERT INTO bills (billing_month, account_id, psid, portal_bill_id, place_id, location_id, issued_at, monthly_fee,
                       demand, amount_payable, status, paid_amount, last_paid_on, month_source, month_as_of, as_of)
        SELECT k.billing_month, a.id, psid, k.portal_bill_id, place_id, location_id, v.issued_at, 300, v.demand,
               v.demand, v.status, v.paid, v.paid_on, 'MONTH', now(), now()
        FROM accounts a, bill_keys k JOIN (VALUES
            ('1', timestamptz '2025-10-17 19:30Z', 300, 'ARREARS', 0, cast(NULL AS date)),
            ('2', '2025-11-16 10:00Z', 630, 'PAID', 630, '2025-11-25'),
            ('3', '2025-12-17 10:00Z', 300, 'PARTIAL', 100, '2025-12-20')
        ) v (portal_bill_id, issued_at, demand, status, paid, paid_on) USING (portal_bill_id);
    INSERT INTO unit_cycles (billing_month, unit_id, location_id, bills, paid_bills)
        SELECT b.billing_month, u.id, u.location_id, 1, cast(b.status = 'PAID' AS int) FROM bills b, survey_units u;
"""


def test_an_installation_gets_the_days_of_its_past(blank: Flask) -> None:
    """Issued just after midnight in Karachi; carried over unpaid; paid before the next; paid in part."""
    upgrade(revision="0004")
    with db.engine.begin() as connection:
        connection.execute(text(BEFORE_DAYS))
    upgrade()
    with db.engine.connect() as connection:
        bills = connection.execute(text("SELECT portal_bill_id, carried_on::text FROM bills ORDER BY 1")).all()
        assert [tuple(row) for row in bills] == [("1", "2025-11-16"), ("2", "2025-12-17"), ("3", None)]
        days = connection.execute(
            text("SELECT day::text, monthly_fee, outstanding, paid_units FROM rollup_days"
                 " ORDER BY day, billing_month, paid_units")
        ).all()  # fmt: skip
        assert [tuple(row) for row in days] == [
            ("2025-10-18", 300, 300, 0), ("2025-11-16", 0, -300, 0), ("2025-11-16", 300, 630, 0),
            ("2025-11-25", 0, -630, 0), ("2025-11-25", 0, 0, 1), ("2025-12-17", 300, 300, 0),
            ("2025-12-20", 0, -100, 0),
        ]  # fmt: skip
        # The triggers go on from there.
        connection.execute(text("UPDATE bills SET demand = demand + 5 WHERE portal_bill_id = '3'"))
        assert connection.scalar(text("SELECT sum(outstanding) FROM rollup_days")) == 205


BEFORE_VISITS = """
    INSERT INTO staff (username, password_hash, role) VALUES ('agent', 'x', 'AGENT');
    INSERT INTO ticket_categories (code, name) VALUES ('planted', 'Planted');
    INSERT INTO tickets (number, client_uuid, category_id, title, location_id, assigned_role, status, merged_into_id)
        SELECT 'T-' || n, gen_random_uuid(), c.id, 'x', l.id, 'ADMIN',
               (ARRAY['OPEN', 'WAITING', 'RESOLVED'])[n], NULL
        FROM ticket_categories c, locations l, generate_series(1, 3) n WHERE c.code = 'planted';
    INSERT INTO compliance_visits (client_uuid, unit_id, location_id, visit_type, outcome, visited_at)
        SELECT gen_random_uuid(), id, location_id, 'ROUTINE', 'DONE', '2025-11-20 19:30Z' FROM survey_units;
"""


def test_visits_and_tickets_there_are_are_counted_and_nothing_is_delivered(blank: Flask) -> None:
    upgrade(revision="0004")
    with db.engine.begin() as connection:
        connection.execute(text(BEFORE_DAYS))
    upgrade(revision="0007")
    with db.engine.begin() as connection:
        connection.execute(text(BEFORE_VISITS))
    upgrade(revision="0008")
    with db.engine.connect() as connection:
        visits = connection.execute(text("SELECT day\\:\\:text, visits FROM rollup_visits")).all()
        assert [tuple(row) for row in visits] == [("2025-11-21", 1)]  # after midnight in Karachi
        tickets = connection.execute(text("SELECT state, sum(tickets) FROM rollup_tickets GROUP BY 1 ORDER BY 1")).all()
        assert [tuple(row) for row in tickets] == [("CLOSED", 1), ("OPEN", 2)]
        units = connection.execute(text("SELECT sum(paid), sum(delivered), sum(reached) FROM rollup_unit_cycles")).one()
        assert tuple(units) == (1, 0, 1)
        # The triggers go on from there: the same row changed back and forth posts nothing in the end.
        for state, rest in (("APPROVED", 1), ("PENDING", 1)):
            connection.execute(text(f"UPDATE compliance_visits SET review_state = '{state}'"))
            assert connection.scalar(text("SELECT sum(visits) FROM rollup_visits")) == rest
        connection.execute(text("UPDATE bills SET delivered_on = '2025-11-30' WHERE portal_bill_id = '2'"))
        of_day = "SELECT day\\:\\:text, delivered_bills FROM rollup_days WHERE delivered_bills <> 0"
        days = connection.execute(text(of_day))
        assert [tuple(row) for row in days] == [("2025-11-30", 1)]
        connection.execute(text("UPDATE bills SET delivered_on = NULL"))
        assert connection.scalar(text("SELECT sum(delivered_bills) FROM rollup_days")) == 0


def test_there_is_no_way_back(blank: Flask) -> None:
    upgrade()
    with pytest.raises(SystemExit):
        downgrade()
    with db.engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == HEAD


def test_partitions_of_coming_months_exist(blank: Flask) -> None:
    upgrade()
    first = dt.date.today().replace(day=1)
    coming = [(first.year * 12 + first.month - 1 + n) for n in range(4)]
    with db.engine.connect() as connection:
        for number in coming:
            name = f"bills_y{number // 12}m{number % 12 + 1:02d}"
            assert connection.scalar(text("SELECT to_regclass(:name)"), {"name": name}) is not None, name


BEFORE_CORRECTIONS = """
    INSERT INTO staff (username, password_hash, role) VALUES ('agent', 'x', 'AGENT');
    INSERT INTO locations (parent_id, kind, name, match_key)
        SELECT id, 'DISTRICT', 'Elsewhere', 'elsewhere' FROM locations WHERE kind = 'PROVINCE';
    INSERT INTO places (location_id, state) SELECT id, 'NONE' FROM locations WHERE kind = 'PROVINCE';
    INSERT INTO survey_units (survey_id, place_id, location_id, as_of)
        SELECT '2319001', p.id, l.id, now() FROM places p, locations l WHERE l.match_key = 'elsewhere';
    INSERT INTO corrections (client_uuid, unit_id, location_id, proposed_by)
        SELECT gen_random_uuid(), u.id, p.location_id, s.id
        FROM survey_units u JOIN places p ON p.id = u.place_id, staff s;
"""


def test_corrections_lie_where_their_units_lie_and_follow_them(blank: Flask) -> None:
    where = text("SELECT l.kind FROM corrections c JOIN locations l ON l.id = c.location_id")
    upgrade(revision="0015")
    with db.engine.begin() as connection:
        connection.execute(text(BEFORE_CORRECTIONS))
        assert connection.scalar(where) == "PROVINCE"
    upgrade()
    with db.engine.begin() as connection:
        assert connection.scalar(where) == "DISTRICT"
        connection.execute(
            text("UPDATE survey_units SET location_id = (SELECT id FROM locations WHERE kind = 'PROVINCE')")
        )
        assert connection.scalar(where) == "PROVINCE"

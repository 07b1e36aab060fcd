"""The log takes lines and nothing else, on every PostgreSQL we support, also from the superuser."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from portal.audit import partitions
from portal.audit.service import record, record_apart
from portal.db import side_transaction, transaction
from portal.web.format import KARACHI

pytestmark = pytest.mark.pg15

ADD = "INSERT INTO audit_log (at, actor, action, entity) VALUES (:at, 'a', 'b', 'c') RETURNING tableoid::regclass::text"


@pytest.fixture
def connection(app: Flask) -> Iterator[Connection]:
    with app.app_context(), side_transaction() as connection:
        assert connection.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")) is True
        yield connection


def tables(connection: Connection) -> list[str]:
    """The log and every month of it."""
    found = connection.scalars(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_log'::regclass ORDER BY 1")
    )
    return ["audit_log", *found]


def assert_closed(connection: Connection) -> None:
    """Nothing that is there can be changed or deleted, in any table of the log."""
    for table in tables(connection):
        lines = connection.scalar(text(f"SELECT count(*) FROM {table}"))
        statements = [f"TRUNCATE {table}", f"TRUNCATE ONLY {table}"] if table != "audit_log" else [f"TRUNCATE {table}"]
        if lines:
            statements += [f"UPDATE {table} SET actor = 'x'", f"DELETE FROM {table}"]
        for statement in statements:
            for role in ("origin", "replica"):  # with the second one ordinary triggers do not fire
                with pytest.raises(DBAPIError, match="is refused"), connection.begin_nested():
                    connection.execute(text(f"SET LOCAL session_replication_role = {role}"))
                    connection.execute(text(statement))
        assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == lines


def test_lines_of_months_now_later_and_unexpected_stay(connection: Connection) -> None:
    now = dt.datetime.now(KARACHI)
    later = dt.datetime(now.year + 1, 6, 15, tzinfo=KARACHI)
    connection.execute(text("SELECT ensure_audit_partition(:month)"), {"month": later.date()})
    wild = dt.datetime(1999, 1, 1, tzinfo=KARACHI)
    holding = [connection.scalar(text(ADD), {"at": at}) for at in (now, later, wild)]
    assert holding == [f"audit_log_y{now:%Ym%m}", f"audit_log_y{later:%Ym%m}", "audit_log_other"]
    assert_closed(connection)


def test_an_insert_that_would_replace_is_refused_too(connection: Connection) -> None:
    line = connection.execute(text("INSERT INTO audit_log (actor, action, entity) VALUES ('a', 'b', 'c') RETURNING *"))
    row = line.one()
    replace = (
        "INSERT INTO audit_log (id, at, actor, action, entity) VALUES (:id, :at, 'x', 'x', 'x')"
        " ON CONFLICT (at, id) DO UPDATE SET actor = 'x'"
    )
    with pytest.raises(DBAPIError, match="is refused"), connection.begin_nested():
        connection.execute(text(replace), {"id": row.id, "at": row.at})
    merge = "MERGE INTO audit_log l USING (SELECT 1) s ON l.id = :id WHEN MATCHED THEN DELETE"
    with pytest.raises(DBAPIError, match="is refused"), connection.begin_nested():
        connection.execute(text(merge), {"id": row.id})


def test_months_begin_and_end_in_karachi(connection: Connection) -> None:
    for at, month in (("2030-04-30 23:59:59.999+05", "2030m04"), ("2030-05-01 00:00+05", "2030m05")):
        for first in ("2030-04-01", "2030-05-01"):
            connection.execute(text("SELECT ensure_audit_partition(:first)"), {"first": first})
        assert connection.scalar(text(ADD), {"at": at}) == f"audit_log_y{month}"


def test_strays_move_into_their_month_whole_and_stay_closed(connection: Connection) -> None:
    """Lines that came before their month was made: none is lost, none changes, the others stay where they are."""
    for number in range(40):
        at = dt.datetime(2031, 2 + number % 3, 1 + number % 28, 12, tzinfo=KARACHI)
        assert connection.scalar(text(ADD), {"at": at}) == "audit_log_other"
    kept = "SELECT id, at, actor, action, entity FROM audit_log ORDER BY id"
    before = connection.execute(text(kept)).all()
    assert connection.scalar(text("SELECT ensure_audit_partition('2031-03-09')")) is True
    assert connection.scalar(text("SELECT ensure_audit_partition('2031-03-01')")) is False
    assert connection.execute(text(kept)).all() == before
    held = dict(connection.execute(text("SELECT tableoid::regclass::text, count(*) FROM audit_log GROUP BY 1")).all())
    assert (held["audit_log_y2031m03"], held["audit_log_other"]) == (13, 27)
    assert "audit_log_put_aside" not in tables(connection)
    assert connection.scalar(text("SELECT to_regclass('audit_log_put_aside')")) is None
    assert_closed(connection)
    # And again: the new default partition is put aside as the first one was.
    assert connection.scalar(text("SELECT ensure_audit_partition('2031-02-01')")) is True
    assert connection.scalar(text("SELECT ensure_audit_partition('2031-04-01')")) is True
    assert connection.scalar(text("SELECT count(*) FROM audit_log_other")) == 0
    assert connection.execute(text(kept)).all() == before
    assert_closed(connection)
    next_id = connection.scalar(
        text("INSERT INTO audit_log (actor, action, entity) VALUES ('a', 'b', 'c') RETURNING id")
    )
    assert next_id == before[-1].id + 1


def test_indexes_and_keys_come_with_every_month(connection: Connection) -> None:
    connection.scalar(text(ADD), {"at": dt.datetime(2032, 2, 1, tzinfo=KARACHI)})
    connection.execute(text("SELECT ensure_audit_partition('2032-02-01')"))
    counts = {
        table: connection.execute(
            text(
                "SELECT (SELECT count(*) FROM pg_index WHERE indrelid = :t ::regclass),"
                " (SELECT count(*) FROM pg_constraint WHERE conrelid = :t ::regclass AND contype = 'f'),"
                " (SELECT count(*) FROM pg_trigger WHERE tgrelid = :t ::regclass AND NOT tgisinternal)"
            ),
            {"t": table},
        ).one()
        for table in tables(connection)
    }
    assert len(set(counts.values())) == 1, counts
    assert set(counts["audit_log"]) == {5, 2}


def test_a_line_goes_with_the_change_it_describes_or_alone(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(RuntimeError), transaction() as session:
            record(session, "staff.create", "staff", 7)
            session.flush()
            raise RuntimeError
        with side_transaction() as connection:
            line = record_apart(connection, "audit.retention", "audit_log", "2018-01", after={"lines": 1})
        with side_transaction() as connection:
            rows = connection.execute(text("SELECT id, actor, action FROM audit_log")).all()
        assert [tuple(row) for row in rows] == [(line, "system", "audit.retention")]


def test_months_are_counted_by_the_calendar() -> None:
    assert partitions.plus_months(dt.date(2026, 11, 22), 3) == dt.date(2027, 2, 1)
    assert partitions.plus_months(dt.date(2026, 1, 31), -1) == dt.date(2025, 12, 1)
    assert partitions.plus_months(dt.date(2026, 1, 31), -25) == dt.date(2023, 12, 1)

"""Old months go whole and leave a line; nothing of a month that is not wholly older ever goes."""

from __future__ import annotations

import calendar
import datetime as dt

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from portal.audit import partitions
from portal.db import side_transaction
from portal.jobs.tasks import drop_old_audit_months, make_audit_partitions
from portal.web.format import KARACHI

pytestmark = pytest.mark.pg15

TODAY = dt.date(2026, 11, 22)


def add(*days: str) -> None:
    """A line at noon of each day; months are made as they are needed, but not for the days of 2001."""
    with side_transaction() as connection:
        for day in days:
            at = dt.datetime.combine(dt.date.fromisoformat(day), dt.time(12), KARACHI)
            if at.year > 2001:
                connection.execute(text("SELECT ensure_audit_partition(:month)"), {"month": at.date()})
            connection.execute(
                text("INSERT INTO audit_log (at, actor, action, entity) VALUES (:at, 'x', 'staff.edit', 'staff')"),
                {"at": at},
            )


def days_left() -> list[str]:
    with side_transaction() as connection:
        found = connection.scalars(
            text("SELECT to_char(at, 'YYYY-MM-DD') FROM audit_log WHERE action = 'staff.edit' ORDER BY at")
        )
        return list(found)


def notes() -> list[tuple[str, dict[str, object]]]:
    with side_transaction() as connection:
        rows = connection.execute(
            text("SELECT entity_id, after FROM audit_log WHERE action = 'audit.retention' ORDER BY id")
        )
        return [(row.entity_id, row.after) for row in rows]


def test_whole_months_go_and_say_so(app: Flask) -> None:
    with app.app_context():
        add("2025-09-30", "2025-10-01", "2025-10-31", "2025-11-01", "2025-11-21", "2026-11-01", "2001-05-05")
        gone = partitions.drop_old(TODAY, keep_months=12)
        assert [(month.first, month.lines) for month in gone] == [
            (dt.date(2001, 5, 1), 1), (dt.date(2025, 9, 1), 1), (dt.date(2025, 10, 1), 2),
        ]  # fmt: skip
        # 1 November 2025 is older than twelve months, but its month is not, wholly.
        assert days_left() == ["2025-11-01", "2025-11-21", "2026-11-01"]
        assert notes() == [
            (f"{month.first:%Y-%m}", {"month": f"{month.first:%Y-%m}", "lines": month.lines, "kept_months": 12})
            for month in gone
        ]
        assert partitions.drop_old(TODAY, keep_months=12) == []
        assert len(notes()) == 3
        with side_transaction() as connection:
            assert connection.scalar(text("SELECT to_regclass('audit_log_y2025m10')")) is None


@given(
    today=st.dates(dt.date(2000, 1, 1), dt.date(2150, 1, 1)),
    keep=st.integers(1, 240),
    day=st.dates(dt.date(1990, 1, 1), dt.date(2150, 1, 1)),
)
def test_a_day_goes_only_when_its_whole_month_is_older(today: dt.date, keep: int, day: dt.date) -> None:
    month = day.replace(day=1)
    last_day = month.replace(day=calendar.monthrange(month.year, month.month)[1])
    years, months = divmod(today.year * 12 + today.month - 1 - keep, 12)
    limit = dt.date(years, months + 1, min(today.day, calendar.monthrange(years, months + 1)[1]))
    assert partitions.is_wholly_older(month, today, keep) == (last_day < limit)


def test_a_month_that_cannot_be_locked_stays(app: Flask) -> None:
    """Somebody reads the log in a long transaction: nothing is dropped, no line is written, the next night tries."""
    from sqlalchemy.exc import OperationalError

    with app.app_context():
        add("2020-01-15")
        with side_transaction() as reader:
            reader.execute(text("SELECT count(*) FROM audit_log"))
            with pytest.raises(OperationalError, match="lock"):
                partitions.drop_old(TODAY, keep_months=12)
        assert (days_left(), notes()) == (["2020-01-15"], [])
        assert [month.first for month in partitions.drop_old(TODAY, keep_months=12)] == [dt.date(2020, 1, 1)]


def test_the_retention_is_at_least_a_month(app: Flask) -> None:
    with app.app_context(), pytest.raises(ValueError, match="at least one month"):
        partitions.drop_old(TODAY, keep_months=0)


def test_the_command_says_what_goes(app: Flask) -> None:
    runner = app.test_cli_runner()
    with app.app_context():
        add("2015-03-03", "2015-03-04")
    would = runner.invoke(args=["audit", "retention", "--dry-run"])
    assert (would.exit_code, would.output) == (0, "2015-03\t2 lines\twould go\n")
    with app.app_context():
        assert days_left() == ["2015-03-03", "2015-03-04"]
    done = runner.invoke(args=["audit", "retention"])
    assert (done.exit_code, done.output) == (0, "2015-03\t2 lines\tgone\n")
    again = runner.invoke(args=["audit", "retention"])
    assert again.output == "Nothing is wholly older than 84 months.\n"
    with app.app_context():
        assert (days_left(), len(notes())) == ([], 1)


def test_at_night_coming_months_are_made_and_old_ones_go(app: Flask) -> None:
    with app.app_context():
        with side_transaction() as connection:  # as if nobody had made months for half a year
            today = dt.datetime.now(KARACHI).date()
            for ahead in range(1, 4):
                connection.execute(text(f"DROP TABLE audit_log_y{partitions.plus_months(today, ahead):%Ym%m}"))
        add("2001-05-05")
        make_audit_partitions()
        with side_transaction() as connection:
            for ahead in range(4):
                name = f"audit_log_y{partitions.plus_months(today, ahead):%Ym%m}"
                assert connection.scalar(text("SELECT to_regclass(:name)"), {"name": name}) == name
            assert connection.scalar(text("SELECT count(*) FROM audit_log_other")) == 0
        drop_old_audit_months()
        assert days_left() == []
        assert [entity for entity, _after in notes()] == ["2001-05"]

"""The months of the audit log: made before lines need them, dropped whole when they are older than the retention.

Row triggers refuse every update and delete, also to the superuser; a month as a whole can go, and leaves a line that
says so. What lies in the default partition (nobody made the month in time, or a clock went wrong) moves to its month.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, text

from portal.audit.service import SYSTEM, record_apart
from portal.db import side_transaction

MONTHS_AHEAD = 3
# Readers and writers of the log queue behind a lock that waits; a job that cannot have it tries again.
_LOCK_TIMEOUT = "3s"


@dataclass(frozen=True)
class Month:
    """A month of the log (by its first day) and how many lines it holds."""

    first: dt.date
    lines: int

    @property
    def table(self) -> str:
        return f"audit_log_y{self.first:%Ym%m}"


def plus_months(day: dt.date, months: int) -> dt.date:
    """The first day of the month so many months later (earlier, when negative)."""
    number = day.year * 12 + day.month - 1 + months
    return dt.date(number // 12, number % 12 + 1, 1)


def make_coming(today: dt.date) -> int:
    """The partitions of this month, of the next few, and of every stray line. Returns how many were made.

    Each in a short transaction of its own.
    """
    coming = [plus_months(today, n) for n in range(MONTHS_AHEAD + 1)]
    made = 0
    with side_transaction() as connection:
        months = sorted({*coming, *_stray_months(connection)})
    for month in months:
        with side_transaction() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
            made += bool(connection.scalar(text("SELECT ensure_audit_partition(:month)"), {"month": month}))
    return made


def _stray_months(connection: Connection) -> list[dt.date]:
    """Months of the lines in the default partition. What no calendar of ours reaches stays there."""
    found = connection.scalars(
        text(
            "SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'Asia/Karachi')::date FROM audit_log_other"
            " WHERE at >= '1970-01-01' AND at < '2200-01-01'"
        )
    )
    return list(found)


def old_months(connection: Connection, today: dt.date, keep_months: int) -> list[Month]:
    """The months that are wholly older than `keep_months` months, oldest first, with their lines.

    Raises ValueError for a retention of less than a month.
    """
    if keep_months < 1:
        raise ValueError("The audit log is kept for at least one month.")
    names = connection.scalars(
        text(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'audit_log'::regclass AND c.relname ~ '^audit_log_y[0-9]{4}m[0-9]{2}$' ORDER BY 1"
        )
    )
    months = [dt.date(int(name[11:15]), int(name[16:18]), 1) for name in names]
    return [_counted(connection, month) for month in months if is_wholly_older(month, today, keep_months)]


def is_wholly_older(month: dt.date, today: dt.date, keep_months: int) -> bool:
    """Whether the last day of a month lies `keep_months` months back, or more."""
    return month < plus_months(today, -keep_months)


def _counted(connection: Connection, first: dt.date) -> Month:
    table = Month(first, 0).table
    return Month(first, int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0))


def drop_old(today: dt.date, keep_months: int, actor: str = SYSTEM) -> list[Month]:
    """Drop the months that are wholly older than the retention; each leaves one line. Returns what went.

    Each month is a transaction of its own: it is gone and there is its line, or neither. Stray lines come into their
    months first, so that old ones among them go too.
    """
    make_coming(today)
    with side_transaction() as connection:
        months = old_months(connection, today, keep_months)
    return [_drop(month.first, keep_months, actor) for month in months]


def _drop(first: dt.date, keep_months: int, actor: str) -> Month:
    with side_transaction() as connection:
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
        # The parent before the month, as everybody takes them: the other way round would be a deadlock.
        connection.execute(text("LOCK TABLE ONLY audit_log IN ACCESS EXCLUSIVE MODE"))
        month = _counted(connection, first)
        connection.execute(text(f"ALTER TABLE audit_log DETACH PARTITION {month.table}"))
        connection.execute(text(f"DROP TABLE {month.table}"))
        after = {"month": f"{first:%Y-%m}", "lines": month.lines, "kept_months": keep_months}
        record_apart(connection, "audit.retention", "audit_log", f"{first:%Y-%m}", actor=actor, after=after)
    return month

"""The month partitions of bills: made before rows need them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.billing.cycles import add_months
from portal.db import side_transaction

MONTHS_AHEAD = 3


def ensure_partitions(session: Session, months: Iterable[dt.date]) -> None:
    """Make the partitions of these months where they are missing.

    Done in a short transaction of its own: the lock of the new partition must not last as long as an import.
    """
    missing = session.scalars(
        text(
            "SELECT m FROM unnest(cast(:months AS date[])) AS m"
            " WHERE to_regclass('bills_y' || to_char(m, 'YYYY\"m\"MM')) IS NULL"
        ),
        {"months": sorted(set(months))},
    ).all()
    if not missing:
        return
    with side_transaction() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '20s'"))
        for month in missing:
            connection.execute(text("SELECT ensure_bill_partition(:month)"), {"month": month})


def ensure_coming_partitions(session: Session, today: dt.date) -> None:
    """The partitions of this month and the next few; run nightly."""
    first = today.replace(day=1)
    ensure_partitions(session, [add_months(first, n) for n in range(MONTHS_AHEAD + 1)])

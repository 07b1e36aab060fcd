"""Move the bills of one issue date and tehsil from one billing month to another.

The month of a bill is not in the portal's files; it is proposed at import and may turn out wrong. A moved bill keeps
its new month for good (`month_source` MOVED), whatever file comes later. What depends on the month (superseded bills,
allocation of payments, balances, figures) is recomputed for the accounts concerned in the same transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.billing.cycles import add_months, cycle_of
from portal.billing.models import Bill
from portal.billing.partitions import ensure_partitions
from portal.errors import ConflictError, InvalidInputError, NotFoundError
from portal.locations.locks import WAIT_SECONDS, lock_registers
from portal.locations.models import TEHSIL, Location
from portal.locations.service import path_of
from portal.payments import allocation, touched
from portal.permissions import AreaScope
from portal.web.messages import lazy_month

# (phase, per cent): "waiting", "counting", "moving", "recomputing".
Progress = Callable[[str, int], None]

# The moving bills `b`: known to the portal, of one tehsil, one present month and one day of issue (Asia/Karachi).
_MOVING = """
    b.billing_month = :from_month AND b.portal_bill_id IS NOT NULL AND b.issued_at::date = :issued_on
    AND b.location_id IN (SELECT location_id FROM location_closure WHERE ancestor_id = :tehsil)"""


@dataclass(frozen=True)
class Move:
    """What is to move, and where to. Months are first days of months."""

    tehsil_id: int
    issued_on: dt.date
    from_month: dt.date
    to_month: dt.date


@dataclass(frozen=True)
class Effects:
    """What a move does, counted before it is done. Rupees are whole.

    `bills` move, `live` of them are not cancelled; `fees` and `demand` are of the live ones. `superseded`: live bills
    that give way because their account has two in the target month. `revived`: cancelled bills that come to life in the
    month that is left. `payments`: payments of these accounts for either month, which are allocated anew.
    """

    bills: int
    live: int
    accounts: int
    fees: int
    demand: int
    superseded: int
    revived: int
    payments: int
    paid_amount: int

    @property
    def promise(self) -> str:
        """Names what was shown: what is confirmed must be what was seen."""
        return "-".join(str(number) for number in asdict(self).values())


class BillsChangedError(ConflictError):
    """What a move would do is no longer what its preview showed; carries the effects of now."""

    code = "bills_changed"

    def __init__(self, now: Effects) -> None:
        super().__init__(
            _l("The bills have changed since you looked at the preview. Nothing was moved; look at the new figures.")
        )
        self.now = now


@dataclass(frozen=True)
class IssueDate:
    """The bills of one day of issue in one month of a tehsil."""

    day: dt.date
    bills: int
    live: int
    fees: int


def latest_month(today: dt.date, start_day: int) -> dt.date:
    """The last month that can be billed: the one after the running cycle, as for imports."""
    return add_months(cycle_of(today, start_day), 1)


def tehsil_inside(session: Session, tehsil_id: int, scope: AreaScope) -> Location:
    """A tehsil that lies wholly inside the area. Raises NotFoundError."""
    tehsil = session.get(Location, tehsil_id)
    if tehsil is None or tehsil.kind != TEHSIL or tehsil_id not in {node for node, _path in tehsils(session, scope)}:
        raise NotFoundError(_l("There is no such tehsil in your area."))
    return tehsil


def tehsils(session: Session, scope: AreaScope) -> list[tuple[int, str]]:
    """(id, "District › Tehsil") of the tehsils that lie wholly inside the area, by name."""
    inside = "t.id IN (SELECT location_id FROM location_closure WHERE ancestor_id = ANY(:ids))"
    allowed = "true" if scope.is_everywhere else inside
    rows = session.execute(
        text(
            "SELECT t.id, d.name || ' › ' || t.name FROM locations t JOIN locations d ON d.id = t.parent_id"
            f" WHERE t.kind = 'TEHSIL' AND t.deleted_at IS NULL AND {allowed} ORDER BY 2, 1"
        ),
        {} if scope.is_everywhere else {"ids": list(scope.location_ids)},
    )
    return [(row[0], row[1]) for row in rows]


def issue_dates(session: Session, tehsil_id: int, month: dt.date) -> list[IssueDate]:
    """The days on which the tehsil's bills of a month were issued, with their counts."""
    rows = session.execute(
        text(
            """
            SELECT b.issued_at::date AS day, count(*) AS bills, count(*) FILTER (WHERE b.status <> 'CANCELLED') AS live,
                   coalesce(sum(b.monthly_fee) FILTER (WHERE b.status <> 'CANCELLED'), 0) AS fees
            FROM bills b
            WHERE b.billing_month = :month AND b.portal_bill_id IS NOT NULL
              AND b.location_id IN (SELECT location_id FROM location_closure WHERE ancestor_id = :tehsil)
            GROUP BY 1 ORDER BY 1"""
        ),
        {"month": month, "tehsil": tehsil_id},
    )
    return [IssueDate(row.day, row.bills, row.live, int(row.fees)) for row in rows]


def effects(session: Session, move: Move) -> Effects:
    """Count what a move would do. Nothing is changed. Raises InvalidInputError when there is nothing to move."""
    row = session.execute(
        text(
            f"""
            WITH moving AS MATERIALIZED (SELECT b.* FROM bills b WHERE {_MOVING}),
            -- In the target month one bill an account stays live: the latest of those there and those that come.
            there AS (
                SELECT b.account_id FROM bills b
                WHERE b.billing_month = :to_month AND b.status <> 'CANCELLED'
                  AND b.account_id IN (SELECT account_id FROM moving)
            ),
            -- In the month that is left the latest of the bills that stay comes to life when the live one goes.
            left_behind AS (
                SELECT DISTINCT b.account_id FROM bills b
                WHERE b.billing_month = :from_month
                  AND b.account_id IN (SELECT account_id FROM moving WHERE status <> 'CANCELLED')
                  AND NOT EXISTS (SELECT FROM moving m WHERE m.id = b.id)
            ),
            money AS (
                SELECT count(*) AS payments, coalesce(sum(p.paid_amount), 0) AS paid_amount FROM payments p
                WHERE p.account_id IN (SELECT account_id FROM moving) AND p.month IN (:from_month, :to_month)
            )
            SELECT count(*) AS bills, count(*) FILTER (WHERE status <> 'CANCELLED') AS live,
                   count(DISTINCT account_id) AS accounts,
                   coalesce(sum(monthly_fee) FILTER (WHERE status <> 'CANCELLED'), 0) AS fees,
                   coalesce(sum(demand) FILTER (WHERE status <> 'CANCELLED'), 0) AS demand,
                   (SELECT count(*) FROM there) AS superseded, (SELECT count(*) FROM left_behind) AS revived,
                   (SELECT payments FROM money) AS payments, (SELECT paid_amount FROM money) AS paid_amount
            FROM moving"""
        ),
        _parameters(move),
    ).one()
    if not row.bills:
        raise InvalidInputError(_l("There are no bills of that day in that month. Nothing was moved."))
    return Effects(*(int(value) for value in row))


def _parameters(move: Move) -> dict[str, Any]:
    return {
        "tehsil": move.tehsil_id,
        "issued_on": move.issued_on,
        "from_month": move.from_month,
        "to_month": move.to_month,
    }


def check(move: Move, today: dt.date, start_day: int) -> None:
    """Raise InvalidInputError for a month that cannot be the target."""
    if move.to_month == move.from_month:
        raise InvalidInputError(_l("The bills stand in %(month)s already.", month=lazy_month(move.to_month)))
    last = latest_month(today, start_day)
    if move.to_month > last:
        raise InvalidInputError(
            _l(
                "%(month)s lies in the future; the latest month that can be billed is %(last)s. Nothing was moved.",
                month=lazy_month(move.to_month),
                last=lazy_month(last),
            )
        )


def check_promise(promise: str, now: Effects) -> None:
    """Raise BillsChangedError unless a move would still do what was shown."""
    if promise != now.promise:
        raise BillsChangedError(now)


def move_bills(
    session: Session,
    move: Move,
    scope: AreaScope,
    *,
    today: dt.date,
    start_day: int,
    promise: str | None = None,
    progress: Progress = lambda _phase, _percent: None,
    wait_seconds: int = WAIT_SECONDS,
) -> Effects:
    """Move the bills and bring up to date what depends on them. The caller commits and writes the audit line.

    `promise` is that of the effects that were shown; `wait_seconds` is how long imports are waited for. Raises
    NotFoundError (tehsil), InvalidInputError (months, nothing to move), BillsChangedError (the effects are no longer
    those shown), ConflictError (a file is being imported); nothing is moved then.
    """
    check(move, today, start_day)
    tehsil_inside(session, move.tehsil_id, scope)
    progress("waiting", 2)
    lock_registers(session, wait_seconds)
    progress("counting", 4)
    done = effects(session, move)
    if promise is not None:
        check_promise(promise, done)
    ensure_partitions(session, [move.to_month])
    _move_rows(session, _parameters(move), progress)
    progress("recomputing", 55)
    touched.begin_touching(session)
    touched.touch(session, "SELECT DISTINCT account_id FROM moving_bills")
    allocation.recompute(session, lambda share: progress("recomputing", 55 + round(43 * share)))
    session.execute(text("DROP TABLE moving_bills"))
    return done


def _move_rows(session: Session, parameters: dict[str, Any], progress: Progress) -> None:
    """Take the bills out of one month and put them into the other, whole sets at a time.

    A change of the month in the key table would move them too (ON UPDATE CASCADE), but one by one, each with its
    triggers: a minute for 30,000 bills. The bills keep their ids. They come back as CANCELLED, so no month ever has
    two live bills of an account; the recompute that follows chooses the live one and gives the payments their bills.
    """
    names = [column.name for column in Bill.__table__.columns]
    columns = ", ".join(f'"{name}"' for name in names)
    changed = {"billing_month": "cast(:to_month AS date)", "status": "'CANCELLED'", "month_source": "'MOVED'"}
    moved = ", ".join(changed.get(name, "now()" if name == "updated_at" else f'm."{name}"') for name in names)
    statements = (
        "DROP TABLE IF EXISTS moving_bills",
        f"CREATE TEMP TABLE moving_bills ON COMMIT DROP AS SELECT b.* FROM bills b WHERE {_MOVING}",
        "ANALYZE moving_bills",
        "UPDATE payments p SET bill_month = NULL, bill_id = NULL FROM moving_bills m"
        " WHERE p.bill_month = m.billing_month AND p.bill_id = m.id",
        "DELETE FROM bills b USING moving_bills m WHERE b.billing_month = :from_month AND b.id = m.id",
        "DELETE FROM bill_keys k USING moving_bills m WHERE k.portal_bill_id = m.portal_bill_id",
        "INSERT INTO bill_keys (portal_bill_id, billing_month)"
        " SELECT portal_bill_id, cast(:to_month AS date) FROM moving_bills",
        f"INSERT INTO bills ({columns}) SELECT {moved} FROM moving_bills m ORDER BY m.id",
    )
    for position, statement in enumerate(statements):
        progress("moving", 10 + 45 * position // len(statements))
        session.execute(text(statement), parameters)


def tehsil_path(session: Session, tehsil_id: int) -> str:
    """The tehsil by its whole path, for the audit log."""
    return path_of(session, tehsil_id)

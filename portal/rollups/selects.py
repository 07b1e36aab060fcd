"""Select statements over the rollups. Every figure of a dashboard is a sum over one of these.

Rollup tables hold deltas: nothing but sums of them means anything. Every function takes the `Where` that says
whose rows: it always carries the reader's scope, so that a wrong area can only ever show less.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Date,
    Select,
    Subquery,
    and_,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import aliased

from portal.locations.models import DataVersion, Location, LocationClosure
from portal.permissions import AreaScope
from portal.rollups.models import (
    RollupAccounts,
    RollupBills,
    RollupCollected,
    RollupDays,
    RollupReceived,
    RollupTickets,
    RollupUnitCycles,
    RollupUnits,
    RollupVisits,
)

Rows = Select[*tuple[Any, ...]]
POSTED, UNMATCHED = "POSTED", "UNMATCHED"


@dataclass(frozen=True)
class Where:
    """Whose rows: the reader's scope, within it the subtrees of `nodes` (none: all of the scope), and one use."""

    scope: AreaScope
    nodes: tuple[int, ...] = ()
    use: str | None = None

    def area(self, location_column: Any) -> ColumnElement[bool]:
        """The condition on a location column."""
        if not self.nodes:
            return self.scope.clause(location_column)
        inside = select(LocationClosure.location_id).where(LocationClosure.ancestor_id.in_(self.nodes))
        return and_(self.scope.clause(location_column), location_column.in_(inside))

    def rows(self, table: Any) -> ColumnElement[bool]:
        """The condition on a rollup's rows."""
        return and_(self.area(table.location_id), table.use == self.use if self.use else true())


@dataclass(frozen=True)
class Parts:
    """How an area is broken up: into the children of `parent`, or into `nodes` (of which none holds another)."""

    parent: int | None = None
    nodes: tuple[int, ...] = ()

    def mapping(self) -> Subquery:
        """(location_id, part_id): under which part each location lies; locations under none are missing."""
        part = aliased(Location)
        chosen = part.parent_id == self.parent if self.parent is not None else part.id.in_(self.nodes)
        return (
            select(LocationClosure.location_id, part.id.label("part_id"))
            .join(part, part.id == LocationClosure.ancestor_id)
            .where(chosen)
            .subquery("parts")
        )


@dataclass(frozen=True)
class Span:
    """Days from `first` to `last`, both included."""

    first: dt.date
    last: dt.date

    def holds(self, column: Any) -> ColumnElement[bool]:
        """The condition that a date lies inside."""
        result: ColumnElement[bool] = column.between(self.first, self.last)
        return result


def _sum(column: Any, only: ColumnElement[bool] | None = None) -> ColumnElement[int]:
    """A sum as bigint (PostgreSQL sums bigint to numeric), 0 for no rows."""
    total: Any = func.sum(column)
    return func.coalesce(total if only is None else total.filter(only), 0).cast(BigInteger)


def data_version(where: Where) -> Rows:
    """One number that grows with every commit that touched the area (or the tree of areas)."""
    return select(_sum(DataVersion.changes)).where(
        or_(where.area(DataVersion.location_id), DataVersion.location_id.is_(None))
    )


def billed_by_month(where: Where) -> Rows:
    """Rows (month, bills, paid_bills, monthly_fee, demand, newest_paid), newest month first.

    Months without live bills are left out; `newest_paid` is the same on each row: the area's newest paid date.
    """
    bills = _sum(RollupBills.bills)
    newest_paid = (
        select(RollupCollected.paid_on)
        .where(where.rows(RollupCollected))
        .order_by(RollupCollected.paid_on.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(
            RollupBills.billing_month.label("month"),
            bills.label("bills"),
            _sum(RollupBills.paid_bills).label("paid_bills"),
            _sum(RollupBills.monthly_fee).label("monthly_fee"),
            _sum(RollupBills.demand).label("demand"),
            newest_paid.label("newest_paid"),
        )
        .where(where.rows(RollupBills))
        .group_by(RollupBills.billing_month)
        .having(bills > 0)
        .order_by(RollupBills.billing_month.desc())
    )


def received_by_day(where: Where, months: Sequence[dt.date]) -> Rows:
    """Rows (month, paid_on, amount): payments that belong to bills of these months, by the day they were paid."""
    return (
        select(
            RollupReceived.bill_month.label("month"),
            RollupReceived.paid_on,
            _sum(RollupReceived.amount).label("amount"),
        )
        .where(RollupReceived.bill_month.in_(months), where.rows(RollupReceived))
        .group_by(RollupReceived.bill_month, RollupReceived.paid_on)
        .order_by(RollupReceived.bill_month, RollupReceived.paid_on)
    )


def by_days(where: Where, months: Sequence[dt.date], after: dt.date) -> CompoundSelect[*tuple[Any, ...]]:
    """Rows (month, day, monthly_fee, paid_units, delivered_bills, outstanding) of two kinds, oldest day first in each.

    Of each of `months`: fees of its bills by day of issue, units by day of payment, bills by day of delivery; summed up
    to a day, how things stood on it. With month NULL: by how much each day after `after` has changed what is owed. What
    was owed on that day is what is owed now less their sum: read backwards, as little of the past as possible.
    """
    table = RollupDays
    zero = literal(0, BigInteger)
    fees, units, owed = _sum(table.monthly_fee), _sum(table.paid_units), _sum(table.outstanding)
    delivered = _sum(table.delivered_bills)
    of_months = (
        select(
            table.billing_month.label("month"),
            table.day,
            fees.label("monthly_fee"),
            units.label("paid_units"),
            delivered.label("delivered_bills"),
            zero.label("outstanding"),
        )
        .where(
            table.billing_month.in_(months),
            or_(table.monthly_fee != 0, table.paid_units != 0, table.delivered_bills != 0),
            where.rows(table),
        )
        .group_by(table.billing_month, table.day)
        .having(or_(fees != 0, units != 0, delivered != 0))
    )
    since = (
        select(null().cast(Date), table.day, zero, zero, zero, owed)
        .where(table.day > after, where.rows(table))
        .group_by(table.day)
        .having(owed != 0)
    )
    both = union_all(of_months, since)
    return both.order_by(both.selected_columns.month, both.selected_columns.day)


def recovery_by_part(where: Where, parts: Parts, until: dict[dt.date, dt.date]) -> Rows:
    """Rows (part_id, month, bills, demand, received) for each month of `until`.

    Received counts up to each month's own last day. part_id is NULL for what hangs directly on the area. Summed by
    location first: that leaves a few rows to look the part up for, instead of every one.
    """
    zero = literal(0, BigInteger)
    bills = (
        select(
            RollupBills.location_id,
            RollupBills.billing_month.label("month"),
            _sum(RollupBills.bills).label("bills"),
            _sum(RollupBills.demand).label("demand"),
            zero.label("received"),
        )
        .where(RollupBills.billing_month.in_(list(until)), where.rows(RollupBills))
        .group_by(RollupBills.billing_month, RollupBills.location_id)
    )
    in_time = or_(
        *(and_(RollupReceived.bill_month == month, RollupReceived.paid_on <= last) for month, last in until.items())
    )
    received = (
        select(RollupReceived.location_id, RollupReceived.bill_month, zero, zero, _sum(RollupReceived.amount))
        .where(RollupReceived.bill_month.in_(list(until)), in_time, where.rows(RollupReceived))
        .group_by(RollupReceived.bill_month, RollupReceived.location_id)
    )
    by_location = union_all(bills, received).subquery("by_location")
    part = parts.mapping()
    return (
        select(
            part.c.part_id,
            by_location.c.month,
            *(_sum(by_location.c[name]).label(name) for name in ("bills", "demand", "received")),
        )
        .outerjoin_from(by_location, part, part.c.location_id == by_location.c.location_id)
        .group_by(part.c.part_id, by_location.c.month)
    )


def collected_by_day(where: Where, span: Span) -> Rows:
    """Rows (paid_on, channel, state, amount, payments): what came in."""
    table = RollupCollected
    return (
        select(
            table.paid_on,
            table.channel,
            table.state,
            _sum(table.amount).label("amount"),
            _sum(table.payments).label("payments"),
        )
        .where(span.holds(table.paid_on), where.rows(table))
        .group_by(table.paid_on, table.channel, table.state)
    )


def collected_by_part(where: Where, parts: Parts, now: Span, then: Span) -> Rows:
    """Rows (part_id, use, size_band, amount, amount_then): what came in in two spans, by part and category.

    Each span is summed by itself (two ranges of the index, which may overlap) and by location first: that leaves a
    few rows to look the part up for, instead of every one.
    """
    table = RollupCollected
    zero = literal(0, BigInteger)

    def one(span: Span, *sums: Any) -> Select[*tuple[Any, ...]]:
        return (
            select(table.location_id, table.use, table.size_band, *sums)
            .where(span.holds(table.paid_on), where.rows(table))
            .group_by(table.location_id, table.use, table.size_band)
        )

    total = _sum(table.amount)
    by_location = union_all(
        one(now, total.label("amount"), zero.label("amount_then")), one(then, zero, total)
    ).subquery("by_location")
    part = parts.mapping()
    kind = (by_location.c.use, by_location.c.size_band)
    return (
        select(
            part.c.part_id,
            *kind,
            _sum(by_location.c.amount).label("amount"),
            _sum(by_location.c.amount_then).label("amount_then"),
        )
        .outerjoin_from(by_location, part, part.c.location_id == by_location.c.location_id)
        .group_by(part.c.part_id, *kind)
    )


def standing(where: Where, month: dt.date) -> Rows:
    """One row of how things stand: accounts, pending, debtors, outstanding, credit, surveyed, listed, billed, paid,
    delivered, reached."""
    accounts = (
        select(
            _sum(RollupAccounts.accounts).label("accounts"),
            _sum(RollupAccounts.pending).label("pending"),
            _sum(RollupAccounts.debtors).label("debtors"),
            _sum(RollupAccounts.outstanding).label("outstanding"),
            _sum(RollupAccounts.credit).label("credit"),
        )
        .where(where.rows(RollupAccounts))
        .subquery("a")
    )
    units = (
        select(_sum(RollupUnits.surveyed).label("surveyed"), _sum(RollupUnits.listed).label("listed"))
        .where(where.rows(RollupUnits))
        .subquery("u")
    )
    cycles = (
        select(
            *(_sum(getattr(RollupUnitCycles, name)).label(name) for name in ("billed", "paid", "delivered", "reached"))
        )
        .where(RollupUnitCycles.billing_month == literal(month, Date), where.rows(RollupUnitCycles))
        .subquery("c")
    )
    return select(accounts, units, cycles).select_from(accounts.join(units, true()).join(cycles, true()))


def visits_by_day(where: Where, *spans: Span) -> Rows:
    """Rows (day, review_state, visits) of the days of any of the spans. Visits have no use: all of the area count."""
    table = RollupVisits
    return (
        select(table.day, table.review_state, _sum(table.visits).label("visits"))
        .where(or_(*(span.holds(table.day) for span in spans)), where.area(table.location_id))
        .group_by(table.day, table.review_state)
        .having(_sum(table.visits) != 0)
    )


def open_tickets(where: Where) -> Rows:
    """The number of tickets that are open now, as one row. Tickets have no use either."""
    table = RollupTickets
    return select(_sum(table.tickets)).where(table.state == "OPEN", where.area(table.location_id))

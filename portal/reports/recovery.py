"""Demand and what was received on it, by area: the rows behind the recovery rate."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, FromClause, Integer, Numeric, cast, func, literal, select, true, union_all

from portal.reports import filters, words
from portal.reports.areas import names_above
from portal.reports.filters import Control, Filter
from portal.reports.report import Display, Field, Query, Report, Source, Total
from portal.rollups.models import RollupBills, RollupReceived
from portal.settings.selects import target_percent
from portal.settings.targets import Targets, targets_of
from portal.web import format as fmt
from portal.web.columns import Column, Kind
from portal.web.context import settings


def _paid_until(column: Any) -> Filter:
    """`to`: received up to that day. `from` has no meaning here: a month's money counts from its first rupee."""

    def sentence(value: dt.date, language: str) -> str:
        return str(_("received up to %(day)s", day=fmt.date(value, language)))

    return Filter(
        "days",
        ("to",),
        _l("Received up to"),
        Control.DAYS,
        lambda args, _reading: filters.read_day(args, "to"),
        lambda value, _query: column <= value,
        sentence,
    )


def _months(column: Any) -> Filter:
    return filters.months(column)


FILTERS = (
    filters.area(RollupBills.location_id),
    _months(RollupBills.billing_month),
    _paid_until(RollupReceived.paid_on),
    filters.choice("use", _l("Use"), RollupBills.use, words.USES),
)
_BILLED = (FILTERS[0], FILTERS[1], FILTERS[3])
_RECEIVED = (
    filters.area(RollupReceived.location_id),
    _months(RollupReceived.bill_month),
    FILTERS[2],
    filters.choice("use", _l("Use"), RollupReceived.use, words.USES),
)


def _big(total: Any) -> Any:
    return cast(func.coalesce(total, 0), BigInteger)


def _show_areas(areas: FromClause) -> Display:
    c = areas.c
    above = names_above(c.location_id)
    ratio = cast(c.received, Numeric) / func.nullif(c.demand, 0)
    targets = targets_of(settings())
    target = cast(target_percent(c.location_id, targets), Numeric) / 100
    fields = (
        Field(Column("month", _l("Month"), Kind.MONTH), c.month, sort=c.month),
        Field(Column("tehsil", _l("Tehsil"), width=18), above.c.tehsil),
        Field(Column("union_council", _l("Union council"), width=34), above.c.union_council),
        Field(Column("bills", _l("Bills"), Kind.NUMBER), c.bills, sort=c.bills),
        Field(Column("paid_bills", _l("Paid bills"), Kind.NUMBER), c.paid_bills, sort=c.paid_bills),
        Field(Column("demand", _l("Demand"), Kind.MONEY), c.demand, sort=c.demand),
        Field(Column("received", _l("Received"), Kind.MONEY), c.received, sort=c.received),
        Field(Column("recovery", _l("Recovery"), Kind.RATIO), ratio, sort=func.coalesce(ratio, -1)),
        *((Field(Column("target", _l("Target"), Kind.RATIO), target),) if targets else ()),
    )
    return Display(areas.outerjoin(above, true()), fields)


def _target(query: Query, targets: Targets) -> Any:
    """The target of the area asked for, else of the reader's only area, else the one for all; as a ratio."""
    area = query.values.get("area")
    own = query.scope.location_ids
    shown = area.id if area else own[0] if len(own) == 1 and not query.scope.is_everywhere else None
    percent = literal(targets.default, Integer) if shown is None else target_percent(shown, targets)
    return cast(percent, Numeric) / 100


def _source(query: Query) -> Source:
    """One row for each month and area with a bill or a payment for one."""
    zero = literal(0, BigInteger)
    billed = select(
        RollupBills.billing_month.label("month"),
        RollupBills.location_id,
        RollupBills.bills,
        RollupBills.paid_bills,
        RollupBills.demand,
        zero.label("received"),
    ).where(*query.conditions(_BILLED, RollupBills.location_id))
    received = select(
        RollupReceived.bill_month, RollupReceived.location_id, zero, zero, zero, RollupReceived.amount
    ).where(*query.conditions(_RECEIVED, RollupReceived.location_id))
    both = union_all(billed, received).subquery("deltas")
    rows = (
        select(
            both.c.month,
            both.c.location_id,
            *(_big(func.sum(both.c[name])).label(name) for name in ("bills", "paid_bills", "demand", "received")),
        )
        .group_by(both.c.month, both.c.location_id)
        .having((func.sum(both.c.bills) != 0) | (func.sum(both.c.received) != 0))
        .subquery("areas")
    )
    demand, money = func.sum(rows.c.demand), func.sum(rows.c.received)
    sums = (
        Total("bills", _l("Bills"), Kind.NUMBER, func.sum(rows.c.bills)),
        Total("received", _l("Received"), Kind.MONEY, money),
    )
    # A bill carries the earlier ones as arrears: demands of several months are never added up.
    rate: tuple[Total, ...] = (
        Total("demand", _l("Demand"), Kind.MONEY, demand),
        Total("recovery", _l("Recovery"), Kind.RATIO, cast(money, Numeric) / func.nullif(demand, 0)),
    )
    if targets := targets_of(settings()):
        rate = (*rate, Total("target", _l("Target"), Kind.RATIO, _target(query, targets)))
    return Source(
        core=rows,
        where=(),
        display=_show_areas,
        tie=("month", "demand", "location_id"),
        totals=(*sums, *(rate if query.is_one_month else ())),
    )


RECOVERY = Report(
    name="recovery",
    title=_l("Recovery"),
    purpose=_l("What the month's bills ask for and what came in on them, by union council."),
    empty_hint=_l("No bill of this month here. Choose another month or a larger area."),
    filters=FILTERS,
    source=_source,
    group=_l("Collection"),
    default_keys=("cycle",),
)

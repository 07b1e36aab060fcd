"""Reports over payments: the payment register, unmatched payments, and the daily collection."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, FromClause, and_, cast, func, select, true
from sqlalchemy import case as sql_case

from portal.billing.models import Account
from portal.payments.channels import KNOWN_CHANNELS, normalise_channel
from portal.payments.models import Payment
from portal.payments.selects import payment_matches
from portal.permissions import AreaScope
from portal.reports import filters, words
from portal.reports.areas import names_above
from portal.reports.filters import Filter
from portal.reports.report import Display, Field, Query, Report, Rollup, Source, Total
from portal.rollups.models import RollupCollected, RollupReceived
from portal.web.columns import Column, Kind

_payment, _account = Payment.__table__, Account.__table__
_CHANNELS = {name: name for name in KNOWN_CHANNELS}


def _channel(column: Any) -> Filter:
    return filters.word("channel", _l("Channel"), column, normalise_channel, _CHANNELS)


def _state_filter(posted: Any, unmatched: Any) -> Filter:
    return filters.flag(
        "state",
        _l("Posting"),
        {"POSTED": (words.STATES["POSTED"], posted), "UNMATCHED": (words.STATES["UNMATCHED"], unmatched)},
    )


_UNMATCHED_FILTERS = (
    filters.area(Payment.location_id),
    filters.days(Payment.paid_on),
    _channel(Payment.channel),
    filters.choice("use", _l("Use"), Payment.use, words.USES),
    filters.choice("size", _l("Size"), Payment.size_band, words.SIZES),
    filters.text(_l("PSID, survey id or name"), payment_matches),
)
REGISTER_FILTERS = (
    *_UNMATCHED_FILTERS[:2],
    filters.bill_month(Payment.bill_month),
    _state_filter(Payment.account_id.is_not(None), Payment.account_id.is_(None)),
    *_UNMATCHED_FILTERS[2:],
)


def _show_payments(payments: FromClause, scope: AreaScope, with_account: bool = True) -> Display:
    c = payments.c
    above = names_above(c.location_id)
    state = sql_case((c.account_id.is_(None), "UNMATCHED"), else_="POSTED")
    consumer = (Field(Column("consumer_name", _l("Consumer")), Account.consumer_name),)
    mobile = (Field(words.MOBILE, Account.mobile, visible_digits=4, unit=Account.unit_id),)
    allocated = (
        Field(Column("bill_month", _l("Bill of"), Kind.MONTH), c.bill_month),
        Field(Column("state", _l("Posting"), Kind.CODE, choices=words.STATES), state),
    )
    fields = (
        Field(Column("paid_on", _l("Paid on"), Kind.DATE), c.paid_on, sort=c.paid_on),
        Field(Column("psid", _l("PSID"), Kind.IDENTIFIER), c.psid, sort=c.psid),
        *(consumer if with_account else ()),
        Field(Column("paid_amount", _l("Paid"), Kind.MONEY), c.paid_amount, sort=c.paid_amount),
        Field(Column("channel", _l("Channel"), width=16), c.channel, sort=c.channel),
        Field(Column("month", _l("Month stated"), Kind.MONTH, 13), c.month, sort=c.month),
        *(allocated if with_account else ()),
        Field(Column("union_council", _l("Union council"), width=34), above.c.union_council),
        Field(Column("tehsil", _l("Tehsil"), width=18), above.c.tehsil),
        Field(Column("use", _l("Use"), Kind.CODE, choices=words.USES), c.use),
        Field(Column("size_band", _l("Size"), Kind.CODE, 16, words.SIZES, in_words=True), c.size_band),
        *(mobile if with_account else ()),
        Field(Column("amount", _l("Amount due"), Kind.MONEY), c.amount),
        Field(Column("fine", _l("Fine"), Kind.MONEY), c.fine),
    )
    # An account of another area is not shown, the payment made here is.
    own = and_(Account.id == c.account_id, scope.clause(Account.location_id))
    tables = payments.outerjoin(_account, own) if with_account else payments
    return Display(tables.outerjoin(above, true()), fields)


def _rows(query: Query, own_filters: tuple[Filter, ...], *more: Any, with_account: bool = True) -> Source:
    return Source(
        core=_payment,
        where=(*query.conditions(own_filters, Payment.location_id), *more),
        display=lambda payments: _show_payments(payments, query.scope, with_account),
        tie=("paid_on", "id"),
        totals=(Total("paid_amount", _l("Paid"), Kind.MONEY, func.sum(Payment.paid_amount)),),
    )


def _collected(*extra: Filter, where: tuple[Any, ...] = ()) -> Rollup:
    """Sums by paid date."""
    own = (
        filters.area(RollupCollected.location_id),
        filters.days(RollupCollected.paid_on),
        _channel(RollupCollected.channel),
        filters.choice("use", _l("Use"), RollupCollected.use, words.USES),
        filters.choice("size", _l("Size"), RollupCollected.size_band, words.SIZES),
        *extra,
    )
    totals = {"rows": func.sum(RollupCollected.payments), "paid_amount": func.sum(RollupCollected.amount)}
    return Rollup(RollupCollected, own, totals, where)


_COLLECTED_STATE = _state_filter(RollupCollected.state == "POSTED", RollupCollected.state == "UNMATCHED")
_RECEIVED = Rollup(
    RollupReceived,
    (
        filters.area(RollupReceived.location_id),
        filters.days(RollupReceived.paid_on),
        filters.bill_month(RollupReceived.bill_month),
        filters.choice("use", _l("Use"), RollupReceived.use, words.USES),
    ),
    {"rows": func.sum(RollupReceived.payments), "paid_amount": func.sum(RollupReceived.amount)},
)

PAYMENT_REGISTER = Report(
    name="payment-register",
    title=_l("Payment register"),
    purpose=_l("Every payment by paid date, posted or unmatched, with the bill it belongs to."),
    empty_hint=_l("No payment matches. Choose other days or a larger area, or import the newest paid list."),
    filters=REGISTER_FILTERS,
    source=lambda query: _rows(query, REGISTER_FILTERS),
    # The first holds every payment; the second only those of bills, and is reached only with a bill month.
    rollups=(_collected(_COLLECTED_STATE), _RECEIVED),
    group=_l("Collection"),
    record="psid",
    default_keys=("cycle",),
)

UNMATCHED_PAYMENTS = Report(
    name="unmatched-payments",
    title=_l("Unmatched payments"),
    purpose=_l("Money that came in for a PSID nobody knows yet. It counts as collected and waits for its account."),
    empty_hint=_l("No payment waits here. Payments match themselves when a biller list brings their PSID."),
    filters=_UNMATCHED_FILTERS,
    source=lambda query: _rows(query, _UNMATCHED_FILTERS, Payment.account_id.is_(None), with_account=False),
    rollups=(_collected(where=(RollupCollected.state == "UNMATCHED",)),),
    group=_l("To be worked off"),
)

DAILY_FILTERS = (
    filters.area(RollupCollected.location_id),
    filters.days(RollupCollected.paid_on),
    _channel(RollupCollected.channel),
    filters.choice("use", _l("Use"), RollupCollected.use, words.USES),
    filters.choice("size", _l("Size"), RollupCollected.size_band, words.SIZES),
    _COLLECTED_STATE,
)
_DIMENSIONS = ("location_id", "channel", "use", "size_band", "state")


def _show_days(days: FromClause) -> Display:
    c = days.c
    above = names_above(c.location_id)
    fields = (
        Field(Column("paid_on", _l("Paid on"), Kind.DATE), c.paid_on, sort=c.paid_on),
        Field(Column("tehsil", _l("Tehsil"), width=18), above.c.tehsil),
        Field(Column("union_council", _l("Union council"), width=34), above.c.union_council),
        Field(Column("channel", _l("Channel"), width=16), c.channel, sort=c.channel),
        Field(Column("use", _l("Use"), Kind.CODE, choices=words.USES), c.use, sort=c.use),
        Field(Column("size_band", _l("Size"), Kind.CODE, 16, words.SIZES, in_words=True), c.size_band),
        Field(Column("state", _l("Posting"), Kind.CODE, choices=words.STATES), c.state, sort=c.state),
        Field(Column("payments", _l("Payments"), Kind.NUMBER), c.payments, sort=c.payments),
        Field(Column("amount", _l("Collected"), Kind.MONEY), c.amount, sort=c.amount),
    )
    return Display(days.outerjoin(above, true()), fields)


def _daily(query: Query) -> Source:
    """One row for each day, area, channel and category that has a payment."""
    table = RollupCollected
    keys = [table.paid_on, *(getattr(table, name) for name in _DIMENSIONS)]
    payments = cast(func.sum(table.payments), BigInteger)
    days = (
        select(*keys, payments.label("payments"), cast(func.sum(table.amount), BigInteger).label("amount"))
        .where(*query.conditions(DAILY_FILTERS, table.location_id))
        .group_by(*keys)
        .having(payments != 0)
        .subquery("days")
    )
    return Source(
        core=days,
        where=(),
        display=_show_days,
        tie=("paid_on", *_DIMENSIONS),
        totals=(
            Total("payments", _l("Payments"), Kind.NUMBER, func.sum(days.c.payments)),
            Total("amount", _l("Collected"), Kind.MONEY, func.sum(days.c.amount)),
        ),
    )


DAILY_COLLECTION = Report(
    name="daily-collection",
    title=_l("Daily collection"),
    purpose=_l("What came in each day, by area, channel and category."),
    empty_hint=_l("Nothing was collected here in these days. Choose other days or a larger area."),
    filters=DAILY_FILTERS,
    source=_daily,
    group=_l("Collection"),
    default_keys=("cycle",),
)

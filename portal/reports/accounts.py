"""Reports over accounts: what is outstanding, and accounts that wait for their survey."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import FromClause, func, true

from portal.billing.models import Account, AccountBalance
from portal.billing.selects import account_matches
from portal.reports import filters, words
from portal.reports.areas import names_above
from portal.reports.report import Display, Field, Query, Report, Rollup, Source, Total
from portal.rollups.models import RollupAccounts
from portal.web.columns import Column, Kind

_account, _balance = Account.__table__, AccountBalance.__table__


def _rollup_filters() -> tuple[filters.Filter, ...]:
    return (
        filters.area(RollupAccounts.location_id),
        filters.choice("use", _l("Use"), RollupAccounts.use, words.USES),
        filters.choice("size", _l("Size"), RollupAccounts.size_band, words.SIZES),
    )


# Order of the columns: whose it is and where, then what the report is about; personal columns last. So a screen of
# usual width shows the amounts without scrolling.
_USE = Column("use", _l("Use"), Kind.CODE, choices=words.USES)
_SIZE = Column("size_band", _l("Size"), Kind.CODE, 16, words.SIZES, in_words=True)


def _psid(account: Any) -> Field:
    return Field(Column("psid", _l("PSID"), Kind.IDENTIFIER), account.psid)


def _survey_id(account: Any) -> Field:
    return Field(Column("survey_id", _l("Survey id"), Kind.IDENTIFIER, 12), account.survey_id)


def _who_and_where(account: Any, above: Any) -> tuple[Field, ...]:
    return (
        Field(Column("consumer_name", _l("Consumer")), account.consumer_name),
        Field(Column("union_council", _l("Union council"), width=34), above.c.union_council),
    )


def _personal(account: Any, above: Any) -> tuple[Field, ...]:
    """The columns at the end: the tehsil, and how to reach the consumer."""
    return (
        Field(Column("tehsil", _l("Tehsil"), width=18), above.c.tehsil),
        Field(words.MOBILE, account.mobile, visible_digits=4, unit=account.unit_id),
        Field(words.CNIC, account.cnic, visible_digits=3, unit=account.unit_id),
        Field(Column("address", _l("Address"), width=34), account.address),
    )


OUTSTANDING_FILTERS = (
    filters.area(AccountBalance.location_id),
    filters.flag(
        "unpaid",
        _l("Bills unpaid"),
        {
            "1": (_l("1 bill unpaid"), AccountBalance.unpaid_bills == 1),
            "2": (_l("2 bills unpaid"), AccountBalance.unpaid_bills == 2),
            "3": (_l("3 bills unpaid"), AccountBalance.unpaid_bills == 3),
            "4-6": (_l("4-6 bills unpaid"), AccountBalance.unpaid_bills.between(4, 6)),
            "7-12": (_l("7-12 bills unpaid"), AccountBalance.unpaid_bills.between(7, 12)),
            "MORE": (_l("more than 12 bills unpaid"), AccountBalance.unpaid_bills > 12),
        },
    ),
    filters.choice("use", _l("Use"), AccountBalance.use, words.USES),
    filters.choice("size", _l("Size"), AccountBalance.size_band, words.SIZES),
    filters.text(_l("PSID, survey id or name"), lambda text: account_matches(AccountBalance.account_id, text)),
)


def _show_balances(balances: FromClause) -> Display:
    c = balances.c
    above = names_above(c.location_id)
    fields = (
        _psid(_account.c),
        *_who_and_where(_account.c, above),
        Field(Column("outstanding", _l("Outstanding"), Kind.MONEY), c.outstanding, sort=c.outstanding),
        Field(Column("unpaid_bills", _l("Bills unpaid"), Kind.NUMBER), c.unpaid_bills, sort=c.unpaid_bills),
        Field(Column("latest_bill_month", _l("Latest bill"), Kind.MONTH), c.latest_bill_month),
        _survey_id(_account.c),
        Field(_USE, c.use),
        Field(_SIZE, c.size_band),
        Field(Column("payments_count", _l("Payments ever"), Kind.NUMBER), c.payments_count, sort=c.payments_count),
        *_personal(_account.c, above),
    )
    return Display(balances.join(_account, Account.id == c.account_id).outerjoin(above, true()), fields)


def _outstanding(query: Query) -> Source:
    return Source(
        core=_balance,
        where=(*query.conditions(OUTSTANDING_FILTERS, AccountBalance.location_id), AccountBalance.outstanding > 0),
        display=_show_balances,
        tie=("outstanding", "account_id"),
        totals=(Total("outstanding", _l("Outstanding"), Kind.MONEY, func.sum(AccountBalance.outstanding)),),
    )


OUTSTANDING = Report(
    name="outstanding",
    title=_l("Outstanding"),
    purpose=_l("Accounts that owe something now: the latest live bill less what was paid on it, largest first."),
    empty_hint=_l("Nobody owes anything here. Choose a larger area."),
    filters=OUTSTANDING_FILTERS,
    source=_outstanding,
    rollups=(
        Rollup(
            RollupAccounts,
            _rollup_filters(),
            {"rows": func.sum(RollupAccounts.debtors), "outstanding": func.sum(RollupAccounts.outstanding)},
        ),
    ),
    group=_l("Collection"),
    record="psid",
)

PENDING_FILTERS = (
    filters.area(Account.location_id),
    filters.choice("use", _l("Use"), Account.use, words.USES),
    filters.choice("size", _l("Size"), Account.size_band, words.SIZES),
    filters.text(_l("PSID, survey id or name"), lambda text: account_matches(Account.id, text)),
)


def _show_accounts(accounts: FromClause) -> Display:
    c = accounts.c
    above = names_above(c.location_id)
    fields = (
        _psid(c),
        _survey_id(c),
        *_who_and_where(c, above),
        Field(
            Column("monthly_fee", _l("Monthly fee"), Kind.MONEY), c.monthly_fee, sort=func.coalesce(c.monthly_fee, 0)
        ),
        Field(
            Column("total_payable", _l("Payable, as stated"), Kind.MONEY),
            c.total_payable,
            sort=func.coalesce(c.total_payable, 0),
        ),
        Field(Column("created_at", _l("Waiting since"), Kind.DATETIME), c.created_at, sort=c.created_at),
        Field(_USE, c.use),
        Field(_SIZE, c.size_band),
        *_personal(c, above),
    )
    return Display(accounts.outerjoin(above, true()), fields)


def _pending(query: Query) -> Source:
    return Source(
        core=_account,
        where=(*query.conditions(PENDING_FILTERS, Account.location_id), Account.unit_id.is_(None)),
        display=_show_accounts,
        tie=("id",),
        totals=(Total("monthly_fee", _l("Monthly fees"), Kind.MONEY, func.sum(Account.monthly_fee)),),
    )


PENDING_SYNC = Report(
    name="pending-sync",
    title=_l("Pending sync"),
    purpose=_l("Accounts of the biller list whose survey id is not in the survey register yet."),
    empty_hint=_l("No account waits for its survey here."),
    filters=PENDING_FILTERS,
    source=_pending,
    rollups=(Rollup(RollupAccounts, _rollup_filters(), {"rows": func.sum(RollupAccounts.pending)}),),
    group=_l("To be worked off"),
    record="psid",
)

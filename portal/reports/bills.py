"""Reports over bills: the bill register, and the units billed in a month."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import FromClause, and_, func, true

from portal.billing.models import CANCELLED, Account, Bill, UnitCycle
from portal.billing.selects import account_matches, unit_matches
from portal.permissions import AreaScope
from portal.reports import filters, words
from portal.reports.areas import names_above
from portal.reports.filters import Arguments, Control, Filter, Reading
from portal.reports.report import Display, Field, Query, Report, Rollup, Source, Total
from portal.rollups.models import RollupBills, RollupUnitCycles
from portal.units.models import SurveyUnit
from portal.web.columns import Column, Kind

ALL = "ALL"
_bill, _account, _cycle, _unit = Bill.__table__, Account.__table__, UnitCycle.__table__, SurveyUnit.__table__


def _status() -> Filter:
    """Live bills unless a status is asked for; ALL shows cancelled ones too."""
    chosen = filters.choice("status", _l("Status"), Bill.status, words.STATUSES, any_label=_l("Live bills"))

    def read(args: Arguments, reading: Reading) -> Any:
        return ALL if (args.get("status") or "").strip().upper() == ALL else chosen.read(args, reading)

    return Filter(
        "status",
        ("status",),
        chosen.label,
        Control.CHOICE,
        read,
        lambda value, query: true() if value == ALL else chosen.condition(value, query),
        lambda value, language: _("cancelled bills included") if value == ALL else chosen.sentence(value, language),
        words.STATUSES | {ALL: _l("All, cancelled included")},
        chosen.any_label,
    )


def _delivery() -> Filter:
    cases = {
        "DELIVERED": (_l("Handed over"), Bill.delivered_on.is_not(None)),
        "NOT": (_l("Not handed over"), Bill.delivered_on.is_(None)),
    }
    return filters.flag("delivery", _l("Delivery"), cases)


REGISTER_FILTERS = (
    filters.area(Bill.location_id),
    filters.months(Bill.billing_month),
    _status(),
    _delivery(),
    filters.choice("use", _l("Use"), Bill.use, words.USES),
    filters.choice("size", _l("Size"), Bill.size_band, words.SIZES),
    filters.text(_l("PSID, survey id or name"), lambda text: account_matches(Bill.account_id, text)),
)


def _show_bills(bills: FromClause, scope: AreaScope) -> Display:
    c = bills.c
    above = names_above(c.location_id)
    # Whose and where, then the amounts and the status: what a screen of usual width shows without scrolling.
    fields = (
        Field(Column("psid", _l("PSID"), Kind.IDENTIFIER), c.psid, sort=c.psid),
        Field(Column("consumer_name", _l("Consumer")), Account.consumer_name),
        Field(Column("union_council", _l("Union council"), width=34), above.c.union_council),
        Field(Column("billing_month", _l("Month"), Kind.MONTH), c.billing_month, sort=c.billing_month),
        Field(Column("demand", _l("Demand"), Kind.MONEY), c.demand, sort=c.demand),
        Field(Column("paid_amount", _l("Paid"), Kind.MONEY), c.paid_amount, sort=c.paid_amount),
        Field(Column("status", _l("Status"), Kind.CODE, choices=words.STATUSES), c.status, sort=c.status),
        Field(Column("monthly_fee", _l("Monthly fee"), Kind.MONEY), c.monthly_fee, sort=c.monthly_fee),
        Field(
            Column("amount_payable", _l("Payable"), Kind.MONEY),
            c.amount_payable,
            sort=func.coalesce(c.amount_payable, 0),
        ),
        Field(Column("use", _l("Use"), Kind.CODE, choices=words.USES), c.use),
        Field(Column("size_band", _l("Size"), Kind.CODE, 16, words.SIZES, in_words=True), c.size_band),
        Field(Column("issued_at", _l("Issued"), Kind.DATETIME), c.issued_at, sort=c.issued_at),
        Field(Column("delivered_on", _l("Handed over"), Kind.DATE), c.delivered_on),
        Field(Column("tehsil", _l("Tehsil"), width=18), above.c.tehsil),
        Field(Column("portal_bill_id", _l("Portal bill id"), Kind.IDENTIFIER, 16), c.portal_bill_id),
        Field(words.MOBILE, Account.mobile, visible_digits=4, unit=Account.unit_id),
        Field(words.CNIC, Account.cnic, visible_digits=3, unit=Account.unit_id),
    )
    # An account that has gone to another area since is not shown, its old bill is.
    own = and_(Account.id == c.account_id, scope.clause(Account.location_id))
    return Display(bills.outerjoin(_account, own).outerjoin(above, true()), fields)


def _register(query: Query) -> Source:
    live = () if "status" in query.values else (Bill.status != CANCELLED,)
    return Source(
        core=_bill,
        where=(*query.conditions(REGISTER_FILTERS, Bill.location_id), *live),
        display=lambda bills: _show_bills(bills, query.scope),
        tie=("billing_month", "id"),
        totals=(
            Total("monthly_fee", _l("Monthly fees"), Kind.MONEY, func.sum(Bill.monthly_fee)),
            # A bill carries the earlier ones as arrears: demands of several months are never added up.
            *([Total("demand", _l("Demand"), Kind.MONEY, func.sum(Bill.demand))] if query.is_one_month else []),
            Total("paid_amount", _l("Paid"), Kind.MONEY, func.sum(Bill.paid_amount)),
        ),
    )


BILL_REGISTER = Report(
    name="bill-register",
    title=_l("Bill register"),
    purpose=_l("Every live bill with its account, area, fee, demand and what was paid on it."),
    empty_hint=_l("No bill matches. Choose another month or a larger area, or import the month's biller list."),
    filters=REGISTER_FILTERS,
    source=_register,
    rollups=(
        Rollup(
            RollupBills,
            (
                filters.area(RollupBills.location_id),
                filters.months(RollupBills.billing_month),
                filters.choice("use", _l("Use"), RollupBills.use, words.USES),
                filters.choice("size", _l("Size"), RollupBills.size_band, words.SIZES),
            ),
            {
                "rows": func.sum(RollupBills.bills),
                "monthly_fee": func.sum(RollupBills.monthly_fee),
                "demand": func.sum(RollupBills.demand),
            },
        ),
    ),
    group=_l("Billing"),
    record="psid",
    default_keys=("cycle",),
)


def _paid_state(column: Any) -> Filter:
    cases = {"PAID": (_l("Paid"), column > 0), "UNPAID": (_l("Not paid"), column == 0)}
    return filters.flag("state", _l("Paid"), cases)


UNIT_FILTERS = (
    filters.area(UnitCycle.location_id),
    filters.months(UnitCycle.billing_month),
    _paid_state(UnitCycle.paid_bills),
    filters.choice("use", _l("Use"), UnitCycle.use, words.USES),
    filters.text(_l("Survey id or name"), lambda text: unit_matches(UnitCycle.unit_id, text)),
)


def _show_units(cycles: FromClause) -> Display:
    c = cycles.c
    above = names_above(c.location_id)
    fields = (
        Field(Column("survey_id", _l("Survey id"), Kind.IDENTIFIER, 12), SurveyUnit.survey_id),
        Field(Column("consumer_name", _l("Consumer")), SurveyUnit.consumer_name),
        Field(Column("union_council", _l("Union council"), width=34), above.c.union_council),
        Field(Column("billing_month", _l("Month"), Kind.MONTH), c.billing_month, sort=c.billing_month),
        Field(Column("bills", _l("Bills"), Kind.NUMBER), c.bills, sort=c.bills),
        Field(Column("paid_bills", _l("Paid bills"), Kind.NUMBER), c.paid_bills, sort=c.paid_bills),
        Field(Column("use", _l("Use"), Kind.CODE, choices=words.USES), c.use),
        Field(Column("size_band", _l("Size"), Kind.CODE, 16, words.SIZES, in_words=True), SurveyUnit.size_band),
        Field(Column("tehsil", _l("Tehsil"), width=18), above.c.tehsil),
        Field(words.MOBILE, SurveyUnit.mobile, visible_digits=4, unit=c.unit_id),
        Field(Column("address", _l("Address"), width=34), SurveyUnit.address),
    )
    return Display(cycles.join(_unit, SurveyUnit.id == c.unit_id).outerjoin(above, true()), fields)


def _units(query: Query) -> Source:
    return Source(
        core=_cycle,
        where=(*query.conditions(UNIT_FILTERS, UnitCycle.location_id), UnitCycle.bills > 0),
        display=_show_units,
        tie=("billing_month", "unit_id"),
        totals=(Total("paid_units", _l("Paying units"), Kind.NUMBER, func.count().filter(UnitCycle.paid_bills > 0)),),
    )


BILLED_UNITS = Report(
    name="billed-units",
    title=_l("Billed units"),
    purpose=_l("Units with a live bill in the month, each once, and whether one of their bills is paid."),
    empty_hint=_l("No unit matches. Choose another month or a larger area. Accounts without a survey: Pending sync."),
    filters=UNIT_FILTERS,
    source=_units,
    rollups=(
        Rollup(
            RollupUnitCycles,
            (
                filters.area(RollupUnitCycles.location_id),
                filters.months(RollupUnitCycles.billing_month),
                filters.choice("use", _l("Use"), RollupUnitCycles.use, words.USES),
            ),
            {"rows": func.sum(RollupUnitCycles.billed), "paid_units": func.sum(RollupUnitCycles.paid)},
        ),
    ),
    group=_l("Billing"),
    record="survey_id",
    default_keys=("cycle",),
)

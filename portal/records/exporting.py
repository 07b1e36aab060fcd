"""Downloads of the lists: every row that the filters of the list want, in its order, with all its columns.

The rows are chosen first (`chosen`), by the conditions the list itself uses; what is only shown is joined to them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import CTE, Connection, Select, and_, case, cast, func, literal, select, text, true
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.types import BigInteger, Integer

from portal.billing.models import CANCELLED, Account, AccountBalance, Bill
from portal.permissions import AreaScope, PersonalSight
from portal.records import listing, selects
from portal.records.filters import PLACE, ListFilter
from portal.reports.areas import names_above
from portal.reports.report import Field, shown
from portal.search import finder
from portal.search.finder import Register
from portal.units.models import SurveyUnit
from portal.units.words import SIZES, USES
from portal.web.columns import Column, Kind
from portal.web.messages import lazy_month
from portal.web.statuses import STATUSES

Rows = Select[*tuple[Any, ...]]
_USE = Column("use", _l("Use"), Kind.CODE, choices=USES)
_SIZE = Column("size_band", _l("Size"), Kind.CODE, 16, SIZES, in_words=True)
_MOBILE = Column("mobile", _l("Mobile"), Kind.IDENTIFIER, 14)
_CNIC = Column("cnic", _l("CNIC"), Kind.IDENTIFIER, 16)
_OUTSTANDING = Column("outstanding", _l("Outstanding"), Kind.MONEY)


@dataclass(frozen=True)
class Export:
    """A list as a download: its rows, what stands in them, and how many there are."""

    rows: Rows
    columns: tuple[Column, ...]
    count: int
    outstanding: int


def units(connection: Connection, wanted: ListFilter, scope: AreaScope, sight: PersonalSight) -> Export:
    """The units of a list."""
    areas = listing.unit_areas(connection, wanted, scope)
    chosen = _chosen(connection, SurveyUnit, wanted, scope, areas, listing.unit_sorts(wanted))
    own = _accounts_of(chosen, wanted.cycle, scope)
    above = names_above(SurveyUnit.__table__.c.location_id)
    bill = Column("status", _l("Bill of %(month)s", month=lazy_month(wanted.cycle)), Kind.CODE, 18, STATUSES)
    fields = (
        Field(Column("survey_id", _l("Survey id"), Kind.IDENTIFIER, 12), SurveyUnit.survey_id),
        Field(Column("consumer_name", _l("Consumer")), SurveyUnit.consumer_name),
        *_where(above, SurveyUnit.address),
        Field(_USE, SurveyUnit.use),
        Field(_SIZE, SurveyUnit.size_band),
        Field(Column("business_type", _l("Business"), width=20), SurveyUnit.business_type),
        Field(Column("psid", _l("PSID"), Kind.IDENTIFIER), own.c.psids),
        Field(bill, own.c.statuses),
        Field(_OUTSTANDING, own.c.outstanding),
        Field(Column("surveyed_at", _l("Surveyed"), Kind.DATETIME), SurveyUnit.surveyed_at),
        Field(Column("surveyor_name", _l("Surveyor"), width=20), SurveyUnit.surveyor_name),
        Field(Column("house_type", _l("House type"), width=16), SurveyUnit.house_type),
        Field(Column("water_connection", _l("Water connection"), width=16), SurveyUnit.water_connection),
        Field(_MOBILE, SurveyUnit.mobile, visible_digits=4, unit=SurveyUnit.id),
        Field(_CNIC, SurveyUnit.cnic, visible_digits=3, unit=SurveyUnit.id),
    )
    tables = (
        chosen.join(SurveyUnit, SurveyUnit.id == chosen.c.id)
        .outerjoin(own, own.c.unit_id == SurveyUnit.id)
        .outerjoin(above, true())
    )
    totals = select(func.count(), func.coalesce(func.sum(own.c.outstanding), 0)).select_from(
        chosen.outerjoin(own, own.c.unit_id == chosen.c.id)
    )
    return _export(connection, fields, tables, chosen, totals, sight)


def unit_ids(connection: Connection, wanted: ListFilter, scope: AreaScope, most: int) -> list[int]:
    """The units that a list holds, at most so many."""
    areas = listing.unit_areas(connection, wanted, scope)
    chosen = _chosen(connection, SurveyUnit, wanted, scope, areas, listing.unit_sorts(wanted))
    return list(connection.scalars(select(chosen.c.id).limit(most)))


def accounts(connection: Connection, wanted: ListFilter, scope: AreaScope, sight: PersonalSight) -> Export:
    """The accounts of a list."""
    areas = listing.account_areas(connection, wanted, scope)
    chosen = _chosen(connection, Account, wanted, scope, areas, listing.account_sorts(wanted))
    above = names_above(Account.__table__.c.location_id)
    bill = Column("status", _l("Bill of %(month)s", month=lazy_month(wanted.cycle)), Kind.CODE, 18, STATUSES)
    fields = (
        Field(Column("psid", _l("PSID"), Kind.IDENTIFIER), Account.psid),
        Field(Column("closed_at", _l("Closed"), Kind.DATETIME), Account.deleted_at),
        Field(Column("survey_id", _l("Survey id"), Kind.IDENTIFIER, 12), Account.survey_id),
        Field(Column("consumer_name", _l("Consumer")), Account.consumer_name),
        *_where(above, Account.address),
        Field(_USE, Account.use),
        Field(_SIZE, Account.size_band),
        Field(Column("monthly_fee", _l("Monthly fee"), Kind.MONEY), Account.monthly_fee),
        Field(bill, Bill.status),
        Field(Column("demand", _l("Demand"), Kind.MONEY), Bill.demand),
        Field(Column("paid_amount", _l("Paid"), Kind.MONEY), Bill.paid_amount),
        Field(_OUTSTANDING, AccountBalance.outstanding),
        Field(Column("credit", _l("Credit"), Kind.MONEY), AccountBalance.credit),
        Field(Column("unpaid_bills", _l("Bills unpaid"), Kind.NUMBER), AccountBalance.unpaid_bills),
        Field(Column("latest_bill_month", _l("Latest bill"), Kind.MONTH), AccountBalance.latest_bill_month),
        Field(Column("payments_count", _l("Payments ever"), Kind.NUMBER), AccountBalance.payments_count),
        Field(_MOBILE, Account.mobile, visible_digits=4, unit=Account.unit_id),
        Field(_CNIC, Account.cnic, visible_digits=3, unit=Account.unit_id),
    )
    tables = (
        chosen.join(Account, Account.id == chosen.c.id)
        .outerjoin(AccountBalance, AccountBalance.account_id == Account.id)
        .outerjoin(Bill, _live_bill(wanted.cycle))
        .outerjoin(above, true())
    )
    totals = select(func.count(), func.coalesce(func.sum(AccountBalance.outstanding), 0)).select_from(
        chosen.outerjoin(AccountBalance, AccountBalance.account_id == chosen.c.id)
    )
    return _export(connection, fields, tables, chosen, totals, sight)


def _where(above: Any, address: Any) -> tuple[Field, ...]:
    return (
        Field(Column("union_council", _l("Union council"), width=34), above.c.union_council),
        Field(Column("tehsil", _l("Tehsil"), width=18), above.c.tehsil),
        Field(Column("address", _l("Address"), width=34), address),
    )


def _live_bill(cycle: dt.date) -> Any:
    return and_(Bill.account_id == Account.id, Bill.billing_month == cycle, Bill.status != CANCELLED)


def _chosen(
    connection: Connection,
    register: Register,
    wanted: ListFilter,
    scope: AreaScope,
    areas: Sequence[listing.Area],
    sorts: dict[str, list[Any]],
) -> CTE:
    """The rows that belong to the list: (id, position in its order)."""
    place = (
        func.unnest(cast([area.id for area in areas], ARRAY(Integer)))
        .table_valued("id", with_ordinality="position", name="place")
        .render_derived()
    )
    if wanted.sort == PLACE:
        order = [place.c.position, register.id]
    else:
        order = [key.column.desc() if key.descending else key.column.asc() for key in sorts[wanted.sort]]
    statement = (
        select(register.id, func.row_number().over(order_by=order).label("position"))
        .select_from(place)
        .join(register, register.location_id == place.c.id)
        .where(selects.matching(register, register, wanted), _asked(connection, register, wanted, scope))
    )
    if register is Account and wanted.sort != PLACE:
        statement = statement.outerjoin(AccountBalance, AccountBalance.account_id == Account.id)
    return statement.cte("chosen").prefix_with("MATERIALIZED")


def _asked(connection: Connection, register: Register, wanted: ListFilter, scope: AreaScope) -> Any:
    """The condition of what was typed: an identifier, else words. As in the list, but without its bound."""
    question = wanted.question
    if not question.tsquery:
        return true()
    if question.number:
        found = finder.by_identifier(connection, question, scope, listing.FOUND)
        ids = [row_id for kind, row_id, _matched in found if kind is register]
        if ids:
            return register.id.in_(ids)
    return register.search.op("@@")(func.to_tsquery(text("'simple'::regconfig"), question.tsquery))


def _accounts_of(chosen: CTE, cycle: dt.date, scope: AreaScope) -> Any:
    """For each chosen unit its accounts inside the reader's area, together."""
    live = case((Bill.id.is_not(None), Bill.status))
    return (
        select(
            Account.unit_id,
            func.string_agg(Account.psid, aggregate_order_by(literal(" "), Account.id)).label("psids"),
            func.string_agg(live, aggregate_order_by(literal(" "), Account.id)).label("statuses"),
            cast(func.sum(func.coalesce(AccountBalance.outstanding, 0)), BigInteger).label("outstanding"),
        )
        .join(chosen, chosen.c.id == Account.unit_id)
        .outerjoin(AccountBalance, AccountBalance.account_id == Account.id)
        .outerjoin(Bill, _live_bill(cycle))
        .where(scope.clause(Account.location_id))
        .group_by(Account.unit_id)
        .subquery("own")
    )


def _export(
    connection: Connection, fields: Sequence[Field], tables: Any, chosen: CTE, totals: Rows, sight: PersonalSight
) -> Export:
    count, outstanding = connection.execute(totals).one()
    rows = select(*(shown(one, sight).label(one.key) for one in fields)).select_from(tables).order_by(chosen.c.position)
    return Export(rows, tuple(one.column for one in fields), int(count), int(outstanding))


def area_path(connection: Connection, area_id: int, scope: AreaScope) -> str | None:
    """The area of a filter by its path; None when it is none of the reader's."""
    row = connection.execute(selects.area(area_id, scope)).one_or_none()
    if row is None:
        return None
    return " › ".join(name for _id, name, kind in row.path if kind != "PROVINCE") or str(row.name)

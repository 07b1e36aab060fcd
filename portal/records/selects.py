"""Queries of the lists and record pages. No session, no side effect. Every one takes the reader's scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, and_, case, cast, func, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.orm import Bundle, aliased
from sqlalchemy.types import Integer

from portal.audit.models import AuditEntry
from portal.audit.sightings import VIEW
from portal.billing.models import CANCELLED, Account, AccountBalance, Bill, UnitCycle, UnitState
from portal.billing.models import PAID as BILL_PAID
from portal.imports.models import ImportBatch, ImportRow
from portal.locations.models import Location, LocationClosure, Place
from portal.payments.models import Payment
from portal.permissions import AreaScope
from portal.records.filters import BILLED, CLOSED, LISTED, PAID, PENDING, SURVEYED, UNPAID, ListFilter
from portal.rollups.models import RollupAccounts, RollupUnitCycles, RollupUnits
from portal.rollups.selects import Where
from portal.search.finder import Register
from portal.staff.models import Staff
from portal.staff.selects import display_name
from portal.units.models import SurveyUnit

BIGGEST_ID = 2**63 - 1
Rows = Select[*tuple[Any, ...]]


# -- Counts by location, from the rollups ----------------------------------------------------------------------------
def _by_location(table: Any, where: Where, *sums: Any) -> Rows:
    return (
        select(table.location_id, Location.name, Location.kind, *(func.sum(s) for s in sums))
        .join(Location, Location.id == table.location_id)
        .where(where.rows(table))
        .group_by(table.location_id, Location.id)
        .having(func.sum(sums[0]) > 0)
    )


def units_by_location(where: Where) -> Rows:
    """Rows (location_id, name, kind, surveyed, listed) of the places that have units."""
    return _by_location(RollupUnits, where, RollupUnits.surveyed, RollupUnits.listed)


def unit_cycles_by_location(where: Where, cycle: dt.date) -> Rows:
    """Rows (location_id, billed, paid) of a billing month."""
    return (
        select(RollupUnitCycles.location_id, func.sum(RollupUnitCycles.billed), func.sum(RollupUnitCycles.paid))
        .where(where.rows(RollupUnitCycles), RollupUnitCycles.billing_month == cycle)
        .group_by(RollupUnitCycles.location_id)
    )


def accounts_by_location(where: Where, size: str | None) -> Rows:
    """Rows (location_id, name, kind, accounts, pending) of the places that have accounts."""
    statement = _by_location(RollupAccounts, where, RollupAccounts.accounts, RollupAccounts.pending)
    return statement.where(RollupAccounts.size_band == size) if size else statement


# -- Rows of a list --------------------------------------------------------------------------------------------------
def matching(register: Register, rows: Any, wanted: ListFilter) -> Any:
    """The condition of a filter (but for the area and the words) on rows of a register."""
    conditions = [in_sight(register, rows, wanted)]
    if wanted.use:
        conditions.append(rows.use == wanted.use)
    if wanted.size:
        conditions.append(rows.size_band == wanted.size)
    conditions += _unit_conditions(rows, wanted) if register is SurveyUnit else _account_conditions(rows, wanted)
    return and_(*conditions)


def in_sight(register: Register, rows: Any, wanted: ListFilter) -> Any:
    """Closed units are seen only where they are asked for."""
    if wanted.state == CLOSED:
        return rows.deleted_at.is_not(None)
    return rows.deleted_at.is_(None) if register is SurveyUnit else true()


def closed_by_location(register: Register, where: Where) -> Rows:
    """Rows (location_id, name, kind, closed) of the places that have closed ones: few, by an index of their own."""
    return (
        select(register.location_id, Location.name, Location.kind, func.count())
        .join(Location, Location.id == register.location_id)
        .where(register.deleted_at.is_not(None), where.rows(register))
        .group_by(register.location_id, Location.id)
    )


# Look-ups of one row by key, as scalar subqueries: the planner would turn an EXISTS into a join with the whole month
# (and lose the order of the walk); these are made for the rows looked at, and no more.
def _unit_conditions(rows: Any, wanted: ListFilter) -> list[Any]:
    accounts = select(UnitState.accounts).where(UnitState.unit_id == rows.id).scalar_subquery()
    cycle = and_(UnitCycle.unit_id == rows.id, UnitCycle.billing_month == wanted.cycle)
    paid_bills = select(UnitCycle.paid_bills).where(cycle).scalar_subquery()
    states = {
        None: [],
        CLOSED: [],
        SURVEYED: [accounts.is_(None)],
        LISTED: [accounts.is_not(None), paid_bills.is_(None)],
        BILLED: [paid_bills.is_not(None)],
    }
    statuses = {None: [], PAID: [paid_bills > 0], UNPAID: [paid_bills == 0]}
    return [*states[wanted.state], *statuses[wanted.status]]


def _account_conditions(rows: Any, wanted: ListFilter) -> list[Any]:
    live = and_(Bill.account_id == rows.id, Bill.billing_month == wanted.cycle, Bill.status != CANCELLED)
    status = select(Bill.status).where(live).scalar_subquery()
    states = {
        None: [],
        CLOSED: [],
        PENDING: [rows.unit_id.is_(None)],
        LISTED: [status.is_(None)],
        BILLED: [status.is_not(None)],
    }
    statuses = {None: [], PAID: [status == BILL_PAID], UNPAID: [status != BILL_PAID]}
    return [*states[wanted.state], *statuses[wanted.status]]


def in_place_order(
    register: Register, wanted: ListFilter, locations: Sequence[int], after: int | None, backwards: bool, window: int
) -> Rows:
    """Rows (position, id, ...) of a register, place by place and by id within each; at most `window` of them.

    One short index scan per place, stopped by the limit: the same time at any depth. `after` is the id behind which
    the first place is entered (before which, when backwards). The nested loop keeps the order of the places, and each
    of its inner scans that of the ids.
    """
    ids = func.unnest(cast(list(locations), ARRAY(Integer)))
    place = ids.table_valued("id", with_ordinality="position", name="place").render_derived()
    is_first = place.c.position == 1
    if backwards:
        bound = register.id < case((is_first, BIGGEST_ID if after is None else after), else_=BIGGEST_ID)
        order = register.id.desc()
    else:
        bound = register.id > case((is_first, 0 if after is None else after), else_=0)
        order = register.id.asc()
    each = (
        select(*_filter_columns(register))
        .where(register.location_id == place.c.id, bound, in_sight(register, register, wanted))
        .order_by(order)
        .limit(window)
    )
    rows = each.lateral("each")
    return select(place.c.position, *rows.c).join_from(place, rows, true()).order_by(place.c.position).limit(window)


def _filter_columns(register: Register) -> list[Any]:
    own = [register.id, register.location_id, register.use, register.size_band, register.deleted_at]
    return [*own, Account.unit_id] if register is Account else own


def unit_rows(ids: Sequence[int]) -> Rows:
    """What the list of units shows of these units."""
    return (
        select(
            SurveyUnit.id,
            SurveyUnit.survey_id,
            SurveyUnit.consumer_name,
            SurveyUnit.address,
            SurveyUnit.use,
            SurveyUnit.size_band,
            SurveyUnit.business_type,
            SurveyUnit.surveyed_at,
            SurveyUnit.surveyor_name,
            SurveyUnit.house_type,
            SurveyUnit.water_connection,
            SurveyUnit.deleted_at,
            Location.name.label("place"),
        )
        .join(Location, Location.id == SurveyUnit.location_id)
        .where(SurveyUnit.id.in_(ids))
    )


def account_rows(scope: AreaScope, cycle: dt.date, *, ids: Sequence[int] = (), unit_ids: Sequence[int] = ()) -> Rows:
    """Accounts by their own ids or by their units', with balance, survey id and the live bill of a month."""
    return (
        select(
            Account.id,
            Account.psid,
            Account.unit_id,
            Account.survey_id,
            Account.consumer_name,
            Account.address,
            Account.use,
            Account.size_band,
            Account.monthly_fee,
            Account.is_active,
            Account.deleted_at,
            Location.name.label("place"),
            AccountBalance.outstanding,
            AccountBalance.credit,
            AccountBalance.unpaid_bills,
            AccountBalance.payments_count,
            AccountBalance.latest_bill_month,
            Bill.status,
            Bill.demand,
        )
        .join(Location, Location.id == Account.location_id)
        .outerjoin(AccountBalance, AccountBalance.account_id == Account.id)
        .outerjoin(Bill, and_(Bill.account_id == Account.id, Bill.billing_month == cycle, Bill.status != CANCELLED))
        .where(Account.id.in_(ids) if ids else Account.unit_id.in_(unit_ids), scope.clause(Account.location_id))
        .order_by(Account.id)
    )


# -- Places ----------------------------------------------------------------------------------------------------------
def path_of(location_id: Any) -> Any:
    """A scalar subquery: [[id, name, kind], ...] from the root to the location itself."""
    node = aliased(Location)  # the query outside may be one over locations too
    return (
        select(
            func.json_agg(
                aggregate_order_by(func.json_build_array(node.id, node.name, node.kind), LocationClosure.depth.desc())
            )
        )
        .join(node, node.id == LocationClosure.ancestor_id)
        .where(LocationClosure.location_id == location_id)
        .scalar_subquery()
    )


def area(location_id: int, scope: AreaScope) -> Rows:
    """(id, name, kind, path) of a location inside the scope."""
    return select(Location.id, Location.name, Location.kind, path_of(Location.id).label("path")).where(
        Location.id == location_id, scope.clause(Location.id)
    )


def areas_below(parent: int | None, scope: AreaScope) -> Rows:
    """(id, name) of the next level: the children of a location, or the top of the reader's own areas."""
    statement = (
        select(Location.id, Location.name, Location.kind)
        .where(scope.clause(Location.id), Location.deleted_at.is_(None))
        .order_by(Location.name)
    )
    if parent is not None:
        return statement.where(Location.parent_id == parent)
    if scope.is_everywhere:
        root = select(Location.id).where(Location.parent_id.is_(None)).scalar_subquery()
        return statement.where(Location.parent_id == root)
    return statement.where(Location.id.in_(scope.location_ids))


# -- One record ------------------------------------------------------------------------------------------------------
# Each row of a record's history brings the file that made it, so that files need no query of their own.
def _with_file(rows: Any, batch_id: Any, name: str = "file") -> Any:
    """The select and, as `name`, what a timeline says of a row's import file: id, name, when and who; NULL for none."""
    batch, staff, file = _file(name)
    joined = rows.outerjoin(batch, batch.id == batch_id).outerjoin(staff, staff.id == batch.staff_id)
    return joined.add_columns(file)


@lru_cache(maxsize=8)
def _file(name: str) -> tuple[Any, Any, Bundle[Any]]:
    """Aliases of the import and of who started it, and what is shown of both. Once: fresh aliases cost more than the
    statement."""
    batch, staff = aliased(ImportBatch), aliased(Staff)
    columns = [column.label(label) for label, column in _file_columns(batch, staff).items()]
    return batch, staff, Bundle(name, *columns)


def _file_columns(batch: Any, staff: Any) -> dict[str, Any]:
    return {
        "id": batch.id,
        "file_name": batch.file_name,
        "at": func.coalesce(batch.finished_at, batch.created_at),
        "who": display_name(staff),
    }


def unit(survey_id: str, scope: AreaScope) -> Rows:
    """The unit with this survey id, its place as the file names it, the path of its location, how many accounts it
    has anywhere, and the first and the last file that named it."""
    accounts = select(func.count()).select_from(Account).where(Account.unit_id == SurveyUnit.id).scalar_subquery()
    rows = (
        select(SurveyUnit, Place, path_of(SurveyUnit.location_id).label("path"), accounts.label("accounts"))
        .join(Place, Place.id == SurveyUnit.place_id)
        .where(SurveyUnit.survey_id == survey_id, scope.clause(SurveyUnit.location_id))
    )
    return _with_both_files(rows, SurveyUnit)


def account(psid: str, scope: AreaScope) -> Rows:
    """The account with this PSID, its place, the path of its location, its balance, its unit (if in the area), and
    the first and the last file that named it."""
    rows = (
        select(Account, Place, path_of(Account.location_id).label("path"), AccountBalance, SurveyUnit)
        .join(Place, Place.id == Account.place_id)
        .outerjoin(AccountBalance, AccountBalance.account_id == Account.id)
        .outerjoin(SurveyUnit, and_(SurveyUnit.id == Account.unit_id, scope.clause(SurveyUnit.location_id)))
        .where(Account.psid == psid, scope.clause(Account.location_id))
    )
    return _with_both_files(rows, Account)


def _with_both_files(rows: Any, owner: Any) -> Rows:
    both: Rows = _with_file(_with_file(rows, owner.first_batch_id, "first_file"), owner.last_batch_id, "last_file")
    return both


def bills_of(account_ids: Sequence[int], since: dt.date | None, limit: int) -> Rows:
    """(Bill, file) of accounts, newest month first, superseded ones after the bill that replaced them."""
    statement: Rows = (
        _with_file(select(Bill), Bill.first_batch_id)
        .where(Bill.account_id.in_(account_ids))
        .order_by(Bill.billing_month.desc(), Bill.status == CANCELLED, Bill.issued_at.desc(), Bill.id.desc())
        .limit(limit)
    )
    return statement.where(Bill.billing_month >= since) if since else statement


def payments_of(account_ids: Sequence[int], limit: int) -> Rows:
    """(Payment, file) of accounts, newest first."""
    statement: Rows = (
        _with_file(select(Payment), Payment.first_batch_id)
        .where(Payment.account_id.in_(account_ids))
        .order_by(Payment.paid_on.desc(), Payment.id.desc())
        .limit(limit)
    )
    return statement


def import_rows_of(survey_ids: Sequence[str], psids: Sequence[str], limit: int) -> Rows:
    """Rows of import files that speak of these units and accounts, with their file, newest first."""
    keys = [*survey_ids, *psids]
    mine = or_(
        and_(ImportBatch.kind == "survey", ImportRow.entity_key.in_(survey_ids)),
        and_(ImportBatch.kind.in_(("biller", "paid")), ImportRow.entity_key.in_(psids)),
    )
    file = _file_columns(ImportBatch, Staff)
    return (
        select(
            ImportRow.outcome, ImportRow.pending, ImportRow.changes, ImportRow.line_no, ImportRow.batch_id,
            file["file_name"], file["at"].label("at"), file["who"].label("who"),
        )
        .join(ImportBatch, ImportBatch.id == ImportRow.batch_id)
        .outerjoin(Staff, Staff.id == ImportBatch.staff_id)
        .where(ImportRow.entity_key.in_(keys), mine, ImportBatch.status == "DONE")
        .order_by(ImportRow.batch_id.desc(), ImportRow.line_no)
        .limit(limit)
    )  # fmt: skip


def audit_of(survey_ids: Sequence[str], psids: Sequence[str], limit: int) -> Select[AuditEntry]:
    """Lines of the audit log about what was done to these units and accounts, newest first; not who looked at them."""
    mine = or_(
        and_(AuditEntry.entity == "unit", AuditEntry.entity_id.in_(survey_ids)),
        and_(AuditEntry.entity == "account", AuditEntry.entity_id.in_(psids)),
    )
    lines = select(AuditEntry).where(mine, AuditEntry.action != VIEW)
    return lines.order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(limit)


def has_bills_before(account_ids: Sequence[int], month: dt.date) -> Any:
    """Whether accounts have bills of earlier months."""
    return select(Bill.id).where(Bill.account_id.in_(account_ids), Bill.billing_month < month).exists()

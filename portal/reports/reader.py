"""Runs reports: one block of rows, the totals, and the count, each bounded in time.

Blocks continue by keyset from the last row of the one before. A jump finds its first row by OFFSET over the sort
keys alone, under a time-out. Totals come from rollups where the filters allow it, else from the rows, again under a
time-out; a count that would take too long is an estimate and says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import BigInteger, Connection, Select, and_, cast, func, literal, select, text, tuple_
from sqlalchemy.exc import DBAPIError

from portal.errors import InvalidInputError
from portal.permissions import AreaScope, PersonalSight
from portal.reports.areas import load_area
from portal.reports.filters import Area, Arguments, Person, Reading
from portal.reports.people import load_person
from portal.reports.report import Query, Report, Source, Total, order_keys, read_query, shown
from portal.rollups.models import RollupBills
from portal.web.columns import Kind

BLOCK = 100
BLOCK_TIMEOUT_MS = 5_000
TOTALS_TIMEOUT, FIRST_TIMEOUT = "3s", "250ms"
# Above this, totals that no rollup holds are left out of the page (a download states them).
MANY_ROWS = 1_000_000
_TIMED_OUT = "57014"


@dataclass(frozen=True)
class Block:
    """Rows as lists in the order of the fields, and the keys of the last row (None: the list ends here)."""

    rows: list[list[Any]]
    cursor: list[Any] | None


@dataclass(frozen=True)
class Totals:
    """Sums over all filtered rows. `is_exact` False: `rows` is an estimate and `sums` is empty."""

    rows: int
    sums: dict[str, Any] = field(default_factory=dict)
    is_exact: bool = True


def open_query(
    connection: Connection,
    report: Report,
    arguments: Arguments,
    scope: AreaScope,
    *,
    cycle_start_day: int,
    sight: PersonalSight,
    language: str = "en",
) -> Query:
    """The query a URL asks for, its area and its person checked against the scope."""

    def area(area_id: int) -> Area:
        return load_area(connection, area_id, scope)

    def person(staff_id: int) -> Person:
        return load_person(connection, staff_id, scope)

    return read_query(report, arguments, scope, Reading(area, person, cycle_start_day, language), sight)


def block_select(query: Query, cursor: Sequence[Any] | None, size: int, including: bool = False) -> Select[Any]:
    """The rows after a cursor (from it on when `including`); the sort keys follow the fields."""
    source = query.report.source(query)
    keys = order_keys(query, source)
    labelled = [key.label(f"_key{position}") for position, key in enumerate(keys)]
    block = select(source.core, *labelled).where(*source.where)
    if cursor is not None:
        block = block.where(_beyond(keys, cursor, query.descending, including))
    cut = block.order_by(*_ordered(keys, query.descending)).limit(size).subquery("block")
    display = source.display(cut)
    ends = [cut.c[label.name] for label in labelled]
    return (
        select(*(shown(one, query.sight).label(one.key) for one in display.fields), *ends)
        .select_from(display.tables)
        .order_by(*_ordered(ends, query.descending))
    )


def jump_select(query: Query, offset: int, cursor: Sequence[Any] | None) -> Select[Any]:
    """The sort keys of the row `offset` rows after a cursor, without anything that is only shown."""
    source = query.report.source(query)
    keys = order_keys(query, source)
    statement = select(*keys).select_from(source.core).where(*source.where)
    if cursor is not None:
        statement = statement.where(_beyond(keys, cursor, query.descending, False))
    return statement.order_by(*_ordered(keys, query.descending)).offset(offset).limit(1)


def read_block(
    connection: Connection, query: Query, start: int, size: int = BLOCK, known: dict[int, list[Any]] | None = None
) -> Block:
    """Rows `start` to `start + size`. `known` maps row numbers to the keys of the row before them (ends of blocks).

    Raises InvalidInputError when the jump takes longer than the time-out, or the keys are not this order's.
    """
    source = query.report.source(query)
    keys = order_keys(query, source)
    ends = {at: decode_keys(keys, values) for at, values in (known or {}).items() if 0 < at <= start}
    nearest = max(ends, default=0)
    cursor, including = ends.get(nearest), False
    if start > nearest:
        try:
            found = connection.execute(jump_select(query, start - nearest, cursor)).one_or_none()
        except DBAPIError as error:
            raise _too_long(error) from error
        if found is None:
            return Block([], None)
        cursor, including = list(found), True
    try:
        rows = [list(row) for row in connection.execute(block_select(query, cursor, size, including))]
    except DBAPIError as error:
        raise _too_long(error) from error
    width = len(source.fields)
    end = [encode(value) for value in rows[-1][width:]] if len(rows) == size else None
    return Block([row[:width] for row in rows], end)


def newest_month(connection: Connection, scope: AreaScope) -> dt.date | None:
    """The newest billing month with a live bill in the scope."""
    month: dt.date | None = connection.execute(
        select(RollupBills.billing_month)
        .where(scope.clause(RollupBills.location_id))
        .group_by(RollupBills.billing_month)
        .having(func.sum(RollupBills.bills) > 0)
        .order_by(RollupBills.billing_month.desc())
        .limit(1)
    ).scalar_one_or_none()
    return month


def _too_long(error: DBAPIError) -> Exception:
    """A sentence for a statement that ran out of time; any other error as it is."""
    if getattr(error.orig, "pgcode", "") != _TIMED_OUT:
        return error
    return InvalidInputError(_("This takes too long. Narrow the filters or sort by another column."), code="too_slow")


def _ordered(keys: Sequence[Any], descending: bool) -> list[Any]:
    return [key.desc() if descending else key.asc() for key in keys]


def _beyond(keys: Sequence[Any], cursor: Sequence[Any], descending: bool, including: bool) -> Any:
    """One row comparison, which an index on the keys answers, and the bound on the first key alone, by which
    partitions are left out (a row comparison prunes none)."""
    values = [literal(value, key.type) for key, value in zip(keys, cursor, strict=True)]
    left, right = tuple_(*keys), tuple_(*values)
    if descending:
        return and_(keys[0] <= values[0], left <= right if including else left < right)
    return and_(keys[0] >= values[0], left >= right if including else left > right)


def encode(value: Any) -> Any:
    """A sort key as JSON."""
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def decode_keys(keys: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    """Sort keys out of JSON, typed by their columns. Raises InvalidInputError for what does not fit."""
    try:
        return [_decode(key, value) for key, value in zip(keys, values, strict=True)]
    except (TypeError, ValueError, ArithmeticError):
        raise InvalidInputError(_("This position in the list is not valid. Open the report again.")) from None


def _decode(key: Any, value: Any) -> Any:
    wanted = key.type.python_type
    if wanted is dt.datetime:
        return dt.datetime.fromisoformat(value)
    if wanted is dt.date:
        return dt.date.fromisoformat(value)
    if wanted in (int, Decimal, float):
        return int(value) if wanted is int else Decimal(str(value))
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError(value)
    return value


def rollup_select(query: Query) -> Select[Any] | None:
    """The totals that rollups hold for exactly these filters; None when the rows must be read."""
    for rollup in query.report.rollups:
        if set(query.values) <= {one.name for one in rollup.filters}:
            where = (*query.conditions(rollup.filters, rollup.table.location_id), *rollup.where)
            sums: list[Any] = [
                cast(func.coalesce(total, 0), BigInteger).label(key) for key, total in rollup.totals.items()
            ]
            return select(*sums).where(*where)
    return None


def totals_select(query: Query) -> Select[Any]:
    """Count and totals from the rows themselves."""
    source = query.report.source(query)
    sums = [_sum(total).label(total.key) for total in source.totals]
    return select(func.count().label("rows"), *sums).select_from(source.core).where(*source.where)


def _sum(total: Total) -> Any:
    """The total's expression; sums as bigint (PostgreSQL sums bigint to numeric), 0 for no rows."""
    is_ratio = total.kind is Kind.RATIO
    return total.expression if is_ratio else cast(func.coalesce(total.expression, 0), BigInteger)


def quick_totals(connection: Connection, query: Query) -> Totals | None:
    """What the rollups know: a few milliseconds at any size. None when they cannot say."""
    statement = rollup_select(query)
    if statement is None:
        return None
    found = dict(connection.execute(statement).one()._mapping)
    shown_here = {total.key for total in query.report.source(query).totals}
    rows = int(found.pop("rows"))
    return Totals(rows, {key: int(value) for key, value in found.items() if key in shown_here})


def exact_totals(connection: Connection, query: Query) -> Totals:
    """Count and every total, from the rows, in the time that the connection allows."""
    found = dict(connection.execute(totals_select(query)).one()._mapping)
    return Totals(int(found.pop("rows")), {key: _plain(value) for key, value in found.items()})


def totals(connection: Connection, query: Query) -> Totals:
    """Count and totals for the page: rollups first, then the rows under a time-out, then an estimate.

    Totals that no rollup holds are added from the rows when these are few enough to be read at once.
    """
    quick = quick_totals(connection, query)
    wanted = {total.key for total in query.report.source(query).totals}
    if quick is not None and (set(quick.sums) == wanted or quick.rows > MANY_ROWS):
        return quick
    return (
        _totals_within(connection, query, TOTALS_TIMEOUT)
        or quick
        or Totals(_estimate(connection, query), {}, is_exact=False)
    )


def first_totals(connection: Connection, query: Query) -> Totals | None:
    """What can be said at once, for the first HTML: from rollups, else from the rows if that takes no time."""
    return quick_totals(connection, query) or _totals_within(connection, query, FIRST_TIMEOUT)


def _totals_within(connection: Connection, query: Query, limit: str) -> Totals | None:
    """Totals from the rows, None when they take longer than the limit, which then holds for the transaction: they are
    the last thing read in it."""
    try:
        with connection.begin_nested():
            connection.execute(text("SELECT set_config('statement_timeout', :limit, true)"), {"limit": limit})
            return exact_totals(connection, query)
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", "") != _TIMED_OUT:
            raise
        return None


def _estimate(connection: Connection, query: Query) -> int:
    """The planner's guess."""
    from portal.web.copying import render

    source: Source = query.report.source(query)
    statement = select(literal(1)).select_from(source.core).where(*source.where)
    raw = connection.connection.dbapi_connection
    plan = connection.exec_driver_sql("EXPLAIN (FORMAT JSON) " + render(statement, raw).replace("%", "%%")).scalar_one()
    return int(plan[0]["Plan"]["Plan Rows"])


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value

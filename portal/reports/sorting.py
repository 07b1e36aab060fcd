"""Which orders a report offers: those that an index answers at any size, and all others while few rows can belong.

Sorting by an amount reads every row of the area and time asked for: 50,000 in about 0.1 s, a year of three hundred
thousand units in many seconds. How many rows that are is known from the rollups, in a few milliseconds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import BigInteger, Connection, cast, func, literal, select, text
from sqlalchemy.exc import DBAPIError

from portal.reports.report import Query, Source
from portal.web import format as fmt

SORTABLE_ROWS = 50_000
# The filters that indexes answer; rows that others leave out are read all the same.
_NARROWING = frozenset({"area", "months", "days", "bill_month"})
_COUNTING = "250ms"
_TIMED_OUT = "57014"


def is_served(source: Source, key: str) -> bool:
    """Whether the order by this column is the report's own, which an index answers."""
    first = source.core.c[source.tie[0]]
    return any(one.key == key and one.sort is first for one in source.fields)


def offers_every_order(connection: Connection, query: Query) -> bool:
    """Whether so few rows can belong to the query that it may be sorted by any of its columns.

    Reports of sums (without rollups of their own) read the same few rows in every order.
    """
    bound = _rows_at_most(connection, query)
    if bound is None or bound <= SORTABLE_ROWS:
        return True
    return "q" in query.values and _are_few(connection, query)


def usable(connection: Connection, query: Query) -> Query:
    """The query, in the report's own order where the one asked for is not offered."""
    if query.sort is None or is_served(query.report.source(query), query.sort):
        return query
    if offers_every_order(connection, query):
        return query
    return replace(query, sort=None, descending=query.report.descending)


def explanation() -> str:
    """Why most columns cannot be sorted by."""
    number = fmt.number(SORTABLE_ROWS)
    return str(
        _(
            "Over %(number)s rows only the report's own order is offered. Choose a smaller area or a shorter time to"
            " sort by other columns.",
            number=number,
        )
    )


def _rows_at_most(connection: Connection, query: Query) -> int | None:
    """How many rows lie in the query's area and time, by the rollup that knows most of its filters."""
    rollups = query.report.rollups
    if not rollups:
        return None
    best = max(rollups, key=lambda one: sum(own.name in query.values for own in one.filters))
    narrowing = [one for one in best.filters if one.name in _NARROWING]
    conditions = (*query.conditions(narrowing, best.table.location_id), *best.where)
    rows = select(cast(func.coalesce(best.totals["rows"], 0), BigInteger)).where(*conditions)
    return int(connection.execute(rows).scalar_one())


def _are_few(connection: Connection, query: Query) -> bool:
    """Whether words leave few rows of many; not when finding that out takes long."""
    source = query.report.source(query)
    one: Any = literal(1)
    some = select(one).select_from(source.core).where(*source.where).limit(SORTABLE_ROWS + 1).subquery("some")
    before = connection.execute(text("SHOW statement_timeout")).scalar_one()
    try:
        with connection.begin_nested():
            connection.execute(text("SELECT set_config('statement_timeout', :limit, true)"), {"limit": _COUNTING})
            found = connection.execute(select(func.count()).select_from(some)).scalar_one()
            connection.execute(text("SELECT set_config('statement_timeout', :limit, true)"), {"limit": before})
            return bool(found <= SORTABLE_ROWS)
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", "") != _TIMED_OUT:
            raise
        return False

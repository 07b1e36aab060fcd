"""What a report is: a declaration. `portal.reports.reader` runs it, page, grid and downloads show it.

A `Report` names its filters, fields and totals; `source` gives the tables and conditions for one `Query` (a report
with the values read from a URL and the reader's scope). The scope is part of every source: nothing here can be read
without one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, FromClause, Select, String, case, func, literal, select

from portal.errors import InvalidInputError
from portal.permissions import AreaScope, Permission, PersonalSight
from portal.reports.filters import Arguments, Filter, Reading
from portal.web.columns import Column, Kind


@dataclass(frozen=True)
class Field:
    """A column of the report and where it comes from.

    `sort` is what sorting by it means (NOT NULL, of the core tables), None when one cannot sort by it.
    `visible_digits` marks a personal number: so many of its last digits are left to those who may not see it; whether
    somebody may depends on the unit it belongs to, whose id is `unit` (an expression over the same tables).
    """

    column: Column
    expression: Any
    sort: Any = None
    visible_digits: int | None = None
    unit: Any = None

    @property
    def key(self) -> str:
        return self.column.key


@dataclass(frozen=True)
class Total:
    """A sum over all filtered rows, shown above the grid and on the first sheet of the workbook."""

    key: str
    label: Any
    kind: Kind
    expression: Any


@dataclass(frozen=True)
class Display:
    """The tables and fields that show rows of a core."""

    tables: FromClause
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Source:
    """Where the rows of one query come from.

    `core` is the table (or subquery) that filters and sort keys speak about. `display(rows)` joins what is only
    shown to `rows`, which is the core itself or one block of it: so a block is cut before anything is joined.
    `tie` names core columns that make every order total: NOT NULL, unique together.
    """

    core: FromClause
    where: tuple[ColumnElement[bool], ...]
    display: Callable[[FromClause], Display]
    tie: tuple[str, ...]
    totals: tuple[Total, ...]

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.display(self.core).fields


@dataclass(frozen=True)
class Rollup:
    """Sums prepared for a report: usable when every filter in force is among these (same names, rollup columns)."""

    table: Any
    filters: tuple[Filter, ...]
    totals: Mapping[str, Any]
    where: tuple[ColumnElement[bool], ...] = ()


@dataclass(frozen=True)
class Report:
    """A report over rows. `default_where(values)` is what holds unless a filter says otherwise (live bills only)."""

    name: str
    title: Any
    purpose: Any
    empty_hint: Any
    filters: tuple[Filter, ...]
    source: Callable[[Query], Source]
    rollups: tuple[Rollup, ...] = ()
    permission: Permission = Permission.VIEW_REPORTS
    descending: bool = True
    group: Any = ""
    record: str | None = None  # the field whose value opens a record page
    default_keys: tuple[str, ...] = field(default=())  # keys the catalogue's link fills in: "cycle"

    def filter_named(self, name: str) -> Filter:
        return next(one for one in self.filters if one.name == name)


@dataclass(frozen=True)
class Query:
    """One reading of a report: its filters' values by filter name, the order, and whose scope."""

    report: Report
    values: Mapping[str, Any]
    scope: AreaScope
    sight: PersonalSight = field(default_factory=PersonalSight)
    sort: str | None = None
    descending: bool = True
    arguments: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_one_month(self) -> bool:
        """Whether only bills of one billing month are asked for."""
        first, last = self.values.get("months", (None, None))
        return first is not None and first == last

    def conditions(self, filters: Sequence[Filter], location: Any) -> tuple[ColumnElement[bool], ...]:
        """The conditions of the values in force on the given filters, and the scope on the location column."""
        own = tuple(one.condition(self.values[one.name], self) for one in filters if one.name in self.values)
        return (self.scope.clause(location), *own)

    def sentences(self, language: str = "en") -> list[str]:
        """What is in force, in words; empty when nothing is filtered."""
        return [one.sentence(self.values[one.name], language) for one in self.report.filters if one.name in self.values]

    @property
    def query_string(self) -> str:
        """The address of this view: only keys of its filters, and the order."""
        known = {key for one in self.report.filters for key in one.keys}
        pairs = [(key, value) for key, value in self.arguments.items() if key in known and value]
        if self.sort:
            pairs.append(("sort", ("-" if self.descending else "") + self.sort))
        return urlencode(pairs)


def read_query(report: Report, arguments: Arguments, scope: AreaScope, reading: Reading, sight: PersonalSight) -> Query:
    """A query out of a URL's keys. Raises InvalidInputError (a bad value) and NotFoundError (an area outside)."""
    values = {}
    for one in report.filters:
        value = one.read(arguments, reading)
        if value is not None:
            values[one.name] = value
    query = Query(report, values, scope, sight, None, report.descending, dict(arguments))
    wanted = (arguments.get("sort") or "").strip()
    if not wanted:
        return query
    return with_sort(query, wanted.removeprefix("-"), wanted.startswith("-"))


def with_sort(query: Query, key: str, descending: bool) -> Query:
    """The query in another order. Raises InvalidInputError unless the column is one of those that can be sorted."""
    if key not in {one.key for one in query.report.source(query).fields if one.sort is not None}:
        raise InvalidInputError(f"The report cannot be sorted by {key[:40]}.", code="bad_sort")
    return Query(query.report, query.values, query.scope, query.sight, key, descending, query.arguments)


def shown(one: Field, sight: PersonalSight) -> Any:
    """The expression of a field as this reader may see it."""
    if one.visible_digits is None or sight.everybody:
        return one.expression
    hidden = func.greatest(func.length(one.expression) - one.visible_digits, 0)
    masked = func.repeat(literal("•", String), hidden).concat(func.right(one.expression, one.visible_digits))
    if one.unit is None or sight.assigned is None:
        return masked
    return case((sight.clause(one.unit), one.expression), else_=masked)


def shows_personal(query: Query) -> bool:
    """Whether the reader gets personal numbers in full."""
    return query.sight.everybody and any(one.visible_digits for one in query.report.source(query).fields)


def order_keys(query: Query, source: Source) -> tuple[Any, ...]:
    """The columns of the order: the sorted one, then the tie; all in the query's direction."""
    tie = tuple(source.core.c[name] for name in source.tie)
    chosen = next((one.sort for one in source.fields if one.key == query.sort), None) if query.sort else None
    return tie if chosen is None else (chosen, *(key for key in tie if key is not chosen))


def all_rows(query: Query) -> Select[Any]:
    """Every row of the query, in its order: what a download holds."""
    source = query.report.source(query)
    keys = order_keys(query, source)
    display = source.display(source.core)
    return (
        select(*(shown(one, query.sight).label(one.key) for one in display.fields))
        .select_from(display.tables)
        .where(*source.where)
        .order_by(*(key.desc() if query.descending else key.asc() for key in keys))
    )

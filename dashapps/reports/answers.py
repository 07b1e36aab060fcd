"""What the report page shows, read in the signed-in person's scope: one snapshot for each answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask_login import current_user
from sqlalchemy import Connection

from dashapps.shared.areas import Area, find_area
from dashapps.shared.i18n import gettext as _
from portal.audit.sightings import Seen
from portal.db import read_snapshot
from portal.errors import ForbiddenError, InvalidInputError
from portal.permissions import AreaScope
from portal.reports.catalogue import find_report
from portal.reports.filters import Control, Person
from portal.reports.people import people_offered
from portal.reports.reader import BLOCK, BLOCK_TIMEOUT_MS, Block, Totals, first_totals, open_query, read_block, totals
from portal.reports.report import Query, shows_personal, with_sort
from portal.reports.sorting import offers_every_order, usable
from portal.rollups.selects import Where, billed_by_month
from portal.web.context import settings
from portal.web.filters import language
from portal.web.masking import personal_sight
from portal.web.noting import note_personal_views

PREFIX = "/dash/reports/"
LONGEST_QUERY = 2000
LARGEST_BLOCK = 500
LARGEST_ROW = 2**40


@dataclass(frozen=True)
class View:
    """A report as its page begins: the query, the area in force, the months there are, what can be summed at once."""

    query: Query
    area: Area
    months: tuple[dt.date, ...]
    totals: Totals | None
    block: Block | None = None
    every_order: bool = True
    people: tuple[Person, ...] = ()

    @property
    def name(self) -> str:
        return self.query.report.name

    @property
    def has_all_totals(self) -> bool:
        wanted = {total.key for total in self.query.report.source(self.query).totals}
        return self.totals is not None and set(self.totals.sums) >= wanted

    def address(self, **changes: Any) -> str:
        """The query string of this view with keys changed ('' or None leaves a key out); '?' for none."""
        known = {key for one in self.query.report.filters for key in one.keys} | {"sort"}
        pairs = {key: value for key, value in self.query.arguments.items() if key in known and value}
        for key, value in changes.items():
            pairs.pop(key.rstrip("_"), None)
            if value:
                pairs[key.rstrip("_")] = str(value)
        return f"?{urlencode(pairs)}"


def report_name(pathname: Any) -> str:
    """The report's name out of the page's path."""
    return pathname.removeprefix(PREFIX).strip("/") if isinstance(pathname, str) else ""


def scope_of_reader() -> AreaScope:
    scope = getattr(current_user, "scope", None)
    return scope if isinstance(scope, AreaScope) else AreaScope()


@contextmanager
def opened(name: str, search: Any) -> Iterator[tuple[Connection, Query]]:
    """A snapshot and the query of a URL in it. Raises NotFoundError, ForbiddenError and InvalidInputError."""
    report = find_report(name)
    if not current_user.can(report.permission):
        raise ForbiddenError(_("Your role does not allow this."))
    arguments: dict[str, str] = {}
    asked = search.removeprefix("?")[:LONGEST_QUERY] if isinstance(search, str) else ""
    for key, value in parse_qsl(asked):
        arguments.setdefault(key, value)
    with read_snapshot(timeout_ms=BLOCK_TIMEOUT_MS) as connection:
        yield (
            connection,
            open_query(
                connection,
                report,
                arguments,
                scope_of_reader(),
                cycle_start_day=settings().cycle_start_day,
                sight=personal_sight(current_user),
                language=language(),
            ),
        )


def view(name: str, search: str | None, rows: int = 0) -> View:
    """The page of a URL: everything that comes at once, with the first `rows` rows."""
    with opened(name, search) as (connection, asked):
        query = usable(connection, asked)
        scope = scope_of_reader()
        area_id = query.values["area"].id if "area" in query.values else None
        area = find_area(connection, area_id, scope)
        months = tuple(row.month for row in connection.execute(billed_by_month(Where(scope)).limit(24)))
        every_order = offers_every_order(connection, query)
        has_people = any(one.control is Control.PERSON for one in query.report.filters)
        people = tuple(people_offered(connection, scope, area_id)) if has_people else ()
        block = _noted(query, read_block(connection, query, 0, rows)) if rows else None
        at_once = first_totals(connection, query) if rows else None
        return View(query, area, months, at_once, block, every_order, people)


def all_totals(name: str, search: str | None) -> tuple[Query, Totals]:
    """Count and totals: the second request."""
    with opened(name, search) as (connection, query):
        return query, totals(connection, query)


def block(name: str, search: Any, request: dict[str, Any], ends: Any) -> tuple[Query, Block, int]:
    """The rows the grid asks for (`startRow`, `endRow`, `sortModel`), continued from a known end of a block.

    All of it comes from the browser: InvalidInputError for what is not as the grid sends it.
    """
    start = whole(request.get("startRow"))
    size = min(LARGEST_BLOCK, max(1, whole(request.get("endRow"), start + BLOCK) - start))
    with opened(name, search) as (connection, query):
        ordered = usable(connection, sorted_as(query, request.get("sortModel")))
        return ordered, _noted(ordered, read_block(connection, ordered, start, size, known_ends(ordered, ends))), start


def _noted(query: Query, found: Block) -> Block:
    """The rows; that somebody sees personal numbers of a report is noted once an hour, not for every row of a block."""
    if found.rows and shows_personal(query):
        note_personal_views([Seen("report", query.report.name)])
    return found


def whole(value: Any, default: int = 0) -> int:
    """A row number (see `row_number`). Raises InvalidInputError for what is no number."""
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInputError(_("This position in the list is not valid. Open the report again."))
    return row_number(value)


def row_number(value: Any) -> int:
    """Not negative, and one that PostgreSQL, JSON and JavaScript can count to; 0 for what is no number."""
    return min(max(value, 0), LARGEST_ROW) if isinstance(value, int) and not isinstance(value, bool) else 0


def known_ends(query: Query, ends: Any) -> dict[int, list[Any]]:
    """The ends of blocks that belong to this view: {rows before: keys of the last of them}."""
    if not isinstance(ends, dict) or ends.get("of") != signature(query) or not isinstance(ends.get("at"), dict):
        return {}
    known = {at: keys for at, keys in ends["at"].items() if isinstance(keys, list) and at.isdecimal() and len(at) < 14}
    return {int(at): keys for at, keys in known.items()}


def sorted_as(query: Query, model: Any) -> Query:
    """The query in the grid's order; only columns that the report allows (InvalidInputError)."""
    if not isinstance(model, list) or not model or not isinstance(model[0], dict):
        return with_order_reset(query)
    return with_sort(query, str(model[0].get("colId")), model[0].get("sort") == "desc")


def with_order_reset(query: Query) -> Query:
    """The query in the report's own order."""
    return Query(query.report, query.values, query.scope, query.sight, None, query.report.descending, query.arguments)


def signature(query: Query) -> str:
    """What a known end of a block belongs to: report, filters and order."""
    return f"{query.report.name}?{query.query_string}"

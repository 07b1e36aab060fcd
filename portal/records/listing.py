"""The two lists, units and accounts: which rows, how many, and how to go on, in bounded time at any depth.

A list is in the order of its places (and of entry within each) or, when few enough rows can belong to it, in an order
the reader chose. The first needs no sort: places that hold nothing of what is wanted are known from the rollups and
left out, the others are walked one by one through an index until a page is full. A rare combination of filters stops
after `WINDOW` rows looked at, and the page says so and offers to go on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session

from portal.billing.models import Account, AccountBalance
from portal.locations.models import Location
from portal.permissions import AreaScope
from portal.records import selects
from portal.records.filters import BILLED, CLOSED, LISTED, PAID, PENDING, PLACE, SURVEYED, UNPAID, ListFilter
from portal.rollups.remembering import remembered
from portal.rollups.selects import Where
from portal.search import finder
from portal.units.models import SurveyUnit
from portal.web.pages import PAGE_SIZE, Key, Page, make_cursor, paginate, read_cursor

WINDOW = 12_000  # rows one page may look at, about 20 ms
SORTABLE = 5_000  # rows that may be sorted for a page
FOUND = 1_000  # matches of a word that a list holds


class Area(NamedTuple):
    """A place with rows in it. `wanted` is how many of them the filter wants, None where only looking tells."""

    id: int
    rows: int
    wanted: int | None


@dataclass(frozen=True)
class Listing:
    """A page of a list. `count` is None when it is unknown; `at_least` says that there are more than `count`.

    `stopped`: the page stopped looking before it was full; its next cursor goes on from there. `may_sort`: few enough
    rows for an order of the reader's choice; `sort` is the order in force.
    """

    page: Page
    count: int | None
    at_least: bool = False
    stopped: bool = False
    may_sort: bool = False
    sort: str = PLACE


@dataclass(frozen=True)
class _Found:
    ids: list[int] = field(default_factory=list)
    next_cursor: str | None = None
    prev_cursor: str | None = None
    stopped: bool = False


def list_units(session: Session, wanted: ListFilter, scope: AreaScope, cursor: str | None) -> Listing:
    """A page of the survey register."""
    areas = unit_areas(session, wanted, scope)
    return _list(session, SurveyUnit, wanted, scope, areas=areas, sorts=unit_sorts(wanted), cursor=cursor)


def unit_sorts(wanted: ListFilter) -> dict[str, list[Key]]:
    """What each order of the list of units means."""
    return {
        "survey_id": [
            Key(func.length(SurveyUnit.survey_id), wanted.descending),
            Key(SurveyUnit.survey_id, wanted.descending),
        ],
        "name": [
            Key(func.coalesce(SurveyUnit.consumer_name, ""), wanted.descending),
            Key(SurveyUnit.id, wanted.descending),
        ],
        "surveyed": [
            Key(func.coalesce(SurveyUnit.surveyed_at, func.to_timestamp(0)), wanted.descending),
            Key(SurveyUnit.id, wanted.descending),
        ],
        PLACE: [Key(Location.name), Key(SurveyUnit.id)],
    }


def list_accounts(session: Session, wanted: ListFilter, scope: AreaScope, cursor: str | None) -> Listing:
    """A page of the accounts."""
    areas = account_areas(session, wanted, scope)
    return _list(session, Account, wanted, scope, areas=areas, sorts=account_sorts(wanted), cursor=cursor)


def account_sorts(wanted: ListFilter) -> dict[str, list[Key]]:
    """What each order of the list of accounts means."""
    return {
        "psid": [Key(Account.psid, wanted.descending)],
        "name": [Key(func.coalesce(Account.consumer_name, ""), wanted.descending), Key(Account.id, wanted.descending)],
        "fee": [Key(func.coalesce(Account.monthly_fee, 0), wanted.descending), Key(Account.id, wanted.descending)],
        "outstanding": [
            Key(func.coalesce(AccountBalance.outstanding, 0), wanted.descending),
            Key(Account.id, wanted.descending),
        ],
        PLACE: [Key(Location.name), Key(Account.id)],
    }


def _natural(name: str) -> list[Any]:
    """UC-2 before UC-17."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name.casefold()) if part
    ]


def unit_areas(session: Session | Connection, wanted: ListFilter, scope: AreaScope) -> list[Area]:
    """The places that hold units of the list, in its order."""
    where = Where(scope, (wanted.area,) if wanted.area is not None else (), wanted.use)
    if wanted.state == CLOSED:
        return _closed_areas(session, SurveyUnit, where, wanted)
    asked = (where, wanted.state, wanted.status, wanted.size, wanted.cycle)
    return _kept(session, scope, "unit_areas", asked, lambda: _unit_areas(session, wanted, where))


def _kept(
    session: Session | Connection, scope: AreaScope, name: str, asked: object, build: Callable[[], list[Area]]
) -> list[Area]:
    """The places, remembered as plain numbers: a province has thousands, and they are read for each page."""
    kept = remembered(session, scope, name, asked, lambda: [(area.id, area.rows, area.wanted) for area in build()])
    return [Area(*row) for row in kept]


def _unit_areas(session: Session | Connection, wanted: ListFilter, where: Where) -> list[Area]:
    rows = session.execute(selects.units_by_location(where)).all()
    of_cycle: dict[int, tuple[int, int]] = {}
    if wanted.status or wanted.state in {LISTED, BILLED}:
        cycles = session.execute(selects.unit_cycles_by_location(where, wanted.cycle))
        of_cycle = {place: (int(billed), int(paid)) for place, billed, paid in cycles}
    count: dict[tuple[str | None, str | None], Callable[[int, int, int, int], int]] = {
        (None, None): lambda surveyed, listed, billed, paid: surveyed,
        (SURVEYED, None): lambda surveyed, listed, billed, paid: surveyed - listed,
        (LISTED, None): lambda surveyed, listed, billed, paid: listed - billed,
        (BILLED, None): lambda surveyed, listed, billed, paid: billed,
        (None, PAID): lambda surveyed, listed, billed, paid: paid,
        (BILLED, PAID): lambda surveyed, listed, billed, paid: paid,
        (None, UNPAID): lambda surveyed, listed, billed, paid: billed - paid,
        (BILLED, UNPAID): lambda surveyed, listed, billed, paid: billed - paid,
    }
    rule = count.get((wanted.state, wanted.status))
    areas = []
    for place, name, _kind, surveyed, listed in rows:
        matching = rule(int(surveyed), int(listed), *of_cycle.get(place, (0, 0))) if rule else 0
        if matching > 0:
            areas.append((name, Area(place, int(surveyed), matching if wanted.size is None else None)))
    return _in_order(areas)


def account_areas(session: Session | Connection, wanted: ListFilter, scope: AreaScope) -> list[Area]:
    """The places that hold accounts of the list, in its order."""
    where = Where(scope, (wanted.area,) if wanted.area is not None else (), wanted.use)
    if wanted.state == CLOSED:
        return _closed_areas(session, Account, where, wanted)
    asked = (where, wanted.state, wanted.status, wanted.size)
    return _kept(session, scope, "account_areas", asked, lambda: _account_areas(session, wanted, where))


def _account_areas(session: Session | Connection, wanted: ListFilter, where: Where) -> list[Area]:
    areas = []
    for place, name, _kind, accounts, pending in session.execute(selects.accounts_by_location(where, wanted.size)):
        most = int(pending) if wanted.state == PENDING else 0 if wanted.contradicts_itself else int(accounts)
        known = wanted.status is None and wanted.state in {None, PENDING}
        if most > 0:
            areas.append((name, Area(place, int(accounts), most if known else None)))
    return _in_order(areas)


def _closed_areas(
    session: Session | Connection, register: finder.Register, where: Where, wanted: ListFilter
) -> list[Area]:
    """The places that hold closed ones."""
    exact = wanted.status is None and wanted.size is None
    rows = session.execute(selects.closed_by_location(register, where))
    areas = [(name, Area(place, int(closed), int(closed) if exact else None)) for place, name, _kind, closed in rows]
    return _in_order(areas)


def _in_order(named: list[tuple[str, Area]]) -> list[Area]:
    return [area for _name, area in sorted(named, key=lambda one: (_natural(one[0]), one[1].id))]


def _list(
    session: Session,
    register: finder.Register,
    wanted: ListFilter,
    scope: AreaScope,
    *,
    areas: list[Area],
    sorts: dict[str, list[Key]],
    cursor: str | None,
) -> Listing:
    total = None if any(area.wanted is None for area in areas) else sum(area.wanted or 0 for area in areas)
    locations = [area.id for area in areas]
    ids: list[int] | None = None
    if wanted.question.tsquery and areas:
        ids = _matches(session, register, wanted, scope, locations)
        total = None
    may_sort = ids is not None or sum(area.rows for area in areas) <= SORTABLE
    sort = wanted.sort if may_sort else PLACE
    if not areas or ids == []:
        return Listing(Page([]), 0, may_sort=may_sort, sort=sort)
    if ids is None and sort == PLACE:
        found = _walk(session, register, wanted, areas, cursor)
        page = Page(found.ids, found.next_cursor, found.prev_cursor)
        alone = page.next_cursor is None and page.prev_cursor is None
        return Listing(page, len(page) if alone else total, stopped=found.stopped, may_sort=may_sort, sort=sort)
    statement = (
        select(register.id)
        .join(Location, Location.id == register.location_id)
        .where(selects.matching(register, register, wanted), finder.in_locations(register.location_id, locations))
    )
    if register is Account:
        statement = statement.outerjoin(AccountBalance, AccountBalance.account_id == Account.id)
    if ids is not None:
        statement = statement.where(register.id.in_(ids))
    if total is None:
        total = session.scalar(select(func.count()).select_from(statement.limit(FOUND + 1).subquery()))
    page = paginate(session, statement, sorts[sort], cursor)
    return Listing(page, total, at_least=ids is not None and len(ids) > FOUND, may_sort=may_sort, sort=sort)


def _matches(
    session: Session, register: finder.Register, wanted: ListFilter, scope: AreaScope, locations: list[int]
) -> list[int]:
    """Ids that an identifier or the words name; identifiers first, as in the global search."""
    exact = finder.by_identifier(session, wanted.question, scope, FOUND) if wanted.question.number else []
    ids = [row_id for found, row_id, _name in exact if found is register]
    if ids or wanted.question.tsquery is None:
        return ids
    return finder.by_words(session, wanted.question.tsquery, locations, FOUND + 1, registers=[register], window=WINDOW)[
        register
    ]


# -- Walking through the places --------------------------------------------------------------------------------------
def _walk(
    session: Session, register: finder.Register, wanted: ListFilter, areas: Sequence[Area], cursor: str | None
) -> _Found:
    """One page in the order of the places."""
    order = f"places:{register.__tablename__}"
    backwards, (place, row_id) = read_cursor(order, cursor, 2) if cursor else (False, [None, None])
    ahead = list(reversed(areas)) if backwards else list(areas)
    if place is not None:
        at = next((n for n, area in enumerate(ahead) if area.id == place), None)
        if at is not None:
            ahead = ahead[at:]
        else:  # its last row has gone elsewhere meanwhile: begin again rather than guess
            backwards, row_id, ahead, cursor = False, None, list(areas), None
    window = WINDOW if wanted.narrows_rows else PAGE_SIZE + 1
    rows: list[tuple[int, int]] = []
    edge = None
    for places in _nearest(ahead, window):
        rows = _rows(session, register, wanted, places, row_id, backwards, window)
        more = len(rows) > PAGE_SIZE
        edge = None if more or not wanted.narrows_rows else _edge(session, register, wanted, places, row_id, backwards)
        if more or edge is not None:
            break
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    going_on = edge or (rows[-1] if more else None)
    coming_from = (rows[0] if rows else edge) if cursor else None
    if backwards:
        rows.reverse()
        going_on, coming_from = coming_from, going_on
    return _Found(
        ids=[found_id for _place, found_id in rows],
        next_cursor=make_cursor(order, False, going_on) if going_on else None,
        prev_cursor=make_cursor(order, True, coming_from) if coming_from else None,
        stopped=edge is not None,
    )


def _nearest(ahead: Sequence[Area], window: int) -> list[list[int]]:
    """The places to walk through: so many of the next ones as should fill the window, and all, should they not.

    The first place is entered somewhere in its middle, and counts for nothing.
    """
    places = [area.id for area in ahead]
    held, enough = 0, len(ahead)
    for number, area in enumerate(ahead[1:], start=2):
        held += area.rows
        if held >= window:
            enough = number
            break
    return [places] if enough == len(places) else [places[:enough], places]


def _rows(
    session: Session,
    register: finder.Register,
    wanted: ListFilter,
    places: Sequence[int],
    row_id: int | None,
    backwards: bool,
    window: int,
) -> list[tuple[int, int]]:
    """(place, id) of the next rows of the list, one more than a page holds."""
    walked = selects.in_place_order(register, wanted, places, row_id, backwards, window).subquery("walked")
    condition = selects.matching(register, walked.c, wanted)
    statement = select(walked.c.position, walked.c.location_id, walked.c.id).where(condition)
    statement = statement.order_by(walked.c.position).limit(PAGE_SIZE + 1)
    return [(found, found_id) for _position, found, found_id in session.execute(statement)]


def _edge(
    session: Session,
    register: finder.Register,
    wanted: ListFilter,
    ahead: Sequence[int],
    row_id: int | None,
    backwards: bool,
) -> tuple[int, int] | None:
    """The last row a page was allowed to look at; None when it has seen everything there is."""
    walked = selects.in_place_order(register, wanted, ahead, row_id, backwards, WINDOW).subquery("walked")
    row = session.execute(select(walked.c.location_id, walked.c.id).offset(WINDOW - 1).limit(1)).first()
    return (row.location_id, row.id) if row else None

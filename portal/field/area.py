"""The browser of a ward or union council: which of its units, in bounded time, and what is found by a search in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from portal.assignments.standing import ARREARS, NO_BILL, PAID, STANDINGS, UNPAID
from portal.field import selects
from portal.permissions import AreaScope
from portal.search import finder
from portal.search.question import Question
from portal.units.models import SurveyUnit

STEP, MOST = 20, 100  # cards of a page at first, and at most
FOUND = 200  # matches of a search
CHIPS = (UNPAID, ARREARS, PAID, NO_BILL)


@dataclass(frozen=True)
class Slice:
    """Units of an area to be shown. `counts` by standing (None: too many to count); `total` of the area.

    `more`: there are further ones in what was looked at; `beyond`: (place, unit) behind which the next look begins.
    """

    ids: list[int]
    total: int
    counts: dict[str, int] | None
    more: bool = False
    beyond: tuple[int, int] | None = None
    matched: dict[int, str] = field(default_factory=dict)


def browse(
    session: Session,
    locations: Sequence[int],
    own: Sequence[int] | None,
    *,
    standing: str | None,
    number: int,
    after: tuple[int, int] | None = None,
) -> Slice:
    """The first `number` units (behind `after`) of an area, of one standing or of all, in the order of the survey."""
    rows = session.execute(selects.units_of(locations, own, after)).all()
    is_whole = after is None and len(rows) < selects.SCAN
    total = len(rows) if is_whole else int(session.scalar(selects.units_in(locations)) or 0)
    counts = {one: sum(row.word == one for row in rows) for one in STANDINGS} if is_whole else None
    fitting = [row for row in rows if standing is None or row.word == standing]
    shown = fitting[:number]
    more = len(fitting) > number
    beyond: tuple[int, int] | None = None
    if more:
        beyond = (shown[-1].location_id, shown[-1].id)
    elif len(rows) == selects.SCAN:
        beyond = (rows[-1].location_id, rows[-1].id)
    return Slice([row.id for row in shown], total, counts, more, beyond)


def search(session: Session, question: Question, locations: Sequence[int], scope: AreaScope) -> Slice:
    """Units of an area that a text names: by an identifier (survey id, PSID, mobile, CNIC), else by every word of name
    and address. A house number is found as a whole."""
    matched: dict[int, str] = {}
    accounts: dict[int, str] = {}
    for register, row_id, name in finder.by_identifier(session, question, scope, FOUND) if question.number else ():
        (matched if register is SurveyUnit else accounts)[row_id] = name
    if accounts:
        for unit_id in session.scalars(selects.units_of_accounts(list(accounts))):
            matched.setdefault(unit_id, "psid")
    if not matched and question.tsquery and not question.number_is_long:
        ids = finder.by_words(session, question.tsquery, list(locations), FOUND + 1, registers=[SurveyUnit])
        matched = dict.fromkeys(ids[SurveyUnit], "words")
    inside = session.execute(selects.in_places(list(matched), locations)).all() if matched else []
    ids_inside = [row.id for row in inside][:FOUND]
    return Slice(ids_inside, len(inside), None, more=len(inside) > FOUND, matched=matched)


def cards(session: Session, ids: Sequence[int], own: Sequence[int] | None) -> list[Any]:
    """The rows of cards, in the order of the ids."""
    if not ids:
        return []
    rows = {row.id: row for row in session.execute(selects.cards(ids, own))}
    return [rows[one] for one in ids if one in rows]

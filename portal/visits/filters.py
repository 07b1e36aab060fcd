"""What a list of visits shows, read from the address of the page. Unknown and wrong values are ignored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from portal.visits.models import OUTCOMES, REVIEW_STATES, VISIT_TYPES

DAYS = 30  # what a list shows when nobody says from when
LONGEST_DAYS = 3 * 366
FIRST_DAY, LAST_DAY = dt.date(2000, 1, 1), dt.date(2200, 1, 1)


@dataclass(frozen=True)
class VisitFilter:
    """Visits from `first` to `last`, both included. None: not asked for."""

    first: dt.date
    last: dt.date
    agent: int | None = None
    visit_type: str | None = None
    outcome: str | None = None
    state: str | None = None
    area: int | None = None
    doubt: int | None = None
    is_default_range: bool = False

    @property
    def is_active(self) -> bool:
        """Whether something narrows the list, but for the days."""
        asked = (self.agent, self.visit_type, self.outcome, self.state, self.area, self.doubt)
        return any(value is not None for value in asked) or not self.is_default_range


def _day(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text or "")
    except ValueError:
        return None


def _number(text: str | None) -> int | None:
    clean = (text or "").strip()
    return int(clean) if clean.isascii() and clean.isdecimal() and 0 < len(clean) < 10 else None


def _one_of(text: str | None, known: tuple[str, ...]) -> str | None:
    wanted = (text or "").strip().upper()
    return wanted if wanted in known else None


def read_day(text: str | None, today: dt.date) -> dt.date:
    """One day, today when none (or nonsense) was asked for."""
    found = _day(text)
    return found if found is not None and FIRST_DAY <= found <= today else today


def read_filter(args: Mapping[str, str], today: dt.date) -> VisitFilter:
    """The filter of a query string; days that were given the wrong way round are turned."""
    first, last = _day(args.get("from")), _day(args.get("to"))
    is_default = first is None and last is None
    last = last or (max(today, first) if first else today)
    first = first or max(last, FIRST_DAY + dt.timedelta(days=DAYS)) - dt.timedelta(days=DAYS)
    first, last = (min(max(day, FIRST_DAY), LAST_DAY) for day in (min(first, last), max(first, last)))
    first = max(first, last - dt.timedelta(days=LONGEST_DAYS))
    return VisitFilter(
        first=first,
        last=last,
        agent=_number(args.get("agent")),
        visit_type=_one_of(args.get("type"), VISIT_TYPES),
        outcome=_one_of(args.get("outcome"), OUTCOMES),
        state=_one_of(args.get("state"), REVIEW_STATES),
        area=_number(args.get("area")),
        doubt=_number(args.get("doubt")),
        is_default_range=is_default,
    )

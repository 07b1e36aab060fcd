"""Billing months and cycles. Pure date arithmetic.

A billing month is named by its first calendar day. Its cycle runs from the start day of that month to the day before
the start day of the next (start day 16: `Nov 2025` is 16 November to 15 December).
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from functools import lru_cache

_MONTH_NAMES = {name.casefold(): number for number, name in enumerate(calendar.month_name) if name} | {
    name.casefold(): number for number, name in enumerate(calendar.month_abbr) if name
}
_MONTH_NAMES["sept"] = 9
_SHORT_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?(?:[T ]\d{1,2}:\d{2}.*)?")
_NUMERIC = re.compile(r"(?:(\d{1,2})[-/.])?(\d{1,2})[-/.](\d{4})(?:[T ]\d{1,2}:\d{2}.*)?")
_NAMED = re.compile(r"([a-z]{3,9})[\s\-_/.,']*(\d{4}|\d{2})", re.IGNORECASE)
_NAMED_BACKWARDS = re.compile(r"(\d{4})[\s\-_/.,]*([a-z]{3,9})", re.IGNORECASE)
FIRST_YEAR, LAST_YEAR = 2000, 2100


def _first_of(year: int, month: int, day: int = 1) -> dt.date | None:
    """The first of that month; None when the date does not exist or lies outside 2000-2100."""
    if not FIRST_YEAR <= year <= LAST_YEAR or not 1 <= month <= 12:
        return None
    return dt.date(year, month, 1) if 1 <= day <= calendar.monthrange(year, month)[1] else None


def month_number(name: str) -> int | None:
    """11 of "Nov", "november"; None for anything else."""
    return _MONTH_NAMES.get(name.casefold())


@lru_cache(maxsize=4096)
def parse_month(text: str) -> dt.date | None:
    """First of the month that a text names, else None.

    "2025-11", "2025-11-01", "Nov 2025", "Nov-2025", "November 2025", "Nov-25", "11/2025", "01/11/2025" (day first).
    """
    text = text.strip()
    if match := _ISO.fullmatch(text):
        return _first_of(int(match[1]), int(match[2]), int(match[3] or 1))
    if match := _NUMERIC.fullmatch(text):
        return _first_of(int(match[3]), int(match[2]), int(match[1] or 1))
    if match := _NAMED.fullmatch(text):
        name, year = match[1], int(match[2]) if len(match[2]) == 4 else 2000 + int(match[2])
    elif match := _NAMED_BACKWARDS.fullmatch(text):
        name, year = match[2], int(match[1])
    else:
        return None
    month = month_number(name)
    return _first_of(year, month) if month else None


def parse_day(text: str) -> dt.date | None:
    """The day of "2025-11-20", else None; also None outside 2000-2100, so that one can count on from it."""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def month_label(month: dt.date) -> str:
    """'Nov 2025', in English whatever the locale: the portal's own spelling."""
    return f"{_SHORT_NAMES[month.month - 1]} {month.year}"


def add_months(month: dt.date, n: int) -> dt.date:
    """The date n months later (earlier when negative), its day clamped to the length of that month."""
    years, index = divmod(month.year * 12 + month.month - 1 + n, 12)
    return dt.date(years, index + 1, min(month.day, calendar.monthrange(years, index + 1)[1]))


def cycle_of(day: dt.date, start_day: int) -> dt.date:
    """The billing month (its first day) in whose cycle `day` lies. `start_day` is 1 to 28."""
    first = day.replace(day=1)
    return first if day.day >= start_day else add_months(first, -1)


def cycle_bounds(month: dt.date, start_day: int) -> tuple[dt.date, dt.date]:
    """First and last day of the cycle of a billing month, both inside it."""
    first = month.replace(day=start_day)
    return first, add_months(first, 1) - dt.timedelta(days=1)


def same_day_of(day: dt.date, month: dt.date, other_month: dt.date, start_day: int) -> dt.date:
    """The day of the other cycle as many days after its start as `day` is after the start of `month`'s cycle.

    Clamped to the other cycle's last day (and to its first, for a day before the cycle).
    """
    start, _last = cycle_bounds(month, start_day)
    first, last = cycle_bounds(other_month, start_day)
    return max(first, min(last, first + (day - start)))

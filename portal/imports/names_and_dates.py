"""Dates in cells and in file names. Pure. Days come before months in every numeric form: the portal writes day first.

Readers of cells return ISO text (what COPY takes) or None; times carry Asia/Karachi's offset.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from zoneinfo import ZoneInfo

from portal.billing.cycles import FIRST_YEAR, LAST_YEAR, month_number, parse_month
from portal.imports.cells import ascii_digits, text_or_none

KARACHI = ZoneInfo("Asia/Karachi")

_ISO_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_DAY_FIRST = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})")
_NAMED_FIRST = re.compile(r"([a-z]{3,9})\.?[\s\-/]*(\d{1,2})(?:st|nd|rd|th)?[\s,\-/]+(\d{4})", re.IGNORECASE)
_NAMED_SECOND = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[\s\-/]*([a-z]{3,9})\.?[\s,\-/]*(\d{4})", re.IGNORECASE)
_TIME = re.compile(
    r"(.*?\d{4}|\d{4}[-/.]\d{1,2}[-/.]\d{1,2})(?:\s*,?\s+|T)(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(am|pm|a\.m\.|p\.m\.)?"
    r"(Z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
# Day numbers of spreadsheets; only those of 2000 to 2100 are taken for dates.
_EXCEL_DAY_0 = dt.date(1899, 12, 30)
_FIRST_DAY, _LAST_DAY = 36526, 73415


def _date(year: int, month: int, day: int) -> dt.date | None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


@lru_cache(maxsize=16384)
def parse_date(text: str) -> dt.date | None:
    """The date a text names, else None: "2025-12-05", "05/12/2025", "Dec 05, 2025", "5 Dec 2025", "05-Dec-2025".

    Five digits are the day number of a date cell that lost its format ("45996" is 2025-12-05).
    """
    text = text.strip()
    if len(text) == 5 and text.isdecimal() and text.isascii():
        return _EXCEL_DAY_0 + dt.timedelta(days=int(text)) if _FIRST_DAY <= int(text) <= _LAST_DAY else None
    if match := _ISO_DATE.fullmatch(text):
        return _date(int(match[1]), int(match[2]), int(match[3]))
    if match := _DAY_FIRST.fullmatch(text):
        return _date(int(match[3]), int(match[2]), int(match[1]))
    if match := _NAMED_FIRST.fullmatch(text):
        name, day, year = match[1], match[2], match[3]
    elif match := _NAMED_SECOND.fullmatch(text):
        name, day, year = match[2], match[1], match[3]
    else:
        return None
    month = month_number(name)
    return _date(int(year), month, int(day)) if month else None


def _hour(text: str, half: str | None) -> int | None:
    """Hour of the day of a 12-hour (with `half`, am or pm) or 24-hour clock; None when there is no such hour."""
    hour = int(text)
    if not half:
        return hour if hour <= 23 else None
    # "15:04 PM" is written by programs that add the half to a 24-hour clock.
    if 13 <= hour <= 23 and half[0] in "pP":
        return hour
    if not 1 <= hour <= 12:
        return None
    return hour % 12 + (12 if half[0] in "pP" else 0)


@lru_cache(maxsize=65536)
def parse_timestamp(text: str) -> dt.datetime | None:
    """The moment a text names, aware; without an offset it is a time in Asia/Karachi, without a time midnight.

    "2025-11-26 15:54:53", "25/10/2025 04:45 AM" (day first), ISO 8601; else None.
    """
    text = text.strip()
    match = _TIME.fullmatch(text)
    if match is None:
        day = parse_date(text)
        return dt.datetime(day.year, day.month, day.day, tzinfo=KARACHI) if day else None
    day, hour, minute = parse_date(match[1]), _hour(match[2], match[5]), int(match[3])
    second = int(match[4] or 0)
    if day is None or hour is None or minute > 59 or second > 59:
        return None
    zone: dt.tzinfo = KARACHI
    if offset := match[6]:
        zone = dt.datetime.strptime(offset.upper(), "%z").tzinfo or KARACHI
    return dt.datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone).astimezone(KARACHI)


class Clock:
    """Reads dates and times against `today` (Asia/Karachi): later ones are in the future. One per file."""

    def __init__(self, today: dt.date) -> None:
        self.today = today
        self._iso_today = today.isoformat()

    def timestamp(self, text: str, unreadable: str, in_future: str) -> tuple[str | None, str]:
        """(ISO text with offset, '') or (None, code); blank is (None, '')."""
        value = text_or_none(text)
        if value is None:
            return None, ""
        iso = iso_timestamp(value)
        if iso is None:
            return None, unreadable
        return (None, in_future) if iso[:10] > self._iso_today else (iso, "")

    def day(self, text: str, unreadable: str, in_future: str) -> tuple[str | None, str]:
        """(ISO date, '') or (None, code); blank is (None, unreadable). A time behind the date is left out."""
        value = text_or_none(text)
        iso = iso_date(value) if value is not None else None
        if iso is None:
            return None, unreadable
        return (None, in_future) if iso > self._iso_today else (iso, "")


@lru_cache(maxsize=65536)
def iso_timestamp(text: str) -> str | None:
    """`parse_timestamp` as ISO text: "2025-10-25T04:45:00+05:00"."""
    moment = parse_timestamp(ascii_digits(text))
    return moment.isoformat() if moment else None


@lru_cache(maxsize=16384)
def iso_date(text: str) -> str | None:
    """`parse_date` as ISO text; a time behind the date is left out."""
    text = ascii_digits(text)
    day = parse_date(text)
    if day is None and ":" in text:
        moment = parse_timestamp(text)
        day = moment.date() if moment else None
    return day.isoformat() if day else None


@lru_cache(maxsize=4096)
def iso_month(text: str) -> str | None:
    """`parse_month` as ISO text of the month's first day; dates of any day of the month are taken too."""
    value = text_or_none(text)
    if value is None:
        return None
    value = ascii_digits(value)
    month = parse_month(value)
    if month is None:
        day = iso_date(value)
        month = dt.date.fromisoformat(day).replace(day=1) if day else None
    return month.isoformat() if month else None


# --- file names ----------------------------------------------------------------------------------------------------
_SEP = r"[-_. ]?"
_NAME = r"(?<![a-z])([a-z]{3,9})"
_FULL_DATES = (
    # year, month, day
    (re.compile(r"(?<!\d)(20\d\d)([-_. ]?)(\d\d)\2(\d\d)(?!\d)"), (1, 3, 4)),
    (re.compile(r"(?<!\d)(\d{1,2})([-_. ])(\d{1,2})\2(20\d\d)(?!\d)"), (4, 3, 1)),
    (re.compile(r"(?<!\d)(\d\d)(\d\d)(20\d\d)(?!\d)"), (3, 2, 1)),
    # 20251120153000, a time behind the date
    (re.compile(r"(?<!\d)(20\d\d)(\d\d)(\d\d)(?=(?:\d\d)?\d{4}(?!\d))"), (1, 2, 3)),
    (re.compile(rf"(?<!\d)(\d{{1,2}}){_SEP}{_NAME}{_SEP}(20\d\d)(?!\d)"), (3, 2, 1)),
    (re.compile(rf"(?<!\d)(20\d\d){_SEP}{_NAME}{_SEP}(\d{{1,2}})(?!\d)"), (1, 2, 3)),
    (re.compile(rf"{_NAME}[-_. ](\d{{1,2}})(?:[-_. ]|, )(20\d\d)(?!\d)"), (3, 1, 2)),
)
_MONTHS = (
    (re.compile(rf"{_NAME}[-_. ,']*(20\d\d)(?!\d)"), (2, 1)),
    (re.compile(rf"(?<!\d)(20\d\d)[-_. ]*{_NAME}(?![a-z])"), (1, 2)),
    (re.compile(r"(?<!\d)(20\d\d)[-_.](\d\d)(?![\d]|[-_.]\d)"), (1, 2)),
    (re.compile(r"(?<![\d])(?<!\d[-_.])(\d\d)[-_.](20\d\d)(?!\d)"), (2, 1)),
    (re.compile(r"(?<!\d)(20\d\d)(0[1-9]|1[0-2])(?!\d)"), (1, 2)),
    (re.compile(rf"{_NAME}[-_ .']*([2-4]\d)(?!\d)"), (2, 1)),
)


def _month_of(text: str) -> int | None:
    return int(text) if text.isdecimal() else month_number(text)


def _stem(name: str) -> str:
    """The file name without folders and extension, in lower case."""
    return re.sub(r"\.[a-z0-9]{1,5}$", "", re.split(r"[\\/]", name)[-1].casefold())


def date_in_file_name(name: str) -> dt.date | None:
    """The full date in a file name, day first: 2025-11-20, 20-11-2025, 20251120, 20Nov2025; None without one."""
    stem = _stem(name)
    for pattern, (year, month, day) in _FULL_DATES:
        for match in pattern.finditer(stem):
            number = _month_of(match[month])
            found = _date(int(match[year]), number, int(match[day])) if number else None
            if found is not None:
                return found
    return None


def month_in_file_name(name: str) -> dt.date | None:
    """First of the month a file name names: Nov2025, November_2025, 2025-11, Nov-25; a full date is no month."""
    stem = _stem(name)
    for pattern, _groups in _FULL_DATES:
        # A full date says when the file was made, not which month it bills.
        stem = pattern.sub(lambda m: m[0] if _is_no_date(m[0]) else "|", stem)
    for pattern, (year, month) in _MONTHS:
        for match in pattern.finditer(stem):
            number = _month_of(match[month])
            if number is None or not 1 <= number <= 12:
                continue
            text = match[year]
            return dt.date(int(text) if len(text) == 4 else 2000 + int(text), number, 1)
    return None


def _is_no_date(text: str) -> bool:
    return date_in_file_name(text) is None

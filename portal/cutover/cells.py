"""Reading cells of the old system's exports. Pure: each takes the text of a cell and gives a value or None."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

from portal.billing.cycles import parse_month
from portal.imports.cells import clean
from portal.imports.names_and_dates import parse_date, parse_timestamp

KARACHI = ZoneInfo("Asia/Karachi")
# Work factors above cost seconds of a core for each attempt to sign in: such a hash is not taken over.
HIGHEST_BCRYPT_COST = 15
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,"{}]*))\s*(?:,|$)')
FIRST_YEAR, LAST_YEAR = 2000, 2100


def text_of(cell: str | None) -> str | None:
    """The text without blanks around it and control characters in it, as in any other file; an empty cell is NULL."""
    return None if cell is None else clean(cell) or None


def lines_of(cell: str | None) -> str | None:
    """As `text_of`, but lines stay lines: what people wrote at length."""
    if cell is None:
        return None
    value = "\n".join(line for line in (text_of(line) or "" for line in cell.splitlines())).strip()
    return value or None


def rupees_of(cell: str | None) -> int | None:
    """Whole rupees, half-up; None for nothing readable or a negative amount. "1,655", "500.0", "500.50"."""
    value = (text_of(cell) or "").replace(",", "")
    match = re.fullmatch(r"(\d{1,9})(?:\.(\d+))?", value)
    if match is None:
        return None
    whole, rest = int(match[1]), match[2] or ""
    amount = whole + (1 if rest[:1] >= "5" else 0)
    return amount if amount < 2_000_000_000 else None


def month_of(cell: str | None) -> dt.date | None:
    """The first day of a month written "Nov-2025", "Nov 2025", "2025-11" or as a date."""
    value = text_of(cell)
    if value is None:
        return None
    found = parse_month(value)
    if found is None and (day := parse_date(value[:10])):
        found = day.replace(day=1)
    return found if found and FIRST_YEAR <= found.year <= LAST_YEAR else None


def day_of(cell: str | None) -> dt.date | None:
    """A date, or the day in Karachi of a moment."""
    value = text_of(cell)
    if value is None:
        return None
    moment = moment_of(value)
    return moment.astimezone(KARACHI).date() if moment else None


def moment_of(cell: str | None) -> dt.datetime | None:
    """A moment in ISO 8601; without an offset it is one of UTC when it has a time zone letter, else of Karachi."""
    value = text_of(cell)
    if value is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        found = parse_timestamp(value)
        return found if found and FIRST_YEAR <= found.year <= LAST_YEAR else None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=KARACHI)


def time_of(cell: str | None) -> dt.time | None:
    """A time of day such as "14:05:00" or "2:05 PM"."""
    value = (text_of(cell) or "").upper()
    for pattern in ("%H:%M:%S", "%H:%M", "%I:%M %p", "%I:%M:%S %p", "%H:%M:%S.%f"):
        try:
            return dt.datetime.strptime(value, pattern).time()  # noqa: DTZ007 (a time of day has no zone)
        except ValueError:
            continue
    return None


def flag_of(cell: str | None) -> bool | None:
    """true or false, in the spellings of databases; None when neither."""
    return {"true": True, "t": True, "1": True, "yes": True, "false": False, "f": False, "0": False, "no": False}.get(
        (text_of(cell) or "").lower()
    )


def degrees_of(cell: str | None) -> float | None:
    """A number of degrees; None when there is none."""
    value = text_of(cell)
    try:
        found = float(value) if value is not None else None
    except ValueError:
        return None
    return found if found is not None and -180 <= found <= 180 else None


def list_of(cell: str | None) -> list[str]:
    """The items of a PostgreSQL array literal: {"UC-1","UC-2"}, {UC-1}, {} or nothing."""
    value = text_of(cell)
    if value is None:
        return []
    if not (value.startswith("{") and value.endswith("}")):
        return [value] if value not in {"[]", "NULL"} else []
    inner, at = value[1:-1], 0
    items: list[str] = []
    while at < len(inner):
        match = _ITEM.match(inner, at)
        if match is None or match.end() == at:
            return items
        item = re.sub(r"\\(.)", r"\1", match[1]) if match[1] is not None else match[2].strip()
        if item and (match[1] is not None or item.upper() != "NULL"):
            items.append(item)
        at = match.end()
    return items


def bcrypt_hash_of(cell: str | None) -> str | None:
    """The hash when the cell holds one; None for a password in plain text, or a hash nobody could check in time."""
    match = _BCRYPT.fullmatch((cell or "").strip())
    if match is None or not 4 <= int(match[1]) <= HIGHEST_BCRYPT_COST:
        return None
    return match[0]

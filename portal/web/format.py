"""Figures, dates and times as text. Pure functions, used by templates (as filters) and by Dash alike.

None is shown as an en dash. Minus is U+2212. Digits are Western in both languages, as on the printed bills.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from babel.dates import format_date

KARACHI = ZoneInfo("Asia/Karachi")
NONE = "–"
MINUS = "−"
_STEPS = ((1_000_000_000, "bn"), (1_000_000, "M"), (1_000, "k"))


def _signed(text: str, negative: bool) -> str:
    return MINUS + text if negative else text


def number(value: int | None) -> str:
    """`16,900`."""
    return NONE if value is None else _signed(f"{abs(value):,}", value < 0)


def rupees(value: int | None) -> str:
    """`Rs 123,456`; the space is a no-break space."""
    return NONE if value is None else f"Rs\u00a0{number(value)}"


def short(value: int | None) -> str:
    """Three significant digits with k, M or bn: `5.34 M`, `106 k`; below 10,000 exact. Halves round up."""
    if value is None:
        return NONE
    size = abs(value)
    if size < 10_000:
        return number(value)
    for position, (step, unit) in enumerate(_STEPS):
        if size < step:
            continue
        decimals = 2 if size < 10 * step else 1 if size < 100 * step else 0
        scaled = (size * 10**decimals * 2 + step) // (2 * step)
        if scaled >= 1000 * 10**decimals and position:  # 999,999 is 1.00 M, not 1000 k
            return _signed(f"1.00\u00a0{_STEPS[position - 1][1]}", value < 0)
        whole, rest = divmod(scaled, 10**decimals)
        text = f"{whole}.{rest:0{decimals}d}" if decimals else str(whole)
        return _signed(f"{text}\u00a0{unit}", value < 0)
    return number(value)


def rupees_short(value: int | None) -> str:
    """`Rs 5.34 M`; show the exact figure on hover."""
    return NONE if value is None else f"Rs\u00a0{short(value)}"


def percent(ratio: float | None, digits: int = 1) -> str:
    """`7.2 %` from 0.072."""
    if ratio is None:
        return NONE
    value = round(ratio * 100, digits) + 0.0  # + 0.0 turns -0.0 into 0.0
    return _signed(f"{abs(value):,.{digits}f}\u00a0%", value < 0)


def _with_plus(text: str, positive: bool) -> str:
    return f"+{text}" if positive else text


def signed_number(value: int | None) -> str:
    """`+9`, `−9`, `0`."""
    return NONE if value is None else _with_plus(number(value), value > 0)


def signed_short(value: int | None) -> str:
    """`+11.0 k`, `−61.0 k`."""
    return NONE if value is None else _with_plus(short(value), value > 0)


def signed_percent(ratio: float | None, digits: int = 1) -> str:
    """`+3.1 %` from 0.031."""
    return NONE if ratio is None else _with_plus(percent(ratio, digits), round(ratio * 100, digits) > 0)


def points(difference: float | None, digits: int = 1) -> str:
    """A difference of two ratios in percentage points: `−1.1 pt` from -0.011."""
    if difference is None:
        return NONE
    value = round(difference * 100, digits) + 0.0
    return _with_plus(_signed(f"{abs(value):,.{digits}f}\u00a0pt", value < 0), value > 0)


def isolated(text: str, locale: str) -> str:
    """Text of unknown direction to be put into a sentence: in Urdu its parts keep their order (U+2068, U+2069)."""
    return f"\u2068{text}\u2069" if text and locale == "ur" else text


def month(value: dt.date | None, locale: str = "en") -> str:
    """A billing month, given as the first of it: `Nov 2025`."""
    return NONE if value is None else format_date(value, "MMM y", locale=locale)


def date(value: dt.date | None, locale: str = "en") -> str:
    """`17 Nov 2025`; a timestamp counts as its day in Karachi."""
    if value is None:
        return NONE
    if isinstance(value, dt.datetime):
        value = local(value).date()
    return format_date(value, "d MMM y", locale=locale)


def local(value: dt.datetime) -> dt.datetime:
    """The same instant in Asia/Karachi. A naive timestamp is a programming error (ValueError)."""
    if value.tzinfo is None:
        raise ValueError("a timestamp without a time zone cannot be shown")
    return value.astimezone(KARACHI)


def localtime(value: dt.datetime | None, locale: str = "en") -> str:
    """`5 Dec 2025, 14:20` in Asia/Karachi."""
    if value is None:
        return NONE
    there = local(value)
    comma = "،" if locale == "ur" else ","
    return f"{date(there.date(), locale)}{comma} {there:%H:%M}"


def age(then: dt.datetime, now: dt.datetime) -> tuple[str, int]:
    """How long ago, as (unit, count): ('now', 0), ('minutes', 5), ('hours', 2), ('days', 3) or ('date', 0).

    More than 30 days ago, or in the future by more than a minute, is better said by the date itself.
    """
    seconds = (now - then).total_seconds()
    if seconds < -60 or seconds >= 30 * 86_400:
        return "date", 0
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= size:
            return unit, int(seconds // size)
    return "now", 0

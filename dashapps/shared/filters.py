"""The filters of a dashboard, typed, from and to the query string.

The keys are shared with the reports: `area` (location id), `cycle` (YYYY-MM), `from` and `to` (YYYY-MM-DD),
`use`, `compare`. What cannot be read falls back to the default and is named in `bad`, so that the page can say
so. Whether an area may be seen is not decided here but where it is looked up, with the signed-in person's scope.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlencode

from portal.units.models import USES

PREVIOUS, LAST_YEAR = COMPARISONS = ("prev", "year")
_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])", re.ASCII)
_DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", re.ASCII)
_ID = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


@dataclass(frozen=True)
class Filters:
    """What the reader chose; None is the default (whole scope, newest cycle with bills, the cycle so far, all uses)."""

    area: int | None = None
    cycle: dt.date | None = None
    start: dt.date | None = None
    end: dt.date | None = None
    use: str | None = None
    compare: str = PREVIOUS
    bad: tuple[str, ...] = field(default=(), compare=False)

    def query(self, **changes: Any) -> str:
        """The query string (with its `?`, or '') of these filters with some changed."""
        chosen = replace(self, **changes)
        pairs = [
            ("area", chosen.area),
            ("cycle", f"{chosen.cycle:%Y-%m}" if chosen.cycle else None),
            ("from", chosen.start),
            ("to", chosen.end),
            ("use", chosen.use),
            ("compare", chosen.compare if chosen.compare != PREVIOUS else None),
        ]
        text = urlencode([(key, str(value)) for key, value in pairs if value is not None])
        return f"?{text}" if text else ""


def _day(text: str) -> dt.date | None:
    if not _DAY.fullmatch(text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def parse(query: Any) -> Filters:
    """Filters of a query string (with or without its `?`); what is no text asks for nothing. Never raises."""
    asked = query.removeprefix("?")[:2000] if isinstance(query, str) else ""
    given = parse_qs(asked, keep_blank_values=False)
    first = {key: values[0].strip() for key, values in given.items() if values[0].strip()}
    bad: list[str] = []
    area = cycle = start = end = use = None
    compare = PREVIOUS
    if text := first.get("area"):
        # A number too long for an id is an area nobody has, not a typing error: 0 is found nowhere.
        area = int(text) if _ID.fullmatch(text) else 0
    if text := first.get("cycle"):
        match = _MONTH.fullmatch(text)
        cycle = dt.date(int(match[1]), int(match[2]), 1) if match else None
        bad += [] if cycle else ["cycle"]
    if text := first.get("from"):
        start = _day(text)
        bad += [] if start else ["from"]
    if text := first.get("to"):
        end = _day(text)
        bad += [] if end else ["to"]
    if start and end and start > end:
        start = end = None
        bad += ["from", "to"]
    if text := first.get("use"):
        use = text if text in USES else None
        bad += [] if use else ["use"]
    if text := first.get("compare"):
        compare = text if text in COMPARISONS else PREVIOUS
        bad += [] if text in COMPARISONS else ["compare"]
    return Filters(area, cycle, start, end, use, compare, tuple(bad))

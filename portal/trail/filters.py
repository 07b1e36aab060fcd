"""The filters of the audit log's screen, read from an address. What makes no sense counts as absent. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from portal.audit.words import ENTITIES, GROUPS

KEYS = ("who", "group", "entity", "area", "from", "to", "id")
SYSTEM = 0
_BIGGEST = 2**31 - 1


@dataclass(frozen=True)
class TrailFilter:
    """`who`: a staff id, 0 for lines without a person. Days are Asia/Karachi days, both inside. `key`: an exact id."""

    who: int | None = None
    group: str | None = None
    entity: str | None = None
    area: int | None = None
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    key: str = ""

    @property
    def is_empty(self) -> bool:
        return self == TrailFilter()

    @property
    def query(self) -> str:
        """The query string of this filter."""
        values = {
            "who": self.who, "group": self.group, "entity": self.entity, "area": self.area, "from": self.first_day,
            "to": self.last_day, "id": self.key or None,
        }  # fmt: skip
        return urlencode({name: str(value) for name, value in values.items() if value is not None})


def _number(text: str) -> int | None:
    ok = text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= _BIGGEST
    return int(text) if ok else None


def _day(text: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 <= day.year < 2200 else None


def read_filter(args: Mapping[str, str]) -> TrailFilter:
    """The filter that a query string describes."""
    group, entity = args.get("group", ""), args.get("entity", "")
    return TrailFilter(
        who=_number(args.get("who", "")),
        group=group if group in GROUPS else None,
        entity=entity if entity in ENTITIES else None,
        area=_number(args.get("area", "")),
        first_day=_day(args.get("from", "")),
        last_day=_day(args.get("to", "")),
        key=args.get("id", "").strip()[:100],
    )

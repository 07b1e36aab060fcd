"""What the list of tickets shows, read from an address. What makes no sense counts as absent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from portal.text import without_hidden
from portal.tickets.models import DECISIONS, PRIORITIES, TICKET_SOURCES, TICKET_STATUSES
from portal.web.masking import holds_personal_number

MINE, ROLE, ALL, NEAR, PAST, DECIDE, RAISED, EVERY = INBOXES = (
    "mine", "role", "all", "near", "past", "decide", "raised", "every",
)  # fmt: skip
INBOX_NAMES: dict[str, Any] = {
    MINE: _l("Mine"),
    ROLE: _l("For my role, nobody’s yet"),
    ALL: _l("All open"),
    NEAR: _l("Nearly due"),
    PAST: _l("Overdue"),
    DECIDE: _l("For me to decide"),
    RAISED: _l("Raised by me"),
    EVERY: _l("Closed too"),
}
NEWEST, OLDEST, DUE = SORTS = ("newest", "oldest", "due")
KEYS = ("box", "status", "category", "priority", "area", "who", "source", "decision", "sort", "q")
NOBODY = 0
_BIGGEST = 2**31 - 1


@dataclass(frozen=True)
class TicketFilter:
    """`box`: one of INBOXES. `who`: staff id, 0 for tickets that are nobody's. `words` stand in the subject."""

    box: str = ALL
    status: str | None = None
    category: int | None = None
    priority: str | None = None
    area: int | None = None
    who: int | None = None
    source: str | None = None
    decision: str | None = None
    sort: str = NEWEST
    words: str = ""

    @property
    def is_active(self) -> bool:
        """Whether there is anything to reset besides the box."""
        return self != TicketFilter(box=self.box, sort=self.sort)


def _number(text: str) -> int | None:
    ok = text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= _BIGGEST
    return int(text) if ok else None


def _one_of(value: str, allowed: tuple[str, ...]) -> str | None:
    return value if value in allowed else None


def read_filter(args: Mapping[str, str], boxes: tuple[str, ...]) -> TicketFilter:
    """The filter of a query string; `boxes` are those the reader has, the first one his own start."""
    words = " ".join(without_hidden(args.get("q", "")).replace("\0", " ").split())[:100]
    return TicketFilter(
        box=_one_of(args.get("box", ""), boxes) or boxes[0],
        status=_one_of(args.get("status", ""), TICKET_STATUSES),
        category=_number(args.get("category", "")),
        priority=_one_of(args.get("priority", ""), PRIORITIES),
        area=_number(args.get("area", "")),
        who=_number(args.get("who", "")),
        source=_one_of(args.get("source", ""), TICKET_SOURCES),
        decision=_one_of(args.get("decision", ""), DECISIONS),
        sort=_one_of(args.get("sort", ""), SORTS) or NEWEST,
        words="" if holds_personal_number(words) else words,
    )

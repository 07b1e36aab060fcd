"""Tickets on the pages of units and accounts: the newest few, in one query."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from portal.json_rows import as_json, moment
from portal.tickets import selects, words
from portal.tickets.rules import Actor


@dataclass(frozen=True)
class Line:
    """One ticket in a few words."""

    number: str
    title: str
    category: str
    status: str
    status_words: Any
    badge: str
    priority: str
    made_at: dt.datetime
    resolved_at: dt.datetime | None
    is_overdue: bool


# What a line is made of, column by column of `selects.of_record`.
_COLUMNS = (
    "number", "title", "status", "priority", "created_at", "resolved_at", "due_at", "name", "name_ur",
)  # fmt: skip


def lines(session: Session, actor: Actor, *, account_ids: Sequence[int], language: str) -> list[Line]:
    """The newest tickets about these accounts that the person sees."""
    return [_line(*row, language=language) for row in session.execute(selects.of_record((), account_ids, actor))]


def as_json_of(unit_ids: Sequence[int], account_ids: Sequence[int], actor: Actor) -> Any:
    """The same, also about units, as a scalar subquery for a query that selects more; `from_json` reads its value."""
    return as_json(selects.of_record(unit_ids, account_ids, actor), *_COLUMNS)


def from_json(value: list[list[Any]] | None, language: str) -> list[Line]:
    """The lines of a value of `as_json_of`."""
    return [
        _line(number, title, status, priority, moment(made), resolved and moment(resolved), due and moment(due), *names,
              language=language)
        for number, title, status, priority, made, resolved, due, *names in value or ()
    ]  # fmt: skip


def _line(
    number: str, title: str, status: str, priority: str, made_at: dt.datetime, resolved_at: dt.datetime | None,
    due_at: dt.datetime | None, name: str, name_ur: str | None, *, language: str,
) -> Line:  # fmt: skip
    is_running = status in {"OPEN", "IN_PROGRESS"}
    return Line(
        number, title, (name_ur if language == "ur" else None) or name, status, words.STATUSES[status],
        words.BADGES[status], priority, made_at, resolved_at,
        is_running and due_at is not None and due_at <= dt.datetime.now(dt.UTC),
    )  # fmt: skip

"""Tickets on the pages of units and accounts: the newest few, in one query."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

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


def lines(
    session: Session, actor: Actor, *, unit_ids: Sequence[int] = (), account_ids: Sequence[int] = (), language: str
) -> list[Line]:
    """The newest tickets about these units and accounts that the person sees."""
    now = dt.datetime.now(dt.UTC)
    found = []
    for row in session.execute(selects.of_record(unit_ids, account_ids, actor)):
        running = row.status in {"OPEN", "IN_PROGRESS"}
        found.append(
            Line(
                row.number, row.title, (row.name_ur if language == "ur" else None) or row.name, row.status,
                words.STATUSES[row.status], words.BADGES[row.status], row.priority, row.created_at, row.resolved_at,
                running and row.due_at is not None and row.due_at <= now,
            )
        )  # fmt: skip
    return found

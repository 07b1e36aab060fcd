"""What the page of a unit says of work on it: whose it is, which corrections wait, and its tickets. One query."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.assignments.selects import agents_of
from portal.corrections.selects import pending_of
from portal.corrections.showing import Line, lines
from portal.json_rows import as_json, moment
from portal.tickets import panel as tickets
from portal.tickets.rules import Actor
from portal.units.models import SurveyUnit


@dataclass(frozen=True)
class Assigned:
    """One assignment of a unit that holds or will; `area` is the name of the area it came with."""

    staff_id: int
    agent: str
    first: dt.date
    last: dt.date | None
    area: str | None


@dataclass(frozen=True)
class Waiting:
    """One correction of a unit that waits."""

    id: int
    who: str
    at: dt.datetime
    lines: list[Line]


@dataclass(frozen=True)
class Panel:
    assigned: list[Assigned]
    waiting: list[Waiting]
    tickets: list[tickets.Line]


def panel(
    session: Session,
    unit: SurveyUnit,
    account_ids: Sequence[int],
    day: dt.date,
    reader: Actor,
    *,
    may_see: bool,
    language: str,
) -> Panel:
    """The lists of a unit that the reader may see; tickets also of its accounts."""
    assigned, waiting, about = session.execute(
        select(
            as_json(agents_of(unit.id, unit.location_id, day), "staff_id", "agent", "valid_from", "valid_to", "area"),
            as_json(pending_of(unit.id), "id", "who", "proposed_at", "fields", "proposed_by"),
            tickets.as_json_of([unit.id], account_ids, reader),
        )
    ).one()
    return Panel(
        [
            Assigned(staff_id, agent, dt.date.fromisoformat(first), dt.date.fromisoformat(last) if last else None, area)
            for staff_id, agent, first, last, area in assigned or ()
        ],
        [
            Waiting(number, who, moment(at), _lines(fields, unit, may_see, by == reader.staff_id))
            for number, who, at, fields, by in waiting or ()
        ],
        tickets.from_json(about, language),
    )


def _lines(fields: dict[str, Any], unit: SurveyUnit, may_see: bool, is_own: bool) -> list[Line]:
    return lines(SimpleNamespace(fields=fields, state="PENDING"), unit, may_see=may_see, is_own=is_own)  # type: ignore[arg-type]

"""What the page of a unit says of work on it: whose it is, and which corrections wait. One query."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.assignments.selects import agents_of
from portal.corrections.selects import pending_of
from portal.corrections.showing import Line, lines
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


def panel(session: Session, unit: SurveyUnit, day: dt.date, *, may_see: bool, reader_id: int) -> Panel:
    """Both lists of a unit that the reader may see."""
    agents = agents_of(unit.id, unit.location_id, day).subquery()
    waiting = pending_of(unit.id).subquery()
    row = session.execute(
        select(
            select(
                func.json_agg(
                    func.json_build_array(
                        agents.c.staff_id, agents.c.agent, agents.c.valid_from, agents.c.valid_to, agents.c.area
                    )
                )
            ).scalar_subquery(),
            select(
                func.json_agg(
                    func.json_build_array(
                        waiting.c.id, waiting.c.who, waiting.c.proposed_at, waiting.c.fields, waiting.c.proposed_by
                    )
                )
            ).scalar_subquery(),
        )
    ).one()
    return Panel(
        [
            Assigned(staff_id, agent, dt.date.fromisoformat(first), dt.date.fromisoformat(last) if last else None, area)
            for staff_id, agent, first, last, area in row[0] or ()
        ],
        [
            Waiting(number, who, dt.datetime.fromisoformat(at), _lines(fields, unit, may_see, by == reader_id))
            for number, who, at, fields, by in row[1] or ()
        ],
    )


def _lines(fields: dict[str, Any], unit: SurveyUnit, may_see: bool, is_own: bool) -> list[Line]:
    return lines(SimpleNamespace(fields=fields, state="PENDING"), unit, may_see=may_see, is_own=is_own)  # type: ignore[arg-type]

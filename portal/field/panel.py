"""What the page of a unit says of work on it: whose it is, and which corrections wait. Read
along with the unit itself."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import aggregate_order_by

from portal.assignments.models import Assignment
from portal.assignments.selects import agents_of
from portal.corrections.models import Correction
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


def columns(unit_id: Any, location_id: Any, day: Any) -> tuple[Any, Any]:
    """Both lists of a unit as JSON, to be selected along with it: (assigned, waiting)."""
    agents, waiting = agents_of(unit_id, location_id, day), pending_of(unit_id)
    one = func.json_build_array(
        Assignment.staff_id,
        agents.selected_columns.agent,
        Assignment.valid_from,
        Assignment.valid_to,
        agents.selected_columns.area,
    )
    other = func.json_build_array(
        Correction.id,
        waiting.selected_columns.who,
        Correction.proposed_at,
        Correction.fields,
        Correction.proposed_by,
    )
    return _as_json(agents, one, Assignment.id), _as_json(waiting, other, Correction.id)


def _as_json(query: Any, row: Any, order: Any) -> Any:
    """The rows of a query about the unit outside as one JSON value."""
    together = func.json_agg(aggregate_order_by(row, order))
    return query.with_only_columns(together).order_by(None).correlate(SurveyUnit).scalar_subquery()


def panel(work: tuple[Any, Any], unit: SurveyUnit, *, may_see: bool, reader_id: int) -> Panel:
    """Both lists of a unit that the reader may see, made of what `columns` selected."""
    assigned, waiting = work
    return Panel(
        [
            Assigned(staff_id, agent, dt.date.fromisoformat(first), dt.date.fromisoformat(last) if last else None, area)
            for staff_id, agent, first, last, area in assigned or ()
        ],
        [
            Waiting(number, who, dt.datetime.fromisoformat(at), _lines(fields, unit, may_see, by == reader_id))
            for number, who, at, fields, by in waiting or ()
        ],
    )


def _lines(fields: dict[str, Any], unit: SurveyUnit, may_see: bool, is_own: bool) -> list[Line]:
    return lines(SimpleNamespace(fields=fields, state="PENDING"), unit, may_see=may_see, is_own=is_own)  # type: ignore[arg-type]

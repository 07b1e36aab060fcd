"""Assigning units and areas to agents: what would follow, and doing it. Flushes, never commits.

An agent is given only what lies in his own areas, and only by somebody in whose areas it lies. Writers take turns
(an advisory lock); what was shown is looked at anew under it, and if it is no longer so, nothing is written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import BigInteger, Date, Integer, cast, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from portal.assignments import selects
from portal.assignments.models import Assignment
from portal.assignments.planning import (
    AREA,
    HOWS,
    LEAVE,
    MOST_OF_AGENT,
    TAKEN_RULES,
    UNITS,
    Plan,
    Share,
    Wanted,
    agents_named,
    plan,
)
from portal.assignments.splitting import split
from portal.audit.service import record
from portal.errors import ConflictError, InvalidInputError
from portal.locations.models import Location
from portal.notifications.service import notify
from portal.permissions import AreaScope
from portal.staff.authority import By
from portal.units.models import SurveyUnit
from portal.web import format as fmt
from portal.web.messages import lazily

__all__ = [
    "AREA", "HOWS", "LEAVE", "TAKEN_RULES", "UNITS", "HandOver", "Part", "Plan", "Share", "Wanted", "assign", "end",
    "end_unit", "hand_over", "plan", "plan_hand_over",
]  # fmt: skip


def lock(session: Session) -> None:
    """One writer of assignments at a time, until the transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('assignments'))"))


# -- Doing it --------------------------------------------------------------------------------------------------------
def assign(session: Session, by: By, scope: AreaScope, wanted: Wanted, seen: str, today: dt.date) -> Plan:
    """Do what a preview showed (`Plan.seen`). Raises ConflictError when it would be something else by now."""
    lock(session)
    found = plan(session, wanted, scope, today)
    if found.seen != seen:
        raise ConflictError(_("Something has changed since the preview. Nothing was assigned."), code="stale")
    if found.is_empty:
        raise InvalidInputError(_("There is nothing to assign."))
    _check_load(session, found, today)
    if found.ends:
        _end_rows(session, by, found.ends, wanted.first - dt.timedelta(days=1))
    for share in found.shares:
        if wanted.how == AREA and not share.has:
            _add_area(session, by, wanted, share.agent_id)
        elif share.units:
            _add_units(session, by, wanted, share)
    return found


def _check_load(session: Session, found: Plan, today: dt.date) -> None:
    if found.wanted.how == AREA:
        return
    ids = [share.agent_id for share in found.shares if share.units]
    held: dict[int, int] = dict(session.execute(selects.units_singly(ids, today)).all())
    for share in found.shares:
        if share.units and held.get(share.agent_id, 0) + len(share.units) > MOST_OF_AGENT:
            raise InvalidInputError(
                _(
                    "%(name)s would have more than %(number)s units. Assign him the area as a whole instead.",
                    name=share.name,
                    number=f"{MOST_OF_AGENT:,}",
                )
            )


def _add_units(session: Session, by: By, wanted: Wanted, share: Share) -> None:
    unit = func.unnest(cast(list(share.units), ARRAY(BigInteger))).column_valued("unit")
    rows = select(
        literal(share.agent_id, Integer), unit, literal(wanted.first, Date), literal(wanted.last, Date),
        literal(wanted.note), literal(by.staff_id, Integer),
    )  # fmt: skip
    columns = ["staff_id", "unit_id", "valid_from", "valid_to", "note", "created_by"]
    ids = list(session.scalars(insert(Assignment).from_select(columns, rows).returning(Assignment.id)))
    number = len(share.units)
    _tell(
        session, by, share.agent_id, min(ids), "assignment.assign",
        {"units": number, **_period(wanted)}, wanted.note,
        lazily(
            lambda: _(
                "%(number)s units were assigned to you from %(day)s.",
                number=f"{number:,}", day=fmt.date(wanted.first, _language()),
            )
        ),
        wanted.area,
    )  # fmt: skip


def _add_area(session: Session, by: By, wanted: Wanted, agent: int) -> None:
    row = Assignment(
        staff_id=agent, area_id=wanted.area, valid_from=wanted.first, valid_to=wanted.last, note=wanted.note,
        created_by=by.staff_id,
    )  # fmt: skip
    session.add(row)
    session.flush()
    name = session.scalar(select(Location.name).where(Location.id == wanted.area))
    _tell(
        session, by, agent, row.id, "assignment.assign", {"area": name, **_period(wanted)}, wanted.note,
        lazily(
            lambda: _(
                "%(area)s was assigned to you from %(day)s.", area=name, day=fmt.date(wanted.first, _language())
            )
        ),
        wanted.area,
    )  # fmt: skip


def _handed_over(day: dt.date, units: int, areas: int) -> Any:
    return lazily(
        lambda: _(
            "Work was handed over to you from %(day)s: %(units)s units, %(areas)s areas.",
            day=fmt.date(day, _language()), units=f"{units:,}", areas=f"{areas:,}",
        )
    )  # fmt: skip


def _language() -> str:
    from portal.web.filters import language

    return language()


def _period(wanted: Wanted) -> dict[str, Any]:
    return {"valid_from": str(wanted.first), "valid_to": str(wanted.last) if wanted.last else None}


def _tell(
    session: Session, by: By, agent: int, first_id: int, action: str, after: dict[str, Any], note: str, message: Any,
    location_id: int | None,
) -> None:  # fmt: skip
    record(
        session, action, "staff", agent, actor=by.name, staff_id=by.staff_id, address=by.address,
        location_id=location_id, reason=note[:500], after=after,
    )  # fmt: skip
    notify(session, "assignment.new", [agent], message, event_key=f"assignment:{first_id}", url="/assigned")


def _end_rows(session: Session, by: By, ids: Sequence[int], last: dt.date) -> None:
    """Let assignments end with a day; those that begin later never hold."""
    session.execute(
        update(Assignment)
        .where(Assignment.id.in_(ids))
        .values(
            valid_to=func.greatest(literal(last, Date), Assignment.valid_from - 1),
            ended_by=by.staff_id,
            ended_at=func.now(),
        )
    )


@dataclass(frozen=True)
class Part:
    """Some of an agent's assignments: those of one place and period. None in `location_id`: all of them."""

    location_id: int | None = None
    is_area: bool = False
    first: dt.date | None = None


def _open(session: Session, agent: int, part: Part, scope: AreaScope, day: dt.date) -> list[Any]:
    rows = list(session.execute(selects.open_rows(agent, scope, day)))
    if part.location_id is None:
        return rows
    return [
        row
        for row in rows
        if row.location_id == part.location_id
        and (row.unit_id is None) == part.is_area
        and (part.first is None or row.valid_from == part.first)
    ]


def end(
    session: Session, by: By, scope: AreaScope, agent: int, part: Part, day: dt.date, today: dt.date, reason: str = ""
) -> int:
    """End (a part of) what an agent has, so that he has it no more from `day` on. Returns how many rows ended."""
    lock(session)
    _not_in_the_past(day, today)
    rows = _open(session, agent, part, scope, day)
    if not rows:
        raise ConflictError(_("This has ended already. Nothing was changed."), code="stale")
    _end_rows(session, by, [row.id for row in rows], day - dt.timedelta(days=1))
    record(
        session, "assignment.end", "staff", agent, actor=by.name, staff_id=by.staff_id, address=by.address,
        location_id=part.location_id, reason=reason[:500],
        after={
            "units": sum(row.unit_id is not None for row in rows), "areas": sum(row.unit_id is None for row in rows),
            "valid_to": str(day - dt.timedelta(days=1)),
        },
    )  # fmt: skip
    return len(rows)


def end_unit(session: Session, by: By, scope: AreaScope, unit: SurveyUnit, agent: int, day: dt.date) -> None:
    """Take one unit from an agent, who had it singly."""
    lock(session)
    rows = [row.id for row in session.execute(selects.holders([unit.id], day, None)) if row.staff_id == agent]
    if not rows:
        raise ConflictError(_("This has ended already. Nothing was changed."), code="stale")
    _end_rows(session, by, rows, day - dt.timedelta(days=1))
    record(
        session, "assignment.end", "staff", agent, actor=by.name, staff_id=by.staff_id, address=by.address,
        location_id=unit.location_id, after={"units": 1, "survey_id": unit.survey_id},
    )  # fmt: skip


def _not_in_the_past(day: dt.date, today: dt.date) -> None:
    if day < today:
        raise InvalidInputError(_("Work ends today at the earliest; the past stays as it was."), field="day")


@dataclass(frozen=True)
class HandOver:
    """What handing over would do: per agent units and areas, and what none of them may have."""

    shares: tuple[tuple[int, str, tuple[int, ...], tuple[int, ...]], ...]  # (agent, name, unit rows, area rows)
    left: int

    @property
    def moved(self) -> int:
        return sum(len(units) + len(areas) for _agent, _name, units, areas in self.shares)

    @property
    def seen(self) -> str:
        return (
            "/".join(f"{agent}:{len(units)}:{len(areas)}" for agent, _n, units, areas in self.shares) + f"/{self.left}"
        )


def plan_hand_over(
    session: Session, scope: AreaScope, agent: int, part: Part, to: Sequence[int], day: dt.date, today: dt.date
) -> HandOver:
    """Who would get what of an agent from `day` on: units shared out evenly, each area to who has the least."""
    _not_in_the_past(day, today)
    people = agents_named(session, [one for one in to if one != agent], scope)
    rows = _open(session, agent, part, scope, day)
    locations = sorted({row.location_id for row in rows})
    eligible: dict[int, list[int]] = {}
    for one, location in session.execute(selects.covered(list(people), locations)) if locations else ():
        eligible.setdefault(location, []).append(one)
    areas: dict[int, list[int]] = {one: [] for one in people}
    left = 0
    for row in rows:
        if row.unit_id is None:
            able = [one for one in people if one in eligible.get(row.location_id, ())]
            if able:
                areas[min(able, key=lambda one: len(areas[one]))].append(row.id)
            else:
                left += 1
    places: dict[int, list[int]] = {}
    for row in rows:
        if row.unit_id is not None:
            places.setdefault(row.location_id, []).append(row.id)
    shared, not_given = split(places, eligible, dict.fromkeys(people, 0))
    shares = tuple((one, people[one], tuple(shared[one]), tuple(areas[one])) for one in people)
    return HandOver(shares, left + len(not_given))


def hand_over(
    session: Session, by: By, scope: AreaScope, agent: int, part: Part, to: Sequence[int], day: dt.date,
    seen: str, today: dt.date, reason: str = "",
) -> HandOver:  # fmt: skip
    """Give (a part of) what an agent has to others, from a day on: his ends the day before, theirs takes its place."""
    lock(session)
    found = plan_hand_over(session, scope, agent, part, to, day, today)
    if found.seen != seen:
        raise ConflictError(_("Something has changed since the preview. Nothing was handed over."), code="stale")
    if not found.moved:
        raise InvalidInputError(_("There is nothing to hand over."))
    for one, _name, units, areas in found.shares:
        ids = [*units, *areas]
        if not ids:
            continue
        old = Assignment
        taken_over = select(
            literal(one, Integer), old.unit_id, old.area_id, func.greatest(literal(day, Date), old.valid_from),
            old.valid_to, old.note, literal(by.staff_id, Integer),
        ).where(old.id.in_(ids))  # fmt: skip
        columns = ["staff_id", "unit_id", "area_id", "valid_from", "valid_to", "note", "created_by"]
        new = list(session.scalars(insert(Assignment).from_select(columns, taken_over).returning(Assignment.id)))
        _end_rows(session, by, ids, day - dt.timedelta(days=1))
        _tell(
            session, by, one, min(new), "assignment.hand_over",
            {"units": len(units), "areas": len(areas), "valid_from": str(day)}, reason,
            _handed_over(day, len(units), len(areas)),
            None,
        )  # fmt: skip
    return found

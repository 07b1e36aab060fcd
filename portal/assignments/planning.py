"""What assigning would do: who gets what, who has it already, what is left out. Reads, and writes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.assignments import selects
from portal.assignments.splitting import split
from portal.assignments.standing import STANDINGS
from portal.errors import InvalidInputError, NotFoundError
from portal.locations.models import Location
from portal.permissions import AreaScope
from portal.staff.models import Staff

MOST_AT_ONCE = 20_000  # units of one step
MOST_OF_AGENT = 5_000  # units an agent has singly; whoever has more has whole areas
LEAVE, MOVE, BOTH = TAKEN_RULES = ("leave", "move", "both")  # what becomes of units that are another agent's already
UNITS, AREA = HOWS = ("units", "area")


@dataclass(frozen=True)
class Wanted:
    """What is to be assigned to whom. `how`: units one by one, shared out; or the area as it is, later units too."""

    agents: tuple[int, ...]
    first: dt.date
    last: dt.date | None = None
    area: int | None = None
    survey_ids: tuple[str, ...] = ()
    standing: str | None = None
    use: str | None = None
    free_only: bool = False
    taken: str = LEAVE
    how: str = UNITS
    note: str = ""


@dataclass(frozen=True)
class Share:
    """What one agent gets: units (ids) new to him, and how many of the chosen ones he has already."""

    agent_id: int
    name: str
    units: tuple[int, ...] = ()
    has: int = 0
    moved: int = 0


@dataclass(frozen=True)
class Plan:
    """What would be done. `taken`: {agent's name: units of his among those chosen}; `outside`: units that lie in none
    of the chosen agents' areas; `in_areas`: names of agents who have them with an area. `ends`: assignments that end.
    """

    wanted: Wanted
    found: int
    shares: tuple[Share, ...] = ()
    taken: Mapping[str, int] = field(default_factory=dict)
    outside: int = 0
    in_areas: tuple[tuple[str, str], ...] = ()
    ends: tuple[int, ...] = ()
    area_name: str = ""

    @property
    def new(self) -> int:
        return sum(len(share.units) for share in self.shares)

    @property
    def is_empty(self) -> bool:
        return self.wanted.how == UNITS and self.new == 0

    @property
    def seen(self) -> str:
        """What the reader of a preview has seen, to be compared when he confirms."""
        shares = ",".join(f"{one.agent_id}:{len(one.units)}:{one.has}" for one in self.shares)
        return f"{self.found}/{shares}/{sum(self.taken.values())}/{self.outside}/{len(self.ends)}"


def check_period(first: dt.date, last: dt.date | None, today: dt.date) -> None:
    """Raises InvalidInputError for a period that cannot be."""
    if last is not None and last < first:
        raise InvalidInputError(_("The last day lies before the first."), field="last")
    if first < today:
        raise InvalidInputError(_("Work is assigned from today on; the past stays as it was."), field="first")


# -- The plan --------------------------------------------------------------------------------------------------------
def plan(session: Session, wanted: Wanted, scope: AreaScope, today: dt.date) -> Plan:
    """What assigning would do. Raises InvalidInputError, NotFoundError; writes nothing."""
    check_period(wanted.first, wanted.last, today)
    people = agents_named(session, wanted.agents, scope)
    if wanted.how == AREA:
        return _plan_area(session, wanted, scope, people)
    rows = _candidates(session, wanted, scope)
    shares, taken, ends, outside = _share_out(session, wanted, rows, people)
    locations = sorted({row.location_id for row in rows})
    return Plan(
        wanted,
        len(rows),
        shares,
        taken,
        outside,
        _area_holders(session, wanted, locations) if locations else (),
        ends,
        _area_name(session, wanted.area, scope),
    )


def agents_named(session: Session, ids: Sequence[int], scope: AreaScope) -> dict[int, str]:
    """Names by id, in the order given. Raises InvalidInputError when somebody is no agent of the actor's areas."""
    if not ids:
        raise InvalidInputError(_("Choose at least one agent."), field="agents")
    known = {
        row.id: row.name for row in session.execute(selects.agents(scope).where(Staff.id.in_(ids))) if row.is_active
    }
    if set(ids) - known.keys():
        raise InvalidInputError(_("One of the chosen people is no agent of your areas (any more)."), field="agents")
    return {one: known[one] for one in dict.fromkeys(ids)}


def _candidates(session: Session, wanted: Wanted, scope: AreaScope) -> list[Any]:
    if wanted.area is None and not wanted.survey_ids:
        raise InvalidInputError(_("Choose an area."), field="area")
    if wanted.area is not None:
        _area_name(session, wanted.area, scope)
    rows = list(
        session.execute(
            selects.candidates(
                scope,
                area=wanted.area,
                survey_ids=wanted.survey_ids,
                standing=wanted.standing if wanted.standing in STANDINGS else None,
                use=wanted.use,
                free_on=wanted.first if wanted.free_only else None,
                limit=MOST_AT_ONCE + 1,
            )
        )
    )
    if len(rows) > MOST_AT_ONCE:
        raise InvalidInputError(
            _(
                "More than %(number)s units fit. Choose a smaller area, or assign the area as a whole.",
                number=f"{MOST_AT_ONCE:,}",
            ),
            field="area",
        )
    return rows


def _area_name(session: Session, area: int | None, scope: AreaScope) -> str:
    if area is None:
        return ""
    name = session.scalar(select(Location.name).where(Location.id == area, scope.clause(Location.id)))
    if name is None:
        raise NotFoundError(_("This area does not exist, or is not one of yours."))
    return str(name)


def _share_out(
    session: Session, wanted: Wanted, rows: Sequence[Any], people: Mapping[int, str]
) -> tuple[tuple[Share, ...], dict[str, int], tuple[int, ...], int]:
    """Who gets what; whose the taken ones are; what ends; how many lie in nobody's area."""
    has: dict[int, set[int]] = {agent: set() for agent in people}
    others: dict[int, list[Any]] = {}
    ids = [row.id for row in rows]
    for row in session.execute(selects.holders(ids, wanted.first, wanted.last)) if ids else ():
        if row.staff_id in people:
            has[row.staff_id].add(row.unit_id)
        else:
            others.setdefault(row.unit_id, []).append(row)
    kept = {unit for units in has.values() for unit in units}
    taken: dict[str, int] = {}
    for unit, holding in others.items():
        if unit not in kept:
            for name in {one.agent for one in holding}:
                taken[name] = taken.get(name, 0) + 1
    places: dict[int, list[int]] = {}
    for row in rows:
        if row.id not in kept and (wanted.taken != LEAVE or row.id not in others):
            places.setdefault(row.location_id, []).append(row.id)
    eligible: dict[int, list[int]] = {}
    for agent, location in session.execute(selects.covered(list(people), list(places))) if places else ():
        eligible.setdefault(location, []).append(agent)
    loads = {agent: len(has[agent]) for agent in people}
    shared, left = split(places, eligible, loads)
    ends: tuple[int, ...] = ()
    if wanted.taken == MOVE:
        given = {unit for units in shared.values() for unit in units}
        ends = tuple(sorted(one.id for unit in given for one in others.get(unit, ())))
    shares = tuple(
        Share(
            agent,
            people[agent],
            tuple(shared[agent]),
            len(has[agent]),
            sum(1 for unit in shared[agent] if unit in others) if wanted.taken == MOVE else 0,
        )
        for agent in people
    )
    return shares, taken, ends, len(left)


def _area_holders(session: Session, wanted: Wanted, locations: Sequence[int]) -> tuple[tuple[str, str], ...]:
    rows = session.execute(selects.area_holders(locations, wanted.first, wanted.last, below=wanted.how == AREA))
    return tuple(dict.fromkeys((row.agent, row.area) for row in rows if row.staff_id not in wanted.agents))


def _plan_area(session: Session, wanted: Wanted, scope: AreaScope, people: Mapping[int, str]) -> Plan:
    """An area as it is: each chosen agent in whose own areas it lies has it."""
    if wanted.area is None:
        raise InvalidInputError(_("Choose an area."), field="area")
    name = _area_name(session, wanted.area, scope)
    within = {agent for agent, _place in session.execute(selects.covered(list(people), [wanted.area]))}
    if set(people) - within:
        missing = ", ".join(people[one] for one in people if one not in within)
        raise InvalidInputError(
            _("%(area)s does not lie in the areas of %(names)s.", area=name, names=missing), field="agents"
        )
    held = {
        row.staff_id
        for row in session.execute(selects.area_holders([wanted.area], wanted.first, wanted.last))
        if row.staff_id in people
    }
    shares = tuple(Share(agent, people[agent], has=int(agent in held)) for agent in people)
    if all(share.has for share in shares):
        raise InvalidInputError(_("The agents you chose have this area already."), field="agents")
    return Plan(
        wanted, 0, shares, in_areas=_area_holders(session, wanted, [wanted.area]), area_name=name,
    )  # fmt: skip

"""What may happen to a ticket, and who may do it. Pure: one table of transitions, a few questions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from portal.permissions import AreaScope, Permission, Role, role_allows
from portal.tickets.models import (
    BILLING,
    CLOSED,
    DATA,
    IN_PROGRESS,
    MERGED,
    OPEN,
    PENDING,
    RESOLVED,
    WAITING,
)

ACTIVE = (OPEN, IN_PROGRESS, WAITING)
RUNNING = (OPEN, IN_PROGRESS)  # the clock runs
RANK = {role: position for position, role in enumerate(Role)}
OFFICE = frozenset({Role.ADMIN, Role.MANAGER, Role.HEAD})


class Step(StrEnum):
    """What people do to a ticket's status."""

    START = "start"
    WAIT = "wait"
    RESOLVE = "resolve"
    CLOSE = "close"
    REOPEN = "reopen"
    MERGE = "merge"


# {from: {step: to}}; what does not stand here does not happen.
TRANSITIONS: dict[str, dict[Step, str]] = {
    OPEN: {Step.START: IN_PROGRESS, Step.WAIT: WAITING, Step.RESOLVE: RESOLVED, Step.MERGE: MERGED},
    IN_PROGRESS: {Step.WAIT: WAITING, Step.RESOLVE: RESOLVED, Step.MERGE: MERGED},
    WAITING: {Step.START: IN_PROGRESS, Step.RESOLVE: RESOLVED, Step.MERGE: MERGED},
    RESOLVED: {Step.CLOSE: CLOSED, Step.REOPEN: OPEN},
    CLOSED: {Step.REOPEN: OPEN},
    MERGED: {},
}
# Where each step leads, from wherever it may be taken.
LEADS_TO: dict[Step, str] = {step: to for steps in TRANSITIONS.values() for step, to in steps.items()}
# What has to be said with a step.
NEEDS_WORDS = frozenset({Step.WAIT, Step.RESOLVE, Step.REOPEN})


@dataclass(frozen=True)
class Actor:
    """Who acts: a person as he is now, or the system (no staff id, sees everything, decides nothing)."""

    staff_id: int | None
    name: str
    role: Role | None
    scope: AreaScope
    address: str = ""

    @classmethod
    def system(cls) -> Actor:
        return cls(None, "system", None, AreaScope.everywhere())

    def may(self, permission: Permission) -> bool:
        return self.role is None or role_allows(self.role, permission)


@dataclass(frozen=True)
class Standing:
    """What the rules ask about a ticket."""

    status: str
    effect: str
    decision: str | None
    assigned_to: int | None
    assigned_role: str
    reported_by: int | None
    wanted_by: int | None = None


def target(status: str, step: Step) -> str | None:
    """The status a step leads to; None when it is not possible from here."""
    return TRANSITIONS[status].get(step)


def works_on(actor: Actor, ticket: Standing) -> bool:
    """Whether the actor may move the ticket on: who works tickets of his area, and whoever it is assigned to."""
    if actor.role is None:
        return True
    return actor.may(Permission.WORK_TICKETS) or (actor.staff_id is not None and ticket.assigned_to == actor.staff_id)


def may_take(actor: Actor, ticket: Standing) -> bool:
    """Whether the actor may make an unassigned ticket his own: of his role, or who works tickets anyway."""
    if actor.staff_id is None or ticket.assigned_to is not None or ticket.status not in ACTIVE:
        return False
    return actor.may(Permission.WORK_TICKETS) or ticket.assigned_role == actor.role


def steps(actor: Actor, ticket: Standing) -> tuple[Step, ...]:
    """The steps the actor may take now, in the order of the table.

    What needs a decision is decided, not resolved. The reporter may open his ticket again. Closing and merging are
    for who works tickets.
    """
    found = []
    for step in TRANSITIONS[ticket.status]:
        if step is Step.RESOLVE and ticket.decision == PENDING:
            continue
        if step in {Step.CLOSE, Step.MERGE}:
            allowed = actor.may(Permission.WORK_TICKETS)
        elif step is Step.REOPEN:
            allowed = works_on(actor, ticket) or ticket.reported_by == actor.staff_id
        else:
            allowed = works_on(actor, ticket)
        if allowed:
            found.append(step)
    return tuple(found)


def deciding_roles(effect: str) -> frozenset[Role]:
    """Who approves and rejects: what changes data from supervisors up, what changes a bill the office."""
    if effect == DATA:
        return OFFICE | {Role.SUPERVISOR}
    return OFFICE if effect == BILLING else frozenset()


def may_decide(actor: Actor, ticket: Standing) -> bool:
    """Whether the actor may approve or reject. Nobody decides a ticket he raised, or a change he wrote into it."""
    if actor.role is None or actor.staff_id is None or ticket.status not in ACTIVE or ticket.decision != PENDING:
        return False
    is_own = actor.staff_id in {ticket.reported_by, ticket.wanted_by}
    return actor.role in deciding_roles(ticket.effect) and not is_own


def may_tell_public(actor: Actor, has_status_page: bool) -> bool:
    """Whether the actor may write to the complainant: the office, where there is somebody to read it."""
    return has_status_page and actor.role in OFFICE


def roles_above(role: str) -> tuple[Role, ...]:
    """The roles above one, nearest first."""
    return tuple(one for one in Role if RANK[one] > RANK[Role(role)])

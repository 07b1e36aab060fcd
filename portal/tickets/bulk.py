"""The same done to many tickets: what would happen to each, and doing it. Flushes, never commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.errors import ConflictError, DomainError, InvalidInputError
from portal.permissions import Role
from portal.tickets import editing, rules, selects, service
from portal.tickets.models import PRIORITIES, Ticket
from portal.tickets.rules import ACTIVE, Actor, Step
from portal.tickets.words import STATUSES
from portal.tickets.worktime import WorkCalendar

ASSIGN, PRIORITY, CLOSE = ACTIONS = ("assign", "priority", "close")
MOST = 200


@dataclass(frozen=True)
class Order:
    """What is to be done: `value` is `p17` (a person), `rADMIN` (a role), or a priority."""

    action: str
    value: str = ""

    @property
    def person(self) -> int | None:
        is_person = self.value[:1] == "p" and self.value[1:].isdecimal() and len(self.value) < 11
        return int(self.value[1:]) if is_person else None

    @property
    def role(self) -> str | None:
        return self.value[1:] if self.value[:1] == "r" and self.value[1:] in set(Role) else None

    @property
    def is_complete(self) -> bool:
        if self.action == ASSIGN:
            return self.person is not None or self.role is not None
        return self.action == CLOSE or self.value in PRIORITIES


@dataclass(frozen=True)
class Planned:
    """A ticket and why nothing would happen to it; '' when something would."""

    ticket: Ticket
    why_not: str


def plan(session: Session, actor: Actor, order: Order, chosen: Sequence[tuple[int, int]]) -> list[Planned]:
    """What an order would do to the chosen (id, version) tickets that the actor sees."""
    versions = dict(chosen[:MOST])
    tickets = session.scalars(selects.by_ids(list(versions), actor)).all()
    able: dict[int, bool] = {}
    found = []
    for ticket in tickets:
        found.append(Planned(ticket, _why_not(session, order, ticket, versions[ticket.id], able)))
    return found


def _why_not(session: Session, order: Order, ticket: Ticket, version: int, able: dict[int, bool]) -> str:
    """Why nothing would happen to a ticket. `able`: whether the person works in a place, asked once for each."""
    if ticket.version != version:
        return str(_("changed meanwhile"))
    status = STATUSES[ticket.status]
    if order.action == CLOSE:
        possible = rules.target(ticket.status, Step.CLOSE) is not None
        return "" if possible else str(_("is %(status)s; only resolved ones are closed", status=status))
    if ticket.status not in ACTIVE:
        return str(_("is %(status)s", status=status))
    if order.action == PRIORITY:
        return str(_("has this priority already")) if ticket.priority == order.value else ""
    return _why_not_assign(session, order, ticket, able)


def _why_not_assign(session: Session, order: Order, ticket: Ticket, able: dict[int, bool]) -> str:
    if order.person is None:
        is_so = ticket.assigned_to is None and ticket.assigned_role == order.role
        return str(_("is assigned so already")) if is_so else ""
    if ticket.assigned_to == order.person:
        return str(_("is assigned so already"))
    if ticket.location_id not in able:
        row = session.execute(selects.workers(ticket.location_id, only=order.person)).first()
        able[ticket.location_id] = row is not None
    return "" if able[ticket.location_id] else str(_("this person does not work in its area"))


def carry_out(
    session: Session, actor: Actor, calendar: WorkCalendar, order: Order, chosen: Sequence[tuple[int, int]]
) -> tuple[int, int]:
    """Do it, each ticket as it was shown. Returns how many were changed, and how many not."""
    if not order.is_complete:
        raise InvalidInputError(_("Choose what to do."))
    done = skipped = 0
    for ticket_id, version in sorted(chosen[:MOST]):
        ticket = session.scalar(selects.by_ids([ticket_id], actor))
        if ticket is None:
            skipped += 1
            continue
        try:
            with session.begin_nested():
                opened, category = service.open_ticket(session, actor, ticket.number, version)
                if order.action == CLOSE:
                    service.move_opened(session, actor, calendar, opened, category, Step.CLOSE)
                elif order.action == PRIORITY:
                    editing.set_priority(session, actor, calendar, opened, order.value)
                else:
                    service.assign_opened(session, actor, opened, staff_id=order.person, role=order.role)
                if opened.version == version:
                    raise ConflictError("")
            done += 1
        except DomainError:
            skipped += 1
    return done, skipped

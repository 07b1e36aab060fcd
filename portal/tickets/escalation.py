"""Telling people that the time of a ticket is nearly over, or over. Flushes, never commits.

Steps, each once for each deadline: 1 three quarters of the time are over: who works on it, or the people of its role in
its area; 2 it is over: both, and the next role up; 3 a working day later: the role above that. A role that has nobody
in the area is passed over upwards, so that a ticket nobody could see still reaches somebody.
"""

from __future__ import annotations

import datetime as dt

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.staff.models import Staff
from portal.tickets import noting, selects
from portal.tickets.models import Ticket
from portal.tickets.rules import Actor, roles_above
from portal.tickets.worktime import WorkCalendar, working_minutes

NEAR, PAST, LATE = 1, 2, 3


def due_step(ticket: Ticket, calendar: WorkCalendar, moment: dt.datetime) -> int:
    """The step that a ticket has reached; 0: none."""
    if ticket.due_at is not None and ticket.due_at <= moment:
        return LATE if working_minutes(calendar, ticket.due_at, moment) >= calendar.day_minutes else PAST
    return NEAR if ticket.near_at is not None and ticket.near_at <= moment else 0


def escalate(session: Session, calendar: WorkCalendar, moment: dt.datetime) -> int:
    """Tell whoever has not been told yet. Returns how many tickets took a step."""
    stepped = 0
    for ticket in session.scalars(selects.to_escalate(moment).with_for_update(skip_locked=True)).all():
        step = due_step(ticket, calendar, moment)
        if step <= ticket.escalation:
            continue
        _step(session, ticket, step)
        stepped += 1
    session.flush()
    return stepped


def _step(session: Session, ticket: Ticket, step: int) -> None:
    system = Actor.system()
    people = recipients(session, ticket, step)
    ticket.escalation = step
    due = ticket.due_at.isoformat() if ticket.due_at is not None else ""
    title = {"number": ticket.number, "title": ticket.title}
    message = (
        _l("The time for ticket %(number)s is nearly over: %(title)s", **title)
        if step == NEAR
        else _l("The time for ticket %(number)s is over: %(title)s", **title)
    )
    told = noting.tell(session, system, ticket, "ticket.escalated", people, message, f"{step}:{due}")
    names = session.scalars(select(Staff.username).where(Staff.id.in_(told)).order_by(Staff.username)).all()
    entry = noting.note(session, system, ticket, "escalated", step=step)
    entry.detail = {**entry.detail, "told": list(names)}
    noting.audit(session, system, ticket, "ticket.escalate", after={"step": step, "told": len(told)})


def recipients(session: Session, ticket: Ticket, step: int) -> list[int]:
    """Whom a step of a ticket concerns."""
    own = noting.role_people(session, ticket, [ticket.assigned_role])
    above = _next_up(session, ticket, 2 if step == LATE else 1)
    if step == NEAR:
        if ticket.assigned_to is not None:
            return [ticket.assigned_to]
        return own or above
    if step == PAST:
        return [*([ticket.assigned_to] if ticket.assigned_to is not None else []), *own, *above]
    return above


def _next_up(session: Session, ticket: Ticket, count: int) -> list[int]:
    """The people of the next role above that has some here; of the last of the next `count`."""
    found: list[list[int]] = []
    for role in roles_above(ticket.assigned_role):
        people = noting.role_people(session, ticket, [role])
        if people:
            found.append(people)
        if len(found) == count:
            break
    return found[-1] if found else noting.role_people(session, ticket, [ticket.assigned_role])

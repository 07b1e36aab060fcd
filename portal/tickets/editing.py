"""Changing what a ticket says: its facts, its category, its priority. Flushes, never commits."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from portal.locations.models import Location
from portal.permissions import Permission
from portal.tickets import noting, rules
from portal.tickets.models import NONE, PENDING, PRIORITIES, Ticket, TicketCategory
from portal.tickets.rules import ACTIVE, Actor
from portal.tickets.service import category_of, clean_line, clean_text, clock_of, minutes_for, open_ticket, set_clock
from portal.tickets.words import STATUSES
from portal.tickets.worktime import WorkCalendar


@dataclass(frozen=True)
class Facts:
    """What the form of a ticket says."""

    title: str
    description: str
    category_id: int
    priority: str
    location_id: int
    unit_id: int | None
    account_id: int | None
    bill_month: dt.date | None
    disputed_amount: int | None
    wanted: dict[str, str]


def edit(
    session: Session, actor: Actor, calendar: WorkCalendar, number: str, version: int | None, facts: Facts
) -> bool:
    """Change what a ticket says. Returns whether anything was different."""
    ticket, category = open_ticket(session, actor, number, version)
    if not actor.may(Permission.WORK_TICKETS):
        raise ForbiddenError(_("Your role does not allow this."))
    if ticket.status not in ACTIVE:
        raise ConflictError(_("This ticket is %(status)s: open it again first.", status=STATUSES[ticket.status]))
    is_inside = select(Location.id).where(Location.id == facts.location_id, actor.scope.clause(Location.id))
    if session.scalar(is_inside) is None:
        raise NotFoundError(_("This area does not exist, or is not one of yours."))
    new = {
        "title": clean_line(facts.title), "description": clean_text(facts.description),
        "category_id": facts.category_id, "priority": facts.priority, "location_id": facts.location_id,
        "unit_id": facts.unit_id, "account_id": facts.account_id, "bill_month": facts.bill_month,
        "disputed_amount": facts.disputed_amount,
        "wanted": facts.wanted,
    }  # fmt: skip
    changed = [name for name, value in new.items() if getattr(ticket, name) != value]
    if not changed:
        return False
    before = {"priority": ticket.priority, "category": category.code}
    minutes = minutes_for(session, ticket.category_id, ticket.priority)
    for name in changed:
        setattr(ticket, name, new[name])
    if "wanted" in changed:
        ticket.wanted_by = actor.staff_id if facts.wanted else None
    if "category_id" in changed:
        category = _change_category(session, ticket, facts.category_id)
    if changed_time := minutes_for(session, ticket.category_id, ticket.priority) - minutes:
        set_clock(ticket, clock_of(ticket).longer(changed_time), calendar)
    ticket.version += 1
    fields = [name.removesuffix("_id") for name in changed if name != "priority"]
    if fields:
        noting.note(session, actor, ticket, "edited", fields=fields)
    if "priority" in changed:
        noting.note(session, actor, ticket, "priority", **{"from": before["priority"], "to": ticket.priority})
    after = {"priority": ticket.priority, "category": category.code, "fields": fields}
    noting.audit(session, actor, ticket, "ticket.edit", before=before, after=after)
    session.flush()
    if "wanted" in changed and facts.wanted and ticket.decision == PENDING:
        _ask_to_decide(session, actor, ticket, category)
    return True


def _change_category(session: Session, ticket: Ticket, category_id: int) -> TicketCategory:
    category = category_of(session, category_id)
    if category.effect == NONE and ticket.decision == PENDING:
        ticket.decision = None
    elif category.effect != NONE and ticket.decision is None:
        ticket.decision = PENDING
    if ticket.assigned_to is None:
        ticket.assigned_role = category.assigned_role
    return category


def _ask_to_decide(session: Session, actor: Actor, ticket: Ticket, category: TicketCategory) -> None:
    """Tell the lowest role that decides and has people here, so that not everybody up to the head is told."""
    for role in sorted(rules.deciding_roles(category.effect), key=rules.RANK.__getitem__):
        people = [one for one in noting.role_people(session, ticket, [role]) if one != actor.staff_id]
        if people:
            said = {"number": ticket.number, "title": ticket.title}
            message = _l("Ticket %(number)s waits for your decision: %(title)s", **said)
            noting.tell(session, actor, ticket, "approval.waiting", people, message, str(ticket.version))
            return


def set_priority(session: Session, actor: Actor, calendar: WorkCalendar, ticket: Ticket, priority: str) -> None:
    """Change the priority of a ticket that is opened already; its deadline follows."""
    if priority not in PRIORITIES:
        raise InvalidInputError(_("Choose a priority."), field="priority")
    if not actor.may(Permission.WORK_TICKETS):
        raise ForbiddenError(_("Your role does not allow this."))
    if ticket.status not in ACTIVE:
        raise ConflictError(_("This ticket is %(status)s: open it again first.", status=STATUSES[ticket.status]))
    before = ticket.priority
    if before == priority:
        return
    more = minutes_for(session, ticket.category_id, priority) - minutes_for(session, ticket.category_id, before)
    ticket.priority = priority
    set_clock(ticket, clock_of(ticket).longer(more), calendar)
    ticket.version += 1
    noting.note(session, actor, ticket, "priority", **{"from": before, "to": priority})
    noting.audit(
        session, actor, ticket, "ticket.edit", before={"priority": before}, after={"priority": priority, "fields": []}
    )
    session.flush()

"""What every change of a ticket leaves: an event, an audit line, and people who are told. Flushes, never commits."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.notifications.recipients import people_of
from portal.notifications.service import notify
from portal.permissions import Permission
from portal.tickets import selects
from portal.tickets.models import Ticket, TicketComment, TicketEvent
from portal.tickets.rules import Actor


def url_of(ticket: Ticket) -> str:
    """Where its page is."""
    return f"/tickets/{ticket.number}"


def name_of(session: Session, actor: Actor) -> str:
    """Who acts, as colleagues call him."""
    row = session.execute(selects.named([actor.staff_id])).first() if actor.staff_id is not None else None
    return str(row.name) if row is not None else actor.name


def note(session: Session, actor: Actor, ticket: Ticket, event: str, **detail: Any) -> TicketEvent:
    """Add what happened to the ticket's history. `detail` is JSON and holds no personal number."""
    entry = TicketEvent(
        ticket_id=ticket.id, event=event, staff_id=actor.staff_id, actor=actor.name,
        detail={key: value for key, value in detail.items() if value not in (None, "", [], {})},
    )  # fmt: skip
    session.add(entry)
    return entry


def audit(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    action: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> None:
    """Add the audit line: numbers, codes and names of fields; never a subject or a number of a consumer."""
    record(
        session, action, "ticket", ticket.number, actor=actor.name, staff_id=actor.staff_id, address=actor.address,
        location_id=ticket.location_id, before=before, after=after, reason=reason,
    )  # fmt: skip


def tell(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    type_name: str,
    staff_ids: Iterable[int | None],
    message: object,
    key: str,
) -> list[int]:
    """Notify those of the people who may see the ticket, but for who acts. Returns whom."""
    wanted = {one for one in staff_ids if one is not None and one != actor.staff_id}
    if not wanted:
        return []
    session.flush()
    seeing = [row.id for row in session.execute(selects.seers(ticket, wanted))]
    notify(
        session, type_name, seeing, message, event_key=f"{type_name}:{ticket.id}:{key}", entity="ticket",
        entity_id=ticket.number, url=url_of(ticket),
    )  # fmt: skip
    return seeing


def followers(session: Session, ticket: Ticket) -> set[int | None]:
    """Whom a ticket concerns: who raised it, who works on it, who wrote to it."""
    writers = session.scalars(select(TicketComment.staff_id).where(TicketComment.ticket_id == ticket.id).distinct())
    return {ticket.reported_by, ticket.assigned_to, *writers}


def role_people(session: Session, ticket: Ticket, roles: Collection[str]) -> list[int]:
    """The people of these roles whose area covers the ticket's place."""
    return people_of(session, ticket.location_id, roles, Permission.VIEW_TICKETS)


def tell_assigned(session: Session, actor: Actor, ticket: Ticket) -> None:
    """Tell whom the ticket was given to; of a ticket that is nobody's, the people of its role in its area."""
    key = f"{ticket.version}"
    if ticket.assigned_to is not None:
        message = _l("Ticket %(number)s was given to you: %(title)s", number=ticket.number, title=ticket.title)
        tell(session, actor, ticket, "ticket.assigned", [ticket.assigned_to], message, key)
        return
    said = {"number": ticket.number, "title": ticket.title}
    message = _l("Ticket %(number)s waits for somebody of your role: %(title)s", **said)
    people = role_people(session, ticket, [ticket.assigned_role])
    tell(session, actor, ticket, "ticket.assigned", people, message, key)

"""Comments on tickets, and the people named in them. Flushes, never commits."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.errors import ConflictError, InvalidInputError
from portal.tickets import noting, selects
from portal.tickets.models import TicketComment
from portal.tickets.rules import Actor
from portal.tickets.service import clean_text, find

MENTION = re.compile(r"(?<![\w@])@([A-Za-z0-9._-]{2,64})")


@dataclass(frozen=True)
class Commented:
    """A comment, and the names in it of people who were not told: nobody's, or of people who may not see the ticket."""

    comment: TicketComment
    untold: tuple[str, ...] = ()
    is_new: bool = True


def comment(
    session: Session, actor: Actor, number: str, client_uuid: uuid.UUID, body: str, *, has_files: bool = False
) -> Commented:
    """Write to a ticket. `@name` tells somebody who may see it. Sent a second time: the first."""
    ticket = find(session, actor, number)
    key = {"key": f"comment:{client_uuid}"}
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), key)
    known = session.scalar(select(TicketComment).where(TicketComment.client_uuid == client_uuid))
    if known is not None:
        if known.ticket_id != ticket.id or known.staff_id != actor.staff_id:
            raise ConflictError(_("This was sent before, by somebody else. Open the form again."), code="taken")
        return Commented(known, is_new=False)
    said = clean_text(body, "body")
    if not said and not has_files:
        raise InvalidInputError(_("Write something first."), field="body")
    names = {name.rstrip(".").lower() for name in MENTION.findall(said)}
    told = session.execute(selects.seers_named(ticket, names)).all() if names else []
    entry = TicketComment(
        client_uuid=client_uuid, ticket_id=ticket.id, staff_id=actor.staff_id, author=actor.name, body=said,
        mentions=[row.id for row in told],
    )  # fmt: skip
    session.add(entry)
    session.flush()
    noting.audit(session, actor, ticket, "ticket.comment", after={"mentions": len(told)})
    who = noting.name_of(session, actor)
    message = _l(
        "%(who)s mentions you in ticket %(number)s: %(title)s", who=who, number=ticket.number, title=ticket.title
    )
    mentioned = noting.tell(session, actor, ticket, "ticket.mention", entry.mentions, message, str(entry.id))
    message = _l("%(who)s wrote to ticket %(number)s: %(title)s", who=who, number=ticket.number, title=ticket.title)
    others = noting.followers(session, ticket) - set(mentioned)
    noting.tell(session, actor, ticket, "ticket.comment", others, message, str(entry.id))
    known_names = {row.username.lower() for row in told}
    return Commented(entry, tuple(sorted(names - known_names)))

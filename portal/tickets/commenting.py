"""Comments on tickets, the people named in them, and which of them the complainant reads. Flushes, never commits."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from portal.tickets import noting, rules, selects
from portal.tickets.models import Ticket, TicketComment
from portal.tickets.rules import Actor
from portal.tickets.service import clean_text, find
from portal.web.masking import holds_number_of_somebody

MENTION = re.compile(r"(?<![\w@])@([A-Za-z0-9._-]{2,64})")


@dataclass(frozen=True)
class Commented:
    """A comment, and the names in it of people who were not told: nobody's, or of people who may not see the ticket."""

    comment: TicketComment
    untold: tuple[str, ...] = ()
    is_new: bool = True


def comment(
    session: Session, actor: Actor, number: str, client_uuid: uuid.UUID, body: str, *, has_files: bool = False,
    is_public: bool = False,
) -> Commented:  # fmt: skip
    """Write to a ticket. `@name` tells somebody who may see it. Sent a second time: the first.

    `is_public`: the complainant reads the words (never the files) on the status page.
    """
    ticket = find(session, actor, number)
    if is_public:
        check_may_tell(actor, ticket)
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
    if is_public:
        _check_public_words(said)
    names = {name.rstrip(".").lower() for name in MENTION.findall(said)}
    told = session.execute(selects.seers_named(ticket, names)).all() if names else []
    entry = TicketComment(
        client_uuid=client_uuid, ticket_id=ticket.id, staff_id=actor.staff_id, author=actor.name, body=said,
        mentions=[row.id for row in told], is_public=is_public,
    )  # fmt: skip
    session.add(entry)
    session.flush()
    if is_public:
        noting.note(session, actor, ticket, "comment_public")
    noting.audit(session, actor, ticket, "ticket.comment", after={"mentions": len(told), "public": is_public})
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


def check_may_tell(actor: Actor, ticket: Ticket) -> None:
    """Raises ForbiddenError for who may not write to the complainant, or when nobody has the code to read it."""
    if not rules.may_tell_public(actor, ticket.public_code_hash is not None):
        raise ForbiddenError(
            _("Only the office writes to a complainant, and only where a complaint has a status page.")
        )


def _check_public_words(said: str) -> None:
    """What stands on the status page names nobody. Raises InvalidInputError."""
    if not said:
        raise InvalidInputError(_("Write what the complainant is to read. Photos and documents stay internal."))
    if holds_number_of_somebody(said):
        why = _(
            "A mobile, CNIC or consumer number must not be shown to the public. Leave it out, or send the comment as"
            " internal."
        )
        raise InvalidInputError(why, field="body")
    if MENTION.search(said):
        why = _("Leave out the @ names: the complainant reads this. To tell a colleague, write an internal comment.")
        raise InvalidInputError(why, field="body")


def make_internal(session: Session, actor: Actor, number: str, comment_id: int) -> TicketComment:
    """Take a comment off the status page; one that is internal already stays so. Raises NotFoundError."""
    ticket = find(session, actor, number)
    entry = session.scalar(
        select(TicketComment)
        .where(TicketComment.id == comment_id, TicketComment.ticket_id == ticket.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if entry is None:
        raise NotFoundError(_("There is no such comment on this ticket."))
    check_may_tell(actor, ticket)
    if entry.is_public:
        entry.is_public = False
        session.flush()
        noting.note(session, actor, ticket, "comment_internal")
        noting.audit(
            session, actor, ticket, "ticket.comment_internal", before={"public": True}, after={"public": False}
        )
    return entry

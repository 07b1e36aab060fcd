"""Merging tickets that are about the same. Flushes, never commits.

The duplicate points to the survivor and is not worked any more; its comments stay where they are and are read on the
survivor's page. Who raised it is told, and follows the survivor by his own ticket.
"""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from portal.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from portal.tickets import noting, rules, selects
from portal.tickets.models import MERGED, Ticket
from portal.tickets.numbers import read_number
from portal.tickets.rules import ACTIVE, Actor, Step
from portal.tickets.service import now, open_ticket, standing


def merge(session: Session, actor: Actor, number: str, version: int | None, into: str) -> Ticket:
    """Merge a ticket into another one. Returns the survivor.

    Raises InvalidInputError for a number that is none, or the ticket's own; ConflictError when one of the two is not
    worked any more.
    """
    wanted = read_number(into)
    if wanted is None:
        raise InvalidInputError(_("Enter the number of the other ticket, like T-26-000123."), field="into")
    if wanted == number:
        raise InvalidInputError(_("A ticket is not merged into itself."), field="into")
    # In the order of their numbers: two people who merge two tickets into each other do not wait for each other.
    for one in sorted((number, wanted)):
        session.scalar(selects.bare(one, actor).with_for_update())
    duplicate, category = open_ticket(session, actor, number, version)
    if Step.MERGE not in rules.steps(actor, standing(duplicate, category)):
        if duplicate.status in ACTIVE:
            raise ForbiddenError(_("Your role does not allow this."))
        raise ConflictError(_("Only a ticket that is still worked on can be merged."))
    try:
        survivor, _category = open_ticket(session, actor, wanted, None)
    except NotFoundError as error:
        raise InvalidInputError(
            _("There is no ticket %(number)s in your area.", number=wanted), field="into"
        ) from error
    if survivor.status not in ACTIVE:
        raise ConflictError(_("Ticket %(number)s is not worked on any more: open it again first.", number=wanted))
    before = duplicate.status
    duplicate.status, duplicate.merged_into_id = MERGED, survivor.id
    duplicate.due_at = duplicate.near_at = duplicate.clock_from = None
    duplicate.closed_at = now()
    duplicate.version += 1
    survivor.version += 1
    # What was merged into the duplicate before is read on the survivor's page, too.
    for row in session.execute(selects.merged_here(duplicate.id)).all():
        earlier = session.get(Ticket, row.id)
        if earlier is not None:
            earlier.merged_into_id = survivor.id
    noting.note(session, actor, duplicate, "merged", number=survivor.number)
    noting.note(session, actor, survivor, "took_over", number=duplicate.number)
    noting.audit(session, actor, duplicate, "ticket.merge", before={"status": before}, after={"into": survivor.number})
    message = _l(
        "Ticket %(number)s goes on as %(other)s, which is about the same: %(title)s", number=duplicate.number,
        other=survivor.number, title=survivor.title,
    )  # fmt: skip
    noting.tell(session, actor, duplicate, "ticket.status", noting.followers(session, duplicate), message, "merged")
    session.flush()
    return survivor

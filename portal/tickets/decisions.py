"""Approving and rejecting what a ticket asks for. Flushes, never commits.

A DATA approval changes the register in the same transaction: through `portal.corrections` where the ticket is linked
to a correction of its unit that still waits (its photos arrive and its proposer is told, as on its own page), else
through `portal.registers` from the ticket's own values. A BILLING approval records the decision and the amount; no
bill and no payment changes: the ledger takes it from there. Either way the ticket is resolved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from portal.corrections import service as corrections
from portal.corrections.models import PENDING as CORRECTION_PENDING
from portal.corrections.models import Correction
from portal.corrections.selects import photo_counts
from portal.corrections.service import differing
from portal.errors import ConflictError, ForbiddenError, InvalidInputError
from portal.registers.models import TICKET
from portal.registers.service import Actor as Editor
from portal.registers.service import edit_unit
from portal.tickets import noting, rules
from portal.tickets.models import APPROVED, BILLING, DATA, PENDING, REJECTED, RESOLVED, Ticket, TicketCategory
from portal.tickets.rules import Actor
from portal.tickets.service import change_status, clean_text, now, open_ticket, standing
from portal.tickets.words import FIELDS
from portal.tickets.worktime import WorkCalendar
from portal.units.models import SurveyUnit

MOST_RUPEES = 100_000_000


@dataclass(frozen=True)
class Change:
    """One field of the register as an approval would set it."""

    field: str
    before: Any
    after: Any


def linked_correction(session: Session, ticket: Ticket) -> Correction | None:
    """The correction that a DATA ticket is decided with: of its unit, and still waiting."""
    correction = session.get(Correction, ticket.correction_id) if ticket.correction_id is not None else None
    if correction is None or correction.state != CORRECTION_PENDING or correction.unit_id != ticket.unit_id:
        return None
    return correction


def _own_values(ticket: Ticket) -> dict[str, Any]:
    return {name: value for name, value in ticket.wanted.items() if name in FIELDS}


def wanted_changes(session: Session, ticket: Ticket) -> tuple[SurveyUnit | None, list[Change]]:
    """The unit and what an approval would change in it: the correction's fields and the ticket's own over them."""
    unit = session.get(SurveyUnit, ticket.unit_id) if ticket.unit_id is not None else None
    wanted: dict[str, Any] = {}
    if (correction := linked_correction(session, ticket)) is not None:
        wanted |= {name: pair[1] for name, pair in correction.fields.items() if name in FIELDS}
    wanted |= _own_values(ticket)
    if unit is None:
        return None, [Change(name, None, value) for name, value in wanted.items()]
    return unit, [Change(name, getattr(unit, name), wanted[name]) for name in FIELDS if name in wanted]


def what_is_missing(session: Session, ticket: Ticket, unit: SurveyUnit | None, changes: list[Change]) -> str:
    """Why an approval would change nothing in the register, and what to do, in a sentence; '' when it would.

    A ticket of a category for corrections may be made without the right values: the public does not know them, and an
    agent may only know that something is wrong. It is no correction until somebody has entered them.
    """
    if (correction := linked_correction(session, ticket)) is not None and _has_photos(session, correction):
        return ""
    if not changes:
        return _nothing_entered(session, ticket)
    if unit is None:
        return str(_("Say first which unit it is about: edit the ticket and enter its survey id."))
    try:
        is_different = bool(differing(unit, {change.field: str(change.after) for change in changes}))
    except InvalidInputError:
        return ""  # the register itself says what is wrong with a value
    if is_different:
        return ""
    return str(
        _(
            "The register says so already: there is nothing to correct. Reject it, or edit the ticket and enter the"
            " right values."
        )
    )


def _has_photos(session: Session, correction: Correction) -> bool:
    return session.execute(photo_counts([correction.id])).first() is not None


def missing_of(session: Session, ticket: Ticket) -> str:
    """The same of a ticket of any category; '' where an approval changes no register."""
    category = session.get_one(TicketCategory, ticket.category_id)
    return what_is_missing(session, ticket, *wanted_changes(session, ticket)) if category.effect == DATA else ""


def _nothing_entered(session: Session, ticket: Ticket) -> str:
    correction = session.get(Correction, ticket.correction_id) if ticket.correction_id is not None else None
    enter = _("Who works the ticket edits it and enters the right values; then somebody else approves.")
    if correction is None:
        why = _("Nobody has entered yet what is to be corrected, and no correction is linked.")
    elif correction.unit_id != ticket.unit_id:
        why = _("The linked correction is about another unit.")
    elif correction.state != CORRECTION_PENDING:
        why = _("The linked correction has been decided on its own already.")
    else:
        why = _("The linked correction holds a note only, no values.")
    return f"{why} {enter}"


def decide(
    session: Session,
    actor: Actor,
    calendar: WorkCalendar,
    number: str,
    version: int | None,
    *,
    approve: bool,
    note: str,
    amount: int | None = None,
    unit_version: int | None = None,
) -> Ticket:
    """Approve or reject, and resolve the ticket. `amount`: what a BILLING approval takes off, in rupees.

    Raises ForbiddenError for who may not decide this one; ConflictError when it is decided, or the unit has changed
    since it was shown (`unit_version`); InvalidInputError for what is missing.
    """
    ticket, category = open_ticket(session, actor, number, version)
    if ticket.decision != PENDING or ticket.status not in rules.ACTIVE:
        raise ConflictError(_("There is nothing to decide here any more."), code="stale")
    if not rules.may_decide(actor, standing(ticket, category)):
        raise ForbiddenError(why_not(actor, ticket, category))
    said = clean_text(note, "note")
    if not approve and not said:
        raise InvalidInputError(_("Say why it is rejected."), field="note")
    after: dict[str, Any] = {"decision": APPROVED if approve else REJECTED}
    if category.effect == DATA:
        correction = linked_correction(session, ticket)
        if approve:
            after["fields"] = _apply(session, actor, ticket, correction, said, unit_version)
        elif correction is not None:
            corrections.reject(session, _editor(actor), correction.id, said)
    elif approve and category.effect == BILLING:
        ticket.decision_amount = after["amount"] = _amount(amount)
    ticket.decision = APPROVED if approve else REJECTED
    ticket.decided_by, ticket.decided_at, ticket.decision_note = actor.staff_id, now(), said
    noting.note(
        session, actor, ticket, "approved" if approve else "rejected", words=said, amount=after.get("amount"),
        fields=after.get("fields"),
    )  # fmt: skip
    action = "ticket.approve" if approve else "ticket.reject"
    noting.audit(session, actor, ticket, action, before={"decision": PENDING}, after=after)
    title = {"number": ticket.number, "title": ticket.title}
    message = (
        _l("Ticket %(number)s was approved: %(title)s", **title)
        if approve
        else _l("Ticket %(number)s was rejected: %(title)s", **title)
    )
    concerned = noting.followers(session, ticket) | {ticket.wanted_by}
    noting.tell(session, actor, ticket, "ticket.decided", concerned, message, str(ticket.version))
    change_status(session, actor, calendar, ticket, RESOLVED, said)
    return ticket


def why_not(actor: Actor, ticket: Ticket, category: TicketCategory) -> str:
    """Why somebody may not decide a ticket, in a sentence."""
    if actor.staff_id is not None and actor.staff_id in {ticket.reported_by, ticket.wanted_by}:
        return str(_("Nobody decides a ticket that he raised, or what he wrote into it. Ask a colleague."))
    if category.effect == BILLING:
        return str(_("What changes a bill is decided by the office."))
    return str(_("Your role does not allow this."))


def _editor(actor: Actor) -> Editor:
    return Editor(actor.name, actor.staff_id, actor.scope, actor.address)


def _apply(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    correction: Correction | None,
    said: str,
    unit_version: int | None,
) -> list[str]:
    """Bring the wanted values into the register. Returns the names of the fields."""
    unit, changes = wanted_changes(session, ticket)
    if missing := what_is_missing(session, ticket, unit, changes):
        raise InvalidInputError(missing)
    assert unit is not None
    reason = f"{ticket.number}: {said}" if said else ticket.number
    if correction is not None:  # also one that brings nothing but photos
        within = corrections.Within(_own_values(ticket), TICKET, reason)
        corrections.approve(session, _editor(actor), correction.id, unit_version, said, within=within)
    else:
        values = {change.field: change.after for change in changes}
        edit_unit(session, _editor(actor), unit.id, unit_version, values, source=TICKET, reason=reason)
    return [change.field for change in changes]


def _amount(amount: int | None) -> int:
    if amount is None or not 0 <= amount <= MOST_RUPEES:
        raise InvalidInputError(_("Enter the amount in whole rupees, 0 when nothing is taken off."), field="amount")
    return amount

"""Use cases of tickets: make, find, assign, move on. Flushes, never commits.

Each takes the ticket as the person saw it (`version`): what somebody changed meanwhile is a ConflictError (`stale`).
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.corrections.models import PENDING as CORRECTION_PENDING
from portal.corrections.models import Correction
from portal.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from portal.locations.models import Location
from portal.permissions import Permission, Role
from portal.tickets import noting, numbers, rules, selects
from portal.tickets.models import (
    MERGED,
    NONE,
    OPEN,
    PENDING,
    REJECTED,
    RESOLVED,
    STAFF,
    Ticket,
    TicketCategory,
    TicketDeadline,
)
from portal.tickets.rules import ACTIVE, Actor, Standing, Step
from portal.tickets.words import STATUSES
from portal.tickets.worktime import KARACHI, Clock, WorkCalendar

TITLE_LENGTH, TEXT_LENGTH = 150, 4000
DEFAULT_HOURS = 40  # of a category whose deadlines somebody emptied


@dataclass(frozen=True)
class Links:
    """What a ticket is about; all of it lies in the actor's area (the caller looked them up so)."""

    unit_id: int | None = None
    account_id: int | None = None
    bill_month: dt.date | None = None
    payment_id: int | None = None
    visit_id: int | None = None
    correction_id: int | None = None


@dataclass(frozen=True)
class Draft:
    """What somebody says when he makes a ticket."""

    category_id: int
    priority: str
    title: str
    description: str
    location_id: int
    links: Links = Links()
    disputed_amount: int | None = None
    wanted: dict[str, str] = field(default_factory=dict)
    assigned_to: int | None = None
    source: str = STAFF
    reporter_name: str = ""
    reporter_mobile: str = ""
    public_code_hash: str | None = None
    place_text: str = ""
    reference_text: str = ""


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def standing(ticket: Ticket, category: TicketCategory) -> Standing:
    """The ticket as the rules see it."""
    return Standing(
        ticket.status, category.effect, ticket.decision, ticket.assigned_to, ticket.assigned_role, ticket.reported_by,
        ticket.wanted_by,
    )  # fmt: skip


def category_of(session: Session, category_id: int) -> TicketCategory:
    found = session.get(TicketCategory, category_id)
    if found is None:
        raise InvalidInputError(_("Choose a category."), field="category")
    return found


def minutes_for(session: Session, category_id: int, priority: str) -> int:
    """The working minutes within which a ticket is to be resolved."""
    hours = session.scalar(
        select(TicketDeadline.hours).where(
            TicketDeadline.category_id == category_id, TicketDeadline.priority == priority
        )
    )
    return (hours or DEFAULT_HOURS) * 60


def set_clock(ticket: Ticket, clock: Clock, calendar: WorkCalendar) -> None:
    """Put a clock into a ticket. Another deadline is a new reason to be told that it is near."""
    due = clock.due(calendar)
    if due != ticket.due_at:
        ticket.escalation = 0
    ticket.clock_from, ticket.clock_minutes = clock.since, clock.minutes
    ticket.due_at, ticket.near_at = due, clock.near(calendar)


def clock_of(ticket: Ticket) -> Clock:
    return Clock(ticket.clock_from, ticket.clock_minutes)


# -- Making and finding ----------------------------------------------------------------------------------------------
def create(session: Session, actor: Actor, calendar: WorkCalendar, client_uuid: uuid.UUID, draft: Draft) -> Ticket:
    """A new ticket; the one that was made with this uuid when it comes a second time.

    A ticket may be about a closed unit: that it is closed wrongly, or what its last bill says, is just what people
    complain of. Its pages do not offer one, and the form says that it is closed.

    Raises NotFoundError for an area that is not the actor's, ConflictError for the uuid of another person's ticket.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"ticket:{client_uuid}"})
    known = session.scalar(selects.by_uuid(client_uuid))
    if known is not None:
        if known.reported_by != actor.staff_id or known.source != draft.source:
            raise ConflictError(_("This was sent before, by somebody else. Open the form again."), code="taken")
        return known
    is_inside = select(Location.id).where(Location.id == draft.location_id, actor.scope.clause(Location.id))
    if session.scalar(is_inside) is None:
        raise NotFoundError(_("This area does not exist, or is not one of yours."))
    category = category_of(session, draft.category_id)
    if not category.is_active:
        raise InvalidInputError(_("This category is not in use any more. Choose another."), field="category")
    _check_correction(session, draft.links)
    moment = now()
    number = numbers.number_of(
        session.execute(text("SELECT nextval('ticket_numbers')")).scalar_one(), moment.astimezone(KARACHI).date()
    )
    ticket = Ticket(
        number=number, client_uuid=client_uuid, category_id=category.id, priority=draft.priority, status=OPEN,
        title=clean_line(draft.title), description=clean_text(draft.description), location_id=draft.location_id,
        source=draft.source, reported_by=actor.staff_id, reporter_name=draft.reporter_name,
        reporter_mobile=draft.reporter_mobile, public_code_hash=draft.public_code_hash, place_text=draft.place_text,
        reference_text=draft.reference_text, assigned_to=None, assigned_role=category.assigned_role,
        disputed_amount=draft.disputed_amount, wanted=draft.wanted, escalation=0, reopened=0, version=1,
        wanted_by=actor.staff_id if draft.wanted else None,
        decision=None if category.effect == NONE else PENDING, **vars(draft.links),
    )  # fmt: skip
    set_clock(ticket, Clock(moment, minutes_for(session, category.id, draft.priority)), calendar)
    if draft.assigned_to is not None:
        ticket.assigned_to = _worker(session, ticket.location_id, draft.assigned_to).id
    session.add(ticket)
    session.flush()
    noting.note(session, actor, ticket, "made", source=draft.source)
    noting.audit(session, actor, ticket, "ticket.create", after={"category": category.code, "priority": draft.priority})
    noting.tell_assigned(session, actor, ticket)
    session.flush()
    return ticket


def _check_correction(session: Session, links: Links) -> None:
    """A ticket that comes with a correction is decided with it: so it must wait still, and be about the same unit."""
    if links.correction_id is None:
        return
    correction = session.get_one(Correction, links.correction_id)
    if correction.unit_id != links.unit_id:
        raise InvalidInputError(_("The linked correction is about another unit."), field="survey_id")
    if correction.state != CORRECTION_PENDING:
        raise InvalidInputError(_("The linked correction has been decided on its own already."), field="survey_id")


def clean_line(typed: str) -> str:
    line = " ".join(typed.split())
    if not line:
        raise InvalidInputError(_("Say in a few words what it is about."), field="title")
    if len(line) > TITLE_LENGTH:
        raise InvalidInputError(_("At most %(number)s characters.", number=TITLE_LENGTH), field="title")
    return line


def clean_text(typed: str, name: str = "description") -> str:
    body = typed.replace("\r\n", "\n").strip()
    if len(body) > TEXT_LENGTH:
        raise InvalidInputError(_("At most %(number)s characters.", number=TEXT_LENGTH), field=name)
    return body


def find(session: Session, actor: Actor, number: str) -> Ticket:
    """The ticket, if the person may see it. Raises NotFoundError."""
    found = session.scalar(selects.bare(number, actor))
    if found is None:
        raise NotFoundError(_("There is no such ticket in your area, or it is not yours to see."))
    return found


def open_ticket(session: Session, actor: Actor, number: str, version: int | None) -> tuple[Ticket, TicketCategory]:
    """The ticket to change, locked, as the person saw it."""
    query = selects.bare(number, actor).with_for_update().execution_options(populate_existing=True)
    ticket = session.scalar(query)
    if ticket is None:
        raise NotFoundError(_("There is no such ticket in your area, or it is not yours to see."))
    if version is not None and version != ticket.version:
        raise ConflictError(_("Somebody else has changed this ticket meanwhile. Nothing was changed."), code="stale")
    return ticket, category_of(session, ticket.category_id)


def was_just_done(session: Session, actor: Actor, number: str, version: int, event: str, **detail: Any) -> bool:
    """Whether the same person has just done exactly this: the second half of a double click is no conflict."""
    ticket = session.scalar(selects.bare(number, actor))
    if ticket is None or ticket.version != version + 1:
        return False
    last = session.scalar(selects.events(ticket.id).limit(1))
    if last is None or last.staff_id != actor.staff_id or last.event != event:
        return False
    return all(_squeezed(last.detail.get(key)) == _squeezed(value) for key, value in detail.items())


def _squeezed(value: Any) -> str:
    return " ".join(str(value or "").split())


# -- Assigning -------------------------------------------------------------------------------------------------------
def _worker(session: Session, location_id: int, staff_id: int) -> Any:
    row = session.execute(selects.workers(location_id, only=staff_id)).first()
    if row is None:
        raise InvalidInputError(
            _("This person does not work in the ticket's area, or is not active."), field="assigned_to"
        )
    return row


def take(session: Session, actor: Actor, number: str, version: int | None) -> Ticket:
    """Make an unassigned ticket one's own."""
    ticket, category = open_ticket(session, actor, number, version)
    if not rules.may_take(actor, standing(ticket, category)):
        raise ForbiddenError(_("This ticket is somebody's already, or not for your role."))
    return _assign(session, actor, ticket, actor.staff_id, actor.name, ticket.assigned_role)


def assign(
    session: Session, actor: Actor, number: str, version: int | None, *, staff_id: int | None, role: str | None
) -> Ticket:
    """Give a ticket to a person, or (without one) to the people of a role in its area."""
    ticket, _category = open_ticket(session, actor, number, version)
    return assign_opened(session, actor, ticket, staff_id=staff_id, role=role)


def assign_opened(session: Session, actor: Actor, ticket: Ticket, *, staff_id: int | None, role: str | None) -> Ticket:
    """The same with a ticket that is opened already."""
    if not actor.may(Permission.WORK_TICKETS):
        raise ForbiddenError(_("Your role does not allow this."))
    if ticket.status not in ACTIVE:
        raise ConflictError(_("This ticket is %(status)s: open it again first.", status=STATUSES[ticket.status]))
    if staff_id is not None:
        row = _worker(session, ticket.location_id, staff_id)
        return _assign(session, actor, ticket, row.id, row.full_name or row.username, ticket.assigned_role)
    if role not in set(Role):
        raise InvalidInputError(_("Choose a person or a role."), field="assigned_to")
    return _assign(session, actor, ticket, None, "", str(role))


def _assign(session: Session, actor: Actor, ticket: Ticket, staff_id: int | None, name: str, role: str) -> Ticket:
    if ticket.assigned_to == staff_id and ticket.assigned_role == role:
        return ticket
    before = {"assigned_to": ticket.assigned_to, "assigned_role": ticket.assigned_role}
    ticket.assigned_to, ticket.assigned_role = staff_id, role
    ticket.version += 1
    noting.note(session, actor, ticket, "assigned", name=name, role=role, to=staff_id)
    after = {"assigned_to": staff_id, "assigned_role": role}
    noting.audit(session, actor, ticket, "ticket.assign", before=before, after=after)
    session.flush()
    noting.tell_assigned(session, actor, ticket)
    return ticket


# -- Moving on -------------------------------------------------------------------------------------------------------
def move(
    session: Session,
    actor: Actor,
    calendar: WorkCalendar,
    number: str,
    version: int | None,
    step: Step,
    words: str = "",
) -> Ticket:
    """Take a step of `rules.TRANSITIONS` (but merging: `portal.tickets.merging`). `words` say why, where asked."""
    ticket, category = open_ticket(session, actor, number, version)
    return move_opened(session, actor, calendar, ticket, category, step, words)


def move_opened(
    session: Session,
    actor: Actor,
    calendar: WorkCalendar,
    ticket: Ticket,
    category: TicketCategory,
    step: Step,
    words: str = "",
) -> Ticket:
    """The same with a ticket that is opened already."""
    said = clean_text(words, "words")
    to = rules.target(ticket.status, step)
    if to is None or to == MERGED:
        raise ConflictError(_("This ticket is %(status)s: that step is not possible.", status=STATUSES[ticket.status]))
    if step is Step.RESOLVE and ticket.decision == PENDING:
        raise ConflictError(_("This ticket needs a decision: approve or reject it, that resolves it."))
    if step not in rules.steps(actor, standing(ticket, category)):
        raise ForbiddenError(_("Your role does not allow this."))
    if step in rules.NEEDS_WORDS and not said:
        raise InvalidInputError(_("Say why, or what was done."), field="words")
    change_status(session, actor, calendar, ticket, to, said)
    return ticket


def change_status(
    session: Session, actor: Actor, calendar: WorkCalendar, ticket: Ticket, to: str, said: str = ""
) -> None:
    """Bring a ticket to a status with its clock, its history and those it concerns. The caller has asked the rules."""
    before, moment = ticket.status, now()
    is_reopened = to == OPEN and before not in ACTIVE
    if is_reopened:
        ticket.reopened += 1
        ticket.resolved_at = ticket.resolved_by = ticket.closed_at = None
        if ticket.decision == REJECTED:
            ticket.decision, ticket.decided_at, ticket.decided_by = PENDING, None, None
        minutes = minutes_for(session, ticket.category_id, ticket.priority)
        set_clock(ticket, Clock(moment, minutes), calendar)
    elif to in rules.RUNNING:
        set_clock(ticket, clock_of(ticket).running(moment), calendar)
    elif to in ACTIVE:  # waiting: the clock stops
        set_clock(ticket, clock_of(ticket).stopped(calendar, moment), calendar)
    elif to == RESOLVED:
        # Its deadline stays, so that everybody sees whether it was kept.
        set_clock(ticket, clock_of(ticket).running(moment), calendar)
        ticket.resolved_at, ticket.resolved_by = moment, actor.staff_id
        ticket.resolution = said or ticket.resolution
    if to == RESOLVED:
        ticket.closed_at = None
    elif to not in ACTIVE:
        ticket.closed_at = moment
    ticket.status = to
    ticket.version += 1
    event = "reopened" if is_reopened else "status"
    noting.note(session, actor, ticket, event, **{"from": before, "to": to, "words": said})
    noting.audit(session, actor, ticket, "ticket.status", before={"status": before}, after={"status": to})
    message = _l(
        "Ticket %(number)s is now %(status)s: %(title)s", number=ticket.number, status=STATUSES[to], title=ticket.title
    )
    noting.tell(
        session, actor, ticket, "ticket.status", noting.followers(session, ticket), message, str(ticket.version)
    )
    session.flush()

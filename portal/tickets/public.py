"""Complaints of people without a login, and what they may learn of them afterwards. Flushes, never commits.

Nothing here tells anybody about anybody: a PSID or survey id is looked up for the staff who work the ticket, and the
answer is the same whether there is one. The status page shows the status, when it changed, and the comments that the
office has marked for the complainant; never a name, and no other word that somebody wrote.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from portal.errors import InvalidInputError
from portal.imports.cells import read_mobile
from portal.locations.models import PROVINCE, Location
from portal.permissions import AreaScope
from portal.tickets import linking, numbers, selects, service
from portal.tickets.models import PUBLIC, PublicAttempt, Ticket, TicketCategory, TicketEvent
from portal.tickets.rules import Actor
from portal.tickets.service import Draft, Links
from portal.tickets.worktime import WorkCalendar

FILE, ASK = "FILE", "ASK"
# By address: many people share one behind a mobile network. By ticket number: guessing its code.
FILE_PER_HOUR, ASK_FAILURES_PER_HOUR, KEY_FAILURES_PER_HOUR = 30, 30, 10
ATTEMPT_DAYS = 3
LEAST_WORDS, MOST_TEXT = 10, 2000


@dataclass(frozen=True)
class Complaint:
    """What the form says."""

    category_id: int
    description: str
    location_id: int | None
    place_text: str
    reference: str
    name: str
    mobile: str


@dataclass(frozen=True)
class Status:
    """What the public sees of a ticket: status, events as (when, status), what the office wrote as (when, words)."""

    number: str
    status: str
    made_at: dt.datetime
    events: list[tuple[dt.datetime, str]]
    answers: list[tuple[dt.datetime, str]]


def person() -> Actor:
    """Somebody of the public: no staff member, and no area he would be kept to."""
    return Actor(None, "public", None, AreaScope.everywhere())


# -- Limits ----------------------------------------------------------------------------------------------------------
def begin(connection: Connection, kind: str, address: str, key: str = "") -> int | None:
    """Count an attempt in a transaction of its own; its id, or None when there were too many from this address (or on
    this number). Attempts of an address, and on a number, queue behind each other; those under way count."""
    for lock in sorted({f"public:a:{address}", f"public:k:{key}"}):
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": lock})
    recent = PublicAttempt.at > func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 1)
    by_address = select(func.count()).where(PublicAttempt.kind == kind, PublicAttempt.address == address, recent)
    if kind == ASK:
        by_address = by_address.where(~PublicAttempt.succeeded)
    most = FILE_PER_HOUR if kind == FILE else ASK_FAILURES_PER_HOUR
    if (connection.scalar(by_address) or 0) >= most:
        return None
    if key:
        on_key = select(func.count()).where(
            PublicAttempt.key == key, text("key <> ''"), ~PublicAttempt.succeeded, recent
        )
        if (connection.scalar(on_key) or 0) >= KEY_FAILURES_PER_HOUR:
            return None
    made = connection.execute(
        insert(PublicAttempt).values(kind=kind, address=address, key=key).returning(PublicAttempt.id)
    )
    return int(made.scalar_one())


def succeeded(session: Session, attempt_id: int) -> None:
    """Whoever knows the code may ask as often as he likes."""
    session.execute(update(PublicAttempt).where(PublicAttempt.id == attempt_id).values(succeeded=True))


def forget_attempts(session: Session, now: dt.datetime) -> int:
    """Delete what no limit looks at any more."""
    gone = session.execute(
        delete(PublicAttempt)
        .where(PublicAttempt.at < now - dt.timedelta(days=ATTEMPT_DAYS))
        .returning(PublicAttempt.id)
    )
    return len(gone.all())


# -- Filing ----------------------------------------------------------------------------------------------------------
def file(session: Session, calendar: WorkCalendar, client_uuid: uuid.UUID, code: str, complaint: Complaint) -> Ticket:
    """A ticket of the complaint; the one that was made of the same form before."""
    body = complaint.description.replace("\r\n", "\n").strip()
    if len(body) < LEAST_WORDS:
        raise InvalidInputError(_("Say in a few words what happened."), field="description")
    if len(body) > MOST_TEXT:
        raise InvalidInputError(_("At most %(number)s characters.", number=MOST_TEXT), field="description")
    category = session.get(TicketCategory, complaint.category_id)
    if category is None or not (category.is_public and category.is_active):
        raise InvalidInputError(_("Choose what it is about."), field="category")
    everywhere = AreaScope.everywhere()
    account = linking.account_of(session, complaint.reference, everywhere)
    unit = linking.unit_of(session, complaint.reference, everywhere) if account is None else None
    place = next((one.location_id for one in (unit, account) if one is not None), None) or complaint.location_id
    if place is None:
        if not complaint.place_text.strip():
            raise InvalidInputError(_("Choose your district, or write where it is."), field="place_text")
        place = session.scalars(select(Location.id).where(Location.kind == PROVINCE)).one()
    unit_id = unit.id if unit is not None else account.unit_id if account is not None else None
    draft = Draft(
        category_id=category.id, priority="MEDIUM", title=f"{category.name}: {' '.join(body.split())}"[:120],
        description=body, location_id=place, links=Links(unit_id=unit_id, account_id=account.id if account else None),
        source=PUBLIC, reporter_name=" ".join(complaint.name.split())[:80], reporter_mobile=_mobile(complaint.mobile),
        public_code_hash=numbers.hash_code(code), place_text=" ".join(complaint.place_text.split())[:200],
        reference_text=" ".join(complaint.reference.split())[:40],
    )  # fmt: skip
    return service.create(session, person(), calendar, client_uuid, draft)


def _mobile(typed: str) -> str:
    if not typed.strip():
        return ""
    found = read_mobile(typed)
    if found.code or not found.value:
        raise InvalidInputError(_("This is no mobile number. It looks like 0300 1234567."), field="mobile")
    return str(found.value)


# -- Asking ----------------------------------------------------------------------------------------------------------
def status(session: Session, number: str | None, code: str) -> Status | None:
    """What the public may learn of a ticket; None when number and code do not belong together. The same work is done
    for a number that does not exist."""
    query = select(Ticket).where(Ticket.number == (number or ""), Ticket.public_code_hash.is_not(None))
    ticket = session.scalar(query)
    stored = ticket.public_code_hash if ticket is not None else None
    if not numbers.matches(code, stored) or ticket is None:
        return None
    changes = session.scalars(
        selects.events(ticket.id).where(TicketEvent.event.in_(["made", "status", "reopened", "merged"]))
    ).all()
    told = {"made": "OPEN", "reopened": "OPEN", "merged": "MERGED"}
    events = [(one.at, told.get(one.event) or str(one.detail.get("to", ""))) for one in changes]
    answers = [(row.created_at, row.body) for row in session.execute(selects.answers(ticket.id))]
    return Status(ticket.number, ticket.status, ticket.created_at, events, answers)

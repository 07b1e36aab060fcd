"""Demo tickets: some in every box, of every age, so that no screen of tickets is empty."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.permissions import AreaScope, Role
from portal.staff.models import Staff
from portal.tickets import commenting, decisions, numbers, service
from portal.tickets.models import PUBLIC, STAFF, Holiday, Ticket, TicketCategory, TicketEvent
from portal.tickets.rules import Actor, Step
from portal.tickets.service import Draft, Links
from portal.tickets.worktime import KARACHI, Clock, WorkCalendar, calendar_of
from portal.units.models import SurveyUnit

# (category, priority, subject, days ago, what became of it, disputed rupees)
_TICKETS: tuple[tuple[str, str, str, float, str, int | None], ...] = (
    ("MISSED_COLLECTION", "HIGH", "No collection in the street since Monday", 0.2, "open", None),
    ("OVERFLOWING_CONTAINER", "URGENT", "Container at the girls’ school overflows", 0.4, "started", None),
    ("DEAD_ANIMAL", "URGENT", "Dead dog beside the canal bridge", 0.1, "agent", None),
    ("ILLEGAL_DUMPING", "MEDIUM", "Rubble is dumped on the empty plot at night", 6, "late", None),
    ("MISSED_COLLECTION", "MEDIUM", "The cart does not come into our lane", 9, "late", None),
    ("WRONG_CATEGORY", "MEDIUM", "House is billed as above 40 marla, it has 5", 2, "wanted", None),
    ("DATA_CORRECTION", "LOW", "The name on the bill is the former owner’s", 3, "wanted", None),
    ("DATA_CORRECTION", "MEDIUM", "Mobile number has changed", 12, "approved", None),
    ("DUPLICATE_BILL", "HIGH", "Two bills for one house every month", 1.5, "open", 500),
    ("PAYMENT_NOT_POSTED", "HIGH", "Paid at the bank, still shown as unpaid", 4, "billing", 1050),
    ("VACANT_OR_EXEMPT", "MEDIUM", "Shop has been closed for a year", 15, "rejected", 2000),
    ("BILL_NOT_DELIVERED", "LOW", "No bill for two months", 1, "waiting", None),
    ("BILL_NOT_DELIVERED", "MEDIUM", "Bill went to the neighbour", 20, "resolved", None),
    ("MISSED_COLLECTION", "HIGH", "Rubbish not lifted after the wedding", 25, "resolved", None),
    ("OVERFLOWING_CONTAINER", "HIGH", "Container by the vegetable market is full", 30, "closed", None),
    ("STAFF_CONDUCT", "MEDIUM", "Collector asked for money", 2, "open", None),
    ("OTHER", "LOW", "When is the next cleaning drive?", 40, "closed", None),
    ("MISSED_COLLECTION", "MEDIUM", "Missed collection: nobody came this week", 0.6, "public", None),
    ("ILLEGAL_DUMPING", "MEDIUM", "Illegal dumping: hospital waste behind the wall", 3, "public", None),
)


def make(session: Session, people: Mapping[str, int], wards: Sequence[int], now: dt.datetime) -> int:
    """The tickets, in the given wards; `people` are staff ids by demo user name. Returns how many."""
    calendar = calendar_of(("mon", "tue", "wed", "thu", "fri", "sat"), "09:00", "17:00", [])
    acting = {name: _actor(session, name, people[name]) for name in ("agent", "supervisor", "admin", "manager")}
    categories = {one.code: one for one in session.scalars(select(TicketCategory))}
    units = session.scalars(
        select(SurveyUnit).where(SurveyUnit.location_id.in_(wards)).order_by(SurveyUnit.id).limit(len(_TICKETS))
    ).all()
    if not units:
        return 0
    _holidays(session, now)
    for at, (code, priority, subject, days, fate, rupees) in enumerate(_TICKETS):
        unit = units[at % len(units)]
        made_at = now - dt.timedelta(days=days)
        is_public = fate == "public"
        draft = Draft(
            categories[code].id, priority, subject, "", wards[0] if is_public else unit.location_id,
            links=Links() if is_public else Links(unit_id=unit.id), disputed_amount=rupees,
            wanted=_wanted(code) if fate in {"wanted", "approved"} else {},
            source=PUBLIC if is_public else STAFF, reporter_name="Ghulam Rasool" if is_public else "",
            place_text="Behind the old bus stand" if is_public else "",
            public_code_hash=numbers.hash_code("DEMQDEMQ") if is_public else None,
        )  # fmt: skip
        by = Actor(None, "public", None, AreaScope.everywhere()) if is_public else acting["agent"]
        key = uuid.uuid5(uuid.NAMESPACE_URL, f"demo-ticket-{at}")
        ticket = service.create(session, by, calendar, key, draft)
        _follow(session, acting, calendar, ticket, fate)
        _date_back(session, calendar, ticket, made_at, now)
    session.flush()
    return len(_TICKETS)


def _actor(session: Session, name: str, staff_id: int) -> Actor:
    staff = session.get_one(Staff, staff_id)
    return Actor(staff_id, name, Role(staff.role), AreaScope.of([area.location_id for area in staff.areas]))


def _wanted(code: str) -> dict[str, str]:
    if code == "WRONG_CATEGORY":
        return {"use": "DOMESTIC", "size_band": "M0_5"}
    return {"consumer_name": "Muhammad Saleem"}


def _follow(session: Session, acting: Mapping[str, Actor], calendar: WorkCalendar, ticket: Ticket, fate: str) -> None:
    """Bring a ticket to where it is to stand."""
    supervisor, agent, number = acting["supervisor"], acting["agent"], ticket.number
    if fate in {"started", "late", "waiting", "resolved", "closed"}:
        service.take(session, supervisor, number, None)
        service.move(session, supervisor, calendar, number, None, Step.START)
    if fate == "agent":
        service.assign(session, supervisor, number, None, staff_id=agent.staff_id, role=None)
        body = "@agent please take the small cart, the lane is narrow."
        commenting.comment(session, supervisor, number, uuid.uuid4(), body)
    if fate == "waiting":
        service.move(session, supervisor, calendar, number, None, Step.WAIT, "Consumer sends a copy of the old bill.")
    if fate in {"resolved", "closed"}:
        service.move(session, supervisor, calendar, number, None, Step.RESOLVE, "Done and shown to the complainant.")
    if fate == "closed":
        service.move(session, supervisor, calendar, number, None, Step.CLOSE)
    if fate == "approved":
        decisions.decide(session, supervisor, calendar, number, None, approve=True, note="Seen the identity card.")
    if fate == "billing":
        decisions.decide(
            session, acting["admin"], calendar, number, None, approve=True, note="Bank slip seen.", amount=1050
        )
    if fate == "rejected":
        decisions.decide(session, acting["manager"], calendar, number, None, approve=False, note="The shop is open.")


def _date_back(
    session: Session, calendar: WorkCalendar, ticket: Ticket, made_at: dt.datetime, now: dt.datetime
) -> None:
    """Let it have happened when it says."""
    ticket.created_at = made_at
    if ticket.clock_from is not None:
        service.set_clock(ticket, Clock(made_at, ticket.clock_minutes), calendar)
    later = min(made_at + dt.timedelta(hours=5), now)
    if ticket.resolved_at is not None:
        ticket.resolved_at = later
    if ticket.closed_at is not None:
        ticket.closed_at = later
    session.flush()
    events = session.scalars(select(TicketEvent.id).where(TicketEvent.ticket_id == ticket.id).order_by(TicketEvent.id))
    for step, event_id in enumerate(events):
        at = min(made_at + dt.timedelta(minutes=50 * step), now)
        session.execute(update(TicketEvent).where(TicketEvent.id == event_id).values(at=at))


def _holidays(session: Session, now: dt.datetime) -> None:
    """The fixed ones of the coming year."""
    today = now.astimezone(KARACHI).date()
    for month, day, name, name_ur in (
        (3, 23, "Pakistan Day", "یومِ پاکستان"), (5, 1, "Labour Day", "یومِ مزدور"),
        (8, 14, "Independence Day", "یومِ آزادی"), (12, 25, "Quaid-e-Azam Day", "یومِ قائدِاعظم"),
    ):  # fmt: skip
        when = dt.date(today.year, month, day)
        when = when if when >= today else dt.date(today.year + 1, month, day)
        if session.get(Holiday, when) is None:
            session.add(Holiday(day=when, name=name, name_ur=name_ur))
    session.flush()

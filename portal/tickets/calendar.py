"""The working time in force, and the holidays. Flushes, never commits."""

from __future__ import annotations

import datetime as dt

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.config import Settings
from portal.errors import ConflictError, InvalidInputError, NotFoundError
from portal.tickets import selects
from portal.tickets.models import Holiday
from portal.tickets.rules import Actor
from portal.tickets.service import clock_of, set_clock
from portal.tickets.worktime import WorkCalendar, calendar_of


def in_force(session: Session, settings: Settings) -> WorkCalendar:
    """The calendar of the settings and the holidays."""
    days = session.scalars(selects.holidays()).all()
    return calendar_of(settings.working_days, settings.working_from, settings.working_to, [day.day for day in days])


def add_holiday(
    session: Session, actor: Actor, settings: Settings, day: dt.date, name: str, name_ur: str
) -> tuple[Holiday, int]:
    """A day on which nobody works. Returns it and how many deadlines moved."""
    called = " ".join(name.split())[:80]
    if not called:
        raise InvalidInputError(_("Give the holiday a name."), field="name")
    if not 2000 <= day.year < 2200:
        raise InvalidInputError(_("Enter a day."), field="day")
    if session.get(Holiday, day) is not None:
        raise ConflictError(_("This day is a holiday already."), field="day")
    holiday = Holiday(day=day, name=called, name_ur=" ".join(name_ur.split())[:80] or None)
    session.add(holiday)
    session.flush()
    moved = _move_deadlines(session, settings)
    _note(session, actor, "ticket.holiday", holiday, moved)
    return holiday, moved


def remove_holiday(session: Session, actor: Actor, settings: Settings, day: dt.date) -> int:
    """Take a holiday back. Returns how many deadlines moved."""
    holiday = session.get(Holiday, day)
    if holiday is None:
        raise NotFoundError(_("This day is no holiday."))
    session.delete(holiday)
    session.flush()
    moved = _move_deadlines(session, settings)
    _note(session, actor, "ticket.holiday_removed", holiday, moved)
    return moved


def _move_deadlines(session: Session, settings: Settings) -> int:
    """Compute the deadlines of the tickets whose clock runs anew. Who was told of the old one is told of the new."""
    calendar, moved = in_force(session, settings), 0
    for ticket in session.scalars(selects.running().with_for_update()):
        before = ticket.due_at
        set_clock(ticket, clock_of(ticket), calendar)
        moved += before != ticket.due_at
    session.flush()
    return moved


def _note(session: Session, actor: Actor, action: str, holiday: Holiday, moved: int) -> None:
    record(
        session, action, "holiday", holiday.day.isoformat(), actor=actor.name, staff_id=actor.staff_id,
        address=actor.address, after={"name": holiday.name, "moved": moved},
    )  # fmt: skip

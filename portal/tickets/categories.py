"""Categories of tickets and their deadlines, kept by the office. Flushes, never commits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.errors import ConflictError, InvalidInputError, NotFoundError
from portal.permissions import Role
from portal.tickets import selects
from portal.tickets.models import CATEGORY_EFFECTS, PRIORITIES, TicketCategory, TicketDeadline
from portal.tickets.rules import Actor

MOST_HOURS = 2000
NAME_LENGTH = 60


@dataclass(frozen=True)
class Facts:
    """What the form of a category says. `hours` by priority."""

    name: str
    name_ur: str
    effect: str
    assigned_role: str
    is_public: bool
    is_active: bool
    position: int
    hours: Mapping[str, int]


def find(session: Session, category_id: int) -> TicketCategory:
    category = session.get(TicketCategory, category_id) if 0 < category_id < 2**31 else None
    if category is None:
        raise NotFoundError(_("There is no such category."))
    return category


def hours_of(session: Session, category_id: int) -> dict[str, int]:
    """The working hours by priority."""
    return {one.priority: one.hours for one in session.scalars(selects.deadlines([category_id]))}


def save(session: Session, actor: Actor, category_id: int | None, version: int | None, facts: Facts) -> TicketCategory:
    """Make or change a category with its deadlines. Tickets keep the deadline they have.

    Raises ConflictError (`stale`; a name that is taken), InvalidInputError with the field.
    """
    values = _clean(facts)
    if category_id is None:
        category = TicketCategory(code=_code(session, values["name"]), version=0, **values)
        before: dict[str, Any] = {}
    else:
        found = session.get(TicketCategory, category_id, with_for_update=True, populate_existing=True)
        if found is None:
            raise NotFoundError(_("There is no such category."))
        if version is not None and found.version != version:
            raise ConflictError(
                _("Somebody else has changed this category meanwhile. Nothing was changed."), code="stale"
            )
        category = found
        before = {name: getattr(category, name) for name in values} | {"hours": hours_of(session, category_id)}
        for name, value in values.items():
            setattr(category, name, value)
    taken = select(TicketCategory.id).where(func.lower(TicketCategory.name) == values["name"].lower())
    with session.no_autoflush:
        if any(one != category.id for one in session.scalars(taken)):
            raise ConflictError(_("There is a category of this name already."), field="name")
    category.version += 1
    session.add(category)
    session.flush()
    session.execute(delete(TicketDeadline).where(TicketDeadline.category_id == category.id))
    for priority, hours in facts.hours.items():
        session.add(TicketDeadline(category_id=category.id, priority=priority, hours=hours))
    after = {**values, "hours": dict(facts.hours)}
    record(
        session, "ticket.category", "ticket_category", category.code, actor=actor.name, staff_id=actor.staff_id,
        address=actor.address, before=before, after=after,
    )  # fmt: skip
    session.flush()
    return category


def _clean(facts: Facts) -> dict[str, Any]:
    name = " ".join(facts.name.split())
    if not name or len(name) > NAME_LENGTH:
        raise InvalidInputError(_("Enter a name of at most %(number)s characters.", number=NAME_LENGTH), field="name")
    if facts.effect not in CATEGORY_EFFECTS:
        raise InvalidInputError(_("Choose one of the list."), field="effect")
    if facts.assigned_role not in set(Role):
        raise InvalidInputError(_("Choose a role."), field="assigned_role")
    for priority in PRIORITIES:
        if not 1 <= facts.hours.get(priority, 0) <= MOST_HOURS:
            raise InvalidInputError(
                _("Enter a whole number from %(low)s to %(high)s.", low=1, high=MOST_HOURS), field=f"hours_{priority}"
            )
    return {
        "name": name, "name_ur": " ".join(facts.name_ur.split())[:NAME_LENGTH] or None, "effect": facts.effect,
        "assigned_role": facts.assigned_role, "is_public": facts.is_public, "is_active": facts.is_active,
        "position": facts.position,
    }  # fmt: skip


def _code(session: Session, name: str) -> str:
    """A code made of the name, with a number when it is taken."""
    base = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")[:40] or "CATEGORY"
    code, number = base, 1
    while session.scalar(select(TicketCategory.id).where(TicketCategory.code == code)) is not None:
        number += 1
        code = f"{base}_{number}"
    return code

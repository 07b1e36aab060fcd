"""What the pages of tickets share: the blueprint, the reader as the rules see him, what forms carry."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, current_app
from flask_login import current_user

from portal.db import session
from portal.files.incoming import uuid_of
from portal.permissions import Permission, Role
from portal.roles import role_name
from portal.tickets import calendar as working
from portal.tickets import filters, words
from portal.tickets.models import Ticket
from portal.tickets.rules import Actor
from portal.tickets.worktime import WorkCalendar
from portal.web.context import client_address, settings
from portal.web.filters import language
from portal.web.guard import current_scope
from portal.web.masking import may_see_personal

blueprint = Blueprint("tickets", __name__, url_prefix="/tickets")


def actor() -> Actor:
    """The signed-in person as the one who acts."""
    return Actor(current_user.id, current_user.username, Role(current_user.role), current_scope(), client_address())


def work_calendar() -> WorkCalendar:
    return working.in_force(session(), settings())


def version_of(values: Mapping[str, str]) -> int:
    """The version a form was made of; one that nobody has (0) when it is missing."""
    typed = values.get("version", "")
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 10 else 0


def form_uuid(values: Mapping[str, str]) -> uuid.UUID:
    """The uuid that a form carries; a new one when it has none."""
    return uuid_of(values.get("client_uuid")) or uuid.uuid4()


def may_see(ticket: Ticket) -> bool:
    """Whether the reader sees the numbers of who complained: as those of its unit, and whoever works on it."""
    return ticket.assigned_to == current_user.id or may_see_personal(current_user, ticket.unit_id)


def shared() -> dict[str, Any]:
    """What every template of tickets knows."""
    return {
        "permission": Permission,
        "tw": words,
        "boxes": filters.INBOX_NAMES,
        "role_name": role_name,
        "roles": list(Role),
        "lang": language(),
        "endpoints": current_app.view_functions,
    }


blueprint.context_processor(shared)

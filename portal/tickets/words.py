"""Codes of tickets in words. Lazy: said in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.permissions import Role
from portal.registers.wording import field_words
from portal.roles import role_name
from portal.tickets.models import BILLING, CLOSED, DATA, IN_PROGRESS, MERGED, NONE, OPEN, RESOLVED, WAITING
from portal.tickets.rules import Step
from portal.units.words import SIZES, USES
from portal.web import format as fmt
from portal.web.filters import language
from portal.web.masking import mask_value

PRIORITIES: dict[str, Any] = {
    "LOW": _l("Low"),
    "MEDIUM": _l("Medium"),
    "HIGH": _l("High"),
    "URGENT": _l("Urgent"),
}
STATUSES: dict[str, Any] = {
    OPEN: _l("Open"),
    IN_PROGRESS: _l("In progress"),
    WAITING: _l("Waiting"),
    RESOLVED: _l("Resolved"),
    CLOSED: _l("Closed"),
    MERGED: _l("Merged"),
}
# What the public reads of the same.
PUBLIC_STATUSES: dict[str, Any] = {
    OPEN: _l("Received. It waits for somebody to take it up."),
    IN_PROGRESS: _l("Somebody is working on it."),
    WAITING: _l("We need something from you, or wait for others. Call the helpline with your number."),
    RESOLVED: _l("Resolved. If it is not, call the helpline with your number."),
    CLOSED: _l("Closed."),
    MERGED: _l("Others have reported the same; it is dealt with together with theirs."),
}
EFFECTS: dict[str, Any] = {
    NONE: _l("Nothing to approve"),
    DATA: _l("Correction of the register"),
    BILLING: _l("Correction of a bill"),
}
DECISIONS: dict[str, Any] = {
    "PENDING": _l("Not decided yet"),
    "APPROVED": _l("Approved"),
    "REJECTED": _l("Rejected"),
}
SOURCES: dict[str, Any] = {
    "STAFF": _l("Staff"),
    "PUBLIC": _l("Public form"),
    "SYSTEM": _l("Portal itself"),
    "OLD_SYSTEM": _l("Old system"),
}
STEPS: dict[Step, Any] = {
    Step.START: _l("Start work"),
    Step.WAIT: _l("Let it wait"),
    Step.RESOLVE: _l("Resolve"),
    Step.CLOSE: _l("Close"),
    Step.REOPEN: _l("Open again"),
    Step.MERGE: _l("Merge"),
}
BADGES: dict[str, str] = {
    OPEN: "open", IN_PROGRESS: "running", WAITING: "queued", RESOLVED: "done", CLOSED: "inactive", MERGED: "duplicate",
    "PENDING": "open", "APPROVED": "done", "REJECTED": "rejected",
    "LOW": "inactive", "MEDIUM": "queued", "HIGH": "warn", "URGENT": "bad",
}  # fmt: skip
# The fields of a unit that a ticket may correct.
FIELDS: dict[str, Any] = {
    "consumer_name": _l("Consumer"),
    "mobile": _l("Mobile"),
    "cnic": _l("CNIC"),
    "address": _l("Address"),
    "use": _l("Use"),
    "size_band": _l("Size"),
    "business_type": _l("Business"),
    "house_type": _l("House type"),
    "water_connection": _l("Water connection"),
}
_EVENTS: dict[str, Any] = {
    "made": _l("Ticket made"),
    "assigned": _l("Assigned"),
    "status": _l("Status changed"),
    "priority": _l("Priority changed"),
    "edited": _l("Edited"),
    "approved": _l("Approved"),
    "rejected": _l("Rejected"),
    "escalated": _l("Escalated"),
    "merged": _l("Merged into another ticket"),
    "took_over": _l("Another ticket was merged into this one"),
    "reopened": _l("Opened again"),
    "deadline": _l("Deadline moved"),
    "comment_public": _l("Written to the complainant"),
    "comment_internal": _l("A comment was taken off the status page"),
}
ICONS: dict[str, str] = {
    "made": "ticket-detailed", "assigned": "person-check", "status": "arrow-right-circle", "priority": "flag",
    "edited": "pencil", "approved": "check-circle", "rejected": "x-circle", "escalated": "exclamation-triangle",
    "merged": "intersect", "took_over": "intersect", "reopened": "arrow-counterclockwise", "deadline": "clock",
    "comment_public": "eye", "comment_internal": "eye-slash",
}  # fmt: skip


def category_name(category: Any, reader: str) -> str:
    """The name of a category in the reader's language."""
    return str((category.name_ur if reader == "ur" else "") or category.name)


def arrow() -> str:
    """From what to what; arrows are not turned around with the line."""
    return "←" if language() == "ur" else "→"


def event_title(event: str, detail: Mapping[str, Any]) -> str:
    """What happened, in a few words."""
    if event == "status" and detail.get("to") in STATUSES:
        return str(STATUSES[detail["to"]])
    return str(_EVENTS.get(event, event))


def event_text(event: str, detail: Mapping[str, Any]) -> str:
    """The rest of it: to whom, from what to what, why."""
    parts = []
    if event == "assigned":
        role = detail.get("role")
        of_role = str(_("Role: %(role)s", role=role_name(role))) if role in set(Role) else ""
        parts.append(detail.get("name") or of_role)
    if event == "priority":
        parts.append(f" {arrow()} ".join(str(PRIORITIES.get(detail.get(key, ""), "")) for key in ("from", "to")))
    if event == "escalated":
        step = detail.get("step")
        parts.append(str(_("the time is nearly over") if step == 1 else _("the time is over")))
        if detail.get("told"):
            parts.append(str(_("told: %(names)s", names=", ".join(detail["told"]))))
        elif "told" in detail:
            parts.append(str(_("there is nobody to tell in this area")))
    if event in {"merged", "took_over"}:
        parts.append(str(detail.get("number", "")))
    if event == "edited":
        parts.append(", ".join(str(field_name(name)) for name in detail.get("fields", ())))
    if event == "approved" and detail.get("amount") is not None:
        parts.append(fmt.rupees(detail["amount"]))
    if detail.get("words"):
        parts.append(str(detail["words"]))
    return " · ".join(filter(None, parts))


def field_name(name: str) -> Any:
    """A field of a ticket as people say it."""
    return _TICKET_FIELDS.get(name) or FIELDS.get(name, name.replace("_", " "))


_TICKET_FIELDS: dict[str, Any] = {
    "title": _l("subject"),
    "description": _l("description"),
    "category": _l("category"),
    "priority": _l("priority"),
    "unit": _l("unit"),
    "account": _l("account"),
    "bill_month": _l("bill's month"),
    "disputed_amount": _l("disputed amount"),
    "wanted": _l("what is to be corrected"),
    "location": _l("area"),
}


def wanted_text(field: str, value: Any, may_see: bool) -> str:
    """A value of a unit's field as people read it; personal numbers by their last digits."""
    if value in (None, ""):
        return fmt.NONE
    if field == "use":
        return str(USES.get(value, value))
    if field == "size_band":
        return str(SIZES.get(value, value))
    return mask_value(field, field_words(field, str(value)), may_see)

"""Visits in words."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from portal.visits.rules import Doubt

TYPES: dict[str, Any] = {
    "DELIVERY": _l("Bill delivery"),
    "ROUTINE": _l("Routine visit"),
    "RECOVERY": _l("Recovery visit"),
    "COMPLAINT": _l("Complaint visit"),
    "FOLLOWUP": _l("Follow-up visit"),
    "SURVEY": _l("Survey visit"),
}
OUTCOMES: dict[str, Any] = {
    "DONE": _l("Done"),
    "DELIVERED": _l("Handed over"),
    "DELIVERED_TO_NEIGHBOUR": _l("Left with a neighbour"),
    "REFUSED": _l("Would not take it or pay"),
    "LOCKED": _l("Found locked"),
    "VACANT": _l("Vacant"),
    "NOT_FOUND": _l("Not found"),
    "PROMISED": _l("Promised to pay"),
    "PAID_ON_SPOT": _l("Paid on the spot"),
    "DISPUTED": _l("Disputes the bill"),
    "OTHER": _l("Other"),
}
OUTCOME_ICONS = {
    "DONE": "check-circle", "DELIVERED": "envelope-check", "DELIVERED_TO_NEIGHBOUR": "people", "REFUSED": "x-circle",
    "LOCKED": "lock", "VACANT": "house-dash", "NOT_FOUND": "question-circle", "PROMISED": "calendar-check",
    "PAID_ON_SPOT": "cash-stack", "DISPUTED": "chat-left-text", "OTHER": "three-dots",
}  # fmt: skip
STATES: dict[str, Any] = {
    "PENDING": _l("Waits for review"),
    "APPROVED": _l("Approved"),
    "RETURNED": _l("Returned"),
}
DOUBTS: dict[Doubt, Any] = {
    Doubt.FAR: _l("Too far away"),
    Doubt.MOCK: _l("Position from an app"),
    Doubt.NO_PHOTO: _l("No photo"),
    Doubt.NO_POSITION: _l("No usable position"),
    Doubt.ACCURACY: _l("Position not exact"),
    Doubt.CLOCK: _l("Phone’s clock is wrong"),
}
# What a supervisor returns a visit for, most often: buttons that fill the reason in.
REASONS: tuple[Any, ...] = (
    _l("The photo does not show the unit."),
    _l("There is no photo."),
    _l("You were not at the unit."),
    _l("Say who received the bill."),
)


def doubt_words(flags: int) -> list[Any]:
    """The doubts of a visit, the gravest first."""
    return [label for flag, label in DOUBTS.items() if flags & flag]

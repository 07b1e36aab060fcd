"""What a visit may be: outcomes by type, what speaks against one, who may review it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

from portal.visits.models import (
    APPROVED,
    COMPLAINT,
    DELIVERY,
    FOLLOWUP,
    PENDING,
    RECOVERY,
    RETURNED,
    ROUTINE,
    SURVEY,
)

# Most likely first: they are the buttons of the form.
OUTCOMES_OF: dict[str, tuple[str, ...]] = {
    DELIVERY: ("DELIVERED", "DELIVERED_TO_NEIGHBOUR", "LOCKED", "REFUSED", "VACANT", "NOT_FOUND"),
    ROUTINE: ("DONE", "LOCKED", "VACANT", "REFUSED", "NOT_FOUND", "OTHER"),
    RECOVERY: ("PROMISED", "PAID_ON_SPOT", "LOCKED", "REFUSED", "DISPUTED", "VACANT", "NOT_FOUND"),
    COMPLAINT: ("DONE", "DISPUTED", "LOCKED", "NOT_FOUND", "OTHER"),
    FOLLOWUP: ("DONE", "PROMISED", "PAID_ON_SPOT", "LOCKED", "REFUSED", "OTHER"),
    SURVEY: ("DONE", "LOCKED", "VACANT", "REFUSED", "NOT_FOUND"),
}
HANDED_OVER = ("DELIVERED", "DELIVERED_TO_NEIGHBOUR")
PROMISED = "PROMISED"


class Doubt(IntFlag):
    """What a reviewer should look at, the gravest with the highest value: the queue is in this order."""

    CLOCK = 1  # the phone's clock was not believed
    ACCURACY = 2  # the phone knew its place only roughly
    NO_POSITION = 4
    NO_PHOTO = 8
    MOCK = 16  # an app told the phone where it is
    FAR = 32


BAD_ACCURACY_M = 100


@dataclass(frozen=True)
class Evidence:
    """What is known of how a visit was logged."""

    has_position: bool
    accuracy_m: int | None
    is_mock: bool
    distance_m: int | None
    photos: int
    is_clock_believed: bool = True
    is_unit_closed: bool = False


def doubts(evidence: Evidence, far_m: int) -> Doubt:
    """What speaks against a visit. How exact the phone was is allowed for: far is who is far in any case."""
    found = Doubt(0)
    if not evidence.is_clock_believed:
        found |= Doubt.CLOCK
    if not evidence.has_position:
        found |= Doubt.NO_POSITION
    elif evidence.accuracy_m is None or evidence.accuracy_m > BAD_ACCURACY_M:
        found |= Doubt.ACCURACY
    if evidence.photos == 0:
        found |= Doubt.NO_PHOTO
    if evidence.is_mock:
        found |= Doubt.MOCK
    if evidence.distance_m is not None and evidence.distance_m > far_m:
        found |= Doubt.FAR
    return found


def approves_itself(evidence: Evidence, far_m: int) -> bool:
    """Whether a visit needs no reviewer, where the office wants that: near, with a photo, no doubt whatever.

    That a unit is closed is no doubt of the agent's word, but somebody has to look: it may be closed wrongly.
    """
    return not evidence.is_unit_closed and evidence.distance_m is not None and doubts(evidence, far_m) == 0


def may_review(reviewer_id: int, visitor_id: int | None, has_permission: bool) -> bool:
    """Nobody reviews his own visits."""
    return has_permission and reviewer_id != visitor_id


def may_correct(person_id: int, visitor_id: int | None, state: str) -> bool:
    """Whoever logged a visit may correct it until it is approved."""
    return person_id == visitor_id and state in {PENDING, RETURNED}


def next_states(state: str) -> tuple[str, ...]:
    """What a reviewer can make of a visit. An approved one can still be returned: a lie may come out later."""
    return {PENDING: (APPROVED, RETURNED), RETURNED: (APPROVED,), APPROVED: (RETURNED,)}[state]

"""Reviewing visits: approve, return, and what follows for the bills. Flushes, never commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.errors import ConflictError, ForbiddenError, InvalidInputError
from portal.locations.locks import lock_registers
from portal.notifications.service import notify
from portal.payments import deliveries
from portal.units.models import SurveyUnit
from portal.visits import rules
from portal.visits.models import APPROVED, PENDING, RETURNED, ComplianceVisit
from portal.visits.service import Actor, BillKey, bills_of, note, open_visit
from portal.visits.words import TYPES
from portal.web import format as fmt
from portal.web.messages import lazily

REASON_LENGTH = 500
LOCK_SECONDS = 1
MOST_AT_ONCE = 100


@dataclass
class Reviewed:
    """What a review of several did: how many, those that could not be, and the bills of which the delivery changed."""

    done: int = 0
    skipped: int = 0
    bills: list[BillKey] = field(default_factory=list)


def approve(session: Session, actor: Actor, visit_id: int, version: int) -> Reviewed:
    """Accept a visit. Raises NotFoundError, ConflictError when it changed meanwhile, ForbiddenError for one's own."""
    visit = open_visit(session, actor.scope, visit_id, version)
    _judge(session, actor, visit, APPROVED, "")
    return Reviewed(1, 0, bills_of([visit]))


def send_back(session: Session, actor: Actor, visit_id: int, version: int, reason: str) -> Reviewed:
    """Return a visit with a reason; the agent is told."""
    why = " ".join(reason.split())
    if not why:
        raise InvalidInputError(_("Say why you return it: the agent reads it."), field="reason")
    if len(why) > REASON_LENGTH:
        raise InvalidInputError(_("Enter at most %(count)s characters.", count=REASON_LENGTH), field="reason")
    visit = open_visit(session, actor.scope, visit_id, version)
    was_accepted = visit.review_state == APPROVED
    _judge(session, actor, visit, RETURNED, why)
    if visit.staff_id is not None:
        unit = session.get_one(SurveyUnit, visit.unit_id)
        visit_type, day, survey_id = visit.visit_type, visit.visited_at, unit.survey_id
        message = _l(
            "%(what)s at unit %(unit)s on %(day)s was returned: %(reason)s",
            what=TYPES[visit_type],
            unit=survey_id,
            day=lazily(lambda: fmt.date(day, _language())),
            reason=why,
        )
        notify(
            session, "visit.returned", [visit.staff_id], message,
            event_key=f"visit.returned:{visit.id}:{visit.version}", entity="visit", entity_id=visit.id,
            url=f"/visits/{visit.id}",
        )  # fmt: skip
    return Reviewed(1, 0, bills_of([visit]) if was_accepted else [])


def approve_many(session: Session, actor: Actor, wanted: Sequence[tuple[int, int]]) -> Reviewed:
    """Accept several (id, version) at once. What changed meanwhile, is one's own or was decided already is skipped."""
    if len(wanted) > MOST_AT_ONCE:
        raise InvalidInputError(_("At most %(count)s visits at once.", count=MOST_AT_ONCE))
    versions = dict(wanted)
    query = (
        select(ComplianceVisit)
        .where(ComplianceVisit.id.in_(versions), actor.scope.clause(ComplianceVisit.location_id))
        .order_by(ComplianceVisit.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    result, accepted = Reviewed(), []
    for visit in session.scalars(query):
        if (
            visit.version == versions[visit.id]
            and visit.review_state == PENDING
            and rules.may_review(actor.staff_id, visit.staff_id, True)
        ):
            _judge(session, actor, visit, APPROVED, "")
            accepted.append(visit)
    result.done, result.skipped, result.bills = len(accepted), len(versions) - len(accepted), bills_of(accepted)
    return result


def bring_up_to_date(session: Session, bills: Sequence[BillKey], wait_seconds: int = LOCK_SECONDS) -> bool:
    """Write what follows for the bills. False: a file is being imported, somebody has to do it when it is in.

    Both write the same rows, so they take turns; a reviewer does not wait for a long import.
    """
    if not bills:
        return True
    try:
        with session.begin_nested():
            lock_registers(session, wait_seconds)
    except ConflictError:
        return False
    deliveries.refresh(session, bills)
    return True


def _language() -> str:
    locale = get_locale()
    return str(locale.language) if locale else "en"


def _judge(session: Session, actor: Actor, visit: ComplianceVisit, state: str, why: str) -> None:
    if not rules.may_review(actor.staff_id, visit.staff_id, True):
        raise ForbiddenError(_("Nobody reviews his own visits. Ask a colleague."), code="self")
    if state not in rules.next_states(visit.review_state):
        raise ConflictError(_("This visit was decided already. Nothing was done."), code="stale")
    before = visit.review_state
    visit.review_state, visit.review_note = state, why
    visit.reviewed_by, visit.reviewed_at = actor.staff_id, func.now()
    visit.version += 1
    visit.sent_back += state == RETURNED
    session.flush()
    action = "visit.approve" if state == APPROVED else "visit.return"
    note(session, actor, action, visit, before={"review_state": before}, after={"review_state": state}, reason=why)

"""Telling supervisors, once a day, that visits wait for them."""

from __future__ import annotations

import datetime as dt
from functools import partial

from flask_babel import ngettext
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from portal.locations.models import LocationClosure
from portal.notifications.service import notify
from portal.permissions import Role
from portal.staff.models import Staff, StaffArea
from portal.visits.models import PENDING, ComplianceVisit
from portal.web.messages import lazily

QUEUE = "/review/"


def waiting_by_person(session: Session) -> dict[int, int]:
    """{supervisor: visits of his area that wait for him}; who has nothing to do is left out."""
    covered = (
        select(StaffArea.staff_id, LocationClosure.location_id)
        .join(LocationClosure, LocationClosure.ancestor_id == StaffArea.location_id)
        .distinct()
        .subquery("covered")
    )
    query = (
        select(Staff.id, func.count(ComplianceVisit.id))
        .join(covered, covered.c.staff_id == Staff.id)
        .join(ComplianceVisit, ComplianceVisit.location_id == covered.c.location_id)
        .where(
            Staff.is_active,
            Staff.role == str(Role.SUPERVISOR),
            ComplianceVisit.review_state == PENDING,
            or_(ComplianceVisit.staff_id.is_(None), ComplianceVisit.staff_id != Staff.id),
        )
        .group_by(Staff.id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def tell_reviewers(session: Session, day: dt.date) -> int:
    """Tell them. Returns how many were told; a second time on the same day nobody is."""
    told = 0
    for staff_id, count in waiting_by_person(session).items():
        message = lazily(partial(_sentence, count))
        told += notify(session, "visit.review", [staff_id], message, event_key=f"visit.review:{day}", url=QUEUE)
    return told


def _sentence(count: int) -> str:
    return str(
        ngettext("%(count)s visit waits for your review", "%(count)s visits wait for your review", count, count=count)
    )

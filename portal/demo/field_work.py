"""Some work for the demo's field agent: a ward assigned, units given singly, corrections that wait and were decided."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.assignments.models import Assignment
from portal.corrections import service as corrections
from portal.corrections.models import Correction
from portal.imports.service import Actor
from portal.permissions import AreaScope
from portal.staff.models import Staff, StaffArea
from portal.units.models import SurveyUnit

SINGLY = 118  # units of the agent, as on a good week's list
_NAMESPACE = uuid.UUID("7d5f1a8e-6d0e-4f7e-9d5b-6c8f2f0a4c11")
NAMES = ("Muhammad Aslam Khan", "Rashida Bibi", "محمد اکرم")


def make(session: Session, today: dt.date) -> None:
    """Assign, propose and decide, unless it has been done."""
    people = {
        one.username: one for one in session.scalars(select(Staff).where(Staff.username.in_(("agent", "supervisor"))))
    }
    agent, supervisor = people.get("agent"), people.get("supervisor")
    if agent is None or supervisor is None or session.scalar(select(Assignment.id).limit(1)) is not None:
        return
    area = session.scalar(select(StaffArea.location_id).where(StaffArea.staff_id == agent.id).limit(1))
    units = list(
        session.scalars(
            select(SurveyUnit)
            .where(SurveyUnit.location_id == area, SurveyUnit.deleted_at.is_(None))
            .order_by(SurveyUnit.id)
            .limit(SINGLY)
        )
    )
    since = today - dt.timedelta(days=10)
    session.add_all(
        Assignment(staff_id=agent.id, unit_id=unit.id, valid_from=since, created_by=supervisor.id) for unit in units
    )
    session.flush()
    scope = AreaScope.of([area] if area is not None else [])
    proposer, decider = Actor("agent", agent.id, scope), Actor("supervisor", supervisor.id, scope)
    made: list[Correction] = []
    for number, unit in enumerate(units[2:7]):
        typed = {"consumer_name": NAMES[number % len(NAMES)]}
        if number % 2:
            typed["address"] = f"House {20 + number}, Street {number + 3}, Mohalla Islamia"
        proposal = corrections.Proposal(typed, "As written on the gate" if number == 0 else "")
        key = uuid.uuid5(_NAMESPACE, unit.survey_id)
        made.append(corrections.propose(session, proposer, unit, proposal, key, direct=False))
    if len(made) > 3:
        unit = session.get_one(SurveyUnit, made[0].unit_id)
        corrections.approve(session, decider, made[0].id, unit.version)
        corrections.reject(session, decider, made[1].id, "The bill in the house says another name.")

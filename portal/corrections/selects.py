"""Queries of proposed corrections. No session; every one takes the reader's areas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from portal.corrections.models import PENDING, Correction
from portal.files.models import StoredFile
from portal.locations.models import Location
from portal.permissions import AreaScope
from portal.staff.models import Staff
from portal.staff.selects import display_name
from portal.units.models import SurveyUnit

Rows = Select[*tuple[Any, ...]]


def corrections(scope: AreaScope, *, by: int | None = None) -> Rows:
    """(Correction, SurveyUnit, place, who proposed, who decided) inside the area; `by`: of one person only.

    The area is where the unit lies now; `Correction.location_id` follows it.
    """
    proposer, decider = aliased(Staff), aliased(Staff)
    query = (
        select(
            Correction,
            SurveyUnit,
            Location.name.label("place"),
            display_name(proposer).label("who"),
            display_name(decider).label("decider"),
        )
        .join(SurveyUnit, SurveyUnit.id == Correction.unit_id)
        .join(Location, Location.id == Correction.location_id)
        .join(proposer, proposer.id == Correction.proposed_by)
        .outerjoin(decider, decider.id == Correction.decided_by)
        .where(scope.clause(Correction.location_id))
    )
    return query.where(Correction.proposed_by == by) if by is not None else query


def pending_of(unit_id: Any) -> Rows:
    """(Correction, who proposed) of a unit that wait, oldest first."""
    return (
        select(Correction, display_name(Staff).label("who"))
        .select_from(Correction)
        .join(Staff, Staff.id == Correction.proposed_by)
        .where(Correction.unit_id == unit_id, Correction.state == PENDING)
        .order_by(Correction.id)
    )


def photo_counts(ids: Sequence[int]) -> Rows:
    """(correction id, photos) of these corrections."""
    return (
        select(StoredFile.correction_id, func.count())
        .where(StoredFile.correction_id.in_(ids), StoredFile.deleted_at.is_(None))
        .group_by(StoredFile.correction_id)
    )

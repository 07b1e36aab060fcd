"""The person a filter names, and those it offers."""

from __future__ import annotations

import datetime as dt

from flask_babel import gettext as _
from sqlalchemy import Connection, select

from portal.assignments.selects import NAME, reaches
from portal.errors import NotFoundError
from portal.permissions import AreaScope
from portal.reports.filters import Person
from portal.staff.models import Staff
from portal.visits import selects as visits
from portal.web.format import KARACHI

# A menu of links: more than these nobody reads. A smaller area has fewer.
MOST_OFFERED = 60
SINCE_DAYS = 366


def load_person(connection: Connection, staff_id: int, scope: AreaScope) -> Person:
    """Somebody who works in the scope, or around it. Raises NotFoundError."""
    found = connection.execute(
        select(Staff.id, NAME.label("name")).where(Staff.id == staff_id, reaches(scope))
    ).one_or_none()
    if found is None:
        raise NotFoundError(_("There is no such person in your areas."))
    return Person(found.id, found.name)


def people_offered(connection: Connection, scope: AreaScope, area_id: int | None) -> list[Person]:
    """Who logged visits in the last year and works in the area: one more than `MOST_OFFERED` when there are more."""
    here = scope if area_id is None else AreaScope.of([area_id])  # an area that was asked for lies in the scope
    since = dt.datetime.now(KARACHI).date() - dt.timedelta(days=SINCE_DAYS)
    rows = connection.execute(visits.agents(here, since).limit(MOST_OFFERED + 1))
    return [Person(row.id, row.name) for row in rows]

"""Day sheets: what one did on a day, and for supervisors who did what."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from portal.db import session
from portal.errors import NotFoundError
from portal.permissions import Permission, require
from portal.visits import geo, selects
from portal.visits.filters import read_day
from portal.visits.rules import HANDED_OVER, PROMISED, Doubt
from portal.visits.views import today
from portal.web.guard import current_scope
from portal.web.pages import paginate

blueprint = Blueprint("visit_days", __name__, url_prefix="/visits")


@dataclass(frozen=True)
class Sheet:
    """A day in figures. `way_m` is the way from position to position, as the crow flies; `promised` in rupees."""

    visits: int
    delivered: int
    promises: int
    promised: int
    with_photo: int
    doubtful: int
    way_m: int
    by_outcome: list[tuple[str, int]]

    @classmethod
    def of(cls, visits: list[Any]) -> Sheet:
        places = [geo.point(visit.gps_lat, visit.gps_lon) for visit in visits if visit.gps_lat is not None]
        return cls(
            visits=len(visits),
            delivered=sum(visit.outcome in HANDED_OVER for visit in visits),
            promises=sum(visit.outcome == PROMISED for visit in visits),
            promised=sum(visit.promise_amount or 0 for visit in visits),
            with_photo=sum(not visit.doubts & Doubt.NO_PHOTO for visit in visits),
            doubtful=sum(visit.doubts > Doubt.CLOCK for visit in visits),
            way_m=geo.length_m([place for place in places if place is not None and place.is_in_punjab]),
            by_outcome=Counter(visit.outcome for visit in visits).most_common(),
        )


@blueprint.get("/day")
@require(Permission.LOG_VISITS)
def own() -> ResponseReturnValue:
    """What I did on a day."""
    return _sheet(current_user.id, current_user.full_name or current_user.username)


@blueprint.get("/agents/<int:staff_id>")
@require(Permission.REVIEW_VISITS)
def person(staff_id: int) -> ResponseReturnValue:
    """What one person did on a day, inside the reader's area."""
    row = session().execute(selects.person(staff_id, current_scope())).first() if 0 < staff_id < 2**31 else None
    if row is None:
        raise NotFoundError(_("There is no such person in your area."))
    return _sheet(row.id, row.name)


def _sheet(staff_id: int, name: str) -> ResponseReturnValue:
    day = read_day(request.args.get("day"), today())
    db = session()
    rows = list(db.execute(selects.of_day(staff_id, day, current_scope())))
    is_own = staff_id == current_user.id
    return render_template(
        "visits/day.html", rows=rows, sheet=Sheet.of([row[0] for row in rows]), name=name, day=day, today=today(),
        before=day - dt.timedelta(days=1), after=day + dt.timedelta(days=1), is_own=is_own, staff_id=staff_id,
        returned=db.scalar(selects.returned_to(staff_id)) if is_own else 0,
    )  # fmt: skip


@blueprint.get("/agents")
@require(Permission.REVIEW_VISITS)
def people() -> ResponseReturnValue:
    """Who did what on a day."""
    day = read_day(request.args.get("day"), today())
    query = selects.people_of_day(day, current_scope())
    page = paginate(session(), query, selects.BY_NAME, request.args.get("cursor"))
    return render_template(
        "visits/agents.html", page=page, day=day, today=today(), before=day - dt.timedelta(days=1),
        after=day + dt.timedelta(days=1),
    )  # fmt: skip

"""The list of visits as a file: exactly the rows that the list with this query string holds."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection, func, select

from portal.billing.models import Account
from portal.db import session
from portal.errors import NotFoundError
from portal.locations.models import TEHSIL, Location, LocationClosure
from portal.permissions import AreaScope, Permission, require
from portal.staff import areas as tree
from portal.staff.models import Staff
from portal.staff.selects import display_name
from portal.units.models import SurveyUnit
from portal.visits import selects, words
from portal.visits.filters import VisitFilter, read_filter
from portal.visits.models import ComplianceVisit
from portal.visits.views import today
from portal.web import format as fmt
from portal.web import i18n
from portal.web.columns import Column, Kind
from portal.web.guard import current_scope
from portal.web.list_files import ListFile, list_response

blueprint = Blueprint("visit_list", __name__)

# Notes stay on the page of the visit: people write numbers of consumers into them.
COLUMNS = (
    Column("visit", _l("Visit"), Kind.NUMBER),
    Column("visited_at", _l("When"), Kind.DATETIME),
    Column("agent", _l("Agent"), width=20),
    Column("survey_id", _l("Survey id"), Kind.IDENTIFIER, 12),
    Column("consumer_name", _l("Consumer")),
    Column("union_council", _l("Area"), width=34),
    Column("tehsil", _l("Tehsil"), width=18),
    Column("visit_type", _l("Type"), Kind.CODE, 18, words.TYPES, in_words=True),
    Column("outcome", _l("Outcome"), Kind.CODE, 22, words.OUTCOMES, in_words=True),
    Column("psid", _l("PSID"), Kind.IDENTIFIER),
    Column("bill_month", _l("Bill of"), Kind.MONTH),
    Column("distance_m", _l("Metres from the unit"), Kind.NUMBER),
    Column("gps_accuracy_m", _l("Exact to, metres"), Kind.NUMBER),
    Column("next_date", _l("Next visit"), Kind.DATE),
    Column("promise_date", _l("Promised for"), Kind.DATE),
    Column("promise_amount", _l("Promised amount"), Kind.MONEY),
    Column("review_state", _l("Review"), Kind.CODE, 18, words.STATES, in_words=True),
    Column("reviewer", _l("Reviewer"), width=20),
    Column("reviewed_at", _l("Reviewed"), Kind.DATETIME),
)


def rows(wanted: VisitFilter, scope: AreaScope) -> Any:
    """The rows of the list, in its order."""
    table, place = ComplianceVisit, Location
    above = Location.__table__.alias("tehsil")
    tehsil = (
        select(above.c.name)
        .join(LocationClosure, LocationClosure.ancestor_id == above.c.id)
        .where(LocationClosure.location_id == table.location_id, above.c.kind == TEHSIL)
        .scalar_subquery()
    )
    values = {
        "visit": table.id, "visited_at": table.visited_at,
        "agent": display_name(), "survey_id": SurveyUnit.survey_id,
        "consumer_name": SurveyUnit.consumer_name, "union_council": place.name, "tehsil": tehsil,
        "visit_type": table.visit_type, "outcome": table.outcome, "psid": Account.psid,
        "bill_month": table.bill_month, "distance_m": table.distance_m, "gps_accuracy_m": table.gps_accuracy_m,
        "next_date": table.next_date, "promise_date": table.promise_date, "promise_amount": table.promise_amount,
        "review_state": table.review_state,
        "reviewer": display_name(selects.Reviewer),
        "reviewed_at": table.reviewed_at,
    }  # fmt: skip
    return (
        select(*(value.label(key) for key, value in values.items()))
        .select_from(table)
        .join(SurveyUnit, SurveyUnit.id == table.unit_id)
        .join(place, place.id == table.location_id)
        .outerjoin(Staff, Staff.id == table.staff_id)
        .outerjoin(selects.Reviewer, selects.Reviewer.id == table.reviewed_by)
        .outerjoin(Account, Account.id == table.account_id)
        .where(*selects.conditions(wanted, scope))
        .order_by(table.visited_at.desc(), table.id.desc())
    )


@blueprint.get("/visits.<any(csv, xlsx):file_format>")
@require(Permission.EXPORT)
def download(file_format: str) -> ResponseReturnValue:
    """Count in a snapshot, note the beginning in the audit log, stream from the same snapshot."""
    wanted = read_filter(request.args, today())
    return list_response(
        "visits",
        file_format,
        lambda connection: _file(connection, wanted),
        title=_("Visits"),
        what=_("Visits and bill deliveries of the field staff."),
        sentences=lambda: _sentences(wanted),
        location_id=wanted.area,
    )


def _file(connection: Connection, wanted: VisitFilter) -> ListFile:
    """Counted without what is joined to each visit."""
    count = select(func.count(ComplianceVisit.id)).where(*selects.conditions(wanted, current_scope()))
    return ListFile(rows(wanted, current_scope()), COLUMNS, connection.execute(count).scalar_one())


def _sentences(wanted: VisitFilter) -> list[str]:
    """The filters in words. Raises NotFoundError for an area that is not the reader's."""
    language = i18n.language()
    found = [_("%(first)s to %(last)s", first=fmt.date(wanted.first, language), last=fmt.date(wanted.last, language))]
    if wanted.area is not None:
        area = tree.inside(session(), [wanted.area], current_scope(), language).get(wanted.area)
        if area is None:
            raise NotFoundError(_("This area does not exist, or is not one of yours."))
        found.append(_("in %(area)s", area=area.text))
    if wanted.agent is not None:
        agent = session().execute(selects.person(wanted.agent, current_scope())).first()
        found.append(f"{_('Agent')}: {agent.name if agent else wanted.agent}")
    for label, known, value in (
        (_("Type"), words.TYPES, wanted.visit_type),
        (_("Outcome"), words.OUTCOMES, wanted.outcome),
        (_("Review"), words.STATES, wanted.state),
    ):
        if value is not None:
            found.append(f"{label}: {known[value]}")
    if wanted.doubt is not None:
        found.append(", ".join(map(str, words.doubt_words(wanted.doubt))))
    return [str(one) for one in found]

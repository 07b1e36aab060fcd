"""The report over visits: every one with its agent, what came of it, and what the reviewer said."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, FromClause, and_, func, true

from portal.billing.models import Account
from portal.billing.selects import unit_matches
from portal.permissions import AreaScope
from portal.reports import filters
from portal.reports.areas import names_above
from portal.reports.report import Display, Field, Query, Report, Rollup, Source, Total
from portal.rollups.models import RollupVisits
from portal.staff.models import Staff
from portal.staff.selects import display_name
from portal.units.models import SurveyUnit
from portal.visits import words
from portal.visits.models import APPROVED, PENDING, RETURNED, ComplianceVisit
from portal.visits.selects import Reviewer, start_of
from portal.web.columns import Column, Kind

_visit, _unit, _account, _staff = (one.__table__ for one in (ComplianceVisit, SurveyUnit, Account, Staff))


def _on_days(column: Any, first: dt.date | None, last: dt.date | None) -> ColumnElement[bool]:
    """Days in Karachi, both included, of a column with times; as bounds, which an index answers."""
    begins = true() if first is None else column >= start_of(first)
    ends = true() if last is None else column < start_of(last + dt.timedelta(days=1))
    return and_(begins, ends)


def _days(column: Any, condition: filters.DayCondition | None = None) -> filters.Filter:
    return filters.days(column, _l("Days"), _l("visited "), condition)


def _choices(table: Any) -> tuple[filters.Filter, ...]:
    """What rows and rollup have alike."""
    return (
        filters.choice("type", _l("Type"), table.visit_type, words.TYPES),
        filters.choice("outcome", _l("Outcome"), table.outcome, words.OUTCOMES),
        filters.choice("state", _l("Review"), table.review_state, words.STATES),
    )


VISIT_FILTERS = (
    filters.area(ComplianceVisit.location_id),
    _days(ComplianceVisit.visited_at, _on_days),
    filters.person("agent", _l("Agent"), ComplianceVisit.staff_id),
    *_choices(ComplianceVisit),
    filters.text(_l("Survey id or name"), lambda text: unit_matches(ComplianceVisit.unit_id, text)),
)


def _show_visits(visits: FromClause, scope: AreaScope) -> Display:
    c = visits.c
    above = names_above(c.location_id)
    # Notes stay on the page of the visit: people write numbers of consumers into them.
    fields = (
        Field(Column("visited_at", _l("When"), Kind.DATETIME, 22), c.visited_at, sort=c.visited_at),
        Field(Column("agent", _l("Agent"), width=18), display_name(Staff)),
        Field(Column("survey_id", _l("Survey id"), Kind.IDENTIFIER, 12), SurveyUnit.survey_id),
        Field(Column("visit_type", _l("Type"), Kind.CODE, 15, words.TYPES, in_words=True), c.visit_type),
        Field(Column("outcome", _l("Outcome"), Kind.CODE, 20, words.OUTCOMES, in_words=True), c.outcome),
        Field(Column("review_state", _l("Review"), Kind.CODE, 20, words.STATES, in_words=True), c.review_state),
        Field(
            Column("distance_m", _l("Metres from the unit"), Kind.NUMBER),
            c.distance_m,
            sort=func.coalesce(c.distance_m, -1),
        ),
        Field(Column("promise_date", _l("Promised for"), Kind.DATE), c.promise_date),
        Field(
            Column("promise_amount", _l("Promised amount"), Kind.MONEY),
            c.promise_amount,
            sort=func.coalesce(c.promise_amount, 0),
        ),
        Field(Column("union_council", _l("Union council"), width=34), above.c.union_council),
        Field(Column("consumer_name", _l("Consumer")), SurveyUnit.consumer_name),
        Field(Column("bill_month", _l("Bill of"), Kind.MONTH), c.bill_month),
        Field(Column("psid", _l("PSID"), Kind.IDENTIFIER), Account.psid),
        Field(Column("next_date", _l("Next visit"), Kind.DATE), c.next_date),
        Field(Column("reviewer", _l("Reviewer"), width=18), display_name(Reviewer)),
        Field(Column("reviewed_at", _l("Reviewed"), Kind.DATETIME), c.reviewed_at),
        Field(Column("tehsil", _l("Tehsil"), width=18), above.c.tehsil),
    )
    # A unit or account that has gone to another area since is not shown, the visit made here is.
    tables = (
        visits.outerjoin(_unit, and_(SurveyUnit.id == c.unit_id, scope.clause(SurveyUnit.location_id)))
        .outerjoin(_account, and_(Account.id == c.account_id, scope.clause(Account.location_id)))
        .outerjoin(_staff, Staff.id == c.staff_id)
        .outerjoin(Reviewer, Reviewer.id == c.reviewed_by)
        .outerjoin(above, true())
    )
    return Display(tables, fields)


def _states(table: Any, number: Any) -> dict[str, Any]:
    """How many visits have which state: {key of the total: expression}."""
    return {
        "approved": number.filter(table.review_state == APPROVED),
        "returned": number.filter(table.review_state == RETURNED),
        "waiting": number.filter(table.review_state == PENDING),
    }


def _visits(query: Query) -> Source:
    by_state = _states(ComplianceVisit, func.count())
    return Source(
        core=_visit,
        where=query.conditions(VISIT_FILTERS, ComplianceVisit.location_id),
        display=lambda visits: _show_visits(visits, query.scope),
        tie=("visited_at", "id"),
        totals=(
            Total("approved", _l("Approved"), Kind.NUMBER, by_state["approved"]),
            Total("returned", _l("Returned"), Kind.NUMBER, by_state["returned"]),
            Total("waiting", _l("Waits for review"), Kind.NUMBER, by_state["waiting"]),
            Total("promise_amount", _l("Promised amount"), Kind.MONEY, func.sum(ComplianceVisit.promise_amount)),
        ),
    )


FIELD_VISITS = Report(
    name="field-visits",
    title=_l("Field visits"),
    purpose=_l("Every visit and bill delivery: who was where and when, what came of it, and what the reviewer said."),
    empty_hint=_l("No visit matches. Choose other days, another agent or a larger area."),
    filters=VISIT_FILTERS,
    source=_visits,
    rollups=(
        Rollup(
            RollupVisits,
            (filters.area(RollupVisits.location_id), _days(RollupVisits.day), *_choices(RollupVisits)),
            {"rows": func.sum(RollupVisits.visits), **_states(RollupVisits, func.sum(RollupVisits.visits))},
        ),
    ),
    group=_l("Field work"),
    record="survey_id",
    default_keys=("cycle",),
)

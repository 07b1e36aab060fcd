"""The list of tickets as a file: exactly the rows that the list with this query string holds."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, ColumnElement, String, case, cast, func, literal, select
from sqlalchemy.orm import aliased

from portal.billing.models import Account
from portal.db import session
from portal.errors import ForbiddenError, InvalidInputError
from portal.locations.models import Location
from portal.permissions import Permission, require
from portal.staff.models import Staff
from portal.tickets import filters, pages, selects, service, words
from portal.tickets.filters import TicketFilter
from portal.tickets.models import Ticket, TicketCategory
from portal.tickets.rules import Actor
from portal.tickets.web import actor
from portal.units.models import SurveyUnit
from portal.web.columns import Column, Kind
from portal.web.filters import language
from portal.web.guard import current_scope
from portal.web.list_files import counted, list_response
from portal.web.masking import holds_personal_number

blueprint = Blueprint("ticket_list", __name__)

COLUMNS = (
    Column("number", _l("Number"), Kind.IDENTIFIER, 14),
    Column("category", _l("Category"), width=24),
    Column("title", _l("Subject"), width=40),
    Column("status", _l("Status"), Kind.CODE, 14, words.STATUSES, in_words=True),
    Column("priority", _l("Priority"), Kind.CODE, 11, words.PRIORITIES, in_words=True),
    Column("place", _l("Area"), width=34),
    Column("survey_id", _l("Survey id"), Kind.IDENTIFIER, 12),
    Column("psid", _l("PSID"), Kind.IDENTIFIER),
    Column("bill_month", _l("Bill of the month"), Kind.MONTH),
    Column("source", _l("Source"), Kind.CODE, 14, words.SOURCES, in_words=True),
    Column("reporter", _l("Raised by"), Kind.IDENTIFIER, 18),
    Column("assignee", _l("Assigned to"), Kind.IDENTIFIER, 18),
    Column("assigned_role", _l("Role"), Kind.CODE, 14),
    Column("created_at", _l("Made"), Kind.DATETIME),
    Column("due_at", _l("Due"), Kind.DATETIME),
    Column("resolved_at", _l("Resolved at"), Kind.DATETIME),
    Column("kept", _l("Deadline"), Kind.CODE, 12, {"KEPT": _l("in time"), "MISSED": _l("too late")}, in_words=True),
    Column("hours", _l("Hours until resolved"), Kind.NUMBER, 14),
    Column("reopened", _l("Opened again"), Kind.NUMBER, 12),
    Column("escalation", _l("Escalation"), Kind.NUMBER, 11),
    Column("disputed_amount", _l("Disputed amount"), Kind.MONEY),
    Column("decision", _l("Decision"), Kind.CODE, 14, words.DECISIONS, in_words=True),
    Column("decision_amount", _l("Amount to be taken off"), Kind.MONEY),
)
# Digits that could be a number of somebody stand in no subject of a file: who reads it need not be who may see them.
_PERSONAL = r"(\d[\d -]{8,}\d)"


@blueprint.get("/tickets.<any(csv, xlsx):file_format>")
@require(Permission.EXPORT)
def download(file_format: str) -> ResponseReturnValue:
    """Count in a snapshot, note the beginning in the audit log, stream from the same snapshot."""
    reader = actor()
    if not reader.may(Permission.VIEW_TICKETS):
        raise ForbiddenError(_("Your role does not allow this."))
    if holds_personal_number(request.args.get("q", "")):
        raise InvalidInputError(
            _("A mobile or CNIC number must not stand in the address of a download. Nothing was downloaded.")
        )
    wanted = filters.read_filter(request.args, selects.boxes(reader))
    return list_response(
        "tickets",
        file_format,
        lambda connection: counted(connection, file_rows(wanted, reader, service.now()), COLUMNS),
        title=_("Tickets"),
        what=_("Tickets and their deadlines."),
        sentences=lambda: _sentences(wanted),
        location_id=wanted.area,
    )


def file_rows(wanted: TicketFilter, reader: Actor, moment: dt.datetime) -> Any:
    """The tickets of a list with what a file says of each."""
    assignee, reporter = aliased(Staff), aliased(Staff)
    inside_unit = reader.scope.clause(SurveyUnit.location_id)
    inside_account = reader.scope.clause(Account.location_id)
    kept: ColumnElement[Any] = case(
        (Ticket.resolved_at.is_(None), None),
        (Ticket.due_at.is_(None), None),
        (Ticket.resolved_at <= Ticket.due_at, literal("KEPT")),
        else_=literal("MISSED"),
    )
    hours = func.round(func.extract("epoch", Ticket.resolved_at - Ticket.created_at) / 3600)
    keys = selects.order(wanted)
    return (
        select(
            Ticket.number,
            TicketCategory.name.label("category"),
            func.regexp_replace(Ticket.title, _PERSONAL, "…", "g").label("title"),
            Ticket.status,
            Ticket.priority,
            Location.name.label("place"),
            case((inside_unit, SurveyUnit.survey_id)).label("survey_id"),
            case((inside_account, Account.psid)).label("psid"),
            Ticket.bill_month,
            Ticket.source,
            reporter.username.label("reporter"),
            assignee.username.label("assignee"),
            Ticket.assigned_role,
            Ticket.created_at,
            Ticket.due_at,
            Ticket.resolved_at,
            cast(kept, String).label("kept"),
            cast(hours, BigInteger).label("hours"),
            Ticket.reopened,
            Ticket.escalation,
            Ticket.disputed_amount,
            Ticket.decision,
            Ticket.decision_amount,
        )
        .join(TicketCategory, TicketCategory.id == Ticket.category_id)
        .join(Location, Location.id == Ticket.location_id)
        .outerjoin(assignee, assignee.id == Ticket.assigned_to)
        .outerjoin(reporter, reporter.id == Ticket.reported_by)
        .outerjoin(SurveyUnit, SurveyUnit.id == Ticket.unit_id)
        .outerjoin(Account, Account.id == Ticket.account_id)
        .where(*selects.matching(wanted, reader, moment))
        .order_by(*(key.column.desc() if key.descending else key.column.asc() for key in keys))
    )


def _sentences(wanted: TicketFilter) -> list[str]:
    """The filters in words. Raises NotFoundError for an area that is not the reader's."""
    found = [f"{_('Box')}: {filters.INBOX_NAMES[wanted.box]}"]
    if wanted.area is not None:
        path = pages.area_in_force(session(), wanted.area, current_scope())["area_path"]
        found.append(str(_("in %(area)s", area=" › ".join(name for _id, name in path))))
    if wanted.category is not None:
        category = session().get(TicketCategory, wanted.category)
        name = words.category_name(category, language()) if category else wanted.category
        found.append(f"{_('Category')}: {name}")
    for label, names, value in (
        (_("Status"), words.STATUSES, wanted.status),
        (_("Priority"), words.PRIORITIES, wanted.priority),
        (_("Source"), words.SOURCES, wanted.source),
        (_("Decision"), words.DECISIONS, wanted.decision),
    ):
        if value:
            found.append(f"{label}: {names[value]}")
    if wanted.words:
        found.append(str(_('matching "%(text)s"', text=wanted.words)))
    return found

"""The screen of the audit log: who did what, when, from where, with what before and after; and the same as a file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.audit.models import AuditEntry
from portal.audit.words import ENTITIES, GROUPS
from portal.db import session
from portal.errors import ForbiddenError, InvalidInputError, NotFoundError
from portal.permissions import Permission, Role, require
from portal.trail import presenting, selects
from portal.trail.filters import SYSTEM, TrailFilter, read_filter
from portal.web import format as fmt
from portal.web import i18n
from portal.web.columns import Kind
from portal.web.copying import open_snapshot
from portal.web.downloads import csv_response, xlsx_response
from portal.web.filters import language
from portal.web.guard import current_scope, permission_of
from portal.web.masking import holds_personal_number, personal_sight
from portal.web.noting import begin_export
from portal.web.pages import Key, paginate, url_with
from portal.web.xlsx import Fact

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

COUNTED = 1000
PAGE_TIMEOUT = "5s"
_TIMED_OUT = "57014"
STAFF_PAGE = "people.show"


def reader_of(db: Session) -> selects.Reader:
    """Whose log the signed-in person sees."""
    scope = current_scope()
    if current_user.role is Role.HEAD and scope.is_everywhere:
        return selects.Reader(None, None)
    people = tuple(db.scalars(selects.people(scope, current_user.role, current_user.id)))
    places = None if scope.is_everywhere else tuple(db.scalars(selects.locations(scope)))
    return selects.Reader(places, people)


def lines_of(db: Session, wanted: TrailFilter, reader: selects.Reader) -> Any:
    """The lines of a filter. Raises NotFoundError for an area outside the reader's."""
    places = None
    if wanted.area is not None:
        places = list(db.scalars(selects.locations(current_scope(), wanted.area)))
        if wanted.area not in places:
            raise NotFoundError(_("This area does not exist, or is not one of yours."))
    staff_key = db.scalar(selects.staff_named(wanted.key)) if wanted.key and not wanted.key.isdecimal() else None
    return selects.lines(wanted, reader, places, staff_key)


@contextmanager
def bounded(db: Session) -> Iterator[None]:
    """A page that takes too long says so instead of keeping the database busy."""
    db.execute(text(f"SET LOCAL statement_timeout = '{PAGE_TIMEOUT}'"))
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", "") != _TIMED_OUT:
            raise
        db.rollback()
        raise InvalidInputError(
            _("This takes too long. Choose fewer days, or one more filter."), code="too_slow"
        ) from error
    db.execute(text("SET LOCAL statement_timeout = DEFAULT"))


@blueprint.get("/")
@require(Permission.VIEW_AUDIT)
def index() -> ResponseReturnValue:
    """The newest lines first, as sentences."""
    wanted = read_filter(request.args)
    if holds_personal_number(wanted.key):
        flash(_("Nothing was searched: a mobile or CNIC number must not stand in the address of a page."), "warning")
        return redirect(url_with(id=None), 303)
    db = session()
    reader = reader_of(db)
    query = lines_of(db, wanted, reader)
    with bounded(db):
        page = paginate(
            db,
            query,
            [Key(AuditEntry.at, descending=True), Key(AuditEntry.id, descending=True)],
            request.args.get("cursor"),
        )
        count = len(page)
        if page.next_cursor or page.prev_cursor:
            count = db.scalar(selects.counted(query, COUNTED + 1)) or 0
    entries: list[AuditEntry] = list(page)
    names = names_of(db, entries)
    return render_template(
        "audit/index.html",
        page=page,
        lines=[presenting.line(entry, names, href_of(entry)) for entry in entries],
        count=min(count, COUNTED),
        is_more=count > COUNTED,
        wanted=wanted,
        groups=GROUPS,
        entities=ENTITIES,
        people=db.execute(selects.staff_by_ids(reader.people)).all(),
        sees_all=reader.sees_all,
        system=SYSTEM,
        may_export=current_user.can(Permission.EXPORT),
        **areas_of(db, wanted.area),
    )


def names_of(db: Session, entries: list[AuditEntry], may_see: bool | None = None) -> presenting.Names:
    """Names for a page of lines: two look-ups, however many lines. Without `may_see` the reader's own right holds."""
    people = {row[0]: (row[1], row[2]) for row in db.execute(selects.staff_by_ids(presenting.staff_ids(entries)))}
    urdu = language() == "ur"
    places = {
        row[0]: row[2] if urdu else row[1] for row in db.execute(selects.places_by_ids(presenting.place_ids(entries)))
    }
    may_see = personal_sight(current_user).everybody if may_see is None else may_see
    return presenting.Names(people, places, may_see, language())


def areas_of(db: Session, chosen: int | None) -> dict[str, Any]:
    """The chosen area, the one above it (if it is the reader's), and what lies one level below."""
    scope = current_scope()
    both = db.execute(selects.area_and_above(chosen, scope)).all() if chosen is not None else []
    area = next((row for row in both if row.id == chosen), None)
    above = next((row for row in both if row.id != chosen), None)
    return {"area": area, "above": above, "below": db.execute(selects.areas_below(chosen, scope)).all()}


def href_of(entry: AuditEntry) -> str:
    """Where the thing of a line is opened, for those who may; '' for none."""
    key = entry.entity_id
    after = entry.after or {}
    if entry.entity == "report" and current_user.can(Permission.VIEW_REPORTS):
        query = after.get("query")
        return f"/dash/reports/{key}" + (f"?{query}" if isinstance(query, str) and query else "")
    if entry.entity == "dashboard" and current_user.can(Permission.VIEW_DASHBOARDS):
        return f"/dash/{key}/"
    endpoints: dict[str, tuple[str, dict[str, Any]]] = {
        "unit": ("records.unit", {"survey_id": key}),
        "account": ("records.account", {"psid": key}),
        "visit": ("visits.show", {"visit_id": int(key) if key.isdecimal() else 0}),
        "import_batch": ("imports.show", {"batch_id": int(key) if key.isdecimal() else 0}),
        "setting": ("settings.history", {}),
        "ticket": ("tickets.show", {"number": key}),
        "staff": (STAFF_PAGE, {"staff_id": int(key) if key.isdecimal() else 0}),
    }
    endpoint, values = endpoints.get(entry.entity, ("", {}))
    if endpoint not in current_app.view_functions or not all(values.values()):
        return ""
    permission = permission_of(current_app, endpoint)
    return url_for(endpoint, **values) if permission and current_user.can(permission) else ""


@blueprint.get("/log.<any(csv, xlsx):file_format>")
@require(Permission.EXPORT)
def download(file_format: str) -> ResponseReturnValue:
    """Exactly the lines of the filter, newest first; the download is a line itself, but not one of those."""
    if not current_user.can(Permission.VIEW_AUDIT):
        raise ForbiddenError(_("Your role does not allow this."))
    wanted = read_filter(request.args)
    if holds_personal_number(wanted.key):
        raise InvalidInputError(_("A mobile or CNIC number must not stand in the address of a page."))
    db = session()
    reader = reader_of(db)
    query = lines_of(db, wanted, reader)
    rows = selects.download(query, personal_sight(current_user).everybody)
    snapshot = open_snapshot()
    try:
        count = snapshot.connection.scalar(selects.counted(query, 2**31)) or 0
        after = {"query": wanted.query, "rows": count}
        note = begin_export(f"audit.export.{file_format}", "audit_log", "", after, location_id=wanted.area)
        name = f"audit-log-{dt.datetime.now(fmt.KARACHI).date()}.{file_format}"
        if file_format == "csv":
            return csv_response(rows, selects.COLUMNS, name, snapshot=snapshot, expected_rows=count, note=note)
        return xlsx_response(
            rows,
            selects.COLUMNS,
            name,
            title=str(_("Audit log")),
            facts=_facts(db, wanted, count),
            sheet_names=(_("Summary"), _("Rows")),
            right_to_left=i18n.language() in i18n.RIGHT_TO_LEFT,
            snapshot=snapshot,
            expected_rows=count,
            note=note,
        )
    except BaseException as error:
        snapshot.close(error)
        raise


def _facts(db: Session, wanted: TrailFilter, count: int) -> list[Fact]:
    """What sheet one states: the filters in words, how many lines, whose view, who and when."""
    person = db.execute(selects.staff_by_ids([wanted.who])).first() if wanted.who else None
    area = db.execute(selects.area(wanted.area, current_scope())).first() if wanted.area is not None else None
    filters = [
        (_("Who"), person.username if person else _("system") if wanted.who == SYSTEM else ""),
        (_("What"), GROUPS[wanted.group] if wanted.group else ""),
        (_("Kind of thing"), ENTITIES[wanted.entity] if wanted.entity else ""),
        (_("Area"), area.name if area else ""),
        (_("From"), wanted.first_day or ""),
        (_("To"), wanted.last_day or ""),
        (_("Id"), wanted.key),
    ]
    return [
        *(Fact(str(label), str(value)) for label, value in filters if value),
        Fact(_("Areas of the reader"), ", ".join(current_user.area_names) or _("No area")),
        Fact(_("Rows"), count, Kind.NUMBER),
        Fact(_("Made by"), f"{current_user.full_name} ({current_user.username})"),
        Fact(_("Made at (Asia/Karachi)"), dt.datetime.now(fmt.KARACHI), Kind.DATETIME),
    ]

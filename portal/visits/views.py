"""Pages of visits: the form, one visit with its correction, the list and its downloads."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select

from portal.billing.cycles import cycle_of
from portal.db import session, transaction
from portal.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from portal.files.incoming import uploads_of
from portal.files.models import PHOTO
from portal.files.selects import files_of
from portal.files.service import Owner, store_photo
from portal.jobs.defer import defer
from portal.permissions import Permission, require
from portal.registers.closed import closed_unit
from portal.rollups.remembering import remembered
from portal.staff import areas as tree
from portal.units.models import SurveyUnit
from portal.visits import geo, reviewing, rules, selects, service, words
from portal.visits.filters import VisitFilter, read_filter
from portal.visits.forms import VisitForm, read_version
from portal.visits.models import DELIVERY, ROUTINE, ComplianceVisit
from portal.visits.service import Actor, NewVisit
from portal.web.context import client_address, safe_next, settings
from portal.web.filters import language
from portal.web.format import KARACHI
from portal.web.guard import current_scope
from portal.web.masking import may_see_personal
from portal.web.pages import paginate
from portal.web.security import takes_files

blueprint = Blueprint("visits", __name__, url_prefix="/visits")

# The form asks the phone where it is; no other page may.
POSITION = "camera=(), geolocation=(self), microphone=(), payment=(), usb=(), interest-cohort=()"


@blueprint.app_context_processor
def _words() -> dict[str, Any]:
    return {"visit_words": words, "may_review_visit": _may_review}


@blueprint.context_processor
def _shared() -> dict[str, Any]:
    return {"permission": Permission}


def today() -> dt.date:
    return dt.datetime.now(KARACHI).date()


def actor() -> Actor:
    """The signed-in person as the one who acts."""
    return Actor(current_user.id, current_user.username, current_scope(), client_address())


def office() -> service.Rules:
    """What the office has set for visits."""
    config = settings()
    return service.Rules(config.visit_far_m, config.auto_approve_visits == "on")


def settle(bills: list[service.BillKey]) -> None:
    """Write what follows for the bills in the transaction, or have it done when the import that is running is in."""
    if not reviewing.bring_up_to_date(session(), bills):
        defer(service.DELIVERIES_TASK, bills=[[account, month.isoformat()] for account, month in bills])


def _may_review(visit: ComplianceVisit) -> bool:
    return rules.may_review(current_user.id, visit.staff_id, current_user.can(Permission.REVIEW_VISITS))


# -- The form ------------------------------------------------------------------------------------------------------
@blueprint.route("/new", methods=["GET", "POST"])
@require(Permission.LOG_VISITS)
@takes_files
def new() -> ResponseReturnValue:
    """Log a visit to a unit: `?unit=<survey id>&type=DELIVERY`. A closed one gets no form; one sent for it is taken."""
    survey_id = request.args.get("unit", "").strip()
    if not survey_id:
        return render_template("visits/which.html", types=words.TYPES, visit_type=_type())
    unit = _unit(survey_id)
    form = VisitForm()
    if request.method == "GET":
        if unit.deleted_at is not None:
            return closed_unit(unit)
        form.client_uuid.data = str(uuid.uuid4())
        return _form_page(form, unit)
    try:
        if not form.validate():
            return _form_page(form, unit, 422)
        wanted = NewVisit(
            client_uuid=form.uuid, survey_id=survey_id, visit_type=_type(), said=form.said, bill=form.bill_key,
            device_at=form.device_time, ticket_id=_ticket(unit),
        )  # fmt: skip
        visit_id = _log(wanted)
    except DomainError as error:
        if isinstance(error, NotFoundError | ForbiddenError):
            raise
        return _form_page(form, unit, error.status, error=_at_field(form, error))
    return redirect(safe_next(request.args.get("next")) or url_for(".show", visit_id=visit_id), 303)


def _log(wanted: NewVisit) -> int:
    """Visit, photos and what follows, all or nothing. The same sent again changes nothing."""
    with transaction() as db:
        logged = service.log_visit(db, actor(), wanted, dt.datetime.now(dt.UTC))
        visit = logged.visit
        if logged.is_new:
            _store_photos(visit)
            settle(service.finish(db, visit, office()))
        visit_id, is_closed = visit.id, db.get_one(SurveyUnit, visit.unit_id).deleted_at is not None
    flash(_("Saved.") if logged.is_new else _("This visit was saved before; nothing was saved twice."), "success")
    if logged.is_new and is_closed:
        flash(_("This unit was closed meanwhile. The visit is saved; the reviewer sees it."), "warning")
    if logged.is_new and visit.gps_lat is not None and not geo.Point(visit.gps_lat, visit.gps_lon or 0).is_in_punjab:
        flash(_("The phone said it was outside Punjab. The visit is saved; the reviewer sees it."), "warning")
    return visit_id


def _store_photos(visit: ComplianceVisit) -> None:
    for upload, client_uuid in uploads_of("photos"):
        store_photo(
            session(), Owner(visit_id=visit.id), upload, client_uuid=client_uuid, location_id=visit.location_id,
            staff_id=current_user.id,
        )  # fmt: skip


def _type() -> str:
    wanted = request.args.get("type", ROUTINE).strip().upper()
    return wanted if wanted in rules.OUTCOMES_OF else ROUTINE


def _ticket(unit: SurveyUnit) -> int | None:
    """The ticket that the visit answers, if it is one of this unit inside the area."""
    from sqlalchemy import column, table

    text = request.args.get("ticket", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        return None
    tickets = table("tickets", column("id"), column("unit_id"), column("location_id"))
    query = select(tickets.c.id).where(
        tickets.c.id == int(text), tickets.c.unit_id == unit.id, current_scope().clause(tickets.c.location_id)
    )
    found: int | None = session().scalar(query)
    return found


def _unit(survey_id: str) -> SurveyUnit:
    unit = None
    if survey_id.isascii() and survey_id.isdecimal():
        unit = (
            session()
            .scalars(
                select(SurveyUnit).where(
                    SurveyUnit.survey_id == survey_id, current_scope().clause(SurveyUnit.location_id)
                )
            )
            .first()
        )
    if unit is None:
        raise NotFoundError(_("Survey id %(id)s is not in the register of your area.", id=survey_id))
    return unit


def _at_field(form: VisitForm, error: DomainError) -> str:
    """Put an error to the field it is about; what is about none is returned, for the top of the page."""
    field = error.details.get("field")
    if field and field in form:
        form[field].errors = [*form[field].errors, str(error)]
        return ""
    return str(error)


def _form_page(form: VisitForm, unit: SurveyUnit, status: int = 200, error: str = "") -> ResponseReturnValue:
    visit_type = _type()
    cycle = cycle_of(today(), settings().cycle_start_day)
    bills: list[Any] = []
    if visit_type == DELIVERY:
        bills = list(session().execute(selects.bills_to_hand_over(unit.id, current_scope())))
        if not form.bill.data and bills:
            form.bill.data = f"{bills[0].account_id}:{bills[0].billing_month:%Y-%m}"
    # Back from the visit just saved, the form looks as if it had not been sent; its uuid is a new one.
    same = selects.last_like(unit.id, current_user.id, visit_type, selects.start_of(today()), current_scope())
    page = render_template(
        "visits/form.html", form=form, unit=unit, visit_type=visit_type, outcomes=rules.OUTCOMES_OF[visit_type],
        bills=bills, error=error, cycle=cycle, today=today(), promised=rules.PROMISED, correcting=None, photos=[],
        before=session().scalars(same).first(),
    )  # fmt: skip
    return _asking_for_position(page, status)


def _asking_for_position(page: str, status: int) -> ResponseReturnValue:
    response = make_response(page, status)
    response.headers["Permissions-Policy"] = POSITION
    return response


# -- One visit -----------------------------------------------------------------------------------------------------
def find(visit_id: int) -> Any:
    """(visit, unit, agent, place, reviewer, psid); raises NotFoundError, also for one of another area."""
    row = session().execute(selects.visit(visit_id, current_scope())).first() if 0 < visit_id < 2**63 else None
    if row is None:
        raise NotFoundError(_("There is no such visit in your area."))
    return row


@blueprint.get("/<int:visit_id>")
@require(Permission.VIEW_FIELD)
def show(visit_id: int) -> ResponseReturnValue:
    """One visit with its photos, its position, and what the reviewer said."""
    return show_page(find(visit_id))


def show_page(row: Any, status: int = 200, error: str = "", reason: str = "") -> ResponseReturnValue:
    visit, unit = row[0], row[1]
    photos = list(session().scalars(files_of(visit_ids=[visit.id], kind=PHOTO)))
    home, phone = geo.point(unit.gps_lat, unit.gps_lon), geo.point(visit.gps_lat, visit.gps_lon)
    far_m = settings().visit_far_m
    page = render_template(
        "visits/visit.html", visit=visit, unit=unit, agent=row.agent, place=row.place, reviewer=row.reviewer,
        psid=row.psid, photos=photos, far_m=far_m, sketch=geo.sketch(home, phone, far_m) if home and phone else None,
        may_see=may_see_personal(current_user, unit.id), may_review=_may_review(visit), error=error, reason=reason,
        may_correct=rules.may_correct(current_user.id, visit.staff_id, visit.review_state)
        and current_user.can(Permission.LOG_VISITS),
        next_states=rules.next_states(visit.review_state),
    )  # fmt: skip
    return page, status


@blueprint.route("/<int:visit_id>/correct", methods=["GET", "POST"])
@require(Permission.LOG_VISITS)
@takes_files
def correct(visit_id: int) -> ResponseReturnValue:
    """Answer a return: other words, more photos. The visit waits for review again."""
    row = find(visit_id)
    visit = row[0]
    if not rules.may_correct(current_user.id, visit.staff_id, visit.review_state):
        raise ConflictError(_("Only who logged a visit can correct it, and only until it is approved."))
    if request.method == "GET":
        return _correct_page(VisitForm(obj=visit), row)
    form = VisitForm()
    try:
        if not form.validate():
            return _correct_page(form, row, 422)
        with transaction() as db:
            corrected = service.correct(
                db, actor(), visit_id, read_version(request.form.get("version")), form.said, now=dt.datetime.now(dt.UTC)
            )
            _store_photos(corrected)
            settle(service.finish(db, corrected, office()))
    except ConflictError as error:
        return _correct_page(form, find(visit_id), error.status, error=str(error))
    except DomainError as error:
        if isinstance(error, NotFoundError | ForbiddenError):
            raise
        return _correct_page(form, find(visit_id), error.status, error=_at_field(form, error))
    flash(_("Saved. It waits for review again."), "success")
    return redirect(url_for(".show", visit_id=visit_id), 303)


def _correct_page(form: VisitForm, row: Any, status: int = 200, error: str = "") -> ResponseReturnValue:
    visit = row[0]
    page = render_template(
        "visits/form.html", form=form, unit=row[1], visit_type=visit.visit_type,
        outcomes=rules.OUTCOMES_OF[visit.visit_type], bills=[], error=error, cycle=None, today=today(),
        promised=rules.PROMISED, correcting=visit, before=None,
        photos=list(session().scalars(files_of(visit_ids=[visit.id], kind=PHOTO))),
    )  # fmt: skip
    return _asking_for_position(page, status)


# -- The list ------------------------------------------------------------------------------------------------------
def area_in_force(area_id: int | None) -> dict[str, Any]:
    """The chosen area, the way to it inside the scope, and what lies below: for the filter. Raises NotFoundError."""
    db, scope = session(), current_scope()
    area: tree.NamedArea | None = None
    path: tuple[tree.NamedArea, ...] = ()
    if area_id is not None:
        area = tree.inside(db, [area_id], scope, language()).get(area_id)
        if area is None:
            raise NotFoundError(_("This area does not exist, or is not one of yours."))
        way = tree.inside(db, area.area.path, scope, language())
        path = tuple(way[step] for step in area.area.path if step in way)
    return {"area": area, "path": path, "below": tree.below(db, area_id, scope, language())}


@blueprint.get("/")
@require(Permission.VIEW_FIELD)
def index() -> ResponseReturnValue:
    """The visits of the reader's area, newest first."""
    wanted = read_filter(request.args, today())
    db, scope = session(), current_scope()
    place = area_in_force(wanted.area)
    page = paginate(db, selects.listed(wanted, scope), selects.NEWEST_FIRST, request.args.get("cursor"))

    def count() -> int:
        return db.scalar(selects.number_of(wanted, scope)) or 0

    number = remembered(db, scope, "visits", wanted, count) if selects.is_in_rollup(wanted) else count()
    return render_template(
        "visits/list.html", page=page, wanted=wanted, count=number,
        agents=_agents(wanted), query=request.query_string.decode(), **place,
    )  # fmt: skip


def _agents(wanted: VisitFilter) -> list[Any]:
    return list(session().execute(selects.agents(current_scope(), wanted.first)))

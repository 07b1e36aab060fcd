"""Making and editing tickets, and the lists of areas that their forms ask for."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from flask import flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from portal.db import session, transaction
from portal.errors import ConflictError, DomainError, InvalidInputError, NotFoundError
from portal.files.incoming import uploads_of
from portal.files.service import Owner, store_document, store_photo
from portal.permissions import Permission, require
from portal.registers import wording
from portal.tickets import areas, decisions, editing, linking, pages, selects, service, words
from portal.tickets.forms import WANTED, TicketForm, read_ids
from portal.tickets.linking import About
from portal.tickets.rules import Actor
from portal.tickets.service import Draft
from portal.tickets.web import actor, blueprint, form_uuid, version_of, work_calendar
from portal.web.filters import language
from portal.web.guard import current_scope
from portal.web.masking import may_see_personal
from portal.web.security import takes_files

# Links that a form carries along unseen: set by the page one came from.
CARRIED = ("payment", "visit", "correction")


def _about(values: Any, month: Any = None, *, survey_id: str, psid: str) -> About:
    return linking.about(
        session(), current_scope(), survey_id=survey_id, psid=psid, payment_id=values.get("payment", ""),
        visit_id=values.get("visit", ""), correction_id=values.get("correction", ""), bill_month=month,
    )  # fmt: skip


def _at_field(form: TicketForm, error: DomainError) -> str:
    """Put an error to the field it is about; what is about none is returned, for the top of the page."""
    field = error.details.get("field")
    if field and field in form:
        form[field].errors = [*form[field].errors, str(error)]
        return ""
    return str(error)


# -- New -------------------------------------------------------------------------------------------------------------
@blueprint.route("/new", methods=["GET", "POST"])
@takes_files
@require(Permission.RAISE_TICKETS)
def new() -> ResponseReturnValue:
    """A new ticket. Args: unit (survey id), account (PSID), visit, payment, correction (ids), month, category (id)."""
    db, form = session(), TicketForm()
    form.offer(db.scalars(selects.categories(only_active=True)), language())
    if request.method == "GET":
        return _begin(form)
    if "pick" in request.form:
        return _new_page(form, About())
    is_good = form.validate()
    try:
        about = _about(request.form, form.month, survey_id=form.survey_id.data or "", psid=form.psid.data or "")
    except NotFoundError as error:
        if error.details.get("field") in CARRIED:
            raise
        return _new_page(form, About(), 422, error=_at_field(form, error))
    place = about.location_id or _chosen_area()
    if not is_good or place is None:
        missing = "" if place is not None else _("Choose an area, or enter a survey id or PSID.")
        return _new_page(form, about, 422, area_error=missing)
    draft = Draft(
        category_id=int(form.category.data), priority=form.priority.data, title=form.title.data,
        description=form.description.data or "", location_id=place, links=about.links,
        disputed_amount=form.amount, wanted=form.wanted,
    )  # fmt: skip
    try:
        with transaction() as current:
            ticket = service.create(current, actor(), work_calendar(), form_uuid(request.form), draft)
            number = ticket.number
            _attach(current, ticket)
            missing = decisions.missing_of(current, ticket)
    except DomainError as error:
        if error.status in {403, 404, 409}:
            raise
        return _new_page(form, about, error.status, error=_at_field(form, error))
    flash(_("Ticket %(number)s is made.", number=number), "success")
    if missing:
        flash(missing, "warning")
    return redirect(url_for(".show", number=number), 303)


def _attach(db: Any, ticket: Any) -> None:
    for name, store in (("photos", store_photo), ("documents", store_document)):
        for upload, client_uuid in uploads_of(name):
            store(
                db, Owner(ticket_id=ticket.id), upload, client_uuid=client_uuid, location_id=ticket.location_id,
                staff_id=actor().staff_id,
            )  # fmt: skip


def _begin(form: TicketForm) -> ResponseReturnValue:
    """The empty form, filled with what the page one comes from knows. Raises NotFoundError for another area's."""
    about = _about(request.args, survey_id=request.args.get("unit", ""), psid=request.args.get("account", ""))
    form.survey_id.data = about.unit.survey_id if about.unit is not None else ""
    form.psid.data = about.account.psid if about.account is not None else ""
    month = request.args.get("month", "")[:7] or (f"{about.bill_month:%Y-%m}" if about.bill_month else "")
    form.bill_month.data = month
    if request.args.get("category") in {one.value for one in form.category.choices}:
        form.category.data = request.args["category"]
    return _new_page(form, about)


def _chosen_area() -> int | None:
    """The area of the form; none when it names one that is not the person's."""
    wanted = _area_ids()
    found = areas.cascade(session(), current_scope(), wanted, language()).area
    return found if not wanted or found in wanted else None


def _area_ids() -> list[int]:
    return read_ids([*request.form.getlist("area"), request.args.get("area", "")])


def _new_page(
    form: TicketForm, about: About, status: int = 200, *, error: str = "", area_error: str = ""
) -> ResponseReturnValue:
    db, reader = session(), actor()
    open_already: list[Any] = []
    if about.unit is not None or about.account is not None:
        open_already = list(db.execute(_open_already(reader, about)))
    page = render_template(
        "tickets/new.html",
        form=form,
        about=about,
        error=error,
        area_error=area_error,
        cascade=areas.cascade(db, current_scope(), _area_ids(), language()),
        open_already=open_already,
        client_uuid=request.form.get("client_uuid") or uuid.uuid4(),
        carried={name: request.values[name] for name in CARRIED if request.values.get(name)},
        **_wanted_part(form, about.unit),
    )
    return page, status


def _open_already(reader: Actor, about: About) -> Any:
    return selects.open_of(about.links.unit_id, about.links.account_id, None, reader)


def _wanted_part(form: TicketForm, unit: Any) -> dict[str, Any]:
    """The fields of what is to be corrected, each with what the register has now."""
    sees = unit is not None and may_see_personal(current_user, unit.id)
    current = {name: words.wanted_text(name, getattr(unit, name), sees) if unit is not None else "" for name in WANTED}
    effects = {str(one.id): one.effect for one in session().scalars(selects.categories())}
    return {"wanted_fields": [form[f"wanted_{name}"] for name in WANTED], "current": current, "effects": effects}


# -- Edit ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Difference:
    """One field of a conflict: what is saved now, and what was typed."""

    label: Any
    saved: str
    typed: str


@blueprint.route("/<number>/edit", methods=["GET", "POST"])
@require(Permission.WORK_TICKETS)
def edit(number: str) -> ResponseReturnValue:  # noqa: PLR0911 - each way a form can end
    """Change what a ticket says."""
    found = pages.load(session(), actor(), number)
    form = TicketForm()
    own = [found.category] if not found.category.is_active else []
    form.offer([*own, *session().scalars(selects.categories(only_active=True))], language())
    if request.method == "GET":
        _fill(form, found)
        return _edit_page(found, form)
    if "pick" in request.form:
        return _edit_page(found, form)
    is_good = form.validate()
    try:
        about = _about({}, form.month, survey_id=form.survey_id.data or "", psid=form.psid.data or "")
    except NotFoundError as error:
        return _edit_page(found, form, 422, error=_at_field(form, error))
    if not is_good:
        return _edit_page(found, form, 422)
    chosen = _chosen_area()
    facts = editing.Facts(
        title=form.title.data, description=form.description.data or "", category_id=int(form.category.data),
        priority=form.priority.data, location_id=about.location_id or chosen or found.ticket.location_id,
        unit_id=about.links.unit_id, account_id=about.links.account_id, bill_month=form.month,
        disputed_amount=form.amount, wanted=form.wanted,
    )  # fmt: skip
    try:
        with transaction() as db:
            changed = editing.edit(db, actor(), work_calendar(), number, version_of(request.form), facts)
    except ConflictError as error:
        fresh = pages.load(session(), actor(), number)
        if error.code == "stale":
            return _edit_page(fresh, form, error.status, conflict=_differences(fresh, form))
        return _edit_page(fresh, form, error.status, error=str(error))
    except InvalidInputError as error:
        return _edit_page(pages.load(session(), actor(), number), form, error.status, error=_at_field(form, error))
    said = _("Saved.") if changed else _("Nothing was different; nothing was changed.")
    flash(said, "success" if changed else "info")
    return redirect(url_for(".show", number=number), 303)


def _saved(found: pages.Found) -> dict[str, str]:
    """The ticket as its form would hold it."""
    ticket = found.ticket
    return {
        "category": str(ticket.category_id), "priority": ticket.priority, "title": ticket.title,
        "description": ticket.description, "survey_id": found.row.survey_id or "", "psid": found.row.psid or "",
        "bill_month": f"{ticket.bill_month:%Y-%m}" if ticket.bill_month else "",
        "disputed_amount": "" if ticket.disputed_amount is None else str(ticket.disputed_amount),
        **{f"wanted_{name}": wording.field_words(name, str(ticket.wanted.get(name, ""))) for name in WANTED},
    }  # fmt: skip


def _fill(form: TicketForm, found: pages.Found) -> None:
    for name, value in _saved(found).items():
        form[name].data = value


def _differences(found: pages.Found, form: TicketForm) -> list[Difference]:
    """The fields in which the form differs from what somebody else has saved meanwhile."""
    differences = []
    for name, saved in _saved(found).items():
        typed = (form[name].data or "").replace("\r\n", "\n").strip()
        if typed != saved:
            choices = {one.value: one.label for one in getattr(form[name], "choices", None) or ()}
            differences.append(
                Difference(form[name].label.text, str(choices.get(saved, saved)), str(choices.get(typed, typed)))
            )
    return differences


def _edit_page(
    found: pages.Found, form: TicketForm, status: int = 200, *, conflict: Any = None, error: str = ""
) -> ResponseReturnValue:
    db, scope = session(), current_scope()
    chosen = _area_ids() if request.method == "POST" else areas.way_down(db, found.ticket.location_id, scope)
    unit = linking.unit_of(db, found.row.survey_id, scope) if found.row.survey_id else None
    is_fresh = request.method == "GET" or conflict is not None
    page = render_template(
        "tickets/edit.html",
        found=found,
        ticket=found.ticket,
        form=form,
        conflict=conflict,
        error=error,
        area_error="",
        cascade=areas.cascade(db, scope, chosen, language()),
        version=found.ticket.version if is_fresh else version_of(request.form),
        **_wanted_part(form, unit),
    )
    return page, status


# -- Areas -----------------------------------------------------------------------------------------------------------
@blueprint.get("/areas")
@require(Permission.VIEW_TICKETS)
def below() -> ResponseReturnValue:
    """What lies one level below an area, for the lists of a form: [[id, name], ...]."""
    parent = read_ids([request.args.get("parent", "")])
    if not parent:
        return jsonify([])
    rows = session().execute(areas.options(parent[0], current_scope(), language()))
    return jsonify([[row[0], row[1]] for row in rows])

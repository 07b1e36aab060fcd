"""Pages of assigning: the form, its preview, one agent, and the end or handing over of what he has."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from sqlalchemy import select

from portal.assignments import choosing, forms, selects, service
from portal.assignments.standing import WORDS
from portal.db import session, transaction
from portal.errors import ConflictError, DomainError, InvalidInputError, NotFoundError
from portal.permissions import Permission, require
from portal.staff.authority import By
from portal.units.models import SurveyUnit
from portal.units.words import USES
from portal.web.context import client_address
from portal.web.format import KARACHI
from portal.web.guard import current_scope
from portal.web.masking import ASSIGNED_UNITS

blueprint = Blueprint("assignments", __name__, url_prefix="/assignments")

# Of a form, in its preview.
NOT_KEPT = frozenset({"csrf_token", "seen", "taken", "step", "find_area", "find_agent"})


@blueprint.record_once
def _register(state: BlueprintSetupState) -> None:
    """Whoever is assigned a unit today sees its numbers in full (see `portal.web.masking`)."""
    state.app.extensions[ASSIGNED_UNITS] = lambda staff_id: selects.assigned_units(staff_id, today())


def today() -> dt.date:
    """The day in Karachi."""
    return dt.datetime.now(KARACHI).date()


def by() -> By:
    """The signed-in person as the one who acts."""
    return By(current_user.id, current_user.username, client_address())


# -- Assigning -------------------------------------------------------------------------------------------------------
@blueprint.get("/new")
@require(Permission.ASSIGN_WORK)
def new() -> ResponseReturnValue:
    """The form: an area with a filter, or the units it was opened for."""
    return _form(request.args)


def _form(values: Any, status: int = 200, error: DomainError | None = None) -> ResponseReturnValue:
    """The form with what it offers; for its script only the lists (`X-Parts`)."""
    db, scope = session(), current_scope()
    units = _units(forms.survey_ids(values))
    area = None if units else forms.number(values.get("area"))
    locations = [unit.location_id for unit in units] if units else [area] if area is not None else []
    chosen = set(forms.numbers(values.getlist("agent")))
    page = render_template(
        "assignments/parts.html" if "X-Parts" in request.headers else "assignments/new.html",
        agents=choosing.agents(db, scope, sorted(set(locations)), forms.find(values, "find_agent"), chosen, today()),
        is_placed=bool(locations),
        is_single=len(units) == 1,
        units=units,
        holders=_holders(units),
        places=None if units else choosing.places(db, scope, forms.find(values, "find_area"), area),
        values=values,
        chosen=chosen,
        standings=WORDS,
        uses=USES,
        error=error,
        today=today(),
    )
    return page, status


def _units(survey_ids: tuple[str, ...]) -> list[SurveyUnit]:
    """The units a form is about. Raises NotFoundError when one is not of the reader's areas."""
    if not survey_ids:
        return []
    found = session().scalars(
        select(SurveyUnit)
        .where(SurveyUnit.survey_id.in_(survey_ids), current_scope().clause(SurveyUnit.location_id))
        .order_by(SurveyUnit.location_id, SurveyUnit.id)
    )
    units = list(found)
    if len(units) != len(survey_ids):
        raise NotFoundError(_("Survey id %(id)s is not in the register of your area.", id=survey_ids[0]))
    return units


def _holders(units: list[SurveyUnit]) -> list[Any]:
    """Whose the one unit of a form is already."""
    if len(units) != 1:
        return []
    return list(session().execute(selects.agents_of(units[0].id, units[0].location_id, today())))


@blueprint.post("/new")
@require(Permission.ASSIGN_WORK)
def preview() -> ResponseReturnValue:
    """What would be done. A single unit that nobody has is assigned at once; a list of ticked ones opens the form, and
    what is typed to find an area or an agent shows it anew."""
    if request.form.get("step") in {"open", "find"}:
        return _form(request.form)
    _units(forms.survey_ids(request.form))
    try:
        wanted = forms.wanted(request.form, today())
        found = service.plan(session(), wanted, current_scope(), today())
    except InvalidInputError as error:
        return _form(request.form, error.status, error)
    if len(wanted.survey_ids) == 1 and not found.taken and not found.is_empty:
        return _assign(wanted, found.seen)
    return _preview_page(found)


def _preview_page(found: service.Plan, status: int = 200, *, is_stale: bool = False) -> ResponseReturnValue:
    kept = [(key, value) for key in request.form for value in request.form.getlist(key)]
    kept = [(key, value) for key, value in kept if key not in NOT_KEPT]
    page = render_template("assignments/preview.html", plan=found, kept=kept, is_stale=is_stale, standings=WORDS)
    return page, status


@blueprint.post("/assign")
@require(Permission.ASSIGN_WORK)
def assign() -> ResponseReturnValue:
    """Do what the preview showed."""
    _units(forms.survey_ids(request.form))
    try:
        wanted = forms.wanted(request.form, today())
    except InvalidInputError as error:
        return _form(request.form, error.status, error)
    return _assign(wanted, request.form.get("seen", ""))


def _assign(wanted: service.Wanted, seen: str) -> ResponseReturnValue:
    try:
        with transaction() as db:
            done = service.assign(db, by(), current_scope(), wanted, seen, today())
    except ConflictError:
        fresh = service.plan(session(), wanted, current_scope(), today())
        return _preview_page(fresh, 409, is_stale=True)
    except InvalidInputError as error:
        return _form(request.form, error.status, error)
    if wanted.how == service.AREA:
        flash(_("%(area)s is assigned.", area=done.area_name), "success")
    else:
        flash(ngettext("%(n)s unit is assigned.", "%(n)s units are assigned.", done.new, n=f"{done.new:,}"), "success")
    if len(wanted.survey_ids) == 1:
        return redirect(url_for("records.unit", survey_id=wanted.survey_ids[0]), 303)
    if len(wanted.agents) == 1:
        return redirect(url_for(".agent", staff_id=wanted.agents[0]), 303)
    return redirect(url_for("field.load"), 303)


# -- One agent -------------------------------------------------------------------------------------------------------
def _agent(staff_id: int) -> Any:
    """An agent of the reader's areas. Raises NotFoundError."""
    known = 0 < staff_id <= forms.BIGGEST_ID
    row = session().execute(selects.agent(staff_id, current_scope())).first() if known else None
    if row is None:
        raise NotFoundError(_("There is no such agent in your area."))
    return row


@blueprint.get("/agents/<int:staff_id>")
@require(Permission.ASSIGN_WORK)
def agent(staff_id: int) -> ResponseReturnValue:
    """What one agent has, with its end or handing over."""
    return _agent_page(_agent(staff_id))


def _agent_page(
    person: Any, status: int = 200, *, found: service.HandOver | None = None, error: DomainError | None = None
) -> ResponseReturnValue:
    db, scope, chosen = session(), current_scope(), set(forms.numbers(request.form.getlist("agent")))
    rows = db.execute(selects.of_agent(person.id, scope, today())).all()
    places = sorted({row.location_id for row in rows})
    page = render_template(
        "assignments/parts.html" if "X-Parts" in request.headers else "assignments/agent.html",
        person=person,
        areas=[name for _id, name in db.execute(selects.area_names([person.id]))],
        rows=rows,
        agents=choosing.agents(
            db, scope, places, forms.find(request.form, "find_agent"), chosen, today(), person.id
        ),
        is_placed=bool(places),
        is_single=False,
        places=None,
        found=found,
        error=error,
        values=request.form,
        chosen=chosen,
        today=today(),
    )  # fmt: skip
    return page, status


@blueprint.post("/agents/<int:staff_id>/end")
@require(Permission.ASSIGN_WORK)
def end(staff_id: int) -> ResponseReturnValue:
    """End what an agent has, or a part of it."""
    person = _agent(staff_id)
    try:
        day = forms.day(request.form.get("day"), today(), "day") or today()
        with transaction() as db:
            number = service.end(
                db, by(), current_scope(), staff_id, forms.part(request.form), day, today(),
                " ".join(request.form.get("reason", "").split())[:300],
            )  # fmt: skip
    except (ConflictError, InvalidInputError) as error:
        return _agent_page(person, error.status, error=error)
    flash(ngettext("%(n)s assignment ended.", "%(n)s assignments ended.", number, n=f"{number:,}"), "success")
    return redirect(url_for(".agent", staff_id=staff_id), 303)


@blueprint.post("/agents/<int:staff_id>/hand-over")
@require(Permission.ASSIGN_WORK)
def hand_over(staff_id: int) -> ResponseReturnValue:
    """Show what handing over would do; with what was shown in the form, do it. What is typed to find an agent shows
    the form anew."""
    person = _agent(staff_id)
    if request.form.get("step") == "find":
        return _agent_page(person)
    part, to, seen = forms.part(request.form), forms.numbers(request.form.getlist("agent")), request.form.get("seen")
    try:
        day = forms.day(request.form.get("day"), today(), "day") or today()
        if not seen:
            found = service.plan_hand_over(session(), current_scope(), staff_id, part, to, day, today())
            return _agent_page(person, found=found)
        with transaction() as db:
            done = service.hand_over(
                db, by(), current_scope(), staff_id, part, to, day, seen, today(),
                " ".join(request.form.get("reason", "").split())[:300],
            )  # fmt: skip
    except ConflictError as error:
        fresh = service.plan_hand_over(session(), current_scope(), staff_id, part, to, today(), today())
        return _agent_page(person, error.status, found=fresh, error=error)
    except InvalidInputError as error:
        return _agent_page(person, error.status, error=error)
    number = done.moved
    flash(
        ngettext("%(n)s assignment handed over.", "%(n)s assignments handed over.", number, n=f"{number:,}"), "success"
    )
    return redirect(url_for(".agent", staff_id=staff_id), 303)


@blueprint.post("/units/<survey_id>/end")
@require(Permission.ASSIGN_WORK)
def end_unit(survey_id: str) -> ResponseReturnValue:
    """Take one unit from an agent."""
    unit = _units((survey_id,) if survey_id.isascii() and survey_id.isdecimal() else ("",))[0]
    agent_id = forms.number(request.form.get("agent"))
    if agent_id is None:
        raise InvalidInputError(_("Choose an agent."))
    with transaction() as db:
        service.end_unit(db, by(), current_scope(), unit, agent_id, today())
    flash(_("The unit is assigned to him no more."), "success")
    return redirect(url_for("records.unit", survey_id=survey_id), 303)

"""Screens of the office: categories with their deadlines, and holidays."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange

from portal.db import session, transaction
from portal.errors import ConflictError, DomainError, InvalidInputError, NotFoundError
from portal.permissions import Permission, Role, require
from portal.roles import role_name
from portal.settings.catalogue import WEEKDAY_NAMES
from portal.tickets import calendar as working
from portal.tickets import categories as keeping
from portal.tickets import selects, service
from portal.tickets.categories import MOST_HOURS, NAME_LENGTH
from portal.tickets.forms import offered
from portal.tickets.models import PRIORITIES, TicketCategory
from portal.tickets.web import actor, shared, version_of
from portal.tickets.words import EFFECTS
from portal.tickets.words import PRIORITIES as PRIORITY_NAMES
from portal.tickets.worktime import KARACHI
from portal.web.context import settings

blueprint = Blueprint("ticket_office", __name__, url_prefix="/tickets/office")
blueprint.context_processor(shared)


class CategoryForm(FlaskForm):  # type: ignore[misc]
    """A category of tickets."""

    name = StringField(
        _l("Name"), validators=[InputRequired(_l("Enter a name.")), Length(max=NAME_LENGTH)],
        render_kw={"autocomplete": "off", "dir": "ltr"},
    )  # fmt: skip
    name_ur = StringField(
        _l("Name in Urdu"), validators=[Length(max=NAME_LENGTH)],
        render_kw={"autocomplete": "off", "dir": "rtl", "lang": "ur"},
    )  # fmt: skip
    effect = SelectField(
        _l("What an approval does"), choices=offered(EFFECTS.items()),
        description=_l("A correction of the register is applied at once; of a bill, decision and amount are recorded."),
    )  # fmt: skip
    assigned_role = SelectField(
        _l("Role that works it"), description=_l("When a ticket is nobody’s: who of this role covers its area.")
    )
    is_public = BooleanField(_l("Offered on the public complaint form"))
    is_active = BooleanField(_l("In use"), default=True)
    position = IntegerField(
        _l("Place in the list"), default=100, validators=[NumberRange(0, 10_000, _l("A whole number from 0 to 10000."))]
    )

    @property
    def hours(self) -> dict[str, int]:
        return {priority: self[f"hours_{priority}"].data or 0 for priority in PRIORITIES}


for _priority in PRIORITIES:
    setattr(
        CategoryForm,
        f"hours_{_priority}",
        IntegerField(
            PRIORITY_NAMES[_priority],
            validators=[NumberRange(1, MOST_HOURS, _l("A whole number from 1 to %(high)s.", high=MOST_HOURS))],
            render_kw={"inputmode": "numeric"},
        ),
    )


@blueprint.get("/categories")
@require(Permission.MANAGE_TICKETS)
def categories() -> ResponseReturnValue:
    """Categories with what an approval does, who works them, and their deadlines."""
    db = session()
    hours: dict[int, dict[str, int]] = {}
    for one in db.scalars(selects.deadlines()):
        hours.setdefault(one.category_id, {})[one.priority] = one.hours
    return render_template(
        "tickets/categories.html", categories=db.scalars(selects.categories()).all(), hours=hours, priorities=PRIORITIES
    )


@blueprint.route("/categories/new", methods=["GET", "POST"])
@require(Permission.MANAGE_TICKETS)
def new_category() -> ResponseReturnValue:
    """A new category."""
    return _category(None)


@blueprint.route("/categories/<int:category_id>", methods=["GET", "POST"])
@require(Permission.MANAGE_TICKETS)
def category(category_id: int) -> ResponseReturnValue:
    """Change a category."""
    return _category(keeping.find(session(), category_id))


def _category(saved: TicketCategory | None) -> ResponseReturnValue:
    form = CategoryForm(obj=saved if request.method == "GET" else None)
    form.assigned_role.choices = offered((str(role), role_name(role)) for role in Role)
    if request.method == "GET":
        hours = keeping.hours_of(session(), saved.id) if saved is not None else {}
        for priority, default in zip(PRIORITIES, (80, 40, 24, 8), strict=True):
            form[f"hours_{priority}"].data = hours.get(priority, default)
        return _category_page(form, saved)
    if not form.validate():
        return _category_page(form, saved, 422)
    facts = keeping.Facts(
        form.name.data, form.name_ur.data or "", form.effect.data, form.assigned_role.data, form.is_public.data,
        form.is_active.data, form.position.data, form.hours,
    )  # fmt: skip
    try:
        with transaction() as db:
            keeping.save(db, actor(), saved.id if saved else None, version_of(request.form) if saved else None, facts)
    except (ConflictError, InvalidInputError) as error:
        fresh = keeping.find(session(), saved.id) if saved is not None else None
        return _category_page(form, fresh, error.status, error=_at_field(form, error), is_stale=error.code == "stale")
    flash(_("Saved. Tickets that are open keep the deadline they have."), "success")
    return redirect(url_for(".categories"), 303)


def _at_field(form: Any, error: DomainError) -> str:
    field = error.details.get("field")
    if field and field in form:
        form[field].errors = [*form[field].errors, str(error)]
        return ""
    return str(error)


def _category_page(
    form: CategoryForm, saved: TicketCategory | None, status: int = 200, *, error: str = "", is_stale: bool = False
) -> ResponseReturnValue:
    version = 0
    if saved is not None:
        version = saved.version if request.method == "GET" or is_stale else version_of(request.form)
    page = render_template(
        "tickets/category.html", form=form, saved=saved, error=error, is_stale=is_stale, priorities=PRIORITIES,
        version=version, saved_hours=keeping.hours_of(session(), saved.id) if saved is not None and is_stale else {},
        effects=EFFECTS,
    )  # fmt: skip
    return page, status


# -- Holidays --------------------------------------------------------------------------------------------------------
class HolidayForm(FlaskForm):  # type: ignore[misc]
    """A day on which nobody works."""

    day = DateField(_l("Day"), validators=[InputRequired(_l("Enter a day."))])
    name = StringField(
        _l("Name"), validators=[InputRequired(_l("Give the holiday a name.")), Length(max=80)],
        render_kw={"autocomplete": "off"},
    )  # fmt: skip
    name_ur = StringField(
        _l("Name in Urdu"), validators=[Length(max=80)], render_kw={"autocomplete": "off", "dir": "rtl", "lang": "ur"}
    )


@blueprint.route("/holidays", methods=["GET", "POST"])
@require(Permission.MANAGE_TICKETS)
def holidays() -> ResponseReturnValue:
    """The holidays, and the working time of the settings."""
    form = HolidayForm()
    if request.method == "GET":
        return _holidays_page(form)
    if not form.validate():
        return _holidays_page(form, 422)
    try:
        with transaction() as db:
            _holiday, moved = working.add_holiday(
                db, actor(), settings(), form.day.data, form.name.data, form.name_ur.data or ""
            )
    except (ConflictError, InvalidInputError) as error:
        return _holidays_page(form, error.status, _at_field(form, error))
    _say_moved(moved)
    return redirect(url_for(".holidays"), 303)


def _say_moved(moved: int) -> None:
    flash(_("Saved."), "success")
    if moved:
        said = ngettext(
            "The deadline of %(num)d open ticket moved.", "The deadlines of %(num)d open tickets moved.", moved
        )
        flash(said, "info")


def _holidays_page(form: HolidayForm, status: int = 200, error: str = "") -> ResponseReturnValue:
    config = settings()
    page = render_template(
        "tickets/holidays.html", form=form, error=error, holidays=session().scalars(selects.holidays()).all(),
        today=service.now().astimezone(KARACHI).date(), days=[WEEKDAY_NAMES[day] for day in config.working_days],
        config=config,
    )  # fmt: skip
    return page, status


@blueprint.post("/holidays/<day>/remove")
@require(Permission.MANAGE_TICKETS)
def remove_holiday(day: str) -> ResponseReturnValue:
    """Take a holiday back."""
    try:
        wanted = dt.date.fromisoformat(day)
    except ValueError as error:
        raise NotFoundError(_("This day is no holiday.")) from error
    with transaction() as db:
        moved = working.remove_holiday(db, actor(), settings(), wanted)
    _say_moved(moved)
    return redirect(url_for(".holidays"), 303)

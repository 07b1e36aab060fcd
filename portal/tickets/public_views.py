"""The public complaint form and the status of a complaint. No login; nothing here shows anybody's data."""

from __future__ import annotations

import time
import uuid
from typing import Any

from flask import Blueprint, current_app, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from itsdangerous import BadSignature, URLSafeSerializer
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from portal.db import session, side_transaction, transaction
from portal.errors import InvalidInputError
from portal.extensions import limiter
from portal.permissions import AreaScope, Permission, require
from portal.tickets import areas, numbers, public, selects
from portal.tickets.forms import offered, read_ids
from portal.tickets.web import work_calendar
from portal.tickets.words import PUBLIC_STATUSES, category_name
from portal.web.context import client_address, settings
from portal.web.filters import language

blueprint = Blueprint("complaints", __name__, url_prefix="/complaint")
# By address, whatever is answered; the narrower limits are kept in the database (see `portal.tickets.public`).
complaint_limit = limiter.shared_limit("60 per minute; 600 per hour", scope="complaint")

LEAST_SECONDS = 3  # nobody reads and fills in the form faster
LONGEST_HOURS = 24
TRAP = "website"


class ComplaintForm(FlaskForm):  # type: ignore[misc]
    """A complaint. What is personal is optional."""

    category = SelectField(_l("What is it about?"), validators=[InputRequired(_l("Choose what it is about."))])
    description = TextAreaField(
        _l("What happened?"),
        validators=[InputRequired(_l("Say in a few words what happened.")), Length(max=public.MOST_TEXT)],
        render_kw={"rows": 4, "dir": "auto", "maxlength": public.MOST_TEXT},
    )  # fmt: skip
    place_text = StringField(
        _l("Where is it? Street, village, landmark"), validators=[Length(max=200)],
        render_kw={"dir": "auto", "autocomplete": "off"},
    )  # fmt: skip
    reference = StringField(
        _l("PSID or survey id on your bill"), validators=[Length(max=40)],
        description=_l("Optional. It helps us to find your bill; we do not tell anybody whether it exists."),
        render_kw={"inputmode": "numeric", "autocomplete": "off", "dir": "ltr"},
    )  # fmt: skip
    name = StringField(
        _l("Your name"), validators=[Length(max=80)], description=_l("Optional."),
        render_kw={"dir": "auto", "autocomplete": "name"},
    )  # fmt: skip
    mobile = StringField(
        _l("Your mobile number"), validators=[Length(max=30)],
        description=_l("Optional. We call only about this complaint."),
        render_kw={"type": "tel", "inputmode": "tel", "autocomplete": "tel", "dir": "ltr"},
    )  # fmt: skip


class StatusForm(FlaskForm):  # type: ignore[misc]
    """Number and code of a complaint."""

    number = StringField(
        _l("Number"), validators=[InputRequired(_l("Enter the number."))],
        render_kw={"dir": "ltr", "autocomplete": "off", "placeholder": "T-26-000123", "autocapitalize": "characters"},
    )  # fmt: skip
    code = StringField(
        _l("Code"), validators=[InputRequired(_l("Enter the code."))],
        render_kw={"dir": "ltr", "autocomplete": "off", "autocapitalize": "characters"},
    )  # fmt: skip


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt="complaint")


def _new_mark() -> str:
    """What the form carries: when it was shown, and the uuid that makes it one complaint however often it is sent."""
    return str(_signer().dumps([str(uuid.uuid4()), int(time.time())]))


def _read_mark(mark: str) -> tuple[uuid.UUID, int]:
    """(uuid, seconds since the form was shown). Raises InvalidInputError."""
    try:
        key, shown = _signer().loads(mark)
        found, age = uuid.UUID(key), int(time.time()) - int(shown)
    except (BadSignature, ValueError, TypeError) as error:
        raise InvalidInputError(_("This form is not valid any more. Send it again.")) from error
    if not 0 <= age <= LONGEST_HOURS * 3600:
        raise InvalidInputError(_("This form is too old. Look at what you wrote and send it again."))
    return found, age


def _area_ids() -> list[int]:
    return read_ids(request.form.getlist("area"))


def _page(form: ComplaintForm, status: int = 200, error: str = "", mark: str = "") -> ResponseReturnValue:
    found = areas.cascade(session(), AreaScope.everywhere(), _area_ids(), language())
    page = render_template(
        "tickets/complaint.html", form=form, error=error, cascade=found, mark=mark or _new_mark(), trap=TRAP,
        helpline=settings().helpline, is_open=settings().complaint_form == "on",
    )  # fmt: skip
    return make_response(page, status)


def _form() -> ComplaintForm:
    form = ComplaintForm()
    known = session().scalars(selects.categories(only_active=True, only_public=True))
    names = [(str(one.id), category_name(one, language())) for one in known]
    form.category.choices = offered([("", _("Choose")), *names])
    return form


@blueprint.get("/")
@complaint_limit
@require(Permission.PUBLIC)
def new() -> ResponseReturnValue:
    """The empty form."""
    return _page(_form())


@blueprint.post("/")
@complaint_limit
@require(Permission.PUBLIC)
def send() -> ResponseReturnValue:  # noqa: PLR0911 - each reason not to take it
    """Take a complaint: number and code, shown once. The same form sent again shows the same ones."""
    form, mark = _form(), request.form.get("mark", "")
    if settings().complaint_form != "on":
        return _page(form, 409)
    if "pick" in request.form:
        return _page(form, mark=mark)
    if request.form.get(TRAP):
        return _page(form, 422, _("This was not taken. Send the form as it is shown."))
    try:
        client_uuid, age = _read_mark(mark)
    except InvalidInputError as error:
        return _page(form, error.status, str(error))
    if age < LEAST_SECONDS:
        return _page(form, 422, _("That was very fast. Look at what you wrote, then send it again."), mark)
    if not form.validate():
        return _page(form, 422, mark=mark)
    with side_transaction() as connection:
        attempt = public.begin(connection, public.FILE, client_address())
    if attempt is None:
        said = _("Too many complaints came from here. Wait an hour, or call the helpline.")
        return _wait(_page(form, 429, said, mark))
    code = numbers.code_of(client_uuid, str(current_app.secret_key or ""))
    found = areas.cascade(session(), AreaScope.everywhere(), _area_ids(), language())
    complaint = public.Complaint(
        category_id=int(form.category.data), description=form.description.data, location_id=found.area,
        place_text=form.place_text.data or "", reference=form.reference.data or "", name=form.name.data or "",
        mobile=form.mobile.data or "",
    )  # fmt: skip
    try:
        with transaction() as db:
            ticket = public.file(db, work_calendar(), client_uuid, code, complaint)
            number, made_at = ticket.number, ticket.created_at
    except InvalidInputError as error:
        return _page(form, error.status, _at_field(form, error), mark)
    shown = f"{code[:4]}-{code[4:]}"
    return make_response(
        render_template(
            "tickets/complaint_done.html", number=number, code=shown, made_at=made_at, helpline=settings().helpline
        )
    )


def _at_field(form: Any, error: InvalidInputError) -> str:
    field = error.details.get("field")
    if field and field in form:
        form[field].errors = [*form[field].errors, str(error)]
        return ""
    return str(error)


def _wait(answer: ResponseReturnValue) -> ResponseReturnValue:
    response = make_response(answer)
    response.headers["Retry-After"] = "3600"
    return response


@blueprint.get("/areas")
@complaint_limit
@require(Permission.PUBLIC)
def below() -> ResponseReturnValue:
    """The names of the areas one level below, for the form: [[id, name], ...]."""
    parent = read_ids([request.args.get("parent", "")])
    if not parent:
        return jsonify([])
    rows = session().execute(areas.options(parent[0], AreaScope.everywhere(), language()))
    return jsonify([[row[0], row[1]] for row in rows])


@blueprint.get("/status")
@complaint_limit
@require(Permission.PUBLIC)
def ask() -> ResponseReturnValue:
    """Where one asks for the status."""
    return _status_page(StatusForm())


@blueprint.post("/status")
@complaint_limit
@require(Permission.PUBLIC)
def answer() -> ResponseReturnValue:
    """The status of a complaint, for who knows its number and code."""
    form = StatusForm()
    if not form.validate():
        return _status_page(form, 422)
    number = numbers.read_number(form.number.data)
    with side_transaction() as connection:
        attempt = public.begin(connection, public.ASK, client_address(), number or "")
    if attempt is None:
        return _wait(_status_page(form, 429, _("Too many attempts. Wait an hour, or call the helpline.")))
    with transaction() as db:
        found = public.status(db, number, numbers.read_code(form.code.data))
        if found is not None:
            public.succeeded(db, attempt)
    if found is None:
        return _status_page(form, 404, _("There is no complaint with this number and code. Look at both again."))
    return _status_page(form, found=found)


def _status_page(
    form: StatusForm, status: int = 200, error: str = "", found: public.Status | None = None
) -> ResponseReturnValue:
    page = render_template(
        "tickets/complaint_status.html", form=form, error=error, found=found, statuses=PUBLIC_STATUSES,
        helpline=settings().helpline,
    )  # fmt: skip
    return make_response(page, status)

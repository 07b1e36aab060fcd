"""Screens of the administration of staff: list, record, create, edit, areas, actions, invitations, roles."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.db import session, transaction
from portal.errors import ConflictError, DomainError, InvalidInputError, NotFoundError
from portal.permissions import Permission, Role, require
from portal.roles import ROLES, matrix, role_name
from portal.staff import accounts, actions, administration, contact, invitations, people, words
from portal.staff import areas as tree
from portal.staff.admin_forms import CreateForm, EditForm, is_a_number, read_filter, read_ids, read_version
from portal.staff.admin_pages import (
    Record,
    by,
    details,
    differences,
    find,
    grantable,
    is_picking,
    picker,
    wants_fragment,
    why_not,
)
from portal.staff.models import Staff
from portal.staff.people import StaffFilter
from portal.staff.rules import Action
from portal.web.context import settings
from portal.web.filters import language
from portal.web.guard import current_scope
from portal.web.pages import paginate

blueprint = Blueprint("people", __name__, url_prefix="/staff")

LIST_KEYS = ("role", "area", "state", "sort", "q")  # what an address of the list may say


@blueprint.context_processor
def _shared() -> dict[str, Any]:
    return {"role_name": role_name, "words": words, "international": contact.international}


# -- The list ------------------------------------------------------------------------------------------------------
@blueprint.get("/")
@require(Permission.MANAGE_STAFF)
def index() -> ResponseReturnValue:
    """The people the reader administers."""
    wanted = read_filter(request.args)
    if is_a_number(request.args.get("q", "")):
        flash(_("A number does not belong into an address: type it into the search box."), "info")
        return redirect(url_for(".index"), 303)
    return _list(wanted)


@blueprint.post("/find")
@require(Permission.MANAGE_STAFF)
def search() -> ResponseReturnValue:
    """Search by name, user name or mobile. A number is answered at once: it must not stand in an address."""
    typed = request.form.get("q", "").strip()[:100]
    if is_a_number(typed):
        return _list(StaffFilter(mobile=contact.mobile_digits(typed)), typed)
    kept: dict[str, Any] = {
        name: request.form[name] for name in ("role", "area", "state", "sort") if request.form.get(name)
    }
    if typed:
        kept["q"] = typed
    return redirect(url_for(".index", **kept), 303)


def _list(wanted: StaffFilter, typed: str = "") -> ResponseReturnValue:
    db, scope, roles = session(), current_scope(), grantable()
    area: tree.NamedArea | None = None
    path: tuple[tree.NamedArea, ...] = ()
    if wanted.area is not None:
        area = tree.inside(db, [wanted.area], scope, language()).get(wanted.area)
        if area is None:
            raise NotFoundError(_("This area does not exist, or is not one of yours."))
        way = tree.inside(db, area.area.path, scope, language())
        path = tuple(way[step] for step in area.area.path if step in way)
    page = paginate(db, people.people(wanted, scope, roles), people.keys(wanted), request.args.get("cursor"))
    granted: dict[int, list[int]] = {}
    for staff_id, location_id in db.execute(people.areas_of([row[0].id for row in page])):
        granted.setdefault(staff_id, []).append(location_id)
    named = tree.named(db, {one for ids in granted.values() for one in ids}, language())
    return render_template(
        "staff/admin/list.html",
        page=page,
        count=db.scalar(people.number_of(wanted, scope, roles)),
        areas={
            staff_id: sorted((named[one] for one in ids), key=lambda one: one.text) for staff_id, ids in granted.items()
        },
        wanted=wanted,
        typed=typed or wanted.words,
        roles=roles,
        area=area,
        path=path,
        crumbs=[(step.name, url_for(".index", area=step.id)) for step in path],
        below=tree.below(db, wanted.area, scope, language()),
        states=words.STATES,
        query=urlencode({name: request.args[name] for name in LIST_KEYS if request.args.get(name)}),
    )


# -- One person ----------------------------------------------------------------------------------------------------
@blueprint.get("/<int:staff_id>")
@require(Permission.MANAGE_STAFF)
def show(staff_id: int) -> ResponseReturnValue:
    """Facts, state, actions and history of one person."""
    return _show(find(staff_id))


def _show(record: Record) -> ResponseReturnValue:
    return render_template("staff/admin/person.html", record=record, staff=record.staff, **details(record))


@blueprint.route("/new", methods=["GET", "POST"])
@require(Permission.MANAGE_STAFF)
def create() -> ResponseReturnValue:
    """A new person; his invitation is mailed, or shown once."""
    form = CreateForm()
    _offer_roles(form, None)
    chosen = read_ids(request.form.getlist("area"))
    if request.method == "GET" or is_picking():
        return _create_page(form, chosen)
    if not form.validate() or not chosen:
        return _create_page(form, chosen, 422, missing_area=not chosen)
    role = Role(form.role.data)
    try:
        with transaction() as db:
            staff = administration.create(db, by(), form.username.data, form.facts, role, chosen)
            mailed, token = _invite(staff)
    except (ConflictError, InvalidInputError) as error:
        return _create_page(form, chosen, error.status, error=_at_field(form, error))
    return _invited(staff, mailed, token, created=True)


def _create_page(
    form: CreateForm, chosen: list[int], status: int = 200, error: str = "", missing_area: bool = False
) -> ResponseReturnValue:
    choice = picker(chosen)
    if wants_fragment():
        return render_template("staff/admin/_picker.html", choice=choice)
    page = render_template(
        "staff/admin/create.html", form=form, choice=choice, error=error, missing_area=missing_area,
        roles=[(role, ROLES[role]) for role in grantable()],
    )  # fmt: skip
    return page, status


def _offer_roles(form: EditForm, present: Role | None) -> None:
    offered = list(grantable())
    form.role.choices = [(role.value, role_name(role)) for role in offered]
    if form.role.data is None:
        form.role.data = str(present or offered[0])


def _at_field(form: EditForm, error: DomainError) -> str:
    """Put an error to the field it is about; what is about none is returned, for the top of the page."""
    field = error.details.get("field")
    if field and field in form:
        form[field].errors = [*form[field].errors, str(error)]
        return ""
    return str(error)


@blueprint.route("/<int:staff_id>/edit", methods=["GET", "POST"])
@require(Permission.MANAGE_STAFF)
def edit(staff_id: int) -> ResponseReturnValue:
    """Name, e-mail, mobile and role."""
    record = find(staff_id)
    if not record.may(Action.EDIT):
        raise NotFoundError(_("There is no such person in your area."))
    form = EditForm(obj=None if request.method == "POST" else record.staff)
    _offer_roles(form, Role(record.staff.role))
    if request.method == "GET":
        return _edit_page(record, form)
    if not form.validate():
        return _edit_page(record, form, 422)
    role = Role(form.role.data)
    try:
        with transaction() as db:
            changed = administration.edit(
                db, by(), staff_id, read_version(request.form), form.facts, role, form.reason.data or ""
            )
    except ConflictError as error:
        fresh = find(staff_id)
        if error.code == "stale":
            return _edit_page(fresh, form, error.status, conflict=differences(fresh.staff, form.facts, role))
        return _edit_page(fresh, form, error.status, error=_at_field(form, error))
    except InvalidInputError as error:
        return _edit_page(find(staff_id), form, error.status, error=_at_field(form, error))
    flash(
        _("Saved.") if changed else _("Nothing was different; nothing was changed."), "success" if changed else "info"
    )
    return redirect(url_for(".show", staff_id=staff_id), 303)


def _edit_page(
    record: Record, form: EditForm, status: int = 200, *, conflict: Any = None, error: str = ""
) -> ResponseReturnValue:
    page = render_template(
        "staff/admin/edit.html", record=record, staff=record.staff, form=form, conflict=conflict, error=error,
        roles=[(role, ROLES[role]) for role in grantable()], changed=_last_change(record),
    )  # fmt: skip
    return page, status


def _last_change(record: Record) -> Any:
    return session().execute(people.last_change(record.staff.id)).first()


@blueprint.route("/<int:staff_id>/areas", methods=["GET", "POST"])
@require(Permission.MANAGE_STAFF)
def areas(staff_id: int) -> ResponseReturnValue:
    """Give a person other areas."""
    record = find(staff_id)
    if not record.may(Action.CHANGE_AREAS):
        raise why_not(record, Action.CHANGE_AREAS)
    if request.method == "GET":
        return _areas_page(record, [one.id for one in record.areas])
    chosen = read_ids(request.form.getlist("area"))
    if is_picking():
        return _areas_page(record, chosen)
    try:
        with transaction() as db:
            reason = request.form.get("reason", "")
            changed = administration.set_areas(db, by(), staff_id, read_version(request.form), chosen, reason)
    except ConflictError as error:
        return _areas_page(find(staff_id), chosen, error.status, is_stale=True)
    except InvalidInputError as error:
        return _areas_page(find(staff_id), chosen, error.status, error=str(error))
    flash(
        _("Saved. It holds from the next page he opens.")
        if changed
        else _("Nothing was different; nothing was changed."),
        "success" if changed else "info",
    )
    return redirect(url_for(".show", staff_id=staff_id), 303)


def _areas_page(
    record: Record, chosen: list[int], status: int = 200, *, is_stale: bool = False, error: str = ""
) -> ResponseReturnValue:
    choice = picker(chosen)
    if wants_fragment():
        return render_template("staff/admin/_picker.html", choice=choice)
    page = render_template(
        "staff/admin/areas.html", record=record, staff=record.staff, choice=choice, is_stale=is_stale, error=error,
        reason=request.form.get("reason", ""), changed=_last_change(record),
        version=record.staff.version if request.method == "GET" or is_stale else read_version(request.form),
    )  # fmt: skip
    return page, status


# -- Actions with a confirmation -----------------------------------------------------------------------------------
@blueprint.route("/<int:staff_id>/do/<action>", methods=["GET", "POST"])
@require(Permission.MANAGE_STAFF)
def act(staff_id: int, action: str) -> ResponseReturnValue:
    """Say what follows, then do it."""
    record, step = find(staff_id), actions.step(action)
    if request.method == "GET":
        if not record.may(step.action):
            raise why_not(record, step.action)
        return _confirm_page(record, step)
    try:
        with transaction() as db:
            done = step.run(db, by(), staff_id, read_version(request.form), request.form.get("reason", ""))
    except ConflictError:
        return _confirm_page(find(staff_id), step, 409)
    flash(done, "success")
    return redirect(url_for(".show", staff_id=staff_id), 303)


def _confirm_page(record: Record, step: actions.Step, status: int = 200) -> ResponseReturnValue:
    page = render_template(
        "staff/admin/confirm.html", record=record, staff=record.staff, step=step, is_stale=status == 409,
        action=url_for(".act", staff_id=record.staff.id, action=step.action), **details(record),
    )  # fmt: skip
    return page, status


@blueprint.route("/<int:staff_id>/password", methods=["GET", "POST"])
@require(Permission.MANAGE_STAFF)
def password(staff_id: int) -> ResponseReturnValue:
    """Make the password worthless and show a one-time code to read out."""
    record = find(staff_id)
    if request.method == "GET":
        if not record.may(Action.RESET_PASSWORD):
            raise why_not(record, Action.RESET_PASSWORD)
        return render_template("staff/admin/reset.html", record=record, staff=record.staff, **details(record))
    with transaction() as db:
        code = accounts.reset_password(db, by(), staff_id, None, request.form.get("reason", ""))
    return render_template("staff/admin/code.html", record=record, staff=record.staff, code=f"{code[:4]}-{code[4:]}")


@blueprint.post("/<int:staff_id>/address")
@require(Permission.MANAGE_STAFF)
def try_address_again(staff_id: int) -> ResponseReturnValue:
    """Send mails to a person's refused address again."""
    record = find(staff_id)
    if not record.may(Action.EDIT):
        raise why_not(record, Action.EDIT)
    with transaction() as db:
        accounts.try_address_again(db, by(), staff_id)
    flash(_("Mails go to this address again."), "success")
    return redirect(url_for(".show", staff_id=staff_id), 303)


# -- Invitations ---------------------------------------------------------------------------------------------------
def _invite(staff: Staff) -> tuple[bool, str]:
    """Invite inside the transaction: (True, '') when the link goes by mail, else (False, token)."""
    db = session()
    if invitations.can_mail(staff, settings()) and request.form.get("how") != "link":
        accounts.ask_to_invite(db, by(), staff.id)
        invitations.queue_invitation(staff, by().staff_id)
        return True, ""
    return False, accounts.invite(db, by(), staff.id)


def invited_line(staff: Staff, token: str) -> dict[str, Any]:
    """What is shown of an invitation, once: the link, and the message to pass it on."""
    url = invitations.link(token, settings().public_url or request.url_root)
    return {"staff": staff, "url": url, "text": invitations.wording(staff, url, settings())}


def _invited(staff: Staff, mailed: bool, token: str, created: bool = False) -> ResponseReturnValue:
    if mailed:
        flash(_("The invitation is on its way to %(address)s.", address=staff.email), "success")
        return redirect(url_for(".show", staff_id=staff.id), 303)
    return render_template(
        "staff/admin/invited.html", lines=[invited_line(staff, token)], mailed=[], until=invitations.expires_at(),
        created=created,
    )  # fmt: skip


@blueprint.post("/<int:staff_id>/invite")
@require(Permission.MANAGE_STAFF)
def invite(staff_id: int) -> ResponseReturnValue:
    """A new invitation; the earlier link stops working."""
    record = find(staff_id)
    with transaction():
        mailed, token = _invite(record.staff)
    return _invited(record.staff, mailed, token)


# -- Roles ---------------------------------------------------------------------------------------------------------
@blueprint.get("/roles")
@require(Permission.MANAGE_STAFF)
def roles() -> ResponseReturnValue:
    """Who may do what, out of the code that decides it."""
    return render_template("staff/admin/roles.html", roles=ROLES, groups=matrix(), administers=words.administers())

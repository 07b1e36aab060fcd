"""Edits of units and accounts: change, move, close, restore, release a hold. One set of pages for both registers."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.db import session, transaction
from portal.errors import ConflictError, DomainError, InvalidInputError, NotFoundError
from portal.permissions import Permission, require
from portal.registers import forms, pages, selects, service, wording
from portal.registers.fields import LOCATION
from portal.registers.kinds import ACCOUNT, UNIT, Kind
from portal.web.guard import current_scope

blueprint = Blueprint("registers", __name__)


@blueprint.context_processor
def _shared() -> dict[str, Any]:
    return {"held_labels": forms.held_labels}


def _to_record(kind: Kind, key: str) -> ResponseReturnValue:
    values: dict[str, Any] = {kind.key: key}
    return redirect(url_for(kind.show_endpoint, **values), 303)


def _page(name: str, kind: Kind, record: Any, status: int = 200, **values: Any) -> ResponseReturnValue:
    key = kind.key_of(record)
    values.setdefault("version", record.version)
    return render_template(
        f"registers/{name}.html", kind=kind, record=record, key=key, here={kind.key: key},
        area=pages.area_path(record.location_id), **values,
    ), status  # fmt: skip


# -- Edit ------------------------------------------------------------------------------------------------------------
@blueprint.route("/units/<survey_id>/edit", methods=["GET", "POST"])
@require(Permission.EDIT_REGISTERS)
def edit_unit(survey_id: str) -> ResponseReturnValue:
    """All fields of a unit."""
    return _edit(UNIT, survey_id)


@blueprint.route("/accounts/<psid>/edit", methods=["GET", "POST"])
@require(Permission.EDIT_REGISTERS)
def edit_account(psid: str) -> ResponseReturnValue:
    """All fields of an account that people set."""
    return _edit(ACCOUNT, psid)


def _edit(kind: Kind, key: str) -> ResponseReturnValue:
    record = kind.find(session(), key, current_scope())
    if record.deleted_at is not None:
        flash(_("It is closed. Restore it first; nothing was changed."), "warning")
        return _to_record(kind, key)
    saved = forms.texts_of(record, kind.fields)
    form = forms.make_form(kind.fields, wording.shown(saved))
    if request.method == "GET":
        return _edit_page(kind, record, form, was=saved)
    was = forms.unpack(request.form.get("was", ""), kind.fields) or saved
    typed = wording.stored(forms.typed(form, kind.fields), was)
    mine = {name: text for name, text in typed.items() if text != was.get(name, saved[name]).strip()}
    if not form.validate():
        return _edit_page(kind, record, form, 422, was=was)
    try:
        with transaction() as db:
            changed = kind.edit(
                db, pages.actor(), record.id, forms.read_version(request.form), mine, reason=form.reason.data or ""
            )
    except ConflictError as error:
        return _conflict(kind, key, form, mine, error)
    except InvalidInputError as error:
        fresh = kind.find(session(), key, current_scope())
        rest = forms.show_errors(form, error.details.get("fields") or {"": str(error)})
        return _edit_page(kind, fresh, form, 422, was=was, version=forms.read_version(request.form), error=rest)
    flash(
        _("Saved. What you have set is kept, whatever files say.")
        if changed
        else _("Nothing was different; nothing was changed."),
        "success" if changed else "info",
    )
    return _to_record(kind, key)


def _conflict(kind: Kind, key: str, form: Any, mine: dict[str, str], error: ConflictError) -> ResponseReturnValue:
    """Both versions side by side; the form holds what is saved now, with what its reader changed put over it."""
    fresh = kind.find(session(), key, current_scope())
    if error.code != "stale":
        was = forms.unpack(request.form.get("was", ""), kind.fields)
        return _edit_page(kind, fresh, form, error.status, was=was or {}, error=str(error),
                          version=forms.read_version(request.form))  # fmt: skip
    saved = forms.texts_of(fresh, kind.fields)
    for name, text in saved.items():
        if name not in mine:
            form[name].data = text
    conflict = pages.differences(kind.fields, saved, mine)
    return _edit_page(kind, fresh, form, error.status, was=saved, conflict=conflict)


def _edit_page(
    kind: Kind, record: Any, form: Any, status: int = 200, *, was: dict[str, str], conflict: Any = None,
    error: str = "", version: int | None = None,
) -> ResponseReturnValue:  # fmt: skip
    return _page(
        "edit", kind, record, status, form=form, was=forms.pack(was), conflict=conflict, error=error,
        version=record.version if version is None else version, offered=pages.offered_words(kind.fields),
        changed=session().execute(selects.last_change(record)).first() if conflict is not None else None,
        names=[name for name in kind.fields if name != LOCATION], draft=f"{kind.name}-{record.version}",
    )  # fmt: skip


# -- Make ------------------------------------------------------------------------------------------------------------
@blueprint.route("/units/new", methods=["GET", "POST"])
@require(Permission.EDIT_REGISTERS)
def create_unit() -> ResponseReturnValue:
    """A unit that no file has brought: first its area, then what is known of it."""
    return _create(UNIT)


@blueprint.route("/accounts/new", methods=["GET", "POST"])
@require(Permission.EDIT_REGISTERS)
def create_account() -> ResponseReturnValue:
    """An account that no file has brought."""
    return _create(ACCOUNT)


def _create(kind: Kind) -> ResponseReturnValue:
    area_id = forms.read_id(request.values.get("area"))
    area = pages.area_path(area_id) if area_id is not None else ""
    if area_id is None or not area:
        return render_template("registers/new.html", kind=kind, form=None, choice=pages.chooser(), area="")
    form = forms.make_form(kind.fields, {"survey_id": request.args.get("survey_id", "")[:20]}, _key_fields(kind))
    if request.method == "GET":
        return _create_page(kind, form, area_id, area)
    if not form.validate():
        return _create_page(kind, form, area_id, area, 422)
    return _make(kind, form, area_id, area)


def _make(kind: Kind, form: Any, area_id: int, area: str) -> ResponseReturnValue:
    values = {**wording.stored(forms.typed(form, kind.fields)), LOCATION: str(area_id)}
    # A unit without a number of the portal gets the one that was kept for this form: sent twice, it is one unit.
    key = (form[kind.key].data or "").strip() or (forms.reserved(request.form) if kind is UNIT else "")
    try:
        with transaction() as db:
            make = service.create_unit if kind is UNIT else service.create_account
            made = make(db, pages.actor(), key, values, reason=form.reason.data or "")
            key = kind.key_of(made)
    except ConflictError as error:
        if error.code == "taken" and key == forms.reserved(request.form):
            return _to_record(kind, key)
        return _create_page(kind, form, area_id, area, error.status, error=_at_key(form, kind, error))
    except InvalidInputError as error:
        rest = forms.show_errors(form, error.details.get("fields") or {"": str(error)})
        return _create_page(kind, form, area_id, area, 422, error=rest)
    flash(_("Made. What you have set is kept; files fill in the rest."), "success")
    return _to_record(kind, key)


def _key_fields(kind: Kind) -> dict[str, Any]:
    return forms.unit_key() if kind is UNIT else forms.account_key()


def _at_key(form: Any, kind: Kind, error: DomainError) -> str:
    return forms.show_errors(form, {kind.key if error.code == "taken" else "": str(error)})


def _create_page(
    kind: Kind, form: Any, area_id: int, area: str, status: int = 200, error: str = ""
) -> ResponseReturnValue:
    names = [kind.key, *(name for name in kind.fields if name not in {LOCATION, kind.key})]
    reserved = ""
    if kind is UNIT:
        reserved = forms.reserved(request.form) or service.reserve_survey_id(session())
    page = render_template(
        "registers/new.html", kind=kind, form=form, area_id=area_id, area=area, names=names, error=error,
        offered=pages.offered_words(kind.fields), reserved=reserved,
    )  # fmt: skip
    return page, status


# -- Move a unit -----------------------------------------------------------------------------------------------------
@blueprint.route("/units/<survey_id>/move", methods=["GET", "POST"])
@require(Permission.EDIT_REGISTERS)
def move_unit(survey_id: str) -> ResponseReturnValue:
    """Into another area: choose it, look at what follows, confirm."""
    return _move(UNIT, survey_id)


@blueprint.route("/accounts/<psid>/move", methods=["GET", "POST"])
@require(Permission.EDIT_REGISTERS)
def move_account(psid: str) -> ResponseReturnValue:
    """The same for an account alone."""
    return _move(ACCOUNT, psid)


def _move(kind: Kind, key: str) -> ResponseReturnValue:
    db = session()
    record = kind.find(db, key, current_scope())
    if record.deleted_at is not None:
        flash(_("It is closed. Restore it first; nothing was changed."), "warning")
        return _to_record(kind, key)
    target = forms.read_id(request.values.get("to"))
    path = pages.area_path(target) if target is not None else ""
    if target is not None and not path:
        raise NotFoundError(_("This area does not exist, or is not one of yours."))
    if request.method == "GET" or target is None:
        return _move_page(kind, record, target, path)
    more = {"move_accounts": "accounts" in request.form} if kind is UNIT else {}
    try:
        with transaction() as db:
            changed = kind.edit(
                db, pages.actor(), record.id, forms.read_version(request.form), {LOCATION: target},
                reason=request.form.get("reason", ""), **more,
            )  # fmt: skip
    except ConflictError as error:
        return _move_page(kind, kind.find(session(), key, current_scope()), target, path, error.status, str(error))
    except InvalidInputError as error:
        return _move_page(kind, kind.find(session(), key, current_scope()), target, path, error.status, str(error))
    flash(
        _("Moved to %(area)s. Files leave it there.", area=path) if changed else _("It lies there already."),
        "success" if changed else "info",
    )
    return _to_record(kind, key)


def _move_page(
    kind: Kind, record: Any, target: int | None, path: str, status: int = 200, error: str = ""
) -> ResponseReturnValue:
    accounts = []
    if kind is UNIT and target is not None:
        accounts = list(session().execute(selects.accounts_of([record.id], current_scope())))
    return _page(
        "move", kind, record, status, target=target, path=path, accounts=accounts, error=error,
        choice=pages.chooser() if target is None else None, reason=request.form.get("reason", ""),
    )  # fmt: skip


# -- Close, restore, release -----------------------------------------------------------------------------------------
@blueprint.route("/units/<survey_id>/close", methods=["GET", "POST"])
@require(Permission.EDIT_REGISTERS)
def close_unit(survey_id: str) -> ResponseReturnValue:
    """Take a unit out of lists and counts, for a reason."""
    return _act(UNIT, survey_id, "close")


@blueprint.route("/accounts/<psid>/close", methods=["GET", "POST"])
@require(Permission.EDIT_REGISTERS)
def close_account(psid: str) -> ResponseReturnValue:
    """Mark an account as closed, for a reason."""
    return _act(ACCOUNT, psid, "close")


@blueprint.route("/units/<survey_id>/restore", methods=["GET", "POST"])
@require(Permission.EDIT_REGISTERS)
def restore_unit(survey_id: str) -> ResponseReturnValue:
    """Take a closed unit back."""
    return _act(UNIT, survey_id, "restore")


@blueprint.route("/accounts/<psid>/restore", methods=["GET", "POST"])
@require(Permission.EDIT_REGISTERS)
def restore_account(psid: str) -> ResponseReturnValue:
    """Take a closed account back."""
    return _act(ACCOUNT, psid, "restore")


@blueprint.route("/units/<survey_id>/release", methods=["GET", "POST"])
@require(Permission.EDIT_REGISTERS)
def release_unit(survey_id: str) -> ResponseReturnValue:
    """Let files decide fields again that a person has set."""
    return _act(UNIT, survey_id, "release")


@blueprint.route("/accounts/<psid>/release", methods=["GET", "POST"])
@require(Permission.EDIT_REGISTERS)
def release_account(psid: str) -> ResponseReturnValue:
    """The same for an account."""
    return _act(ACCOUNT, psid, "release")


def _act(kind: Kind, key: str, action: str) -> ResponseReturnValue:
    record = kind.find(session(), key, current_scope())
    if action != "release" and (record.deleted_at is None) != (action == "close"):
        # Done already: the button pressed twice, or a page from before.
        return _to_record(kind, key)
    if request.method == "GET":
        return _page("act", kind, record, action=action, error="", chosen=request.args.getlist("field"))
    reason, version = request.form.get("reason", ""), forms.read_version(request.form)
    try:
        with transaction() as db:
            if action == "close":
                kind.close(db, pages.actor(), record.id, version, reason)
            elif action == "restore":
                kind.restore(db, pages.actor(), record.id, version, reason)
            else:
                kind.release(db, pages.actor(), record.id, version, request.form.getlist("field"), reason)
    except (ConflictError, InvalidInputError) as error:
        fresh = kind.find(session(), key, current_scope())
        return _page("act", kind, fresh, error.status, action=action, error=str(error),
                     chosen=request.form.getlist("field"))  # fmt: skip
    done = {
        "close": _("Closed. It can be restored."),
        "restore": _("Restored."),
        "release": _("Released. The next file decides."),
    }
    flash(done[action], "success")
    return _to_record(kind, key)

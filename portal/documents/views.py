"""Pages of photos and documents: adding them to a unit or an account, the list, the single file."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from portal.db import session, transaction
from portal.documents import selects, service
from portal.errors import ConflictError, DomainError, InvalidInputError, NotFoundError, StorageAway
from portal.files import service as files
from portal.files.incoming import uploads_of
from portal.files.kinds import ACCEPTED
from portal.files.models import DOCUMENT, PHOTO, StoredFile
from portal.files.service import By, Owner, Upload
from portal.permissions import Permission, require
from portal.search.question import Question, read
from portal.web.context import client_address, settings
from portal.web.guard import current_scope
from portal.web.security import takes_files

blueprint = Blueprint("documents", __name__)

NAMES = {PHOTO: "photos", DOCUMENT: "document"}  # the fields of the forms


def _by() -> By:
    return By(current_user.id, current_user.username, client_address())


# -- The list ------------------------------------------------------------------------------------------------------
@blueprint.get("/documents/")
@require(Permission.VIEW_FILES)
def index() -> ResponseReturnValue:
    """The documents of the own areas."""
    question = read(request.args.get("q"))
    if not (question.may_stand_in_url or question.is_surely_a_psid):
        flash(_("A mobile or CNIC number must not stand in the address of a page. Type it into the box."), "warning")
        return redirect(url_for(".index"), 303)
    return _list(question)


@blueprint.post("/documents/find")
@require(Permission.VIEW_FILES)
def search() -> ResponseReturnValue:
    """Take a question from the search box; one with a long number is answered at once, and stands in no address."""
    question = read(request.form.get("q"))
    if question.may_stand_in_url or question.is_surely_a_psid:
        return redirect(url_for(".index", q=question.text or None), 303)
    return _list(question)


def _list(question: Question) -> ResponseReturnValue:
    page = service.documents(session(), question, current_scope(), request.args.get("cursor"))
    return make_response(render_template("documents/index.html", page=page, question=question))


# -- Adding --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Target:
    """What files are added to: how the page names it, and where it leads back to."""

    owner: Owner
    location_id: int
    label: str
    url: str
    form_url: str


def _unit_target(survey_id: str, kind: str) -> Target:
    unit = service.unit(session(), survey_id, current_scope())
    return Target(
        Owner(unit_id=unit.id), unit.location_id, str(_("Unit %(id)s", id=unit.survey_id)),
        url_for("records.unit", survey_id=unit.survey_id),
        url_for(".add_photos" if kind == PHOTO else ".add_unit_document", survey_id=unit.survey_id),
    )  # fmt: skip


def _account_target(psid: str, _kind: str) -> Target:
    account = service.account(session(), psid, current_scope())
    return Target(
        Owner(account_id=account.id), account.location_id, str(_("Account %(psid)s", psid=account.psid)),
        url_for("records.account", psid=account.psid), url_for(".add_account_document", psid=account.psid),
    )  # fmt: skip


@blueprint.route("/units/<survey_id>/photos/add", methods=["GET", "POST"])
@require(Permission.UPLOAD_FILES)
@takes_files
def add_photos(survey_id: str) -> ResponseReturnValue:
    """Photos of a unit."""
    return _add(PHOTO, _unit_target(survey_id, PHOTO))


@blueprint.route("/units/<survey_id>/documents/add", methods=["GET", "POST"])
@require(Permission.UPLOAD_FILES)
@takes_files
def add_unit_document(survey_id: str) -> ResponseReturnValue:
    """A document of a unit."""
    return _add(DOCUMENT, _unit_target(survey_id, DOCUMENT))


@blueprint.route("/accounts/<psid>/documents/add", methods=["GET", "POST"])
@require(Permission.UPLOAD_FILES)
@takes_files
def add_account_document(psid: str) -> ResponseReturnValue:
    """A document of an account."""
    return _add(DOCUMENT, _account_target(psid, DOCUMENT))


def _add(kind: str, target: Target) -> ResponseReturnValue:
    if request.method == "GET":
        return _add_page(kind, target)
    try:
        sent = uploads_of(NAMES[kind])
        if not sent:
            raise InvalidInputError(_("Choose a file first."))
    except InvalidInputError as error:
        return _add_page(kind, target, [error])
    stored = 0
    errors: list[DomainError] = []
    for upload, client_uuid in sent:
        try:
            _store(kind, target, upload, client_uuid)
            stored += 1
        except StorageAway as error:
            errors.append(error)
            break
        except DomainError as error:
            errors.append(error)
    if errors:
        return _add_page(kind, target, errors, stored)
    flash(_stored_words(kind, stored), "success")
    return redirect(target.url, 303)


def _store(kind: str, target: Target, upload: Upload, client_uuid: uuid.UUID) -> None:
    """One file, in a transaction of its own: what is good is kept, also when the next one is not."""
    store: Callable[..., StoredFile] = files.store_photo if kind == PHOTO else files.store_document
    with transaction() as db:
        store(
            db, target.owner, upload, client_uuid=client_uuid, location_id=target.location_id,
            staff_id=current_user.id, title=request.form.get("title", ""),
        )  # fmt: skip


def _stored_words(kind: str, count: int) -> str:
    if kind == PHOTO:
        return str(ngettext("%(num)d photo added.", "%(num)d photos added.", count))
    return str(ngettext("%(num)d document added.", "%(num)d documents added.", count))


def _add_page(kind: str, target: Target, errors: list[Any] | None = None, stored: int = 0) -> ResponseReturnValue:
    status = max((error.status for error in errors), default=200) if errors else 200
    config = settings()
    page = render_template(
        "documents/add.html",
        is_photo=kind == PHOTO,
        name=NAMES[kind],
        target=target,
        errors=[str(error) for error in errors or ()],
        done=_stored_words(kind, stored) if stored else "",
        title=request.form.get("title", ""),
        most=config.max_photo_mib if kind == PHOTO else config.max_document_mib,
        accepted=ACCEPTED,
        title_length=files.TITLE_LENGTH,
    )
    return make_response(page, status)


# -- One file ------------------------------------------------------------------------------------------------------
def _find(file_id: int, *, deleted: bool = False) -> tuple[StoredFile, service.Rights]:
    """A file of a unit or an account of the own area (what hangs on tickets and visits has its page there)."""
    file = files.find(session(), file_id, current_scope(), deleted=True)
    rights = service.rights(file, current_user.id, edits_registers=current_user.can(Permission.EDIT_REGISTERS))
    is_shown = deleted and rights.delete if file.deleted_at is not None else True
    if not is_shown or (file.unit_id is None and file.account_id is None and not rights.delete):
        raise NotFoundError(_("There is no such file, or it is not one of your area."))
    return file, rights


@blueprint.get("/documents/<int:file_id>")
@require(Permission.VIEW_FILES)
def show(file_id: int) -> ResponseReturnValue:
    """Everything known of a photo or document; who may, changes its title, deletes it or brings it back."""
    file, rights = _find(file_id, deleted=True)
    return _file_page(file, rights)


def _file_page(
    file: StoredFile, rights: service.Rights, error: DomainError | None = None, **typed: str
) -> ResponseReturnValue:
    db = session()
    survey_id, psid = db.execute(selects.owner_keys(file)).one()
    page = render_template(
        "documents/file.html",
        file=file,
        rights=rights,
        who={one.id: one[1] for one in db.execute(selects.names_of([file.uploaded_by, file.deleted_by]))},
        survey_id=survey_id,
        psid=psid,
        error=str(error) if error else "",
        typed={"title": file.title, "reason": "", **typed},
        title_length=files.TITLE_LENGTH,
        reason_length=files.REASON_LENGTH,
    )
    return make_response(page, error.status if error else 200)


@blueprint.post("/documents/<int:file_id>/title")
@require(Permission.UPLOAD_FILES)
def rename(file_id: int) -> ResponseReturnValue:
    """Another title."""
    file, rights = _find(file_id)
    if not rights.edit:
        raise NotFoundError(_("There is no such file, or it is not one of your area."))
    title = request.form.get("title", "")
    try:
        with transaction() as db:
            service.rename(db, file, title, request.form.get("was", ""), _by())
    except (ConflictError, InvalidInputError) as error:
        return _file_page(*_find(file_id), error, title=title)
    flash(_("Saved."), "success")
    return redirect(url_for(".show", file_id=file_id), 303)


@blueprint.post("/documents/<int:file_id>/delete")
@require(Permission.UPLOAD_FILES)
def delete(file_id: int) -> ResponseReturnValue:
    """Take a file out of sight, with a reason."""
    file, rights = _find(file_id, deleted=True)
    if not rights.delete:
        raise NotFoundError(_("There is no such file, or it is not one of your area."))
    reason = request.form.get("reason", "")
    try:
        with transaction() as db:
            files.delete(db, file, _by(), reason)
    except InvalidInputError as error:
        return _file_page(*_find(file_id, deleted=True), error, reason=reason)
    flash(_("Deleted. It can be brought back here."), "success")
    return redirect(url_for(".show", file_id=file_id), 303)


@blueprint.post("/documents/<int:file_id>/restore")
@require(Permission.UPLOAD_FILES)
def restore(file_id: int) -> ResponseReturnValue:
    """Bring a deleted file back."""
    file, rights = _find(file_id, deleted=True)
    if not rights.delete:
        raise NotFoundError(_("There is no such file, or it is not one of your area."))
    try:
        with transaction() as db:
            files.restore(db, file, _by())
    except InvalidInputError as error:
        return _file_page(*_find(file_id, deleted=True), error)
    flash(_("It is back."), "success")
    return redirect(url_for(".show", file_id=file_id), 303)

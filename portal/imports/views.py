"""Screens of imports: upload and history, the life of one import on one page, downloads of its rows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from portal.audit.service import record
from portal.audit.sightings import Seen
from portal.config import MIB
from portal.db import session, transaction
from portal.errors import ConflictError, DomainError, ForbiddenError, InvalidInputError, NotFoundError, RefusedFileError
from portal.imports import forms, presenting, selects, service, words
from portal.imports.findings import FINDINGS
from portal.imports.models import ImportBatch, ImportFinding
from portal.imports.outcome import ImportOptions
from portal.jobs.defer import defer
from portal.jobs.watch import remark, standing
from portal.permissions import Permission, require
from portal.staff.models import Staff
from portal.web import format as fmt
from portal.web.columns import Column, Kind
from portal.web.context import client_address, settings, wants_data
from portal.web.downloads import csv_response, xlsx_response
from portal.web.filters import language
from portal.web.guard import current_scope
from portal.web.masking import may_see_personal
from portal.web.noting import begin_export, note_personal_views
from portal.web.pages import Key, paginate
from portal.web.xlsx import Fact

blueprint = Blueprint("imports", __name__, url_prefix="/imports", template_folder="templates")

MAX_FILES = 50


def _today() -> dt.date:
    return service.now().date()


def _import_settings() -> service.ImportSettings:
    config = settings()
    return service.ImportSettings(config.uploads_dir, config.max_import_mib * MIB, config.cycle_start_day)


def _actor() -> service.Actor:
    return service.Actor(current_user.username, current_user.id, current_scope(), client_address())


def _states() -> dict[str, Any]:
    """The words for each state, as they are true for the reader."""
    return words.states(current_user.can(Permission.IMPORT))


def _find(db_session: Session, batch_id: int) -> ImportBatch:
    """The batch, if its whole area lies inside the reader's. Raises NotFoundError."""
    query = selects.history(selects.HistoryFilter(), current_scope()).where(ImportBatch.id == batch_id)
    row = db_session.execute(query).first()
    if row is None:
        raise NotFoundError(_("There is no such import."))
    batch: ImportBatch = row[0]
    return batch


def _note(
    db_session: Session,
    action: str,
    batch: ImportBatch,
    after: dict[str, object],
    before: dict[str, Any] | None = None,
) -> None:
    record(
        db_session, action, "import_batch", batch.id, actor=current_user.username, staff_id=current_user.id,
        batch_id=batch.id, address=client_address(), before=before, after={"file": batch.file_name, **after},
    )  # fmt: skip


# -- Upload and history ------------------------------------------------------------------------------------------
@blueprint.get("/")
@require(Permission.VIEW_IMPORTS)
def index() -> ResponseReturnValue:
    """Drop zone, and the history below."""
    wanted = forms.read_filter(request.args)
    scope = current_scope()
    page = paginate(
        session(),
        selects.history(wanted, scope),
        [Key(ImportBatch.id, descending=True)],
        request.args.get("cursor"),
    )
    return render_template(
        "imports/index.html",
        page=page,
        wanted=wanted,
        kinds=words.KINDS,
        states=_states(),
        running=words.RUNNING,
        progress=words.progress,
        people=session().execute(selects.uploaders(scope)).all(),
        sees_all=scope.is_everywhere,
        may_import=current_user.can(Permission.IMPORT),
        max_mib=settings().max_import_mib,
        max_files=MAX_FILES,
    )


@blueprint.post("/upload")
@require(Permission.IMPORT)
def upload() -> ResponseReturnValue:
    """Keep each file as an import of its own; one that cannot be kept does not stop the others."""
    scope = current_scope()
    if not scope.is_everywhere and not scope.location_ids:
        raise ForbiddenError(_("You have no area: nothing you upload could be written. Ask the head office for one."))
    files = [file for file in request.files.getlist("files") if file.filename]
    if not files:
        return _uploaded([], [(_("No file"), _("Choose at least one file."))])
    if len(files) > MAX_FILES:
        message = _("At most %(n)s files at once. Nothing was uploaded; send the rest afterwards.", n=MAX_FILES)
        return _uploaded([], [(_("Too many files"), message)])
    kept: list[int] = []
    refused: list[tuple[str, str]] = []
    for file in files:
        try:
            kept.append(_keep(file))
        except RefusedFileError as error:
            refused.append((service.clean_file_name(file.filename or ""), str(error)))
        finally:
            file.close()
    return _uploaded(kept, refused)


def _keep(file: FileStorage) -> int:
    """Store one file, note its batch and queue its check, all or nothing."""
    stored = service.store_upload(file.stream, _import_settings())
    try:
        with transaction() as db_session:
            batch = service.new_batch(db_session, file.filename or "", stored, _actor())
            _note(db_session, "import.upload", batch, {"sha256": batch.file_sha256, "bytes": batch.file_size})
            defer("imports.check", batch_id=batch.id)
            return batch.id
    except BaseException:
        Path(stored[0]).unlink(missing_ok=True)
        raise


def _uploaded(kept: list[int], refused: list[tuple[str, str]]) -> ResponseReturnValue:
    target = url_for(".show", batch_id=kept[0]) if len(kept) == 1 and not refused else url_for(".index")
    if wants_data():
        errors = [{"file": name, "message": message} for name, message in refused]
        return jsonify(imports=kept, url=target, errors=errors), 201 if kept else 422
    for name, message in refused:
        flash(f"{name}: {message}", "error")
    if len(kept) > 1 or (kept and refused):
        flash(
            ngettext("%(num)d file is being checked.", "%(num)d files are being checked.", len(kept)),
            "success",
        )
    return redirect(target, 303)


@blueprint.get("/places")
@require(Permission.MATCH_PLACES)
def places() -> ResponseReturnValue:
    """The places to match are a screen of their own."""
    return redirect(url_for("places.index"), 302)


# -- One import --------------------------------------------------------------------------------------------------
@blueprint.get("/<int:batch_id>")
@require(Permission.VIEW_IMPORTS)
def show(batch_id: int) -> ResponseReturnValue:
    """The page of one import, whatever state it is in."""
    return _page(_find(session(), batch_id))


def _page(batch: ImportBatch, status: int = 200, error: DomainError | None = None) -> ResponseReturnValue:
    current = session()
    outcome = batch.result if batch.status == "DONE" else batch.preview if batch.status == "PREVIEW" else None
    uploader = current.get(Staff, batch.staff_id) if batch.staff_id else None
    may_see = may_see_personal(current_user)
    if outcome is not None and may_see:
        note_personal_views([Seen("import_batch", str(batch.id))])
    values: dict[str, object] = {
        "batch": batch,
        "uploader": uploader,
        "outcome": outcome,
        "kind_name": str(words.KINDS.get(batch.kind or "", _("Not recognised yet"))),
        "state_name": str(_states()[batch.status]),
        "running": batch.status in words.RUNNING,
        "progress": _progress(batch),
        "may_import": current_user.can(Permission.IMPORT),
        "may_export": current_user.can(Permission.EXPORT) and may_see,
        "may_match": current_user.can(Permission.MATCH_PLACES),
        "earlier": current.execute(selects.same_file(batch, current_scope())).all(),
        "form_error": error,
        "typed": request.form,
    }
    if outcome is not None:
        names: dict[str, dict[int, str]] = {
            "location_id": _by_id(selects.names_of(presenting.location_ids(outcome))),
            "unit_id": _by_id(selects.survey_ids_of(presenting.unit_ids(outcome))),
        }
        fresh, known = presenting.months(outcome)
        values |= {
            "bar": presenting.bar(outcome),
            "accepted": presenting.accepted(outcome),
            "new_bills": presenting.new_bills(outcome),
            "inserted_words": presenting.inserted_words(outcome["kind"], outcome["inserted"]),
            "pending_words": presenting.pending_words(outcome["kind"], outcome["pending"]),
            "file_words": presenting.file_words(str(words.KINDS[outcome["kind"]]), outcome["file_facts"]),
            "findings": presenting.finding_lines(outcome, may_see),
            "totals": presenting.total_lines(outcome),
            "samples": presenting.sample_lines(outcome, names, may_see, language()),
            "months_new": fresh,
            "months_known": known,
            "month_choices": forms.month_choices(outcome, _today(), settings().cycle_start_day),
            "as_of": dt.datetime.fromisoformat(outcome["as_of"]),
            "as_of_text": forms.as_of_text(dt.datetime.fromisoformat(outcome["as_of"])),
            "as_of_source": str(words.AS_OF_SOURCES.get(outcome["as_of_source"], "")),
            "token": forms.token_of(batch),
        }
    return render_template("imports/batch.html", **values), status


def _progress(batch: ImportBatch) -> tuple[int, str]:
    """How far a running import is: per cent, and a sentence, also about a worker that died over it."""
    percent, sentence = words.progress(batch)
    if batch.status not in words.RUNNING:
        return percent, sentence
    found = standing(session(), service.TASKS, "batch_id", batch.id)
    return percent, " ".join(filter(None, [remark(found), sentence]))


def _by_id(query: selects.Rows) -> dict[int, str]:
    return {row[0]: row[1] for row in session().execute(query)}


@blueprint.get("/<int:batch_id>/status")
@require(Permission.VIEW_IMPORTS)
def status(batch_id: int) -> ResponseReturnValue:
    """What the open page asks for every second while the import runs."""
    batch = _find(session(), batch_id)
    state, running = str(_states()[batch.status]), batch.status in words.RUNNING
    percent, text = _progress(batch) if running else (100, state)
    return jsonify(
        id=batch.id,
        status=batch.status,
        state=state,
        running=running,
        percent=percent,
        text=text,
        rows=batch.rows_read,
    )


def _back(batch_id: int, error: ConflictError | None = None) -> ResponseReturnValue:
    if error is not None:
        flash(str(error), "warning")
    return redirect(url_for(".show", batch_id=batch_id), 303)


@blueprint.post("/<int:batch_id>")
@require(Permission.IMPORT)
def decide(batch_id: int) -> ResponseReturnValue:
    """Confirm a preview, or have it made again with other months or another as-of time.

    Who confirms sees the batch, so the batch's area lies inside his; the import writes within the batch's area.
    """
    batch = _find(session(), batch_id)
    if batch.status != "PREVIEW":
        return _back(batch_id, ConflictError(_not_waiting(batch)))
    if request.form.get("token") != forms.token_of(batch):
        changed_since = _("The preview has changed since you opened it. Nothing was imported; look again.")
        return _back(batch_id, ConflictError(changed_since))
    try:
        options = forms.read_options(request.form, batch, service.now(), settings().cycle_start_day)
    except InvalidInputError as error:
        return _page(batch, 422, error)
    changed = options.as_json() != ImportOptions.from_json(batch.options or {}).as_json()
    try:
        with transaction() as db_session:
            if changed:
                before = {"options": batch.options}
                service.change_options(db_session, batch_id, options)
                _note(db_session, "import.options", batch, {"options": options.as_json()}, before)
                defer("imports.check", batch_id=batch_id)
            elif request.form.get("do") == "import":
                service.queue_commit(db_session, batch_id)
                _note(db_session, "import.confirm", batch, {"rows": batch.rows_read})
                defer("imports.commit", batch_id=batch_id, staff_id=current_user.id, address=client_address())
    except ConflictError as error:
        return _back(batch_id, error)
    if changed and request.form.get("do") == "import":
        flash(_("You changed months or the as-of time: check the new preview before you import."), "info")
    elif not changed and request.form.get("do") != "import":
        flash(_("Nothing was changed: the preview is up to date."), "info")
    return _back(batch_id)


def _not_waiting(batch: ImportBatch) -> str:
    if batch.status in {"QUEUED", "COMMITTING"}:
        return str(_("This import has been confirmed already. It is imported once."))
    if batch.status == "DONE":
        return str(_("This file has been imported already. Nothing was done twice."))
    return str(_("This import is no longer waiting for you. Nothing was changed."))


@blueprint.post("/<int:batch_id>/cancel")
@require(Permission.IMPORT)
def cancel(batch_id: int) -> ResponseReturnValue:
    """Put an upload aside before it is written."""
    batch = _find(session(), batch_id)
    try:
        with transaction() as db_session:
            before = {"status": batch.status}
            cancelled = service.cancel_batch(db_session, batch_id)
            _note(db_session, "import.cancel", batch, {"status": cancelled.status}, before)
    except ConflictError as error:
        return _back(batch_id, error)
    flash(_("The import is cancelled. Nothing was written."), "info")
    return _back(batch_id)


# -- Findings and downloads --------------------------------------------------------------------------------------
@blueprint.get("/<int:batch_id>/findings/<code>")
@require(Permission.VIEW_IMPORTS)
def findings(batch_id: int, code: str) -> ResponseReturnValue:
    """The rows in which one thing was found."""
    batch = _find(session(), batch_id)
    if code not in FINDINGS:
        raise NotFoundError(_("There is no such finding."))
    page = paginate(
        session(),
        selects.findings(batch_id, code),
        [Key(ImportFinding.line_no), Key(ImportFinding.id)],
        request.args.get("cursor"),
    )
    may_see = may_see_personal(current_user)
    if page.items and may_see:
        note_personal_views([Seen("import_batch", str(batch_id))])
    return render_template(
        "imports/findings.html",
        batch=batch,
        code=code,
        finding=FINDINGS[code],
        page=page,
        hidden=lambda column, value: presenting.hidden(column, value, may_see),
        may_export=current_user.can(Permission.EXPORT) and may_see,
    )


@blueprint.get("/<int:batch_id>/findings/<code>.<any(csv, xlsx):file_format>")
@require(Permission.EXPORT)
def finding_download(batch_id: int, code: str, file_format: str) -> ResponseReturnValue:
    """The same as a file."""
    batch = _find(session(), batch_id)
    if code not in FINDINGS:
        raise NotFoundError(_("There is no such finding."))
    return _download(batch, code.lower().replace("_", "-"), file_format, selects.finding_download(batch_id, code))


@blueprint.get("/<int:batch_id>/<any(rejected, changed, pending, duplicates):which>.<any(csv, xlsx):file_format>")
@require(Permission.EXPORT)
def rows(batch_id: int, which: str, file_format: str) -> ResponseReturnValue:
    """The rejected, changed, pending or duplicate rows with line number, column and reason."""
    batch = _find(session(), batch_id)
    return _download(batch, which, file_format, selects.row_download(batch, which))


def _download(
    batch: ImportBatch, name: str, file_format: str, query: tuple[selects.Rows, list[Column]]
) -> ResponseReturnValue:
    """Rows of a file hold names, numbers and addresses: only for those who may see them, and noted in the audit log."""
    if not may_see_personal(current_user):
        raise ForbiddenError(_("Your role does not allow this."))
    file_name = f"import-{batch.id}-{name}.{file_format}"
    facts = [
        Fact(str(_("File")), batch.file_name),
        Fact(str(_("Kind")), str(words.KINDS.get(batch.kind or "", ""))),
        Fact(str(_("Import")), batch.id, Kind.NUMBER),
        Fact(str(_("Status")), str(_states()[batch.status])),
        Fact(str(_("As of")), batch.as_of.astimezone(fmt.KARACHI) if batch.as_of else None, Kind.DATETIME),
        Fact(str(_("SHA-256 of the file")), batch.file_sha256),
        Fact(str(_("Downloaded by")), current_user.username),
        Fact(str(_("Downloaded at")), service.now(), Kind.DATETIME),
    ]
    title = f"{batch.file_name}: {name}"
    after = {"file": batch.file_name, "rows": name, "format": file_format}
    note = begin_export("import.download", "import_batch", batch.id, after, batch_id=batch.id)
    select, columns = query
    if file_format == "csv":
        return csv_response(select, columns, file_name, note=note)
    return xlsx_response(select, columns, file_name, title=title, facts=facts, note=note)

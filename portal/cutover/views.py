"""Pages of the cutover: upload the exports, look at what they would do, confirm, follow it."""

from __future__ import annotations

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import func, select

from portal.audit.service import record
from portal.cutover import runs, tables, words
from portal.cutover.models import CUTOVER_RUNNING, CutoverRow, CutoverRun
from portal.db import session, transaction
from portal.errors import ConflictError, RefusedFileError
from portal.imports.cli import settings_for_imports
from portal.imports.service import Actor
from portal.jobs.defer import defer
from portal.jobs.watch import remark, standing
from portal.permissions import Permission, require
from portal.staff.models import Staff
from portal.web.columns import Column, Kind
from portal.web.context import client_address, settings
from portal.web.downloads import csv_response
from portal.web.guard import current_scope
from portal.web.noting import begin_export
from portal.web.pages import Key, paginate

blueprint = Blueprint("cutover", __name__, url_prefix="/cutover")

CONFIRM = "cutover"  # to be typed; the same in every language, since it stands on the page
RUNS_SHOWN = 20
STEPS = (*(table.name for table in tables.TABLES), tables.PAYMENTS)


def _note(action: str, run: CutoverRun) -> None:
    record(
        session(), action, "cutover", run.id, actor=current_user.username, staff_id=current_user.id,
        address=client_address(), after={table: file["name"] for table, file in run.files.items()},
    )  # fmt: skip


@blueprint.get("/")
@require(Permission.CUTOVER)
def index() -> ResponseReturnValue:
    """Upload, and the runs so far."""
    return _index()


def _index(error: str = "", status: int = 200) -> ResponseReturnValue:
    query = select(CutoverRun, Staff.username, Staff.full_name).outerjoin(Staff, Staff.id == CutoverRun.staff_id)
    page = paginate(session(), query, [Key(CutoverRun.id, descending=True)], request.args.get("cursor"), RUNS_SHOWN)
    shown = render_template(
        "cutover/index.html", page=page, states=words.STATES, tables=tables.TABLES, error=error,
        running=CUTOVER_RUNNING, max_mib=settings().max_import_mib,
    )  # fmt: skip
    return shown, status


@blueprint.post("/upload")
@require(Permission.CUTOVER)
def upload() -> ResponseReturnValue:
    """Keep the exports and have them checked: all of them, or none."""
    chosen = [file for file in request.files.getlist("files") if file.filename]
    actor = Actor(current_user.username, current_user.id, current_scope(), client_address())
    try:
        with transaction() as db_session:
            uploads = [(file.filename or "", file.stream) for file in chosen]
            run = runs.keep_uploads(db_session, uploads, settings_for_imports(settings()), actor)
            _note("cutover.upload", run)
            defer(runs.CHECK, run_id=run.id, staff_id=current_user.id, address=client_address())
            run_id = run.id
    except RefusedFileError as error:
        return _index(str(error), 422)
    return redirect(url_for(".show", run_id=run_id), 303)


@blueprint.get("/<int:run_id>")
@require(Permission.CUTOVER)
def show(run_id: int) -> ResponseReturnValue:
    """One run, whatever state it is in."""
    return _show(run_id)


def _show(run_id: int, error: str = "", status: int = 200) -> ResponseReturnValue:
    run = runs.find(session(), run_id)
    rows = session().scalars(select(CutoverRow).where(CutoverRow.run_id == run_id).order_by(CutoverRow.id).limit(100))
    shown = render_template(
        "cutover/run.html",
        run=run,
        outcomes=run.result if run.status == "DONE" else run.preview,
        labels=tables.LABELS,
        reason=words.reason,
        state=str(words.STATES[run.status]),
        running=run.status in CUTOVER_RUNNING,
        progress=_progress(run),
        who=session().get(Staff, run.staff_id) if run.staff_id else None,
        rows=rows.all(),
        confirm_word=CONFIRM,
        error=error,
    )
    return shown, status


def _progress(run: CutoverRun) -> tuple[int, str]:
    """How far it is by the table it is at, and a sentence, also about a worker that died over it."""
    if run.status not in CUTOVER_RUNNING:
        return 100, str(words.STATES[run.status])
    done = STEPS.index(run.phase) if run.phase in STEPS else 0
    label = str(tables.LABELS[run.phase]) if run.phase in tables.LABELS else str(words.STATES[run.status])
    said = remark(standing(session(), [runs.CHECK, runs.RUN], "run_id", run.id))
    return round(100 * done / len(STEPS)), " ".join(filter(None, [said, label]))


@blueprint.get("/<int:run_id>/status")
@require(Permission.CUTOVER)
def status(run_id: int) -> ResponseReturnValue:
    """What the open page asks for while the run goes on."""
    run = runs.find(session(), run_id)
    percent, sentence = _progress(run)
    running = run.status in CUTOVER_RUNNING
    return jsonify(id=run.id, status=run.status, running=running, percent=percent, text=sentence)


@blueprint.post("/<int:run_id>/confirm")
@require(Permission.CUTOVER)
def confirm(run_id: int) -> ResponseReturnValue:
    """Have it done, once the word is typed."""
    runs.find(session(), run_id)
    if request.form.get("confirm", "").strip().lower() != CONFIRM:
        return _show(run_id, _("Type the word %(word)s to confirm. Nothing was written.", word=CONFIRM), 422)
    try:
        with transaction() as db_session:
            _note("cutover.confirm", runs.confirm(db_session, run_id))
            defer(runs.RUN, run_id=run_id, staff_id=current_user.id, address=client_address())
    except ConflictError as error:
        flash(str(error), "warning")
    return redirect(url_for(".show", run_id=run_id), 303)


@blueprint.post("/<int:run_id>/cancel")
@require(Permission.CUTOVER)
def cancel(run_id: int) -> ResponseReturnValue:
    """Put it aside; the uploaded files go."""
    runs.find(session(), run_id)
    try:
        with transaction() as db_session:
            run = runs.cancel(db_session, run_id)
            _note("cutover.cancel", run)
    except ConflictError as error:
        flash(str(error), "warning")
    else:
        runs.remove_files(run)
        flash(_("Cancelled. Nothing was written, and the uploaded files are deleted."), "info")
    return redirect(url_for(".show", run_id=run_id), 303)


@blueprint.get("/<int:run_id>/rows.csv")
@require(Permission.CUTOVER)
def rows(run_id: int) -> ResponseReturnValue:
    """The rows that were rejected, duplicates, or about which there is something to say."""
    runs.find(session(), run_id)
    query = select(CutoverRow).where(CutoverRow.run_id == run_id)
    columns = [
        Column("table_name", _l("Table"), Kind.CODE),
        Column("line_no", _l("Line"), Kind.NUMBER),
        Column("outcome", _l("Outcome"), Kind.CODE),
        Column("row_key", _l("Key"), Kind.IDENTIFIER),
        Column("code", _l("Reason"), Kind.CODE, choices=words.ALL_REASONS, in_words=True),
        Column("detail", _l("Detail")),
    ]
    total = session().scalar(select(func.count()).select_from(query.subquery())) or 0
    note = begin_export("import.download", "cutover", run_id, {"format": "csv", "rows": total})
    shown = query.with_only_columns(*(getattr(CutoverRow, column.key) for column in columns)).order_by(CutoverRow.id)
    return csv_response(shown, columns, f"cutover-{run_id}-rows.csv", note=note)

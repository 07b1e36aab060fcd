"""Screens of many people at once: template, upload, preview with the findings of each row, confirmation."""

from __future__ import annotations

import csv
import io
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from itsdangerous import BadSignature, URLSafeTimedSerializer

from portal.audit.service import record
from portal.db import session, transaction
from portal.errors import ConflictError, InvalidInputError, NotFoundError, RefusedFileError
from portal.permissions import Permission, require
from portal.roles import role_name
from portal.staff import accounts, bulk, invitations, words
from portal.staff.admin_pages import by, grantable
from portal.staff.admin_views import invited_line
from portal.staff.contact import international
from portal.staff.sheet import MAX_BYTES, MAX_ROWS
from portal.web.columns import Column, Kind
from portal.web.context import settings
from portal.web.downloads import BOM, CSV_TYPE, XLSX_TYPE
from portal.web.filters import language
from portal.web.guard import current_scope
from portal.web.xlsx import Fact, WorkbookSink

blueprint = Blueprint("people_bulk", __name__, url_prefix="/staff/bulk")

PREVIEW_SECONDS = 2 * 3600


@blueprint.context_processor
def _shared() -> dict[str, Any]:
    return {"role_name": role_name, "words": words, "international": international}


def _columns() -> list[tuple[str, str]]:
    """(heading, explanation) of the columns of the template."""
    texts = {
        "username": _("English letters and digits, 2 to 64. It cannot be changed later."),
        "full_name": _("In any alphabet."),
        "role": _("One of: %(roles)s", roles=", ".join(grantable())),
        "areas": _("A path of names, like Khushab/Khushab (district/tehsil); several with ; between."),
        "email": _("May be empty. With it the invitation goes by mail."),
        "mobile": _("May be empty. Like 0300 1234567."),
    }
    return [(bulk.COLUMNS[key][0], str(text)) for key, text in texts.items()]


@blueprint.get("/")
@require(Permission.MANAGE_STAFF)
def index() -> ResponseReturnValue:
    """Where the template is, and the upload."""
    return _start()


def _start(status: int = 200, error: str = "") -> ResponseReturnValue:
    page = render_template("staff/admin/bulk.html", columns=_columns(), most_rows=MAX_ROWS, error=error)
    return page, status


@blueprint.get("/template.<file_format>")
@require(Permission.MANAGE_STAFF)
def template(file_format: str) -> ResponseReturnValue:
    """The empty table to fill in. Headings are English, so that the file is understood in either language."""
    headings = [titles[0] for titles in bulk.COLUMNS.values()]
    if file_format == "csv":
        out = io.StringIO()
        csv.writer(out, lineterminator="\r\n").writerow(headings)
        return _file((BOM + out.getvalue()).encode(), CSV_TYPE, "staff-template.csv")
    if file_format != "xlsx":
        raise NotFoundError(_("There is no such file."))
    parts: list[bytes] = []
    facts = [Fact(heading, text) for heading, text in _columns()]
    # Identifiers are text in Excel: a mobile number keeps its leading zero.
    columns = [(heading, Column(heading, heading, Kind.IDENTIFIER, 28)) for heading in headings]
    sink = WorkbookSink(
        parts.append, _("Staff"), facts, columns, (_("How to fill it in"), _("Staff")), language() == "ur"
    )
    sink.finish()
    return _file(b"".join(parts), XLSX_TYPE, "staff-template.xlsx")


def _file(data: bytes, mimetype: str, name: str) -> Response:
    response = Response(data, content_type=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _serializer() -> URLSafeTimedSerializer:
    """Signs the rows of a preview for the person who sees it: what is confirmed is what was shown."""
    return URLSafeTimedSerializer(current_app.secret_key or "", salt=f"staff-bulk:{current_user.id}")


@blueprint.post("/check")
@require(Permission.MANAGE_STAFF)
def check() -> ResponseReturnValue:
    """Read and judge an uploaded file; writes nothing."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return _start(422, _("Choose a file first."))
    try:
        drafts = bulk.read_file(file.stream.read(MAX_BYTES + 1))
    except RefusedFileError as error:
        return _start(error.status, str(error))
    finally:
        file.close()
    return _preview(drafts, file.filename.replace("\\", "/").rpartition("/")[2][:100])


def _judged(drafts: list[bulk.Draft]) -> list[bulk.Judged]:
    return bulk.judge(session(), drafts, current_scope(), grantable(), language())


def _preview(drafts: list[bulk.Draft], file_name: str, status: int = 200) -> ResponseReturnValue:
    rows = _judged(drafts)
    good = sum(row.is_good for row in rows)
    payload = _serializer().dumps({"file": file_name, "good": good, "rows": [draft.as_list() for draft in drafts]})
    page = render_template(
        "staff/admin/preview.html", rows=rows, good=good, payload=payload, file_name=file_name, is_stale=status == 409
    )
    return page, status


@blueprint.post("/create")
@require(Permission.MANAGE_STAFF)
def create() -> ResponseReturnValue:
    """Create the people of the good rows with their invitations, all or none, if the preview still holds."""
    try:
        kept = _serializer().loads(request.form.get("rows", ""), max_age=PREVIEW_SECONDS)
        drafts = [bulk.Draft(*row) for row in kept["rows"]]
    except (BadSignature, TypeError, KeyError):
        return _start(422, _("This preview is too old, or was changed. Nothing was created; upload the file again."))
    rows = _judged(drafts)
    if sum(row.is_good for row in rows) != kept["good"]:
        return _preview(drafts, kept["file"], 409)
    try:
        with transaction() as db:
            made = bulk.create_all(db, by(), rows)
            mailed = [staff for staff in made if invitations.can_mail(staff, settings())]
            issued = accounts.invite_new(db, by(), made, {staff.id for staff in mailed})
            for staff in mailed:
                invitations.queue_invitation(staff, by().staff_id)
            lines = [invited_line(staff, issued[staff.id]) for staff in made if staff.id in issued]
            actor = by()
            after = {"file": kept["file"], "rows": len(rows), "created": len(made)}
            record(
                db, "staff.bulk", "staff", actor=actor.name, staff_id=actor.staff_id, address=actor.address, after=after
            )
    except (ConflictError, InvalidInputError):
        return _preview(drafts, kept["file"], 409)
    return render_template(
        "staff/admin/invited.html", lines=lines, mailed=mailed, until=invitations.expires_at(), created=True
    )

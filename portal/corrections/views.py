"""Pages of corrections: proposing one, the list to decide, one with before and after."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.sightings import Seen
from portal.corrections import selects, service, showing
from portal.corrections.models import PENDING, Correction
from portal.db import session, transaction
from portal.errors import ConflictError, DomainError, ForbiddenError, InvalidInputError, NotFoundError
from portal.files.incoming import uploads_of, uuid_of
from portal.files.models import PHOTO
from portal.files.selects import files_of
from portal.files.service import Owner, store_photo
from portal.imports.service import Actor
from portal.locations.selects import all_inside
from portal.permissions import Permission, require
from portal.registers.fields import UNIT_FIELDS
from portal.units.models import SurveyUnit
from portal.web.context import client_address, settings
from portal.web.filters import language
from portal.web.guard import current_scope
from portal.web.masking import may_see_personal, seen_units
from portal.web.noting import note_personal_views
from portal.web.pages import FEW_PLACES, Key, Page, first_of_each, paginate
from portal.web.security import takes_files

blueprint = Blueprint("corrections", __name__)

PER_PAGE = 20
MOST_AT_ONCE = 50
HIDDEN_FIELDS = ("mobile", "cnic")  # empty in the form of who may not see them; left empty they stay as they are
ON = "on"


def actor() -> Actor:
    """The signed-in person as the one who acts."""
    return Actor(current_user.username, current_user.id, current_scope(), client_address())


@blueprint.context_processor
def _shared() -> dict[str, Any]:
    return {"permission": Permission, "fields": UNIT_FIELDS}


def _decides() -> bool:
    return bool(current_user.can(Permission.DECIDE_CORRECTIONS))


def _is_direct() -> bool:
    """Whether what the signed-in person corrects is applied at once."""
    return settings().direct_edit == ON


# -- Proposing -------------------------------------------------------------------------------------------------------
def _unit(survey_id: str) -> SurveyUnit:
    found = None
    if survey_id.isascii() and survey_id.isdecimal():
        found = (
            session()
            .scalars(
                select(SurveyUnit).where(
                    SurveyUnit.survey_id == survey_id, current_scope().clause(SurveyUnit.location_id)
                )
            )
            .one_or_none()
        )
    if found is None:
        raise NotFoundError(_("Survey id %(id)s is not in the register of your area.", id=survey_id[:20]))
    unit: SurveyUnit = found
    return unit


@blueprint.get("/units/<survey_id>/correct")
@require(Permission.PROPOSE_CORRECTIONS)
def propose(survey_id: str) -> ResponseReturnValue:
    """The form, filled with what the register says."""
    unit = _unit(survey_id)
    may_see = may_see_personal(current_user, unit.id)
    return _form(unit, may_see, {})


def _form(
    unit: SurveyUnit, may_see: bool, errors: dict[str, str], status: int = 200, error: str = ""
) -> ResponseReturnValue:
    if may_see:
        note_personal_views([Seen("unit", unit.survey_id, unit.location_id)])
    values = {}
    for name in service.OFFERED:
        is_hidden = name in HIDDEN_FIELDS and not may_see
        values[name] = request.form.get(name, "" if is_hidden else UNIT_FIELDS[name].text_of(unit))
    lookups: dict[str, list[Any]] = {}
    for word in session().scalars(selects.offered_words()):
        lookups.setdefault(word.kind, []).append(word)
    page = render_template(
        "corrections/propose.html",
        unit=unit,
        may_see=may_see,
        offered=[UNIT_FIELDS[name] for name in service.OFFERED],
        values=values,
        errors=errors,
        error=error,
        hidden_fields=() if may_see else HIDDEN_FIELDS,
        lookups=lookups,
        pending=_pending(unit, may_see),
        client_uuid=uuid_of(request.form.get("client_uuid")) or uuid.uuid4(),
        note=request.form.get("note", ""),
        is_direct=_is_direct(),
        language=language(),
    )
    return page, status


def _pending(unit: SurveyUnit, may_see: bool) -> list[tuple[Any, list[showing.Line]]]:
    rows = session().execute(selects.pending_of(unit.id))
    return [
        (row, showing.lines(row[0], unit, may_see=may_see, is_own=row[0].proposed_by == current_user.id))
        for row in rows
    ]


@blueprint.post("/units/<survey_id>/correct")
@require(Permission.PROPOSE_CORRECTIONS)
@takes_files
def send(survey_id: str) -> ResponseReturnValue:
    """Keep the proposal (or apply it at once), once for each form however often it is sent."""
    unit = _unit(survey_id)
    may_see = may_see_personal(current_user, unit.id)
    typed = {name: request.form[name] for name in service.OFFERED if name in request.form}
    if not may_see:
        typed = {name: text for name, text in typed.items() if name not in HIDDEN_FIELDS or text.strip()}
    client_uuid = uuid_of(request.form.get("client_uuid"))
    if client_uuid is None:
        return _form(unit, may_see, {}, 422, _("This form is not complete. Open it anew; what you typed stands below."))
    try:
        uploads = uploads_of("photos")
        with transaction() as db:
            proposal = service.Proposal(typed, request.form.get("note", ""), len(uploads))
            made = service.propose(db, actor(), unit, proposal, client_uuid, direct=_is_direct())
            owner = Owner(correction_id=made.id) if made.state == PENDING else Owner(unit_id=unit.id)
            for upload, file_uuid in uploads:
                store_photo(
                    db, owner, upload, client_uuid=file_uuid, location_id=unit.location_id, staff_id=current_user.id
                )
            made_id, is_applied = made.id, made.state != PENDING
    except DomainError as error:
        if isinstance(error, NotFoundError | ForbiddenError):
            raise
        fields = error.details.get("fields") or {}
        return _form(_unit(survey_id), may_see, fields, error.status, "" if fields else str(error))
    if is_applied:
        flash(_("Saved. It holds from now on."), "success")
    else:
        flash(_("Sent. Your supervisor decides; you will hear of it."), "success")
    if is_applied:
        return redirect(url_for("records.unit", survey_id=survey_id), 303)
    return redirect(url_for(".show", correction_id=made_id), 303)


# -- The list --------------------------------------------------------------------------------------------------------
def _list_page(db: Session, is_decided: bool, cursor: str | None) -> Page:
    """What waits, oldest first, or what was decided, newest first. Few places give their first ones each (see
    `first_of_each`)."""
    scope, keys = current_scope(), [Key(Correction.id, descending=is_decided)]
    state = Correction.state != PENDING if is_decided else Correction.state == PENDING
    if not _decides():
        own = selects.corrections(scope, by=current_user.id).where(state)
        return paginate(db, own, keys, cursor, PER_PAGE)
    query = selects.corrections(scope).where(state)
    if not scope.is_everywhere:
        places = db.scalars(all_inside(scope)).all()
        if len(places) <= FEW_PLACES:
            everybodys = select(Correction).where(state)  # narrowed to these places, which are the reader's
            query = query.where(first_of_each(everybodys, Correction.location_id, places, keys, cursor, PER_PAGE))
    return paginate(db, query, keys, cursor, PER_PAGE)


@blueprint.get("/corrections/")
@require(Permission.VIEW_FIELD)
def index() -> ResponseReturnValue:
    """What waits in the reader's areas; agents see their own."""
    is_decided = request.args.get("show") == "decided"
    db = session()
    page = _list_page(db, is_decided, request.args.get("cursor"))
    ids = [row[0].id for row in page]
    seen = seen_units(current_user, {row[1].id for row in page}) if ids else frozenset()
    shown = [
        (row, showing.lines(row[0], row[1], may_see=row[1].id in seen, is_own=row[0].proposed_by == current_user.id))
        for row in page
    ]
    note_personal_views(
        [
            Seen("unit", row[1].survey_id, row[1].location_id)
            for row, lines in shown
            if row[1].id in seen and any(line.name in HIDDEN_FIELDS for line in lines)
        ]
    )
    return render_template(
        "corrections/index.html",
        page=page,
        shown=shown,
        photos=dict(db.execute(selects.photo_counts(ids)).all()) if ids else {},
        is_decided=is_decided,
        decides=_decides(),
    )


@blueprint.get("/corrections/<int:correction_id>")
@require(Permission.VIEW_FIELD)
def show(correction_id: int) -> ResponseReturnValue:
    """One correction with before and after."""
    return _page(correction_id)


def _page(correction_id: int, status: int = 200, error: str = "") -> ResponseReturnValue:
    db = session()
    query = selects.corrections(current_scope(), by=None if _decides() else current_user.id)
    known = 0 < correction_id < 2**63
    row = db.execute(query.where(Correction.id == correction_id)).first() if known else None
    if row is None:
        raise NotFoundError(_("There is no such correction in your area."))
    correction, unit = row[0], row[1]
    may_see = may_see_personal(current_user, unit.id)
    is_own = correction.proposed_by == current_user.id
    if may_see:
        note_personal_views([Seen("unit", unit.survey_id, unit.location_id)])
    page = render_template(
        "corrections/show.html",
        row=row,
        correction=correction,
        unit=unit,
        lines=showing.lines(correction, unit, may_see=may_see, is_own=is_own),
        photos=list(db.scalars(files_of(correction_ids=[correction.id], kind=PHOTO))),
        may_decide=_decides() and not is_own and correction.state == PENDING,
        may_withdraw=is_own and correction.state == PENDING,
        error=error,
        note=request.form.get("note", ""),
    )
    return page, status


# -- Deciding --------------------------------------------------------------------------------------------------------
def _version(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else -1


@blueprint.post("/corrections/<int:correction_id>/decide")
@require(Permission.DECIDE_CORRECTIONS)
def decide(correction_id: int) -> ResponseReturnValue:
    """Approve (and apply) or reject one."""
    is_approval = request.form.get("do") == "approve"
    note = request.form.get("note", "")
    if not 0 < correction_id < 2**63:
        raise NotFoundError(_("There is no such correction in your area."))
    try:
        with transaction() as db:
            if is_approval:
                service.approve(db, actor(), correction_id, _version(request.form.get("unit_version")), note)
            else:
                service.reject(db, actor(), correction_id, note)
    except (ConflictError, InvalidInputError) as error:
        return _page(correction_id, error.status, str(error))
    flash(_("Approved and applied.") if is_approval else _("Rejected."), "success")
    return redirect(url_for(".index"), 303)


@blueprint.post("/corrections/decide")
@require(Permission.DECIDE_CORRECTIONS)
def approve_chosen() -> ResponseReturnValue:
    """Approve the ticked ones; each for itself, what does not go stays and is named."""
    chosen = [one.partition(":") for one in request.form.getlist("correction")[:MOST_AT_ONCE]]
    if not chosen:
        flash(_("Nothing was ticked."), "info")
        return redirect(url_for(".index"), 303)
    done, refused = 0, []
    with transaction() as db:
        for number, _colon, version in chosen:
            try:
                with db.begin_nested():
                    service.approve(db, actor(), _version(number), _version(version), unmoved_only=True)
                done += 1
            except DomainError as error:
                refused.append((number, str(error)))
    if done:
        flash(
            ngettext("%(n)s correction approved and applied.", "%(n)s corrections approved and applied.", done, n=done),
            "success",
        )
    for number, sentence in refused[:10]:
        flash(_("Correction %(number)s stays: %(why)s", number=number, why=sentence), "warning")
    return redirect(url_for(".index"), 303)


@blueprint.post("/corrections/<int:correction_id>/withdraw")
@require(Permission.PROPOSE_CORRECTIONS)
def withdraw(correction_id: int) -> ResponseReturnValue:
    """Take back one's own proposal."""
    if not 0 < correction_id < 2**63:
        raise NotFoundError(_("There is no such correction in your area."))
    try:
        with transaction() as db:
            service.withdraw(db, actor(), correction_id)
    except ConflictError as error:
        return _page(correction_id, error.status, str(error))
    flash(_("Taken back."), "success")
    return redirect(url_for(".index"), 303)

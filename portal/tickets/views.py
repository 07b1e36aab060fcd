"""The list of tickets, a ticket's page, and what one does there. The other pages register on the same blueprint."""

from __future__ import annotations

import uuid
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from portal.audit.sightings import Seen
from portal.db import session, transaction
from portal.errors import ConflictError, DomainError, InvalidInputError, NotFoundError
from portal.files.incoming import uploads_of
from portal.files.service import Owner, store_document, store_photo
from portal.permissions import Permission, require
from portal.tickets import commenting, decisions, form_views, merging, pages, selects, service  # noqa: F401
from portal.tickets import filters as ticket_filters
from portal.tickets.forms import read_rupees
from portal.tickets.linking import BIGGEST_ID
from portal.tickets.models import APPROVED, REJECTED, RESOLVED
from portal.tickets.numbers import read_number
from portal.tickets.rules import LEADS_TO, Step
from portal.tickets.web import actor, blueprint, form_uuid, version_of, work_calendar
from portal.tickets.words import STEPS
from portal.web.filters import language
from portal.web.guard import current_scope
from portal.web.masking import holds_personal_number
from portal.web.noting import note_personal_views
from portal.web.pages import url_with
from portal.web.security import takes_files

__all__ = ["blueprint"]

PUBLIC_AUDIENCE = "public"  # of a comment; everything else is internal


# -- The list --------------------------------------------------------------------------------------------------------
@blueprint.get("/")
@require(Permission.VIEW_TICKETS)
def index() -> ResponseReturnValue:
    """The tickets of a tab; filters in the address."""
    db, reader, moment = session(), actor(), service.now()
    typed = request.args.get("q", "")
    if holds_personal_number(typed):
        flash(_("Nothing was searched: a mobile or CNIC number must not stand in the address of a page."), "warning")
        return redirect(url_with(q=None), 303)
    if number := read_number(typed):
        return redirect(url_for(".show", number=number), 303)
    boxes = selects.boxes(reader)
    wanted = ticket_filters.read_filter(request.args, boxes)
    area = pages.area_in_force(db, wanted.area, current_scope())
    page = pages.list_page(db, wanted, reader, request.args.get("cursor"), moment)
    count = len(page)
    if page.next_cursor or page.prev_cursor:
        count = db.scalar(selects.counted(wanted, reader, moment)) or 0
    counted = [box for box in boxes if box != ticket_filters.EVERY]
    tabs = db.execute(selects.tab_counts(reader, counted, moment)).mappings().one()
    return render_template(
        "tickets/index.html",
        page=page,
        count=count,
        most=selects.COUNTED,
        wanted=wanted,
        tabs=[(box, tabs.get(box)) for box in boxes],
        tab_most=selects.TAB_COUNTED,
        categories=db.scalars(selects.categories()).all(),
        moment=moment,
        may_work=current_user.can(Permission.WORK_TICKETS),
        query=url_with(cursor=None).partition("?")[2],
        **area,
    )


# -- One ticket ------------------------------------------------------------------------------------------------------
@blueprint.get("/<number>")
@require(Permission.VIEW_TICKETS)
def show(number: str) -> ResponseReturnValue:
    """One ticket: facts left, history right, what one can do on top."""
    return _page(number)


def _page(
    number: str, status: int = 200, *, error: str = "", at: str = "", is_stale: bool = False
) -> ResponseReturnValue:
    """The page; after a refused action with its sentence (`at` names the form) and what was typed."""
    found = pages.load(session(), actor(), number)
    if found.may_see and found.ticket.reporter_mobile:
        note_personal_views([Seen("ticket", found.ticket.number, found.ticket.location_id)])
    typed = request.form if request.method == "POST" and not is_stale else {}
    # The step he took may not be offered any more: his words stand by themselves.
    said = (request.form.get("words") or request.form.get("note") or "").strip() if is_stale else ""
    page = render_template(
        "tickets/ticket.html", found=found, ticket=found.ticket, error=error, at=at, is_stale=is_stale, typed=typed,
        said=said, lang=language(), comment_uuid=typed.get("client_uuid") or uuid.uuid4(), steps=STEPS,
    )  # fmt: skip
    return page, status


def _done(number: str, sentence: str) -> ResponseReturnValue:
    flash(sentence, "success")
    return redirect(url_for(".show", number=number), 303)


@blueprint.post("/<number>/comment")
@takes_files
@require(Permission.RAISE_TICKETS)
def comment(number: str) -> ResponseReturnValue:
    """Write to a ticket, with photos and documents."""
    try:
        with transaction() as db:
            made = commenting.comment(
                db, actor(), number, form_uuid(request.form), request.form.get("body", ""), has_files=_has_files(),
                is_public=request.form.get("audience") == PUBLIC_AUDIENCE,
            )  # fmt: skip
            attach(db, Owner(comment_id=made.comment.id), service.find(db, actor(), number).location_id)
    except DomainError as error:  # also a photo that is none, and a storage that is away: what was typed is kept
        if error.status in {403, 404, 409}:
            raise
        return _page(number, error.status, error=str(error), at="comment")
    if made.untold:
        names = ", ".join(f"@{name}" for name in made.untold)
        said = _("Not told, because there is nobody of that name who may see this ticket: %(names)s", names=names)
        flash(said, "warning")
    if made.comment.is_public:
        return _done(number, _("Your comment stands below, and the complainant reads it on the status page."))
    return _done(number, _("Your comment stands below."))


@blueprint.post("/<number>/comments/<int:comment_id>/internal")
@require(Permission.WORK_TICKETS)
def make_internal(number: str, comment_id: int) -> ResponseReturnValue:
    """Take a comment off the complainant's status page."""
    if not 0 < comment_id <= BIGGEST_ID:
        raise NotFoundError(_("There is no such comment on this ticket."))
    with transaction() as db:
        commenting.make_internal(db, actor(), number, comment_id)
    return _done(number, _("The comment is internal now. Whoever has read it already has read it."))


def _has_files() -> bool:
    return any(file.filename for name in ("photos", "documents") for file in request.files.getlist(name))


def attach(db: Any, owner: Owner, location_id: int) -> None:
    """Store the photos and documents of a form. What cannot be taken undoes the whole form."""
    if not current_user.can(Permission.UPLOAD_FILES):
        return
    for name, store in (("photos", store_photo), ("documents", store_document)):
        for upload, client_uuid in uploads_of(name):
            store(db, owner, upload, client_uuid=client_uuid, location_id=location_id, staff_id=current_user.id)


@blueprint.post("/<number>/do/<any(start, wait, resolve, close, reopen):step>")
@require(Permission.RAISE_TICKETS)
def move(number: str, step: str) -> ResponseReturnValue:
    """Take a step of the ticket's status."""
    version, said = version_of(request.form), request.form.get("words", "")
    try:
        with transaction() as db:
            service.move(db, actor(), work_calendar(), number, version, Step(step), said)
    except InvalidInputError as error:
        return _page(number, error.status, error=str(error), at=step)
    except ConflictError as error:
        event = "reopened" if step == Step.REOPEN else "status"
        if service.was_just_done(session(), actor(), number, version, event, to=LEADS_TO[Step(step)], words=said):
            return redirect(url_for(".show", number=number), 303)
        return _page(number, error.status, error=str(error), is_stale=True)
    return _done(number, _("Done."))


@blueprint.post("/<number>/take")
@require(Permission.RAISE_TICKETS)
def take(number: str) -> ResponseReturnValue:
    """Make an unassigned ticket one's own."""
    try:
        with transaction() as db:
            service.take(db, actor(), number, version_of(request.form))
    except ConflictError as error:
        return _page(number, error.status, error=str(error), is_stale=True)
    return _done(number, _("This ticket is yours now."))


@blueprint.post("/<number>/assign")
@require(Permission.WORK_TICKETS)
def assign(number: str) -> ResponseReturnValue:
    """Give a ticket to a person (`p17`) or to the people of a role (`rADMIN`)."""
    chosen, version = request.form.get("to", ""), version_of(request.form)
    person = int(chosen[1:]) if chosen[:1] == "p" and chosen[1:].isdecimal() and len(chosen) < 11 else None
    role = chosen[1:] if chosen[:1] == "r" else None
    try:
        with transaction() as db:
            service.assign(db, actor(), number, version, staff_id=person, role=role)
    except InvalidInputError as error:
        return _page(number, error.status, error=str(error), at="assign")
    except ConflictError as error:
        now = service.find(session(), actor(), number)
        is_same = now.assigned_to == person and role in {None, now.assigned_role}
        if is_same and service.was_just_done(session(), actor(), number, version, "assigned"):
            return redirect(url_for(".show", number=number), 303)
        return _page(number, error.status, error=str(error), is_stale=True)
    return _done(number, _("Assigned."))


@blueprint.post("/<number>/merge")
@require(Permission.WORK_TICKETS)
def merge(number: str) -> ResponseReturnValue:
    """Merge this ticket into another one."""
    try:
        with transaction() as db:
            survivor = merging.merge(db, actor(), number, version_of(request.form), request.form.get("into", ""))
            into = survivor.number
    except InvalidInputError as error:
        return _page(number, error.status, error=str(error), at="merge")
    except ConflictError as error:
        return _page(number, error.status, error=str(error), is_stale=True)
    flash(_("%(number)s was merged into this ticket.", number=number), "success")
    return redirect(url_for(".show", number=into), 303)


@blueprint.post("/<number>/decide")
@require(Permission.DECIDE_TICKETS)
def decide(number: str) -> ResponseReturnValue:
    """Approve or reject."""
    version, unit_version = version_of(request.form), request.form.get("unit_version", "")
    approve, note = request.form.get("decision") == "approve", request.form.get("note", "")
    try:
        with transaction() as db:
            decisions.decide(
                db, actor(), work_calendar(), number, version,
                approve=approve,
                note=note,
                amount=read_rupees(request.form.get("amount", "")),
                unit_version=int(unit_version) if unit_version.isdecimal() and len(unit_version) < 10 else None,
            )  # fmt: skip
    except (InvalidInputError, NotFoundError) as error:
        if isinstance(error, NotFoundError):
            service.find(session(), actor(), number)
        return _page(number, error.status, error=str(error), at="decide")
    except ConflictError as error:
        is_same = service.find(session(), actor(), number).decision == (APPROVED if approve else REJECTED)
        if is_same and service.was_just_done(session(), actor(), number, version, "status", to=RESOLVED, words=note):
            return redirect(url_for(".show", number=number), 303)
        return _page(number, error.status, error=str(error), is_stale=True)
    return _done(number, _("Approved.") if approve else _("Rejected."))

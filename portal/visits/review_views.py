"""The review: what waits, the most doubtful first; approve, return, approve several at once."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from portal.db import session, transaction
from portal.errors import ConflictError, InvalidInputError
from portal.files.models import PHOTO, StoredFile
from portal.files.selects import files_of
from portal.permissions import Permission, require
from portal.visits import geo, reviewing, selects, words
from portal.visits.filters import VisitFilter, read_filter
from portal.visits.forms import read_pairs, read_version
from portal.visits.views import actor, area_in_force, find, settle, show_page, today
from portal.web.context import safe_next, settings
from portal.web.guard import current_scope
from portal.web.pages import paginate

blueprint = Blueprint("visit_review", __name__)

CARDS = 20  # of a page: each has photos and a sketch


@blueprint.context_processor
def _shared() -> dict[str, Any]:
    return {"permission": Permission}


@blueprint.get("/review/")
@require(Permission.REVIEW_VISITS)
def queue() -> ResponseReturnValue:
    """The visits that wait for the reader, the most doubtful first."""
    wanted = read_filter(request.args, today())
    db, scope = session(), current_scope()
    place = area_in_force(wanted.area)
    page = paginate(
        db,
        selects.queue(scope, current_user.id, wanted),
        selects.MOST_DOUBTFUL_FIRST,
        request.args.get("cursor"),
        CARDS,
    )
    photos: dict[int, list[StoredFile]] = {}
    if page.items:
        for photo in db.scalars(files_of(visit_ids=[row[0].id for row in page], kind=PHOTO)):
            photos.setdefault(photo.visit_id or 0, []).append(photo)
    far_m = settings().visit_far_m
    return render_template(
        "visits/review.html", page=page, wanted=wanted, photos=photos, far_m=far_m,
        count=db.scalar(selects.number_waiting(scope, current_user.id, wanted)), most=selects.COUNTED,
        sketches={row[0].id: _sketch(row, far_m) for row in page}, doubts=words.DOUBTS, reasons=words.REASONS,
        agents=_agents(wanted), **place,
    )  # fmt: skip


def _sketch(row: Any, far_m: int) -> geo.Sketch | None:
    home, phone = geo.point(row.unit_lat, row.unit_lon), geo.point(row[0].gps_lat, row[0].gps_lon)
    return geo.sketch(home, phone, far_m) if home and phone else None


def _agents(wanted: VisitFilter) -> list[Any]:
    return list(session().execute(selects.agents(current_scope(), wanted.first)))


def _back() -> ResponseReturnValue:
    return redirect(safe_next(request.form.get("next")) or url_for(".queue"), 303)


@blueprint.post("/visits/<int:visit_id>/approve")
@require(Permission.REVIEW_VISITS)
def approve(visit_id: int) -> ResponseReturnValue:
    """Accept one visit."""
    try:
        with transaction() as db:
            settle(reviewing.approve(db, actor(), visit_id, read_version(request.form.get("version"))).bills)
    except ConflictError as error:
        return show_page(find(visit_id), error.status, str(error))
    flash(_("Approved."), "success")
    return _back()


@blueprint.post("/visits/<int:visit_id>/return")
@require(Permission.REVIEW_VISITS)
def send_back(visit_id: int) -> ResponseReturnValue:
    """Return one visit with a reason."""
    reason = request.form.get("reason", "")
    try:
        with transaction() as db:
            version = read_version(request.form.get("version"))
            settle(reviewing.send_back(db, actor(), visit_id, version, reason).bills)
    except (ConflictError, InvalidInputError) as error:
        return show_page(find(visit_id), error.status, str(error), reason)
    flash(_("Returned; the agent is told."), "success")
    return _back()


@blueprint.post("/review/approve")
@require(Permission.REVIEW_VISITS)
def approve_many() -> ResponseReturnValue:
    """Accept the ticked ones."""
    wanted = read_pairs(request.form.getlist("visit"))
    if not wanted:
        flash(_("Tick the visits to approve first."), "info")
        return _back()
    with transaction() as db:
        result = reviewing.approve_many(db, actor(), wanted)
        settle(result.bills)
    flash(
        ngettext("%(count)s visit approved.", "%(count)s visits approved.", result.done, count=result.done), "success"
    )
    if result.skipped:
        flash(
            ngettext(
                "%(count)s was changed or decided meanwhile and is left.",
                "%(count)s were changed or decided meanwhile and are left.",
                result.skipped,
                count=result.skipped,
            ),
            "warning",
        )
    return _back()

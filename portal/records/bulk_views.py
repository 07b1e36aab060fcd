"""Many units of the list to another area: choose, look at what follows, confirm, wait for it."""

from __future__ import annotations

from urllib.parse import parse_qsl

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select

from portal.db import session, transaction
from portal.errors import ConflictError, DomainError, InvalidInputError
from portal.jobs.defer import defer
from portal.jobs.watch import Standing, standing
from portal.locations.names import match_key
from portal.permissions import Permission, require
from portal.records import exporting, filters
from portal.records.views import this_cycle
from portal.registers import bulk, forms, pages, placing
from portal.registers.models import UnitMove
from portal.units.models import SurveyUnit
from portal.web.guard import current_scope
from portal.web.messages import in_my_language

blueprint = Blueprint("bulk", __name__, url_prefix="/units/moves")


@blueprint.post("/")
@require(Permission.EDIT_REGISTERS)
def choose() -> ResponseReturnValue:
    """Keep the units that were ticked, or all that the list holds, and go on to the choice of the area."""
    db, scope = session(), current_scope()
    if request.form.get("all"):
        arguments = dict(parse_qsl(request.form.get("list", "")))
        wanted = filters.read_filter(arguments, this_cycle(), filters.UNIT_STATES, filters.UNIT_SORTS)
        ids = exporting.unit_ids(db.connection(), wanted, scope, bulk.MOST + 1)
    else:
        keys = [one for one in request.form.getlist("unit") if one.isascii() and one.isdecimal()]
        query = select(SurveyUnit.id).where(SurveyUnit.survey_id.in_(keys), scope.clause(SurveyUnit.location_id))
        ids = list(db.scalars(query))
    try:
        with transaction() as db:
            move_id = bulk.choose(db, current_user.id, ids).id
    except InvalidInputError as error:
        flash(str(error), "warning")
        return redirect(url_for("records.units"), 303)
    return redirect(url_for(".show", move_id=move_id), 303)


@blueprint.get("/<int:move_id>")
@require(Permission.EDIT_REGISTERS)
def show(move_id: int) -> ResponseReturnValue:
    """A move, whatever state it is in: choose the area, preview, progress, result."""
    return _page(bulk.find(session(), move_id, current_user.id))


def _page(move: UnitMove, status: int = 200, error: str = "") -> ResponseReturnValue:
    db, scope = session(), current_scope()
    is_open = move.status in {"DRAFT", "CHANGED", "FAILED"}
    target_id = (forms.read_id(request.values.get("to")) if is_open else None) or move.to_location_id
    if is_open and "to" not in request.values and move.status == "DRAFT":
        target_id = None
    target = placing.location_inside(db, target_id, scope) if target_id is not None else None
    with_accounts = request.form.get("accounts") == "1" if request.method == "POST" else move.with_accounts
    seen = bulk.effects(db, move, target, scope, with_accounts) if target is not None and is_open else None
    page = render_template(
        "registers/bulk.html", move=move, is_open=is_open, target=target,
        path=pages.area_path(target.id) if target is not None else "", effects=seen,
        result=move.result or move.promised, areas=bulk.areas_of(db, move, scope) if is_open else [],
        choice=pages.chooser() if is_open and target is None else None, with_accounts=with_accounts,
        error=error or in_my_language(move.problem), reason=request.form.get("reason", move.reason),
        running=move.status in bulk.RUNNING, remark=_remark(move),
    )  # fmt: skip
    return page, status


def _remark(move: UnitMove) -> str:
    if move.status not in bulk.RUNNING:
        return ""
    found = standing(session(), [bulk.TASK], "move_id", move.id)
    return str(_("No worker answers. It begins when one runs.")) if found is Standing.NO_WORKER else ""


@blueprint.post("/<int:move_id>")
@require(Permission.EDIT_REGISTERS)
def confirm(move_id: int) -> ResponseReturnValue:
    """Have it done, if the area's name was typed and nothing has changed since the preview."""
    move = bulk.find(session(), move_id, current_user.id)
    target_id = forms.read_id(request.form.get("to"))
    if target_id is None:
        return _page(move, 422, str(_("Choose an area.")))
    target = placing.location_inside(session(), target_id, current_scope())
    if match_key(request.form.get("confirm", "")) != target.match_key:
        sentence = _("Type the name of the area, %(name)s, to confirm. Nothing was moved.", name=target.name)
        return _page(move, 422, str(sentence))
    try:
        with transaction() as db:
            move, is_job = bulk.confirm(
                db, pages.actor(), move_id, target_id, with_accounts=request.form.get("accounts") == "1",
                reason=request.form.get("reason", ""), promise=request.form.get("promise", ""),
            )  # fmt: skip
            if is_job:
                defer(bulk.TASK, move_id=move_id)
    except (ConflictError, InvalidInputError) as error:
        return _failed(move_id, error)
    return redirect(url_for(".show", move_id=move_id), 303)


def _failed(move_id: int, error: DomainError) -> ResponseReturnValue:
    return _page(bulk.find(session(), move_id, current_user.id), error.status, str(error))


@blueprint.get("/<int:move_id>/status")
@require(Permission.EDIT_REGISTERS)
def status(move_id: int) -> ResponseReturnValue:
    """What the open page asks for every second while the move runs."""
    move = bulk.find(session(), move_id, current_user.id)
    running = move.status in bulk.RUNNING
    said = _("Waits its turn, or is being moved") if running else _("Done")
    return jsonify(
        id=move.id, status=move.status, running=running, percent=10 if running else 100,
        text=" ".join(filter(None, [_remark(move), str(said)])),
    )  # fmt: skip

"""Moving the bills of one issue date and tehsil to another month: choose, look at what follows, confirm, follow it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from portal.audit.service import record
from portal.billing.cycles import add_months, cycle_of
from portal.db import session, transaction
from portal.errors import ConflictError, InvalidInputError
from portal.jobs.defer import defer
from portal.jobs.watch import remark, standing
from portal.locations.models import Location
from portal.locations.names import match_key
from portal.payments import forms, moves, moving, words
from portal.payments.models import MOVE_RUNNING, BillMove
from portal.payments.selects import moves_seen
from portal.permissions import Permission, require
from portal.staff.models import Staff
from portal.web import format as fmt
from portal.web.context import client_address, settings
from portal.web.guard import current_scope
from portal.web.pages import Key, paginate

blueprint = Blueprint("moves", __name__, url_prefix="/billing")

MONTHS_SHOWN = 24
MOVES_SHOWN = 20


def _today() -> dt.date:
    return dt.datetime.now(fmt.KARACHI).date()


# -- Choose and confirm ------------------------------------------------------------------------------------------
@blueprint.get("/move")
@require(Permission.MOVE_BILLS)
def show() -> ResponseReturnValue:
    """Choose tehsil, month, issue date and target; with all four chosen, what the move would do. Below, the history."""
    choice = forms.read_choice(request.args)
    try:
        return _page(choice)
    except InvalidInputError as error:
        return _page(forms.MoveChoice(choice.tehsil_id, choice.from_month), 422, str(error))


def _page(choice: forms.MoveChoice, status: int = 200, error: str = "", typed: str = "") -> ResponseReturnValue:
    current, scope = session(), current_scope()
    start_day, today = settings().cycle_start_day, _today()
    tehsil = moves.tehsil_inside(current, choice.tehsil_id, scope) if choice.tehsil_id is not None else None
    from_month = choice.from_month or cycle_of(today, start_day)
    dates = moves.issue_dates(current, tehsil.id, from_month) if tehsil else []
    effects = None
    if tehsil and choice.issued_on and choice.to_month and choice.from_month:
        move = moves.Move(tehsil.id, choice.issued_on, choice.from_month, choice.to_month)
        moves.check(move, today, start_day)
        effects = moves.effects(current, move)
    last = moves.latest_month(today, start_day)
    page = render_template(
        "payments/move.html",
        choice=choice,
        from_month=from_month,
        tehsil=tehsil,
        tehsils=moves.tehsils(current, scope),
        months=[add_months(last, -n) for n in range(MONTHS_SHOWN)],
        dates=dates,
        effects=effects,
        error=error,
        typed=typed,
        history=paginate(
            current, moves_seen(scope), [Key(BillMove.id, descending=True)], request.args.get("cursor"), MOVES_SHOWN
        ),
        states=words.MOVE_STATES,
        running=MOVE_RUNNING,
        progress=words.progress,
    )
    return page, status


@blueprint.post("/move")
@require(Permission.MOVE_BILLS)
def move() -> ResponseReturnValue:
    """Have it done in the background, if the tehsil's name was typed and nothing has changed since the preview."""
    choice = forms.read_choice(request.form)
    if choice.tehsil_id is None or choice.issued_on is None or choice.from_month is None or choice.to_month is None:
        raise InvalidInputError(_("Choose tehsil, month, issue date and target month first. Nothing was moved."))
    wanted = moves.Move(choice.tehsil_id, choice.issued_on, choice.from_month, choice.to_month)
    typed = request.form.get("confirm", "").strip()
    tehsil = moves.tehsil_inside(session(), wanted.tehsil_id, current_scope())
    if match_key(typed) != tehsil.match_key:
        message = _("Type the name of the tehsil, %(name)s, to confirm. Nothing was moved.", name=tehsil.name)
        return _page(choice, 422, message, typed)
    try:
        with transaction() as db_session:
            moves.check(wanted, _today(), settings().cycle_start_day)
            seen = moves.effects(db_session, wanted)
            moves.check_promise(request.form.get("promise", ""), seen)
            move_id, is_new = moving.confirm(
                db_session, wanted, seen, staff_id=current_user.id, address=client_address()
            )
            if is_new:
                defer(moving.TASK, move_id=move_id)
                _note("bills.move.confirm", db_session.get_one(BillMove, move_id))
    except ConflictError as error:
        return _again(choice, error)
    except InvalidInputError as error:
        return _page(forms.MoveChoice(choice.tehsil_id, choice.from_month), error.status, str(error))
    if not is_new:
        flash(_("This move has been confirmed already. The bills are moved once."), "warning")
    return redirect(url_for(".show_move", move_id=move_id), 303)


def _again(choice: forms.MoveChoice, error: ConflictError) -> ResponseReturnValue:
    """The page with the error; with the preview of now, unless there is nothing left to preview."""
    try:
        return _page(choice, error.status, str(error))
    except InvalidInputError:
        return _page(forms.MoveChoice(choice.tehsil_id, choice.from_month), error.status, str(error))


def _note(action: str, noted: BillMove) -> None:
    record(
        session(), action, "bills", noted.issued_on.isoformat(), actor=current_user.username, staff_id=current_user.id,
        location_id=noted.tehsil_id, address=client_address(), before={"month": noted.from_month.isoformat()},
        after={"move": noted.id, "month": noted.to_month.isoformat(), "bills": noted.promised["bills"]},
    )  # fmt: skip


# -- One move ----------------------------------------------------------------------------------------------------
@blueprint.get("/moves/<int:move_id>")
@require(Permission.MOVE_BILLS)
def show_move(move_id: int) -> ResponseReturnValue:
    """A confirmed move, whatever state it is in: progress, result, or why nothing was moved."""
    current, scope = session(), current_scope()
    found = moving.find(current, move_id, scope)
    values: dict[str, Any] = {"new_effects": None, "nothing_left": ""}
    if found.status == "CHANGED":
        wanted = moves.Move(found.tehsil_id, found.issued_on, found.from_month, found.to_month)
        try:
            values["new_effects"] = moves.effects(current, wanted)
        except InvalidInputError as error:
            values["nothing_left"] = str(error)
    return render_template(
        "payments/moved.html",
        move=found,
        tehsil=current.get_one(Location, found.tehsil_id),
        who=current.get(Staff, found.staff_id) if found.staff_id else None,
        state=str(words.MOVE_STATES[found.status]),
        running=found.status in MOVE_RUNNING,
        progress=_progress(found),
        effects=found.result or found.promised,
        **values,
    )


def _progress(found: BillMove) -> tuple[int, str]:
    """How far it is, and a sentence, also about a worker that died over it."""
    percent, sentence = words.progress(found)
    if found.status not in MOVE_RUNNING:
        return 100, str(words.MOVE_STATES[found.status])
    said = remark(standing(session(), [moving.TASK], "move_id", found.id))
    return percent, " ".join(filter(None, [said, sentence]))


@blueprint.get("/moves/<int:move_id>/status")
@require(Permission.MOVE_BILLS)
def status(move_id: int) -> ResponseReturnValue:
    """What the open page asks for every second while the move runs."""
    found = moving.find(session(), move_id, current_scope())
    percent, sentence = _progress(found)
    return jsonify(
        id=found.id, status=found.status, running=found.status in MOVE_RUNNING, percent=percent, text=sentence
    )


@blueprint.post("/moves/<int:move_id>/cancel")
@require(Permission.MOVE_BILLS)
def cancel(move_id: int) -> ResponseReturnValue:
    """Take a move back before it begins."""
    moving.find(session(), move_id, current_scope())
    try:
        with transaction() as db_session:
            _note("bills.move.cancel", moving.cancel(db_session, move_id))
    except ConflictError as error:
        flash(str(error), "warning")
    else:
        flash(_("The move is cancelled. Nothing was moved."), "info")
    return redirect(url_for(".show_move", move_id=move_id), 303)

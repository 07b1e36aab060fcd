"""Moving the bills of one issue date and tehsil to another month: choose, look at what follows, confirm."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from portal.audit.service import record
from portal.billing.cycles import add_months, cycle_of
from portal.db import session, transaction
from portal.errors import ConflictError, DomainError, InvalidInputError
from portal.locations.names import match_key
from portal.payments import forms, moves
from portal.permissions import Permission, require
from portal.web import format as fmt
from portal.web.context import client_address, settings
from portal.web.filters import language
from portal.web.guard import current_scope

blueprint = Blueprint("moves", __name__, url_prefix="/billing")

MONTHS_SHOWN = 24


def _today() -> dt.date:
    return dt.datetime.now(fmt.KARACHI).date()


@blueprint.get("/move")
@require(Permission.MOVE_BILLS)
def show() -> ResponseReturnValue:
    """Choose tehsil, month, issue date and target; with all four chosen, what the move would do."""
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
    )
    return page, status


@blueprint.post("/move")
@require(Permission.MOVE_BILLS)
def move() -> ResponseReturnValue:
    """Do it, when the name of the tehsil was typed and nothing has changed since the preview."""
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
            done = moves.move_bills(
                db_session,
                wanted,
                current_scope(),
                today=_today(),
                start_day=settings().cycle_start_day,
                promise=request.form.get("promise", ""),
            )
            record(
                db_session, "bills.move", "bills", wanted.issued_on.isoformat(),
                actor=current_user.username, staff_id=current_user.id, location_id=wanted.tehsil_id,
                address=client_address(),
                before={"month": wanted.from_month.isoformat()},
                after={
                    "month": wanted.to_month.isoformat(), "issued_on": wanted.issued_on.isoformat(),
                    "tehsil": moves.tehsil_path(db_session, wanted.tehsil_id), **vars(done),
                },
            )  # fmt: skip
    except (ConflictError, InvalidInputError) as error:
        return _again(choice, error)
    flash(
        _(
            "%(n)s bills issued on %(day)s moved from %(old)s to %(new)s.",
            n=fmt.number(done.bills),
            day=fmt.date(wanted.issued_on, language()),
            old=fmt.month(wanted.from_month, language()),
            new=fmt.month(wanted.to_month, language()),
        ),
        "success",
    )
    return redirect(_list_of(wanted.tehsil_id, wanted.to_month), 303)


def _list_of(tehsil_id: int | None, month: dt.date | None) -> str:
    """Where the issue dates of a tehsil and month are shown."""
    values: dict[str, Any] = {"tehsil": tehsil_id}
    if month is not None:
        values["from"] = month.strftime("%Y-%m")
    return url_for(".show", **values)


def _again(choice: forms.MoveChoice, error: DomainError) -> ResponseReturnValue:
    """The page with the error; with the preview of now, unless there is nothing left to preview."""
    if isinstance(error, ConflictError) and error.code == "busy":
        flash(str(error), "warning")
        return redirect(_list_of(choice.tehsil_id, choice.from_month), 303)
    try:
        return _page(choice, error.status, str(error))
    except InvalidInputError:
        return _page(forms.MoveChoice(choice.tehsil_id, choice.from_month), error.status, str(error))

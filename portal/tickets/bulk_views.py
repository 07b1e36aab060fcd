"""Screens of many tickets at once: what would happen to each, then the confirmation."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from itsdangerous import BadSignature, URLSafeTimedSerializer

from portal.db import session, transaction
from portal.permissions import Permission, require
from portal.tickets import bulk, selects
from portal.tickets.bulk import Order
from portal.tickets.models import PRIORITIES
from portal.tickets.web import actor, shared, work_calendar

blueprint = Blueprint("ticket_bulk", __name__, url_prefix="/tickets/bulk")
blueprint.context_processor(shared)

PREVIEW_SECONDS = 2 * 3600


def _serializer() -> URLSafeTimedSerializer:
    """Signs what a preview showed, for the person who saw it."""
    return URLSafeTimedSerializer(current_app.secret_key or "", salt=f"tickets-bulk:{current_user.id}")


def _chosen() -> list[tuple[int, int]]:
    """The (id, version) pairs that were ticked."""
    found = []
    for text in request.form.getlist("ticket")[: bulk.MOST]:
        key, _dot, version = text.partition(".")
        if all(one.isascii() and one.isdecimal() and len(one) < 10 for one in (key, version)):
            found.append((int(key), int(version)))
    return list(dict(found).items())


@blueprint.post("/preview")
@require(Permission.WORK_TICKETS)
def preview() -> ResponseReturnValue:
    """What would happen to each chosen ticket. Writes nothing."""
    chosen = _chosen()
    action = request.form.get("do", "")
    if not chosen or action not in bulk.ACTIONS:
        flash(_("Choose tickets first."), "info")
        return redirect(url_for("tickets.index"), 303)
    return _page(chosen, Order(action, request.form.get("value", "")))


def _page(chosen: list[tuple[int, int]], order: Order, status: int = 200) -> ResponseReturnValue:
    db, reader = session(), actor()
    planned = bulk.plan(db, reader, order, chosen) if order.is_complete else []
    tickets = [one.ticket for one in planned] or list(db.scalars(selects.by_ids([key for key, _v in chosen], reader)))
    places = sorted({ticket.location_id for ticket in tickets})
    people: dict[int, Any] = {}
    if order.action == bulk.ASSIGN:
        for place in places[:20]:
            people |= {row.id: row for row in db.execute(selects.workers(place))}
    good = [one for one in planned if not one.why_not]
    page = render_template(
        "tickets/bulk.html", chosen=chosen, order=order, planned=planned, tickets=tickets, good=len(good),
        people=sorted(people.values(), key=lambda row: (row.full_name or row.username).lower()), priorities=PRIORITIES,
        payload=_serializer().dumps({"do": order.action, "value": order.value, "chosen": chosen}),
    )  # fmt: skip
    return page, status


@blueprint.post("/apply")
@require(Permission.WORK_TICKETS)
def apply() -> ResponseReturnValue:
    """Do what the preview showed."""
    try:
        kept = _serializer().loads(request.form.get("payload", ""), max_age=PREVIEW_SECONDS)
        order, chosen = Order(kept["do"], kept["value"]), [(int(key), int(version)) for key, version in kept["chosen"]]
    except (BadSignature, TypeError, KeyError, ValueError):
        flash(_("This preview is too old. Nothing was changed; choose the tickets again."), "warning")
        return redirect(url_for("tickets.index"), 303)
    if not order.is_complete:
        return _page(chosen, order, 422)
    with transaction() as db:
        done, skipped = bulk.carry_out(db, actor(), work_calendar(), order, chosen)
    flash(ngettext("%(num)d ticket was changed.", "%(num)d tickets were changed.", done), "success" if done else "info")
    if skipped:
        flash(ngettext("%(num)d ticket was left as it is.", "%(num)d tickets were left as they are.", skipped), "info")
    return redirect(url_for("tickets.index"), 303)

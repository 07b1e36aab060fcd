"""The bell's count and the notification centre. What a person chooses and the link in mails: `choice_views`."""

from __future__ import annotations

import datetime as dt

from flask import Blueprint, flash, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from werkzeug import Response

from portal import db
from portal.db import transaction
from portal.errors import InvalidInputError
from portal.notifications import inbox, selects
from portal.notifications.filters import entities, query_of, read_filter
from portal.notifications.models import NOTIFICATION_KINDS, Notification
from portal.notifications.types import GROUPS, TYPES
from portal.notifications.words import KINDS
from portal.permissions import Permission, require
from portal.web.context import safe_next
from portal.web.pages import Key, paginate

blueprint = Blueprint("notifications", __name__)
PAGE = 30
UNDO = "notifications_undo"  # in the session: what was just deleted, until it is shown


@blueprint.get("/notifications/")
@require(Permission.SIGNED_IN)
def index() -> ResponseReturnValue:
    """One's own notifications, the newest first."""
    wanted = read_filter(request.args)
    page = paginate(
        db.session(),
        selects.centre(current_user.id, wanted),
        [Key(Notification.id, descending=True)],
        request.args.get("cursor"),
        PAGE,
    )
    return render_template(
        "notifications/index.html",
        page=page,
        wanted=wanted,
        query=query_of(wanted),
        types=TYPES,
        groups=GROUPS,
        kinds={kind: KINDS[kind] for kind in NOTIFICATION_KINDS},
        entities=entities(),
        unread=current_user.unread,
        most_counted=selects.MOST_COUNTED,
        newest=max((one.id for one in page), default=0),
        undo=session.pop(UNDO, None),
    )


@blueprint.get("/notifications/count")
@require(Permission.SIGNED_IN)
def count() -> ResponseReturnValue:
    """The bell's figure. Asked by a timer, which is no activity; the query of the signed-in person brings it along."""
    return jsonify(unread=current_user.unread)


@blueprint.get("/notifications/<int:notification_id>")
@require(Permission.SIGNED_IN)
def open_one(notification_id: int) -> ResponseReturnValue:
    """Mark it as read and lead to the thing, which asks for itself who may see it."""
    with transaction() as db_session:
        one = inbox.find(db_session, current_user.id, notification_id)
        inbox.set_read(db_session, current_user.id, notification_id, True)
        url = safe_next(one.url)
    return redirect(url or url_for("notifications.index"), 303)


@blueprint.post("/notifications/<int:notification_id>/read")
@require(Permission.SIGNED_IN)
def read(notification_id: int) -> ResponseReturnValue:
    """Mark one as read, or (read=0) as unread."""
    with transaction() as db_session:
        inbox.set_read(db_session, current_user.id, notification_id, request.form.get("read") != "0")
    return _back()


@blueprint.post("/notifications/read-all")
@require(Permission.SIGNED_IN)
def read_all() -> ResponseReturnValue:
    """Mark everything of the filter as read that stood on the page or is older; what came since stays unread."""
    up_to = request.form.get("newest", "")
    if not (up_to.isascii() and up_to.isdecimal() and len(up_to) < 19):
        raise InvalidInputError(_("This page is too old. Open the notifications again."))
    with transaction() as db_session:
        number = inbox.read_all(db_session, current_user.id, read_filter(request.form), int(up_to))
    flash(ngettext("%(num)d notification is marked as read.", "%(num)d notifications are marked as read.", number))
    return _back()


@blueprint.post("/notifications/<int:notification_id>/delete")
@require(Permission.SIGNED_IN)
def delete(notification_id: int) -> ResponseReturnValue:
    """Take one out of the centre; it can be brought back."""
    with transaction() as db_session:
        moment = inbox.delete_one(db_session, current_user.id, notification_id)
    _offer_undo(1, moment)
    return _back()


@blueprint.post("/notifications/clear-read")
@require(Permission.SIGNED_IN)
def clear_read() -> ResponseReturnValue:
    """Take everything read of the filter out of the centre; it can be brought back."""
    with transaction() as db_session:
        number, moment = inbox.clear_read(db_session, current_user.id, read_filter(request.form))
    if number:
        _offer_undo(number, moment)
    else:
        flash(_("Nothing here was read, so nothing was deleted."))
    return _back()


@blueprint.post("/notifications/restore")
@require(Permission.SIGNED_IN)
def restore() -> ResponseReturnValue:
    """Bring back what was deleted at a moment."""
    try:
        moment = dt.datetime.fromisoformat(request.form.get("at", ""))
        if moment.tzinfo is None:
            raise ValueError
    except ValueError:
        raise InvalidInputError(_("There is nothing to be brought back.")) from None
    with transaction() as db_session:
        number = inbox.restore(db_session, current_user.id, moment)
    flash(ngettext("%(num)d notification is back.", "%(num)d notifications are back.", number))
    return _back()


def _offer_undo(number: int, moment: dt.datetime) -> None:
    session[UNDO] = {"number": number, "at": moment.isoformat()}


def _back() -> Response:
    return redirect(safe_next(request.form.get("next")) or url_for("notifications.index"), 303)


from portal.notifications import choice_views  # noqa: E402, F401 - registers its views on the blueprint

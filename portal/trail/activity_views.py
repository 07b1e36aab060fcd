"""The activity feed: what was done in the reader's area, as sentences by day. The same lines as the audit log shows,
without what is only for those who check: addresses, values, sign-ins, downloads."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from portal.audit.models import AuditEntry
from portal.audit.words import ENTITIES, GROUPS
from portal.db import session
from portal.permissions import Permission, require
from portal.trail import presenting, selects
from portal.trail.filters import SYSTEM, read_filter
from portal.trail.views import areas_of, bounded, href_of, lines_of, names_of, reader_of
from portal.web.masking import holds_personal_number
from portal.web.pages import Key, paginate, url_with

blueprint = Blueprint("activity", __name__, url_prefix="/activity")
PAGE = 40
# Things that no line of the feed is about.
_NO_THINGS = {"report", "list", "dashboard", "audit_log"}


@blueprint.get("/")
@require(Permission.VIEW_ACTIVITY)
def index() -> ResponseReturnValue:
    """The newest first, narrowed by area, person, thing, kind of work and days."""
    wanted = read_filter(request.args)
    if holds_personal_number(wanted.key):
        flash(_("Nothing was searched: a mobile or CNIC number must not stand in the address of a page."), "warning")
        return redirect(url_with(id=None), 303)
    db = session()
    reader = reader_of(db)
    query = selects.of_activity(lines_of(db, wanted, reader))
    newest_first = [Key(AuditEntry.at, descending=True), Key(AuditEntry.id, descending=True)]
    with bounded(db):
        page = paginate(db, query, newest_first, request.args.get("cursor"), PAGE)
    entries: list[AuditEntry] = list(page)
    names = names_of(db, entries, may_see=False)
    return render_template(
        "activity/index.html",
        page=page,
        days=presenting.days([presenting.told(entry, names, href_of(entry)) for entry in entries]),
        wanted=wanted,
        groups={group: words for group, words in GROUPS.items() if group not in selects.UNTOLD},
        entities={entity: words for entity, words in ENTITIES.items() if entity not in _NO_THINGS},
        people=db.execute(selects.staff_by_ids(reader.people)).all(),
        sees_all=reader.sees_all,
        system=SYSTEM,
        may_see_log=current_user.can(Permission.VIEW_AUDIT),
        **areas_of(db, wanted.area),
    )

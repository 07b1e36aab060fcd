"""Pages of units and accounts: the two lists and the two record pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from flask import Blueprint, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session

from portal.audit.sightings import Seen
from portal.billing.cycles import cycle_of
from portal.db import session
from portal.documents import panels
from portal.errors import NotFoundError
from portal.field.panel import panel
from portal.permissions import AreaScope, Permission, require
from portal.records import filters, list_columns, listing, record, selects, timeline
from portal.registers.fields import ACCOUNT_FIELDS, UNIT_FIELDS
from portal.registers.forms import held_labels
from portal.registers.history import told
from portal.search.views import without_personal_number
from portal.search.words import words
from portal.tickets import panel as tickets_panel
from portal.tickets.web import actor
from portal.web.context import settings
from portal.web.filters import language
from portal.web.format import KARACHI
from portal.web.guard import current_scope
from portal.web.masking import may_see_personal
from portal.web.noting import note_personal_views

blueprint = Blueprint("records", __name__)


@blueprint.context_processor
def _shared() -> dict[str, Any]:
    return {"permission": Permission, "words": words()}


def _crumbs(path: list[tuple[int, str, str]], endpoint: str) -> list[tuple[str, str]]:
    """Links to the list of each area on the way down."""
    return [(name, url_for(endpoint, area=location_id)) for location_id, name, _kind in path]


def this_cycle() -> dt.date:
    """The billing month in force today."""
    return cycle_of(dt.datetime.now(KARACHI).date(), settings().cycle_start_day)


def _area_in_force(db: Session, area_id: int | None, scope: AreaScope) -> dict[str, Any]:
    """The chosen area with its path inside the scope, and what lies one level below. Raises NotFoundError."""
    area, path = None, []
    if area_id is not None:
        area = db.execute(selects.area(area_id, scope)).first()
        if area is None:
            raise NotFoundError(_("This area does not exist, or is not one of yours."))
        path = _own_part(area.path, scope)
    below = db.execute(selects.areas_below(area_id, scope)).all()
    return {"area": area, "path": path, "below": below}


def _own_part(path: list[Any], scope: AreaScope) -> list[tuple[int, str, str]]:
    """The part of a path that the reader may open: from the first of his own areas down."""
    steps = [tuple(step) for step in path]
    if scope.is_everywhere:
        return steps
    first = next((at for at, step in enumerate(steps) if step[0] in scope.location_ids), len(steps))
    return steps[first:]


@blueprint.get("/units/")
@require(Permission.VIEW_UNITS)
def units() -> ResponseReturnValue:
    """The survey register."""
    if personal := without_personal_number():
        return personal
    wanted = filters.read_filter(request.args, this_cycle(), filters.UNIT_STATES, filters.UNIT_SORTS)
    db, scope = session(), current_scope()
    place = _area_in_force(db, wanted.area, scope)
    found = listing.list_units(db, wanted, scope, request.args.get("cursor"))
    rows = {row.id: row for row in db.execute(selects.unit_rows(found.page.items))} if found.page.items else {}
    accounts: dict[int, list[Any]] = {}
    if rows:
        for account in db.execute(selects.account_rows(scope, wanted.cycle, unit_ids=list(rows))):
            accounts.setdefault(account.unit_id, []).append(account)
    shown = [rows[row_id] for row_id in found.page.items if row_id in rows]
    return render_template(
        "records/units.html",
        listing=found,
        rows=shown,
        accounts=accounts,
        wanted=wanted,
        columns=list_columns.chosen(db, current_user.id, "units"),
        all_columns=list_columns.COLUMNS["units"],
        path_crumbs=_crumbs(place["path"], "records.units"),
        **place,
    )


@blueprint.get("/accounts/")
@require(Permission.VIEW_UNITS)
def accounts() -> ResponseReturnValue:
    """The billing accounts."""
    if personal := without_personal_number():
        return personal
    wanted = filters.read_filter(request.args, this_cycle(), filters.ACCOUNT_STATES, filters.ACCOUNT_SORTS)
    db, scope = session(), current_scope()
    place = _area_in_force(db, wanted.area, scope)
    found = listing.list_accounts(db, wanted, scope, request.args.get("cursor"))
    ids = found.page.items
    rows = {row.id: row for row in db.execute(selects.account_rows(scope, wanted.cycle, ids=ids))} if ids else {}
    shown = [rows[row_id] for row_id in ids if row_id in rows]
    return render_template(
        "records/accounts.html",
        listing=found,
        rows=shown,
        wanted=wanted,
        columns=list_columns.chosen(db, current_user.id, "accounts"),
        all_columns=list_columns.COLUMNS["accounts"],
        path_crumbs=_crumbs(place["path"], "records.accounts"),
        **place,
    )


def _import_url() -> Callable[[int], str] | None:
    """How to open an import, for those who may."""
    if not current_user.can(Permission.VIEW_IMPORTS) or "imports.show" not in current_app.view_functions:
        return None
    return lambda batch_id: url_for("imports.show", batch_id=batch_id)


def _visit_url(visit_id: int) -> str:
    return url_for("visits.show", visit_id=visit_id)


@blueprint.get("/units/<survey_id>")
@require(Permission.VIEW_UNITS)
def unit(survey_id: str) -> ResponseReturnValue:
    """One unit: facts, accounts, bills, payments, and all that happened to it."""
    shown = record.unit_record(
        session(),
        survey_id,
        current_scope(),
        this_cycle(),
        everything="all" in request.args,
    )
    may_see = may_see_personal(current_user, shown.unit.id)
    if may_see:
        note_personal_views([Seen("unit", shown.unit.survey_id, shown.unit.location_id)])
    work = panel(
        session(),
        shown.unit,
        [account.id for account in shown.accounts],
        dt.datetime.now(KARACHI).date(),
        actor(),
        may_see=may_see,
        language=language(),
    )
    documents = panels.of_unit(session(), shown.unit.id, shown.unit.survey_id, shown.unit.image_urls)
    surveyed = (shown.unit.surveyed_at, shown.unit.surveyor_name or "") if shown.unit.surveyed_at else None
    events = timeline.build(
        shown.history, may_see=may_see, many=len(shown.accounts) > 1, surveyed=surveyed, import_url=_import_url(),
        visit_url=_visit_url,
        tickets=work.tickets,
        files=documents.events,
    )  # fmt: skip
    own_path = _own_part(list(shown.path), current_scope())
    return render_template(
        "records/unit.html",
        record=shown,
        unit=shown.unit,
        history=shown.history,
        events=events,
        own_path=own_path,
        path_crumbs=_crumbs(own_path, "records.units"),
        superseding=record.superseding(shown.history.bills),
        panel=documents,
        photos=_photos(shown.unit.image_urls),
        work=work,
        edits=told(shown.history.changes, may_see),
        held=held_labels(shown.unit, UNIT_FIELDS),
        psids={one.id: one.psid for one in shown.accounts},
        may_see=may_see,
        tickets=work.tickets,
        ticket_args={"unit": shown.unit.survey_id} if shown.unit.deleted_at is None else None,
    )


@blueprint.get("/accounts/<psid>")
@require(Permission.VIEW_UNITS)
def account(psid: str) -> ResponseReturnValue:
    """One account: facts, balance, bills, payments, and all that happened to it."""
    shown = record.account_record(
        session(),
        psid,
        current_scope(),
        this_cycle(),
        everything="all" in request.args,
    )
    may_see = may_see_personal(current_user, shown.account.unit_id)
    if may_see:
        note_personal_views([Seen("account", shown.account.psid, shown.account.location_id)])
    tickets = tickets_panel.lines(session(), actor(), account_ids=[shown.account.id], language=language())
    documents = panels.of_account(session(), shown.account.id, shown.unit.id if shown.unit else None)
    events = timeline.build(
        shown.history,
        may_see=may_see,
        import_url=_import_url(),
        visit_url=_visit_url,
        tickets=tickets,
        files=documents.events,
    )
    own_path = _own_part(list(shown.path), current_scope())
    return render_template(
        "records/account.html",
        record=shown,
        account=shown.account,
        balance=shown.balance,
        edits=told(shown.history.changes, may_see),
        held=held_labels(shown.account, ACCOUNT_FIELDS),
        panel=documents,
        history=shown.history,
        events=events,
        own_path=own_path,
        path_crumbs=_crumbs(own_path, "records.accounts"),
        superseding=record.superseding(shown.history.bills),
        may_see=may_see,
        tickets=tickets,
        ticket_args={"account": shown.account.psid},
    )


def _photos(urls: list[str]) -> list[tuple[str, bool]]:
    """(text, may be opened): the portal's photos; whatever is no web address is shown as text only."""
    return [(url, url.lower().startswith(("https://", "http://"))) for url in (url.strip() for url in urls) if url]

"""What one can do with a list of units or accounts: download exactly its rows, and choose its columns."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import Connection

from portal.db import transaction
from portal.errors import InvalidInputError, NotFoundError
from portal.permissions import AreaScope, Permission, PersonalSight, require
from portal.records import exporting, filters, list_columns
from portal.records.views import this_cycle
from portal.search.question import read
from portal.search.words import words
from portal.web.columns import Kind
from portal.web.context import safe_next
from portal.web.guard import current_scope
from portal.web.list_files import ListFile, list_response
from portal.web.masking import personal_sight
from portal.web.messages import lazy_month
from portal.web.xlsx import Fact

blueprint = Blueprint("lists", __name__)

Exporter = Callable[[Connection, filters.ListFilter, AreaScope, PersonalSight], exporting.Export]


@blueprint.get("/units.<any(csv, xlsx):file_format>")
@require(Permission.EXPORT)
def units(file_format: str) -> ResponseReturnValue:
    """The units that the list with this query string holds."""
    wanted = _read_filter(filters.UNIT_STATES, filters.UNIT_SORTS)
    return _download("units", _("Units"), _("Units of the survey register."), wanted, exporting.units, file_format)


@blueprint.get("/accounts.<any(csv, xlsx):file_format>")
@require(Permission.EXPORT)
def accounts(file_format: str) -> ResponseReturnValue:
    """The accounts that the list with this query string holds."""
    wanted = _read_filter(filters.ACCOUNT_STATES, filters.ACCOUNT_SORTS)
    return _download("accounts", _("Accounts"), _("Billing accounts."), wanted, exporting.accounts, file_format)


def _read_filter(states: tuple[str, ...], sorts: tuple[str, ...]) -> filters.ListFilter:
    """The filter of the address. A personal number in it is refused: without it, the file would hold everybody."""
    if not read(request.args.get("q")).may_stand_in_url:
        raise InvalidInputError(
            _("A mobile or CNIC number must not stand in the address of a download. Nothing was downloaded.")
        )
    return filters.read_filter(request.args, this_cycle(), states, sorts)


def _download(
    name: str, title: str, what: str, wanted: filters.ListFilter, export: Exporter, file_format: str
) -> Response:
    """The list as a file, with what is owed as its control total."""
    path: str | None = None

    def make(connection: Connection) -> ListFile:
        nonlocal path
        scope = current_scope()
        if wanted.area is not None:
            path = exporting.area_path(connection, wanted.area, scope)
            if path is None:
                raise NotFoundError(_("This area does not exist, or is not one of yours."))
        found = export(connection, wanted, scope, personal_sight(current_user))
        return ListFile(found.rows, found.columns, found.count, [Fact(_("Outstanding"), found.outstanding, Kind.MONEY)])

    return list_response(
        name,
        file_format,
        make,
        title=title,
        what=what,
        sentences=lambda: _sentences(wanted, path),
        location_id=wanted.area,
    )


def _sentences(wanted: filters.ListFilter, area_path: str | None) -> list[str]:
    """The filters in words; the month of the bills is always one of them."""
    said = words()
    found = [_("bills of %(month)s", month=lazy_month(wanted.cycle))]
    if area_path:
        found.append(_("in %(area)s", area=area_path))
    for label, kind, value in (
        (_("Use"), "use", wanted.use),
        (_("Size"), "size", wanted.size),
        (_("State"), "state", wanted.state),
        (_("Paid"), "status", wanted.status),
    ):
        if value:
            found.append(f"{label}: {said[kind][value]}")
    if wanted.question.text:
        found.append(_('matching "%(text)s"', text=wanted.question.text))
    return found


@blueprint.post("/lists/columns")
@require(Permission.VIEW_UNITS)
def choose_columns() -> ResponseReturnValue:
    """Keep which columns the person wants to see in a list, and go back to it."""
    name = request.form.get("list", "")
    columns = None if request.form.get("do") == "reset" else request.form.getlist("column")
    with transaction() as session:
        list_columns.choose(session, current_user.id, name, columns)
    return redirect(safe_next(request.form.get("next")) or f"/{name}/", 303)

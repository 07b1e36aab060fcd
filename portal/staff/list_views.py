"""The list of staff as a file: exactly the rows that the list with this query string holds."""

from __future__ import annotations

import datetime as dt

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import func, select

from portal.db import session
from portal.errors import ForbiddenError, InvalidInputError, NotFoundError
from portal.permissions import Permission, require
from portal.roles import ROLES, role_name
from portal.staff import areas as tree
from portal.staff import people, words
from portal.staff.admin_forms import is_a_number, read_filter
from portal.staff.admin_pages import grantable
from portal.staff.people import StaffFilter
from portal.web import i18n
from portal.web.columns import Column, Kind
from portal.web.copying import Snapshot, open_snapshot
from portal.web.downloads import csv_response, xlsx_response
from portal.web.format import KARACHI
from portal.web.guard import current_scope
from portal.web.noting import begin_export
from portal.web.statements import statement

blueprint = Blueprint("people_list", __name__)

COLUMNS = (
    Column("username", _l("User name"), Kind.IDENTIFIER),
    Column("full_name", _l("Full name")),
    Column("role", _l("Role"), Kind.CODE, 22, {str(role): text.name for role, text in ROLES.items()}, in_words=True),
    Column("areas", _l("Areas"), width=60),
    Column("mobile", _l("Mobile"), Kind.IDENTIFIER),
    Column("email", _l("E-mail")),
    Column("state", _l("State"), Kind.CODE, 16, words.STATES, in_words=True),
    Column("seen", _l("Last sign-in"), Kind.DATETIME),
    Column("made", _l("Made"), Kind.DATETIME),
)


@blueprint.get("/staff.<any(csv, xlsx):file_format>")
@require(Permission.EXPORT)
def download(file_format: str) -> ResponseReturnValue:
    """Count in a snapshot, note the beginning in the audit log, stream from the same snapshot."""
    if not current_user.can(Permission.MANAGE_STAFF):
        raise ForbiddenError(_("Your role does not allow this."))
    if is_a_number(request.args.get("q", "")):
        raise InvalidInputError(
            _("A mobile or CNIC number must not stand in the address of a download. Nothing was downloaded.")
        )
    wanted = read_filter(request.args)
    snapshot = open_snapshot()
    try:
        return _answer(snapshot, wanted, file_format)
    except BaseException as error:
        snapshot.close(error)
        raise


def _answer(snapshot: Snapshot, wanted: StaffFilter, file_format: str) -> ResponseReturnValue:
    rows = people.file_rows(wanted, current_scope(), grantable())
    count = snapshot.connection.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
    with force_locale("en"):
        note = begin_export(
            f"list.export.{file_format}", "list", "staff", {"filters": _sentences(wanted), "rows": count},
            location_id=wanted.area,
        )  # fmt: skip
    name = f"staff-{dt.datetime.now(KARACHI).date()}.{file_format}"
    if file_format == "csv":
        return csv_response(rows, COLUMNS, name, snapshot=snapshot, expected_rows=count, note=note)
    return xlsx_response(
        rows,
        COLUMNS,
        name,
        title=_("Staff"),
        facts=statement(_("People you administer."), _sentences(wanted), count, []),
        sheet_names=(_("Summary"), _("Rows")),
        right_to_left=i18n.language() in i18n.RIGHT_TO_LEFT,
        snapshot=snapshot,
        expected_rows=count,
        note=note,
    )


def _sentences(wanted: StaffFilter) -> list[str]:
    """The filters in words. Raises NotFoundError for an area that is not the reader's."""
    found = []
    if wanted.area is not None:
        area = tree.inside(session(), [wanted.area], current_scope(), i18n.language()).get(wanted.area)
        if area is None:
            raise NotFoundError(_("This area does not exist, or is not one of yours."))
        found.append(str(_("in %(area)s", area=area.text)))
    if wanted.role is not None:
        found.append(f"{_('Role')}: {role_name(wanted.role)}")
    if wanted.state is not None:
        found.append(f"{_('State')}: {words.STATES[wanted.state]}")
    if wanted.words:
        found.append(str(_('matching "%(text)s"', text=wanted.words)))
    return found

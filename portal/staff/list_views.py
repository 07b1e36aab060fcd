"""The list of staff as a file: exactly the rows that the list with this query string holds."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

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
from portal.web.guard import current_scope
from portal.web.list_files import counted, list_response

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
    return list_response(
        "staff",
        file_format,
        lambda connection: counted(connection, people.file_rows(wanted, current_scope(), grantable()), COLUMNS),
        title=_("Staff"),
        what=_("People you administer."),
        sentences=lambda: _sentences(wanted),
        location_id=wanted.area,
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

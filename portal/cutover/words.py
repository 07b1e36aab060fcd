"""What the cutover says of rows and runs, in words."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from portal.imports.findings import FINDINGS

# Of rows of the tables that have no importer of the portal's files; findings of those stand in `portal.imports`.
REASONS: dict[str, Any] = {
    "SAME_KEY_AGAIN": _l("The same key stands further down; the last row counts."),
    "PLACE_MISSING": _l("The row names no tehsil."),
    "UNKNOWN_PLACE": _l("No location has this name; it waits under places to match."),
    "AMOUNT_UNREADABLE": _l("The amount due cannot be read."),
    "GIVEN_BY_PORTAL": _l("A biller list has given this account and month; the portal’s bill stays."),
    "ID_MISSING": _l("The row has no number."),
    "USERNAME_UNREADABLE": _l("The user name has other characters than letters, digits, dots, hyphens and @."),
    "USERNAME_TWICE": _l("Another row further down has the same user name."),
    "USERNAME_KNOWN": _l("Somebody with this user name is here already; he stays as he is."),
    "ROLE_UNKNOWN": _l("There is no such role."),
    "AREA_UNKNOWN": _l("No location of the tehsil has this name, or several have; the person does not get it."),
    "NO_AREA": _l("No area was found: the person sees nothing until he is given one."),
    "PASSWORD_RESET": _l("No hashed password: it is not taken over; the person needs an invitation or a code."),
    "PERSON_UNKNOWN": _l("The person is not known by this number."),
    "UNIT_UNKNOWN": _l("The unit is not in the register."),
    "UNIT_MISSING": _l("The row names no unit."),
    "DAY_UNREADABLE": _l("The date cannot be read."),
    "VISIT_TYPE_UNKNOWN": _l("There is no such type of visit."),
    "STATUS_UNKNOWN": _l("There is no such status."),
    "MESSAGE_MISSING": _l("The message is empty."),
}

STATES: dict[str, Any] = {
    "CHECKING": _l("Being checked"),
    "PREVIEW": _l("Waits for you"),
    "QUEUED": _l("Waits its turn"),
    "RUNNING": _l("Being taken over"),
    "DONE": _l("Done"),
    "REFUSED": _l("Refused"),
    "FAILED": _l("Failed"),
    "CANCELLED": _l("Cancelled"),
}

# Every code a row may carry: of its tables, and of the cells that are read as imports read them.
_SHARED = (
    "PSID_MISSING", "PSID_MANGLED", "PSID_UNREADABLE", "MONTH_UNREADABLE", "MONTH_IN_FUTURE", "PENDING_SURVEY",
)  # fmt: skip
ALL_REASONS: dict[str, Any] = REASONS | {code: FINDINGS[code].sentence for code in _SHARED}


def reason(code: str) -> Any:
    """The sentence of a code, of the cutover or of imports; the code itself when it has none."""
    if code in REASONS:
        return REASONS[code]
    return FINDINGS[code].sentence if code in FINDINGS else code

"""Words of the field's pages: what is to be done with a unit, and what came of the last visit."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from portal.assignments.standing import ARREARS, NO_BILL, UNPAID
from portal.field.worklist import DONE, PROMISED, RETURN, TODO

CHIPS: dict[str, Any] = {
    TODO: _l("To do"),
    PROMISED: _l("Promised"),
    RETURN: _l("Come back"),
    ARREARS: _l("Arrears"),
    UNPAID: _l("Unpaid"),
    DONE: _l("Done"),
}
# Headings of the groups of the list.
PLANS: dict[str, Any] = {
    PROMISED: _l("Promised to pay by today"),
    RETURN: _l("To come back to"),
    ARREARS: _l("In arrears"),
    UNPAID: _l("Unpaid"),
    NO_BILL: _l("Without a bill"),
    DONE: _l("Done"),
}
OUTCOMES: dict[str, Any] = {
    "DONE": _l("done"),
    "DELIVERED": _l("bill handed over"),
    "DELIVERED_TO_NEIGHBOUR": _l("bill left with a neighbour"),
    "REFUSED": _l("refused"),
    "LOCKED": _l("locked"),
    "VACANT": _l("vacant"),
    "NOT_FOUND": _l("not found"),
    "PROMISED": _l("promised to pay"),
    "PAID_ON_SPOT": _l("paid on the spot"),
    "DISPUTED": _l("disputed"),
    "OTHER": _l("other"),
}

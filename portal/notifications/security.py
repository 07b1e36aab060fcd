"""Telling a person what happened to his own account. Called by `portal.staff`, see `portal.staff.happenings`."""

from __future__ import annotations

import secrets

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from portal.notifications.service import notify
from portal.staff.happenings import Happening, What

PASSWORD, FACTOR, SIGN_IN = "security.password", "security.second_factor", "security.sign_in"


def tell_person(session: Session, happening: Happening) -> None:
    """Tell the person, in the transaction of what happened. Each happening is one of its own."""
    type_name, message, url = _words(happening)
    key = f"{type_name}:{happening.what}:{secrets.token_hex(8)}"
    notify(
        session, type_name, [happening.staff_id], message, event_key=key, entity="staff",
        entity_id=happening.staff_id, url=url,
    )  # fmt: skip


def _words(it: Happening) -> tuple[str, object, str]:
    own = {
        What.PASSWORD_CHANGED: (PASSWORD, _l("You changed your password. Was it not you? Tell your administrator.")),
        What.PASSWORD_RESET: (
            PASSWORD, _l("You set a new password by a link or a code. Was it not you? Tell your administrator.")
        ),
        What.FACTOR_ON: (FACTOR, _l("You set up a second factor. Was it not you? Change your password.")),
        What.FACTOR_REPLACED: (FACTOR, _l("You replaced your second factor. Was it not you? Change your password.")),
        What.FACTOR_OFF: (FACTOR, _l("You switched off your second factor. Was it not you? Change your password.")),
        What.CODES_MADE: (FACTOR, _l("You made new recovery codes. Was it not you? Change your password.")),
    }  # fmt: skip
    others = {
        What.PASSWORD_CHANGED: (PASSWORD, _l("%(who)s changed your password.", who=it.actor)),
        What.PASSWORD_RESET: (PASSWORD, _l("%(who)s reset your password.", who=it.actor)),
        What.FACTOR_OFF: (FACTOR, _l("%(who)s removed your second factor.", who=it.actor)),
    }
    if it.what is What.NEW_DEVICE:
        message = _l(
            "You signed in on a new device: %(device)s, from %(address)s. Was it not you? End that session and change"
            " your password.",
            device=it.device,
            address=it.address,
        )
        return SIGN_IN, message, "/me#sessions"
    words = own if it.is_own else {**own, **others}
    type_name, message = words[it.what]
    return type_name, message, "/me"

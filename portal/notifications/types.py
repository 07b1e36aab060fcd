"""Every type of notification: what it is called, how it looks, and how people are told unless they chose otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from portal.notifications.models import DAILY, ERROR, INFO, NONE, NOW, SUCCESS, WARNING

# The groups, as the filter of the centre and the preferences show them.
TICKETS, FIELD, IMPORTS, ALERTS, SECURITY = "tickets", "field", "imports", "alerts", "security"
GROUPS: dict[str, Any] = {
    TICKETS: _l("Tickets"),
    FIELD: _l("Field work"),
    IMPORTS: _l("Imports"),
    ALERTS: _l("Alerts"),
    SECURITY: _l("Security"),
}


@dataclass(frozen=True)
class NotificationType:
    """`kind` is info, success, warning or error. `mail` is NOW, DAILY or NONE: the choice of who has made none.

    `is_required`: it stands in the portal whatever the person chose (what concerns the safety of his account).
    """

    group: str
    label: Any
    kind: str = INFO
    in_app: bool = True
    mail: str = NONE
    is_required: bool = False


TYPES: dict[str, NotificationType] = {
    "ticket.assigned": NotificationType(TICKETS, _l("A ticket was assigned to you"), mail=NOW),
    "ticket.mention": NotificationType(TICKETS, _l("Somebody mentions you in a comment"), mail=NOW),
    "ticket.comment": NotificationType(TICKETS, _l("A comment on a ticket of yours"), mail=DAILY),
    "ticket.status": NotificationType(TICKETS, _l("A ticket of yours changed its status"), mail=DAILY),
    "ticket.decided": NotificationType(TICKETS, _l("A ticket of yours was approved or rejected"), mail=DAILY),
    "ticket.escalated": NotificationType(
        TICKETS, _l("The time for a ticket is nearly over, or over"), WARNING, mail=NOW
    ),
    "approval.waiting": NotificationType(TICKETS, _l("Something waits for your approval"), WARNING, mail=DAILY),
    "visit.returned": NotificationType(FIELD, _l("A visit of yours was returned"), WARNING),
    "visit.review": NotificationType(FIELD, _l("Visits wait for your review"), mail=DAILY),
    "correction.proposed": NotificationType(FIELD, _l("A correction was proposed"), mail=DAILY),
    "correction.decided": NotificationType(FIELD, _l("A correction of yours was decided")),
    "assignment.new": NotificationType(FIELD, _l("Units or areas were assigned to you"), mail=DAILY),
    "import.done": NotificationType(IMPORTS, _l("A file of yours was imported"), SUCCESS),
    "import.failed": NotificationType(IMPORTS, _l("A file of yours was not imported"), ERROR, mail=DAILY),
    "import.changed": NotificationType(IMPORTS, _l("The preview of an import changed; it waits for you"), WARNING),
    "places.waiting": NotificationType(IMPORTS, _l("Names of places wait to be linked"), WARNING, mail=DAILY),
    "alert.verify": NotificationType(ALERTS, _l("The nightly check found differences"), ERROR, mail=NOW),
    "security.password": NotificationType(
        SECURITY, _l("Your password was changed or reset"), WARNING, mail=NOW, is_required=True
    ),
    "security.second_factor": NotificationType(
        SECURITY, _l("Your second factor was changed"), WARNING, mail=NOW, is_required=True
    ),
    "security.sign_in": NotificationType(
        SECURITY, _l("Somebody signed in with your name on a new device"), WARNING, mail=NOW, is_required=True
    ),
}

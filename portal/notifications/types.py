"""Every type of notification: what it is called, how it looks, and how people are told unless they chose otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from portal.notifications.models import DAILY, ERROR, INFO, NONE, NOW, SUCCESS, WARNING
from portal.permissions import Permission, Role, role_allows

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

    `permission`: whose role has it not is not told, and does not see what he was told before. `is_required`: it stands
    in the portal whatever the person chose (what concerns the safety of his account).
    """

    group: str
    label: Any
    kind: str = INFO
    in_app: bool = True
    mail: str = NONE
    permission: Permission | None = None
    is_required: bool = False

    def concerns(self, role: Role | str) -> bool:
        """Whether people of a role are told at all."""
        return self.permission is None or role_allows(role, self.permission)


_TICKETS, _FIELD, _IMPORTS = Permission.VIEW_TICKETS, Permission.VIEW_FIELD, Permission.VIEW_IMPORTS


TYPES: dict[str, NotificationType] = {
    "ticket.assigned": NotificationType(TICKETS, _l("A ticket was assigned to you"), mail=NOW, permission=_TICKETS),
    "ticket.mention": NotificationType(
        TICKETS, _l("Somebody mentions you in a comment"), mail=NOW, permission=_TICKETS
    ),
    "ticket.comment": NotificationType(TICKETS, _l("A comment on a ticket of yours"), mail=DAILY, permission=_TICKETS),
    "ticket.status": NotificationType(
        TICKETS, _l("A ticket of yours changed its status"), mail=DAILY, permission=_TICKETS
    ),
    "ticket.decided": NotificationType(
        TICKETS, _l("A ticket of yours was approved or rejected"), mail=DAILY, permission=_TICKETS
    ),
    "ticket.escalated": NotificationType(
        TICKETS, _l("The time for a ticket is nearly over, or over"), WARNING, mail=NOW, permission=_TICKETS
    ),
    "approval.waiting": NotificationType(
        TICKETS, _l("Something waits for your approval"), WARNING, mail=DAILY, permission=_TICKETS
    ),
    "visit.returned": NotificationType(FIELD, _l("A visit of yours was returned"), WARNING, permission=_FIELD),
    "visit.review": NotificationType(
        FIELD, _l("Visits wait for your review"), mail=DAILY, permission=Permission.REVIEW_VISITS
    ),
    "correction.proposed": NotificationType(
        FIELD, _l("A correction was proposed"), mail=DAILY, permission=Permission.DECIDE_CORRECTIONS
    ),
    "correction.decided": NotificationType(FIELD, _l("A correction of yours was decided"), permission=_FIELD),
    "assignment.new": NotificationType(FIELD, _l("Units or areas were assigned to you"), mail=DAILY, permission=_FIELD),
    "import.done": NotificationType(IMPORTS, _l("A file of yours was imported"), SUCCESS, permission=_IMPORTS),
    "import.failed": NotificationType(
        IMPORTS, _l("A file of yours was not imported"), ERROR, mail=DAILY, permission=_IMPORTS
    ),
    "import.changed": NotificationType(
        IMPORTS, _l("The preview of an import changed; it waits for you"), WARNING, permission=_IMPORTS
    ),
    "places.waiting": NotificationType(
        IMPORTS, _l("Names of places wait to be linked"), WARNING, mail=DAILY, permission=Permission.MATCH_PLACES
    ),
    "alert.verify": NotificationType(
        ALERTS, _l("The nightly check found differences"), ERROR, mail=NOW, permission=Permission.VIEW_METRICS
    ),
    "cutover.old": NotificationType(ALERTS, _l("What the old system told you")),
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


def hidden_from(role: Role | str) -> list[str]:
    """The types that do not concern people of a role."""
    return [name for name, one in TYPES.items() if not one.concerns(role)]


def types_of(group: str) -> list[str]:
    """The types of a group."""
    return [name for name, one in TYPES.items() if one.group == group]

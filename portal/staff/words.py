"""Words of the administration of staff: states, kinds of areas, and who administers whom. Lazy."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from portal.locations.models import DISTRICT, DIVISION, MOHALLA, PROVINCE, TEHSIL, UNION_COUNCIL
from portal.permissions import Role
from portal.staff import people
from portal.staff.rules import Actor, grantable_roles

STATES: dict[str, Any] = {
    people.ACTIVE: _l("Active"),
    people.INVITED: _l("No password yet"),
    people.LOCKED: _l("Locked"),
    people.INACTIVE: _l("Deactivated"),
}
# The colour of a state, as the stylesheet names it.
STATE_BADGES = {
    people.ACTIVE: "ACTIVE",
    people.INVITED: "PENDING",
    people.LOCKED: "FAILED",
    people.INACTIVE: "INACTIVE",
}

KINDS: dict[str, Any] = {
    PROVINCE: _l("Province"),
    DIVISION: _l("Division"),
    DISTRICT: _l("District"),
    TEHSIL: _l("Tehsil"),
    UNION_COUNCIL: _l("Union council or ward"),
    MOHALLA: _l("Mohalla"),
}


def administers() -> dict[Role, frozenset[Role]]:
    """For each role the roles of the people it administers, by the rules themselves."""
    return {role: frozenset(grantable_roles(Actor(0, role))) for role in Role}

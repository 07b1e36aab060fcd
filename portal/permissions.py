"""Who may do what, and where.

A `Permission` says what; the role map says which roles have it; an `AreaScope` says where. Everything is denied
unless allowed: a view without a permission does not run (see `portal.web.guard`), an empty scope sees nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, false, select, true

from portal.locations.models import LocationClosure


class Role(StrEnum):
    """The five roles of a sanitation-fee team, lowest first."""

    AGENT = "AGENT"
    SUPERVISOR = "SUPERVISOR"
    ADMIN = "ADMIN"
    MANAGER = "MANAGER"
    HEAD = "HEAD"


class Permission(StrEnum):
    """What a person may do. The value is what `flask access` prints."""

    PUBLIC = "public"  # no login: the login page, static files, health
    SIGNED_IN = "signed-in"  # any signed-in person: home, own account, sign-out
    VIEW_UNITS = "units.view"
    VIEW_PERSONAL = "personal.view"  # CNIC and mobile in full
    VIEW_DASHBOARDS = "dashboards.view"
    VIEW_REPORTS = "reports.view"
    EXPORT = "reports.export"
    IMPORT = "imports.run"
    VIEW_IMPORTS = "imports.view"
    MATCH_PLACES = "places.match"
    MOVE_BILLS = "bills.move"
    VIEW_METRICS = "metrics.view"
    MANAGE_SETTINGS = "settings.manage"
    VIEW_AUDIT = "audit.view"  # HEAD all of it; others their area and their people (see `portal.trail`)
    MANAGE_STAFF = "staff.manage"  # whom and what exactly: `portal.staff.rules`
    EDIT_REGISTERS = "registers.edit"  # units and accounts by hand
    MANAGE_LOCATIONS = "locations.manage"
    MANAGE_LOOKUPS = "lookups.manage"  # the words that forms offer
    ASSIGN_WORK = "work.assign"
    VIEW_FIELD = "field.view"  # visits, deliveries, proposed corrections of the own areas
    LOG_VISITS = "visits.log"
    REVIEW_VISITS = "visits.review"
    PROPOSE_CORRECTIONS = "corrections.propose"
    DECIDE_CORRECTIONS = "corrections.decide"
    VIEW_FILES = "files.view"
    UPLOAD_FILES = "files.upload"
    VIEW_TICKETS = "tickets.view"  # agents: those they raised or work on
    RAISE_TICKETS = "tickets.raise"
    WORK_TICKETS = "tickets.work"  # assign, change, resolve
    DECIDE_TICKETS = "tickets.decide"  # approve or reject what changes data or money
    MANAGE_TICKETS = "tickets.manage"  # categories, deadlines, holidays
    VIEW_ACTIVITY = "activity.view"
    CUTOVER = "cutover.run"  # the old system's tables


_EVERYBODY = frozenset(Role)
_OFFICE = frozenset({Role.ADMIN, Role.MANAGER, Role.HEAD})

ROLES_WITH: dict[Permission, frozenset[Role]] = {
    Permission.SIGNED_IN: _EVERYBODY,
    Permission.VIEW_UNITS: _EVERYBODY,
    Permission.VIEW_PERSONAL: _OFFICE | {Role.SUPERVISOR},
    Permission.VIEW_DASHBOARDS: _OFFICE | {Role.SUPERVISOR},
    Permission.VIEW_REPORTS: _OFFICE | {Role.SUPERVISOR},
    Permission.EXPORT: _OFFICE,
    Permission.IMPORT: frozenset({Role.ADMIN, Role.HEAD}),
    Permission.VIEW_IMPORTS: _OFFICE,
    Permission.MATCH_PLACES: frozenset({Role.ADMIN, Role.HEAD}),
    Permission.MOVE_BILLS: frozenset({Role.ADMIN, Role.HEAD}),
    Permission.VIEW_METRICS: frozenset({Role.HEAD}),
    Permission.MANAGE_SETTINGS: frozenset({Role.HEAD}),
    Permission.VIEW_AUDIT: _OFFICE,
    Permission.MANAGE_STAFF: _OFFICE,
    Permission.EDIT_REGISTERS: _OFFICE,
    Permission.MANAGE_LOCATIONS: frozenset({Role.ADMIN, Role.HEAD}),
    Permission.MANAGE_LOOKUPS: frozenset({Role.ADMIN, Role.HEAD}),
    Permission.ASSIGN_WORK: _OFFICE | {Role.SUPERVISOR},
    Permission.VIEW_FIELD: _EVERYBODY,
    Permission.LOG_VISITS: frozenset({Role.AGENT, Role.SUPERVISOR, Role.ADMIN}),
    Permission.REVIEW_VISITS: _OFFICE | {Role.SUPERVISOR},
    Permission.PROPOSE_CORRECTIONS: _EVERYBODY,
    Permission.DECIDE_CORRECTIONS: _OFFICE | {Role.SUPERVISOR},
    Permission.VIEW_FILES: _EVERYBODY,
    Permission.UPLOAD_FILES: _EVERYBODY,
    Permission.VIEW_TICKETS: _EVERYBODY,
    Permission.RAISE_TICKETS: _EVERYBODY,
    Permission.WORK_TICKETS: _OFFICE | {Role.SUPERVISOR},
    Permission.DECIDE_TICKETS: _OFFICE | {Role.SUPERVISOR},
    Permission.MANAGE_TICKETS: frozenset({Role.ADMIN, Role.HEAD}),
    Permission.VIEW_ACTIVITY: _OFFICE | {Role.SUPERVISOR},
    Permission.CUTOVER: frozenset({Role.HEAD}),
}


# What concerns everybody: the role alone does not do, the area must be the whole province.
PROVINCE_WIDE = frozenset({Permission.MANAGE_SETTINGS, Permission.VIEW_METRICS, Permission.CUTOVER})


def role_allows(role: Role | str, permission: Permission) -> bool:
    """Whether a role has a permission. PUBLIC is everybody's; what is not in the map is nobody's."""
    if permission is Permission.PUBLIC:
        return True
    return Role(role) in ROLES_WITH.get(permission, frozenset())


@dataclass(frozen=True)
class AreaScope:
    """The part of the location tree a person (or a job acting for one) sees and changes.

    `location_ids` are the nodes granted; everything below them is inside. `is_everywhere` (the system, or a
    grant on the root) adds no condition. No node and not everywhere: nothing is visible (fails closed).
    """

    location_ids: tuple[int, ...] = ()
    is_everywhere: bool = False

    @classmethod
    def everywhere(cls) -> AreaScope:
        return cls(is_everywhere=True)

    @classmethod
    def of(cls, location_ids: list[int] | tuple[int, ...]) -> AreaScope:
        return cls(location_ids=tuple(sorted(set(location_ids))))

    @property
    def cache_key(self) -> str:
        """Part of every key under which something of this scope is cached."""
        return "all" if self.is_everywhere else "-".join(map(str, self.location_ids)) or "none"

    def clause(self, location_column: Any) -> ColumnElement[bool]:
        """The condition that a row's location lies inside: goes into every query of scoped rows."""
        if self.is_everywhere:
            return true()
        if not self.location_ids:
            return false()
        inside = select(LocationClosure.location_id).where(LocationClosure.ancestor_id.in_(self.location_ids))
        result: ColumnElement[bool] = location_column.in_(inside)
        return result


@dataclass(frozen=True)
class PersonalSight:
    """Whose CNIC and mobile numbers a person sees in full; everybody else's he sees with their last digits only.

    `everybody`: his role has `VIEW_PERSONAL`. `assigned`: a select of the ids of the units assigned to him. Neither:
    nobody's (fails closed). Made by `portal.web.masking.personal_sight`.
    """

    everybody: bool = False
    assigned: Select[Any] | None = None

    def clause(self, unit_id: Any) -> ColumnElement[bool]:
        """The condition that a row's numbers may be shown in full, by the id of its unit (NULL: no unit known)."""
        if self.everybody:
            return true()
        if self.assigned is None:
            return false()
        result: ColumnElement[bool] = unit_id.in_(self.assigned)
        return result


F = TypeVar("F", bound=Callable[..., Any])


def require(permission: Permission) -> Callable[[F], F]:
    """Declare the permission of a view (or a Dash callback). The guard refuses views without a declaration."""

    def mark(function: F) -> F:
        function.__permission__ = permission  # type: ignore[attr-defined]
        return function

    return mark

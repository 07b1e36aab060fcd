"""The one menu, used by pages of Flask and of Dash. People see only what their role may open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from portal.permissions import Permission, Role

SEARCH_PATH = "/search"


@dataclass(frozen=True)
class Entry:
    """One line of the menu. It is the current one on every page below `path` or `also`."""

    label: Any
    path: str
    permission: Permission
    icon: str
    also: str = ""

    def is_current(self, path: str) -> bool:
        prefixes = (one.rstrip("/") + "/" for one in (self.path, self.also) if one)
        return (path.rstrip("/") + "/").startswith(tuple(prefixes))


@dataclass(frozen=True)
class Group:
    """A headed part of the sidebar."""

    label: Any
    entries: tuple[Entry, ...]


_OVERVIEW = Entry(_l("Overview"), "/dash/overview/", Permission.VIEW_DASHBOARDS, "speedometer2")
_REPORTS = Entry(_l("Reports"), "/reports/", Permission.VIEW_REPORTS, "table", also="/dash/reports/")
_ACTIVITY = Entry(_l("Activity"), "/activity/", Permission.VIEW_ACTIVITY, "activity")
_SEARCH = Entry(_l("Search"), SEARCH_PATH, Permission.VIEW_UNITS, "search")
_UNITS = Entry(_l("Units"), "/units/", Permission.VIEW_UNITS, "house")
_ACCOUNTS = Entry(_l("Accounts"), "/accounts/", Permission.VIEW_UNITS, "person-vcard")
_VISITS = Entry(_l("Visits"), "/visits/", Permission.VIEW_FIELD, "clipboard-check")
_REVIEW = Entry(_l("Review"), "/review/", Permission.REVIEW_VISITS, "check2-all")
_DOCUMENTS = Entry(_l("Documents"), "/documents/", Permission.VIEW_FILES, "file-earmark-text")
_IMPORTS = Entry(_l("Imports"), "/imports/", Permission.VIEW_IMPORTS, "box-arrow-in-down")
_PLACES = Entry(_l("Places to match"), "/places/", Permission.MATCH_PLACES, "signpost-split")
_LOCATIONS = Entry(_l("Locations"), "/locations/", Permission.MANAGE_LOCATIONS, "diagram-3")
_LOOKUPS = Entry(_l("Lists of words"), "/lookups/", Permission.MANAGE_LOOKUPS, "card-list")
_MOVE = Entry(_l("Move bills"), "/billing/move", Permission.MOVE_BILLS, "arrow-left-right")
_AUDIT = Entry(_l("Audit log"), "/audit/", Permission.VIEW_AUDIT, "journal-text")
_SETTINGS = Entry(_l("Settings"), "/settings/", Permission.MANAGE_SETTINGS, "gear")
_TICKETS = Entry(_l("Tickets"), "/tickets/", Permission.VIEW_TICKETS, "ticket-detailed")
_STAFF = Entry(_l("Staff"), "/staff/", Permission.MANAGE_STAFF, "people")
_CUTOVER = Entry(_l("Cutover"), "/cutover/", Permission.CUTOVER, "box-seam")
_ASSIGNED = Entry(_l("Assigned"), "/assigned", Permission.VIEW_FIELD, "bullseye")
_MY_AREA = Entry(_l("My area"), "/area", Permission.VIEW_FIELD, "geo-alt")
_CORRECTIONS = Entry(_l("Corrections"), "/corrections/", Permission.VIEW_FIELD, "pencil-square")
_ASSIGNMENTS = Entry(_l("Assignments"), "/assignments/", Permission.ASSIGN_WORK, "person-check")
_HOME = Entry(_l("Home"), "/home", Permission.SIGNED_IN, "house-door")
_ME = Entry(_l("Me"), "/me", Permission.SIGNED_IN, "person-circle")

MENU: tuple[Group, ...] = (
    Group(_l("Dashboards"), (_OVERVIEW, _REPORTS, _ACTIVITY)),
    Group(_l("Work"), (_SEARCH, _UNITS, _ACCOUNTS, _DOCUMENTS)),
    Group(_l("Field"), (_ASSIGNED, _MY_AREA, _VISITS, _REVIEW, _CORRECTIONS, _ASSIGNMENTS)),
    Group(_l("Tickets"), (_TICKETS,)),
    Group(_l("Office"), (_IMPORTS, _PLACES, _MOVE, _LOCATIONS, _LOOKUPS)),
    Group(_l("Administration"), (_STAFF, _AUDIT, _SETTINGS, _CUTOVER)),
)

# Four entries at most: they are reached with one thumb.
BOTTOM_BAR: dict[Role, tuple[Entry, ...]] = {
    Role.AGENT: (_ASSIGNED, _SEARCH, _TICKETS, _ME),
    Role.SUPERVISOR: (_REVIEW, _SEARCH, _TICKETS, _ME),
    Role.ADMIN: (_OVERVIEW, _SEARCH, _IMPORTS, _ME),
    Role.MANAGER: (_OVERVIEW, _REPORTS, _SEARCH, _ME),
    Role.HEAD: (_OVERVIEW, _REPORTS, _SEARCH, _ME),
}


def menu_for(can: Callable[[Permission], bool]) -> tuple[Group, ...]:
    """The groups with the entries a person may open; empty groups are left out."""
    shown = (Group(group.label, tuple(e for e in group.entries if can(e.permission))) for group in MENU)
    return tuple(group for group in shown if group.entries)


def bottom_bar_for(role: Role | str, can: Callable[[Permission], bool]) -> tuple[Entry, ...]:
    """The phone's bottom bar of a role."""
    return tuple(entry for entry in BOTTOM_BAR[Role(role)] if can(entry.permission))

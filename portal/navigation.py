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
    """One line of the menu. `path` is also the prefix under which the entry counts as the current one."""

    label: Any
    path: str
    permission: Permission
    icon: str

    def is_current(self, path: str) -> bool:
        return path == self.path or (self.path != "/" and path.startswith(self.path.rstrip("/") + "/"))


@dataclass(frozen=True)
class Group:
    """A headed part of the sidebar."""

    label: Any
    entries: tuple[Entry, ...]


MENU: tuple[Group, ...] = (
    Group(
        _l("Dashboards"),
        (Entry(_l("Overview"), "/dash/overview/", Permission.VIEW_DASHBOARDS, "speedometer2"),),
    ),
    Group(
        _l("Reports"),
        (
            Entry(_l("Bill register"), "/dash/reports/bill-register", Permission.VIEW_REPORTS, "receipt"),
            Entry(_l("Payment register"), "/dash/reports/payment-register", Permission.VIEW_REPORTS, "cash-stack"),
            Entry(_l("Daily collection"), "/dash/reports/daily-collection", Permission.VIEW_REPORTS, "calendar3"),
            Entry(_l("Pending sync"), "/dash/reports/pending-sync", Permission.VIEW_REPORTS, "hourglass-split"),
            Entry(_l("Unmatched payments"), "/dash/reports/unmatched-payments", Permission.VIEW_REPORTS, "question-lg"),
        ),
    ),
    Group(
        _l("Work"),
        (
            Entry(_l("Search"), SEARCH_PATH, Permission.VIEW_UNITS, "search"),
            Entry(_l("Units"), "/units/", Permission.VIEW_UNITS, "house"),
            Entry(_l("Accounts"), "/accounts/", Permission.VIEW_UNITS, "person-vcard"),
        ),
    ),
    Group(
        _l("Office"),
        (
            Entry(_l("Imports"), "/imports/", Permission.VIEW_IMPORTS, "box-arrow-in-down"),
            Entry(_l("Places to match"), "/places/", Permission.MATCH_PLACES, "signpost-split"),
        ),
    ),
)

_HOME = Entry(_l("Home"), "/home", Permission.SIGNED_IN, "house")
_OVERVIEW = Entry(_l("Overview"), "/dash/overview/", Permission.VIEW_DASHBOARDS, "speedometer2")
_SEARCH = Entry(_l("Search"), SEARCH_PATH, Permission.VIEW_UNITS, "search")
_REPORTS = Entry(_l("Reports"), "/dash/reports/bill-register", Permission.VIEW_REPORTS, "table")
_IMPORTS = Entry(_l("Imports"), "/imports/", Permission.VIEW_IMPORTS, "box-arrow-in-down")
_ME = Entry(_l("Me"), "/me", Permission.SIGNED_IN, "person-circle")

# Four entries at most: they are reached with one thumb.
BOTTOM_BAR: dict[Role, tuple[Entry, ...]] = {
    Role.AGENT: (_HOME, _SEARCH, _ME),
    Role.SUPERVISOR: (_HOME, _SEARCH, _OVERVIEW, _ME),
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

"""Roles and permissions in words, and the matrix of both: what the screen, the manual and the tests read.

Whoever adds a permission to `portal.permissions` gives it a name and a sentence here; a test asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from portal.permissions import Permission, Role, role_allows


@dataclass(frozen=True)
class Words:
    """A name and one sentence, in the reader's language when turned into text."""

    name: Any
    explanation: Any


ROLES: dict[Role, Words] = {
    Role.AGENT: Words(_l("Field agent"), _l("Walks the union councils of his area and looks up units and accounts.")),
    Role.SUPERVISOR: Words(_l("Supervisor"), _l("Watches over the field work of his area and sees its figures.")),
    Role.ADMIN: Words(
        _l("Office administrator"), _l("Imports the portal’s files, keeps the data right and the staff of his area.")
    ),
    Role.MANAGER: Words(_l("Manager"), _l("Answers for the recovery of his area; sees everything in it.")),
    Role.HEAD: Words(_l("Head administrator"), _l("Everything, in every area: figures, staff, settings.")),
}

WORK, FIELD, COMPLAINTS, FIGURES, OFFICE, ADMINISTRATION = (
    _l("Daily work"),
    _l("Field work"),
    _l("Tickets"),
    _l("Figures and reports"),
    _l("Office"),
    _l("Administration"),
)

# Public pages need no role, so they stand in no row.
PERMISSIONS: dict[Permission, tuple[Any, Words]] = {
    Permission.SIGNED_IN: (
        WORK,
        Words(_l("Own account"), _l("Sign in, see the home page, change one’s own language, theme and password.")),
    ),
    Permission.VIEW_UNITS: (
        WORK,
        Words(_l("Units and accounts"), _l("Search and open units, accounts, bills and payments of the own areas.")),
    ),
    Permission.VIEW_PERSONAL: (
        WORK,
        Words(_l("Personal numbers"), _l("See CNIC and mobile numbers in full; others see the last digits only.")),
    ),
    Permission.VIEW_FILES: (
        WORK,
        Words(_l("Photos and documents"), _l("See the photos and documents of the own areas.")),
    ),
    Permission.UPLOAD_FILES: (
        WORK,
        Words(_l("Add photos and documents"), _l("Add photos and documents to what one may see.")),
    ),
    Permission.VIEW_ACTIVITY: (WORK, Words(_l("Activity"), _l("See what happened in the own areas, newest first."))),
    Permission.VIEW_FIELD: (
        FIELD,
        Words(_l("Visits and corrections"), _l("See visits, deliveries and proposed corrections of the own areas.")),
    ),
    Permission.LOG_VISITS: (
        FIELD,
        Words(_l("Log visits"), _l("Log visits and hand over bills, with photo and position.")),
    ),
    Permission.PROPOSE_CORRECTIONS: (
        FIELD,
        Words(_l("Propose corrections"), _l("Say what is wrong about a unit; a supervisor decides.")),
    ),
    Permission.ASSIGN_WORK: (
        FIELD,
        Words(_l("Assign work"), _l("Give units and union councils to agents, from a day to a day.")),
    ),
    Permission.REVIEW_VISITS: (
        FIELD,
        Words(_l("Review visits"), _l("Approve visits and deliveries, or return them with a reason.")),
    ),
    Permission.DECIDE_CORRECTIONS: (
        FIELD,
        Words(
            _l("Decide corrections"), _l("Approve proposed corrections, which changes the register, or reject them.")
        ),
    ),
    Permission.VIEW_TICKETS: (
        COMPLAINTS,
        Words(_l("Tickets"), _l("See tickets of the own areas; agents those they raised or work on.")),
    ),
    Permission.RAISE_TICKETS: (COMPLAINTS, Words(_l("Raise tickets"), _l("Open a ticket and comment on it."))),
    Permission.WORK_TICKETS: (
        COMPLAINTS,
        Words(_l("Work on tickets"), _l("Assign, change, merge and resolve tickets.")),
    ),
    Permission.DECIDE_TICKETS: (
        COMPLAINTS,
        Words(_l("Decide tickets"), _l("Approve or reject what changes data; what changes a bill is for the office.")),
    ),
    Permission.MANAGE_TICKETS: (
        COMPLAINTS,
        Words(_l("Ticket categories"), _l("Change categories, deadlines and holidays.")),
    ),
    Permission.EDIT_REGISTERS: (
        OFFICE,
        Words(_l("Edit the registers"), _l("Create, change, move and close units and accounts by hand.")),
    ),
    Permission.MANAGE_LOCATIONS: (
        OFFICE,
        Words(_l("Edit locations"), _l("Create, rename, move and merge locations of the own areas.")),
    ),
    Permission.MANAGE_LOOKUPS: (
        OFFICE,
        Words(_l("Lists of words"), _l("Change the business types and other words that forms offer.")),
    ),
    Permission.VIEW_DASHBOARDS: (FIGURES, Words(_l("Dashboards"), _l("See the figures of the own areas."))),
    Permission.VIEW_REPORTS: (FIGURES, Words(_l("Reports"), _l("Open reports on the rows of the own areas."))),
    Permission.EXPORT: (
        FIGURES,
        Words(_l("Downloads"), _l("Download lists and reports as files; each download is noted in the audit log.")),
    ),
    Permission.VIEW_IMPORTS: (OFFICE, Words(_l("See imports"), _l("See what files were imported, and what they did."))),
    Permission.IMPORT: (
        OFFICE,
        Words(_l("Import files"), _l("Upload the portal’s files, look at the preview and write them.")),
    ),
    Permission.MATCH_PLACES: (
        OFFICE,
        Words(_l("Match places"), _l("Say which location a spelling in a file stands for, or create it.")),
    ),
    Permission.MOVE_BILLS: (
        OFFICE,
        Words(_l("Move bills"), _l("Move the bills of an issue date to another billing month.")),
    ),
    Permission.MANAGE_STAFF: (
        ADMINISTRATION,
        Words(
            _l("Staff"),
            _l("Create, change and deactivate people below the own role whose areas lie wholly in the own."),
        ),
    ),
    Permission.VIEW_AUDIT: (
        ADMINISTRATION,
        Words(_l("Audit log"), _l("See who did what and when, in the own areas and of the own people; HEAD sees all.")),
    ),
    Permission.MANAGE_SETTINGS: (
        ADMINISTRATION,
        Words(
            _l("Settings"),
            _l("Change company name, time-outs, mail server and targets; with the whole province as area."),
        ),
    ),
    Permission.CUTOVER: (
        ADMINISTRATION,
        Words(_l("Cutover"), _l("Take over the old system’s tables; with the whole province as area.")),
    ),
    Permission.VIEW_METRICS: (
        ADMINISTRATION,
        Words(_l("Operation"), _l("Read the counters of monitoring programs; with the whole province as area.")),
    ),
}


@dataclass(frozen=True)
class Row:
    """A permission with what each role has of it."""

    permission: Permission
    words: Words
    roles: frozenset[Role]


@dataclass(frozen=True)
class Group:
    """A headed part of the matrix."""

    name: Any
    rows: tuple[Row, ...]


def matrix() -> tuple[Group, ...]:
    """Every permission (but that of public pages) by group, with the roles that have it."""
    groups = []
    for name in (WORK, FIELD, COMPLAINTS, FIGURES, OFFICE, ADMINISTRATION):
        rows = tuple(
            Row(permission, words, frozenset(role for role in Role if role_allows(role, permission)))
            for permission, (group, words) in PERMISSIONS.items()
            if group is name
        )
        groups.append(Group(name, rows))
    return tuple(group for group in groups if group.rows)


def role_name(role: Role | str) -> str:
    """The role in the reader's language."""
    return str(ROLES[Role(role)].name)

"""Many people at once from a file: rows judged by the rules of the form, nothing written before it is confirmed.

`read_file` gives drafts, `judge` says of each what is wrong with it, `create_all` creates those with nothing wrong. A
draft travels through the preview page and is judged again when it comes back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.errors import DomainError, InvalidInputError
from portal.permissions import AreaScope, Role
from portal.roles import ROLES
from portal.staff import areas as tree
from portal.staff import contact
from portal.staff.administration import Facts, New, create_many
from portal.staff.authority import By
from portal.staff.models import Staff
from portal.staff.service import resolve_area
from portal.staff.sheet import read_sheet

# The first heading of each is that of the template.
COLUMNS: dict[str, tuple[str, ...]] = {
    "username": ("User name", "Username", "Login", "صارف نام"),
    "full_name": ("Full name", "Name", "پورا نام", "نام"),
    "role": ("Role", "کردار"),
    "areas": ("Areas", "Area", "علاقے", "علاقہ"),
    "email": ("E-mail", "Email", "ای میل"),
    "mobile": ("Mobile", "Mobile number", "Phone", "موبائل"),
}
REQUIRED = ("username", "full_name", "role", "areas")
AREA_SEPARATOR = ";"


@dataclass(frozen=True)
class Draft:
    """A row as it was typed."""

    line: int
    username: str = ""
    full_name: str = ""
    role: str = ""
    areas: str = ""
    email: str = ""
    mobile: str = ""

    def as_list(self) -> list[Any]:
        return list(asdict(self).values())


@dataclass(frozen=True)
class Judged:
    """A draft with what is wrong with it, by column; and what would be created when nothing is."""

    draft: Draft
    errors: Mapping[str, str]
    role: Role | None = None
    areas: tuple[tree.NamedArea, ...] = ()
    facts: Facts | None = None

    @property
    def is_good(self) -> bool:
        return not self.errors


@dataclass
class _Known:
    """What is looked up once for a file."""

    taken_names: set[str]
    taken_emails: set[str]
    names: Counter[str]
    emails: Counter[str]
    areas: dict[str, tree.NamedArea | str] = field(default_factory=dict)


def read_file(data: bytes) -> list[Draft]:
    """The rows of an uploaded file. Raises RefusedFileError."""
    return [Draft(row.number, **row.cells) for row in read_sheet(data, COLUMNS, REQUIRED)]


def judge(
    session: Session, drafts: Sequence[Draft], scope: AreaScope, roles: Sequence[Role], language: str = "en"
) -> list[Judged]:
    """What would become of each draft, for an actor with this scope who may hand out these roles. Writes nothing."""
    known = _look_up(session, drafts)
    return [_judge(session, draft, known, scope, roles, language) for draft in drafts]


def _look_up(session: Session, drafts: Sequence[Draft]) -> _Known:
    names = Counter(draft.username.strip().lower() for draft in drafts)
    emails = Counter(draft.email.strip().lower() for draft in drafts if draft.email.strip())
    lowered = func.lower(Staff.username)
    mails = func.lower(Staff.email)
    return _Known(
        set(session.scalars(select(lowered).where(lowered.in_(names)))),
        set(session.scalars(select(mails).where(mails.in_(emails)))),
        names,
        emails,
    )


def _judge(
    session: Session, draft: Draft, known: _Known, scope: AreaScope, roles: Sequence[Role], language: str
) -> Judged:
    errors: dict[str, str] = {}

    def clean(column: str, cleaner: Callable[[str], Any]) -> Any:
        try:
            return cleaner(getattr(draft, column))
        except DomainError as error:
            errors[column] = str(error)
            return None

    username = clean("username", contact.clean_username)
    full_name, email, mobile = (
        clean("full_name", contact.clean_full_name),
        clean("email", contact.clean_email),
        clean("mobile", contact.clean_mobile),
    )
    role = clean("role", lambda text: read_role(text, roles))
    areas = clean("areas", lambda text: _read_areas(session, text, known, scope, language))
    name = draft.username.strip().lower()
    if username and name in known.taken_names:
        errors["username"] = str(_("The user name '%(username)s' is taken.", username=username))
    elif username and known.names[name] > 1:
        errors["username"] = str(_("This user name stands in the file more than once."))
    address = draft.email.strip().lower()
    if email and address in known.taken_emails:
        errors["email"] = str(_("Somebody else has this e-mail address already."))
    elif email and known.emails[address] > 1:
        errors["email"] = str(_("This e-mail address stands in the file more than once."))
    if errors:
        return Judged(draft, errors, role, areas or ())
    return Judged(draft, errors, role, areas, Facts(full_name, email, mobile))


def read_role(text: str, roles: Sequence[Role]) -> Role:
    """The role of its code or its name in the reader's language. Raises InvalidInputError."""
    typed = text.strip().casefold()
    by_name = {str(words.name).casefold(): role for role, words in ROLES.items()} | {
        role.value.casefold(): role for role in Role
    }
    offered = ", ".join(role.value for role in roles)
    role = by_name.get(typed)
    if role is None:
        raise InvalidInputError(_("There is no such role; you can give %(roles)s.", roles=offered))
    if role not in roles:
        raise InvalidInputError(_("You cannot give the role %(role)s, only %(roles)s.", role=role, roles=offered))
    return role


def _read_areas(
    session: Session, text: str, known: _Known, scope: AreaScope, language: str
) -> tuple[tree.NamedArea, ...]:
    paths = [path.strip() for path in text.replace("؛", AREA_SEPARATOR).split(AREA_SEPARATOR) if path.strip()]
    if not paths:
        raise InvalidInputError(_("A staff member needs at least one area."))
    found: dict[int, tree.NamedArea] = {}
    for path in paths:
        if path not in known.areas:
            known.areas[path] = _resolve(session, path, scope, language)
        area = known.areas[path]
        if isinstance(area, str):
            raise InvalidInputError(area)
        found[area.id] = area
    return tuple(found.values())


def _resolve(session: Session, path: str, scope: AreaScope, language: str) -> tree.NamedArea | str:
    """The area, or the sentence that says why there is none. Places outside the scope do not exist here."""
    try:
        location_id = resolve_area(session, path, scope).id
    except DomainError as error:
        return str(error)
    return tree.named(session, [location_id], language)[location_id]


def create_all(session: Session, by: By, rows: Sequence[Judged]) -> list[Staff]:
    """Create the people of the good rows, without passwords, all or none. Raises the errors of `create_many`."""
    return create_many(
        session,
        by,
        [
            New(row.draft.username, row.facts, row.role, tuple(area.id for area in row.areas))
            for row in rows
            if row.is_good and row.role is not None and row.facts is not None
        ],
    )

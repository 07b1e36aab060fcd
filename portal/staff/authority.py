"""The door of every change of staff: a lock, the actor as he is now, and the rules. Flushes, never commits.

The lock makes changes of staff follow each other: two heads who remove each other, or an administrator who loses his
role while his form is on its way, are judged by what the one before left.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select, text
from sqlalchemy.orm import Session, selectinload

from portal.audit.service import SYSTEM, record
from portal.errors import ConflictError, DomainError, ForbiddenError, InvalidInputError, NotFoundError
from portal.permissions import Role
from portal.staff import areas as tree
from portal.staff import people, rules
from portal.staff.models import Staff
from portal.staff.rules import Action, Actor, Area, Person, Reason


@dataclass(frozen=True)
class By:
    """Who acts, as the audit log names him. `staff_id` None is the system."""

    staff_id: int | None
    name: str
    address: str = ""

    @classmethod
    def system(cls) -> By:
        return cls(None, SYSTEM)


_SENTENCES: dict[Reason, tuple[type[DomainError], Any, dict[str, str]]] = {
    Reason.NOT_PERMITTED: (ForbiddenError, _l("Your role does not allow this."), {}),
    Reason.HIDDEN: (NotFoundError, _l("There is no such person in your area."), {}),
    Reason.AREA_OUTSIDE: (NotFoundError, _l("This area does not exist, or is not one of yours."), {}),
    Reason.SELF: (
        ForbiddenError,
        _l("Nobody changes his own role, areas or state, or resets his own account. Ask a colleague."),
        {"code": "self"},
    ),
    Reason.ROLE_TOO_HIGH: (
        ForbiddenError,
        _l("You can give only roles below your own. Nothing was changed."),
        {"code": "role_too_high"},
    ),
    Reason.NO_AREA: (
        InvalidInputError,
        _l("A staff member needs at least one area."),
        {"code": "no_area", "field": "areas"},
    ),
    Reason.LAST_HEAD: (
        InvalidInputError,
        _l(
            "This is the last head administrator of the whole province who can sign in. Nothing was changed."
            " Make somebody else head administrator of the whole province first."
        ),
        {"code": "last_head"},
    ),
}


def refused(reason: Reason) -> DomainError:
    """The error that says why not."""
    kind, sentence, details = _SENTENCES[reason]
    return kind(str(sentence), **details)


def lock(session: Session) -> None:
    """Let changes of staff follow each other, until the transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('staff.administration'))"))


def load(session: Session, staff_id: int) -> Staff | None:
    """The person as he is in the database now, with his areas."""
    if not 0 < staff_id <= tree.BIGGEST_ID:
        return None
    query = select(Staff).where(Staff.id == staff_id).options(selectinload(Staff.areas))
    found: Staff | None = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    return found


def actor_of(session: Session, by: By) -> Actor:
    """What the actor may do now, whatever he could when his request began. Raises ForbiddenError."""
    if by.staff_id is None:
        return Actor.system()
    staff = load(session, by.staff_id)
    if staff is None or not staff.is_active:
        raise ForbiddenError(_("Your role does not allow this."))
    return Actor(staff.id, Role(staff.role), frozenset(one.location_id for one in staff.areas))


def person_of(session: Session, staff: Staff) -> Person:
    """The person as the rules see him."""
    named = tree.named(session, [one.location_id for one in staff.areas])
    has_password = staff.password_hash != "" or staff.password_changed_at is not None
    areas = tuple(one.area for one in named.values())
    return Person(staff.id, Role(staff.role), areas, staff.is_active and has_password)


def other_heads(session: Session, staff_id: int | None) -> int:
    """How many people apart from this one lead the province."""
    return int(session.scalar(people.heads_of_the_province(staff_id)) or 0)


def granted_areas(session: Session, location_ids: Collection[int]) -> list[Area]:
    """The areas with these ids. Raises NotFoundError for an unknown one."""
    wanted = set(location_ids)
    if len(wanted) > tree.MOST_AREAS:
        raise InvalidInputError(_("Choose at most %(number)s areas.", number=tree.MOST_AREAS), field="areas")
    found = tree.named(session, wanted)
    if found.keys() != wanted:
        raise refused(Reason.AREA_OUTSIDE)
    return [one.area for one in found.values()]


def check(
    session: Session,
    by: By,
    action: Action,
    staff: Staff | None = None,
    *,
    role: Role | None = None,
    areas: Collection[Area] | None = None,
) -> None:
    """Raises the error that says why the actor may not do it. To be called under the lock."""
    target = person_of(session, staff) if staff is not None else None
    others = other_heads(session, staff.id if staff is not None else None)
    reason = rules.decide(actor_of(session, by), action, target, role=role, areas=areas, other_heads=others)
    if reason is not None:
        raise refused(reason)


def open_person(
    session: Session,
    by: By,
    staff_id: int,
    action: Action,
    version: int | None,
    *,
    role: Role | None = None,
    areas: Collection[Area] | None = None,
) -> Staff:
    """The person to change, locked, seen as the actor saw him, and with the right to change him."""
    lock(session)
    staff = load(session, staff_id)
    if staff is None:
        raise refused(Reason.HIDDEN)
    check(session, by, action, staff, role=role, areas=areas)
    if version is not None and version != staff.version:
        raise ConflictError(_("Somebody else has changed this person meanwhile. Nothing was changed."), code="stale")
    return staff


def note(
    session: Session,
    by: By,
    action: str,
    staff: Staff,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
    areas: Collection[Area] | None = None,
) -> None:
    """Add the audit line of a change. `areas` are the person's, where the caller has them at hand."""
    if areas is None:
        areas = [one.area for one in tree.named(session, [one.location_id for one in staff.areas]).values()]
    record(
        session, action, "staff", staff.id, actor=by.name, staff_id=by.staff_id, address=by.address,
        location_id=rules.common_area(areas), reason=reason.strip()[:500],
        before=before, after={"username": staff.username, **(after or {})},
    )  # fmt: skip

"""Creating people, changing what is known about them, their role and their areas. Flushes, never commits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.errors import ConflictError
from portal.permissions import Role
from portal.staff import areas as tree
from portal.staff import contact, rules, selects
from portal.staff.accounts import revoke_tokens
from portal.staff.authority import By, actor_of, check, granted_areas, lock, note, open_person, refused
from portal.staff.models import Staff, StaffArea
from portal.staff.rules import Action, Area, Reason
from portal.staff.tokens import TokenKind


@dataclass(frozen=True)
class Facts:
    """What is known about a person besides his standing; clean (see `portal.staff.contact`)."""

    full_name: str
    email: str | None = None
    mobile: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"full_name": self.full_name, "email": self.email, "mobile": self.mobile}


@dataclass(frozen=True)
class New:
    """A person to be made."""

    username: str
    facts: Facts
    role: Role
    location_ids: tuple[int, ...]


def create(session: Session, by: By, username: str, facts: Facts, role: Role, location_ids: Collection[int]) -> Staff:
    """A person without a password yet: an invitation follows. Raises the errors of the rules and ConflictError."""
    lock(session)
    username = contact.clean_username(username)
    check(session, by, Action.CREATE, role=role, areas=granted_areas(session, location_ids))
    if session.scalar(selects.by_username(username)) is not None:
        raise _taken_name(username)
    _check_email_is_free(session, facts.email, None)
    try:
        return create_many(session, by, [New(username, facts, role, tuple(location_ids))])[0]
    except ConflictError as error:  # made on the command line at the same moment
        raise _taken_name(username) from error


def create_many(session: Session, by: By, wanted: Sequence[New]) -> list[Staff]:
    """Make all of these people, or none: in a few statements, however many they are.

    Raises the errors of the rules, and ConflictError when a user name or an e-mail address is somebody's.
    """
    lock(session)
    actor = actor_of(session, by)
    places = {one for new in wanted for one in new.location_ids}
    known = tree.named(session, places)
    if known.keys() != places:
        raise refused(Reason.AREA_OUTSIDE)
    made: list[tuple[Staff, New, tuple[Area, ...]]] = []
    for new in wanted:
        areas = [known[one].area for one in dict.fromkeys(new.location_ids)]
        reason = rules.decide(actor, Action.CREATE, role=new.role, areas=areas)
        if reason is not None:
            raise refused(reason)
        staff = Staff(
            username=contact.clean_username(new.username), password_hash="", role=str(new.role),
            full_name=new.facts.full_name, email=new.facts.email, mobile=new.facts.mobile, created_by=by.staff_id,
        )  # fmt: skip
        kept = rules.without_nested(areas)
        staff.areas = [StaffArea(location_id=area.id) for area in kept]
        made.append((staff, new, kept))
    try:
        with session.begin_nested():
            session.add_all([staff for staff, _new, _kept in made])
            session.flush()
    except IntegrityError as error:
        raise ConflictError(_("A user name or an e-mail address is somebody else's already."), code="taken") from error
    for staff, new, kept in made:
        names = [{"id": area.id, "name": known[area.id].text} for area in kept]
        after = {"role": str(new.role), "areas": names, **new.facts.as_json()}
        note(session, by, "staff.create", staff, after=after, areas=kept)
    return [staff for staff, _new, _kept in made]


def _taken_name(username: str) -> ConflictError:
    return ConflictError(_("The user name '%(username)s' is taken.", username=username), code="taken", field="username")


def _check_email_is_free(session: Session, email: str | None, staff_id: int | None) -> None:
    if email is None:
        return
    holder = session.scalar(select(Staff.id).where(func.lower(Staff.email) == email.lower()))
    if holder is not None and holder != staff_id:
        raise ConflictError(_("Somebody else has this e-mail address already."), code="taken", field="email")


def _named_areas(session: Session, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Areas as the audit log keeps them: the ids, and the names of that time."""
    named = tree.named(session, ids)
    return [{"id": one, "name": named[one].text} for one in ids if one in named]


def edit(
    session: Session, by: By, staff_id: int, version: int, facts: Facts, role: Role | None = None, reason: str = ""
) -> bool:
    """Change name, e-mail, mobile and role (None: as it is). Returns whether anything changed.

    An invitation or reset link that went to an address which is now another one does not work any more.
    """
    staff = open_person(session, by, staff_id, Action.EDIT, version)
    old_role = Role(staff.role)
    if role is not None and role is not old_role:
        check(session, by, Action.CHANGE_ROLE, staff, role=role)
    _check_email_is_free(session, facts.email, staff.id)
    old = Facts(staff.full_name, staff.email, staff.mobile).as_json()
    new = facts.as_json()
    changed = [key for key in old if old[key] != new[key]]
    if not changed and (role is None or role is old_role):
        return False
    if "email" in changed and old["email"]:
        revoke_tokens(session, staff.id, (TokenKind.INVITE, TokenKind.RESET))
    staff.full_name, staff.email, staff.mobile = facts.full_name, facts.email, facts.mobile
    staff.version += 1
    if changed:
        before, after = ({key: values[key] for key in changed} for values in (old, new))
        note(session, by, "staff.edit", staff, before=before, after=after, reason=reason)
    if role is not None and role is not old_role:
        staff.role = str(role)
        note(session, by, "staff.role", staff, before={"role": str(old_role)}, after={"role": str(role)}, reason=reason)
    session.flush()
    return True


def set_areas(
    session: Session, by: By, staff_id: int, version: int | None, location_ids: Collection[int], reason: str = ""
) -> bool:
    """Give a person other areas. Takes effect on his next request. Returns whether anything changed."""
    lock(session)
    wanted = granted_areas(session, location_ids)
    staff = open_person(session, by, staff_id, Action.CHANGE_AREAS, version, areas=wanted)
    old = sorted(one.location_id for one in staff.areas)
    new = [area.id for area in rules.without_nested(wanted)]
    if old == new:
        return False
    before = {"areas": _named_areas(session, old)}
    kept = {one.location_id: one for one in staff.areas}
    staff.areas = [kept.get(one) or StaffArea(location_id=one) for one in new]
    staff.version += 1
    session.flush()
    after = {"areas": _named_areas(session, new)}
    note(session, by, "staff.areas", staff, before=before, after=after, reason=reason)
    return True

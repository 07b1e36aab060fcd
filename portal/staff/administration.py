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
from portal.staff.authority import By, check, granted_areas, lock, note, open_person
from portal.staff.models import Staff, StaffArea
from portal.staff.rules import Action
from portal.staff.tokens import TokenKind


@dataclass(frozen=True)
class Facts:
    """What is known about a person besides his standing; clean (see `portal.staff.contact`)."""

    full_name: str
    email: str | None = None
    mobile: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"full_name": self.full_name, "email": self.email, "mobile": self.mobile}


def create(session: Session, by: By, username: str, facts: Facts, role: Role, location_ids: Collection[int]) -> Staff:
    """A person without a password yet: an invitation follows. Raises the errors of `check` and ConflictError."""
    lock(session)
    username = contact.clean_username(username)
    granted = granted_areas(session, location_ids)
    check(session, by, Action.CREATE, role=role, areas=granted)
    if session.scalar(selects.by_username(username)) is not None:
        raise _taken_name(username)
    _check_email_is_free(session, facts.email, None)
    staff = Staff(
        username=username, password_hash="", role=str(role), full_name=facts.full_name, email=facts.email,
        mobile=facts.mobile, created_by=by.staff_id,
    )  # fmt: skip
    kept = rules.without_nested(granted)
    staff.areas = [StaffArea(location_id=area.id) for area in kept]
    try:
        with session.begin_nested():
            session.add(staff)
            session.flush()
    except IntegrityError as error:  # made on the command line at the same moment
        raise _taken_name(username) from error
    after = {"role": str(role), "areas": _named_areas(session, [area.id for area in kept]), **facts.as_json()}
    note(session, by, "staff.create", staff, after=after)
    return staff


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

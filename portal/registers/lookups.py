"""The lists of words that forms offer: add, rename, order, switch off. Flushes, never commits.

A word is only offered: what stands in a record stays as it is when the word is renamed or switched off.
"""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.errors import ConflictError, NotFoundError
from portal.imports.service import Actor
from portal.registers.fields import wrong_fields
from portal.registers.models import LOOKUP_KINDS, Lookup

LONGEST = 100


def save(
    session: Session, actor: Actor, kind: str, lookup_id: int | None, version: int | None, *, name: str, name_ur: str,
    position: str, is_active: bool,
) -> Lookup:  # fmt: skip
    """Add a word, or change one. Raises InvalidInputError, ConflictError (`stale`, `taken`), NotFoundError."""
    if kind not in LOOKUP_KINDS:
        raise NotFoundError(_("There is no such list."))
    name, name_ur = " ".join(name.split()), " ".join(name_ur.split())
    if not name or len(name) > LONGEST or len(name_ur) > LONGEST:
        raise wrong_fields({"name": _("Enter a name of at most %(number)s characters.", number=LONGEST)})
    if position and not (position.isascii() and position.isdecimal() and len(position) < 7):
        raise wrong_fields({"position": _("A whole number.")})
    found = Lookup(kind=kind, version=0) if lookup_id is None else find(session, kind, lookup_id)
    if lookup_id is not None and version != found.version:
        raise ConflictError(_("Somebody else has changed this record meanwhile. Nothing was changed."), code="stale")
    same = select(Lookup.id).where(Lookup.kind == kind, func.lower(Lookup.name) == name.lower())
    if session.scalars(same.where(Lookup.id != (lookup_id or 0))).first() is not None:
        raise ConflictError(_("The list has this word already."), code="taken", field="name")
    # By an Urdu name that two words share nobody could say which of them he means.
    same = select(Lookup.id).where(Lookup.kind == kind, Lookup.name_ur == name_ur, Lookup.id != (lookup_id or 0))
    if name_ur and session.scalars(same).first() is not None:
        raise ConflictError(_("Another word of the list has this Urdu name already."), code="taken", field="name_ur")
    before = None if lookup_id is None else {"name": found.name, "name_ur": found.name_ur, "is_active": found.is_active}
    found.name, found.name_ur, found.is_active = name, name_ur or None, is_active
    found.position = int(position) if position else 0 if lookup_id is None else found.position
    found.version += 1
    session.add(found)
    session.flush()
    record(
        session, "lookup.edit" if before else "lookup.create", "lookup", kind, actor=actor.name,
        staff_id=actor.staff_id, address=actor.address, before=before,
        after={"name": found.name, "name_ur": found.name_ur, "is_active": found.is_active},
    )  # fmt: skip
    return found


def find(session: Session, kind: str, lookup_id: int) -> Lookup:
    """A word of a list. Raises NotFoundError."""
    query = select(Lookup).where(Lookup.id == lookup_id, Lookup.kind == kind).with_for_update()
    found = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFoundError(_("There is no such word in this list."))
    lookup: Lookup = found
    return lookup

"""The tree of locations by hand: make, rename, move, give up, and the names files may use. Flushes, never commits.

Rows of the registers hang on places, and places on locations: when the tree changes, places are matched again and
their rows follow. What a location was called, and where it lay, stays known (`LocationName`): files go on using the
names they know, whenever they come.
"""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from portal.errors import ConflictError, InvalidInputError, NotFoundError
from portal.imports.service import Actor
from portal.locations.locks import lock_registers
from portal.locations.models import (
    ALIAS,
    MOVED,
    PROVINCE,
    RENAMED,
    UC_TYPES,
    UNION_COUNCIL,
    Location,
    LocationName,
    Place,
)
from portal.locations.names import match_key
from portal.locations.places import LINKED, OPEN
from portal.locations.service import rematch_places
from portal.registers.fields import wrong_fields
from portal.registers.hanging import references
from portal.registers.noting import clean_reason, note
from portal.registers.placing import BY_HAND, location_inside
from portal.registers.targets import KINDS_BELOW
from portal.units.words import UC_TYPES as UC_TYPE_WORDS

LONGEST_NAME = 200
FIELDS = ("name", "name_ur", "uc_type")


def create(
    session: Session, actor: Actor, parent_id: int, kind: str, name: str, name_ur: str = "", uc_type: str = ""
) -> Location:
    """A location below another one. Spellings that waited for it match. Raises NotFoundError, InvalidInputError,
    ConflictError (`taken`)."""
    lock_registers(session)
    parent = location_inside(session, parent_id, actor.scope)
    if kind not in KINDS_BELOW[parent.kind]:
        raise wrong_fields({"kind": _("Choose one of the entries.")})
    made = Location(
        parent_id=parent.id, kind=kind, name=_name(name), name_ur=_urdu(name_ur), uc_type=_uc_type(kind, uc_type),
        match_key=match_key(_name(name)),
    )  # fmt: skip
    _check_is_free(session, parent.id, made)
    session.add(made)
    session.flush()
    note(session, actor, "location.create", made, {"name": (None, made.name), "parent_id": (None, _named(parent))})
    rematch_places(session)
    return made


def edit(
    session: Session, actor: Actor, location_id: int, version: int | None, name: str, name_ur: str, uc_type: str,
    reason: str = "",
) -> bool:  # fmt: skip
    """Other names, another type. Files go on matching by the name before. Returns whether anything changed."""
    location = open_location(session, actor, location_id, version)
    wanted = {"name": _name(name), "name_ur": _urdu(name_ur), "uc_type": _uc_type(location.kind, uc_type)}
    changed = {field: (getattr(location, field), new) for field, new in wanted.items()}
    changed = {field: pair for field, pair in changed.items() if pair[0] != pair[1]}
    if not changed:
        return False
    before = location.name, location.match_key
    for field, value in wanted.items():
        setattr(location, field, value)
    location.match_key = match_key(location.name)
    if location.parent_id is not None:
        if {"name", "uc_type"} & changed.keys():
            _check_is_free(session, location.parent_id, location)
        if location.match_key != before[1]:
            remember(session, location.id, location.parent_id, *before, RENAMED)
    _hold(location, changed)
    session.flush()
    note(session, actor, "location.edit", location, changed, reason=reason)
    if {"name", "uc_type"} & changed.keys():
        rematch_places(session)
    return True


def move(
    session: Session, actor: Actor, location_id: int, version: int | None, parent_id: int, reason: str = ""
) -> bool:
    """Hang a location, with all below it, under another one. Both must be inside the actor's area. False: it lies there
    already, and nothing was changed."""
    location = open_location(session, actor, location_id, version)
    parent = location_inside(session, parent_id, actor.scope)
    if location.parent_id is None or location.kind not in KINDS_BELOW[parent.kind]:
        raise InvalidInputError(_("A location of this kind cannot lie there. Nothing was moved."))
    if location.parent_id == parent.id:
        return False
    old = session.get_one(Location, location.parent_id)
    _check_is_free(session, parent.id, location)
    remember(session, location.id, old.id, location.name, location.match_key, MOVED)
    location.parent_id = parent.id
    _hold(location, {"parent_id": None})
    session.flush()
    note(session, actor, "location.move", location, {"parent_id": (_named(old), _named(parent))}, reason=reason)
    rematch_places(session)
    return True


def close(session: Session, actor: Actor, location_id: int, version: int | None, reason: str) -> Location:
    """Give up a location on which nothing hangs. Raises ConflictError (`in_use`) when something does."""
    reason = clean_reason(reason)
    if not reason:
        raise wrong_fields({"reason": _("Say why. It stands in the history.")})
    location = open_location(session, actor, location_id, version)
    if location.kind == PROVINCE or session.scalar(_in_use(session, location.id)):
        raise ConflictError(
            _("Units, accounts, bills, places below it or people hang on it. Merge it into another one instead."),
            code="in_use",
        )
    session.execute(
        text("UPDATE places SET state = :open WHERE location_id = :id AND state = 'LINKED'"),
        {"open": OPEN, "id": location.id},
    )
    session.expire_all()
    location.deleted_at, location.delete_reason = func.now(), reason
    location.version += 1
    session.flush()
    note(session, actor, "location.close", location, {"closed": (False, True)}, reason=reason)
    rematch_places(session)
    return location


def restore(session: Session, actor: Actor, location_id: int, version: int | None) -> Location:
    """Take back a location that was given up; a merged one stays where it is."""
    location = open_location(session, actor, location_id, version, closed=True)
    if location.merged_into_id is not None or location.parent_id is None:
        raise ConflictError(_("It was merged into another location; that cannot be undone."), code="merged")
    if session.get_one(Location, location.parent_id).deleted_at is not None:
        raise ConflictError(_("What it lies in is given up. Restore that first."), code="closed")
    _check_is_free(session, location.parent_id, location)
    location.deleted_at, location.delete_reason = None, ""
    location.version += 1
    session.flush()
    note(session, actor, "location.restore", location, {"closed": (True, False)})
    rematch_places(session)
    return location


def release(session: Session, actor: Actor, location_id: int, version: int | None) -> bool:
    """Let area lists decide again over what a person has set."""
    location = open_location(session, actor, location_id, version)
    if not location.kept_by_hand:
        return False
    held = ", ".join(location.kept_by_hand)
    location.kept_by_hand = []
    location.version += 1
    session.flush()
    note(session, actor, "location.release", location, {"hold": (held, None)})
    return True


# -- Names ---------------------------------------------------------------------------------------------------------
def add_name(session: Session, actor: Actor, location_id: int, name: str) -> LocationName:
    """One more name by which files may call a location. Spellings that waited for it match."""
    location = open_location(session, actor, location_id, None)
    name = _name(name)
    key = match_key(name)
    if location.parent_id is None:
        raise InvalidInputError(_("The province has one name."))
    if key == location.match_key:
        raise wrong_fields({"alias": _("That is its own name.")})
    holder = session.scalars(
        select(Location).where(
            Location.parent_id == location.parent_id, Location.match_key == key, Location.deleted_at.is_(None)
        )
    ).first()
    if holder is None:
        holder = session.scalars(
            select(Location)
            .join(LocationName, LocationName.location_id == Location.id)
            .where(LocationName.parent_id == location.parent_id, LocationName.match_key == key)
        ).first()
    if holder is not None:
        raise ConflictError(_("That is a name of %(name)s already.", name=holder.name), code="taken", field="alias")
    made = remember(session, location.id, location.parent_id, name, key, ALIAS)
    assert made is not None
    note(session, actor, "location.name", location, {"alias": (None, name)})
    rematch_places(session)
    return made


def remove_name(session: Session, actor: Actor, name_id: int) -> Location:
    """Take such a name away; spellings that matched by it wait again."""
    lock_registers(session)
    found = session.get(LocationName, name_id)
    if found is None:
        raise NotFoundError(_("There is no such name; perhaps it was taken away meanwhile."))
    location = open_location(session, actor, found.location_id, None)
    note(session, actor, "location.name", location, {"alias": (found.name, None)})
    session.delete(found)
    session.flush()
    rematch_places(session)
    return location


def unlink(session: Session, actor: Actor, place_id: int) -> Location:
    """A spelling that a person has linked is matched by its name again; its rows follow."""
    lock_registers(session)
    place = session.get(Place, place_id, with_for_update=True)
    if place is None or place.state != LINKED or place.name_key.startswith(BY_HAND):
        raise NotFoundError(_("There is no such spelling; perhaps it was taken away meanwhile."))
    location = open_location(session, actor, place.location_id, None)
    note(session, actor, "location.spelling", location, {"spelling": (place.name, None)})
    place.state = OPEN
    session.flush()
    rematch_places(session)
    return location


# -- What they share -----------------------------------------------------------------------------------------------
def open_location(
    session: Session, actor: Actor, location_id: int, version: int | None, *, closed: bool = False
) -> Location:
    """The location to change, locked, inside the actor's area."""
    lock_registers(session)
    query = select(Location).where(Location.id == location_id, actor.scope.clause(Location.id))
    location = session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if location is None:
        raise NotFoundError(_("There is no such location in your area."))
    if version is not None and version != location.version:
        raise ConflictError(_("Somebody else has changed this record meanwhile. Nothing was changed."), code="stale")
    if (location.deleted_at is not None) != closed:
        raise ConflictError(_("It is given up.") if not closed else _("It is not given up."), code="closed")
    found: Location = location
    return found


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name or not match_key(name):
        raise wrong_fields({"name": _("Enter a name.")})
    if len(name) > LONGEST_NAME:
        raise wrong_fields({"name": _("At most %(number)s characters.", number=LONGEST_NAME)})
    return name


def _urdu(name: str) -> str | None:
    return " ".join(name.split())[:LONGEST_NAME] or None


def _uc_type(kind: str, uc_type: str) -> str | None:
    if kind != UNION_COUNCIL or not uc_type:
        return None
    if uc_type not in UC_TYPES:
        raise wrong_fields({"uc_type": _("Choose one of the entries.")})
    return uc_type


def _check_is_free(session: Session, parent_id: int, location: Location) -> None:
    """Two locations of one name and type in one place could not be told apart."""
    with session.no_autoflush:
        twin = session.scalars(
            select(Location).where(
                Location.parent_id == parent_id,
                Location.match_key == location.match_key,
                Location.kind == location.kind,
                Location.uc_type.is_not_distinct_from(location.uc_type),
                Location.deleted_at.is_(None),
                Location.id != (location.id or 0),
            )
        ).first()
    if twin is not None:
        said = f" ({UC_TYPE_WORDS[twin.uc_type]})" if twin.uc_type else ""
        name = twin.name + said
        sentence = _("There is a location of this name already: %(name)s. Merge the two instead.", name=name)
        raise ConflictError(sentence, code="taken", field="name")


def remember(
    session: Session, location_id: int, parent_id: int, name: str, key: str, source: str
) -> LocationName | None:
    """Keep a name (or position) that files may use; None when it is kept already."""
    where = {"location_id": location_id, "parent_id": parent_id, "match_key": key}
    if not key or session.scalars(select(LocationName).filter_by(**where)).first() is not None:
        return None
    made = LocationName(**where, name=name, source=source)
    session.add(made)
    session.flush()
    return made


def _hold(location: Location, fields: Any) -> None:
    location.kept_by_hand = sorted({*location.kept_by_hand, *(set(fields) - {"name_ur"})})
    location.version += 1
    location.updated_at = func.now()


def _named(location: Location) -> dict[str, Any]:
    return {"id": location.id, "name": location.name}


def _in_use(session: Session, location_id: int) -> Any:
    """Whether anything hangs on a location."""
    below = text("SELECT EXISTS (SELECT FROM locations WHERE parent_id = :id AND deleted_at IS NULL)")
    if session.execute(below, {"id": location_id}).scalar_one():
        return text("SELECT true")
    parts = [
        f'EXISTS (SELECT FROM {table} WHERE "{column}" = {int(location_id)})'
        for table, column in references(with_followers=True)
    ]
    return text("SELECT " + " OR ".join(parts))

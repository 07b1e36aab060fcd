"""Merging two locations: everything that hangs on one goes to the other, and files that name it mean the other.

The merged one stays as a row without anything on it (`merged_into_id`): the portal's area list still knows its id.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from flask_babel import gettext as _
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from portal.errors import ConflictError, InvalidInputError
from portal.imports.service import Actor
from portal.locations.models import MERGED, PROVINCE, Location, LocationName, Place
from portal.locations.service import rematch_places, rows_follow
from portal.registers.hanging import references
from portal.registers.noting import note
from portal.registers.placing import location_inside
from portal.registers.tree import open_location, remember


@dataclass(frozen=True)
class Effects:
    """What a merge takes along, counted before it is done. `below` are locations that lie in the merged one."""

    units: int
    accounts: int
    bills: int
    payments: int
    outstanding: int
    below: int
    people: int

    @property
    def promise(self) -> str:
        """Names what was shown: what is confirmed must be what was seen."""
        return "-".join(str(number) for number in asdict(self).values())


def effects(session: Session, location_id: int) -> Effects:
    """What hangs on a location and below it."""
    row = session.execute(
        text(
            """
            WITH inside AS (SELECT location_id FROM location_closure WHERE ancestor_id = :id)
            SELECT (SELECT count(*) FROM survey_units WHERE location_id IN (TABLE inside)) AS units,
                   (SELECT count(*) FROM accounts WHERE location_id IN (TABLE inside)) AS accounts,
                   (SELECT count(*) FROM bills WHERE location_id IN (TABLE inside)) AS bills,
                   (SELECT count(*) FROM payments WHERE location_id IN (TABLE inside)) AS payments,
                   (SELECT coalesce(sum(outstanding), 0) FROM account_balances WHERE location_id IN (TABLE inside))
                       AS outstanding,
                   (SELECT count(*) - 1 FROM inside JOIN locations l ON l.id = location_id
                    WHERE l.deleted_at IS NULL OR l.id = :id) AS below,
                   (SELECT count(*) FROM staff_areas WHERE location_id IN (TABLE inside)) AS people"""
        ),
        {"id": location_id},
    ).one()
    return Effects(*(int(value) for value in row))


def merge(
    session: Session, actor: Actor, location_id: int, version: int | None, into_id: int, reason: str,
    promise: str | None = None,
) -> Effects:  # fmt: skip
    """Merge a location into another of its kind, both inside the actor's area. It cannot be undone.

    `promise` is that of the effects shown. Raises InvalidInputError, NotFoundError, ConflictError (`changed`).
    """
    location = open_location(session, actor, location_id, version)
    into = location_inside(session, into_id, actor.scope)
    if location.kind == PROVINCE or location.kind != into.kind or location.id == into.id:
        raise InvalidInputError(_("Only two locations of one kind can be merged. Nothing was merged."))
    done = effects(session, location.id)
    if promise is not None and promise != done.promise:
        sentence = _("What hangs on it has changed since you looked. Look at the new figures.")
        raise ConflictError(sentence, code="changed")
    _merge(session, actor, location, into, reason)
    rematch_places(session)
    return done


def _merge(session: Session, actor: Actor, location: Location, into: Location, reason: str) -> None:
    parent_id = location.parent_id
    assert parent_id is not None
    _move_children(session, actor, location, into, reason)
    # What files called the merged one, and what they say lies in it.
    for name in session.scalars(select(LocationName).where(LocationName.location_id == location.id)).all():
        remember(session, into.id, name.parent_id, name.name, name.match_key, name.source)
        session.delete(name)
    for name in session.scalars(select(LocationName).where(LocationName.parent_id == location.id)).all():
        remember(session, name.location_id, into.id, name.name, name.match_key, name.source)
        session.delete(name)
    session.flush()
    if (parent_id, location.match_key) != (into.parent_id, into.match_key):
        remember(session, into.id, parent_id, location.name, location.match_key, MERGED)
    places = list(session.scalars(select(Place.id).where(Place.location_id == location.id)))
    session.execute(update(Place).where(Place.location_id == location.id).values(location_id=into.id))
    session.flush()
    rows_follow(session, dict.fromkeys(places, location.id))
    _move_references(session, location.id, into.id)
    session.execute(update(Location).where(Location.merged_into_id == location.id).values(merged_into_id=into.id))
    location.deleted_at, location.delete_reason, location.merged_into_id = func.now(), reason, into.id
    location.version += 1
    into.version += 1
    session.flush()
    pair = {"id": into.id, "name": into.name}
    note(session, actor, "location.merge", location, {"merged": (location.name, pair)}, reason=reason)
    note(session, actor, "location.merge", into, {"merged": (None, {"id": location.id, "name": location.name})},
         reason=reason, in_audit=False)  # fmt: skip


def _move_children(session: Session, actor: Actor, location: Location, into: Location, reason: str) -> None:
    """What lies in the merged one lies in the other; where that has one of the same name, the two are merged."""
    children = session.scalars(
        select(Location).where(Location.parent_id == location.id, Location.deleted_at.is_(None)).order_by(Location.id)
    ).all()
    for child in children:
        twin = session.scalars(
            select(Location).where(
                Location.parent_id == into.id,
                Location.kind == child.kind,
                Location.match_key == child.match_key,
                Location.uc_type.is_not_distinct_from(child.uc_type),
                Location.deleted_at.is_(None),
            )
        ).first()
        if twin is not None:
            _merge(session, actor, child, twin, reason)
        else:
            child.parent_id = into.id
            child.kept_by_hand = sorted({*child.kept_by_hand, "parent_id"})
            session.flush()


def _move_references(session: Session, old: int, new: int) -> None:
    """Whatever else hangs on the location, in every table that knows locations."""
    session.execute(
        text(
            "DELETE FROM staff_areas a WHERE a.location_id = :old AND EXISTS ("
            " SELECT FROM staff_areas o WHERE o.staff_id = a.staff_id AND o.location_id = :new)"
        ),
        {"old": old, "new": new},
    )
    for table, column in references():
        session.execute(text(f'UPDATE {table} SET "{column}" = :new WHERE "{column}" = :old'), {"old": old, "new": new})

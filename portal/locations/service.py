"""Use cases of the tree: resolving the places of the files, linking them by hand, letting rows follow."""

from __future__ import annotations

from collections import defaultdict

from flask_babel import gettext as _
from sqlalchemy import literal, select, text
from sqlalchemy.orm import Session

from portal.errors import ConflictError, NotFoundError
from portal.locations.models import (
    DISTRICT,
    DIVISION,
    PROVINCE,
    TEHSIL,
    UNION_COUNCIL,
    Location,
    LocationName,
    Place,
)
from portal.locations.places import LINKED, NONE, OPEN, Node, PlaceKey, Tree, resolve

# Tables whose rows hang on a place, and follow when it is matched. Derived tables follow by their own recompute.
FOLLOWERS = ("survey_units", "accounts", "bills", "payments")


def load_tree(session: Session) -> Tree:
    """The whole tree, indexed for matching (some 7,400 nodes for the province, about 30 ms).

    With the other names of its locations, and without those that are given up or merged into others.
    """
    node = (Location.kind, Location.uc_type, Location.portal_id)
    rows = session.execute(
        select(Location.id, Location.parent_id, Location.match_key, *node, literal(False))
        .where(Location.deleted_at.is_(None))
        .union_all(
            select(Location.id, LocationName.parent_id, LocationName.match_key, *node, literal(True))
            .join(LocationName, LocationName.location_id == Location.id)
            .where(Location.deleted_at.is_(None))
        )
    )
    return Tree.of(
        Node(row_id, parent_id, kind, key, uc_type, portal_id, is_other)
        for row_id, parent_id, key, kind, uc_type, portal_id, is_other in rows
    )


def key_of(place: Place) -> PlaceKey:
    return PlaceKey(place.division_key, place.district_key, place.tehsil_key, place.name_key, place.uc_type)


def rematch_places(session: Session) -> int:
    """Match again every place that no person has linked; the rows of those that moved follow.

    Called when the tree has changed. Returns the number of places that moved or changed their state.
    """
    tree = load_tree(session)
    left: dict[int, int] = {}
    changed = 0
    for place in session.scalars(select(Place).where(Place.state != LINKED)):
        found = resolve(tree, key_of(place))
        if (place.location_id, place.state, place.ambiguous) != (found.location_id, found.state, found.ambiguous):
            if place.location_id != found.location_id:
                left[place.id] = place.location_id
            place.location_id, place.state, place.ambiguous = found.location_id, found.state, found.ambiguous
            changed += 1
    session.flush()
    rows_follow(session, left)
    return changed


def rows_follow(session: Session, left: dict[int, int]) -> None:
    """Move the rows of these places to the places' locations, and what is derived from them.

    `left` gives for each place id the location its rows still hang on: they are found by it, which has an index.
    """
    if not left:
        return
    parameters = {"ids": list(left), "left": sorted(set(left.values()))}
    for table in FOLLOWERS:
        session.execute(
            text(
                f"UPDATE {table} r SET location_id = p.location_id FROM places p"
                " WHERE r.location_id = ANY(:left) AND p.id = r.place_id AND p.id = ANY(:ids)"
                " AND r.location_id <> p.location_id"
            ),
            parameters,
        )
    # The registers have moved by now: what is derived is found through them.
    session.execute(
        text(
            "UPDATE account_balances b SET location_id = a.location_id FROM accounts a, places p"
            " WHERE p.id = ANY(:ids) AND a.location_id = p.location_id AND a.place_id = p.id"
            " AND b.account_id = a.id AND b.location_id <> a.location_id"
        ),
        {"ids": parameters["ids"]},
    )
    for table in ("unit_states", "unit_cycles"):
        session.execute(
            text(
                f"UPDATE {table} s SET location_id = u.location_id FROM survey_units u, places p"
                " WHERE p.id = ANY(:ids) AND u.location_id = p.location_id AND u.place_id = p.id"
                " AND s.unit_id = u.id AND s.location_id <> u.location_id"
            ),
            {"ids": parameters["ids"]},
        )
    # What happened at a unit while its place was unknown happened there, too.
    session.execute(
        text(
            "UPDATE compliance_visits v SET location_id = u.location_id FROM survey_units u"
            " WHERE v.location_id = ANY(:left) AND u.id = v.unit_id AND u.place_id = ANY(:ids)"
            " AND v.location_id <> u.location_id"
        ),
        parameters,
    )


def assign_divisions(session: Session) -> None:
    """Hang each district under the division that the files name for it.

    A division is made when a file names it for a known district. Where files disagree, the alphabetically first
    folded name takes it, whatever came first; the import says so (DISTRICT_IN_TWO_DIVISIONS).
    """
    named: dict[str, dict[str, str]] = defaultdict(dict)
    for place in session.scalars(select(Place).where(Place.division_key != "", Place.district_key != "")):
        spellings = named[place.district_key]
        spellings[place.division_key] = min(spellings.get(place.division_key, place.division), place.division)
    root = session.scalars(select(Location).where(Location.kind == PROVINCE)).one()
    known = select(Location).where(Location.deleted_at.is_(None)).order_by(Location.id)
    divisions = {d.match_key: d for d in session.scalars(known.where(Location.kind == DIVISION))}
    for district in session.scalars(known.where(Location.kind == DISTRICT)).all():
        if "parent_id" in district.kept_by_hand:
            continue
        spellings = named.get(district.match_key, {})
        if not spellings:
            continue
        key = min(spellings)
        if key not in divisions:
            divisions[key] = Location(parent_id=root.id, kind=DIVISION, name=spellings[key].strip(), match_key=key)
            session.add(divisions[key])
            session.flush()
        elif spellings[key].strip() < divisions[key].name and "name" not in divisions[key].kept_by_hand:
            divisions[key].name = spellings[key].strip()
        if district.parent_id != divisions[key].id:
            district.parent_id = divisions[key].id
    session.flush()


def open_place(session: Session, place_id: int) -> Place:
    """The place, which must wait to be matched. Raises NotFoundError, ConflictError."""
    place = session.get(Place, place_id, with_for_update=True)
    if place is None:
        raise NotFoundError(_("There is no such place."))
    if place.state != OPEN:
        raise ConflictError(_("This place has been matched meanwhile. Nothing was changed."))
    return place


def link_place(session: Session, place_id: int, location_id: int) -> Place:
    """Take a spelling as a name of a location, for good. Its rows follow.

    Raises NotFoundError, ConflictError (matched meanwhile).
    """
    place = open_place(session, place_id)
    target = session.get(Location, location_id)
    if target is None or target.deleted_at is not None:
        raise NotFoundError(_("There is no such location."))
    left = place.location_id
    place.location_id, place.state, place.ambiguous = location_id, LINKED, False
    session.flush()
    rows_follow(session, {place.id: left})
    return place


def create_location_for(session: Session, place_id: int) -> Location:
    """Make the location a place names, with the ancestors that are missing, and let the rows follow.

    Other places that spell it the same way match it by themselves. Raises NotFoundError, ConflictError.
    """
    place = open_place(session, place_id)
    node = session.scalars(select(Location).where(Location.kind == PROVINCE)).one()
    steps = [
        (DISTRICT, place.district_key, place.district),
        (TEHSIL, place.tehsil_key, place.tehsil),
        (UNION_COUNCIL, place.name_key, place.name),
    ]
    for kind, key, name in steps:
        if not key:
            continue
        query = select(Location).where(Location.kind == kind, Location.match_key == key, Location.deleted_at.is_(None))
        if kind != DISTRICT:
            query = query.where(Location.parent_id == node.id)
        found = session.scalars(query.order_by(Location.id)).first()
        if found is None:
            found = Location(parent_id=node.id, kind=kind, name=name.strip(), match_key=key)
            if kind == UNION_COUNCIL and place.uc_type:
                found.uc_type = place.uc_type
            session.add(found)
            session.flush()
        node = found
    assign_divisions(session)
    rematch_places(session)
    return node


def path_of(session: Session, location_id: int) -> str:
    """`Punjab/Division/District/Tehsil/Name` of a location."""
    names = session.scalars(
        text(
            "SELECT l.name FROM location_closure c JOIN locations l ON l.id = c.ancestor_id"
            " WHERE c.location_id = :id ORDER BY c.depth DESC"
        ),
        {"id": location_id},
    ).all()
    return "/".join(names)


__all__ = [
    "NONE",
    "assign_divisions",
    "create_location_for",
    "link_place",
    "load_tree",
    "path_of",
    "rematch_places",
    "rows_follow",
]

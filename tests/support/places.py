"""A small tree of places for tests of people and areas."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.db import transaction
from portal.locations.models import DISTRICT, DIVISION, PROVINCE, TEHSIL, UNION_COUNCIL, Location
from portal.locations.names import match_key


def add_place(
    session: Session, name: str, kind: str, parent: Location | None = None, name_ur: str | None = None
) -> Location:
    """One node; the closure follows by trigger."""
    place = Location(
        name=name, kind=kind, parent_id=parent.id if parent else None, match_key=match_key(name), name_ur=name_ur
    )
    session.add(place)
    session.flush()
    return place


def small_tree(app: Flask) -> dict[str, int]:
    """Ids by short name: a division, a district and a tehsil of one name, two union councils of another."""
    with app.app_context(), transaction() as session:
        punjab = session.scalars(select(Location).where(Location.kind == PROVINCE)).one()
        punjab.name_ur = "پنجاب"
        sargodha = add_place(session, "Sargodha", DIVISION, punjab)
        sargodha_district = add_place(session, "Sargodha", DISTRICT, sargodha)
        sargodha_tehsil = add_place(session, "Sargodha", TEHSIL, sargodha_district)
        khushab = add_place(session, "Khushab", DISTRICT, sargodha)
        bhakkar = add_place(session, "Bhakkar", DISTRICT, sargodha)
        khushab_tehsil = add_place(session, "Khushab", TEHSIL, khushab)
        noorpur = add_place(session, "Noorpur Thal", TEHSIL, khushab)
        bhakkar_tehsil = add_place(session, "Bhakkar", TEHSIL, bhakkar)
        zone = add_place(session, "Zone-02/Jauharabad/Ward-20/Block No 1", UNION_COUNCIL, khushab_tehsil)
        mc_9 = add_place(session, "MC-9 Clocktower", UNION_COUNCIL, khushab_tehsil)
        other_mc_9 = add_place(session, "MC-9 Clocktower", UNION_COUNCIL, bhakkar_tehsil)
        return {
            "punjab": punjab.id,
            "sargodha/sargodha": sargodha_tehsil.id,
            "sargodha district": sargodha_district.id,
            "khushab": khushab.id,
            "khushab/khushab": khushab_tehsil.id,
            "noorpur": noorpur.id,
            "bhakkar": bhakkar.id,
            "bhakkar/bhakkar": bhakkar_tehsil.id,
            "zone": zone.id,
            "mc-9": mc_9.id,
            "other mc-9": other_mc_9.id,
        }

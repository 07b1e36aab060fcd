"""Where a person puts a record: the place that stands for a location itself, whatever files call it.

Rows of the registers hang on a place, and the place on a location. What a person has put somewhere must stay there when
the tree learns new names, so it hangs on a place of its own, one for each location, that no file can spell.
"""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.errors import InvalidInputError, NotFoundError
from portal.locations import selects
from portal.locations.models import Location, Place
from portal.locations.places import LINKED
from portal.permissions import AreaScope
from portal.registers.fields import LOCATION

BIGGEST_ID = 2**31 - 1
# No folded name begins with it.
BY_HAND = "#"


def location_inside(session: Session, location_id: int, scope: AreaScope) -> Location:
    """A location inside the area that records may hang on. Raises NotFoundError, InvalidInputError (given up)."""
    found = None
    if 0 < location_id <= BIGGEST_ID:
        found = session.scalars(selects.inside(location_id, scope)).one_or_none()
    if found is None:
        raise NotFoundError(_l("This area does not exist, or is not one of yours."), field=LOCATION)
    if found.deleted_at is not None:
        sentence = _l("The area %(name)s is given up. Choose another one.", name=found.name)
        raise InvalidInputError(sentence, field=LOCATION, fields={LOCATION: str(sentence)})
    location: Location = found
    return location


def place_for(session: Session, location: Location) -> Place:
    """The place of a location for what people put there."""
    key = f"{BY_HAND}{location.id}"
    whole = {"division_key": "", "district_key": "", "tehsil_key": "", "name_key": key, "uc_type": ""}
    found = session.scalars(select(Place).filter_by(**whole)).one_or_none()
    if found is None:
        found = Place(name_key=key, name=location.name, location_id=location.id, state=LINKED)
        session.add(found)
        session.flush()
    place: Place = found
    return place

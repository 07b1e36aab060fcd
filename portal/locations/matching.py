"""Places to match: what a spelling may stand for, and how many rows follow when it is matched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.errors import InvalidInputError, NotFoundError
from portal.locations import selects
from portal.locations.locks import lock_registers
from portal.locations.models import DISTRICT, TEHSIL, UNION_COUNCIL, Location, Place
from portal.locations.service import create_location_for, link_place
from portal.permissions import AreaScope

SUGGESTIONS = 5
CLOSE_ENOUGH = 0.55
SAME_NUMBER, OTHER_NUMBER = 0.1, 0.2
# What a list counts; the bills of an account follow it.
LISTED_TABLES = ("survey_units", "accounts", "payments")
ALL_TABLES = ("survey_units", "accounts", "bills", "payments")
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True)
class Candidate:
    """A location a spelling may stand for; `score` is 0 to 1, `path` names it from the district down."""

    id: int
    path: str
    score: float = 0.0


def closeness(spelled: str, known: str) -> float:
    """How much alike two folded names are, 0 to 1. The number of a union council counts for more than its letters."""
    if not spelled or not known:
        return 0.0
    ratio = SequenceMatcher(None, spelled, known, autojunk=False).ratio()
    mine, theirs = _NUMBERS.findall(spelled), _NUMBERS.findall(known)
    if mine and theirs:
        ratio += SAME_NUMBER if mine[0].lstrip("0") == theirs[0].lstrip("0") else -OTHER_NUMBER
    return max(0.0, min(1.0, ratio))


def closest(place: Place, nodes: Iterable[tuple[int, str, str, str]]) -> list[tuple[int, float]]:
    """(id, score) of the nodes (id, kind, folded name, name) most like the place, the best first."""
    spelled = {UNION_COUNCIL: place.name_key, TEHSIL: place.tehsil_key, DISTRICT: place.district_key}
    scored = [(node_id, closeness(spelled.get(kind, ""), key)) for node_id, kind, key, _name in nodes]
    best = sorted((pair for pair in scored if pair[1] >= CLOSE_ENOUGH), key=lambda pair: (-pair[1], pair[0]))
    return best[:SUGGESTIONS]


def suggestions(session: Session, place: Place, scope: AreaScope) -> list[Candidate]:
    """The closest names below the node the place's rows hang on."""
    nodes = session.execute(selects.nodes_below(place.location_id, scope)).all()
    best = closest(place, nodes)
    paths = paths_of(session, [node_id for node_id, _score in best])
    return [Candidate(node_id, paths[node_id], score) for node_id, score in best]


def search(session: Session, words: str, scope: AreaScope) -> list[Candidate]:
    """Locations whose name holds the words, anywhere in the area."""
    if not words.strip():
        return []
    ids = list(session.scalars(selects.nodes_named(words, scope)))
    paths = paths_of(session, ids)
    return [Candidate(node_id, paths[node_id]) for node_id in ids]


def paths_of(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """Names from the district down, by id."""
    return dict(session.execute(selects.path_names(ids)).all()) if ids else {}


def waiting(
    session: Session, places: Sequence[Place], tables: Sequence[str] = LISTED_TABLES
) -> dict[int, dict[str, int]]:
    """How many rows of each table hang on each place (and on those spelled alike).

    Found by location, which every table has an index on.
    """
    counts: dict[int, dict[str, int]] = {place.id: dict.fromkeys(tables, 0) for place in places}
    listed_as = {row[1]: row[0] for row in session.execute(selects.same_spelling(list(counts)))} if places else {}
    parameters = {"ids": list(listed_as), "locations": sorted({place.location_id for place in places})}
    for table in tables if places else ():
        rows = session.execute(
            text(
                f"SELECT place_id, count(*) FROM {table}"
                " WHERE location_id = ANY(:locations) AND place_id = ANY(:ids) GROUP BY 1"
            ),
            parameters,
        )
        for place_id, number in rows:
            counts[listed_as[place_id]][table] += number
    return counts


def find_open(session: Session, place_id: int, scope: AreaScope) -> tuple[Place, Location]:
    """The place, waiting and inside the area. Raises NotFoundError."""
    row = session.execute(selects.open_places(scope).where(Place.id == place_id)).first()
    if row is None:
        raise NotFoundError(_("There is no such place to match; perhaps it has been matched meanwhile."))
    return row[0], row[1]


def may_create(place: Place) -> bool:
    """Whether the file says enough to make the location: a bare city does not tell its district."""
    return bool(place.district_key and (place.tehsil_key or place.name_key))


def link(session: Session, place_id: int, location_id: int, scope: AreaScope) -> Place:
    """Take the spelling as a name of a location, both inside the area. Its rows follow.

    Raises NotFoundError, ConflictError (matched meanwhile, or a file is being imported).
    """
    lock_registers(session)
    if session.scalar(selects.inside(location_id, scope)) is None:
        raise NotFoundError(_("There is no such location in your area."))
    _must_be_inside(session, place_id, scope)
    alike = sorted({row[1] for row in session.execute(selects.same_spelling([place_id]))} - {place_id})
    place = link_place(session, place_id, location_id)
    for other in alike:
        link_place(session, other, location_id)
    return place


def create(session: Session, place_id: int, scope: AreaScope) -> Location:
    """Make the location the place names, below the node its rows hang on. Raises as `link`, InvalidInputError."""
    lock_registers(session)
    place = _must_be_inside(session, place_id, scope)
    if not may_create(place):
        raise InvalidInputError(
            _("The file names a city only, not its district and tehsil. Link the place to a location instead.")
        )
    return create_location_for(session, place_id)


def _must_be_inside(session: Session, place_id: int, scope: AreaScope) -> Place:
    """The place whatever its state (a matched one is a conflict, told further down)."""
    place = session.get(Place, place_id)
    if place is None or session.scalar(selects.inside(place.location_id, scope)) is None:
        raise NotFoundError(_("There is no such place."))
    return place

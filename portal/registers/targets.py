"""Where a location may go: what it can be moved under, or merged into. Pure; the forms offer this and no more, and the
services refuse the rest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from flask_babel import gettext as _

from portal.locations.models import DISTRICT, DIVISION, KINDS, MOHALLA, PROVINCE, TEHSIL, UNION_COUNCIL, Location

MOVE, MERGE = "move", "merge"
# What may lie in what, the usual kind first.
KINDS_BELOW: dict[str, tuple[str, ...]] = {
    PROVINCE: (DIVISION, DISTRICT),
    DIVISION: (DISTRICT,),
    DISTRICT: (TEHSIL,),
    TEHSIL: (UNION_COUNCIL,),
    UNION_COUNCIL: (MOHALLA,),
    MOHALLA: (),
}


@dataclass(frozen=True)
class Targets:
    """The locations that can be chosen for one: of these kinds, not itself nor in it, not where it lies already."""

    action: str
    kinds: frozenset[str]
    itself: int
    lies_in: int | None

    def allow(self, kind: str, path: Collection[int], location_id: int) -> bool:
        """Whether the location with this path (ids down to it) can be chosen."""
        is_there = self.action == MOVE and location_id == self.lies_in
        return kind in self.kinds and self.itself not in path and not is_there

    def lie_below(self, kind: str, path: Collection[int]) -> bool:
        """Whether something that can be chosen may lie below it, so that it is worth opening."""
        deepest = max((KINDS.index(one) for one in self.kinds), default=0)
        return KINDS.index(kind) < deepest and self.itself not in path

    def refusal(self, kind: str, path: Collection[int], location_id: int) -> str:
        """Why a location cannot be chosen, '' when it can."""
        if self.allow(kind, path, location_id):
            return ""
        if self.action == MERGE:
            return str(_("Only two locations of one kind can be merged."))
        if location_id == self.lies_in:
            return str(_("It lies there already."))
        return str(_("A location of this kind cannot lie there."))


def targets(location: Location, action: str) -> Targets:
    """What can be chosen to move a location under, or to merge it into."""
    if action == MERGE:
        kinds = {location.kind} - {PROVINCE}
    else:
        kinds = {kind for kind, below in KINDS_BELOW.items() if location.kind in below}
    return Targets(action, frozenset(kinds), location.id, location.parent_id)

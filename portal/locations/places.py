"""Which location a place in a file stands for: pure matching of folded names against the tree.

A file names a place by district, tehsil and union council, each spelled in its own way; names are compared
folded (`portal.locations.names.match_key`). A place that is not found hangs on the deepest ancestor that is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

MATCHED, LINKED, OPEN, NONE = "MATCHED", "LINKED", "OPEN", "NONE"


@dataclass(frozen=True)
class Node:
    """What matching needs of a location. `portal_id` is the portal's area id, None for nodes made by hand.

    `is_other`: not the location as it is now but one more name or position that files may use for it (LocationName).
    """

    id: int
    parent_id: int | None
    kind: str
    match_key: str
    uc_type: str | None
    portal_id: str | None
    is_other: bool = False


@dataclass(frozen=True)
class PlaceKey:
    """A place as folded names; '' where the file says nothing. Without a district the tehsil is a city's name."""

    division_key: str
    district_key: str
    tehsil_key: str
    name_key: str
    uc_type: str


@dataclass(frozen=True)
class Resolution:
    """Where a place's rows go. `ambiguous`: several locations had that name and type, the lowest area id took it."""

    location_id: int
    state: str
    ambiguous: bool = False


@dataclass
class Tree:
    """The location tree indexed for matching."""

    root_id: int
    districts: dict[str, list[Node]] = field(default_factory=lambda: defaultdict(list))
    tehsils: dict[int, dict[str, list[Node]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    tehsils_by_key: dict[str, list[Node]] = field(default_factory=lambda: defaultdict(list))
    councils: dict[int, dict[str, list[Node]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> Tree:
        """Index the nodes. Raises ValueError when there is no province."""
        nodes = list(nodes)
        roots = [node.id for node in nodes if node.parent_id is None and not node.is_other]
        if not roots:
            raise ValueError("the location tree has no root")
        tree = cls(root_id=roots[0])
        for node in nodes:
            if node.kind == "DISTRICT":
                tree.districts[node.match_key].append(node)
            elif node.kind == "TEHSIL" and node.parent_id is not None:
                tree.tehsils[node.parent_id][node.match_key].append(node)
                tree.tehsils_by_key[node.match_key].append(node)
            elif node.kind == "UNION_COUNCIL" and node.parent_id is not None:
                tree.councils[node.parent_id][node.match_key].append(node)
        return tree


def _order(node: Node) -> tuple[bool, int, int, str, int]:
    """Lowest area id first; nodes made by hand after those of the portal, and other names after all of them."""
    text = node.portal_id or ""
    return (node.is_other, 0 if text else 1, len(text), text, node.id)


def _really(nodes: list[Node]) -> list[Node]:
    """Those that bear the name now; else those that files may mean by it, each once."""
    named = [node for node in nodes if not node.is_other]
    return named or list({node.id: node for node in nodes}.values())


def _union_council(tree: Tree, tehsil: Node, place: PlaceKey) -> Resolution | None:
    candidates = _really(tree.councils[tehsil.id].get(place.name_key, []))
    if len(candidates) > 1 and place.uc_type:
        candidates = [node for node in candidates if node.uc_type == place.uc_type] or candidates
    if not candidates:
        return None
    return Resolution(min(candidates, key=_order).id, MATCHED, ambiguous=len(candidates) > 1)


def _city(tree: Tree, place: PlaceKey) -> list[Node]:
    """The tehsils a bare city may mean: those of that name, else those of the district of that name."""
    named = _really(tree.tehsils_by_key.get(place.tehsil_key, []))
    if named:
        return named
    return [
        tehsil
        for district in tree.districts.get(place.tehsil_key, [])
        for tehsils in tree.tehsils[district.id].values()
        for tehsil in tehsils
    ]


def _resolve_city(tree: Tree, place: PlaceKey) -> Resolution:
    tehsils = _city(tree, place)
    if len(tehsils) == 1:
        return _resolve_in_tehsil(tree, tehsils[0], place)
    found = [hit for tehsil in tehsils if place.name_key and (hit := _union_council(tree, tehsil, place))]
    if len(found) == 1:
        return found[0]
    districts = {tehsil.parent_id for tehsil in tehsils}
    if len(districts) == 1 and (district_id := districts.pop()) is not None:
        return Resolution(district_id, OPEN)
    return Resolution(tree.root_id, OPEN)


def _resolve_in_tehsil(tree: Tree, tehsil: Node, place: PlaceKey) -> Resolution:
    if not place.name_key:
        return Resolution(tehsil.id, NONE)
    return _union_council(tree, tehsil, place) or Resolution(tehsil.id, OPEN)


def resolve(tree: Tree, place: PlaceKey) -> Resolution:
    """Where the rows of this place go. Depends on the tree and the names only, never on what came first."""
    if not place.district_key:
        return _resolve_city(tree, place)
    districts = tree.districts.get(place.district_key, [])
    if not districts:
        return Resolution(tree.root_id, OPEN)
    district = min(districts, key=_order)
    tehsils = tree.tehsils[district.id].get(place.tehsil_key, [])
    if not tehsils:
        return Resolution(district.id, OPEN)
    return _resolve_in_tehsil(tree, min(tehsils, key=_order), place)

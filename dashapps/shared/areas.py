"""The area a dashboard shows: its place in the tree, and the parts it breaks up into."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import get_locale
from sqlalchemy import Connection, select
from sqlalchemy.orm import aliased

from dashapps.shared.i18n import gettext as _
from portal.errors import NotFoundError
from portal.locations.models import DISTRICT, DIVISION, MOHALLA, TEHSIL, UNION_COUNCIL, Location, LocationClosure
from portal.permissions import AreaScope
from portal.rollups.selects import Parts


@dataclass(frozen=True)
class Node:
    """A place; `is_open` when the reader may look at it (it lies in his scope)."""

    id: int
    name: str
    kind: str
    is_open: bool


@dataclass(frozen=True)
class Area:
    """`path` from the root down to the shown node, empty when several areas are shown together.

    `tops` are the areas granted to the reader. `parts_kind` is the kind of the parts, None when mixed or none.
    """

    path: tuple[Node, ...]
    tops: tuple[Node, ...]
    parts: Parts
    part_names: dict[int, str]
    parts_kind: str | None

    @property
    def node(self) -> Node | None:
        return self.path[-1] if self.path else None

    @property
    def name(self) -> str:
        return self.node.name if self.node else ", ".join(top.name for top in self.tops)

    def name_of_part(self, part_id: int | None) -> str:
        """The name of a part, or how to call what hangs directly on the area."""
        if part_id is None:
            return _("Directly in %(area)s", area=self.name) if self.part_names else self.name
        return self.part_names[part_id]

    @property
    def parts_title(self) -> str:
        """Heading of the list of parts."""
        titles = {
            DIVISION: _("Divisions"),
            DISTRICT: _("Districts"),
            TEHSIL: _("Tehsils"),
            UNION_COUNCIL: _("Union councils"),
            MOHALLA: _("Mohallas"),
        }
        return titles.get(self.parts_kind or "", _("Areas"))


def _in_language(name: str, name_ur: str | None) -> str:
    locale = get_locale()
    return name_ur if name_ur and locale is not None and locale.language == "ur" else name


def _paths(connection: Connection, nodes: tuple[int, ...], scope: AreaScope) -> dict[int, tuple[Node, ...]]:
    """The way from the root to each node."""
    if not nodes:
        return {}
    statement = (
        select(
            LocationClosure.location_id.label("of"),
            Location.id,
            Location.name,
            Location.name_ur,
            Location.kind,
            scope.clause(Location.id).label("is_open"),
        )
        .join(Location, Location.id == LocationClosure.ancestor_id)
        .where(LocationClosure.location_id.in_(nodes))
        .order_by(LocationClosure.location_id, LocationClosure.depth.desc())
    )
    found: dict[int, tuple[Node, ...]] = {}
    for row in connection.execute(statement):
        node = Node(row.id, _in_language(row.name, row.name_ur), row.kind, bool(row.is_open))
        found[row.of] = (*found.get(row.of, ()), node)
    return found


def _root_id(connection: Connection) -> int:
    return int(connection.execute(select(Location.id).where(Location.parent_id.is_(None))).scalar_one())


def find_area(connection: Connection, area_id: int | None, scope: AreaScope) -> Area:
    """The chosen area, or all of the scope. Raises NotFoundError when the area lies outside or does not exist."""
    if area_id is None:
        granted = (_root_id(connection),) if scope.is_everywhere else scope.location_ids
    else:
        granted = (area_id,)
    paths = _paths(connection, granted, scope)
    if area_id is not None and (area_id not in paths or not paths[area_id][-1].is_open):
        raise NotFoundError(_("There is no such area among yours."))
    tops = tuple(
        sorted(
            (path[-1] for path in paths.values() if not any(node.id in paths for node in path[:-1])),
            key=lambda node: node.name,
        )
    )
    if len(tops) == 1:
        return _with_children(connection, paths[tops[0].id], tops)
    kinds = {top.kind for top in tops}
    return Area(
        path=(),
        tops=tops,
        parts=Parts(nodes=tuple(top.id for top in tops)),
        part_names={top.id: top.name for top in tops},
        parts_kind=kinds.pop() if len(kinds) == 1 else None,
    )


def _with_children(connection: Connection, path: tuple[Node, ...], tops: tuple[Node, ...]) -> Area:
    child = aliased(Location)
    rows = connection.execute(
        select(child.id, child.name, child.name_ur, child.kind).where(child.parent_id == path[-1].id)
    ).all()
    kinds = {row.kind for row in rows}
    return Area(
        path=path,
        tops=tops,
        parts=Parts(parent=path[-1].id),
        part_names={row.id: _in_language(row.name, row.name_ur) for row in rows},
        parts_kind=kinds.pop() if len(kinds) == 1 else None,
    )

"""The area a dashboard shows: its place in the tree, and the parts it breaks up into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import get_locale
from sqlalchemy import Connection, case, func, select
from sqlalchemy.orm import aliased

from dashapps.shared.i18n import gettext as _
from portal.errors import NotFoundError
from portal.locations.models import DISTRICT, DIVISION, MOHALLA, TEHSIL, UNION_COUNCIL, Location, LocationClosure
from portal.permissions import AreaScope
from portal.rollups.models import RollupAccounts
from portal.rollups.selects import Parts, Where


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

    `tops` are the areas shown. `parts_kind` is the kind of the parts, None when mixed or none.
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


def _paths(connection: Connection, nodes: Any, scope: AreaScope) -> dict[int, tuple[Node, ...]]:
    """The way from the root to each node. `nodes`: ids, or a subquery that gives them."""
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


def find_area(connection: Connection, area_id: int | None, scope: AreaScope) -> Area:
    """The chosen area, or all of the scope. Raises NotFoundError when the area lies outside or does not exist.

    Two queries.
    """
    granted: Any = scope.location_ids
    if area_id is not None:
        granted = (area_id,)
    elif scope.is_everywhere:
        granted = select(Location.id).where(Location.parent_id.is_(None))
    paths = _paths(connection, granted, scope)
    if area_id is not None and (area_id not in paths or not paths[area_id][-1].is_open):
        raise NotFoundError(_("There is no such area among yours."))
    outermost = [path[-1] for path in paths.values() if not any(node.id in paths for node in path[:-1])]
    tops = tuple(sorted(outermost, key=lambda node: node.name))
    if len(tops) == 1:
        return _broken_up(connection, paths[tops[0].id], tops, scope)
    kinds = {top.kind for top in tops}
    return Area(
        path=(),
        tops=tops,
        parts=Parts(nodes=tuple(top.id for top in tops)),
        part_names={top.id: top.name for top in tops},
        parts_kind=kinds.pop() if len(kinds) == 1 else None,
    )


def _fork(node_id: int, scope: AreaScope) -> Any:
    """The deepest place, from the node down, that has all the node's accounts below it and areas of its own.

    A province of which one tehsil is in use breaks up into the union councils of that tehsil, not into one division.
    """
    where = Where(scope, (node_id,))
    used = select(RollupAccounts.location_id).where(where.area(RollupAccounts.location_id)).distinct().cte("used")
    child = aliased(Location)
    return (
        select(LocationClosure.ancestor_id)
        .join(used, used.c.location_id == LocationClosure.location_id)
        .where(
            select(child.id).where(child.parent_id == LocationClosure.ancestor_id, child.deleted_at.is_(None)).exists()
        )
        .group_by(LocationClosure.ancestor_id)
        .having(func.count() == select(func.count()).select_from(used).scalar_subquery())
        .order_by(func.max(LocationClosure.depth))
        .limit(1)
        .scalar_subquery()
    )


def _broken_up(connection: Connection, path: tuple[Node, ...], tops: tuple[Node, ...], scope: AreaScope) -> Area:
    node_id = path[-1].id
    inside = select(LocationClosure.location_id).where(LocationClosure.ancestor_id == node_id)
    fork = _fork(node_id, scope)
    # A fork above the node (all its accounts hang on the node itself, which has no areas) is none.
    parent = case((fork.in_(inside), fork), else_=node_id)
    child = aliased(Location)
    rows = connection.execute(
        select(child.id, child.parent_id, child.name, child.name_ur, child.kind).where(
            child.parent_id == parent, child.deleted_at.is_(None)
        )
    ).all()
    kinds = {row.kind for row in rows}
    return Area(
        path=path,
        tops=tops,
        parts=Parts(parent=rows[0].parent_id if rows else node_id),
        part_names={row.id: _in_language(row.name, row.name_ur) for row in rows},
        parts_kind=kinds.pop() if len(kinds) == 1 else None,
    )

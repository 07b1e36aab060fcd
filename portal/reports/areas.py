"""Names of the areas above a row, and the area a filter names."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Connection, func, select

from portal.errors import NotFoundError
from portal.locations.models import PROVINCE, TEHSIL, UNION_COUNCIL, Location, LocationClosure
from portal.permissions import AreaScope
from portal.reports.filters import Area


def names_above(location_column: Any) -> Any:
    """A lateral subquery (tehsil, union_council) for the row's location; PostgreSQL computes it once a location."""
    node = Location.__table__.alias("node")
    above = LocationClosure.__table__.alias("above")
    return (
        select(
            func.max(node.c.name).filter(node.c.kind == TEHSIL).label("tehsil"),
            func.max(node.c.name).filter(node.c.kind == UNION_COUNCIL).label("union_council"),
        )
        .select_from(above.join(node, node.c.id == above.c.ancestor_id))
        .where(above.c.location_id == location_column)
        .correlate(location_column.table)
        .lateral("area_names")
    )


def load_area(connection: Connection, area_id: int, scope: AreaScope) -> Area:
    """The area with its path below the province. Raises NotFoundError when it is unknown or outside the scope."""
    own = connection.execute(
        select(Location.name, Location.kind).where(Location.id == area_id, scope.clause(Location.id))
    ).one_or_none()
    if own is None:
        raise NotFoundError(_("There is no such area, or it is outside yours."))
    path = connection.execute(
        select(Location.id, Location.name)
        .join(LocationClosure, LocationClosure.ancestor_id == Location.id)
        .where(LocationClosure.location_id == area_id, Location.kind != PROVINCE)
        .order_by(LocationClosure.depth.desc())
    )
    return Area(area_id, own.name, own.kind, tuple((row.id, row.name.strip()) for row in path))

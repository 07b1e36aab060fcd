"""What hangs on a location, out of the models themselves: a table that is added later cannot be forgotten."""

from __future__ import annotations

from portal.extensions import Base
from portal.locations.service import FOLLOWERS

# References to locations that are not moved: the tree itself, its names, what is only told of the past.
KEPT = frozenset(
    {
        "locations", "location_closure", "location_names", "places", "audit_log", "record_changes", "bill_moves",
        "unit_moves",
    }
)  # fmt: skip


def references(*, with_followers: bool = False) -> list[tuple[str, str]]:
    """(table, column) of everything that hangs on a location, out of the models: nothing can be forgotten.

    Rows of the registers (`FOLLOWERS`) follow their places and are left out, unless they are asked for.
    """
    return [
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        if table.name not in KEPT and (with_followers or table.name not in FOLLOWERS)
        for column in table.columns
        if any(key.target_fullname == "locations.id" for key in column.foreign_keys)
    ]

"""Small lists beside one another in one query: each is a scalar subquery that the database makes one JSON value.

    statement = select(as_json(changes, "at", "field"), as_json(lines, "at", "actor"))
    for at, field in session.execute(statement).one()[0] or ():
        change = Change(moment(at), field)

For the few rows that a page shows of this and that; what is long comes as rows.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Select, column, func, select


def as_json(rows: Select[*tuple[Any, ...]], *names: str) -> Any:
    """A scalar subquery: [[value, ...], ...] of these columns of a select, in its order; NULL for no row.

    Moments and days come as text: `moment`, `dt.date.fromisoformat`.
    """
    # By bare names: the columns of a subquery, as objects, take longer to make than the statement takes to run.
    row = func.json_build_array(*(column(name) for name in names))
    return select(func.json_agg(row)).select_from(rows.subquery()).scalar_subquery()


def moment(text: str) -> dt.datetime:
    """A moment of such a value; it carries its zone."""
    return dt.datetime.fromisoformat(text)

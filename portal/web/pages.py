"""Keyset paging at constant cost at any depth, and URLs that keep the query string.

A page is addressed by the sort keys of its neighbour row, signed, so that a cursor cannot be made by hand.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import current_app, request
from flask_babel import gettext as _
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import ARRAY, ColumnElement, Integer, Select, and_, cast, false, func, or_, select, true, tuple_
from sqlalchemy.orm import Session

from portal.errors import InvalidInputError

PAGE_SIZE = 50
FEW_PLACES = 200  # so many are looked at one by one, see `first_of_each`


@dataclass(frozen=True)
class Key:
    """One sort key: a NOT NULL column and its direction. The last key of a list must be unique."""

    column: Any
    descending: bool = False


@dataclass(frozen=True)
class Page:
    """One page of a list. A cursor is None at the end of the list."""

    items: list[Any]
    next_cursor: str | None = None
    prev_cursor: str | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def _pack(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return {"t": value.isoformat()}
    if isinstance(value, dt.date):
        return {"d": value.isoformat()}
    return value


def _unpack(value: Any) -> Any:
    if isinstance(value, dict):
        if "t" in value:
            return dt.datetime.fromisoformat(value["t"])
        return dt.date.fromisoformat(value["d"])
    return value


def _order(keys: Sequence[Key]) -> str:
    return ",".join(f"{key.column}{'-' if key.descending else '+'}" for key in keys)


def make_cursor(order: str, backwards: bool, values: Sequence[Any]) -> str:
    """A signed cursor at these sort values; it is valid for lists of the same `order` only."""
    serializer = URLSafeSerializer(current_app.secret_key or "", salt=f"cursor:{order}")
    return str(serializer.dumps([backwards, *(_pack(value) for value in values)]))


def read_cursor(order: str, cursor: str, length: int) -> tuple[bool, list[Any]]:
    """(backwards, values) of a cursor made for this order; raises InvalidInputError for any other text."""
    try:
        serializer = URLSafeSerializer(current_app.secret_key or "", salt=f"cursor:{order}")
        backwards, *values = serializer.loads(cursor)
        unpacked = [_unpack(value) for value in values]
    except (BadSignature, ValueError, TypeError, KeyError):
        unpacked = []
    if len(unpacked) != length:
        raise InvalidInputError(
            _("This link to a page of the list is not valid. Open the list again."), code="bad_cursor"
        )
    return bool(backwards), unpacked


def _after(keys: Sequence[Key], values: Sequence[Any], backwards: bool) -> ColumnElement[bool]:
    """The condition that a row stands behind `values` (before them when backwards)."""
    if len({key.descending for key in keys}) == 1:  # one row comparison, which an index on the keys answers
        left, right = tuple_(*(key.column for key in keys)), tuple_(*values)
        return left < right if keys[0].descending != backwards else left > right
    condition: ColumnElement[bool] = false()
    for key, value in reversed(list(zip(keys, values, strict=True))):
        beyond = key.column < value if key.descending != backwards else key.column > value
        condition = or_(beyond, and_(key.column == value, condition))
    return condition


def first_of_each(
    statement: Select[*tuple[Any, ...]],
    place: Any,
    places: Sequence[int],
    keys: Sequence[Key],
    cursor: str | None = None,
    size: int = PAGE_SIZE,
) -> ColumnElement[bool]:
    """The condition that a row is among the first page's worth of its own place: all that a page of few places needs.

    Asked for the first of all at once, the planner expects the rows of an area to be spread evenly among the others,
    and walks through everybody else's when they are not. `place` is the column of the place, with an index that goes
    on with the keys; the last key is the id. Raises InvalidInputError as `paginate` does.
    """
    backwards, values = read_cursor(_order(keys), cursor, len(keys)) if cursor else (False, [])
    spot = func.unnest(cast(list(places), ARRAY(Integer))).table_valued("id", name="spot").render_derived()
    row_id = keys[-1].column
    each = statement.with_only_columns(row_id.label("id"), maintain_column_froms=True).where(place == spot.c.id)
    if cursor:
        each = each.where(_after(keys, values, backwards))
    first = each.order_by(*_directions(keys, backwards)).limit(size + 1).lateral()
    condition: ColumnElement[bool] = row_id.in_(select(first.c.id).select_from(spot).join(first, true()))
    return condition


def _directions(keys: Sequence[Key], backwards: bool) -> list[Any]:
    return [key.column.desc() if key.descending != backwards else key.column.asc() for key in keys]


def paginate(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    keys: Sequence[Key],
    cursor: str | None = None,
    size: int = PAGE_SIZE,
) -> Page:
    """One page of `statement` (which has no ORDER BY of its own) in the order of `keys`.

    Items are what the statement selects: entities when that is one thing, else rows.
    Raises InvalidInputError for a cursor that was not made here for the same order.
    """
    backwards, values = read_cursor(_order(keys), cursor, len(keys)) if cursor else (False, [])
    width = len(statement.column_descriptions)
    query = statement.add_columns(*(key.column.label(f"_key{i}") for i, key in enumerate(keys)))
    if cursor:
        query = query.where(_after(keys, values, backwards))
    query = query.order_by(*_directions(keys, backwards))
    fetched = session.execute(query.limit(size + 1)).freeze()
    rows = fetched().all()[:size]
    items: Sequence[Any] = fetched().scalars().all() if width == 1 else fetched().columns(*range(width)).all()
    more, items = len(items) > size, items[:size]
    if backwards:
        rows, items = rows[::-1], items[::-1]

    def make(row: Any, back: bool) -> str:
        return make_cursor(_order(keys), back, row[width:])

    has_next = bool(rows) and (more if not backwards else True)
    has_prev = bool(rows) and (more if backwards else bool(cursor))
    return Page(
        items=list(items),
        next_cursor=make(rows[-1], False) if has_next else None,
        prev_cursor=make(rows[0], True) if has_prev else None,
    )


def url_with(**changes: Any) -> str:
    """The current URL with some query keys changed; None (or '') removes a key. Every filter stays in the URL."""
    args = {key: request.args.getlist(key) for key in request.args}
    for key, value in changes.items():
        values = value if isinstance(value, list) else [value]
        args[key] = [str(one) for one in values if one is not None and one != ""]
    query = urlencode([(key, value) for key, values in args.items() for value in values])
    return f"{request.path}?{query}" if query else request.path

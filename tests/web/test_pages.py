"""Keyset paging against the plain ordered list."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from sqlalchemy import Date, Integer, column, select, values

from portal.db import session
from portal.errors import InvalidInputError
from portal.web.pages import Key, Page, paginate, url_with

DAY = dt.date(2025, 11, 16)
ROWS = [(number, number % 3, DAY + dt.timedelta(days=number % 4)) for number in range(1, 24)]


def _list(app: Flask, keys: str, cursor: str | None, size: int = 5) -> tuple[Page, list[int]]:
    """A page of ROWS, ordered by e.g. `day- id+`, and the ids in the whole order."""
    rows = values(column("id", Integer), column("part", Integer), column("day", Date), name="t").data(ROWS)
    chosen = [Key(rows.c[word[:-1]], word.endswith("-")) for word in keys.split()]
    order = ROWS
    for word in reversed(keys.split()):
        at = ("id", "part", "day").index(word[:-1])
        order = sorted(order, key=lambda row, at=at: row[at], reverse=word.endswith("-"))  # type: ignore[misc]
    with app.test_request_context("/"):
        return paginate(session(), select(rows.c.id, rows.c.part), chosen, cursor, size), [row[0] for row in order]


@pytest.mark.parametrize("keys", ["id+", "id-", "part+ id+", "day- id-", "day- id+", "part+ day- id-"])
def test_forward_and_back_sees_every_row_once(module_app: Flask, keys: str) -> None:
    seen: list[int] = []
    cursor: str | None = None
    pages: list[list[int]] = []
    while True:
        page, expected = _list(module_app, keys, cursor)
        pages.append([row.id for row in page])
        seen += pages[-1]
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert seen == expected
    assert all(tuple(row) == (row.id, row.part) for row in page), "the keys are not part of the rows"
    assert [len(ids) for ids in pages] == [5, 5, 5, 5, 3]
    for ids in reversed(pages[:-1]):
        assert page.prev_cursor is not None
        page, _ = _list(module_app, keys, page.prev_cursor)
        assert [row.id for row in page] == ids
    assert page.prev_cursor is None
    assert page.next_cursor is not None


def test_one_page_has_no_cursors(module_app: Flask) -> None:
    page, _ = _list(module_app, "id+", None, size=100)
    assert (len(page), page.next_cursor, page.prev_cursor) == (23, None, None)


def test_a_forged_or_foreign_cursor_is_refused(module_app: Flask) -> None:
    page, _ = _list(module_app, "id+", None)
    assert page.next_cursor is not None
    for cursor in ("x", "WzFd.AAAA", page.next_cursor[:-2] + "AA", page.next_cursor + "A"):
        with pytest.raises(InvalidInputError):
            _list(module_app, "id+", cursor)
    with pytest.raises(InvalidInputError):  # made for another order
        _list(module_app, "id-", page.next_cursor)


def test_url_with_keeps_the_filters(module_app: Flask) -> None:
    with module_app.test_request_context("/units/?q=a%26b&area=7&area=8&cursor=x"):
        assert url_with(cursor=None) == "/units/?q=a%26b&area=7&area=8"
        assert url_with(cursor="y", q=None) == "/units/?area=7&area=8&cursor=y"
    with module_app.test_request_context("/units/"):
        assert url_with() == "/units/"

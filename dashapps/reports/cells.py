"""Values as the grid shows them. The grid sorts and filters in SQL, so it gets texts ready to show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from portal.reports.report import Field, Query
from portal.reports.sorting import explanation, is_served
from portal.reports.words import STATUSES
from portal.web import format as fmt
from portal.web.columns import Column, Kind
from portal.web.filters import language

# Pixels a character takes in the grid's font, and what a cell has besides its text.
_PER_CHARACTER, _PADDING, _WIDEST = 7.6, 26, 25
_BADGES = set(STATUSES) | {"POSTED", "UNMATCHED", "APPROVED", "RETURNED"}
Shown = Callable[[Any], str]


@lru_cache(maxsize=4096)
def _month(value: dt.date, locale: str) -> str:
    return fmt.month(value, locale)


@lru_cache(maxsize=4096)
def _date(value: dt.date, locale: str) -> str:
    return fmt.date(value, locale)


def shower(column: Column, locale: str) -> Shown:
    """The function that makes a cell's text; '' for NULL."""

    def time(value: dt.datetime) -> str:
        there = fmt.local(value)
        return f"{_date(there.date(), locale)}, {there:%H:%M}"

    words = {code: str(word) for code, word in (column.choices or {}).items()}
    by_kind: dict[Kind, Shown] = {
        Kind.MONEY: fmt.number,
        Kind.NUMBER: fmt.number,
        Kind.RATIO: lambda value: fmt.percent(float(value)),
        Kind.DATE: lambda value: _date(value, locale),
        Kind.MONTH: lambda value: _month(value, locale),
        Kind.DATETIME: time,
        Kind.CODE: lambda value: words.get(value, str(value)),
    }
    show = by_kind.get(column.kind, str)
    return lambda value: "" if value is None else show(value)


def row_dicts(query: Query, rows: list[list[Any]]) -> list[dict[str, str]]:
    """Rows as the grid takes them. `_status` carries the code behind a badge."""
    fields = query.report.source(query).fields
    locale = language()
    shows = [(one.key, shower(one.column, locale)) for one in fields]
    badge = badge_field(fields)
    found = []
    for row in rows:
        shown = {key: show(value) for (key, show), value in zip(shows, row, strict=True)}
        if badge is not None:
            shown["_code"] = str(row[badge] or "")
        found.append(shown)
    return found


def badge_field(fields: tuple[Field, ...]) -> int | None:
    """Position of the field shown as a badge."""
    return next((at for at, one in enumerate(fields) if set(one.column.choices or ()) & _BADGES), None)


def column_defs(query: Query, every_order: bool = True) -> list[dict[str, Any]]:
    """The grid's columns: text from the server, sorting only where SQL can, identifiers as links to the record.

    Without `every_order` only by what an index answers; the other headings say why not.
    """
    source = query.report.source(query)
    fields = source.fields
    badge = badge_field(fields)
    defs: list[dict[str, Any]] = []
    for at, one in enumerate(fields):
        column = one.column
        label = str(column.label)
        width = max(column.excel_width, len(label) + (3 if one.sort is not None else 0))
        entry: dict[str, Any] = {
            "field": one.key,
            "headerName": label,
            "width": round(min(width, _WIDEST) * _PER_CHARACTER) + _PADDING,
            "sortable": one.sort is not None,
            "sort": ("desc" if query.descending else "asc") if query.sort == one.key else None,
        }
        if one.sort is not None and not every_order and not is_served(source, one.key):
            entry |= {"sortable": False, "headerTooltip": explanation()}
        if one.key == "union_council":  # the longest text takes what room there is
            entry |= {"flex": 1, "minWidth": entry["width"]}
        if column.is_numeric:
            # A class of our own replaces the one of the type: both are named.
            entry |= {"type": "rightAligned", "cellClass": "num ag-right-aligned-cell"}
        if column.kind is Kind.IDENTIFIER:
            entry["cellClass"] = "digits"
        if one.key == query.report.record:
            entry |= {"cellRenderer": "ReportLink", "cellRendererParams": {"href": record_path(one.key)}}
        if at == badge:
            entry["cellRenderer"] = "ReportBadge"
        defs.append(entry)
    return defs


def record_path(key: str) -> str:
    """The beginning of the record page's address."""
    return "/units/" if key == "survey_id" else "/accounts/"

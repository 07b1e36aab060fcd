"""What a column of a list, a grid or a download holds, and how each kind is written into CSV and Excel.

The expressions are SQL: the database formats the rows, this process only passes them on.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Date, Numeric, String, Text, cast, extract, func, literal, literal_column
from sqlalchemy import case as sql_case
from sqlalchemy.dialects.postgresql import TIMESTAMP


class Kind(StrEnum):
    """The kind decides alignment on screen, the text in CSV and the cell's type in Excel."""

    TEXT = "text"  # free text somebody typed: may look like a formula
    CODE = "code"  # one of our own words (PAID, DOMESTIC, 0-5 marla)
    IDENTIFIER = "identifier"  # PSID, CNIC, mobile, survey id: digits that are no number
    MONEY = "money"  # whole rupees
    NUMBER = "number"  # a whole count
    RATIO = "ratio"  # 0.072 is 7.2 %
    DATE = "date"
    DATETIME = "datetime"
    MONTH = "month"  # a billing month, by its first day


NUMERIC_KINDS = frozenset({Kind.MONEY, Kind.NUMBER, Kind.RATIO})
# Whatever a file said may stand in these: an identifier of the portal (a bill's) need not be digits.
FREE_KINDS = frozenset({Kind.TEXT, Kind.IDENTIFIER})

_WIDTHS = {
    Kind.TEXT: 26,
    Kind.CODE: 13,
    Kind.IDENTIFIER: 23,
    Kind.MONEY: 13,
    Kind.NUMBER: 10,
    Kind.RATIO: 10,
    Kind.DATE: 12,
    Kind.DATETIME: 18,
    Kind.MONTH: 11,
}


@dataclass(frozen=True)
class Column:
    """A column of a select: `key` is its name there, `label` (str or lazy string) the heading, `width` in characters.

    `choices` are the words for the codes of a CODE column; screens show them, downloads keep the code, so that a
    pivot table works in either language. `in_words`: downloads show the words (a code such as M0_5 tells nobody
    anything): English in CSV, the reader's language in Excel.
    """

    key: str
    label: Any
    kind: Kind = Kind.TEXT
    width: int | None = None
    choices: Mapping[str, Any] | None = None
    in_words: bool = False

    @property
    def excel_width(self) -> int:
        return self.width or _WIDTHS[self.kind]

    @property
    def is_numeric(self) -> bool:
        return self.kind in NUMERIC_KINDS


# A spreadsheet runs text that begins with one of these. A lone "-" (the portal's "no value") and numbers do not run.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_START_CODES = [ord(character) for character in FORMULA_STARTS]
HARMLESS = r"^(-|[-+]?[0-9][0-9,]*([.][0-9]+)?)$"


def neutralised(text: ColumnElement[Any]) -> ColumnElement[Any]:
    """Free text with an apostrophe before anything a spreadsheet would run as a formula."""
    # By the code of the first character, which takes a third of the time of comparing texts; letters are above "@".
    first = func.ascii(text)
    runs = (first <= ord("@")) & first.in_(_START_CODES) & text.op("!~")(HARMLESS)
    return sql_case((runs, literal("'", String).concat(text)), else_=text)


def neutral(text: str) -> str:
    """The same for a text that is no column: a heading, a line of a first sheet."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) and not re.fullmatch(HARMLESS, text) else text


def worded(column: Column, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """The words for the codes of a column with `in_words`, in the language in force now."""
    if not (column.in_words and column.choices):
        return value
    whens = [(value == code, literal(str(shown), String)) for code, shown in column.choices.items()]
    return sql_case(*whens, else_=value)


def csv_expression(column: Column, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """The value as CSV shows it: bare digits and integers, ISO dates, months as 2025-11, Asia/Karachi times."""
    if column.kind in FREE_KINDS:
        return neutralised(value)
    if column.kind is Kind.MONTH:
        return func.left(cast(value, Text), 7)
    if column.kind is Kind.DATETIME:
        return _local_seconds(value)
    if column.kind is Kind.RATIO:
        return func.round(cast(value, Numeric), 4)
    return worded(column, value)


def cell_expression(column: Column, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """The value as the XML of an Excel cell of its type; an empty cell for NULL."""
    style = CELL_STYLES[column.kind]
    if column.kind in (Kind.TEXT, Kind.CODE, Kind.IDENTIFIER):
        shown = neutralised(value) if column.kind in FREE_KINDS else worded(column, value)
        return _between(f'<c t="inlineStr" s="{style}"><is><t xml:space="preserve">', _escaped(shown), "</t></is></c>")
    if column.kind in (Kind.DATE, Kind.MONTH):
        number: ColumnElement[Any] = cast(value, Date) - literal_column("DATE '1899-12-30'")
    elif column.kind is Kind.DATETIME:
        number = func.round(extract("epoch", _local_seconds(value)) / 86400 + 25569, 6)
    elif column.kind is Kind.RATIO:
        number = func.round(cast(value, Numeric), 6)
    else:
        number = value
    return _between(f'<c s="{style}"><v>', cast(number, Text), "</v></c>")


# Positions in the `cellXfs` of the style sheet in portal.web.xlsx.
CELL_STYLES = {
    Kind.TEXT: 1,
    Kind.CODE: 1,
    Kind.IDENTIFIER: 2,
    Kind.MONEY: 3,
    Kind.NUMBER: 3,
    Kind.DATE: 4,
    Kind.DATETIME: 5,
    Kind.MONTH: 6,
    Kind.RATIO: 7,
}


def _local_seconds(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Local time to the second: the session's time zone is Asia/Karachi (see `portal.db`)."""
    return cast(value, TIMESTAMP(precision=0))


def _escaped(text: ColumnElement[Any]) -> ColumnElement[Any]:
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = func.replace(text, literal_column(f"'{character}'"), literal_column(f"'{entity}'"))
    return text


def _between(before: str, value: ColumnElement[Any], after: str) -> ColumnElement[Any]:
    # `||` is NULL when the value is, `concat` is not: so the empty cell comes out by coalesce.
    return func.coalesce(
        literal_column(f"'{before}'").concat(value).concat(literal_column(f"'{after}'")), literal_column("'<c/>'")
    )


def excel_serial(day: dt.date) -> int:
    """The number by which Excel knows a date."""
    return (day - dt.date(1899, 12, 30)).days

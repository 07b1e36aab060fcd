"""Filters of reports: each reads its keys from the URL and gives a value, its SQL condition and its sentence.

A filter that is not in the URL adds nothing. A value that makes no sense is an InvalidInputError that names the key: a
report never shows other rows than its address says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, select

from portal.billing.cycles import cycle_bounds, parse_day, parse_month
from portal.errors import InvalidInputError
from portal.locations.models import LocationClosure
from portal.text import without_hidden
from portal.web import format as fmt
from portal.web.masking import holds_personal_number

Arguments = Mapping[str, str]
DayCondition = Callable[[Any, dt.date | None, dt.date | None], ColumnElement[bool]]


def _(message: str, **variables: Any) -> str:
    """The message in the reader's language."""
    return str(gettext(message, **variables))


ALL = _l("All")
MAX_TEXT = 60


class Control(StrEnum):
    """How the filter bar asks for it."""

    AREA = "area"
    MONTH = "month"
    DAYS = "days"
    CHOICE = "choice"
    PERSON = "person"
    TEXT = "text"


@dataclass(frozen=True)
class Area:
    """A node of the tree inside the reader's scope. `path` is its name below the province's."""

    id: int
    name: str
    kind: str
    path: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Person:
    """Somebody of the staff whose areas have something in common with the reader's."""

    id: int
    name: str


@dataclass(frozen=True)
class Reading:
    """What reading a URL needs to know: where an area id and a staff id lead, and when cycles start."""

    area: Callable[[int], Area]
    person: Callable[[int], Person]
    cycle_start_day: int
    language: str = "en"


@dataclass(frozen=True)
class Filter:
    """A typed filter. `read` gives the value (None: not asked for), `condition` its SQL, `sentence` its words.

    `column` names the report's column it speaks about; the report resolves it (None: `condition` does without).
    """

    name: str
    keys: tuple[str, ...]
    label: Any
    control: Control
    read: Callable[[Arguments, Reading], Any]
    condition: Callable[[Any, Any], ColumnElement[bool]]
    sentence: Callable[[Any, str], str]
    choices: Mapping[str, Any] = field(default_factory=dict)
    any_label: Any = ALL


def _bad(key: str, text: str) -> InvalidInputError:
    return InvalidInputError(
        _('"%(value)s" is not a value for the filter %(key)s.', value=text[:40], key=key), code="bad_filter", key=key
    )


def _text(args: Arguments, key: str) -> str | None:
    text = (args.get(key) or "").strip()
    if "\x00" in text:
        raise _bad(key, "?")
    return text or None


def read_month(args: Arguments, key: str) -> dt.date | None:
    """A billing month such as 2025-11, as its first day."""
    text = _text(args, key)
    if text is None:
        return None
    month = parse_month(text)
    if month is None:
        raise _bad(key, text)
    return month


def read_day(args: Arguments, key: str) -> dt.date | None:
    """A day such as 2025-11-16."""
    text = _text(args, key)
    if text is None:
        return None
    day = parse_day(text)
    if day is None:
        raise _bad(key, text)
    return day


def _id(args: Arguments, key: str) -> int | None:
    text = _text(args, key)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise _bad(key, text)
    return int(text)


def inside(column: Any, area_id: int) -> ColumnElement[bool]:
    """The condition that a row lies at or below an area."""
    below = select(LocationClosure.location_id).where(LocationClosure.ancestor_id == area_id)
    result: ColumnElement[bool] = column.in_(below)
    return result


def area(column: Any) -> Filter:
    """`area`: a location id and everything below it."""

    def read(args: Arguments, reading: Reading) -> Area | None:
        number = _id(args, "area")
        return None if number is None else reading.area(number)

    return Filter(
        "area",
        ("area",),
        _l("Area"),
        Control.AREA,
        read,
        lambda value, _report: inside(column, value.id),
        lambda value, _language: _("in %(area)s", area=" › ".join(name for _id, name in value.path) or value.name),
    )


def choice(key: str, label: Any, column: Any, choices: Mapping[str, Any], any_label: Any = ALL) -> Filter:
    """One or several (comma separated) of our codes."""

    def read(args: Arguments, _reading: Reading) -> tuple[str, ...] | None:
        text = _text(args, key)
        if text is None:
            return None
        values = tuple(dict.fromkeys(part.strip().upper() for part in text.split(",") if part.strip()))
        if not values or any(value not in choices for value in values):
            raise _bad(key, text)
        return values

    return Filter(
        key,
        (key,),
        label,
        Control.CHOICE,
        read,
        lambda value, _report: column == value[0] if len(value) == 1 else column.in_(value),
        lambda value, _language: f"{label}: " + ", ".join(str(choices[one]) for one in value),
        choices,
        any_label,
    )


def months(column: Any) -> Filter:
    """`cycle` (one billing month), or `cycle_from` and `cycle_to` (a range, either end open)."""

    def read(args: Arguments, _reading: Reading) -> tuple[dt.date | None, dt.date | None] | None:
        one = read_month(args, "cycle")
        if one is not None:
            return one, one
        first, last = read_month(args, "cycle_from"), read_month(args, "cycle_to")
        if first is None and last is None:
            return None
        if first is not None and last is not None and first > last:
            raise _bad("cycle_to", str(args.get("cycle_to")))
        return first, last

    def sentence(value: tuple[dt.date | None, dt.date | None], language: str) -> str:
        first, last = value
        if first == last:
            return _("bills of %(month)s", month=fmt.month(first, language))
        return _("bills ") + _range(first, last, lambda month: fmt.month(month, language))

    return Filter(
        "months",
        ("cycle", "cycle_from", "cycle_to"),
        _l("Billing month"),
        Control.MONTH,
        read,
        lambda value, _report: between(column, *value),
        sentence,
    )


def bill_month(column: Any) -> Filter:
    """`bill_month`: payments that belong to bills of this month."""
    return Filter(
        "bill_month",
        ("bill_month",),
        _l("For bills of"),
        Control.MONTH,
        lambda args, _reading: read_month(args, "bill_month"),
        lambda value, _report: column == value,
        lambda value, language: _("for bills of %(month)s", month=fmt.month(value, language)),
    )


_PAID, _PAID_ON = _l("Paid"), _l("paid ")


def days(column: Any, label: Any = _PAID, in_words: Any = _PAID_ON, condition: DayCondition | None = None) -> Filter:
    """`from` and `to` (days, both included, either end open); without them `cycle`, as the days of that cycle.

    `in_words` begins the sentence. `condition` is for columns that hold more than a day.
    """
    held = condition or between

    def read(args: Arguments, reading: Reading) -> tuple[dt.date | None, dt.date | None] | None:
        first, last = read_day(args, "from"), read_day(args, "to")
        if first is None and last is None:
            month = read_month(args, "cycle")
            return cycle_bounds(month, reading.cycle_start_day) if month else None
        if first is not None and last is not None and first > last:
            raise _bad("to", str(args.get("to")))
        return first, last

    return Filter(
        "days",
        ("from", "to", "cycle"),
        label,
        Control.DAYS,
        read,
        lambda value, _report: held(column, *value),
        lambda value, language: str(in_words) + _range(value[0], value[1], lambda day: fmt.date(day, language)),
    )


def person(key: str, label: Any, column: Any) -> Filter:
    """One of the staff by id."""

    def read(args: Arguments, reading: Reading) -> Person | None:
        number = _id(args, key)
        return None if number is None else reading.person(number)

    return Filter(
        key,
        (key,),
        label,
        Control.PERSON,
        read,
        lambda value, _report: column == value.id,
        lambda value, _language: f"{label}: {value.name}",
    )


def text(label: Any, condition: Callable[[str], ColumnElement[bool]]) -> Filter:
    """`q`: what somebody types to find an account. Not by a personal number: it would stand in the address."""

    def read(args: Arguments, _reading: Reading) -> str | None:
        typed = _text(args, "q")
        if typed and holds_personal_number(typed):
            why = _("A mobile or CNIC number must not stand in the address of a page. Use the search box for it.")
            raise InvalidInputError(why, code="personal_number")
        return " ".join(without_hidden(typed).split())[:MAX_TEXT] if typed else None

    return Filter(
        "q",
        ("q",),
        label,
        Control.TEXT,
        read,
        lambda value, _report: condition(value),
        lambda value, _language: _('matching "%(text)s"', text=value),
    )


def between(column: Any, first: Any, last: Any) -> ColumnElement[bool]:
    """`first <= column <= last`, either end open (not both)."""
    if first is None:
        result: ColumnElement[bool] = column <= last
    elif last is None:
        result = column >= first
    elif first == last:
        result = column == first
    else:
        result = column.between(first, last)
    return result


def _range(first: Any, last: Any, shown: Callable[[Any], str]) -> str:
    if first is None:
        return _("up to %(last)s", last=shown(last))
    if last is None:
        return _("from %(first)s", first=shown(first))
    return _("%(first)s to %(last)s", first=shown(first), last=shown(last))


def flag(key: str, label: Any, cases: Mapping[str, tuple[Any, ColumnElement[bool]]]) -> Filter:
    """One of a few named conditions: {code: (words, condition)}."""
    named = {code: shown for code, (shown, _condition) in cases.items()}

    def read(args: Arguments, _reading: Reading) -> str | None:
        typed = _text(args, key)
        if typed is not None and typed.upper() not in cases:
            raise _bad(key, typed)
        return typed.upper() if typed else None

    return Filter(
        key,
        (key,),
        label,
        Control.CHOICE,
        read,
        lambda value, _report: cases[value][1],
        lambda value, _language: str(named[value]),
        named,
    )


def word(key: str, label: Any, column: Any, normalise: Callable[[str], str], known: Mapping[str, Any]) -> Filter:
    """One of an open set of words (a channel), in any spelling that `normalise` folds."""
    return Filter(
        key,
        (key,),
        label,
        Control.CHOICE,
        lambda args, _reading: normalise(typed) if (typed := _text(args, key)) else None,
        lambda value, _report: column == value,
        lambda value, _language: f"{label}: {value}",
        known,
    )

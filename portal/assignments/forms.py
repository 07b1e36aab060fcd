"""What the forms of assigning say, read into what the service understands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from portal.assignments.service import HOWS, LEAVE, TAKEN_RULES, UNITS, Part, Wanted
from portal.assignments.standing import STANDINGS
from portal.billing.cycles import parse_day
from portal.errors import InvalidInputError
from portal.units.models import USES

MOST_TICKED = 500
BIGGEST_ID = 2**31 - 1
MOST_WORDS = 60


def number(text: str | None) -> int | None:
    """A positive id, None for anything else."""
    typed = (text or "").strip()
    if not (typed.isascii() and typed.isdecimal()) or len(typed) > 10:
        return None
    return int(typed) if 0 < int(typed) <= BIGGEST_ID else None


def numbers(texts: Sequence[str]) -> tuple[int, ...]:
    """The ids among texts, each once."""
    return tuple(dict.fromkeys(one for one in map(number, texts[:MOST_TICKED]) if one is not None))


def find(form: MultiDict[str, Any], key: str) -> str:
    """The words by which somebody looks for an area or an agent."""
    return " ".join(str(form.get(key) or "").replace("\x00", "").split())[:MOST_WORDS]


def day(text: str | None, default: dt.date | None, field: str) -> dt.date | None:
    """A day of a date field; `default` when it is empty. Raises InvalidInputError."""
    typed = (text or "").strip()
    if not typed:
        return default
    found = parse_day(typed)
    if found is None:
        raise InvalidInputError(_("“%(text)s” is no day.", text=typed[:20]), field=field)
    return found


def _one_of(text: str | None, allowed: Sequence[str], default: str | None) -> str | None:
    return text if text in allowed else default


def survey_ids(form: MultiDict[str, Any]) -> tuple[str, ...]:
    """The units that were ticked, or the one the form was opened for."""
    typed = (one.strip() for one in form.getlist("unit")[:MOST_TICKED])
    return tuple(dict.fromkeys(one for one in typed if one.isascii() and one.isdecimal() and len(one) <= 18))


def wanted(form: MultiDict[str, Any], today: dt.date) -> Wanted:
    """The whole form. Raises InvalidInputError for a day that is none."""
    units = survey_ids(form)
    return Wanted(
        agents=numbers(form.getlist("agent")),
        first=day(form.get("first"), today, "first") or today,
        last=day(form.get("last"), None, "last"),
        area=None if units else number(form.get("area")),
        survey_ids=units,
        standing=_one_of(form.get("standing"), STANDINGS, None),
        use=_one_of(form.get("use"), USES, None),
        free_only=form.get("free") == "1",
        taken=_one_of(form.get("taken"), TAKEN_RULES, LEAVE) or LEAVE,
        how=UNITS if units else _one_of(form.get("how"), HOWS, UNITS) or UNITS,
        note=" ".join(form.get("note", "").split())[:300],
    )


def part(form: MultiDict[str, Any]) -> Part:
    """Which part of an agent's assignments a form is about; nothing chosen: all of them."""
    return Part(
        number(form.get("place")),
        form.get("is_area") == "1",
        parse_day(form.get("since", "")) if form.get("since") else None,
    )

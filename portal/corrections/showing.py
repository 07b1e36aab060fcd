"""Corrections as pages show them: each field with what it was, what it is now and what it should be, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from portal.corrections.models import Correction
from portal.corrections.service import moved
from portal.registers.fields import UNIT_FIELDS
from portal.registers.wording import field_words
from portal.units.models import SurveyUnit
from portal.web.masking import mask_value


@dataclass(frozen=True)
class Line:
    """One field of a correction. `now` is None unless the register says something else by now."""

    name: str
    label: Any
    before: str
    after: str
    now: str | None = None


def in_words(name: str, value: str, may_see: bool) -> str:
    """A value as people read it: codes in words, numbers of people masked as need be."""
    choices = UNIT_FIELDS[name].choices or {}
    return str(choices[value]) if value in choices else mask_value(name, field_words(name, value), may_see)


def lines(correction: Correction, unit: SurveyUnit | None, *, may_see: bool, is_own: bool = False) -> list[Line]:
    """The fields of a correction. Who proposed it reads what he typed himself in full."""
    now = moved(correction, unit) if unit is not None and correction.state == "PENDING" else {}
    return [
        Line(
            name,
            UNIT_FIELDS[name].label,
            in_words(name, before, may_see),
            in_words(name, after, may_see or is_own),
            in_words(name, now[name], may_see) if name in now else None,
        )
        for name, (before, after) in correction.fields.items()
        if name in UNIT_FIELDS
    ]

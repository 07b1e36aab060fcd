"""The history of a record in words: who changed what, when, why and from where, personal values masked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.registers import wording
from portal.registers.fields import ACCOUNT_FIELDS, UNIT_FIELDS
from portal.registers.models import CORRECTION, CUTOVER, EDIT, TICKET, RecordChange
from portal.units.words import CODES
from portal.web import format as fmt
from portal.web.filters import language
from portal.web.masking import mask_value

SOURCES: dict[str, Any] = {
    EDIT: _l("edited in the register"),
    CORRECTION: _l("correction from the field"),
    TICKET: _l("decision on a ticket"),
    CUTOVER: _l("taken over from the old system"),
}
# Fields that are no values of a record, and those of locations.
_OTHER: dict[str, Any] = {
    "closed": _l("Closed"),
    "hold": _l("Kept by hand"),
    "name": _l("Name"),
    "name_ur": _l("Name in Urdu"),
    "parent_id": _l("Lies in"),
    "alias": _l("Other name"),
    "merged": _l("Merged"),
    "spelling": _l("Spelling of a file"),
}


@dataclass(frozen=True)
class Line:
    """One field of an edit. `old` is None where there was nothing to be changed."""

    label: str
    old: str | None
    new: str


@dataclass
class Edit:
    """What one person did at one moment, to one record. `account_id` tells whose it is on the page of a unit."""

    at: dt.datetime
    who: str
    source: str
    reason: str
    account_id: int | None
    correction_id: int | None
    lines: list[Line] = field(default_factory=list)


def field_label(name: str) -> str:
    """A field as people call it."""
    known = UNIT_FIELDS.get(name) or ACCOUNT_FIELDS.get(name)
    return str(known.label if known else _OTHER.get(name, name.replace("_", " ")))


def value_words(name: str, value: Any) -> str:
    """A value of a field in words; '' for none."""
    said: object = "" if value is None else value
    if isinstance(value, dict):
        said = value.get("name", "")
    elif isinstance(value, bool):
        said = _("yes") if value else _("no")
    elif isinstance(value, list):
        said = ", ".join(map(str, value))
    elif name == "hold" and value:
        said = ", ".join(field_label(one) for one in str(value).split(", "))
    elif name in wording.LISTS:
        said = wording.field_words(name, str(value or ""))
    elif name in CODES:
        said = CODES[name].get(value, said)
    elif name == "monthly_fee" and isinstance(value, int):
        said = fmt.number(value)
    elif name == "surveyed_at" and "+" in str(value):
        said = fmt.localtime(dt.datetime.fromisoformat(value), language())
    return str(said)


def told(changes: Iterable[RecordChange], may_see: bool) -> list[Edit]:
    """The changes, newest first, put together by the edit that made them."""
    edits: list[Edit] = []
    keys: list[Any] = []
    for change in changes:
        key = (change.at, change.actor, change.source, change.reason, change.unit_id, change.account_id)
        if not keys or keys[-1] != key:
            keys.append(key)
            source = str(SOURCES.get(change.source, change.source))
            edits.append(Edit(change.at, change.actor, source, change.reason, change.account_id, change.correction_id))
        edits[-1].lines.append(_line(change, may_see))
    return edits


def _line(change: RecordChange, may_see: bool) -> Line:
    def shown(value: Any) -> str:
        return mask_value(change.field, value_words(change.field, value), may_see) or fmt.NONE

    if change.field == "hold":
        return Line(str(_("Hold released: the next file decides")), None, shown(change.old))
    old = None if change.old is None else shown(change.old)
    return Line(field_label(change.field), old, shown(change.new))

"""Personal numbers: who may see them, and what everybody else sees of them (the last digits).

Every place that can show a CNIC or a mobile number asks `may_see_personal` or, for many rows at once,
`personal_sight`: pages, search, timelines, reports, previews and downloads of imports, callbacks, the audit log.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import current_app
from sqlalchemy import Select, select

from portal.db import session
from portal.permissions import Permission, PersonalSight

HIDDEN = "•"
# `app.extensions[ASSIGNED_UNITS]`: staff id -> a select of the ids of the units assigned to him. Set by the feature
# that assigns units; until then nobody has any.
ASSIGNED_UNITS = "assigned_units"
AssignedUnits = Callable[[int], Select[Any]]

# A CNIC or a mobile number inside a text, with or without separators, not a part of a longer number (a PSID).
_NUMBERS = re.compile(r"(?<!\d)(?:\d{5}[- ]?\d{7}[- ]?\d|(?:\+|00)?92[- ]?3\d{2}[- ]?\d{7}|0?3\d{2}[- ]?\d{7})(?!\d)")

# Nine digits and more, however they are parted: what the public reads must hold no such number, also not one that is
# written to get past.
_PARTED = re.compile(r"\+?\d(?:[\s().\-/_]{0,3}\d){8,}")
_MOBILE = re.compile(r"(?:0092|92|0)?3\d{9}")
CNIC_DIGITS, PSID_DIGITS = 13, 18  # two dates have sixteen


def holds_number_of_somebody(text: str) -> bool:
    """Whether a text holds a mobile, CNIC or consumer number in any writing; a landline of an office it may hold."""
    for found in _PARTED.finditer(unicodedata.normalize("NFKC", text)):
        digits = "".join(str(unicodedata.digit(char)) for char in found[0] if char.isdecimal())
        if len(digits) == CNIC_DIGITS or len(digits) >= PSID_DIGITS or _MOBILE.fullmatch(digits):
            return True
    return holds_personal_number(text)


def personal_sight(user: Any) -> PersonalSight:
    """Whose numbers a person sees in full; of nobody signed in: nobody's."""
    if not user.is_authenticated:
        return PersonalSight()
    if user.can(Permission.VIEW_PERSONAL):
        return PersonalSight(everybody=True)
    assigned: AssignedUnits | None = current_app.extensions.get(ASSIGNED_UNITS)
    return PersonalSight(assigned=assigned(user.id) if assigned else None)


def may_see_personal(user: Any, unit_id: int | None = None) -> bool:
    """Whether a person sees the CNIC and mobile number of a unit (and of its accounts) in full.

    Without a unit: of any unit whatsoever. At most one query, and none for those who see everybody's.
    """
    return unit_id in seen_units(user, [unit_id])


def seen_units(user: Any, unit_ids: Iterable[int | None]) -> frozenset[int | None]:
    """Those of the units whose numbers a person sees in full; None stands for "no unit known"."""
    sight, wanted = personal_sight(user), frozenset(unit_ids)
    if sight.everybody:
        return wanted
    known = [unit_id for unit_id in wanted if unit_id is not None]
    if sight.assigned is None or not known:
        return frozenset()
    assigned = sight.assigned.subquery("assigned")
    return frozenset(session().scalars(select(assigned.c[0]).where(assigned.c[0].in_(known))))


def _mask(text: str | None, keep: int) -> str:
    """Hide every digit except the last `keep`; punctuation stays, so that the kind of number is recognisable."""
    if not text:
        return ""
    to_hide = max(sum(char.isdigit() for char in text) - keep, 0)
    out: list[str] = []
    for char in text:
        if char.isdigit() and to_hide:
            out.append(HIDDEN)
            to_hide -= 1
        else:
            out.append(char)
    return "".join(out)


def mask_cnic(text: str | None, may_see: bool) -> str:
    """A CNIC in full, or with its last 3 digits only. None gives ''."""
    return (text or "") if may_see else _mask(text, 3)


def mask_mobile(text: str | None, may_see: bool) -> str:
    """A mobile number in full, or with its last 4 digits only. None gives ''."""
    return (text or "") if may_see else _mask(text, 4)


def mask_text(text: str | None, may_see: bool) -> str:
    """A text somebody wrote, with the CNICs and mobile numbers in it hidden but for their last 3 digits."""
    return (text or "") if may_see else _NUMBERS.sub(lambda found: _mask(found[0], 3), text or "")


def masked_address(query_string: str) -> str:
    """A query string for the audit log, which holds nobody's number; at most 500 characters."""
    return urlencode([(key[:60], mask_text(value, False)) for key, value in parse_qsl(query_string)])[:500]


def is_personal(field: str) -> bool:
    """Whether a field (a column, a header of a file, a key of an audit line) holds a personal number."""
    return any(word in field.lower() for word in ("cnic", "mobile", "email"))


def mask_value(field: str, value: str | None, may_see: bool) -> str:
    """The value of a field that is known by its name only: numbers by their last digits, an e-mail address not at
    all, and numbers that stand in other texts."""
    name = field.lower()
    if "cnic" in name:
        return mask_cnic(value, may_see)
    if "mobile" in name:
        return mask_mobile(value, may_see)
    if "email" in name or "e-mail" in name:
        return (value or "") if may_see or not value else HIDDEN * 3
    return mask_text(value, may_see)


def holds_personal_number(text: str) -> bool:
    """Whether a text is, or holds, something that reads like a CNIC or a mobile number."""
    return _NUMBERS.search(_western(text)) is not None


def _western(text: str) -> str:
    """Urdu and Arabic digits as 0-9."""
    return "".join(str(unicodedata.decimal(char, char)) for char in text)

"""The words that forms offer, in the reader's language. Records keep the English name, as files bring it.

What a file has brought and no list knows is shown as it is. Who reads Urdu sees and types the Urdu name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import g
from sqlalchemy import select

from portal.db import session
from portal.registers.fields import ACCOUNT_FIELDS, UNIT_FIELDS
from portal.registers.models import Lookup
from portal.web.filters import language

URDU = "ur"
# {field: its list of words}
LISTS: dict[str, str] = {
    name: field.lookup for name, field in {**UNIT_FIELDS, **ACCOUNT_FIELDS}.items() if field.lookup
}


def _named() -> dict[str, dict[str, tuple[str, str]]]:
    """{list: {name in small letters: (name, in Urdu)}} of the words that have an Urdu name: read once for a request."""
    found: dict[str, dict[str, tuple[str, str]]] | None = g.get("lookup_words")
    if found is None:
        found = {}
        query = select(Lookup.kind, Lookup.name, Lookup.name_ur).where(Lookup.name_ur.is_not(None))
        for kind, name, urdu in session().execute(query.order_by(Lookup.position, Lookup.id)):
            assert urdu is not None
            found.setdefault(kind, {})[name.lower()] = (name, urdu)
        g.lookup_words = found
    return found


def in_words(kind: str, value: str | None) -> str | None:
    """A word of a list (BUSINESS_TYPE ...) as its reader calls it."""
    if not value or language() != URDU:
        return value
    known = _named().get(kind, {}).get(value.lower())
    return known[1] if known else value


def field_words(name: str, value: str) -> str:
    """The value of a field (business_type ...) as its reader calls it; of other fields as it is."""
    return in_words(LISTS[name], value) or "" if name in LISTS else value


def shown(texts: Mapping[str, str]) -> dict[str, str]:
    """The texts of a form, by field, as its reader calls them."""
    return {name: field_words(name, text) for name, text in texts.items()}


def stored(typed: Mapping[str, str], now: Mapping[str, str] | None = None) -> dict[str, str]:
    """What was typed into such a form, as records keep it: of an Urdu name the word it belongs to. `now`: the texts the
    form began with; what still says the same is that very text, in a spelling of its own too."""
    found = {}
    for name, text in typed.items():
        before = (now or {}).get(name, "")
        is_as_before = name in LISTS and before and text == field_words(name, before)
        found[name] = before if is_as_before else _stored(LISTS[name], text) if name in LISTS else text
    return found


def _stored(kind: str, text: str) -> str:
    if text.isascii():
        return text
    plain = " ".join(text.split())
    return next((name for name, urdu in _named().get(kind, {}).values() if urdu == plain), text)


def offered(rows: Any) -> dict[str, list[tuple[str, str]]]:
    """{list: [(word as its reader calls it, its other name)]} of rows of `selects.offered`."""
    found: dict[str, list[tuple[str, str]]] = {}
    for kind, name, urdu in rows:
        pair = (urdu, name) if urdu and language() == URDU else (name, urdu or "")
        found.setdefault(kind, []).append(pair)
    return found

"""Names of places, folded so that the spellings of different files meet. Pure functions, no database."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# "Rural - UC-11", "Urban -Zone 2", "Urban- Zone 2". A blank beside the dash is demanded: "Urban-1" and "Urban UC-01"
# are names of their own in the area list, and their prefixed form there is "Urban - Urban-1".
_PREFIX = re.compile(r"\s*(urban|rural)(?:\s+[-\u2010-\u2015]\s*|[-\u2010-\u2015]\s+)", re.IGNORECASE)
# Arabic code points typed for the Urdu letters yeh and kaf.
_URDU_LETTERS = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "ة": "ہ", "ه": "ہ"})


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_URDU_LETTERS)
    return "".join(filter(str.isalnum, folded))


def _split(name: str) -> tuple[str | None, str]:
    """("RURAL", "UC-11, Narri") of "Rural - UC-11, Narri"; (None, name) without a prefix."""
    # The appended blank lets "Rural -" (nothing behind the dash) count as a prefix.
    match = _PREFIX.match(name + " ")
    if match is None:
        return None, name
    return match.group(1).upper(), name[match.end() :]


@lru_cache(maxsize=32768)
def match_key(name: str) -> str:
    """The name with case, punctuation, blanks, line breaks and one Urban/Rural prefix left out; '' for '-'.

    A name that is nothing but its prefix ("Rural - " stands in the area list) keeps the prefix as its key, since
    '' means that no place is named.
    """
    kind, rest = _split(name)
    key = _fold(rest)
    return key if key or kind is None else kind.lower()


@lru_cache(maxsize=32768)
def prefix_uc_type(name: str) -> str | None:
    """URBAN or RURAL when the name begins with that prefix, else None."""
    return _split(name)[0]


@lru_cache(maxsize=32768)
def display_name(area_name: str) -> str:
    """The name as people read it: without the Urban/Rural prefix, on one line, single blanks."""
    kind, rest = _split(area_name)
    return " ".join(rest.split()) or (kind or "").capitalize()

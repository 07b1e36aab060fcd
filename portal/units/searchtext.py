"""Text folded for search: the same folding in the database (generated columns) and in queries. Pure.

PostgreSQL's text parser takes "63/MB/Khushab" for one path and "Ward-20" for a word and a negative number, so
punctuation becomes blanks before it looks. Arabic spellings of Urdu letters (yeh, kaf, heh) become the Urdu ones, and
vowel signs, which few people type, go. Case is folded by the text search configuration `simple` itself.
"""

from __future__ import annotations

_LETTERS = {"ي": "ی", "ى": "ی", "ك": "ک", "ه": "ہ"}
_PUNCTUATION = "-/,.:;@#()[]{}&\"'+_<>|\\!*?=~،۔؛؟"
_SIGNS = "ًٌٍَُِّْٰ"
_TABLE = str.maketrans(_LETTERS | dict.fromkeys(_PUNCTUATION, " ") | dict.fromkeys(_SIGNS, ""))


def fold(text: str) -> str:
    """What the database indexes of a name or an address, but for case."""
    return text.translate(_TABLE)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def search_vector(one: str, other: str) -> str:
    """The SQL of what the database indexes of two columns.

    translate() deletes characters of its second argument that have no partner in the third: the signs come last.
    """
    return (
        f"to_tsvector('simple'::regconfig, translate(coalesce({one}, '') || ' ' || coalesce({other}, ''), "
        + _quoted("".join(_LETTERS) + _PUNCTUATION + _SIGNS)
        + ", "
        + _quoted("".join(_LETTERS.values()) + " " * len(_PUNCTUATION))
        + "))"
    )


SEARCH_VECTOR = search_vector("consumer_name", "address")

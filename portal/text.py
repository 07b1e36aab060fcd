"""What nobody sees in a text and nobody means to type: marks of direction, zero-width blanks, byte order marks.

They come along when a name is copied from a message or a web page, or stand in files. They make two texts that look
alike differ, turn the order of what follows on the page, and hide from a search. So they are taken out wherever text
comes in: of every form (`portal.web.typed`), of every cell of a file (`portal.imports.cells`), of what is searched for.
Pure.

Two that cannot be seen stay: the zero-width non-joiner and joiner (U+200C, U+200D) decide the shape of Urdu letters.
The signs of numbers and years that stand above digits in Urdu (U+0600 to U+0605) can be seen and stay too.
"""

from __future__ import annotations

import re

_HIDDEN = re.compile(
    "["
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphen, joiner of graphemes, Arabic mark, fillers
    "\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"  # zero-width blank, marks of direction, embeddings, isolates
    "\u3164\ufeff\uffa0\ufff9-\ufffb"  # fillers, byte order mark, annotations
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # of shorthand and music, tags
    "]"
)


def has_hidden(text: str) -> bool:
    """Whether something stands in it that cannot be seen."""
    return not text.isascii() and _HIDDEN.search(text) is not None


def without_hidden(text: str) -> str:
    """The text without what cannot be seen; everything else, blanks and line breaks too, stays as it is."""
    return text if text.isascii() else _HIDDEN.sub("", text)

"""What somebody typed into the search box, read. Pure: no database, no request.

Two questions are answered here: which identifiers the text may be, and whether it may stand in an URL. A mobile or
CNIC number must not, and neither must one with a typing error; so every text with eight or more digits in a row stays
in the body of the request (see `portal.search.views`). Survey ids have three to seven digits.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from portal.text import without_hidden
from portal.units.searchtext import fold

MAX_LENGTH = 200
MAX_WORDS = 8
MAX_WORD_LENGTH = 64
LONG_NUMBER = 8

_NUMBER = re.compile(r"\+?[\d\s().\-]*\d[\d\s().\-]*")
_EXCEL_TAIL = re.compile(r"(?<=\d)\.0+$")
_SEPARATED = re.compile(r"(?<=\d)[\s().\-]+(?=\d)")
_MOBILE = re.compile(r"(?:\+?92|0092|0)?(3\d{9})")
_MANGLED = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d{1,2}")


@dataclass(frozen=True)
class Question:
    """A search text, taken apart. `number` holds its digits when it is a number and nothing else."""

    text: str
    number: str = ""
    words: tuple[str, ...] = ()

    @property
    def survey_id(self) -> str | None:
        """The survey id it may be: leading zeros do not count."""
        stripped = self.number.lstrip("0")
        return stripped if 0 < len(stripped) <= 18 else None

    @property
    def psid(self) -> str | None:
        """The PSID it may be: 11 to 20 digits, kept as text."""
        return self.number if 11 <= len(self.number) <= 20 else None

    @property
    def mobile(self) -> str | None:
        """The mobile number it may be, as the registers hold it: 03xxxxxxxxx."""
        match = _MOBILE.fullmatch(self.number)
        return f"0{match[1]}" if match else None

    @property
    def cnic(self) -> str | None:
        """The CNIC it may be: 13 digits."""
        return self.number if len(self.number) == 13 else None

    @property
    def number_is_long(self) -> bool:
        """Whether it is an identifier and cannot be part of an address."""
        return len(self.number) >= LONG_NUMBER

    @property
    def is_surely_a_psid(self) -> bool:
        """Whether it can be neither a mobile number (up to 14 digits with its country code) nor a CNIC (13)."""
        return 15 <= len(self.number) <= 20

    @property
    def is_mangled(self) -> bool:
        """Whether it is a PSID that a spreadsheet has rounded (`2.677E+19`): its last digits are lost."""
        return _MANGLED.fullmatch(self.text) is not None

    @property
    def may_stand_in_url(self) -> bool:
        """False for anything that may hold a mobile or CNIC number, also a mistyped one or one beside a name."""
        joined = _SEPARATED.sub("", western_digits(self.text))
        return not re.search(rf"\d{{{LONG_NUMBER}}}", joined)

    @property
    def tsquery(self) -> str | None:
        """The text for `to_tsquery('simple', ...)`: every word must be found; None when there is none to look for.

        A word of three letters or more also finds what begins with it (two in Urdu script, whose words are shorter);
        figures are taken whole: house 12 is not house 120.
        """
        return " & ".join(f"'{word}':*" if _is_prefix(word) else f"'{word}'" for word in self.words) or None


def western_digits(text: str) -> str:
    """Urdu and Arabic digits as 0-9."""
    return "".join(str(unicodedata.decimal(char, char)) for char in text)


def _is_prefix(word: str) -> bool:
    return not word.isdecimal() and len(word) >= (3 if word.isascii() else 2)


def _words(text: str) -> tuple[str, ...]:
    """Words of letters, digits and vowel signs: nothing in them has a meaning in a tsquery."""
    kept = "".join(c if c.isalnum() or unicodedata.category(c).startswith("M") else " " for c in fold(text))
    words = (word[:MAX_WORD_LENGTH].lower() for word in kept.split() if any(c.isalnum() for c in word))
    return tuple(dict.fromkeys(words))[:MAX_WORDS]


def read(text: str | None) -> Question:
    """Take a search text apart. Any text is accepted; what is longer than 200 characters is cut."""
    clean = " ".join(without_hidden(text or "").replace("\0", " ").split())[:MAX_LENGTH].strip()
    western = _EXCEL_TAIL.sub("", western_digits(clean))
    number = re.sub(r"\D", "", western) if _NUMBER.fullmatch(western) else ""
    return Question(clean, number, _words(western))

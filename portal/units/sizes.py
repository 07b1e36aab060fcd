"""Use and size of a property: the spellings of the portal's files folded to the bands of the tariff. Pure.

A marla band contains its upper limit ("Upto 5 marla" is M0_5, "Above 5 to 10 marla" is M5_10); 20 marla = 1 kanal.

"Below 5 Kanal" is M40_PLUS. The survey form offers it beside "Above 40" as one more spelling of an existing band.
5 kanal are 100 marla; a plot of up to 40 marla (2 kanal) has a marla band of its own, so what is left for a band that
ends at 100 marla is the part above 40. The rule for every "below"/"upto" spelling is the same: the upper limit names
the band (upto 5 marla M0_5, below 2 kanal M20_40, below 5 kanal M40_PLUS).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from portal.locations.models import RURAL, URBAN
from portal.units.models import COMMERCIAL, DOMESTIC

MARLA_IN_KANAL = 20
# (band, more than, up to), in marla.
_BANDS = (("M0_5", 0, 5), ("M5_10", 5, 10), ("M10_20", 10, 20), ("M20_40", 20, 40))
_LEVELS = {"small": "SMALL", "medium": "MEDIUM", "large": "LARGE"}
_USES = {"domestic": DOMESTIC, "residential": DOMESTIC, "commercial": COMMERCIAL}
_UC_TYPES = {"urban": URBAN, "rural": RURAL}
# Words that say nothing about the size.
_FILLERS = frozenset({"business", "businesses", "marla", "marlas", "kanal", "kanals", "to", "and", "level", "size"})
_UPPER = frozenset({"below", "upto", "up", "under", "less", "than", "within"})
_LOWER = frozenset({"above", "over", "more", "than", "plus"})
_TOKEN = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+|\+")


class Category(NamedTuple):
    """What a category text says; None where it says nothing."""

    use: str | None
    size_band: str | None
    uc_type: str | None


NO_CATEGORY = Category(None, None, None)


def _band_up_to(marla: float) -> str | None:
    for band, low, high in _BANDS:
        if low < marla <= high:
            return band
    return "M40_PLUS" if marla > 40 else None


def _band_between(low: float, high: float) -> str | None:
    """The band that contains the whole range; None when the range spans two."""
    if low >= high:
        return None
    for band, floor, ceiling in _BANDS:
        if low >= floor and high <= ceiling:
            return band
    return "M40_PLUS" if low >= 40 else None


def _marla_band(words: list[str], numbers: list[float]) -> str | None:
    if not numbers or len(numbers) > 2:
        return None
    factor = MARLA_IN_KANAL if any(word.startswith("kanal") for word in words) else 1
    limits = [number * factor for number in numbers]
    if len(limits) == 2:
        return _band_between(*limits)
    if _UPPER.intersection(words) and not {"above", "over", "more"}.intersection(words):
        return _band_up_to(limits[0])
    if _LOWER.intersection(words):
        # "Above 20" alone could be two bands; only the open-ended one is certain.
        return "M40_PLUS" if limits[0] >= 40 else None
    return _band_up_to(limits[0])


@lru_cache(maxsize=8192)
def read_category(text: str) -> Category:
    """Use, size band and urban/rural out of one text, in any of its spellings.

    "0-5 Marla", "Above 40", "Below 5 Kanal", "Small", "Domestic Rural Above 5 to 10 marla", "Commercial Urban Small
    business". A marla band implies DOMESTIC and a level COMMERCIAL only where the text names no use. A part that
    cannot be read is None; a text with a word that nobody knows has no size.
    """
    use = level = uc_type = None
    words: list[str] = []
    numbers: list[float] = []
    unknown = False
    for token in _TOKEN.findall(text.casefold()):
        if token in _USES:
            use = _USES[token]
        elif token in _UC_TYPES:
            uc_type = _UC_TYPES[token]
        elif token in _LEVELS:
            unknown = unknown or level is not None
            level = _LEVELS[token]
        elif token[0].isdecimal():
            numbers.append(float(token))
        elif token == "+":
            words.append("plus")
        else:
            words.append(token)
            unknown = unknown or token not in _FILLERS | _UPPER | _LOWER
    if unknown or (level and numbers):
        return Category(use, None, uc_type)
    band = level or _marla_band(words, numbers)
    if use is None and band is not None:
        use = COMMERCIAL if level else DOMESTIC
    return Category(use, band, uc_type)


def read_size(text: str) -> str | None:
    """The size band alone: "0-5" -> M0_5, "Medium" -> MEDIUM; None when unreadable."""
    return read_category(text).size_band


@lru_cache(maxsize=256)
def read_use(text: str) -> str | None:
    """DOMESTIC or COMMERCIAL of "Domestic", "commercial " ...; None when unreadable."""
    return _USES.get(text.strip().casefold())


@lru_cache(maxsize=256)
def read_uc_type(text: str) -> str | None:
    """URBAN or RURAL of "Urban", "rural " ...; None when unreadable."""
    return _UC_TYPES.get(text.strip().casefold())

"""Payment channels: one spelling each, since the channel is part of what makes a payment unique. Pure."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

UNKNOWN_CHANNEL = "Unknown"

# The spelling shown; its folded form (letters and digits only) is what the files' spellings are compared by.
KNOWN_CHANNELS = (
    "1Bill",
    "BOP OTC",
    "OTC/Cash",
    "JazzCash",
    "Easypaisa",
    "NayaPay",
    "SadaPay",
    "UPaisa",
    "KuickPay",
    "PayPro",
    "e-Pay Punjab",
    "1Link",
    "Raast",
    "ATM",
    "Mobile Banking",
    "Internet Banking",
    "Bank Transfer",
    "HBL OTC",
    "NBP OTC",
    "UBL OTC",
    "MCB OTC",
    "ABL OTC",
    UNKNOWN_CHANNEL,
)


def _fold(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


_BY_KEY = {_fold(name): name for name in KNOWN_CHANNELS} | {"cashotc": "OTC/Cash", "otcbop": "BOP OTC"}


@lru_cache(maxsize=4096)
def normalise_channel(text: str) -> str:
    """The one spelling of a channel: known ones as listed, others in capitals with single blanks for punctuation.

    '' and '-' become "Unknown". Spellings that differ in case, blanks or punctuation only give the same result, and
    the result normalises to itself.
    """
    folded = unicodedata.normalize("NFKC", text)
    key = _fold(folded)
    if not key:
        return UNKNOWN_CHANNEL
    known = _BY_KEY.get(key)
    if known is not None:
        return known
    words = "".join(char if char.isalnum() else " " for char in folded.casefold()).split()
    return " ".join(words).upper()

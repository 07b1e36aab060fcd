"""The number of a ticket as people quote it, `T-26-000123`, and the code with which the public asks for its status."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import unicodedata
import uuid

CODE_ALPHABET = "34679ACDEFGHJKMNPQRTVWXY"  # nothing that is mistaken for something else on paper or by phone
CODE_LENGTH = 8
_NUMBER = re.compile(r"T?[- ]?(\d{2})[- ]?(\d{6,9})")


def number_of(serial: int, day: dt.date) -> str:
    """The number of the ticket with this serial, made on this day (Asia/Karachi)."""
    return f"T-{day.year % 100:02}-{serial:06}"


def read_number(typed: str) -> str | None:
    """A number as it is stored, of whatever somebody typed: `t 26 000123`; None when it is none."""
    western = "".join(str(unicodedata.decimal(char, char)) for char in typed.strip().upper())
    found = _NUMBER.fullmatch(western)
    return f"T-{found[1]}-{found[2]}" if found else None


def code_of(client_uuid: uuid.UUID, secret_key: str) -> str:
    """The code of a public complaint: sent twice, it gets the same."""
    digest = hmac.new(secret_key.encode(), b"ticket-code:" + client_uuid.bytes, hashlib.sha256).digest()
    value = int.from_bytes(digest[:16])
    letters = []
    for _at in range(CODE_LENGTH):
        value, rest = divmod(value, len(CODE_ALPHABET))
        letters.append(CODE_ALPHABET[rest])
    return "".join(letters)


def read_code(typed: str) -> str:
    """A code as it was made: case, blanks and hyphens do not count."""
    return "".join(typed.split()).replace("-", "").upper()[:40]


def hash_code(code: str) -> str:
    """What is kept of a code."""
    return hashlib.sha256(code.encode()).hexdigest()


def matches(code: str, stored: str | None) -> bool:
    """Whether a code belongs to a stored hash; takes the same time whatever is compared, also with none."""
    return hmac.compare_digest(hash_code(code), stored or hash_code("")) and bool(stored)

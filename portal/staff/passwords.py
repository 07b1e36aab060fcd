"""Passwords: bcrypt over a digest, so that long ones count whole and a NUL byte does not end one."""

from __future__ import annotations

import base64
import hashlib
import unicodedata

import bcrypt

MAX_LENGTH = 200


def _prepare(password: str) -> bytes:
    """bcrypt reads 72 bytes; the digest makes every character count. NFKC: the same keys give the same password."""
    folded = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return base64.b64encode(hashlib.sha256(folded).digest())


def hash_password(password: str, cost: int) -> str:
    """The text to store. `cost` is bcrypt's logarithmic work factor."""
    return bcrypt.hashpw(_prepare(password), bcrypt.gensalt(cost)).decode()


def verify_password(password: str, stored: str) -> bool:
    """Whether the password belongs to the stored text. A damaged stored text never matches."""
    try:
        return bcrypt.checkpw(_prepare(password), stored.encode())
    except ValueError:
        return False


def needs_rehash(stored: str, cost: int) -> bool:
    """Whether the stored text was made with another cost than the one in force."""
    parts = stored.split("$")
    return len(parts) != 4 or parts[2] != f"{cost:02d}"


def dummy_hash(cost: int) -> str:
    """A well-formed hash nobody's password has: an unknown name costs the same time as a known one."""
    return f"$2b${cost:02d}$" + "." * 22 + "A" * 31

"""What single values may be. Each takes what was typed (or stored) and returns the stored form.

Raises InvalidInputError with a sentence that says what to type.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import unicodedata
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext as _

from portal.errors import InvalidInputError
from portal.mail.service import is_address, is_this_machine

__all__ = [
    "address", "clock", "host", "hosts", "is_this_machine", "line", "logo", "number", "one_word", "phone",
    "storage_url", "targets",
]  # fmt: skip

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_DRIVE_FOLDER = re.compile(r"[A-Za-z0-9_-]{10,100}")
_DIGEST = re.compile(r"[0-9a-f]{32}")
MAX_TARGETS = 500


def number(typed: Any, low: int, high: int) -> int:
    """A whole number within bounds; digits of any script."""
    text = str(typed).strip()
    message = _("Enter a whole number from %(low)s to %(high)s.", low=low, high=high)
    if isinstance(typed, bool) or len(text) > 9 or not text.isdecimal():
        raise InvalidInputError(message)
    if not low <= int(text) <= high:
        raise InvalidInputError(message)
    return int(text)


def line(typed: Any, max_length: int) -> str:
    """One line of text without control characters, its blanks tidied."""
    text = unicodedata.normalize("NFC", str(typed or ""))
    if any(unicodedata.category(char) in {"Cc", "Zl", "Zp", "Cs"} for char in text.strip()):
        raise InvalidInputError(_("Enter one line of plain text."))
    text = " ".join(text.split())
    if len(text) > max_length:
        raise InvalidInputError(_("Enter at most %(count)s characters.", count=max_length))
    return text


def clock(text: str) -> str:
    """A time of the day, like 09:00; 24:00 is its end."""
    typed = "".join(str(unicodedata.decimal(char, char)) for char in text)
    found = re.fullmatch(r"(\d{1,2})[:.](\d{2})", typed)
    if found is None or int(found[2]) > 59 or int(found[1]) * 60 + int(found[2]) > 24 * 60:
        raise InvalidInputError(_("Enter a time like 09:00."))
    return f"{int(found[1]):02}:{found[2]}"


def phone(text: str) -> str:
    """A number to call, as it is shown: digits, blanks and signs between them."""
    if not re.fullmatch(r"[0-9+() -]{2,30}", text):
        raise InvalidInputError(_("Enter a phone number."))
    return text


def one_word(text: str) -> str:
    """Text without blanks."""
    if " " in text:
        raise InvalidInputError(_("A user name has no blanks in it."))
    return text


def address(text: str) -> str:
    """An e-mail address."""
    if not is_address(text):
        raise InvalidInputError(_("Enter an e-mail address such as portal@example.org."))
    return text


def host(text: str) -> str:
    """A name or an address of a mail server; none that belongs to no server (link-local, multicast)."""
    with contextlib.suppress(ValueError):
        number_ = ipaddress.ip_address(text)
        if number_.is_link_local or number_.is_multicast or number_.is_unspecified:
            raise InvalidInputError(_("There is no mail server at this address."))
        return text
    if len(text) > 253 or not _HOST.fullmatch(text):
        raise InvalidInputError(_("Enter the name of a server such as smtp.example.org, without a port."))
    return text.lower()


def hosts(text: str) -> str:
    """Names of servers with blanks between, each perhaps with a port."""
    found = []
    for word in text.replace(",", " ").lower().split():
        name, _colon, port = word.partition(":")
        if not _HOST.fullmatch(name) or (port and not (port.isdecimal() and len(port) <= 5)):
            raise InvalidInputError(_("Enter names of servers with blanks between, such as photos.example.gov.pk."))
        found.append(word)
    return " ".join(dict.fromkeys(found))


def storage_url(text: str) -> str:
    """A folder (absolute file URL), a bucket, or a folder of Google Drive. No password: it stays in the environment."""
    message = _("Enter a folder as file:///srv/portal, a bucket as s3://name/folder, or a drive as gdrive://folder-id.")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise InvalidInputError(message) from None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise InvalidInputError(_("Leave user name, password and options out: they stay in the environment."))
    steps = PurePosixPath(parts.path).parts
    if ".." in steps or "\\" in text or "%" in text or " " in text:
        raise InvalidInputError(message)
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/") or len(steps) < 2:
            raise InvalidInputError(message)
        return f"file://{PurePosixPath(parts.path)}"
    if parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc):
        return f"s3://{parts.netloc}{parts.path.rstrip('/')}"
    if parts.scheme == "gdrive" and _DRIVE_FOLDER.fullmatch(parts.netloc) and parts.path in {"", "/"}:
        return f"gdrive://{parts.netloc}"
    raise InvalidInputError(message)


def targets(typed: Any, low: int, high: int) -> dict[str, int]:
    """{location id: percent}, by number of the area. That the areas exist is looked up by who knows them."""
    if not isinstance(typed, Mapping) or len(typed) > MAX_TARGETS:
        raise InvalidInputError(_("These targets cannot be read."))
    found: dict[int, int] = {}
    for area, percent in typed.items():
        if not str(area).isdecimal() or len(str(area)) > 9:
            raise InvalidInputError(_("These targets cannot be read."))
        found[int(area)] = number(percent, max(low, 1), high)
    return {str(area): found[area] for area in sorted(found)}


def logo(typed: Any) -> dict[str, Any] | None:
    """What is known of a stored logo; None is no logo."""
    if typed is None:
        return None
    if not isinstance(typed, Mapping) or not _DIGEST.fullmatch(str(typed.get("digest"))):
        raise InvalidInputError(_("This logo cannot be used."))
    sizes = (typed.get("width"), typed.get("height"))
    if not all(isinstance(size, int) and 0 < size <= 4096 for size in sizes):
        raise InvalidInputError(_("This logo cannot be used."))
    return {"digest": typed["digest"], "width": sizes[0], "height": sizes[1]}

"""What is typed about a person, made clean: user name, full name, e-mail, mobile. Pure; errors are sentences."""

from __future__ import annotations

import re
import unicodedata

from flask_babel import gettext as _

from portal.errors import InvalidInputError
from portal.text import without_hidden

USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{1,63}")
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
LONGEST_NAME = 120
LONGEST_EMAIL = 254
_FORMULA_STARTS = "=+-@"


def clean_username(text: str) -> str:
    """The user name. ASCII only: no letter of another alphabet passes for a Latin one. Raises InvalidInputError."""
    name = text.strip()
    if not USERNAME.fullmatch(name):
        raise InvalidInputError(
            _(
                "A user name has 2 to 64 letters and digits of the English alphabet, dots, hyphens, underscores or @,"
                " and begins with a letter or digit."
            ),
            field="username",
        )
    return name


def clean_full_name(text: str) -> str:
    """The name in one line, in any alphabet. Raises InvalidInputError when it is missing, too long or no name."""
    name = " ".join(unicodedata.normalize("NFC", without_hidden(text)).split())
    if not name:
        raise InvalidInputError(_("Enter the full name."), field="full_name")
    if len(name) > LONGEST_NAME:
        raise InvalidInputError(_("A name has at most %(number)s characters.", number=LONGEST_NAME), field="full_name")
    # Whatever else cannot be seen would make one name look like another.
    if any(
        unicodedata.category(char) in {"Cc", "Cf", "Co", "Cs", "Cn"} and char not in "\u200c\u200d" for char in name
    ):
        raise InvalidInputError(_("The name holds characters that cannot be seen. Type it anew."), field="full_name")
    if name[0] in _FORMULA_STARTS:
        raise InvalidInputError(_("A name begins with a letter."), field="full_name")
    return name


def clean_email(text: str) -> str | None:
    """The address, None when nothing was typed. Raises InvalidInputError."""
    address = text.strip()
    if not address:
        return None
    if len(address) > LONGEST_EMAIL or not _EMAIL.fullmatch(address) or ".." in address:
        raise InvalidInputError(_("This is no e-mail address like name@example.org."), field="email")
    local, _at, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def clean_mobile(text: str) -> str | None:
    """A mobile number as 03001234567, None when nothing was typed. Raises InvalidInputError."""
    typed = text.strip()
    if not typed:
        return None
    digits = mobile_digits(typed)
    if not re.fullmatch(r"[0-9+() .-]+", typed) or not re.fullmatch(r"03[0-9]{9}", digits):
        raise InvalidInputError(
            _("A mobile number has 11 digits and begins with 03, like 0300 1234567."), field="mobile"
        )
    return digits


def mobile_digits(text: str) -> str:
    """The digits, with the country code turned into the leading zero. A number cell that lost its zero gets it back."""
    digits = re.sub(r"[^0-9]", "", text)
    for prefix in ("0092", "92"):
        if digits.startswith(prefix + "3"):
            return "0" + digits[len(prefix) :]
    return "0" + digits if re.fullmatch(r"3[0-9]{9}", digits) else digits


def international(mobile: str) -> str:
    """03001234567 as 923001234567, the form that links of messengers take."""
    return "92" + mobile[1:]

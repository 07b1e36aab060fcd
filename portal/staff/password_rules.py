"""Which passwords are accepted: by length, not in the lists of common ones, not made of names everybody knows.

No rule about kinds of characters: they make passwords hard to remember, not hard to guess. The lists are those of
zxcvbn (30,000 leaked passwords, words, names, keyboard rows), which also sees through `P@ssw0rd2026`.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from flask_babel import gettext as _

from portal.config import Settings
from portal.errors import InvalidInputError
from portal.staff.passwords import MAX_LENGTH

MIN_LENGTH = 10
# A password that is found within so many guesses falls even to somebody who has to wait between them.
MIN_GUESSES = 1_000_000
_LOOKED_AT = 32  # characters: what begins hard is hard, and the time grows with the square
_OWN_WORDS = ("suthra", "suthra portal", "suthra punjab", "sanitation", "portal")


@dataclass(frozen=True)
class PasswordRules:
    """What holds in this installation, and the names that a password must not consist of."""

    min_length: int = MIN_LENGTH
    company_name: str = ""

    @classmethod
    def of(cls, settings: Settings) -> PasswordRules:
        return cls(settings.password_min_length, settings.company_name)


def _core(text: str) -> str:
    """The text without case, blanks, and the digits and signs that people put before and after a word."""
    return re.sub(r"[\s._@-]+", "", re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text.casefold()))


def check(password: str, username: str, full_name: str = "", rules: PasswordRules | None = None) -> None:
    """Raises InvalidInputError with a sentence when a password is not accepted."""
    rules = rules or PasswordRules()
    if len(password) < rules.min_length:
        raise InvalidInputError(
            _("A password needs at least %(number)s characters. Three or four words make a good one.",
              number=rules.min_length)
        )  # fmt: skip
    if len(password) > MAX_LENGTH:
        raise InvalidInputError(_("A password has at most %(number)s characters.", number=MAX_LENGTH))
    if "\0" in password:
        raise InvalidInputError(_("A password cannot hold a NUL character."))
    core = _core(password)
    if core and core in {_core(username), _core(full_name)}:
        raise InvalidInputError(_("The password must not be the user name, nor the user name with digits added."))
    if core and core in {_core(word) for word in (rules.company_name, *_OWN_WORDS)}:
        raise InvalidInputError(_("The password must not be the name of the company or of the portal."))
    if is_common(password, (username, full_name, rules.company_name, *_OWN_WORDS)):
        raise InvalidInputError(
            _("This password is among the first that are tried when somebody guesses. Choose another one.")
        )


def is_common(password: str, names: tuple[str, ...] = ()) -> bool:
    """Whether a password is a common one, or so like one (or like the names) that it is guessed as fast."""
    from zxcvbn import zxcvbn  # its lists take 20 MB: loaded when a password is chosen

    if password.casefold() in _common_passwords():
        return True
    words = [part for name in names for part in {name, *name.split()} if len(part) > 2]
    guesses: float = zxcvbn(password[:_LOOKED_AT], user_inputs=words, max_length=_LOOKED_AT)["guesses"]
    return guesses < MIN_GUESSES


@functools.cache
def _common_passwords() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])

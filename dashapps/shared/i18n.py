"""`gettext` and `ngettext` with types. Import as `_` and `ngettext`, the names that message extraction knows."""

from __future__ import annotations

from typing import Any

import flask_babel


def gettext(message: str, /, **variables: Any) -> str:
    """The message in the reader's language."""
    return str(flask_babel.gettext(message, **variables))


def ngettext(singular: str, plural: str, number: int, /, **variables: Any) -> str:
    """The message for a number; `%(num)s` is the number."""
    return str(flask_babel.ngettext(singular, plural, number, **variables))

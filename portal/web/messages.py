"""Sentences made in one place and read in another: lazy until somebody reads them, or stored in every language.

A job has no reader. Whatever it has to say is stored as `in_every_language` makes it, and each reader gets his own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import LazyString, force_locale, get_locale

from portal.web import format as fmt
from portal.web.i18n import LANGUAGES

FALLBACK = "en"


def lazily(make: Callable[[], str]) -> Any:
    """A text that is made anew, in the language then in force, whenever it is read."""
    return LazyString(make)


def lazy_month(month: dt.date) -> Any:
    """A billing month as `Nov 2025`, in the reader's language."""
    return LazyString(lambda: fmt.month(month, _language()))


def _language() -> str:
    locale = get_locale()
    return str(locale.language) if locale else FALLBACK


def in_every_language(message: object) -> dict[str, str]:
    """The text of an error or a lazy message as {language: text}. Needs an app context."""
    texts = {}
    for language in LANGUAGES:
        with force_locale(language):
            texts[language] = str(message)
    return texts


def in_my_language(texts: Mapping[str, str] | None) -> str:
    """The stored text in the language in force, else in English; '' for none."""
    return (texts.get(_language()) or texts.get(FALLBACK) or "") if texts else ""

"""The form of moving bills to another month."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask_babel import gettext as _

from portal.billing.cycles import parse_day, parse_month
from portal.errors import InvalidInputError


@dataclass(frozen=True)
class MoveChoice:
    """What has been chosen so far; None where nothing is."""

    tehsil_id: int | None = None
    from_month: dt.date | None = None
    issued_on: dt.date | None = None
    to_month: dt.date | None = None

    @property
    def is_complete(self) -> bool:
        return None not in (self.tehsil_id, self.from_month, self.issued_on, self.to_month)


def read_choice(values: Mapping[str, str]) -> MoveChoice:
    """The choice in an URL or a form. Raises InvalidInputError."""
    tehsil, day = values.get("tehsil", ""), values.get("issued", "")
    try:
        return MoveChoice(
            int(tehsil) if tehsil else None,
            _read(values.get("from", ""), parse_month),
            _read(day, parse_day),
            _read(values.get("to", ""), parse_month),
        )
    except ValueError:
        raise InvalidInputError(_("This choice cannot be read. Choose again.")) from None


def _read(words: str, parse: Callable[[str], dt.date | None]) -> dt.date | None:
    if not words:
        return None
    day = parse(words)
    if day is None:
        raise ValueError(words)
    return day

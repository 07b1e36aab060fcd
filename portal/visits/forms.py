"""The form of a visit, as a phone sends it."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import Length

from portal.billing.cycles import parse_month
from portal.errors import InvalidInputError
from portal.visits.service import NAME_LENGTH, NOTES_LENGTH, BillKey, Position, Said

_DATE = {"type": "date"}


class VisitForm(FlaskForm):  # type: ignore[misc]
    """What the agent says. Position, clock and uuid come from the page's script, and may be missing."""

    outcome = HiddenField()  # radio buttons of the page
    bill = HiddenField(_l("Bill"))
    notes = TextAreaField(_l("Notes"), validators=[Length(max=NOTES_LENGTH)], render_kw={"rows": 3, "dir": "auto"})
    received_by = StringField(
        _l("Received by"), validators=[Length(max=NAME_LENGTH)],
        description=_l("Who took the bill, or whom you spoke to."), render_kw={"autocomplete": "off", "dir": "auto"},
    )  # fmt: skip
    next_date = StringField(_l("Next visit"), render_kw=_DATE)
    promise_date = StringField(_l("Promised for"), render_kw=_DATE)
    promise_amount = StringField(
        _l("Promised amount, Rs"), render_kw={"inputmode": "numeric", "autocomplete": "off"},
        description=_l("Empty: all of it."),
    )  # fmt: skip
    lat, lon, accuracy, mock, device_at = (HiddenField() for _number in range(5))
    client_uuid = HiddenField()

    @property
    def said(self) -> Said:
        """What was typed. Raises InvalidInputError with the field that cannot be read."""
        return Said(
            outcome=(self.outcome.data or "").strip().upper(),
            notes=(self.notes.data or "").replace("\r\n", "\n"),
            received_by=self.received_by.data or "",
            next_date=_date("next_date", self.next_date.data),
            promise_date=_date("promise_date", self.promise_date.data),
            promise_amount=_amount("promise_amount", self.promise_amount.data),
            position=self.position,
        )

    @property
    def position(self) -> Position | None:
        """The phone's position; None when it gave none that exists on earth."""
        lat, lon = _degrees(self.lat.data, 90), _degrees(self.lon.data, 180)
        if lat is None or lon is None:
            return None
        accuracy = _degrees(self.accuracy.data, 10_000_000)
        return Position(lat, lon, None if accuracy is None else round(abs(accuracy)), self.mock.data == "1")

    @property
    def uuid(self) -> uuid.UUID:
        """The form's uuid. Raises InvalidInputError when it has none: it could not be told from another."""
        try:
            return uuid.UUID(self.client_uuid.data or "")
        except ValueError:
            raise InvalidInputError(_("This form is not complete. Open it again.")) from None

    @property
    def device_time(self) -> dt.datetime | None:
        """The phone's clock; None without a time zone, which says nothing."""
        try:
            found = dt.datetime.fromisoformat((self.device_at.data or "").replace("Z", "+00:00"))
            return found.astimezone(dt.UTC) if found.tzinfo is not None else None
        except (ValueError, OverflowError):
            return None

    @property
    def bill_key(self) -> BillKey | None:
        """`17:2025-11`: the account and month of a bill."""
        account, _colon, month = (self.bill.data or "").partition(":")
        first = parse_month(month) if month else None
        if first is None or not (account.isascii() and account.isdecimal() and len(account) < 19):
            return None
        return int(account), first


def _date(name: str, typed: Any) -> dt.date | None:
    text = (typed or "").strip()
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(_("Enter a date like 2025-12-05."), field=name) from None


def _amount(name: str, typed: Any) -> int | None:
    text = (typed or "").strip().replace(",", "")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise InvalidInputError(_("Enter whole rupees."), field=name)
    return int(text)


def _degrees(typed: Any, most: float) -> float | None:
    try:
        value = float(typed or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= most else None


def read_pairs(values: list[str]) -> list[tuple[int, int]]:
    """(id, version) of the ticked visits, each as `17:2`; what cannot be read is left out."""
    found = []
    for value in values:
        first, _colon, second = value.partition(":")
        if all(one.isascii() and one.isdecimal() and len(one) < 10 for one in (first, second)):
            found.append((int(first), int(second)))
    return found


def read_version(text: str | None) -> int:
    """The version that a form was made of; 0, which no visit has, when it is missing."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else 0

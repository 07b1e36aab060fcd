"""The form of a ticket, and what its addresses and fields say."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, ValidationError

from portal.billing.cycles import parse_month
from portal.errors import InvalidInputError
from portal.registers import wording
from portal.registers.fields import UNIT_FIELDS, read_changes
from portal.tickets.models import PRIORITIES, TicketCategory
from portal.tickets.service import TEXT_LENGTH, TITLE_LENGTH
from portal.tickets.words import FIELDS, category_name
from portal.tickets.words import PRIORITIES as PRIORITY_NAMES
from portal.units.words import SIZES, USES

MOST_RUPEES = 100_000_000
WANTED = tuple(FIELDS)
_CHOICES: dict[str, dict[str, Any]] = {"use": USES, "size_band": SIZES}


def offered(pairs: Iterable[tuple[str, Any]]) -> list[SelectChoice]:
    """Choices of a list, of (value, label)."""
    return [SelectChoice(value, label) for value, label in pairs]


def digits(typed: str) -> str:
    """What was typed with Western digits and without separators."""
    western = "".join(str(unicodedata.decimal(char, char)) for char in typed)
    return "".join(western.replace(",", "").split())


def read_rupees(typed: str) -> int | None:
    """Whole rupees, None for nothing. Raises InvalidInputError."""
    plain = digits(typed).removeprefix("Rs").removeprefix(".")
    if not plain:
        return None
    if not (plain.isascii() and plain.isdecimal()) or int(plain[:12]) > MOST_RUPEES:
        raise InvalidInputError(_("Enter a whole number of rupees."), field="amount")
    return int(plain)


def read_ids(values: Iterable[str]) -> list[int]:
    """The numbers among them that could be ids, each once."""
    return list(dict.fromkeys(int(one) for one in values if one.isascii() and one.isdecimal() and len(one) < 10))


def _rupees(_form: Any, field: Any) -> None:
    try:
        read_rupees(field.data or "")
    except InvalidInputError as error:
        raise ValidationError(str(error)) from error


def _month(_form: Any, field: Any) -> None:
    if field.data and parse_month(field.data) is None:
        raise ValidationError(str(_("A month looks like 2025-11.")))


class TicketForm(FlaskForm):  # type: ignore[misc]
    """What a ticket says."""

    category = SelectField(_l("Category"), validators=[InputRequired(_l("Choose a category."))])
    priority = SelectField(
        _l("Priority"), choices=offered((code, PRIORITY_NAMES[code]) for code in PRIORITIES), default="MEDIUM",
        description=_l("It decides within how many working hours the ticket is to be resolved."),
    )  # fmt: skip
    title = StringField(
        _l("Subject"),
        validators=[InputRequired(_l("Say in a few words what it is about.")), Length(max=TITLE_LENGTH)],
        render_kw={"autocomplete": "off", "dir": "auto", "maxlength": TITLE_LENGTH},
    )
    description = TextAreaField(
        _l("Description"), validators=[Length(max=TEXT_LENGTH)], render_kw={"rows": 5, "dir": "auto"},
        description=_l("What happened, where, since when."),
    )  # fmt: skip
    survey_id = StringField(
        _l("Survey id"), description=_l("Of the unit it is about, if there is one."),
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )  # fmt: skip
    psid = StringField(
        _l("PSID"), description=_l("Of the account it is about, if there is one."),
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )  # fmt: skip
    bill_month = StringField(
        _l("Bill of the month"), validators=[_month], render_kw={"type": "month", "placeholder": "2025-11"}
    )
    disputed_amount = StringField(
        _l("Disputed amount, Rs"), validators=[_rupees], render_kw={"inputmode": "numeric", "autocomplete": "off"}
    )

    def offer(self, categories: Iterable[TicketCategory], language: str) -> None:
        """The categories in the reader's language."""
        names = [(str(one.id), category_name(one, language)) for one in categories]
        self.category.choices = offered([("", _("Choose")), *names])

    @property
    def month(self) -> dt.date | None:
        return parse_month(self.bill_month.data or "")

    @property
    def amount(self) -> int | None:
        return read_rupees(self.disputed_amount.data or "")

    @property
    def wanted(self) -> dict[str, str]:
        """What is to be corrected: {field of the unit: what was typed}, without what was left empty."""
        typed = {name: (self[f"wanted_{name}"].data or "").strip() for name in WANTED}
        return wording.stored({name: value for name, value in typed.items() if value})

    def validate(self, extra_validators: Any = None) -> bool:
        """The form's own rules, and each value to be corrected as the register reads it."""
        good: bool = super().validate(extra_validators)
        try:
            read_changes(UNIT_FIELDS, self.wanted)
        except InvalidInputError as error:
            for name, sentence in error.details.get("fields", {}).items():
                if name in FIELDS:
                    self[f"wanted_{name}"].errors = [str(sentence)]
                    good = False
        return good


def _add_wanted() -> None:
    """A field for each thing that can be corrected; empty means that it is right as it is."""
    for name, label in FIELDS.items():
        if name in _CHOICES:
            choices = offered([("", _l("as it is")), *_CHOICES[name].items()])
            field = SelectField(label, choices=choices, default="")
        else:
            field = StringField(label, render_kw={"autocomplete": "off", "dir": "auto"})
        setattr(TicketForm, f"wanted_{name}", field)


_add_wanted()

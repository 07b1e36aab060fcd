"""The form of a page of settings, made of the catalogue: what was typed stays typed, each field has its own error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import Field, SelectField, SelectMultipleField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.utils import unset_value
from wtforms.widgets import CheckboxInput, ListWidget

from portal.errors import InvalidInputError
from portal.settings import catalogue
from portal.settings.catalogue import Kind, Section, Spec
from portal.settings.checks import MAX_TARGETS

NEW_ROWS = 2


class TargetsField(Field):  # type: ignore[misc]
    """Rows of area and percent: (area id or '', percent) as typed, in inputs named `target-area-0` and so on."""

    def process_data(self, value: Any) -> None:
        """Rows of the stored form."""
        self.data = [(area, str(percent)) for area, percent in (value or {}).items()]

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        """Rows of the stored form or, when a form was sent, its rows that hold anything."""
        super().process(None, data, extra_filters)
        if formdata is not None:
            rows = (
                (formdata.get(f"target-area-{n}", ""), formdata.get(f"target-percent-{n}", ""))
                for n in range(MAX_TARGETS + NEW_ROWS)
            )
            self.data = [row for row in rows if any(row)]


def _validator(spec: Spec) -> Any:
    def check(_form: FlaskForm, field: Field) -> None:
        try:
            field.stored = catalogue.clean(spec, _typed(spec, field.data))
        except InvalidInputError as error:
            raise ValidationError(str(error)) from None

    return check


def _typed(spec: Spec, data: Any) -> Any:
    if spec.kind is not Kind.TARGETS:
        return data
    rows = [(area.strip(), percent.strip()) for area, percent in data if percent.strip()]
    if any(not area for area, _percent in rows):
        raise InvalidInputError(_("Choose the area of each target."))
    if len({area for area, _percent in rows}) < len(rows):
        raise InvalidInputError(_("An area stands here twice."))
    return dict(rows)


def _field(spec: Spec) -> Field:
    given: dict[str, Any] = {"label": spec.label, "description": spec.help, "validators": [_validator(spec)]}
    if spec.kind is Kind.TARGETS:
        return TargetsField(**given)
    choices = [SelectChoice(value, label) for value, label in (spec.choices or {}).items()]
    if spec.kind is Kind.CHOICE:
        return SelectField(choices=choices, validate_choice=False, **given)
    if spec.kind is Kind.CHOICES:
        return SelectMultipleField(
            choices=choices, validate_choice=False,
            widget=ListWidget(prefix_label=False), option_widget=CheckboxInput(), **given,
        )  # fmt: skip
    look: dict[str, Any] = {"autocomplete": "off", "spellcheck": "false"}
    if spec.kind is Kind.NUMBER:
        look |= {"inputmode": "numeric", "maxlength": "9"}
    else:
        if spec.check is not None:  # names of servers and addresses are written from left to right in Urdu too
            look["dir"] = "ltr"
        else:
            look["dir"] = "auto"
        look |= {"maxlength": str(spec.max_length), "placeholder": spec.placeholder}
    return StringField(render_kw=look, **given)


_FORMS: dict[Section, type[FlaskForm]] = {
    section: type(f"{section.title()}Form", (FlaskForm,), {s.name: _field(s) for s in catalogue.of_section(section)})
    for section in Section
}


def form_of(section: Section, values: Mapping[str, Any], typed: MultiDict[str, str] | None = None) -> FlaskForm:
    """The form of a page: with the stored values, or with what was typed."""
    return _FORMS[section](formdata=typed, data=dict(values))


def stored_values(form: FlaskForm, specs: Sequence[Spec]) -> dict[str, Any]:
    """What a valid form says, in stored form."""
    return {spec.name: form[spec.name].stored for spec in specs}


def version_of(typed: MultiDict[str, str]) -> int:
    """The version of the settings that the form was made of; 0 when it does not say."""
    text = typed.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0

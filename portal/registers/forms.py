"""Forms of units and accounts, made of the declarations of their fields; and what the forms' hidden values say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from portal.registers.fields import LOCATION, Field
from portal.registers.noting import LONGEST_REASON

_FREE = {"autocomplete": "off", "dir": "auto"}
_TIME = {"type": "datetime-local", "autocomplete": "off", "dir": "ltr"}


def make_form(fields: Mapping[str, Field], begin: Mapping[str, str], extra: Mapping[str, Any] | None = None) -> Any:
    """A form with these fields (but for the area, which is chosen in the tree) and a reason; empty ones begin so."""
    made: dict[str, Any] = dict(extra or {})
    for name, field in fields.items():
        if name != LOCATION:
            made[name] = _form_field(field)
    made["reason"] = StringField(
        _l("Reason"),
        description=_l("Optional. It stands in the history."),
        render_kw={**_FREE, "maxlength": str(LONGEST_REASON)},
    )
    form_class = type("RecordForm", (FlaskForm,), made)
    return form_class(data=dict(begin))


def _form_field(field: Field) -> Any:
    attributes = {**_FREE, **(field.attributes or {})}
    if field.kind == "choice":
        choices = [SelectChoice("", "–"), *(SelectChoice(code, words) for code, words in (field.choices or {}).items())]
        return SelectField(field.label, choices=choices, validate_choice=False, description=field.help)
    if field.kind == "long":
        return TextAreaField(field.label, description=field.help, render_kw={**attributes, "rows": "2"})
    if field.kind == "time":
        return StringField(field.label, description=field.help, render_kw=_TIME)
    if field.kind == "lookup":
        attributes["list"] = f"words-{field.name}"
    return StringField(field.label, description=field.help, render_kw=attributes)


def typed(form: Any, fields: Mapping[str, Field]) -> dict[str, str]:
    """What stands in the form, by field, the browser's line ends taken out."""
    return {name: (form[name].data or "").replace("\r\n", "\n").strip() for name in fields if name in form}


def texts_of(record: Any, fields: Mapping[str, Field]) -> dict[str, str]:
    """What a record has, as it would be typed."""
    return {name: field.text_of(record) for name, field in fields.items() if name != LOCATION}


def pack(texts: Mapping[str, str]) -> str:
    """What the form began with, for the form to carry along: so what its reader changed is known."""
    return json.dumps(dict(texts), ensure_ascii=False, separators=(",", ":"))


def unpack(packed: str, fields: Mapping[str, Field]) -> dict[str, str] | None:
    """The same read back; None when it is none."""
    try:
        found = json.loads(packed)
    except ValueError:
        return None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        return None
    return {name: value for name, value in found.items() if name in fields}


def show_errors(form: Any, wrong: Mapping[str, str]) -> str:
    """Put sentences to their fields; those about none of them come back, for the top of the page."""
    rest = []
    for name, sentence in wrong.items():
        if name in form:
            form[name].errors = [*form[name].errors, sentence]
        else:
            rest.append(sentence)
    return " ".join(rest)


def read_version(values: Mapping[str, str]) -> int:
    """The version that a form was made of; one that nothing has (-1) when it is missing."""
    value = values.get("version", "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else -1


def read_id(value: str | None) -> int | None:
    """An id out of an address or a form; None when it is none."""
    value = value or ""
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else None


def held_labels(record: Any, fields: Mapping[str, Field]) -> list[tuple[str, str]]:
    """(name, label) of the fields of a record that are kept against files."""
    return [(name, str(fields[name].label) if name in fields else name) for name in record.kept_by_hand]


def unit_key() -> dict[str, Any]:
    """The key of a new unit."""
    return {
        "survey_id": StringField(
            _l("Survey id"),
            description=_l("The portal's number. Leave it empty when the portal has none: a number is given."),
            render_kw={"inputmode": "numeric", "autocomplete": "off", "dir": "ltr"},
        )
    }


def account_key() -> dict[str, Any]:
    """The key of a new account."""
    return {
        "psid": StringField(
            _l("PSID"),
            description=_l("11 to 20 digits, as the portal gives them."),
            render_kw={"inputmode": "numeric", "autocomplete": "off", "dir": "ltr"},
        )
    }


def reserved(values: Mapping[str, str]) -> str:
    """The provisional number that was kept for this form; '' when it is none."""
    value = values.get("reserved", "")
    return value if len(value) == 12 and value.isascii() and value.isdecimal() and value[0] == "9" else ""

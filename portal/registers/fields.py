"""What people may set in a unit or an account: its columns, how typed text is read, and what it is called. Pure.

A field is one thing to a person and may be several columns: a mobile number that cannot be read stands as text in
`mobile_text`. Files and people are read by the same readers; but what a person types must be readable, since he can be
asked. `kept_by_hand` of a record holds names of fields.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from portal.errors import InvalidInputError
from portal.imports.cells import (
    clean,
    read_cnic,
    read_gps,
    read_image_urls,
    read_mobile,
    read_rupees,
    read_survey_id,
    text_or_none,
)
from portal.registers.models import BUSINESS_TYPE, HOUSE_TYPE, WATER_CONNECTION
from portal.units.models import COMMERCIAL, DOMESTIC, SIZE_BANDS, USES
from portal.units.sizes import read_size, read_uc_type, read_use
from portal.units.words import SIZES, UC_TYPES
from portal.units.words import USES as USE_WORDS
from portal.web.format import KARACHI

LONGEST_TEXT = 500
LOCATION = "location_id"
MARLA_BANDS = frozenset(band for band in SIZE_BANDS if band.startswith("M") and band != "MEDIUM")
# What a reader gives: the columns of the field with their new values.
Values = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """One thing that people set. `header` is its column in the portal's file, '' where a file does not name it.

    `read` takes what was typed and gives the columns with their values; raises InvalidInputError. `kind` is how a form
    asks for it: text, long, choice, lookup, area, time, number, flag. `choices` are codes with their words.
    """

    name: str
    label: Any
    columns: tuple[str, ...]
    read: Callable[[str], Values]
    header: str = ""
    kind: str = "text"
    help: Any = ""
    choices: Mapping[str, Any] | None = None
    lookup: str = ""
    attributes: Mapping[str, str] | None = None

    def values_of(self, record: Any) -> Values:
        """The columns of the field as a record has them."""
        return {column: getattr(record, column) for column in self.columns}

    def text_of(self, record: Any) -> str:
        """What the record has, as it would be typed: what a form begins with."""
        return as_text(self.name, self.values_of(record))


def as_text(name: str, values: Values) -> str:
    """The columns of a field as one text, as it would be typed."""
    if name == "gps":
        if values.get("gps_lat") is not None:
            return f"{values['gps_lat']:.10g}, {values['gps_lon']:.10g}"
        return values.get("gps_text") or ""
    value = next((one for one in values.values() if one is not None), "")
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, list):
        return "\n".join(value)
    return f"{value.astimezone(KARACHI):%Y-%m-%dT%H:%M}" if isinstance(value, dt.datetime) else str(value)


# -- Readers ---------------------------------------------------------------------------------------------------------
def _text(name: str, longest: int = LONGEST_TEXT) -> Callable[[str], Values]:
    def read(typed: str) -> Values:
        value = text_or_none(typed)
        if value is not None and len(value) > longest:
            raise InvalidInputError(_l("At most %(number)s characters.", number=longest), field=name)
        return {name: value}

    return read


def _mobile(typed: str) -> Values:
    found = read_mobile(typed)
    if found.code:
        raise InvalidInputError(_l("Not a Pakistani mobile number. It looks like 0300 1234567."), field="mobile")
    return {"mobile": found.value, "mobile_text": None}


def _cnic(typed: str) -> Values:
    found = read_cnic(typed)
    if found.code:
        raise InvalidInputError(_l("A CNIC has 13 digits, like 38201-1234567-1."), field="cnic")
    return {"cnic": found.value, "cnic_text": None}


def _email(typed: str) -> Values:
    value = text_or_none(typed)
    if value is not None:
        local, at, domain = value.partition("@")
        if not (local and at and "." in domain.strip(".") and " " not in value and len(value) <= 254):
            raise InvalidInputError(_l("This is not an e-mail address."), field="email")
    return {"email": value}


def _gps(typed: str) -> Values:
    found = read_gps(typed)
    if found.code == "GPS_OUTSIDE":
        sentence = _l("The position lies outside Punjab. Latitude first, like 32.2695, 72.8979.")
        raise InvalidInputError(sentence, field="gps")
    if found.code:
        raise InvalidInputError(_l("Two numbers, latitude first, like 32.2695, 72.8979."), field="gps")
    return {"gps_text": None, "gps_lat": found.lat, "gps_lon": found.lon}


def _size(typed: str) -> Values:
    value = text_or_none(typed)
    band = value if value in SIZE_BANDS else read_size(value) if value else None
    if value and band is None:
        raise InvalidInputError(_l("Choose one of the sizes."), field="size_band")
    return {"size_band": band, "size_text": None}


def _code(name: str, codes: tuple[str, ...], reader: Callable[[str], str | None]) -> Callable[[str], Values]:
    def read(typed: str) -> Values:
        value = text_or_none(typed)
        code = value if value in codes else reader(value) if value else None
        if value and code is None:
            raise InvalidInputError(_l("Choose one of the entries."), field=name)
        return {name: code}

    return read


def _urls(typed: str) -> Values:
    urls, code = read_image_urls(" ".join(typed.split()))
    if code or any(len(url) > 1000 for url in urls):
        raise InvalidInputError(
            _l("One address in each line, each beginning with http:// or https://."), field="image_urls"
        )
    return {"image_urls": urls}


def _surveyed_at(typed: str) -> Values:
    value = text_or_none(typed)
    if value is None:
        return {"surveyed_at": None}
    try:
        at = dt.datetime.fromisoformat(value.replace("/", "-"))
    except ValueError as error:
        raise InvalidInputError(_l("A time looks like 2025-11-26 15:54."), field="surveyed_at") from error
    at = at.replace(tzinfo=KARACHI) if at.tzinfo is None else at
    if at > dt.datetime.now(dt.UTC):
        raise InvalidInputError(_l("The time lies in the future."), field="surveyed_at")
    if at.year < 1970:
        raise InvalidInputError(_l("A time looks like 2025-11-26 15:54."), field="surveyed_at")
    return {"surveyed_at": at}


def _area(typed: str) -> Values:
    """The id only; whether it is one of the editor's, the use case asks."""
    value = clean(typed)
    if not (value.isascii() and value.isdecimal() and len(value) < 10):
        raise InvalidInputError(_l("Choose an area."), field=LOCATION)
    return {LOCATION: int(value)}


def _fee(typed: str) -> Values:
    amount, code = read_rupees(typed)
    if code:
        raise InvalidInputError(_l("A whole number of rupees, like 300."), field="monthly_fee")
    return {"monthly_fee": amount}


def _flag(typed: str) -> Values:
    value = clean(typed)
    if value not in {"", "0", "1"}:
        raise InvalidInputError(_l("Choose one of the entries."), field="is_active")
    return {"is_active": None if value == "" else value == "1"}


def _survey_link(typed: str) -> Values:
    if text_or_none(typed) is None:
        return {"survey_id": None}
    value, code = read_survey_id(typed)
    if code:
        raise InvalidInputError(_l("A survey id is a whole number, like 2319211."), field="survey_id")
    return {"survey_id": value}


_PHONE = {"type": "tel", "inputmode": "tel", "autocomplete": "off", "dir": "ltr"}
_DIGITS = {"inputmode": "numeric", "autocomplete": "off", "dir": "ltr"}
_NAME = Field("consumer_name", _l("Consumer's name"), ("consumer_name",), _text("consumer_name"), "Name")
_MOBILE = Field("mobile", _l("Mobile"), ("mobile", "mobile_text"), _mobile, "Mobile Num",
                help=_l("Like 0300 1234567."), attributes=_PHONE)  # fmt: skip
_CNIC = Field("cnic", _l("CNIC"), ("cnic", "cnic_text"), _cnic, "Cnic Num",
              help=_l("13 digits, with or without dashes."), attributes=_DIGITS)  # fmt: skip
_ADDRESS = Field("address", _l("Address"), ("address",), _text("address"), "Address", kind="long")
_AREA = Field(LOCATION, _l("Area"), (LOCATION,), _area, "Union Council", kind="area")
_UC_TYPE = Field("uc_type", _l("Urban or rural"), ("uc_type",), _code("uc_type", tuple(UC_TYPES), read_uc_type),
                 "UC Type", kind="choice", choices=UC_TYPES)  # fmt: skip
_USE = Field("use", _l("Use"), ("use",), _code("use", USES, read_use), "Type", kind="choice", choices=USE_WORDS)
_SIZE = Field("size_band", _l("Size"), ("size_band", "size_text"), _size, "Area", kind="choice", choices=SIZES)

UNIT_FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        _NAME, _MOBILE, _CNIC, _ADDRESS,
        Field("email", _l("E-mail"), ("email",), _email, "Email", attributes={"type": "email", "autocomplete": "off"}),
        _AREA, _UC_TYPE, _USE,
        Field("business_type", _l("Business"), ("business_type",), _text("business_type", 200), "Type", kind="lookup",
              lookup=BUSINESS_TYPE, help=_l("For commercial units, like “Shops”.")),
        _SIZE,
        Field("house_type", _l("House type"), ("house_type",), _text("house_type", 200), "House Type", kind="lookup",
              lookup=HOUSE_TYPE),
        Field("water_connection", _l("Water connection"), ("water_connection",), _text("water_connection", 200),
              "Water Connection", kind="lookup", lookup=WATER_CONNECTION),
        Field("gps", _l("Position"), ("gps_text", "gps_lat", "gps_lon"), _gps, "GPS Coordinates",
              help=_l("Latitude and longitude, like 32.2695, 72.8979."), attributes={"dir": "ltr"}),
        Field("image_urls", _l("Photos on the portal"), ("image_urls",), _urls, "Image URLs", kind="long",
              help=_l("One address in each line."), attributes={"dir": "ltr"}),
        Field("surveyor_name", _l("Surveyor"), ("surveyor_name",), _text("surveyor_name", 200), "Surveyor Name"),
        Field("surveyed_at", _l("Surveyed at"), ("surveyed_at",), _surveyed_at, "Survey Timestamp", kind="time"),
        Field("extra_text", _l("Note in the file"), ("extra_text",), _text("extra_text"), "extra_text", kind="long"),
    )
}  # fmt: skip

ACCOUNT_FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        _NAME,
        Field("mobile", _MOBILE.label, _MOBILE.columns, _mobile, "Mobile", help=_MOBILE.help, attributes=_PHONE),
        Field("cnic", _CNIC.label, _CNIC.columns, _cnic, "CNIC", help=_CNIC.help, attributes=_DIGITS),
        _ADDRESS,
        Field(LOCATION, _AREA.label, _AREA.columns, _area, "UC", kind="area"),
        Field("survey_id", _l("Survey id"), ("survey_id",), _survey_link, "Survey ID",
              help=_l("Links the account to its unit. Empty: to none."), attributes=_DIGITS),
        Field("uc_type", _UC_TYPE.label, _UC_TYPE.columns, _UC_TYPE.read, "Category", kind="choice", choices=UC_TYPES),
        Field("use", _USE.label, _USE.columns, _USE.read, "Sub Category", kind="choice", choices=USE_WORDS),
        Field("size_band", _SIZE.label, _SIZE.columns, _size, "Billing Category", kind="choice", choices=SIZES),
        Field("monthly_fee", _l("Monthly fee, Rs"), ("monthly_fee",), _fee, "Monthly Fee",
              help=_l("What the next bill will ask for; bills that were issued keep theirs."), attributes=_DIGITS),
        Field("is_active", _l("Active on the portal"), ("is_active",), _flag, "Status", kind="choice",
              choices={"1": _l("Active"), "0": _l("Inactive")}),
        Field("wmc", _l("Company"), ("wmc",), _text("wmc", 200), "WMC"),
        Field("office", _l("Office"), ("office",), _text("office", 200), "Office"),
    )
}  # fmt: skip


def read_changes(fields: Mapping[str, Field], changes: Mapping[str, Any]) -> dict[str, Values]:
    """{field: its columns with the new values} of what was typed (None and '' empty a field).

    Raises InvalidInputError; `details["fields"]` has the sentence for each field that cannot be taken.
    """
    found: dict[str, Values] = {}
    wrong: dict[str, str] = {}
    for name, typed in changes.items():
        field = fields.get(name)
        if field is None:
            raise InvalidInputError(_l("There is no field %(name)s that people set.", name=name), field=name)
        text = "\n".join(map(str, typed)) if isinstance(typed, list | tuple) else "" if typed is None else str(typed)
        try:
            found[name] = field.read(text)
        except InvalidInputError as error:
            wrong[name] = str(error)
    if wrong:
        raise wrong_fields(wrong)
    return found


def wrong_fields(wrong: Mapping[str, str]) -> InvalidInputError:
    """The error that names each wrong field; its own sentence is the first of theirs."""
    name, sentence = next(iter(wrong.items()))
    return InvalidInputError(sentence, field=name, fields=dict(wrong))


def check_use_and_size(use: str | None, band: str | None) -> None:
    """Marla is for houses, Small to Large for businesses. Raises InvalidInputError."""
    if band is None or use is None:
        return
    if (use == DOMESTIC) != (band in MARLA_BANDS):
        sentence = (
            _l("A domestic unit has a size in marla.")
            if use == DOMESTIC
            else _l("A commercial unit is small, medium or large.")
        )
        raise wrong_fields({"size_band": str(sentence)})


__all__ = [
    "ACCOUNT_FIELDS",
    "COMMERCIAL",
    "LOCATION",
    "UNIT_FIELDS",
    "Field",
    "Values",
    "as_text",
    "check_use_and_size",
    "read_changes",
    "wrong_fields",
]

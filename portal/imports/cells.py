"""Readers of single cells: text of a file in, clean value and finding code out. Pure, no exceptions, no database.

Every reader returns `(value, code)`; `code` is '' when the cell is fine and else a key of `FINDINGS`. A cell without a
value ('-', 'null' ...) gives `(None, '')` unless a missing value is a finding in itself. Cells that repeat
over many rows are cached.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from portal.text import has_hidden, without_hidden

MAX_RUPEES = 2_147_483_647
# Longer numbers lose digits in a spreadsheet, which keeps 15.
EXACT_DIGITS = 15

_NO_VALUE = frozenset({"", "null", "n/a", "na", "nan", "#n/a", "(null)", "<null>"})
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015"
_EXPONENT = re.compile(r"[+-]?\d+(?:[.,]\d+)?e[+-]?\d+", re.IGNORECASE)
_GROUPED = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}")
_RUPEES = re.compile(r"(?:rs|pkr)?\.?\s*([\d,]+)(?:\.(\d+))?\s*(?:/[-=]+)?\s*(?:rs|pkr)?\.?", re.IGNORECASE)
_SEPARATORS = str.maketrans("", "", " -().\u00a0\u2010\u2011\u2012\u2013")
_URL_SPLIT = re.compile(r"\s*[,;|\s]\s*(?=https?://)", re.IGNORECASE)

Text = str | None


def _clean_slowly(text: str) -> str:
    """Control characters out (line breaks and tabs become blanks), lone surrogates replaced, what cannot be seen out,
    NFC: last, since what stood between two characters may have kept them apart."""
    out = []
    for char in without_hidden(text):
        category = unicodedata.category(char)
        if category in {"Cc", "Zl", "Zp"}:
            # A blank for those that separate words.
            if char in "\t\n\r\v\f\x85\u2028\u2029":
                out.append(" ")
        elif category == "Cs":
            out.append("\ufffd")
        else:
            out.append(char)
    return unicodedata.normalize("NFC", "".join(out)).strip()


def clean(text: str) -> str:
    """The text on one line, without outer blanks and characters that cannot be seen (see `portal.text`); Urdu and inner
    blanks stay."""
    if text.isprintable() and (text.isascii() or (unicodedata.is_normalized("NFC", text) and not has_hidden(text))):
        return text.strip()
    return _clean_slowly(text)


def text_or_none(text: str) -> Text:
    """The clean text, or None when it says that there is no value."""
    # As `clean`, without the call: this runs for most cells of a file.
    text = text.strip() if text.isascii() and text.isprintable() else clean(text)
    # A comparison of short strings only: almost all texts are longer than these words.
    if len(text) <= 6 and (text.casefold() in _NO_VALUE or not text.strip(_DASHES)):
        return None
    return text


@lru_cache(maxsize=16384)
def repeated_text(text: str) -> Text:
    """`text_or_none` for columns with few different values (places, categories, offices)."""
    return text_or_none(text)


def ascii_digits(text: str) -> str:
    """Urdu, Arabic and full-width digits as 0-9; everything else stays."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in text)


def _number_text(text: str) -> str:
    """A number as its digits: the apostrophe of Excel, blanks and a '.0' that a float left behind are taken off."""
    text = ascii_digits(clean(text)).lstrip("'").strip()
    if text.endswith(".0") or text.endswith(".00"):
        text = text[: text.index(".")]
    return text.replace(" ", "").replace("\u00a0", "")


def read_psid(text: str) -> tuple[Text, str]:
    """11 to 20 digits. Codes: PSID_MISSING, PSID_MANGLED, PSID_UNREADABLE; PSID_ENDS_IN_ZEROS comes with a value."""
    if not (text.isdecimal() and text.isascii()):
        if text_or_none(text) is None:
            return None, "PSID_MISSING"
        number = _number_text(text)
        if _EXPONENT.fullmatch(number):
            return None, "PSID_MANGLED"
        if not (number.isdecimal() and number.isascii()):
            return None, "PSID_UNREADABLE"
        if len(number) > EXACT_DIGITS and "." in text:
            # 26770110000000000000.0 went through a float.
            return None, "PSID_MANGLED"
        text = number
    if not 11 <= len(text) <= 20 or not text.strip("0"):
        return None, "PSID_UNREADABLE"
    # 15 digits and zeros behind them: every number of 18 digits and more that a spreadsheet has written.
    return text, "PSID_ENDS_IN_ZEROS" if len(text) >= 18 and not text[EXACT_DIGITS:].strip("0") else ""


def read_survey_id(text: str) -> tuple[Text, str]:
    """Digits without leading zeros, at most 18. Codes: SURVEY_ID_MISSING, SURVEY_ID_UNREADABLE."""
    if not (text.isdecimal() and text.isascii()):
        if text_or_none(text) is None:
            return None, "SURVEY_ID_MISSING"
        text = _number_text(text)
        if _GROUPED.fullmatch(text):
            text = text.replace(",", "")
        if not (text.isdecimal() and text.isascii()):
            return None, "SURVEY_ID_UNREADABLE"
    text = text.lstrip("0")
    if not text or len(text) > 18:
        return None, "SURVEY_ID_UNREADABLE"
    return text, ""


def read_id(text: str) -> Text:
    """A number of the area list as digits without leading zeros; None when unreadable."""
    number = _number_text(text)
    if not (number.isdecimal() and number.isascii()) or len(number) > 18:
        return None
    return number.lstrip("0") or "0"


def read_bill_id(text: str) -> tuple[Text, str]:
    """The portal's bill id: text, a '.0' taken off. Code: BILL_ID_UNREADABLE (a rounded number)."""
    value = text_or_none(text)
    if value is None:
        return None, ""
    if value.isdecimal() and value.isascii():
        return value, ""
    number = _number_text(value)
    if _EXPONENT.fullmatch(number):
        return None, "BILL_ID_UNREADABLE"
    if number.isdecimal() and number.isascii():
        return number, ""
    return value, ""


@lru_cache(maxsize=65536)
def read_rupees(text: str) -> tuple[int | None, str]:  # noqa: PLR0911 (one return for each fault)
    """Whole rupees; paisas are rounded half up. Codes: AMOUNT_ROUNDED (with a value), AMOUNT_UNREADABLE.

    "1,655", "1655.00", "Rs 500", "PKR 1,00,000/-". Negative amounts, and those above 2,147,483,647, are unreadable.
    """
    if text.isdecimal() and text.isascii() and len(text) < 10:
        return int(text), ""
    value = text_or_none(text)
    if value is None:
        return None, ""
    match = _RUPEES.fullmatch(ascii_digits(value).lstrip("'"))
    if match is None:
        return None, "AMOUNT_UNREADABLE"
    whole, paisas = match[1], match[2] or ""
    if "," in whole:
        if not _GROUPED.fullmatch(whole):
            return None, "AMOUNT_UNREADABLE"
        whole = whole.replace(",", "")
    if len(whole.lstrip("0")) > 10:
        return None, "AMOUNT_UNREADABLE"
    amount = int(whole) + (1 if paisas and paisas[0] >= "5" else 0)
    if amount > MAX_RUPEES:
        return None, "AMOUNT_UNREADABLE"
    return amount, "AMOUNT_ROUNDED" if paisas.strip("0") else ""


class Kept(NamedTuple):
    """A value that may be unreadable: `text` holds what the file had only when `value` is None."""

    value: str | None
    text: str | None
    code: str


_NOTHING = Kept(None, None, "")


def read_mobile(text: str) -> Kept:
    """11 digits 03xxxxxxxxx of "0300 1234567", "+923001234567", "3001234567". Code: MOBILE_UNREADABLE."""
    if len(text) == 11 and text[:2] == "03" and text.isdecimal() and text.isascii():
        return Kept(text, None, "")
    value = text_or_none(text)
    if value is None:
        return _NOTHING
    digits = _number_text(value).translate(_SEPARATORS).removeprefix("+")
    if digits.isdecimal() and digits.isascii():
        if len(digits) == 14:
            digits = digits.removeprefix("00")
        if len(digits) == 12:
            digits = digits.removeprefix("92")
        if len(digits) == 10 and digits[0] == "3":
            digits = "0" + digits
        if len(digits) == 11 and digits.startswith("03"):
            return Kept(digits, None, "")
    return Kept(None, value, "MOBILE_UNREADABLE")


def read_cnic(text: str) -> Kept:
    """13 digits, dashes and blanks taken out; one digit thirteen times is a filler. Code: CNIC_UNREADABLE."""
    value = text_or_none(text)
    if value is None:
        return _NOTHING
    digits = value
    if not (value.isdecimal() and value.isascii()):
        digits = _number_text(value).translate(_SEPARATORS)
    if len(digits) == 13 and digits.isdecimal() and digits.isascii() and digits.strip(digits[0]):
        return Kept(digits, None, "")
    return Kept(None, value, "CNIC_UNREADABLE")


class Coordinates(NamedTuple):
    """Both coordinates or neither; `text` holds what the file had only when there are none."""

    lat: float | None
    lon: float | None
    text: str | None
    code: str


LAT_RANGE, LON_RANGE = (27.7, 34.1), (69.2, 75.5)


def read_gps(text: str) -> Coordinates:
    """Latitude and longitude inside Punjab of "32.2695,72.8979". Codes: GPS_UNREADABLE, GPS_OUTSIDE."""
    value = text_or_none(text)
    if value is None:
        return Coordinates(None, None, None, "")
    parts = value.replace(",", " ").replace(";", " ").split()
    if len(parts) == 2:
        try:
            lat, lon = float(parts[0]), float(parts[1])
        except ValueError:
            return Coordinates(None, None, value, "GPS_UNREADABLE")
        if LAT_RANGE[0] <= lat <= LAT_RANGE[1] and LON_RANGE[0] <= lon <= LON_RANGE[1]:
            return Coordinates(lat, lon, None, "")
        return Coordinates(None, None, value, "GPS_OUTSIDE")
    return Coordinates(None, None, value, "GPS_UNREADABLE")


def read_image_urls(text: str) -> tuple[list[str], str]:
    """The addresses in a cell, in their order, each once. Code: IMAGE_URL_UNREADABLE when one is not http(s)."""
    value = text_or_none(text)
    if value is None:
        return [], ""
    urls: list[str] = []
    code = ""
    for part in _URL_SPLIT.split(value):
        # Only the next http:// separates: a comma may belong to an address.
        url = part.strip(" ,;|")
        if not url or url.casefold() == "null":
            continue
        if url.casefold().startswith(("http://", "https://")) and " " not in url:
            if url not in urls:
                urls.append(url)
        else:
            code = "IMAGE_URL_UNREADABLE"
    return urls, code


_FLAGS = {
    "1": True, "0": False, "1.0": True, "0.0": False, "active": True, "inactive": False, "in-active": False,
    "true": True, "false": False, "yes": True, "no": False, "y": True, "n": False,
}  # fmt: skip


@lru_cache(maxsize=512)
def read_flag(text: str) -> tuple[bool | None, str]:
    """True of 1, active, yes; False of 0, inactive, no. Code: STATUS_UNREADABLE."""
    value = text_or_none(text)
    if value is None:
        return None, ""
    flag = _FLAGS.get(value.casefold())
    return flag, "" if flag is not None else "STATUS_UNREADABLE"

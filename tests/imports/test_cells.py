"""Readers of single cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.imports.cells import (
    LAT_RANGE,
    LON_RANGE,
    MAX_RUPEES,
    Kept,
    clean,
    read_bill_id,
    read_cnic,
    read_flag,
    read_gps,
    read_id,
    read_image_urls,
    read_mobile,
    read_psid,
    read_rupees,
    read_survey_id,
    text_or_none,
)


@pytest.mark.parametrize(
    "text", ["", " ", "-", " - ", "--", "—", "null", "NULL", "N/A", "n/a", "nan", "\ufeff-", "\u00a0"]
)
def test_no_value(text: str) -> None:
    assert text_or_none(text) is None


@pytest.mark.parametrize("text", ["Nadeem", "0", "None", "-5", "A-", "نذیر"])
def test_a_value(text: str) -> None:
    assert text_or_none(text) == text


def test_text_is_cleaned() -> None:
    assert clean(" House\x00 4,\r\nStreet\t2 \x07") == "House 4,  Street 2"
    assert clean("\ufeffمحمد\u200cعلی ") == "محمد\u200cعلی"
    assert clean("e\u0301") == "é"
    assert clean("a\ud800b") == "a\ufffdb"


@given(st.text(max_size=60))
def test_cleaning_is_done_after_once_and_fits_the_database(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert "\x00" not in once
    once.encode("utf-8")


@given(st.from_regex(r"[1-9][0-9]{10,19}", fullmatch=True))
def test_psid_round_trip(number: str) -> None:
    for spelling in (number, f" {number} ", f"'{number}", f"{number[:5]} {number[5:]}"):
        assert read_psid(spelling)[0] == number


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "PSID_MISSING"),
        ("-", "PSID_MISSING"),
        ("2.67701E+19", "PSID_MANGLED"),
        ("2,67701E+19", "PSID_MANGLED"),
        ("2.677011e+19", "PSID_MANGLED"),
        ("26770110000000000000.0", "PSID_MANGLED"),
        ("1234567890", "PSID_UNREADABLE"),
        ("123456789012345678901", "PSID_UNREADABLE"),
        ("2677011000000000000O", "PSID_UNREADABLE"),
        ("-26770110000000000012", "PSID_UNREADABLE"),
        ("26770110000000000.5", "PSID_UNREADABLE"),
        ("00000000000000000000", "PSID_UNREADABLE"),
    ],
)
def test_psid_faults(text: str, code: str) -> None:
    assert read_psid(text) == (None, code)


def test_psid_odd_but_readable() -> None:
    assert read_psid("26770110000.0") == ("26770110000", "")
    assert read_psid("۲۶۷۷۰۱۱۰۰۰۰۰۰۰۰۰۰۰۱۲") == ("26770110000000000012", "")
    assert read_psid("26770110000001200000") == ("26770110000001200000", "PSID_ENDS_IN_ZEROS")
    assert read_psid("26770110000001200001") == ("26770110000001200001", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2319211", ("2319211", "")),
        ("2319211.0", ("2319211", "")),
        (" 2319211 ", ("2319211", "")),
        ("2,319,211", ("2319211", "")),
        ("0002319", ("2319", "")),
        ("", (None, "SURVEY_ID_MISSING")),
        ("-", (None, "SURVEY_ID_MISSING")),
        ("0", (None, "SURVEY_ID_UNREADABLE")),
        ("2319211.5", (None, "SURVEY_ID_UNREADABLE")),
        ("23A", (None, "SURVEY_ID_UNREADABLE")),
        ("-5", (None, "SURVEY_ID_UNREADABLE")),
        ("1234567890123456789", (None, "SURVEY_ID_UNREADABLE")),
    ],
)
def test_survey_id(text: str, expected: tuple[str | None, str]) -> None:
    assert read_survey_id(text) == expected


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1,655", 1655),
        ("1655.00", 1655),
        ("1655", 1655),
        ("Rs 500", 500),
        ("Rs.1,655/-", 1655),
        ("PKR 1,00,000", 100000),
        ("0", 0),
        (str(MAX_RUPEES), MAX_RUPEES),
        ("۵۰۰", 500),
    ],
)
def test_rupees(text: str, amount: int) -> None:
    assert read_rupees(text) == (amount, "")


@pytest.mark.parametrize(("text", "amount"), [("1655.4", 1655), ("1655.5", 1656), ("0.50", 1), ("1,655.49", 1655)])
def test_paisas_round_half_up_with_a_finding(text: str, amount: int) -> None:
    assert read_rupees(text) == (amount, "AMOUNT_ROUNDED")


@pytest.mark.parametrize(
    "text",
    ["-500", "(500)", "five", "1655,00", "1,65", "1.655.000", "2147483648", "99999999999999", "1e3", "5 00", "1,,655"],
)
def test_unreadable_rupees(text: str) -> None:
    assert read_rupees(text) == (None, "AMOUNT_UNREADABLE")


def test_no_rupees() -> None:
    assert read_rupees("-") == (None, "")


@given(st.integers(0, MAX_RUPEES))
def test_rupees_round_trip(amount: int) -> None:
    for text in (str(amount), f"{amount:,}", f"{amount}.0", f" Rs {amount:,} "):
        assert read_rupees(text) == (amount, "")


@pytest.mark.parametrize(
    "text",
    [
        "03001234567", "0300 1234567", "0300-1234567", "+923001234567", "923001234567", "00923001234567", "3001234567",
        "+92 300 123 4567", "3001234567.0", "(0300) 1234567", "'03001234567",
    ],
)  # fmt: skip
def test_mobile_spellings(text: str) -> None:
    assert read_mobile(text) == Kept("03001234567", None, "")


@pytest.mark.parametrize(
    "text", ["not given", "0454123456", "12345", "03001234567, 03007654321", "00000000000", "3.00E+09"]
)
def test_other_mobiles_are_kept_as_text(text: str) -> None:
    assert read_mobile(text) == Kept(None, text, "MOBILE_UNREADABLE")


def test_no_mobile() -> None:
    assert read_mobile("-") == Kept(None, None, "")


@pytest.mark.parametrize("text", ["3820112345671", "38201-1234567-1", "38201 1234567 1", "3820112345671.0"])
def test_cnic_spellings(text: str) -> None:
    assert read_cnic(text) == Kept("3820112345671", None, "")


@pytest.mark.parametrize("text", ["382011234567", "0000000000000", "11111-1111111-1", "abc", "38201123456711"])
def test_junk_cnic_is_kept_as_text(text: str) -> None:
    assert read_cnic(text) == Kept(None, text, "CNIC_UNREADABLE")


@given(st.floats(*LAT_RANGE), st.floats(*LON_RANGE))
def test_gps_round_trip(lat: float, lon: float) -> None:
    assert read_gps(f"{lat}, {lon}") == (lat, lon, None, "")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0,0", "GPS_OUTSIDE"),
        ("32.2695,-72.8979", "GPS_OUTSIDE"),
        ("72.8979,32.2695", "GPS_OUTSIDE"),
        ("nan,nan", "GPS_OUTSIDE"),
        ("32.2695", "GPS_UNREADABLE"),
        ("here,there", "GPS_UNREADABLE"),
        ("1,2,3", "GPS_UNREADABLE"),
    ],
)
def test_other_places_are_kept_as_text(text: str, code: str) -> None:
    assert read_gps(text) == (None, None, text, code)


@pytest.mark.parametrize("text", ["null", "", "-"])
def test_no_gps(text: str) -> None:
    assert read_gps(text) == (None, None, None, "")


def test_image_urls() -> None:
    one, two = "https://portal.example/p/1.jpg", "http://portal.example/p/2,3.jpg"
    assert read_image_urls("") == ([], "")
    assert read_image_urls(one) == ([one], "")
    assert read_image_urls(f"{one}, {two},{one}") == ([one, two], "")
    assert read_image_urls(f"{one}\n{two}") == ([one, two], "")
    assert read_image_urls("javascript:alert(1)") == ([], "IMAGE_URL_UNREADABLE")
    assert read_image_urls(f"photo missing, {one}") == ([one], "IMAGE_URL_UNREADABLE")


def test_bill_id() -> None:
    assert read_bill_id("880001.0") == ("880001", "")
    assert read_bill_id(" B-17 ") == ("B-17", "")
    assert read_bill_id("-") == (None, "")
    assert read_bill_id("8.8E+15") == (None, "BILL_ID_UNREADABLE")


def test_ids_of_the_area_list() -> None:
    assert [read_id(text) for text in ("17", "17.0", "0017", "0", "x", "", "-3")] == [
        "17",
        "17",
        "17",
        "0",
        None,
        None,
        None,
    ]


def test_flag() -> None:
    assert [read_flag(text)[0] for text in ("1", "0", "1.0", "Active", "inactive", "TRUE", "-", "maybe")] == [
        True, False, True, True, False, True, None, None,
    ]  # fmt: skip
    assert read_flag("maybe")[1] == "STATUS_UNREADABLE"
    assert read_flag("-")[1] == ""

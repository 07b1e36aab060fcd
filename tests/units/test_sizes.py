"""Spellings of sizes and categories."""

import pytest

from portal.units.sizes import Category, read_category, read_size, read_uc_type, read_use


@pytest.mark.parametrize(
    ("text", "band"),
    [
        ("0-5 Marla", "M0_5"),
        ("0-5", "M0_5"),
        (" 0 - 5 marla ", "M0_5"),
        ("Upto 5 marla", "M0_5"),
        ("up to 5 Marla", "M0_5"),
        ("5-10", "M5_10"),
        ("Above 5 to 10 marla", "M5_10"),
        ("10-20 Marla", "M10_20"),
        ("20-40", "M20_40"),
        ("1-2 Kanal", "M20_40"),
        ("Above 40", "M40_PLUS"),
        ("above 40 Marla", "M40_PLUS"),
        ("40+", "M40_PLUS"),
        ("Above 2 Kanal", "M40_PLUS"),
        # One more spelling of an existing band: see the module's docstring.
        ("Below 5 Kanal", "M40_PLUS"),
        ("Below 1 Kanal", "M10_20"),
        ("7", "M5_10"),
        ("5", "M0_5"),
        ("Small", "SMALL"),
        ("LARGE", "LARGE"),
        ("Medium business", "MEDIUM"),
    ],
)
def test_size_spellings(text: str, band: str) -> None:
    assert read_size(text) == band


@pytest.mark.parametrize(
    "text", ["", "-", "Above 20", "3-7", "10-5", "0", "5 rooms", "huge", "Small Large", "Small 5-10"]
)
def test_unknown_sizes_are_not_guessed(text: str) -> None:
    assert read_size(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Domestic Urban Upto 5 marla", Category("DOMESTIC", "M0_5", "URBAN")),
        ("Domestic Rural Above 5 to 10 marla", Category("DOMESTIC", "M5_10", "RURAL")),
        ("Domestic Urban Above 40 marla", Category("DOMESTIC", "M40_PLUS", "URBAN")),
        ("Commercial Urban Small business", Category("COMMERCIAL", "SMALL", "URBAN")),
        ("0-5 Marla", Category("DOMESTIC", "M0_5", None)),
        ("Large", Category("COMMERCIAL", "LARGE", None)),
        ("Commercial Rural", Category("COMMERCIAL", None, "RURAL")),
        ("Domestic Urban Special", Category("DOMESTIC", None, "URBAN")),
    ],
)
def test_billing_categories(text: str, expected: Category) -> None:
    assert read_category(text) == expected


def test_use_and_type_columns() -> None:
    assert (read_use("Domestic"), read_use("commercial "), read_use("Industrial")) == ("DOMESTIC", "COMMERCIAL", None)
    assert (read_uc_type("Urban"), read_uc_type("RURAL"), read_uc_type("-")) == ("URBAN", "RURAL", None)

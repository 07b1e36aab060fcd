"""Figures, dates and times as text."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.web import format as fmt
from portal.web.masking import mask_cnic, mask_mobile

UTC = dt.UTC


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "exact", "short"),
    [
        (None, "–", "–"),
        (0, "Rs 0", "Rs 0"),
        (9_999, "Rs 9,999", "Rs 9,999"),
        (10_000, "Rs 10,000", "Rs 10.0 k"),
        (99_950, "Rs 99,950", "Rs 100.0 k"),
        (106_900, "Rs 106,900", "Rs 107 k"),
        (999_499, "Rs 999,499", "Rs 999 k"),
        (999_500, "Rs 999,500", "Rs 1.00 M"),
        (5_344_999, "Rs 5,344,999", "Rs 5.34 M"),
        (5_345_000, "Rs 5,345,000", "Rs 5.35 M"),
        (13_600_000, "Rs 13,600,000", "Rs 13.6 M"),
        (-148_000, "Rs −148,000", "Rs −148 k"),
        (2_500_000_000, "Rs 2,500,000,000", "Rs 2.50 bn"),
    ],
)
def test_rupees(value: int | None, exact: str, short: str) -> None:
    assert plain(fmt.rupees(value)) == exact
    assert plain(fmt.rupees_short(value)) == short


@given(st.integers(-(10**13), 10**13))
def test_short_is_within_half_a_percent_and_odd(value: int) -> None:
    text = plain(fmt.short(value))
    digits, _, unit = text.replace("−", "").partition(" ")
    shown = float(digits.replace(",", "")) * {"": 1, "k": 1e3, "M": 1e6, "bn": 1e9}[unit]
    assert abs(shown - abs(value)) <= abs(value) * 0.0051
    if value > 0:
        assert plain(fmt.short(-value)) == "−" + text


@given(st.integers(-(10**13), 10**13))
def test_number_reads_back(value: int) -> None:
    text = fmt.number(value)
    assert int(text.replace(",", "").replace("−", "-")) == value
    assert re.fullmatch(r"−?\d{1,3}(,\d{3})*", text)


@pytest.mark.parametrize(
    ("ratio", "text", "signed", "points"),
    [
        (0.072, "7.2 %", "+7.2 %", "+7.2 pt"),
        (-0.0114, "−1.1 %", "−1.1 %", "−1.1 pt"),
        (0.0, "0.0 %", "0.0 %", "0.0 pt"),
        (-0.0001, "0.0 %", "0.0 %", "0.0 pt"),
        (None, "–", "–", "–"),
    ],
)
def test_ratios(ratio: float | None, text: str, signed: str, points: str) -> None:
    assert plain(fmt.percent(ratio)) == text
    assert plain(fmt.signed_percent(ratio)) == signed
    assert plain(fmt.points(ratio)) == points


def test_dates_are_those_of_karachi() -> None:
    late = dt.datetime(2025, 12, 4, 20, 30, tzinfo=UTC)  # half past one at night on the 5th there
    assert fmt.localtime(late) == "5 Dec 2025, 01:30"
    assert fmt.date(late) == "5 Dec 2025"
    assert fmt.month(dt.date(2025, 11, 1)) == "Nov 2025"
    assert fmt.month(dt.date(2025, 11, 1), "ur") == "نومبر 2025"
    with pytest.raises(ValueError, match="time zone"):
        fmt.localtime(dt.datetime(2025, 12, 4))


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(0, ("now", 0)), (59, ("now", 0)), (60, ("minutes", 1)), (3_599, ("minutes", 59)), (7_300, ("hours", 2)),
     (86_400, ("days", 1)), (29 * 86_400, ("days", 29)), (30 * 86_400, ("date", 0)), (-30, ("now", 0)),
     (-90, ("date", 0))],
)  # fmt: skip
def test_age(seconds: int, age: tuple[str, int]) -> None:
    now = dt.datetime(2025, 12, 5, tzinfo=UTC)
    assert fmt.age(now - dt.timedelta(seconds=seconds), now) == age


def test_masking_keeps_the_last_digits_only() -> None:
    assert mask_cnic("38201-1234567-1", may_see=False) == "•••••-•••••67-1"
    assert mask_mobile("03001234567", may_see=False) == "•••••••4567"
    assert mask_mobile("03001234567", may_see=True) == "03001234567"
    assert mask_cnic(None, may_see=False) == mask_cnic(None, may_see=True) == ""


@given(st.text(alphabet="0123456789-+ ()", max_size=30))
def test_masking_never_shows_more(text: str) -> None:
    digits = sum(char.isdigit() for char in text)
    masked = mask_mobile(text, may_see=False)
    assert sum(char.isdigit() for char in masked) == min(digits, 4)
    assert len(masked) == len(text)

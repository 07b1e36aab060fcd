"""Billing months and cycles."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.billing.cycles import add_months, cycle_bounds, cycle_of, month_label, parse_day, parse_month, same_day_of

DAYS = st.dates(dt.date(2001, 1, 1), dt.date(2099, 12, 31))
START_DAYS = st.integers(1, 28)
NOV = dt.date(2025, 11, 1)


@pytest.mark.parametrize(
    "text",
    [
        "2025-11", "2025-11-01", "2025-11-01 00:00:00", "Nov 2025", "nov 2025 ", "Nov-2025", "November 2025", "Nov-25",
        "Nov, 2025", "11/2025", "01/11/2025", "2025 Nov",
    ],
)  # fmt: skip
def test_month_spellings(text: str) -> None:
    assert parse_month(text) == NOV


@pytest.mark.parametrize(
    "text", ["", "-", "Nov", "2025", "13/2025", "2025-13", "Nev 2025", "2025-11-31", "Nov 1925", "1125"]
)
def test_no_month(text: str) -> None:
    assert parse_month(text) is None


@given(DAYS)
def test_label_reads_back(day: dt.date) -> None:
    month = day.replace(day=1)
    assert parse_month(month_label(month)) == month


def test_cycle_of_november() -> None:
    assert cycle_bounds(NOV, 16) == (dt.date(2025, 11, 16), dt.date(2025, 12, 15))
    assert cycle_of(dt.date(2025, 11, 15), 16) == dt.date(2025, 10, 1)
    assert cycle_of(dt.date(2026, 1, 15), 16) == dt.date(2025, 12, 1)
    assert cycle_bounds(NOV, 1) == (NOV, dt.date(2025, 11, 30))


@given(DAYS, START_DAYS)
def test_every_day_lies_in_exactly_its_cycle(day: dt.date, start_day: int) -> None:
    month = cycle_of(day, start_day)
    first, last = cycle_bounds(month, start_day)
    assert month.day == 1
    assert first <= day <= last
    assert cycle_bounds(add_months(month, 1), start_day)[0] == last + dt.timedelta(days=1)


@given(DAYS, st.integers(-500, 500))
def test_months_add_up(day: dt.date, n: int) -> None:
    month = day.replace(day=1)
    assert add_months(add_months(month, n), -n) == month


def test_same_day_of_last_cycle() -> None:
    month, last_month = dt.date(2025, 11, 1), dt.date(2025, 10, 1)
    assert same_day_of(dt.date(2025, 11, 22), month, last_month, 16) == dt.date(2025, 10, 22)
    # February's cycle (16 Feb to 15 Mar) is shorter than March's.
    assert same_day_of(dt.date(2025, 4, 15), dt.date(2025, 3, 1), dt.date(2025, 2, 1), 16) == dt.date(2025, 3, 15)
    assert same_day_of(dt.date(2025, 11, 1), month, last_month, 16) == dt.date(2025, 10, 16)


@pytest.mark.parametrize("text", ["", "yesterday", "2025-02-30", "9999-12-31", "1999-12-31", "2101-01-01", "\0"])
def test_no_day(text: str) -> None:
    assert parse_day(text) is None


def test_days() -> None:
    assert [parse_day(text) for text in ("2000-01-01", "2100-12-31")] == [dt.date(2000, 1, 1), dt.date(2100, 12, 31)]

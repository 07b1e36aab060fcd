"""Dates in cells and in file names."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.imports.names_and_dates import (
    KARACHI,
    Clock,
    date_in_file_name,
    iso_month,
    iso_timestamp,
    month_in_file_name,
    parse_date,
    parse_timestamp,
)

DAYS = st.dates(dt.date(2001, 1, 1), dt.date(2099, 12, 31))
TODAY = dt.date(2026, 3, 10)


@pytest.mark.parametrize(
    "text",
    [
        "Dec 05, 2025", "Dec 5 2025", "December 05, 2025", "5 Dec 2025", "05-Dec-2025", "2025-12-05", "05/12/2025",
        "5.12.2025", "05-12-2025", "2025/12/05", "45996", "5th December, 2025",
    ],
)  # fmt: skip
def test_paid_dates(text: str) -> None:
    assert parse_date(text) == dt.date(2025, 12, 5)


@pytest.mark.parametrize(
    "text", ["", "-", "12/25/2025", "2025-13-01", "31/02/2025", "Dez 05, 2025", "20251205x", "1", "99999"]
)
def test_no_date(text: str) -> None:
    assert parse_date(text) is None


@given(DAYS)
def test_dates_read_back(day: dt.date) -> None:
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%b %d, %Y", "%d-%b-%Y"):
        assert parse_date(day.strftime(form)) == day


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("25/10/2025 04:45 AM", "2025-10-25T04:45:00+05:00"),
        ("25/10/2025 12:05 AM", "2025-10-25T00:05:00+05:00"),
        ("25/10/2025 12:05 PM", "2025-10-25T12:05:00+05:00"),
        ("25/10/2025 04:45 pm", "2025-10-25T16:45:00+05:00"),
        ("25/10/2025 16:45", "2025-10-25T16:45:00+05:00"),
        ("25/10/2025 16:45 PM", "2025-10-25T16:45:00+05:00"),
        ("2025-11-26 15:54:53", "2025-11-26T15:54:53+05:00"),
        ("2025-11-26T15:54:53.25", "2025-11-26T15:54:53+05:00"),
        ("2025-11-26T15:54:53Z", "2025-11-26T20:54:53+05:00"),
        ("2025-11-26", "2025-11-26T00:00:00+05:00"),
        ("Nov 26, 2025 03:04 PM", "2025-11-26T15:04:00+05:00"),
    ],
)
def test_timestamps(text: str, iso: str) -> None:
    assert iso_timestamp(text) == iso


@pytest.mark.parametrize(
    "text",
    ["", "10/25/2025 04:45 AM", "25/10/2025 25:00", "25/10/2025 13:75", "25/10/2025 00:45 AM", "now", "04:45 AM"],
)
def test_no_timestamp(text: str) -> None:
    assert iso_timestamp(text) is None


@given(st.datetimes(dt.datetime.fromisoformat("2010-01-01"), dt.datetime.fromisoformat("2099-12-31")))
def test_timestamps_read_back(moment: dt.datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=KARACHI)
    assert parse_timestamp(moment.strftime("%Y-%m-%d %H:%M:%S")) == moment
    assert parse_timestamp(moment.strftime("%d/%m/%Y %I:%M %p")) == moment.replace(second=0)


def test_the_future() -> None:
    clock = Clock(TODAY)
    assert clock.day("10/03/2026", "BAD", "FUTURE") == ("2026-03-10", "")
    assert clock.day("11/03/2026", "BAD", "FUTURE") == (None, "FUTURE")
    assert clock.day("2026-03-10 23:59", "BAD", "FUTURE") == ("2026-03-10", "")
    assert clock.day("-", "BAD", "FUTURE") == (None, "BAD")
    assert clock.timestamp("10/03/2026 11:59 PM", "BAD", "FUTURE") == ("2026-03-10T23:59:00+05:00", "")
    assert clock.timestamp("11/03/2026 12:00 AM", "BAD", "FUTURE") == (None, "FUTURE")
    assert clock.timestamp("-", "BAD", "FUTURE") == (None, "")
    assert clock.timestamp("soon", "BAD", "FUTURE") == (None, "BAD")


def test_months_in_cells() -> None:
    for text in ("Nov 2025", "2025-11-01", "2025-11-01 00:00:00", "45962", "Nov 01, 2025", "2025-11-17"):
        assert iso_month(text) == "2025-11-01"
    assert iso_month("-") is None
    assert iso_month("2025") is None


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("biller_2025-11-20.csv", dt.date(2025, 11, 20)),
        ("20-11-2025 paid.xlsx", dt.date(2025, 11, 20)),
        ("paid_20251120.csv", dt.date(2025, 11, 20)),
        ("paid_20251120153000.csv", dt.date(2025, 11, 20)),
        ("Paid 20Nov2025.xlsx", dt.date(2025, 11, 20)),
        ("Paid-Nov-20-2025.xlsx", dt.date(2025, 11, 20)),
        ("/tmp/2024-01-01/survey 3.12.2025 (1).csv", dt.date(2025, 12, 3)),
        ("02_Biller_Khushab_Nov2025.csv", None),
        ("biller_2025-11.csv", None),
        ("biller_99-99-2025.csv", None),
        ("26770110000000000012.csv", None),
        ("paid.csv", None),
    ],
)
def test_date_in_file_name(name: str, day: dt.date | None) -> None:
    assert date_in_file_name(name) == day


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("02_Biller_Khushab_Nov2025.csv", dt.date(2025, 11, 1)),
        ("02_Biller_Khushab_November_2025.csv", dt.date(2025, 11, 1)),
        ("biller Nov-25.csv", dt.date(2025, 11, 1)),
        ("biller_2025-11.csv", dt.date(2025, 11, 1)),
        ("biller_202511.csv", dt.date(2025, 11, 1)),
        ("biller 11-2025.csv", dt.date(2025, 11, 1)),
        ("2025 nov biller.csv", dt.date(2025, 11, 1)),
        ("Biller_Nov2025_20251203.csv", dt.date(2025, 11, 1)),
        ("Biller_Dec2025_downloaded 2025-11-28.csv", dt.date(2025, 12, 1)),
        ("biller_2025-11-20.csv", None),
        ("biller_20Nov2025.csv", None),
        ("02_Biller_Khushab.csv", None),
        ("biller_marla_25.csv", None),
        ("biller_2025-13.csv", None),
    ],
)
def test_month_in_file_name(name: str, month: dt.date | None) -> None:
    assert month_in_file_name(name) == month


@given(DAYS)
def test_full_dates_and_months_are_not_confused(day: dt.date) -> None:
    for form in ("%Y-%m-%d", "%d-%m-%Y", "%Y%m%d", "%d%b%Y"):
        assert date_in_file_name(f"list_{day.strftime(form)}.csv") == day
        assert month_in_file_name(f"list_{day.strftime(form)}.csv") is None
    for form in ("%b%Y", "%Y-%m", "%B_%Y"):
        assert date_in_file_name(f"list_{day.strftime(form)}.csv") is None
        assert month_in_file_name(f"list_{day.strftime(form)}.csv") == day.replace(day=1)

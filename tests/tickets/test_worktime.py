"""Working time: pure arithmetic, checked against a minute-by-minute count and by its own laws."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.tickets.worktime import (
    KARACHI,
    Clock,
    WorkCalendar,
    add_working,
    calendar_of,
    minutes_of,
    working_minutes,
)

OFFICE = calendar_of(("mon", "tue", "wed", "thu", "fri", "sat"), "09:00", "17:00", [dt.date(2026, 3, 23)])


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=KARACHI)


@pytest.mark.parametrize(
    ("begin", "minutes", "end"),
    [
        ("2026-03-16 10:00", 60, "2026-03-16 11:00"),
        ("2026-03-16 16:30", 60, "2026-03-17 09:30"),  # over the evening
        ("2026-03-16 07:00", 60, "2026-03-16 10:00"),  # before the office opens
        ("2026-03-16 22:00", 60, "2026-03-17 10:00"),
        ("2026-03-21 16:00", 120, "2026-03-24 10:00"),  # Saturday; Sunday is free, Monday 23 is a holiday
        ("2026-03-16 09:00", 480, "2026-03-16 17:00"),  # the whole day ends with it, not on the next morning
        ("2026-03-22 12:00", 1, "2026-03-24 09:01"),
        ("2026-03-16 10:00", 0, "2026-03-16 10:00"),
        ("2026-03-22 12:00", -5, "2026-03-22 12:00"),
    ],
)
def test_deadlines(begin: str, minutes: int, end: str) -> None:
    assert add_working(OFFICE, at(begin), minutes) == at(end)


def test_times_of_other_zones_are_karachis() -> None:
    begin = dt.datetime(2026, 3, 16, 5, 0, tzinfo=dt.UTC)  # ten o'clock in Karachi
    assert add_working(OFFICE, begin, 60) == at("2026-03-16 11:00")


MOMENTS = st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2026, 12, 31)).map(
    lambda moment: moment.replace(second=0, microsecond=0, tzinfo=KARACHI)
)
DAYS = st.dates(dt.date(2026, 1, 1), dt.date(2027, 2, 1))


@st.composite
def calendars(draw: st.DrawFn) -> WorkCalendar:
    start = draw(st.integers(0, 24 * 60 - 30))
    end = draw(st.integers(start + 30, 24 * 60))
    return WorkCalendar(
        draw(st.frozensets(st.integers(0, 6), min_size=1)), start, end, draw(st.frozensets(DAYS, max_size=20))
    )


@given(calendars(), MOMENTS, st.integers(1, 3000))
def test_adding_then_counting_gives_what_was_added(calendar: WorkCalendar, begin: dt.datetime, minutes: int) -> None:
    end = add_working(calendar, begin, minutes)
    assert working_minutes(calendar, begin, end) == minutes
    assert working_minutes(calendar, end, begin) == -minutes


@given(calendars(), MOMENTS, st.integers(1, 3000))
def test_a_deadline_lies_in_working_time(calendar: WorkCalendar, begin: dt.datetime, minutes: int) -> None:
    local = add_working(calendar, begin, minutes).astimezone(KARACHI)
    minute = local.hour * 60 + local.minute
    day = local.date()
    if minute == 0 and calendar.end == 24 * 60:  # the end of the day before
        minute, day = 24 * 60, day - dt.timedelta(days=1)
    assert calendar.works_on(day)
    assert calendar.start < minute <= calendar.end


@given(calendars(), MOMENTS, st.integers(0, 2000), st.integers(0, 2000))
def test_more_time_is_never_earlier(calendar: WorkCalendar, begin: dt.datetime, some: int, more: int) -> None:
    assert add_working(calendar, begin, some) <= add_working(calendar, begin, some + more)
    # In two steps it is the same as in one.
    assert add_working(calendar, add_working(calendar, begin, some), more) == add_working(calendar, begin, some + more)


@given(calendars(), MOMENTS, st.integers(1, 2000), st.frozensets(DAYS, max_size=10))
def test_a_holiday_never_brings_a_deadline_nearer(
    calendar: WorkCalendar, begin: dt.datetime, minutes: int, more: frozenset[dt.date]
) -> None:
    longer = WorkCalendar(calendar.weekdays, calendar.start, calendar.end, calendar.holidays | more)
    assert add_working(longer, begin, minutes) >= add_working(calendar, begin, minutes)


@settings(max_examples=25)
@given(calendars(), MOMENTS, st.integers(1, 4000))
def test_counting_is_what_a_clock_would_count(calendar: WorkCalendar, begin: dt.datetime, length: int) -> None:
    end, counted, minute = begin + dt.timedelta(minutes=length), 0, begin
    while minute < end:
        of_day = minute.hour * 60 + minute.minute
        counted += calendar.works_on(minute.date()) and calendar.start <= of_day < calendar.end
        minute += dt.timedelta(minutes=1)
    assert working_minutes(calendar, begin, end) == counted


@given(calendars(), MOMENTS, st.integers(1, 2000), st.integers(0, 5000), st.integers(0, 5000))
def test_a_clock_that_stands_still_loses_nothing(
    calendar: WorkCalendar, begin: dt.datetime, minutes: int, worked: int, waited: int
) -> None:
    stop = begin + dt.timedelta(minutes=worked)
    go_on = stop + dt.timedelta(minutes=waited)
    clock = Clock(begin, minutes)
    stopped = clock.stopped(calendar, stop)
    assert stopped.due(calendar) is None
    assert stopped.minutes == minutes - working_minutes(calendar, begin, stop)
    again = stopped.running(go_on)
    due, before = again.due(calendar), clock.due(calendar)
    assert due is not None
    assert before is not None
    if stopped.minutes > 0:
        assert due >= before
        assert working_minutes(calendar, go_on, due) == stopped.minutes
    else:
        assert due == go_on  # it was over already, and is
    near = again.near(calendar)
    assert near is not None
    assert near <= due


def test_an_office_that_never_works_is_none() -> None:
    for days, start, end in ((frozenset[int](), 0, 60), (frozenset({1}), 60, 60), (frozenset({1}), 90, 60)):
        with pytest.raises(ValueError, match="never works"):
            WorkCalendar(days, start, end)


def test_holidays_without_end_do_not_hang() -> None:
    closed = WorkCalendar(
        frozenset({0}), 0, 60, frozenset(dt.date(2026, 1, 5) + dt.timedelta(weeks=week) for week in range(200))
    )
    assert add_working(closed, at("2026-01-05 00:00"), 60) > at("2026-12-01 00:00")


@pytest.mark.parametrize(("text", "minutes"), [("00:00", 0), ("09:30", 570), ("24:00", 1440)])
def test_clock_times(text: str, minutes: int) -> None:
    assert minutes_of(text) == minutes


@pytest.mark.parametrize("text", ["", "9", "25:00", "24:01", "09:60", "09:5", "٠٩:٠٠", "-1:00"])
def test_what_is_no_clock_time(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        minutes_of(text)

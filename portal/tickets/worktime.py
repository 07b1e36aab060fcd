"""Working time: what lies between two moments, and when so much of it has passed. Pure; Asia/Karachi.

The office's week (days, from, to) and the holidays make a `WorkCalendar`. Deadlines count its minutes only: a ticket
of Friday evening with two hours is due on Saturday or Monday morning, whenever the office works next.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

KARACHI = ZoneInfo("Asia/Karachi")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
# Nobody keeps an office closed for longer; a calendar that never works would be looked through for ever.
LONGEST_CLOSURE = 400


@dataclass(frozen=True)
class WorkCalendar:
    """`weekdays`: 0 is Monday. `start` and `end` are minutes after midnight, start before end."""

    weekdays: frozenset[int]
    start: int
    end: int
    holidays: frozenset[dt.date] = frozenset()

    def __post_init__(self) -> None:
        if not self.weekdays or not 0 <= self.start < self.end <= DAY_MINUTES:
            raise ValueError("an office that never works")

    @property
    def day_minutes(self) -> int:
        """Working minutes of a working day."""
        return self.end - self.start

    def works_on(self, day: dt.date) -> bool:
        return day.weekday() in self.weekdays and day not in self.holidays


def minutes_of(clock: str) -> int:
    """Minutes after midnight of `09:30`; `24:00` is the end of the day. Raises ValueError."""
    hours, _colon, minutes = clock.partition(":")
    if not (hours.isascii() and minutes.isascii() and hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2):
        raise ValueError(clock)
    found = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or found > DAY_MINUTES:
        raise ValueError(clock)
    return found


def calendar_of(days: Iterable[str], start: str, end: str, holidays: Iterable[dt.date]) -> WorkCalendar:
    """The calendar of the settings in force."""
    weekdays = frozenset(DAYS.index(day) for day in days)
    return WorkCalendar(weekdays, minutes_of(start), minutes_of(end), frozenset(holidays))


def _at(day: dt.date, minute: int) -> dt.datetime:
    midnight = dt.datetime.combine(day, dt.time(), KARACHI)
    return midnight + dt.timedelta(minutes=minute)  # wall clock: days of 24 hours


def _opening(calendar: WorkCalendar, day: dt.date) -> tuple[dt.datetime, dt.datetime]:
    return _at(day, calendar.start), _at(day, calendar.end)


def add_working(calendar: WorkCalendar, begin: dt.datetime, minutes: int) -> dt.datetime:
    """The moment at which so many working minutes have passed since `begin`; `begin` itself for none or fewer."""
    if minutes <= 0:
        return begin
    left = dt.timedelta(minutes=minutes)
    now, day, closed = begin.astimezone(KARACHI), begin.astimezone(KARACHI).date(), 0
    while closed <= LONGEST_CLOSURE:
        opens, closes = _opening(calendar, day)
        since = max(now, opens)
        if calendar.works_on(day) and since < closes:
            closed = 0
            if left <= closes - since:
                return since + left
            left -= closes - since
        else:
            closed += 1
        day += dt.timedelta(days=1)
    # Holidays without end: the clock runs on, rather than never.
    return _at(day, 0) + left


def working_minutes(calendar: WorkCalendar, begin: dt.datetime, end: dt.datetime) -> int:
    """Whole working minutes from `begin` to `end`; negative when `end` lies before."""
    if end < begin:
        return -working_minutes(calendar, end, begin)
    first, last = begin.astimezone(KARACHI), end.astimezone(KARACHI)
    total, day = dt.timedelta(), first.date()
    while day <= last.date():
        if calendar.works_on(day):
            opens, closes = _opening(calendar, day)
            total += max(min(last, closes) - max(first, opens), dt.timedelta())
        day += dt.timedelta(days=1)
    return int(total.total_seconds() // 60)


@dataclass(frozen=True)
class Clock:
    """A ticket's time: `minutes` are left from `since` on; stopped when `since` is None."""

    since: dt.datetime | None
    minutes: int

    def due(self, calendar: WorkCalendar) -> dt.datetime | None:
        """When the time is over; None while the clock stands still."""
        return None if self.since is None else add_working(calendar, self.since, self.minutes)

    def near(self, calendar: WorkCalendar) -> dt.datetime | None:
        """When three quarters of it are over."""
        return None if self.since is None else add_working(calendar, self.since, self.minutes * 3 // 4)

    def stopped(self, calendar: WorkCalendar, now: dt.datetime) -> Clock:
        """The clock stopped: what is left stays left, also when nothing is (0 or less)."""
        if self.since is None:
            return self
        return Clock(None, self.minutes - working_minutes(calendar, self.since, now))

    def running(self, now: dt.datetime) -> Clock:
        """The clock going on."""
        return self if self.since is not None else Clock(now, self.minutes)

    def longer(self, minutes: int) -> Clock:
        """With more time (less when negative)."""
        return Clock(self.since, self.minutes + minutes)

"""When things happen in the demo: cycles, the days bills are issued, and the days the office downloads files."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache

from portal.billing.cycles import add_months, cycle_bounds, cycle_of, month_label

LONG, SHORT = "long", "short"
# Days from the start of the cycle: some bills come weeks before it, most with it.
_EARLY_ISSUES = ((-22, 0.30), (-19, 0.52), (-17, 0.74), (-13, 1.0))
_MAIN_ISSUES = (((0, 0.30), (1, 0.75), (2, 1.0)), ((1, 0.55), (2, 1.0)), ((0, 0.6), (1, 1.0)))
DOWNLOAD_DAY = 4  # the biller list of a month is downloaded on this day of its cycle
REISSUE_DAY = 11  # corrected bills replace some on this day of the cycle; the list is downloaded again two days later


@dataclass(frozen=True, slots=True)
class Cycle:
    """A billing month: its days as ordinals, the issue days with cumulative weights, and its download."""

    index: int
    month: dt.date
    first: int
    last: int
    download: int
    issues: tuple[tuple[tuple[tuple[int, float], ...], tuple[tuple[int, float], ...]], ...]

    @property
    def label(self) -> str:
        return month_label(self.month)


@dataclass(frozen=True, slots=True)
class PaidDownload:
    """One download of a tehsil's paid history: all that was paid up to that day."""

    tehsil: int
    day: int
    form: str
    as_csv: bool


@dataclass(frozen=True)
class Schedule:
    """`today` is the last day of the demo (an ordinal). `late_survey` and `reissue` are None in very short sets."""

    today: int
    cycles: tuple[Cycle, ...]
    paid: tuple[PaidDownload, ...]
    late_survey_day: int
    reissue_cycle: int | None
    reissue_tehsil: int = 1
    late_survey_tehsil: int = 0

    @property
    def reissue_day(self) -> int:
        """The day the corrected bills are issued; meaningless without `reissue_cycle`."""
        return self.cycles[self.reissue_cycle or 0].first + REISSUE_DAY

    def month_at(self, index: int) -> dt.date:
        """The billing month at an index, also before the first cycle (-1) and after the last."""
        return add_months(self.cycles[0].month, index)


def build_schedule(today: dt.date, months: int, start_day: int) -> Schedule:
    """The schedule of `months` cycles, the last being the one `today` lies in."""
    last_month = cycle_of(today, start_day)
    now = today.toordinal()
    cycles = []
    for index in range(months):
        month = add_months(last_month, index + 1 - months)
        first, last = (day.toordinal() for day in cycle_bounds(month, start_day))
        early = tuple((first + offset, weight) for offset, weight in _EARLY_ISSUES)
        issues = tuple((early, tuple((first + offset, weight) for offset, weight in habits)) for habits in _MAIN_ISSUES)
        download = now if index == months - 1 else first + DOWNLOAD_DAY
        cycles.append(Cycle(index, month, first, min(last, now), min(download, now), issues))
    history_days = sorted({cycles[k].last for k in (months // 3 - 1, 2 * months // 3 - 1) if k >= 0} - {now})
    paid = []
    forms = (((LONG, False), (SHORT, True)), ((SHORT, True), (LONG, False)), ((LONG, False), (SHORT, False)))
    for tehsil in range(3):
        for day, (form, as_csv) in zip(history_days, forms[tehsil], strict=False):
            paid.append(PaidDownload(tehsil, day, form, as_csv))
        paid.append(PaidDownload(tehsil, now, LONG, tehsil == 2))
    reissue = months - 3 if months >= 3 else None
    late_cycle = cycles[-2] if months >= 2 else cycles[-1]
    late_day = min(now, late_cycle.first + DOWNLOAD_DAY + 2)
    return Schedule(now, tuple(cycles), tuple(paid), late_day, reissue)


@lru_cache(maxsize=4096)
def day_text(ordinal: int) -> str:
    """`25/10/2025`: the biller list's dates, day first."""
    return dt.date.fromordinal(ordinal).strftime("%d/%m/%Y")


@lru_cache(maxsize=2048)
def clock_text(minute: int) -> str:
    """`04:45 AM` of the minute of the day."""
    hour, rest = divmod(minute, 60)
    return f"{hour % 12 or 12:02d}:{rest:02d} {'AM' if hour < 12 else 'PM'}"


@lru_cache(maxsize=4096)
def paid_date_text(ordinal: int) -> str:
    """`Dec 05, 2025`: the paid list's dates."""
    day = dt.date.fromordinal(ordinal)
    return f"{month_label(day)[:3]} {day.day:02d}, {day.year}"


@lru_cache(maxsize=4096)
def iso(ordinal: int) -> str:
    return dt.date.fromordinal(ordinal).isoformat()

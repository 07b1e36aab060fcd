"""What the Overview shows, as plain figures: one snapshot, a handful of sums over the rollups."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select

from dashapps.shared.areas import Area, find_area
from dashapps.shared.filters import LAST_YEAR, Filters
from portal.billing.cycles import add_months, cycle_bounds, cycle_of, same_day_of
from portal.imports.models import ImportBatch
from portal.imports.selects import concerning
from portal.permissions import AreaScope
from portal.rollups import selects
from portal.rollups.selects import POSTED, UNMATCHED, Span, Where
from portal.settings.targets import NO_TARGETS, Targets
from portal.tickets.models import IN_PROGRESS, OPEN, Ticket
from portal.visits.models import PENDING

CURVES = 4  # this cycle and the last three
SPARK_MONTHS = 6


@dataclass(frozen=True)
class Stamp:
    """Which state of the data an answer shows: its version and the newest as-of time of the imports behind it."""

    version: int
    as_of: dt.datetime | None


@dataclass(frozen=True)
class Clock:
    """What day it is, on which day of the month a cycle begins, and what the office wants to reach in one."""

    today: dt.date
    start_day: int
    targets: Targets = NO_TARGETS
    hour: int = 0  # what is past its time is read anew each hour, whatever changed


@dataclass(frozen=True)
class Period:
    """The days in question. `until` is the day up to which the cycle is looked at; `then` are the compared ones."""

    cycle: dt.date
    first: dt.date
    last: dt.date
    now: Span
    compared: dt.date
    then: Span
    clock: Clock
    is_default_range: bool

    @property
    def day(self) -> int:
        """Day of the cycle, 1 for its first; never outside the cycle."""
        return max(1, min((self.now.last - self.first).days, (self.last - self.first).days) + 1)

    @property
    def is_within_cycle(self) -> bool:
        return self.first <= self.now.first and self.now.last <= self.last

    def last_day_in(self, month: dt.date) -> dt.date:
        """The day of another cycle that stands for the last day shown, which itself may lie outside its own."""
        start_day = self.clock.start_day
        if self.is_within_cycle:
            return same_day_of(self.now.last, self.cycle, month, start_day)
        return self.now.last - (self.first - cycle_bounds(month, start_day)[0])


@dataclass(frozen=True)
class Month:
    """Live bills of a billing month."""

    bills: int = 0
    paid_bills: int = 0
    monthly_fee: int = 0
    demand: int = 0


@dataclass(frozen=True)
class Part:
    """A row of the league table. `area_id` None: what hangs directly on the area itself."""

    area_id: int | None
    name: str
    bills: int
    demand: int
    received: int
    demand_then: int
    received_then: int


@dataclass(frozen=True)
class Mover:
    """A category in a part of the area: what came in now and then."""

    area_id: int | None
    name: str
    use: str
    size_band: str
    amount: int
    amount_then: int


@dataclass(frozen=True)
class Day:
    """What a day brought to a billing month: fees of bills issued on it, units that became paying ones, bills that were
    handed over."""

    day: dt.date
    monthly_fee: int
    paid_units: int
    delivered_bills: int = 0


@dataclass(frozen=True)
class Work:
    """What the field did in the days shown and in the compared ones, and the tickets as they stand now.

    `by_day` are the visits of each day shown, `waiting` those of them that wait for a reviewer.
    """

    visits: int = 0
    visits_then: int = 0
    waiting: int = 0
    by_day: tuple[tuple[dt.date, int], ...] = ()
    tickets: int = 0
    tickets_overdue: int = 0


@dataclass(frozen=True)
class Figures:
    """Everything on the page, from one snapshot. Money in whole rupees."""

    stamp: Stamp
    area: Area
    period: Period
    months: dict[dt.date, Month]
    received: dict[dt.date, tuple[tuple[dt.date, int], ...]]
    by_day: tuple[tuple[dt.date, str, int], ...]
    posted: int
    unmatched: int
    payments: int
    collected_then: int
    outstanding: int
    credit: int
    debtors: int
    pending: int
    surveyed: int
    listed: int
    billed_units: int
    paid_units: int
    delivered_units: int
    reached_units: int
    work: Work
    parts: tuple[Part, ...]
    movers: tuple[Mover, ...]
    days: dict[dt.date, tuple[Day, ...]]
    owed_after: tuple[tuple[dt.date, int], ...]

    @property
    def month(self) -> Month:
        return self.months.get(self.period.cycle, Month())

    @property
    def target(self) -> float | None:
        """The recovery to be reached in the area shown; of several areas together, the one for all."""
        percent = self.period.clock.targets.of(node.id for node in reversed(self.area.path))
        return None if percent is None else percent / 100

    @property
    def collected(self) -> int:
        return self.posted + self.unmatched

    @property
    def month_then(self) -> Month | None:
        return self.months.get(self.period.compared)

    def received_until(self, month: dt.date, day: dt.date) -> int:
        """Payments that belong to bills of `month`, paid up to `day`."""
        return sum(amount for paid_on, amount in self.received.get(month, ()) if paid_on <= day)

    def billed_until(self, month: dt.date, day: dt.date) -> int:
        """Fees of the live bills of `month` issued up to `day`."""
        return sum(one.monthly_fee for one in self.days.get(month, ()) if one.day <= day)

    def paying_until(self, month: dt.date, day: dt.date) -> int:
        """Units with a bill of `month` paid up to `day`."""
        return sum(one.paid_units for one in self.days.get(month, ()) if one.day <= day)

    def delivered_until(self, month: dt.date, day: dt.date) -> int:
        """Live bills of `month` handed over up to `day`."""
        return sum(one.delivered_bills for one in self.days.get(month, ()) if one.day <= day)

    @property
    def delivered(self) -> int:
        """Live bills of the month handed over so far."""
        return self.delivered_until(self.period.cycle, dt.date.max)

    def delivered_share(self, month: dt.date, day: dt.date) -> float | None:
        """Delivered up to that day over the live bills of the month; None without bills."""
        bills = self.months.get(month, Month()).bills
        return self.delivered_until(month, day) / bills if bills else None

    def outstanding_on(self, day: dt.date) -> int:
        """What was owed on `day`, which is not before the last compared day."""
        return self.outstanding - sum(change for changed_on, change in self.owed_after if changed_on > day)

    @property
    def reaches_back(self) -> bool:
        """Whether the bills known say what was owed on the last compared day.

        Not before all of the first month's were issued: bills from before the first file had been owed then.
        """
        then, first_month = self.period.then.last, min(self.months, default=None)
        month = cycle_of(then, self.period.clock.start_day)
        if first_month is None or month < first_month:
            return False
        known = self.months.get(month)
        return month > first_month or (known is not None and self.billed_until(month, then) == known.monthly_fee > 0)

    def recovery(self, month: dt.date, day: dt.date) -> float | None:
        """Received up to that day over the month's demand; None without a demand."""
        demand = self.months.get(month, Month()).demand
        return self.received_until(month, day) / demand if demand else None

    @property
    def has_anything(self) -> bool:
        return bool(self.months or self.collected or self.surveyed or self.listed or self.pending)


def stamp_of(scope: AreaScope) -> selects.Rows:
    """The stamp of what a person sees: cheap, read before every answer."""
    newest = (
        select(func.max(ImportBatch.as_of))
        .where(ImportBatch.status == "DONE", ImportBatch.kind.in_(("survey", "biller", "paid")), concerning(scope))
        .scalar_subquery()
    )
    version = selects.data_version(Where(scope)).scalar_subquery()
    return select(version.label("version"), newest.label("as_of"))


def read_stamp(connection: Connection, scope: AreaScope) -> Stamp:
    """The stamp of this snapshot."""
    row = connection.execute(stamp_of(scope)).one()
    return Stamp(int(row.version), row.as_of)


def period_of(
    filters: Filters,
    months: dict[dt.date, Month],
    newest: dt.date | None,
    clock: Clock,
) -> Period:
    """Which days the filters mean.

    Without a cycle: the newest one with bills that has begun, else the newest with bills, else today's. Without a
    range: the cycle up to the newest day of the data (not beyond today), so that a comparison with the same day
    of another cycle does not compare with days nobody has imported yet.
    """
    today, start_day = clock.today, clock.start_day
    current = cycle_of(today, start_day)
    begun = [month for month in months if month <= current]
    cycle = filters.cycle or max(begun, default=max(months, default=current))
    first, last = cycle_bounds(cycle, start_day)
    known = min(today, newest) if newest else today
    end = filters.end or min(last, max(first, known))
    start = filters.start or min(first, end)
    if start > end:  # only one of the two was given, beyond the other's default
        end = start if filters.start else end
        start = min(start, end)
    compared = add_months(cycle, -12 if filters.compare == LAST_YEAR else -1)
    if first <= start and end <= last:  # see Period.is_within_cycle
        then = Span(same_day_of(start, cycle, compared, start_day), same_day_of(end, cycle, compared, start_day))
    else:  # any days: the same days, one month (or year) of cycles earlier
        shift = first - cycle_bounds(compared, start_day)[0]
        then = Span(start - shift, end - shift)
    is_default = filters.start is None and filters.end is None
    return Period(cycle, first, last, Span(start, end), compared, then, clock, is_default)


def load(connection: Connection, filters: Filters, scope: AreaScope, stamp: Stamp, clock: Clock) -> Figures:
    """Read everything. `connection` is a snapshot; raises NotFoundError for an area outside the scope."""
    area = find_area(connection, filters.area, scope)
    where = Where(scope, (filters.area,) if filters.area is not None else (), filters.use)
    billed = connection.execute(selects.billed_by_month(where)).all()
    months = {row.month: Month(row.bills, row.paid_bills, row.monthly_fee, row.demand) for row in billed}
    newest = [row.newest_paid for row in billed[:1]] + [_day_of(stamp.as_of)]
    known_days = [day for day in newest if day is not None]
    period = period_of(filters, months, max(known_days, default=None), clock)
    wanted = {add_months(period.cycle, -n) for n in range(CURVES)} | {period.compared}
    received: dict[dt.date, list[tuple[dt.date, int]]] = defaultdict(list)
    for row in connection.execute(selects.received_by_day(where, sorted(wanted))):
        received[row.month].append((row.paid_on, row.amount))
    figures = Figures(
        stamp=stamp,
        area=area,
        period=period,
        months=months,
        received={month: tuple(rows) for month, rows in received.items()},
        by_day=(), posted=0, unmatched=0, payments=0, collected_then=0, outstanding=0, credit=0, debtors=0, pending=0,
        surveyed=0, listed=0, billed_units=0, paid_units=0, delivered_units=0, reached_units=0, work=Work(),
        parts=(), movers=(), days={}, owed_after=(),
    )  # fmt: skip
    figures = _with_collected(connection, figures, where)
    figures = _with_standing(connection, figures, where)
    figures = _with_days(connection, figures, where)
    return replace(figures, parts=_league(connection, figures, where))


def _day_of(as_of: dt.datetime | None) -> dt.date | None:
    from portal.web.format import local

    return local(as_of).date() if as_of else None


def _with_collected(connection: Connection, figures: Figures, where: Where) -> Figures:
    period, area = figures.period, figures.area
    by_day: dict[tuple[dt.date, str], int] = defaultdict(int)
    by_state: dict[str, int] = defaultdict(int)
    payments = 0
    for row in connection.execute(selects.collected_by_day(where, period.now)):
        by_state[row.state] += row.amount
        payments += row.payments
        if row.amount:
            by_day[row.paid_on, row.channel] += row.amount
    movers = tuple(
        Mover(row.part_id, area.name_of_part(row.part_id), row.use, row.size_band, row.amount, row.amount_then)
        for row in connection.execute(selects.collected_by_part(where, area.parts, period.now, period.then))
    )
    return replace(
        figures,
        by_day=tuple((day, channel, amount) for (day, channel), amount in sorted(by_day.items())),
        posted=by_state[POSTED],
        unmatched=by_state[UNMATCHED],
        payments=payments,
        collected_then=sum(mover.amount_then for mover in movers),
        movers=movers,
    )


def _with_standing(connection: Connection, figures: Figures, where: Where) -> Figures:
    """How things stand, what the field did and the tickets, in one query: the page has twelve."""
    period = figures.period
    standing = selects.standing(where, period.cycle).subquery("standing")
    by_day = selects.visits_by_day(where, period.now, period.then).subquery("by_day")
    visits = select(func.json_agg(func.json_build_array(by_day.c.day, by_day.c.review_state, by_day.c.visits)))
    overdue = select(func.count(Ticket.id)).where(
        Ticket.status.in_((OPEN, IN_PROGRESS)), Ticket.due_at < func.now(), where.area(Ticket.location_id)
    )
    row = connection.execute(
        select(
            standing,
            visits.scalar_subquery().label("visits"),
            selects.open_tickets(where).scalar_subquery().label("tickets"),
            overdue.scalar_subquery().label("overdue"),
        )
    ).one()
    return replace(
        figures,
        outstanding=row.outstanding,
        credit=row.credit,
        debtors=row.debtors,
        pending=row.pending,
        surveyed=row.surveyed,
        listed=row.listed,
        billed_units=row.billed,
        paid_units=row.paid,
        delivered_units=row.delivered,
        reached_units=row.reached,
        work=_work(period, row.visits or [], row.tickets, row.overdue),
    )


def _work(period: Period, visits: list[tuple[str, str, int]], tickets: int, overdue: int) -> Work:
    by_day: dict[dt.date, int] = defaultdict(int)
    waiting = then = 0
    for text, state, count in visits:
        day = dt.date.fromisoformat(text)
        if period.now.first <= day <= period.now.last:
            by_day[day] += count
            waiting += count if state == PENDING else 0
        if period.then.first <= day <= period.then.last:
            then += count
    return Work(sum(by_day.values()), then, waiting, tuple(sorted(by_day.items())), tickets, overdue)


def _with_days(connection: Connection, figures: Figures, where: Where) -> Figures:
    period = figures.period
    days: dict[dt.date, list[Day]] = defaultdict(list)
    owed = []
    since = min(period.now.last, period.then.last)
    for row in connection.execute(selects.by_days(where, [period.cycle, period.compared], since)):
        if row.month is None:
            owed.append((row.day, row.outstanding))
        else:
            days[row.month].append(Day(row.day, row.monthly_fee, row.paid_units, row.delivered_bills))
    return replace(figures, days={month: tuple(rows) for month, rows in days.items()}, owed_after=tuple(owed))


def _league(connection: Connection, figures: Figures, where: Where) -> tuple[Part, ...]:
    period, area = figures.period, figures.area
    until = {period.cycle: period.now.last, period.compared: period.then.last}
    sums: dict[tuple[int | None, dt.date], tuple[int, int, int]] = {}
    for row in connection.execute(selects.recovery_by_part(where, area.parts, until)):
        bills, demand, received = sums.get((row.part_id, row.month), (0, 0, 0))
        sums[row.part_id, row.month] = (bills + row.bills, demand + row.demand, received + row.received)
    rows = []
    for part_id in {part_id for part_id, _month in sums}:
        bills, demand, received = sums.get((part_id, period.cycle), (0, 0, 0))
        _bills, demand_then, received_then = sums.get((part_id, period.compared), (0, 0, 0))
        name = area.name_of_part(part_id)
        rows.append(Part(part_id, name, bills, demand, received, demand_then, received_then))
    # Best first; without a demand there is no rate, so last.
    return tuple(sorted(rows, key=lambda p: (-(p.received / p.demand) if p.demand else 1.0, p.name)))

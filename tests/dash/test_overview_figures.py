"""The Overview's figures against plain SQL over the base tables, on random data: equal to the rupee."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from dashapps.overview.figures import by_bar, curve
from dashapps.overview.panels import funnel_steps, ranked_movers
from dashapps.overview.queries import Clock, Figures, load, read_stamp
from dashapps.overview.tiles import same_day_recovery
from dashapps.shared.filters import Filters, parse
from portal import db
from portal.db import transaction
from portal.permissions import AreaScope
from portal.rollups.service import fold
from tests.dash.world import MONTHS, World, fill

CLOCK = Clock(dt.date(2025, 12, 5), 16)
LAST_DAY = dt.date(2026, 12, 31)  # everything has happened by then
QUERIES = [
    "",
    "cycle=2025-10",
    "cycle=2025-10&compare=year",
    "use=DOMESTIC",
    "cycle=2025-11&use=COMMERCIAL&from=2025-11-20&to=2025-11-30",
    "from=2025-08-01&to=2025-12-31",
    "cycle=2025-01",
]
AREAS = [None, "canal", "north", "north/a", "north/a/2", "south/b"]


@pytest.fixture(scope="module", params=[3, 11])
def world(request: pytest.FixtureRequest, module_app: Flask) -> World:
    if request.param == 3:
        return fill(module_app, request.param)
    # The same again: deltas on top of deltas, and folded.
    with module_app.app_context(), transaction() as session:
        session.execute(text("UPDATE bills SET monthly_fee = monthly_fee + 7, demand = demand + 3 WHERE id % 3 = 0"))
        session.execute(text("UPDATE payments SET paid_amount = paid_amount + 1 WHERE id % 2 = 0"))
        session.execute(text("UPDATE account_balances SET outstanding = outstanding + 5"))
        session.execute(text("DELETE FROM payments WHERE id % 7 = 0"))
        fold(session)
        rows = session.execute(text("SELECT id, parent_id, name FROM locations")).all()
    return World(module_app, _keys(rows))


def _keys(rows: Any) -> dict[str, int]:
    """The names of `tests.dash.world.tree` for the places already there."""
    names = {row.id: row for row in rows}
    found: dict[str, int] = {}
    for row in rows:
        if row.name in {"Punjab", "Canal", "North", "South"}:
            found[row.name.lower()] = row.id
        elif row.name.startswith("UC-"):
            tehsil = names[row.parent_id].name
            found[f"{tehsil[:-2].lower()}/{tehsil[-1].lower()}/{row.name[3]}"] = row.id
        elif row.name[-2] == " ":
            found[f"{row.name[:-2].lower()}/{row.name[-1].lower()}"] = row.id
    return found


def read(world: World, filters: Filters, scope: AreaScope) -> Figures:
    with world.app.test_request_context("/"), db.read_snapshot() as connection:
        return load(connection, filters, scope, read_stamp(connection, scope), CLOCK)


@dataclass
class Plain:
    """Figures by plain SQL over bills, payments, balances and units of the places below `nodes`."""

    world: World
    nodes: list[int]
    use: str | None

    def one(self, sql: str, **values: Any) -> Any:
        inside = "location_id IN (SELECT location_id FROM location_closure WHERE ancestor_id = ANY(:nodes))"
        use = 'AND "use" = :use' if self.use else ""
        with self.world.app.app_context(), db.db.engine.connect() as connection:
            row = connection.execute(
                text(sql.replace("{mine}", f"{inside} {use}")), {"nodes": self.nodes, "use": self.use, **values}
            ).one()
        return tuple(int(value or 0) for value in row)

    def bills(self, month: dt.date) -> Any:
        return self.one(
            "SELECT count(*), count(*) FILTER (WHERE status = 'PAID'), sum(monthly_fee), sum(demand) FROM bills"
            " WHERE status <> 'CANCELLED' AND billing_month = :month AND {mine}",
            month=month,
        )

    def received(self, month: dt.date, until: dt.date) -> int:
        sql = "SELECT sum(paid_amount) FROM payments WHERE bill_month = :month AND paid_on <= :until AND {mine}"
        return int(self.one(sql, month=month, until=until)[0])

    def until(self, month: dt.date, day: dt.date) -> Any:
        """Fees of the month's bills issued up to that day, and its units that had paid by then."""
        fees = self.one(
            "SELECT sum(monthly_fee) FROM bills WHERE status <> 'CANCELLED' AND billing_month = :month AND {mine}"
            " AND issued_at < (cast(:day AS date) + 1)::timestamptz",
            month=month,
            day=day,
        )
        units = self.one(
            "SELECT count(*) FROM survey_units u WHERE {mine} AND EXISTS (SELECT FROM bills b JOIN accounts a"
            " ON a.id = b.account_id WHERE a.unit_id = u.id AND b.billing_month = :month AND b.status = 'PAID'"
            " AND coalesce(b.last_paid_on, b.issued_at::date) <= :day)",
            month=month,
            day=day,
        )
        return (*fees, *units)

    def left_to_pay(self, day: dt.date) -> int:
        """What the bills that were the latest on that day left to be paid then."""
        sql = """
            SELECT sum(greatest(demand - CASE WHEN last_paid_on <= :day THEN paid_amount ELSE 0 END, 0)) FROM bills
            WHERE status <> 'CANCELLED' AND issued_at < (cast(:day AS date) + 1)::timestamptz
              AND (carried_on IS NULL OR carried_on > :day) AND {mine}"""
        return int(self.one(sql, day=day)[0])

    def collected(self, first: dt.date, last: dt.date) -> Any:
        return self.one(
            "SELECT sum(paid_amount) FILTER (WHERE account_id IS NOT NULL),"
            " sum(paid_amount) FILTER (WHERE account_id IS NULL), count(*)"
            " FROM payments WHERE paid_on BETWEEN :first AND :last AND {mine}",
            first=first,
            last=last,
        )

    def standing(self, month: dt.date) -> Any:
        balances = self.one(
            "SELECT sum(outstanding), sum(credit), count(*) FILTER (WHERE outstanding > 0),"
            " count(*) FILTER (WHERE is_pending) FROM account_balances WHERE {mine}"
        )
        surveyed = self.one("SELECT count(*) FROM survey_units WHERE {mine}")
        listed = self.one("SELECT count(*) FROM unit_states WHERE accounts > 0 AND {mine}")
        cycles = self.one(
            "SELECT count(*) FILTER (WHERE bills > 0), count(*) FILTER (WHERE paid_bills > 0) FROM unit_cycles"
            " WHERE billing_month = :month AND {mine}",
            month=month,
        )
        return (*balances, *surveyed, *listed, *cycles)


def check(found: Figures, plain: Plain) -> None:
    period = found.period
    for month in MONTHS:
        bills = plain.bills(month)
        known = found.months.get(month)
        assert (known is not None) == bool(bills[0])
        if known is not None:
            assert (known.bills, known.paid_bills, known.monthly_fee, known.demand) == bills
    assert found.received_until(period.cycle, period.now.last) == plain.received(period.cycle, period.now.last)
    assert found.received_until(period.compared, period.then.last) == plain.received(period.compared, period.then.last)
    assert (found.posted, found.unmatched, found.payments) == plain.collected(period.now.first, period.now.last)
    assert found.collected_then == sum(plain.collected(period.then.first, period.then.last)[:2])
    for month, day in ((period.cycle, period.now.last), (period.compared, period.then.last)):
        assert (found.billed_until(month, day), found.paying_until(month, day)) == plain.until(month, day)
    changed = plain.left_to_pay(LAST_DAY) - plain.left_to_pay(period.then.last)
    assert found.outstanding - found.outstanding_on(period.then.last) == changed
    changed = plain.left_to_pay(LAST_DAY) - plain.left_to_pay(period.now.last)
    assert found.outstanding - found.outstanding_on(period.now.last) == changed
    assert (
        found.outstanding,
        found.credit,
        found.debtors,
        found.pending,
        found.surveyed,
        found.listed,
        found.billed_units,
        found.paid_units,
    ) == plain.standing(period.cycle)


def check_that_panels_agree(found: Figures) -> None:
    """Every panel says the same as the tiles."""
    period = found.period
    month, then = found.month, found.month_then
    assert sum(part.bills for part in found.parts) == month.bills
    assert sum(part.demand for part in found.parts) == month.demand
    assert sum(part.received for part in found.parts) == found.received_until(period.cycle, period.now.last)
    assert sum(part.demand_then for part in found.parts) == (then.demand if then else 0)
    assert sum(part.received_then for part in found.parts) == found.received_until(period.compared, period.then.last)
    assert sum(mover.amount for mover in found.movers) == found.collected
    assert sum(m.amount - m.amount_then for m in ranked_movers(found)) == found.collected - found.collected_then
    _days, amounts = by_bar(found)
    assert sum(sum(of_day.values()) for of_day in amounts.values()) == found.collected
    points = curve(found, period.cycle)
    if points and period.now.last >= period.first:
        until = min(period.last, period.now.last)
        assert points[-1][1] == found.received_until(period.cycle, until)
    steps = [count for _metric, _label, count in funnel_steps(found)]
    assert steps == sorted(steps, reverse=True)


@pytest.mark.parametrize("area", AREAS)
def test_the_whole_province_sees_the_figures_of_any_area(world: World, area: str | None) -> None:
    for query in QUERIES:
        filters = parse(query + (f"&area={world.ids[area]}" if area else ""))
        found = read(world, filters, AreaScope.everywhere())
        check(found, Plain(world, [world.ids[area or "punjab"]], filters.use))
        check_that_panels_agree(found)


@pytest.mark.parametrize(
    "granted", [["north"], ["north/a/1", "south/b"], ["north/a", "north/a/1"], ["north", "south/a/1", "north/b/2"]]
)
def test_a_scope_sees_its_own_areas_added_up_each_once(world: World, granted: list[str]) -> None:
    nodes = [world.ids[name] for name in granted]
    for query in QUERIES:
        filters = parse(query)
        found = read(world, filters, AreaScope.of(nodes))
        check(found, Plain(world, nodes, filters.use))
        check_that_panels_agree(found)


@pytest.mark.parametrize(
    "query",
    [
        "cycle=2025-10&from=2025-10-16&to=2025-11-02",
        "cycle=2025-10&from=2025-09-20&to=2025-10-05",  # ends before the cycle begins
        "cycle=2025-10&from=2025-10-20&to=2025-12-01",  # ends after its end
    ],
)
def test_the_line_of_the_recovery_tile_reads_every_cycle_alike(world: World, query: str) -> None:
    found = read(world, parse(query), AreaScope.everywhere())
    line = same_day_recovery(found)
    assert len(line) == 4
    assert line[-1] == found.recovery(found.period.cycle, found.period.now.last), "ends with the figure of the tile"
    assert line[-2] == found.recovery(found.period.compared, found.period.then.last), "and the one it is compared with"
    plain = Plain(world, [world.ids["punjab"]], None)
    for month, ratio in zip(MONTHS[0:4], line, strict=True):
        day = found.period.last_day_in(month)
        assert ratio == pytest.approx(plain.received(month, day) / plain.bills(month)[3])


def test_what_was_owed_is_known_once_all_bills_of_the_first_month_were_issued(world: World) -> None:
    first = min(read(world, parse(""), AreaScope.everywhere()).months)
    assert first == MONTHS[0]
    everything = AreaScope.everywhere()
    known = {
        day: read(world, parse(f"cycle=2025-08&from=2025-08-16&to={day}"), everything)
        for day in ("2025-08-17", "2025-08-30")
    }
    assert known["2025-08-17"].period.then.last == dt.date(2025, 7, 17)
    assert not known["2025-08-17"].reaches_back
    assert known["2025-08-30"].reaches_back
    assert read(world, parse("cycle=2025-10"), everything).reaches_back
    assert not read(world, parse("cycle=2025-07"), everything).reaches_back


def test_the_random_data_has_everything_that_could_go_wrong(world: World) -> None:
    """Without these the tests above would prove little."""
    found = read(world, parse("cycle=2025-10&to=2025-11-30&from=2025-10-01"), AreaScope.everywhere())
    assert found.unmatched > 0
    assert found.credit > 0
    assert found.pending > 0
    assert found.period.compared in found.months
    assert any(paid_on < found.period.first for paid_on, _amount in found.received[found.period.cycle])
    assert any(paid_on > found.period.last for paid_on, _amount in found.received[found.period.cycle])
    north = read(world, parse(f"area={world.ids['north/a']}"), AreaScope.everywhere())
    assert None in {part.area_id for part in north.parts}  # what hangs on the tehsil itself


def test_an_area_in_use_breaks_up_where_it_forks(world: World) -> None:
    found = read(world, parse(""), AreaScope.everywhere())
    assert {part.area_id for part in found.parts} <= {world.ids["north"], world.ids["south"]}
    assert found.area.name == "Punjab"
    leaf = read(world, parse(f"area={world.ids['north/a/2']}"), AreaScope.everywhere())
    assert not leaf.area.part_names
    assert {part.area_id for part in leaf.parts} <= {None}


def test_more_channels_than_colours_are_added_up(world: World) -> None:
    found = read(world, parse("from=2025-07-01&to=2025-12-31"), AreaScope.everywhere())
    _days, amounts = by_bar(found)
    assert len({channel for _day, channel, _amount in found.by_day}) > len(amounts)
    assert list(amounts)[-1] == ""


def test_the_curve_of_a_random_month_only_rises(world: World) -> None:
    found = read(world, parse("cycle=2025-10"), AreaScope.everywhere())
    shares = [share for _day, _total, share in curve(found, random.Random(1).choice(MONTHS[2:4]))]
    assert shares == sorted(shares)
    assert len(shares) in {30, 31}

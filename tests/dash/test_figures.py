"""Arithmetic of the charts and of the days they show; pure functions."""

from __future__ import annotations

import datetime as dt
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapps.overview.queries import Clock, Month, period_of
from dashapps.shared import charts
from dashapps.shared.components import cell_text, sparkline
from dashapps.shared.filters import parse
from portal.rollups.selects import Span

START_DAY = 16
OCT, NOV = dt.date(2025, 10, 1), dt.date(2025, 11, 1)
MONTHS = {NOV: Month(bills=5, demand=10), OCT: Month(bills=4, demand=10)}


def period(query: str = "", newest: dt.date | None = None, today: dt.date = dt.date(2025, 12, 5)):  # type: ignore[no-untyped-def]
    return period_of(parse(query), MONTHS, newest, Clock(today, START_DAY))


def test_the_default_is_the_newest_cycle_up_to_the_newest_day_of_the_data() -> None:
    found = period(newest=dt.date(2025, 12, 3))
    assert (found.cycle, found.now) == (NOV, Span(dt.date(2025, 11, 16), dt.date(2025, 12, 3)))
    assert found.then == Span(dt.date(2025, 10, 16), dt.date(2025, 11, 2))
    assert found.day == 18
    assert found.is_default_range


def test_a_cycle_that_is_over_is_shown_whole() -> None:
    found = period("cycle=2025-10", newest=dt.date(2025, 12, 3))
    assert found.now == Span(dt.date(2025, 10, 16), dt.date(2025, 11, 15))
    # September's cycle is a day shorter: its last day stands for the last day.
    assert found.then == Span(dt.date(2025, 9, 16), dt.date(2025, 10, 15))
    assert found.day == 31


def test_bills_of_a_cycle_that_has_not_begun_do_not_make_it_the_default() -> None:
    months = MONTHS | {dt.date(2025, 12, 1): Month(bills=1)}
    found = period_of(parse(""), months, dt.date(2025, 12, 5), Clock(dt.date(2025, 12, 5), START_DAY))
    assert found.cycle == NOV
    only = period_of(parse(""), {dt.date(2026, 1, 1): Month(bills=1)}, None, Clock(dt.date(2025, 12, 5), START_DAY))
    assert only.cycle == dt.date(2026, 1, 1)
    assert only.now == Span(dt.date(2026, 1, 16), dt.date(2026, 1, 16))


def test_without_bills_it_is_todays_cycle() -> None:
    found = period_of(parse(""), {}, None, Clock(dt.date(2025, 12, 5), START_DAY))
    assert (found.cycle, found.now) == (NOV, Span(dt.date(2025, 11, 16), dt.date(2025, 12, 5)))


def test_last_year_is_compared_on_the_same_day() -> None:
    assert period("compare=year").then == Span(dt.date(2024, 11, 16), dt.date(2024, 12, 5))


def test_any_days_are_compared_with_as_many_days_a_cycle_earlier() -> None:
    found = period("from=2025-09-01&to=2025-12-01")
    assert found.now == Span(dt.date(2025, 9, 1), dt.date(2025, 12, 1))
    assert found.then == Span(dt.date(2025, 8, 1), dt.date(2025, 10, 31))
    assert not found.is_default_range


@given(st.dates(dt.date(2024, 1, 1), dt.date(2027, 1, 1)), st.dates(dt.date(2024, 1, 1), dt.date(2027, 1, 1)))
def test_a_range_is_never_upside_down(first: dt.date, last: dt.date) -> None:
    for query in (f"from={first}", f"to={last}", f"from={min(first, last)}&to={max(first, last)}"):
        found = period(query)
        assert found.now.first <= found.now.last
        assert found.then.first <= found.then.last
        assert 1 <= found.day <= 31
        assert found.last_day_in(found.compared) == found.then.last


@given(st.floats(0, 1e12, allow_nan=False), st.integers(2, 8))
def test_ticks_are_round_begin_at_zero_and_reach_the_top(highest: float, count: int) -> None:
    values = charts.ticks(highest, count)
    assert values[0] == 0
    assert values[-1] >= highest * (1 - 1e-6) or highest < 1e-9
    assert len(values) <= count * 2 + 2
    steps = {round(b - a, 9) for a, b in pairwise(values)}
    assert len(values) == 2 or max(steps) - min(steps) < 1e-6 * values[-1] + 1e-9


@given(st.lists(st.floats(0, 280, allow_nan=False), max_size=5))
def test_labels_keep_their_order_and_their_distance(positions: list[float]) -> None:
    placed = charts.spread(positions, 15, 0, 280)
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    for lower, upper in pairwise(order):
        assert placed[upper] - placed[lower] >= 15 - 1e-6
    assert all(-1e-6 <= place <= 280 + 1e-6 for place in placed)


def test_labels_that_do_not_touch_stay_where_they_are() -> None:
    assert charts.spread([10.0, 200.0, 90.0], 15, 0, 280) == [10.0, 200.0, 90.0]


@pytest.mark.parametrize("values", [[], [5], [5.0]])
def test_one_point_is_no_line(values: list[float]) -> None:
    assert sparkline(values, "x") is None


def test_a_sparkline_goes_up_when_the_figure_does() -> None:
    line = sparkline([1, 2, 3], "rising")
    assert line is not None
    dot = json.loads(json.dumps(line.children[1].to_plotly_json()))["props"]["style"]
    assert float(dot["top"].removesuffix("px")) < 5
    flat = sparkline([0, 0, 0], "flat")
    assert flat is not None
    assert "nan" not in str(flat)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0"), (-1234, "−1,234"), (0.0723, "7.23\u00a0%"), ("UC-1", "UC-1")],
)
def test_cells_of_tables(value: object, text: str) -> None:
    assert cell_text(value) == text

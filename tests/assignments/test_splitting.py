"""Sharing out: nothing lost, nobody outside his area, as level as it can be."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.assignments.splitting import split

AGENTS = st.integers(1, 6)
PLACES = st.dictionaries(
    st.integers(100, 110), st.tuples(st.integers(0, 40), st.sets(st.integers(1, 6))), min_size=1, max_size=6
)


# Drawing is slow only where other processes have the machine.
CALMLY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@CALMLY
@given(PLACES, st.dictionaries(AGENTS, st.integers(0, 30), min_size=1))
def test_every_unit_goes_to_one_agent_of_its_place_or_is_left(
    drawn: dict[int, tuple[int, set[int]]], loads: dict[int, int]
) -> None:
    places = {place: [place * 1000 + at for at in range(number)] for place, (number, _agents) in drawn.items()}
    eligible = {place: sorted(agents) for place, (_number, agents) in drawn.items()}
    shares, left = split(places, eligible, loads)
    assert sorted([*left, *(unit for units in shares.values() for unit in units)]) == sorted(
        unit for units in places.values() for unit in units
    )
    for agent, units in shares.items():
        assert all(agent in eligible[unit // 1000] for unit in units)
    assert all(not set(eligible[unit // 1000]) & loads.keys() for unit in left)


@CALMLY
@given(st.integers(0, 500), st.dictionaries(AGENTS, st.integers(0, 60), min_size=1))
def test_within_one_place_all_end_level_or_had_more_before(number: int, loads: dict[int, int]) -> None:
    shares, left = split({7: list(range(number))}, {7: list(loads)}, loads)
    assert left == []
    totals = {agent: loads[agent] + len(units) for agent, units in shares.items()}
    receiving = [totals[agent] for agent, units in shares.items() if units]
    if receiving:
        assert max(receiving) - min(receiving) <= 1
        assert all(total >= max(receiving) - 1 for total in totals.values())


def test_each_gets_one_stretch_of_a_place() -> None:
    shares, _left = split({7: list(range(10))}, {7: [1, 2, 3]}, {1: 0, 2: 0, 3: 0})
    assert shares == {1: [0, 1, 2, 3], 2: [4, 5, 6], 3: [7, 8, 9]}


def test_who_may_work_in_one_place_only_is_served_first() -> None:
    places, eligible = {1: list(range(10)), 2: list(range(100, 110))}, {1: [5, 6], 2: [6]}
    shares, _left = split(places, eligible, {5: 0, 6: 0})
    assert {agent: len(units) for agent, units in shares.items()} == {5: 10, 6: 10}

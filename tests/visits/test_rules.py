"""Clocks, positions, doubts and filters: pure functions, as properties."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.visits import clock, filters, geo, rules
from portal.visits.models import APPROVED, OUTCOMES, PENDING, RETURNED, REVIEW_STATES, VISIT_TYPES
from portal.visits.rules import Doubt, Evidence
from portal.visits.words import DOUBTS, OUTCOME_ICONS
from portal.visits.words import OUTCOMES as OUTCOME_WORDS
from portal.visits.words import TYPES as TYPE_WORDS

NOW = dt.datetime(2025, 12, 5, 9, 20, tzinfo=dt.UTC)
points = st.builds(geo.Point, st.floats(-89.9, 89.9), st.floats(-180, 180))
in_punjab = st.builds(geo.Point, st.floats(27.7, 34.1), st.floats(69.2, 75.5))
times = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2090, 1, 1), timezones=st.just(dt.UTC))


@given(times)
def test_a_visit_never_happened_after_the_server_had_it_nor_long_before(device_at: dt.datetime) -> None:
    found = clock.happened(device_at, NOW)
    assert NOW - clock.LATE <= found.at <= NOW
    if found.is_believed:
        assert abs(found.at - device_at) <= clock.AHEAD
    else:
        assert found.at == NOW
        assert device_at < NOW - clock.LATE or device_at > NOW + clock.AHEAD


@pytest.mark.parametrize(
    ("offset", "believed", "at"),
    [
        (dt.timedelta(minutes=-3), True, dt.timedelta(minutes=-3)),  # logged, sent three minutes later
        (dt.timedelta(days=-2), True, dt.timedelta(days=-2)),  # without network since the day before yesterday
        (dt.timedelta(minutes=4), True, dt.timedelta(0)),  # a clock that is fast
        (dt.timedelta(hours=1), False, dt.timedelta(0)),
        (dt.timedelta(days=-40), False, dt.timedelta(0)),
    ],
)
def test_which_clock_decides(offset: dt.timedelta, believed: bool, at: dt.timedelta) -> None:
    assert clock.happened(NOW + offset, NOW) == clock.Happened(NOW + at, believed)
    assert clock.happened(None, NOW) == clock.Happened(NOW, True)


@given(points, points, points)
def test_distances_are_those_of_a_sphere(one: geo.Point, two: geo.Point, three: geo.Point) -> None:
    assert geo.distance_m(one, one) == 0
    assert geo.distance_m(one, two) == geo.distance_m(two, one)
    assert 0 <= geo.distance_m(one, two) <= math.pi * geo.EARTH_RADIUS_M + 1
    assert geo.distance_m(one, three) <= geo.distance_m(one, two) + geo.distance_m(two, three) + 2


def test_a_known_distance() -> None:
    """Lahore to Multan, and a hundredth of a degree to the north."""
    assert geo.distance_m(geo.Point(31.5497, 74.3436), geo.Point(30.1575, 71.5249)) == pytest.approx(310_000, rel=0.01)
    assert geo.distance_m(geo.Point(31.0, 72.0), geo.Point(31.01, 72.0)) == 1112


@given(in_punjab, in_punjab, st.integers(10, 5000))
def test_a_sketch_holds_the_phone_and_the_ring(unit: geo.Point, phone: geo.Point, near: int) -> None:
    drawn = geo.sketch(unit, phone, near)
    away = math.hypot(drawn.x - 50, drawn.y - 50)
    assert away <= 43
    assert drawn.ring <= 42.1
    if geo.distance_m(unit, phone) > near * 1.02 + 2:
        assert away >= drawn.ring - 0.2  # outside the ring on paper as on the ground
    assert (drawn.y <= 50.1) == (phone.lat >= unit.lat) or abs(drawn.y - 50) < 0.2


@given(
    st.builds(
        Evidence, st.booleans(), st.none() | st.integers(0, 5000), st.booleans(), st.none() | st.integers(0, 10**7),
        st.integers(0, 5), st.booleans(), st.booleans(),
    ),
    st.integers(10, 5000),
)  # fmt: skip
def test_only_a_visit_without_any_doubt_approves_itself(evidence: Evidence, far_m: int) -> None:
    found = rules.doubts(evidence, far_m)
    assert (Doubt.FAR in found) == (evidence.distance_m is not None and evidence.distance_m > far_m)
    assert (Doubt.MOCK in found) == evidence.is_mock
    assert (Doubt.NO_PHOTO in found) == (evidence.photos == 0)
    assert not (Doubt.NO_POSITION in found and Doubt.ACCURACY in found)
    if rules.approves_itself(evidence, far_m):
        assert not found and not evidence.is_unit_closed
        assert evidence.distance_m is not None and evidence.distance_m <= far_m and evidence.photos


def test_the_gravest_doubts_stand_first() -> None:
    assert [flag.name for flag in sorted(Doubt, reverse=True)][:3] == ["FAR", "MOCK", "NO_PHOTO"]
    assert list(DOUBTS) == sorted(Doubt, reverse=True)


def test_every_type_and_outcome_has_its_words() -> None:
    assert set(rules.OUTCOMES_OF) == set(VISIT_TYPES) == set(TYPE_WORDS)
    assert {one for outcomes in rules.OUTCOMES_OF.values() for one in outcomes} == set(OUTCOMES)
    assert set(OUTCOME_WORDS) == set(OUTCOMES) == set(OUTCOME_ICONS)
    assert set(rules.HANDED_OVER) <= set(rules.OUTCOMES_OF["DELIVERY"])


def test_nobody_reviews_his_own() -> None:
    assert rules.may_review(1, 2, True)
    assert rules.may_review(1, None, True)
    assert not rules.may_review(1, 1, True)
    assert not rules.may_review(1, 2, False)
    assert rules.may_correct(1, 1, RETURNED) and rules.may_correct(1, 1, PENDING)
    assert not rules.may_correct(1, 1, APPROVED) and not rules.may_correct(2, 1, RETURNED)
    assert {state: rules.next_states(state) for state in REVIEW_STATES} == {
        PENDING: (APPROVED, RETURNED), APPROVED: (RETURNED,), RETURNED: (APPROVED,),
    }  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(["from", "to", "agent", "type", "outcome", "state", "area", "doubt"]),
                       st.text(max_size=12) | st.dates().map(str) | st.integers().map(str)))  # fmt: skip
def test_any_address_gives_a_filter(args: dict[str, str]) -> None:
    found = filters.read_filter(args, dt.date(2025, 12, 5))
    assert found.first <= found.last <= dt.date(2200, 1, 1)
    assert (found.last - found.first).days <= filters.LONGEST_DAYS
    assert found.visit_type in {None, *VISIT_TYPES}

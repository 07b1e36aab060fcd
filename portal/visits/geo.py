"""Positions on the ground: how far apart, and where one lies as seen from another. Pure."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

EARTH_RADIUS_M = 6_371_000
LAT_RANGE, LON_RANGE = (27.7, 34.1), (69.2, 75.5)  # Punjab, as for units


@dataclass(frozen=True)
class Point:
    """A position in degrees."""

    lat: float
    lon: float

    @property
    def is_in_punjab(self) -> bool:
        """0,0 and positions abroad are none that a visit can have."""
        return LAT_RANGE[0] <= self.lat <= LAT_RANGE[1] and LON_RANGE[0] <= self.lon <= LON_RANGE[1]


def point(lat: float | None, lon: float | None) -> Point | None:
    """The point, None where half of it is unknown."""
    return None if lat is None or lon is None else Point(lat, lon)


def distance_m(one: Point, other: Point) -> int:
    """Metres along the earth's surface between two positions (haversine), rounded."""
    lat, other_lat = math.radians(one.lat), math.radians(other.lat)
    by_lat = math.sin((other_lat - lat) / 2) ** 2
    by_lon = math.sin(math.radians(other.lon - one.lon) / 2) ** 2
    share = min(1.0, by_lat + math.cos(lat) * math.cos(other_lat) * by_lon)
    return round(2 * EARTH_RADIUS_M * math.asin(math.sqrt(share)))


def length_m(points: list[Point]) -> int:
    """The way from point to point, as the crow flies."""
    return sum(distance_m(here, there) for here, there in itertools.pairwise(points))


@dataclass(frozen=True)
class Sketch:
    """A small drawing with the unit in the middle (50, 50 of 100): where the phone was, and the circle of what is near.

    `x`, `y` and `ring` are in units of the drawing; north is up.
    """

    x: float
    y: float
    ring: float


def sketch(unit: Point, phone: Point, near_m: int) -> Sketch:
    """Drawn so that both the circle of `near_m` metres and the phone fit in."""
    away = distance_m(unit, phone)
    per_unit = max(away, near_m, 1) / 42
    north = math.radians(phone.lat - unit.lat) * EARTH_RADIUS_M
    east = math.radians(phone.lon - unit.lon) * math.cos(math.radians(unit.lat)) * EARTH_RADIUS_M
    reach = math.hypot(north, east)
    shrink = 42 / (reach / per_unit) if reach / per_unit > 42 else 1.0
    return Sketch(
        round(50 + east / per_unit * shrink, 1), round(50 - north / per_unit * shrink, 1), round(near_m / per_unit, 1)
    )

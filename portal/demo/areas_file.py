"""The area list: `district_id,district_name,tehsil_id,tehsil_name,area_id,area_name`."""

from __future__ import annotations

from portal.demo.places import Tehsil
from portal.demo.truth import FileTruth
from portal.demo.writers import Sink

HEADER = ("district_id", "district_name", "tehsil_id", "tehsil_name", "area_id", "area_name")


def write(sink: Sink, truth: FileTruth, tehsils: tuple[Tehsil, ...]) -> None:
    """All areas, and one of them twice."""
    rows = [
        (tehsil.district_id, tehsil.district, tehsil.tehsil_id, tehsil.name, area.area_id, area.in_areas)
        for tehsil in tehsils
        for area in tehsil.areas
    ]
    for row in [*rows, rows[0]]:
        sink.add(row)
    truth.rows = len(rows) + 1
    truth.inserted = len(rows)
    truth.duplicates = 1

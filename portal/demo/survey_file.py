"""The survey master: one row a property, columns in another order in each tehsil's file, one without a header."""

from __future__ import annotations

import datetime as dt
from random import Random

from portal.demo import economics, names
from portal.demo.places import Tehsil
from portal.demo.truth import FileTruth
from portal.demo.world import ARRIVES_LATE, UNKNOWN, Unit
from portal.demo.writers import Cell, Sink

HEADER = (
    "Sr#", "Survey ID", "Surveyor Name", "Survey Timestamp", "GPS Coordinates", "District", "Tehsil", "Union Council",
    "UC Type", "Image URLs", "Area", "Address", "Water Connection", "Cnic Num", "Mobile Num", "Name", "House Type",
    "Type", "Level", "", "Email",
)  # fmt: skip
_ORDERS = (
    tuple(range(21)),
    (0, 1, 5, 6, 7, 8, 15, 14, 13, 11, 10, 16, 17, 18, 12, 4, 9, 2, 3, 19, 20),
    (0, 15, 14, 13, 1, 2, 3, 4, 9, 5, 6, 7, 8, 10, 11, 16, 12, 17, 18, 19, 20),
)
_RESPELLED: tuple[dict[str, str], ...] = ({}, {"Survey ID": "Survey Id"}, {"Cnic Num": "CNIC Num "})
WATER = HEADER.index("Water Connection")


def header(order: int) -> tuple[str, ...]:
    """The header as that file has it."""
    return tuple(_RESPELLED[order].get(HEADER[column], HEADER[column]) for column in _ORDERS[order])


def _gps(unit: Unit, draw: Random) -> str:
    kind = draw.random()
    if kind < 0.02:
        return "null"
    if kind < 0.035:
        return "0,0"
    latitude = round(unit.area.latitude + draw.gauss(0, 0.006), 4)
    longitude = round(unit.area.longitude + draw.gauss(0, 0.006), 4)
    if kind < 0.045:
        longitude = -longitude
    elif kind < 0.07:
        return ""
    return f"{latitude:.4f},{longitude:.4f}"


def _images(unit: Unit, draw: Random) -> str:
    count = (0, 1, 1, 1, 2, 3)[int(draw.random() * 6)]
    return ",".join(f"https://photos.example.invalid/survey/{unit.survey_id}/{n + 1}.jpg" for n in range(count))


def values(unit: Unit, tehsil: Tehsil, first_day: int, draw: Random) -> list[Cell]:
    """The cells of a unit's row, in the order of HEADER, without its running number.

    `first_day` is the day the first cycle begins: everything but late arrivals was surveyed well before.
    """
    has_surveyor = draw.random() > 0.33
    day = first_day - 20 - int(draw.random() * 280)
    second = int(draw.random() * 36_000) + 28_800
    stamp = ""
    if has_surveyor:
        stamp = (dt.datetime.fromordinal(day) + dt.timedelta(seconds=second)).isoformat(sep=" ")
    place_kind = draw.random()
    place = unit.area.in_survey
    if place_kind < 0.002:
        place = draw.choice(tehsil.unknown_names)
    elif place_kind < 0.004:
        place = "-"
    band = draw.choice(economics.SURVEY_BANDS[unit.size]) if unit.is_domestic else ""
    return [
        None, unit.survey_id, draw.choice(names.SURVEYORS) if has_surveyor else "", stamp, _gps(unit, draw),
        tehsil.district, tehsil.name, place, unit.area.uc_type, _images(unit, draw), band, unit.address,
        draw.choice(names.WATER_CONNECTIONS), unit.cnic, unit.mobile, unit.name,
        draw.choice(names.HOUSE_TYPES) if unit.is_domestic else "",
        "" if unit.is_domestic else unit.business, "" if unit.is_domestic else unit.size, "", "",
    ]  # fmt: skip


class SurveyFile:
    """One survey file being written. `is_late` is the later download that brings what had not arrived."""

    def __init__(self, sink: Sink, truth: FileTruth, order: int, *, is_late: bool) -> None:
        self._sink, self.truth, self._order, self._is_late = sink, truth, _ORDERS[order], is_late
        self._tail: list[list[Cell]] = []

    def _write(self, cells: list[Cell]) -> None:
        self.truth.rows += 1
        cells[0] = self.truth.rows
        self._sink.add([cells[column] for column in self._order])

    def add(self, unit: Unit, cells: list[Cell], *, is_changed: bool, is_duplicate: bool, is_keyless: bool) -> None:
        """The unit's row, if this file has it, with its outcome: changed, repeated, or repeated without its key."""
        if unit.register == UNKNOWN or (unit.register == ARRIVES_LATE and not self._is_late):
            return
        cells = list(cells)
        if self._is_late and is_changed:
            cells[WATER] = "Metered"
        self._write(cells)
        if not self._is_late or unit.register == ARRIVES_LATE:
            self.truth.inserted += 1
        elif is_changed:
            self.truth.updated += 1
        else:
            self.truth.unchanged += 1
        if is_duplicate:
            self._tail.append(list(cells))
            self.truth.duplicates += 1
        if is_keyless:
            self._tail.append([cells[0], "", *cells[2:]])
            self.truth.rejected += 1

    def close(self) -> None:
        for cells in self._tail:
            self._write(cells)
        self._sink.close()

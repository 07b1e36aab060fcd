"""The invented part of the province: a division, two districts, three tehsils and their union councils.

Each place has one spelling per kind of file, as in the real ones: with and without the urban or rural prefix,
commas or none, other case, dashes for slashes, trailing blanks, a line break inside a quoted name.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from random import Random

from portal.demo.names import VILLAGE_NAMES, WARD_NAMES

DIVISION = "Canal"
NO_PLACE = "-"
FIRST_AREA_ID = 90_001


@dataclass(frozen=True, slots=True)
class Area:
    """A union council or ward: its area id, its spellings by kind of file, where it lies and how well it pays.

    `pays` multiplies the paying share (1.0: average). `uc_type` is 'Urban' or 'Rural'.
    """

    area_id: int
    uc_type: str
    in_areas: str
    in_survey: str
    in_biller: str
    in_paid: str
    latitude: float
    longitude: float
    pays: float


@dataclass(frozen=True, slots=True)
class Tehsil:
    """A tehsil with its habits. `skips`: share of the accounts that get no new bill in a month;
    `states_fine`: share whose `Total Payable` includes the fine; `resets_payable`: whether payments lower it.
    """

    index: int
    tehsil_id: int
    name: str
    district_id: int
    district: str
    share: float
    skips: float
    states_fine: float
    resets_payable: bool
    areas: tuple[Area, ...]
    weights: tuple[float, ...]
    unknown_names: tuple[str, ...]

    @property
    def wmc(self) -> str:
        return f"{DIVISION} Waste Management Company"

    @property
    def office(self) -> str:
        return f"MC Office {self.name}"


# name, tehsil id, district id, district, share of the units, and the habits of `Tehsil`
_TEHSILS = (
    ("Northgate", 901, 91, "Northgate", 0.40, 0.50, 0.9, True),
    ("Eastmarket", 902, 91, "Northgate", 0.35, 0.12, 0.5, False),
    ("Westbrook", 903, 92, "Lakeside", 0.25, 0.20, 0.0, False),
)
_CENTRES = ((31.05, 72.45), (31.22, 72.88), (30.71, 72.11))


def _spellings(bare: str, uc_type: str, draw: Random) -> tuple[str, str, str, str]:
    """The same name as the area list, the survey, the biller list and the paid list have it."""
    in_areas = f"{uc_type} - {bare.replace('/', '-')}"
    in_survey = in_biller = in_paid = bare
    oddity = draw.randrange(8)
    if oddity == 0:
        in_survey = f"{bare} "
    elif oddity == 1:
        in_biller = bare.upper()
    elif oddity == 2:
        in_paid = bare.replace(",", "").replace("/", " ")
    elif oddity == 3:
        in_biller, in_paid = f" {bare}", f"{uc_type} - {bare}"
    elif oddity == 4:
        in_areas = in_areas.replace(", ", ",\n", 1)
    elif oddity == 5:
        in_survey = bare.replace("-", " ").replace("  ", " ")
    return in_areas, in_survey, in_biller, in_paid


def _bare_names(tehsil: str, count: int, draw: Random) -> list[tuple[str, str]]:
    """`count` different (name, type): about two thirds wards, the rest village union councils."""
    urban = max(2, round(count * 0.62))
    wards = list(WARD_NAMES)
    villages = list(VILLAGE_NAMES)
    if tehsil != "Northgate":  # Northgate keeps the first names, so that small sets look like the handbook's
        draw.shuffle(wards)
        draw.shuffle(villages)
    names = []
    for number in range(1, urban + 1):
        ward = wards[(number - 1) % len(wards)]
        if number > 2 and number % 5 == 0:
            names.append((f"Zone-{number // 5:02d}/{tehsil}/Ward-{number + 8}/{ward}", "Urban"))
        else:
            again = "" if number <= len(wards) else f" {number // len(wards) + 1}"
            names.append((f"MC-{number} {ward}{again}", "Urban"))
    for number in range(1, count - urban + 1):
        village = villages[(number - 1) % len(villages)]
        again = "" if number <= len(villages) else f" {number // len(villages) + 1}"
        names.append((f"UC-{number + 19}, {village}{again}, {tehsil}", "Rural"))
    return names


def build_tehsils(seed: int, units: int) -> tuple[Tehsil, ...]:
    """The three tehsils for a set of that many units: 38 areas for the default, up to about 190 for large sets."""
    tehsils = []
    area_id = FIRST_AREA_ID
    for index, (name, tehsil_id, district_id, district, share, skips, states_fine, resets) in enumerate(_TEHSILS):
        draw = Random(seed * 1_000 + index)
        own_units = units * share
        count = (14, 12, 12)[index] + min(48, int(own_units) // 2_500)
        areas = []
        weights = []
        for bare, uc_type in _bare_names(name, count, draw):
            in_areas, in_survey, in_biller, in_paid = _spellings(bare, uc_type, draw)
            latitude = _CENTRES[index][0] + draw.uniform(-0.12, 0.12)
            longitude = _CENTRES[index][1] + draw.uniform(-0.12, 0.12)
            pays = draw.uniform(0.72, 1.32) * (1.0 if uc_type == "Urban" else 0.85)
            areas.append(Area(area_id, uc_type, in_areas, in_survey, in_biller, in_paid, latitude, longitude, pays))
            weights.append(draw.uniform(0.5, 1.6) * (1.3 if uc_type == "Urban" else 0.8))
            area_id += 1
        if index == 1:
            # One name twice, urban and rural: only the type tells them apart.
            twin = next(area for area in areas if area.uc_type == "Rural")
            bare = twin.in_areas.removeprefix("Rural - ")
            in_paid = twin.in_paid.removeprefix("Rural - ")
            spelled = (f"Urban - {bare}", twin.in_survey, twin.in_biller, in_paid)
            areas.append(Area(area_id, "Urban", *spelled, twin.latitude + 0.02, twin.longitude, 0.9))
            weights.append(0.4)
            area_id += 1
        unknown = (f"UC-{77 + index}, New Abadi, {name}", f"MC-{90 + index} Phase 2")
        cumulative = tuple(accumulate(weights))
        habits = (share, skips, states_fine, resets)
        tehsils.append(
            Tehsil(index, tehsil_id, name, district_id, district, *habits, tuple(areas), cumulative, unknown)
        )
    return tuple(tehsils)

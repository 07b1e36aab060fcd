"""The recovery to be reached: the nearest area's, the same on the Overview's tile and in the report it links to."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from portal.permissions import Role
from portal.settings.targets import Targets
from tests.dash.world import World, fill
from tests.settings.pages import Desk
from tests.support.people import add_staff, sign_in

SHOWN = "cycle=2025-11&from=2025-11-16&to=2025-12-05"


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    return fill(module_app, 5)


@pytest.fixture(scope="module")
def head(world: World) -> FlaskClient:
    return sign_in(world.app.test_client(), add_staff(world.app, Role.HEAD))


@pytest.fixture
def set_targets(world: World, head: FlaskClient) -> Callable[..., None]:
    """`set_targets(50, {"north": 60})`: the target for all, and those of single areas."""
    desk = Desk(head)

    def save(default: int, areas: dict[str, int]) -> None:
        fields = {name: value for name, value in desk.fields("billing").items() if not name.startswith("target-")}
        fields["recovery_target"] = str(default)
        for row, (name, percent) in enumerate(areas.items()):
            fields |= {f"target-area-{row}": str(world.ids[name]), f"target-percent-{row}": str(percent)}
        assert desk.save("billing", fields).status_code == 303

    return save


def tile(client: FlaskClient, area: int | None) -> tuple[str | None, str]:
    """The target on the Overview's recovery tile: exact, and the page."""
    answer = client.get(f"/dash/overview/?{SHOWN}" + (f"&area={area}" if area else ""))
    assert answer.status_code == 200
    page = answer.get_data(as_text=True)
    found = re.search(r'data-metric="target" data-value="([^"]*)"', page)
    return (found[1] if found else None), page


def report(client: FlaskClient, area: int | None) -> list[dict[str, Any]]:
    """The recovery report's rows, of what the tile links to."""
    answer = client.get("/reports/recovery.csv?cycle=2025-11&to=2025-12-05" + (f"&area={area}" if area else ""))
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.get_data().decode("utf-8-sig"))))


def workbook_target(client: FlaskClient, area: int | None) -> Any:
    """The target among the workbook's control totals."""
    from openpyxl import load_workbook

    answer = client.get("/reports/recovery.xlsx?cycle=2025-11" + (f"&area={area}" if area else ""))
    book = load_workbook(io.BytesIO(answer.get_data()))
    facts = {row[0].value: row[1].value for row in book.worksheets[0].iter_rows(max_col=2)}
    return facts.get("Target")


def test_without_a_target_nothing_is_said(world: World, head: FlaskClient, set_targets: Callable[..., None]) -> None:
    set_targets(0, {})
    assert tile(head, None)[0] is None
    assert "Target" not in report(head, None)[0]
    assert workbook_target(head, None) is None


def test_the_nearest_area_s_target_counts(world: World, head: FlaskClient, set_targets: Callable[..., None]) -> None:
    set_targets(50, {"north": 60, "north/a": 70})
    for name, expected in (
        (None, 50), ("punjab", 50), ("canal", 50), ("south", 50), ("south/b/1", 50),
        ("north", 60), ("north/b", 60), ("north/b/2", 60), ("north/a", 70), ("north/a/3", 70),
    ):  # fmt: skip
        area = world.ids[name] if name else None
        assert float(tile(head, area)[0] or 0) == expected / 100, name
        assert float(workbook_target(head, area)) == expected / 100, name
    by_tehsil = {row["Tehsil"]: float(row["Target"]) for row in report(head, None)}
    assert by_tehsil == {"North A": 0.7, "North B": 0.6, "South A": 0.5, "South B": 0.5}
    # Who has but one area sees that area's.
    own = sign_in(world.app.test_client(), add_staff(world.app, Role.MANAGER, [world.ids["north/a"]]))
    assert float(tile(own, None)[0] or 0) == float(workbook_target(own, None)) == 0.7


def test_a_new_target_is_on_the_tile_at_once(world: World, head: FlaskClient, set_targets: Callable[..., None]) -> None:
    """Answers are cached: the target is part of what they depend on."""
    set_targets(1, {})
    assert "target 1\u00a0% reached" in tile(head, None)[1]
    set_targets(100, {})
    page = tile(head, None)[1]
    assert re.search(r"[\d.]+\u00a0pt to the target of 100\u00a0%", page)
    set_targets(0, {"north": 99})
    assert tile(head, None)[0] is None
    assert tile(head, world.ids["north"])[0] == "0.99"


@given(
    st.dictionaries(st.integers(1, 9), st.integers(1, 100), max_size=6),
    st.one_of(st.none(), st.integers(1, 100)),
    st.lists(st.integers(1, 9), max_size=5, unique=True),
)
def test_of_the_areas_above_the_nearest_with_a_target(
    areas: dict[int, int], default: int | None, above: list[int]
) -> None:
    expected = next((areas[area] for area in above if area in areas), default)
    assert Targets(default, tuple(areas.items())).of(above) == expected

"""The Overview as people get it: the first HTML, its callback, its downloads, within their own area only."""

from __future__ import annotations

import csv
import html
import io
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.db import transaction
from portal.permissions import Role
from portal.reports.links import METRIC_TOTAL
from portal.staff.models import Staff
from tests.dash.test_mount import PAGE, UPDATE, callback_of
from tests.dash.world import World, fill
from tests.support.people import add_staff, sign_in
from tests.support.queries import recorded_queries

SHOWN = "?cycle=2025-11&from=2025-11-16&to=2025-12-05"
FIRST = "?cycle=2025-07&from=2025-07-16&to=2025-07-20"
TILES = ("billed", "collected", "recovery", "outstanding", "paying_units", "delivered", "visits", "tickets")
# What the total of a tile's list is called, where it is not the tile's own figure that is summed.
LISTS = {"visits": "/visits/", "tickets": "/tickets/"}


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    return fill(module_app, 5)


@pytest.fixture(scope="module")
def head(world: World) -> FlaskClient:
    return sign_in(world.app.test_client(), add_staff(world.app, Role.HEAD))


@pytest.fixture(scope="module")
def north(world: World) -> FlaskClient:
    return sign_in(world.app.test_client(), add_staff(world.app, Role.MANAGER, [world.ids["north"]]))


def metrics(page: str) -> dict[str, str]:
    """Metric: exact figure, as the page carries them for machines."""
    return dict(re.findall(r'data-metric="(\w+)" data-value="([^"]*)"', page))


def page_of(client: FlaskClient, query: str = SHOWN) -> str:
    answer = client.get(PAGE + query)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def call(client: FlaskClient, app: Flask, query: Any = SHOWN) -> Any:
    """The callback's answer for a query string, posted by hand."""
    body = callback_of(app)
    body["inputs"][0]["value"] = query
    return client.post(UPDATE, json=body)


def text_of(node: Any) -> str:
    """All text of a component tree."""
    if isinstance(node, dict) and "props" in node:
        return text_of(node["props"].get("children"))
    if isinstance(node, list):
        return " ".join(text_of(child) for child in node)
    return "" if node is None else str(node)


def sum_of(world: World, sql: str) -> int:
    with world.app.app_context(), transaction() as session:
        return int(session.execute(text(sql)).scalar_one() or 0)


def test_the_first_html_already_carries_the_tiles(world: World, head: FlaskClient) -> None:
    page = page_of(head)
    shown = metrics(page)
    assert set(TILES) <= shown.keys()
    bills = "FROM bills WHERE billing_month = '2025-11-01' AND status <> 'CANCELLED'"
    assert shown["billed"] == str(sum_of(world, f"SELECT sum(monthly_fee) {bills}"))
    paid = "FROM payments WHERE paid_on BETWEEN '2025-11-16' AND '2025-12-05'"
    assert shown["collected"] == str(sum_of(world, f"SELECT sum(paid_amount) {paid}"))
    demand = sum_of(world, f"SELECT sum(demand) {bills}")
    received = sum_of(
        world,
        "SELECT sum(paid_amount) FROM payments WHERE bill_month = '2025-11-01' AND paid_on <= '2025-12-05'",
    )
    assert float(shown["recovery"]) == received / demand
    assert shown["outstanding"] == str(sum_of(world, "SELECT sum(outstanding) FROM account_balances"))
    assert "<h1>" in page
    assert page.index('id="first-paint"') < page.index('data-metric="billed"') < page.index('id="react-entry-point"')


def test_every_tile_says_what_it_is_compared_with(world: World, head: FlaskClient) -> None:
    """Tooltip, table and download carry the figures of both days, exactly."""
    page = html.unescape(page_of(head))
    now = sum_of(
        world,
        "SELECT sum(monthly_fee) FROM bills WHERE billing_month = '2025-11-01' AND status <> 'CANCELLED'"
        " AND issued_at < '2025-12-06'",
    )
    # The fifth of December is the twentieth day of its cycle; that of October was the fourth of November.
    then = sum_of(
        world,
        "SELECT sum(monthly_fee) FROM bills WHERE billing_month = '2025-10-01' AND status <> 'CANCELLED'"
        " AND issued_at < '2025-11-05'",
    )
    detail = f"{now:,} (to 5 Dec) against {then:,} (to 4 Nov: the same day of the Oct cycle)"
    assert detail in page
    assert len(re.findall(r": the same day of the Oct cycle\)\n", page)) == 7
    assert page.count('class="spark"') == 7
    rows = list(csv.reader(io.StringIO(head.get(f"{PAGE}download/tiles.csv{SHOWN}").get_data(as_text=True))))
    assert rows[0][1:] == ["5 Dec 2025", "4 Nov 2025", "Difference"]
    assert rows[1] == ["Billed", str(now), str(then), str(now - then)]
    assert [row[0] for row in rows[2:]] == [
        "Collected", "Recovery", "Outstanding", "Paying units", "Delivered", "Visits",
    ]  # fmt: skip
    assert all(row[3] for row in rows[1:])


def test_where_there_is_no_figure_to_compare_with_the_tile_says_so(head: FlaskClient) -> None:
    """July is the first month: before it nothing is known, and nothing is invented."""
    page = html.unescape(page_of(head, FIRST))
    assert page.count('<span class="tile-change"><small>no figure for 20 Jun</small></span>') == 7
    assert page.count("No figure to compare with (") == 7
    rows = list(csv.reader(io.StringIO(head.get(f"{PAGE}download/tiles.csv{FIRST}").get_data(as_text=True))))
    assert [row[2] for row in rows[1:]] == [""] * 7


def test_a_view_of_the_past_says_between_which_days_the_debt_changed(head: FlaskClient) -> None:
    page = html.unescape(page_of(head, "?cycle=2025-09"))
    assert "14 Sep – 15 Oct</small>" in page


def test_dash_renders_what_the_first_html_showed(world: World, head: FlaskClient) -> None:
    shown = metrics(page_of(head))
    answer = call(head, world.app)
    assert answer.status_code == 200
    found: dict[str, str] = {}

    def collect(node: Any) -> None:
        if isinstance(node, dict):
            props = node.get("props", {})
            if "data-metric" in props:
                found[props["data-metric"]] = props["data-value"]
            collect(props.get("children"))
        elif isinstance(node, list):
            for child in node:
                collect(child)

    for slot in answer.get_json()["response"].values():
        collect(slot.get("children"))
    assert found == shown


@pytest.mark.parametrize("area", ["south", "south/a/1", "punjab", "canal", "nobody's", "0"])
def test_another_area_is_not_found_on_the_page_in_the_callback_and_in_the_download(
    world: World, north: FlaskClient, area: str
) -> None:
    """The areas above the person's own are not his either."""
    query = f"?area={world.ids.get(area, 999_999)}"
    for answer in (
        north.get(PAGE + query),
        call(north, world.app, query),
        north.get(f"{PAGE}download/league.csv{query}"),
        north.get(f"{PAGE}download/all.csv{query}"),
    ):
        assert answer.status_code == 404
        body = answer.get_data(as_text=True)
        assert "South" not in body
        assert "data-metric" not in body


def test_an_area_within_is_found(world: World, north: FlaskClient, head: FlaskClient) -> None:
    for area in ("north", "north/a", "north/b/3"):
        query = f"{SHOWN}&area={world.ids[area]}"
        assert metrics(page_of(north, query)) == metrics(page_of(head, query))
        assert call(north, world.app, query).status_code == 200


def test_the_scope_comes_from_the_person_and_never_from_the_cache(
    world: World, head: FlaskClient, north: FlaskClient
) -> None:
    everything, part = metrics(page_of(head)), metrics(page_of(north))
    assert int(part["outstanding"]) < int(everything["outstanding"])
    south = sign_in(world.app.test_client(), add_staff(world.app, Role.SUPERVISOR, [world.ids["south"]]))
    other = metrics(page_of(south))
    for metric in ("billed", "collected", "outstanding", "paying_units"):
        assert int(part[metric]) + int(other[metric]) == int(everything[metric])
    assert "South" not in page_of(north)


def test_a_change_of_areas_shows_at_once(world: World) -> None:
    name = add_staff(world.app, Role.MANAGER, [world.ids["north"]])
    client = sign_in(world.app.test_client(), name)
    before = metrics(page_of(client))
    with world.app.app_context(), transaction() as session:
        session.execute(
            text(
                "UPDATE staff_areas SET location_id = :south"
                " WHERE staff_id = (SELECT id FROM staff WHERE username = :n)"
            ),
            {"south": world.ids["south"], "n": name},
        )
    assert metrics(page_of(client)) != before


def test_several_areas_are_added_up_and_each_can_be_picked(world: World) -> None:
    ids = [world.ids["north/a"], world.ids["south/b"]]
    client = sign_in(world.app.test_client(), add_staff(world.app, Role.MANAGER, ids))
    page = page_of(client)
    assert "All my areas" in page
    single = [metrics(page_of(client, f"{SHOWN}&area={area}")) for area in ids]
    for metric in ("billed", "collected", "outstanding", "paying_units"):
        assert int(metrics(page)[metric]) == sum(int(one[metric]) for one in single)
    for area in ids:
        assert f"area={area}" in page


def test_somebody_without_an_area_sees_nothing(world: World) -> None:
    name = add_staff(world.app, Role.MANAGER, [world.ids["north"]])
    with world.app.app_context(), transaction() as session:
        session.execute(
            text("DELETE FROM staff_areas WHERE staff_id = (SELECT id FROM staff WHERE username = :n)"), {"n": name}
        )
        assert session.query(Staff).filter_by(username=name).one().areas == []
    page = page_of(sign_in(world.app.test_client(), name))
    assert set(metrics(page).values()) <= {"0", ""}


def test_a_payment_shows_in_the_next_answer(world: World, head: FlaskClient) -> None:
    before = int(metrics(page_of(head))["collected"])
    assert page_of(head)  # from the cache
    with world.app.app_context(), transaction() as session:
        session.execute(
            text(
                "UPDATE payments SET paid_amount = paid_amount + 1000 WHERE id ="
                " (SELECT min(id) FROM payments WHERE paid_on BETWEEN '2025-11-16' AND '2025-12-05')"
            )
        )
    assert int(metrics(page_of(head))["collected"]) == before + 1000
    assert f'"{before + 1000}"' in call(head, world.app).get_data(as_text=True)


@pytest.mark.parametrize("query", [SHOWN, SHOWN + "&use=DOMESTIC&compare=year", "?from=2025-08-01&to=2025-12-31"])
def test_the_page_and_its_callback_stay_within_twelve_queries(
    world: World, head: FlaskClient, north: FlaskClient, query: str
) -> None:
    for client in (head, north):
        with world.app.app_context(), transaction() as session:  # so that nothing of it is cached
            session.execute(text("INSERT INTO data_versions (location_id, changes) VALUES (NULL, 1)"))
        with recorded_queries(world.app) as cold:
            page_of(client, query)
        assert 5 < len(cold) <= 12
        with recorded_queries(world.app) as warm:
            assert call(client, world.app, query).status_code == 200
        assert len(warm) <= 4
        tables = " ".join(cold)
        assert not re.search(r"\b(FROM|JOIN) (bills|payments|survey_units|accounts)\b", tables)


def test_what_could_not_be_read_is_said(head: FlaskClient) -> None:
    page = page_of(head, "?cycle=2025-13&use=x")
    assert "could not be read" in page
    assert "could not be read" not in page_of(head)


def test_an_area_without_data_explains_itself(world: World) -> None:
    with world.app.app_context(), transaction() as session:
        session.execute(
            text(
                "INSERT INTO locations (parent_id, kind, name, match_key)"
                " SELECT id, 'TEHSIL', 'Empty', 'empty' FROM locations WHERE name = 'North' AND kind = 'DISTRICT'"
            )
        )
        empty = session.execute(text("SELECT id FROM locations WHERE name = 'Empty'")).scalar_one()
    client = sign_in(world.app.test_client(), add_staff(world.app, Role.MANAGER, [empty]))
    page = page_of(client, "")
    assert page.count('class="empty"') == 5
    assert metrics(page)["billed"] == "0"
    assert metrics(page)["recovery"] == ""


def test_a_tile_equals_the_report_it_links_to(world: World, north: FlaskClient) -> None:
    area = world.ids["north/a"]
    for query in (SHOWN, f"{SHOWN}&use=DOMESTIC&area={area}"):
        page = page_of(north, query)
        head = r'data-metric="(\w+)" data-value="([^"]*)"><div class="tile-label"><a [^>]*?href="([^"]+)"'
        tiles = re.findall(head, page)
        assert tuple(metric for metric, _value, _href in tiles) == TILES
        shown = metrics(page)
        for metric, tile, href in tiles:
            value = shown["delivered_bills"] if metric == "delivered" else tile
            if metric in LISTS:
                path = html.unescape(href)
                assert path.startswith(LISTS[metric])
                counted = rf'<strong( class="num")?>{int(value):,}</strong> {metric[:-1]}'
                assert re.search(counted, north.get(path).text), metric
                continue
            report = north.get(html.unescape(href)).get_data(as_text=True)
            totals = dict(re.findall(r'data-total="(\w+)" data-value="([^"]*)"', report))
            assert totals[METRIC_TOTAL[metric]] == value, metric


def test_a_panel_is_downloaded_as_its_table_shows_it(world: World, north: FlaskClient) -> None:
    answer = north.get(f"{PAGE}download/league.csv{SHOWN}")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    shown = metrics(page_of(north))
    assert sum(int(row["Bills"]) for row in rows) == int(shown["bills"])
    assert sum(int(row["Received"]) for row in rows) == int(shown["received"])
    everything = north.get(f"{PAGE}download/all.csv{SHOWN}").data.decode("utf-8-sig")
    assert f"Collected,{shown['collected']}\n" in everything
    assert f"Billed,{shown['billed']}\n" in everything


def test_names_that_a_spreadsheet_would_run_are_neutralised(world: World, head: FlaskClient) -> None:
    with world.app.app_context(), transaction() as session:
        session.execute(text("UPDATE locations SET name = '=1+1' WHERE id = :id"), {"id": world.ids["south"]})
    made = head.get(f"{PAGE}download/league.csv{SHOWN}").data.decode("utf-8-sig")
    assert "'=1+1" in made
    assert "\n=1+1" not in made
    with world.app.app_context(), transaction() as session:
        session.execute(text("UPDATE locations SET name = 'South' WHERE id = :id"), {"id": world.ids["south"]})


def test_a_name_in_a_file_is_text_on_the_page(world: World, head: FlaskClient) -> None:
    with world.app.app_context(), transaction() as session:
        session.execute(
            text("UPDATE locations SET name = '<script>x</script>' WHERE id = :id"), {"id": world.ids["south"]}
        )
    page = page_of(head)
    assert "&lt;script&gt;x" in page
    assert "<script>x" not in page
    with world.app.app_context(), transaction() as session:
        session.execute(text("UPDATE locations SET name = 'South' WHERE id = :id"), {"id": world.ids["south"]})


def test_urdu_has_its_own_answer(world: World) -> None:
    name = add_staff(world.app, Role.HEAD)
    client = sign_in(world.app.test_client(), name)
    english = text_of(call(client, world.app).get_json()["response"]["ov-league"]["children"])
    with world.app.app_context(), transaction() as session:
        session.execute(text("UPDATE staff SET language = 'ur' WHERE username = :name"), {"name": name})
    urdu = text_of(call(client, world.app).get_json()["response"]["ov-league"]["children"])
    assert "North" in english
    assert "north ur" in urdu


@pytest.mark.parametrize("search", [5, 1.5, True, None, [], ["?area=1"], {"area": 1}])
def test_a_search_that_is_no_text_asks_for_nothing(world: World, head: FlaskClient, search: Any) -> None:
    assert call(head, world.app, search).get_json() == call(head, world.app, "").get_json()

"""The screen of the audit log: who sees which lines, filters, pages, sentences, and the same as a file."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.audit.service import record_apart
from portal.db import side_transaction
from portal.permissions import Role
from portal.web.format import KARACHI
from tests.support import people
from tests.support.places import small_tree

CSRF = re.compile(r"<[^>]+>")


@dataclass
class World:
    """Places, people by a short name (their ids), and a browser for each."""

    app: Flask
    places: dict[str, int]
    ids: dict[str, int]
    browsers: dict[str, FlaskClient]


PEOPLE: dict[str, tuple[Role, str | None]] = {
    "head": (Role.HEAD, None),
    "half-head": (Role.HEAD, "khushab"),
    "province-manager": (Role.MANAGER, None),
    "manager": (Role.MANAGER, "khushab"),
    "admin": (Role.ADMIN, "khushab/khushab"),
    "other-admin": (Role.ADMIN, "khushab/khushab"),
    "agent": (Role.AGENT, "mc-9"),
    "straddler": (Role.AGENT, "mc-9"),  # gets a second area, in Bhakkar
    "stranger": (Role.AGENT, "other mc-9"),
}


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    places = small_tree(module_app)
    browsers, ids = {}, {}
    for name, (role, place) in PEOPLE.items():
        areas = None if place is None else [places[place]]
        if name == "straddler" and areas:
            areas.append(places["other mc-9"])
        username = people.add_staff(module_app, role, areas, username=name)
        browsers[name] = module_app.test_client()
        with module_app.app_context(), side_transaction() as connection:
            ids[name] = connection.scalar(text("SELECT id FROM staff WHERE username = :n"), {"n": username})
    for name in ("head", "half-head", "province-manager", "manager", "admin", "agent"):
        people.sign_in(browsers[name], name)
    made = World(module_app, places, ids, browsers)
    _fill(made)
    return made


def _fill(world: World) -> None:
    """One line of every sort of who, what and where; each with a reason of its own."""

    def by(name: str) -> dict[str, Any]:
        return {"actor": name, "staff_id": world.ids[name], "address": "198.51.100.4"}

    def at(place: str) -> dict[str, Any]:
        return {"location_id": world.places[place]}

    with world.app.app_context(), side_transaction() as c:
        record_apart(c, "bills.move", "bills", "2025-10-25", reason="here-by-head", **by("head"),
                     **at("khushab/khushab"), before={"month": "2025-10"},
                     after={"month": "2025-11", "live": 3, "fees": 1500})  # fmt: skip
        record_apart(c, "personal.view", "unit", "100", reason="here-by-agent", **by("agent"), **at("mc-9"))
        there = at("other mc-9")
        record_apart(c, "personal.view", "unit", "200", reason="there-by-stranger", **by("stranger"), **there)
        record_apart(c, "personal.view", "unit", "300", reason="there-by-agent", **by("agent"), **at("other mc-9"))
        record_apart(c, "import.commit", "import_batch", "5", reason="import-by-admin", **by("admin"),
                     after={"file": "02_Biller.csv", "rows": 9, "options": {"month": "2025-11"}})  # fmt: skip
        record_apart(c, "import.commit", "import_batch", "6", reason="import-by-peer", **by("other-admin"))
        record_apart(c, "report.export.csv", "report", "outstanding", reason="export-by-agent", **by("agent"),
                     after={"query": "area=7", "filters": ["A", "B"], "rows": 12})  # fmt: skip
        record_apart(c, "export.done", "report", "outstanding", reason="export-by-stranger", **by("stranger"),
                     after={"rows": 5})  # fmt: skip
        record_apart(c, "staff.edit", "staff", world.ids["agent"], reason="about-agent-by-head", **by("head"),
                     before={"full_name": "Old <b>Name</b>", "is_active": True, "email": "a@example.org"},
                     after={"full_name": "New Name", "is_active": False, "email": "a@example.org"})  # fmt: skip
        record_apart(c, "staff.edit", "staff", world.ids["straddler"], reason="about-straddler", **by("head"))
        record_apart(c, "staff.edit", "staff", world.ids["manager"], reason="about-manager", **by("head"),
                     **at("khushab"))  # fmt: skip
        record_apart(c, "staff.edit", "staff", world.ids["other-admin"], reason="about-peer", **by("manager"),
                     **at("khushab/khushab"))  # fmt: skip
        record_apart(c, "staff.edit", "staff", world.ids["head"], reason="about-head", **by("head"), **at("punjab"))
        record_apart(c, "settings.change", "setting", "idle_minutes", reason="setting", **by("head"),
                     before={"value": 30}, after={"value": 20})  # fmt: skip
        record_apart(c, "audit.retention", "audit_log", "2018-10", reason="by-system", after={"lines": 4})
        record_apart(c, "made.up", "gadget", "x<y", reason="unknown-action", **by("head"))


def reasons(html: str) -> list[str]:
    """Which of the lines above a page shows, in its order."""
    return re.findall(r'audit-reason">Reason: <bdi>([^<]+)</bdi>', html)


def page(world: World, who: str, query: str = "", status: int = 200) -> str:
    answer = world.browsers[who].get(f"/audit/{query}")
    assert answer.status_code == status, answer.get_data(as_text=True)[:500]
    return answer.get_data(as_text=True)


ALL = [
    "unknown-action", "by-system", "setting", "about-head", "about-peer", "about-manager", "about-straddler",
    "about-agent-by-head", "export-by-stranger", "export-by-agent",
    "import-by-peer", "import-by-admin", "there-by-agent", "there-by-stranger", "here-by-agent", "here-by-head",
]  # fmt: skip
NOT_OF_A_MANAGER = {"unknown-action", "by-system", "setting", "about-head", "about-manager"}
OF_KHUSHAB = [
    "about-peer", "about-manager", "about-agent-by-head", "export-by-agent", "import-by-peer", "import-by-admin",
    "here-by-agent", "here-by-head",
]  # fmt: skip


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("head", ALL),
        # A manager of the whole province: every place, everybody below him; not the system, his peers, the head office.
        ("province-manager", [one for one in ALL if one not in NOT_OF_A_MANAGER]),
        ("half-head", OF_KHUSHAB),
        ("manager", OF_KHUSHAB),
        # Nobody reads what was done to the account of a peer, or of somebody above him, in his own area either.
        ("admin", [one for one in OF_KHUSHAB if one not in {"import-by-peer", "about-peer", "about-manager"}]),
    ],
)
def test_everybody_sees_his_area_and_his_people(world: World, who: str, seen: list[str]) -> None:
    assert reasons(page(world, who)) == seen


def test_agents_and_supervisors_do_not_read_it(world: World) -> None:
    page(world, "agent", status=403)
    assert world.browsers["agent"].get("/audit/log.csv").status_code == 403


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("?group=personal", ["there-by-agent", "there-by-stranger", "here-by-agent"]),
        ("?group=downloads&entity=report", ["export-by-stranger", "export-by-agent"]),
        ("?entity=staff", ["about-head", "about-peer", "about-manager", "about-straddler", "about-agent-by-head"]),
        ("?who=0", ["by-system"]),
        ("?group=settings", ["setting"]),
        ("?id=5&entity=import_batch", ["import-by-admin"]),
        ("?id=outstanding", ["export-by-stranger", "export-by-agent"]),
        ("?id=AGENT", ["about-agent-by-head"]),  # by user name
        ("?id=nothing", []),
        ("?id=5&entity=unit", []),
        ("?from=2199-01-01", []),
        ("?to=1999-01-01", []),
        ("?group=nonsense&entity=nonsense&from=yesterday&who=x", ALL),  # what makes no sense counts as absent
        ("?id=%00", ALL),
    ],
)
def test_filters_of_head(world: World, query: str, seen: list[str]) -> None:
    if query == "?id=%00":
        assert world.browsers["head"].get(f"/audit/{query}").status_code == 400
        return
    answer = page(world, "head", query)
    found = [one for one in reasons(answer) if one in ALL]
    assert found == seen
    if not seen:
        assert "No line fits this filter" in answer


def test_filter_by_person_place_and_day(world: World) -> None:
    assert reasons(page(world, "head", f"?who={world.ids['stranger']}")) == ["export-by-stranger", "there-by-stranger"]
    assert reasons(page(world, "head", f"?area={world.places['khushab']}")) == [
        "about-peer", "about-manager", "here-by-agent", "here-by-head",
    ]  # fmt: skip
    assert reasons(page(world, "manager", f"?area={world.places['mc-9']}")) == ["here-by-agent"]
    today = dt.datetime.now(KARACHI).date()
    assert reasons(page(world, "head", f"?from={today}&to={today}&entity=unit")) == [
        "there-by-agent", "there-by-stranger", "here-by-agent",
    ]  # fmt: skip
    assert reasons(page(world, "head", f"?to={today - dt.timedelta(days=1)}")) == []


@pytest.mark.parametrize("path", ["/audit/", "/audit/log.csv", "/audit/log.xlsx"])
def test_an_area_outside_does_not_exist(world: World, path: str) -> None:
    for area in (world.places["bhakkar"], world.places["punjab"], 999_999):  # beside, above, nowhere
        assert world.browsers["manager"].get(f"{path}?area={area}").status_code == 404


def test_a_person_outside_gives_no_lines(world: World) -> None:
    assert reasons(page(world, "manager", f"?who={world.ids['stranger']}")) == []
    html = page(world, "manager")
    people_shown = html.split('id="f-who"', 1)[1].split("</select>", 1)[0]
    assert f'value="{world.ids["agent"]}"' in people_shown
    for name in ("stranger", "straddler", "head"):
        assert f'value="{world.ids[name]}"' not in people_shown


def sentences(html: str) -> list[str]:
    found = re.findall(r'<div class="audit-what">\s*<p>(.*?)</p>', html, re.S)
    return [unescape(re.sub(r"\s+", " ", CSRF.sub("", one))).strip() for one in found]


def test_lines_read_as_sentences(world: World) -> None:
    html = page(world, "head", "?id=2025-10-25")
    assert sentences(html) == ["head moved bills issued on 25 Oct 2025 to another month"]
    html = page(world, "head", "?id=5&entity=import_batch")
    assert sentences(html) == ["admin imported Import 02_Biller.csv"]
    assert 'href="/imports/5"' in html
    html = page(world, "head", f"?id={world.ids['agent']}&entity=staff&group=staff")
    assert "head edited the account of agent" in sentences(html)
    html = page(world, "head", "?id=2018-10")
    assert sentences(html) == ["The system dropped an old month of Audit log Oct 2018"]
    html = page(world, "head", "?id=outstanding&group=downloads")
    assert sentences(html)[1] == "agent began to download Report “Outstanding” as CSV"
    assert 'href="/dash/reports/outstanding?area=7"' in html
    html = page(world, "head", "?id=100&entity=unit")
    assert sentences(html) == ["agent saw CNIC or mobile numbers of Unit 100"]
    assert 'href="/units/100"' in html
    assert "MC-9 Clocktower" in html
    assert "198.51.100.4" in html


def test_an_action_without_words_is_shown_by_its_code_and_escaped(world: World) -> None:
    html = page(world, "head")
    assert sentences(html)[reasons(html).index("unknown-action")] == "head did “made.up” to gadget x<y"
    assert "x<y" not in html
    assert "<b>Name</b>" not in html


def test_before_and_after_are_a_table_with_fields_in_words(world: World) -> None:
    html = page(world, "head", f"?id={world.ids['agent']}&entity=staff&group=staff")
    tables = [table for table in re.findall(r'<table class="audit-diff">.*?</table>', html, re.S) if "Old" in table]
    assert len(tables) == 1
    text_of = [
        [unescape(CSRF.sub("", cell)).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]
        for row in re.findall(r"<tr>(.*?)</tr>", tables[0], re.S)
    ]
    assert text_of == [
        ["Field", "Before", "After"], ["full name", "Old <b>Name</b>", "New Name"], ["active", "yes", "no"],
    ]  # fmt: skip
    moved = page(world, "head", "?id=2025-10-25")
    assert re.search(r"<del><bdi>Oct 2025</bdi></del>.*?<bdi>Nov 2025</bdi>", moved, re.S)
    assert "Rs\u00a01,500" in moved
    setting = page(world, "head", "?id=idle_minutes")
    assert re.search(r"<del><bdi>30\u00a0[^<]+</bdi></del>.*?<bdi>20\u00a0", setting, re.S)
    assert "idle_minutes" not in sentences(setting)[0]
    imported = page(world, "head", "?id=5&entity=import_batch")
    assert "options month" in imported


def test_urdu(world: World) -> None:
    browser = world.browsers["head"]
    browser.set_cookie("language", "ur")
    html = page(world, "head")
    browser.delete_cookie("language")
    assert reasons(html) or "audit-reason" in html


# --- pages -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(world: World) -> int:
    """130 lines of one person at three moments, so that pages end between lines of the same time."""
    with world.app.app_context(), side_transaction() as connection:
        for moment in range(3):
            connection.execute(
                text(
                    "INSERT INTO audit_log (at, staff_id, actor, action, entity, entity_id)"
                    " SELECT now() - make_interval(secs => :moment), :id, 'other-admin', 'import.upload',"
                    " 'import_batch', n::text FROM generate_series(1, :count) n"
                ),
                {"moment": moment, "id": world.ids["other-admin"], "count": (40, 60, 30)[moment]},
            )
    return 131  # with the import above


def test_pages_go_on_without_gap_or_repeat_both_ways(world: World, many: int) -> None:
    address, forwards = f"?who={world.ids['other-admin']}", []
    seen: list[str] = []
    for _page in range(10):
        html = page(world, "head", address)
        assert f'<strong class="num">{many}</strong>' in html
        forwards.append(re.findall(r'id="line-(\d+)"', html))
        seen += forwards[-1]
        following = re.search(r'rel="next" href="/audit/([^"]+)"', html)
        if following is None:
            break
        address = unescape(following[1])
    assert [len(one) for one in forwards] == [50, 50, 31]
    assert len(set(seen)) == many
    back = re.search(r'rel="prev" href="/audit/([^"]+)"', html)
    assert back is not None
    assert re.findall(r'id="line-(\d+)"', page(world, "head", unescape(back[1]))) == forwards[1]


def test_a_forged_cursor_is_refused(world: World) -> None:
    assert world.browsers["head"].get("/audit/?cursor=W2ZhbHNlLDEsMl0.x").status_code == 422


# --- downloads ---------------------------------------------------------------------------------------------------


def read_csv(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))


@pytest.mark.parametrize(
    "query", ["", "?group=personal", "?entity=staff", "?id=outstanding", "?from=2199-01-01", "?group=imports"]
)
@pytest.mark.parametrize("who", ["head", "manager", "admin"])
def test_a_file_holds_exactly_the_filtered_lines(world: World, many: int, who: str, query: str) -> None:
    shown, address = [], query
    for _page in range(10):
        html = page(world, who, address)
        shown += re.findall(r'id="line-(\d+)"', html)
        following = re.search(r'rel="next" href="/audit/([^"]+)"', html)
        if following is None:
            break
        address = unescape(following[1])
    rows = read_csv(world.browsers[who].get(f"/audit/log.csv{query}").data)
    assert len(rows) == len(shown)
    with world.app.app_context(), side_transaction() as connection:
        known = connection.execute(
            text("SELECT action, entity_id FROM audit_log WHERE id = ANY(:ids) ORDER BY at DESC, id DESC"),
            {"ids": [int(one) for one in shown]},
        ).all()
    assert [(row["Code of the action"], row["Id"]) for row in rows] == [tuple(one) for one in known]


def test_a_file_tells_the_same_as_the_screen(world: World) -> None:
    (row,) = read_csv(world.browsers["head"].get("/audit/log.csv?id=2025-10-25").data)
    assert row["Who"] == "head"
    assert row["What"] == "Bills moved"
    assert row["Kind of thing"] == "Bills"
    assert row["Place"] == "Khushab"
    assert row["From address"] == "198.51.100.4"
    assert row["Before"] == '{"month": "2025-10"}'
    assert '"fees": 1500' in row["After"]
    assert dt.datetime.fromisoformat(row["Time"]).date() == dt.datetime.now(KARACHI).date()
    book = openpyxl.load_workbook(
        io.BytesIO(world.browsers["head"].get("/audit/log.xlsx?id=2025-10-25&entity=bills").data)
    )
    stated = {cells[0]: cells[1] for cells in book["Summary"].iter_rows(min_row=3, values_only=True)}
    assert stated["Rows"] == 1
    assert (stated["Id"], stated["Kind of thing"]) == ("2025-10-25", "Bills")
    assert book["Rows"].max_row == 2


def test_a_download_of_the_log_is_a_line_itself(world: World) -> None:
    world.browsers["manager"].get("/audit/log.csv?group=personal&from=2020-01-01").get_data()
    with world.app.app_context(), side_transaction() as connection:
        begun, done = connection.execute(
            text("SELECT * FROM audit_log WHERE entity = 'audit_log' AND actor = 'manager' ORDER BY id DESC LIMIT 2")
        ).all()[::-1]
    assert (begun.action, done.action) == ("audit.export.csv", "export.done")
    assert begun.after == {"query": "group=personal&from=2020-01-01", "rows": 1}
    assert (done.after["rows"], done.after["began"]) == (1, begun.id)


def test_a_consumers_number_is_not_searched_by_address(world: World) -> None:
    answer = world.browsers["head"].get("/audit/?id=3820112345671&group=staff")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/audit/?group=staff")
    assert world.browsers["head"].get("/audit/log.csv?id=03001234567").status_code == 422

"""The report pages over HTTP: first HTML, the three requests of the grid, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.permissions import Role
from portal.reports.catalogue import REPORTS
from tests.reports import data
from tests.reports.conftest import ReaderAs
from tests.support.queries import recorded_queries

CALLBACK = "/dash/reports/_dash-update-component"


def post(client: FlaskClient, output: str, inputs: dict[str, Any], state: dict[str, Any] | None = None) -> TestResponse:
    """Call a callback as the browser does. Keys are `id.property`."""

    def pair(key: str, value: Any = ...) -> dict[str, Any]:
        name, prop = key.rsplit(".", 1)
        return {"id": name, "property": prop} | ({} if value is ... else {"value": value})

    outputs = [pair(key) for key in output.strip(".").split("...")]
    return client.post(
        CALLBACK,
        json={
            "output": output,
            "outputs": outputs if output.startswith("..") else outputs[0],
            "inputs": [pair(key, value) for key, value in inputs.items()],
            "state": [pair(key, value) for key, value in (state or {}).items()],
            "changedPropIds": [next(iter(inputs))],
        },
    )


ROWS = "..rp-grid.getRowsResponse...rp-ends.data...rp-note.children.."
TOTALS = "..rp-totals.children...rp-count.data.."


def get_rows(
    client: FlaskClient, search: str, request: dict[str, Any], ends: Any = None, name: str = "bill-register"
) -> TestResponse:
    state = {"rp-url.pathname": f"/dash/reports/{name}", "rp-url.search": search, "rp-ends.data": ends}
    return post(client, ROWS, {"rp-grid.getRowsRequest": request}, state)


def get_totals(client: FlaskClient, search: str, name: str = "bill-register") -> TestResponse:
    return post(client, TOTALS, {"rp-url.pathname": f"/dash/reports/{name}", "rp-url.search": search})


def figures(html: str) -> dict[str, str]:
    """Totals of the first HTML, by key."""
    return dict(re.findall(r'data-total="(\w+)" data-value="([^"]*)"', html))


@pytest.mark.parametrize("name", [report.name for report in REPORTS])
def test_the_first_html_has_title_filters_totals_and_rows(portal: Flask, reader_as: ReaderAs, name: str) -> None:
    client = reader_as(Role.HEAD)
    client.get(f"/dash/reports/{name}")
    with recorded_queries(portal) as queries:
        answer = client.get(f"/dash/reports/{name}?cycle=2025-11&from=2025-11-16")
    html = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert re.search(r"<h1>[^<]+</h1>", html)
    assert int(figures(html).get("rows") or 0) > 0 or name in ("daily-collection", "recovery")
    assert html.count("<tr>") > 10
    assert len(queries) <= 12, "\n".join(queries)


def test_figures_of_the_first_html_are_exact(portal: Flask, reader_as: ReaderAs) -> None:
    html = reader_as(Role.HEAD).get("/dash/reports/bill-register?cycle=2025-11").get_data(as_text=True)
    [(count, fee, demand)] = data.rows(
        portal,
        "SELECT count(*), sum(monthly_fee), sum(demand)::bigint FROM bills"
        " WHERE billing_month = '2025-11-01' AND status <> 'CANCELLED'",
    )
    assert figures(html) == {"rows": str(count), "monthly_fee": str(fee), "demand": str(demand), "paid_amount": ""}


def test_names_are_escaped(reader_as: ReaderAs) -> None:
    html = reader_as(Role.HEAD).get("/dash/reports/bill-register?q=traders").get_data(as_text=True)
    assert "Ali &amp; Sons &lt;Traders&gt;" in html
    assert "<Traders>" not in html


def test_the_grid_scrolls_by_keyset(portal: Flask, reader_as: ReaderAs) -> None:
    client = reader_as(Role.HEAD)
    first = get_rows(client, "?cycle=2025-11", {"startRow": 0, "endRow": 100, "sortModel": []}).get_json()["response"]
    assert len(first["rp-grid"]["getRowsResponse"]["rowData"]) == 100
    assert first["rp-grid"]["getRowsResponse"]["rowCount"] is None
    ends = first["rp-ends"]["data"]
    assert list(ends["at"]) == ["100"]
    with recorded_queries(portal) as queries:
        second = get_rows(client, "?cycle=2025-11", {"startRow": 100, "endRow": 200, "sortModel": []}, ends)
    assert not any("OFFSET" in query for query in queries)
    body = second.get_json()["response"]
    shown = [row["psid"] for part in (first, body) for row in part["rp-grid"]["getRowsResponse"]["rowData"]]
    expected = data.rows(
        portal,
        "SELECT psid FROM bills WHERE billing_month = '2025-11-01' AND status <> 'CANCELLED'"
        " ORDER BY id DESC LIMIT 200",
    )
    assert shown == [psid for (psid,) in expected]


def test_the_grid_sorts_in_sql_and_only_where_it_may(reader_as: ReaderAs) -> None:
    client = reader_as(Role.HEAD)
    asked = {"startRow": 0, "endRow": 100, "sortModel": [{"colId": "demand", "sort": "asc"}]}
    found = get_rows(client, "?cycle=2025-11", asked).get_json()["response"]["rp-grid"]["getRowsResponse"]["rowData"]
    demands = [int(row["demand"].replace(",", "")) for row in found]
    assert demands == sorted(demands)
    for column in ("consumer_name", "demand; DROP TABLE bills", "", None):
        answer = get_rows(client, "", {"startRow": 0, "endRow": 10, "sortModel": [{"colId": column, "sort": "asc"}]})
        assert answer.status_code == 200
        assert answer.get_json()["response"]["rp-grid"]["getRowsResponse"]["rowData"] == []


def test_a_known_end_of_another_view_is_not_used(reader_as: ReaderAs) -> None:
    client = reader_as(Role.HEAD)
    asked = {"startRow": 100, "endRow": 110, "sortModel": []}
    plain = get_rows(client, "?cycle=2025-11", asked).get_json()["response"]["rp-grid"]
    ends = {"of": "bill-register?cycle=2025-10", "at": {"100": ["2025-10-01", 5]}}
    assert get_rows(client, "?cycle=2025-11", asked, ends).get_json()["response"]["rp-grid"] == plain


def test_totals_come_in_a_request_of_their_own(portal: Flask, reader_as: ReaderAs) -> None:
    body = get_totals(reader_as(Role.HEAD), "?cycle=2025-11&status=PAID").get_json()["response"]
    [(count,)] = data.rows(portal, "SELECT count(*) FROM bills WHERE billing_month = '2025-11-01' AND status = 'PAID'")
    assert body["rp-count"]["data"] == {"rows": count}


def test_an_empty_report_says_why(reader_as: ReaderAs) -> None:
    html = reader_as(Role.HEAD).get("/dash/reports/bill-register?cycle=2024-01").get_data(as_text=True)
    assert "No bill matches." in html
    note = get_rows(reader_as(Role.HEAD), "?cycle=2024-01", {"startRow": 0, "endRow": 10, "sortModel": []})
    assert "No bill matches." in note.get_data(as_text=True)


def test_another_area_is_not_found_whoever_asks(portal: Flask, reader_as: ReaderAs) -> None:
    mine, other = data.location(portal, "Eastmarket"), data.location(portal, "Riverside")
    client = reader_as(Role.MANAGER, (mine,))
    block = {"startRow": 0, "endRow": 100, "sortModel": []}
    assert client.get(f"/dash/reports/bill-register?area={other}").status_code == 404
    assert get_rows(client, f"?area={other}", block).status_code == 404
    assert get_totals(client, f"?area={other}").status_code == 404
    seen = get_rows(client, "", block).get_json()["response"]["rp-grid"]["getRowsResponse"]["rowData"]
    assert {row["tehsil"] for row in seen} == {"Eastmarket"}
    # The end of a block of somebody else's rows leads to one's own rows only.
    ends = {"of": "bill-register?", "at": {"100": ["2025-11-01", 10**9]}}
    seen = get_rows(client, "", block | {"startRow": 100, "endRow": 200}, ends).get_json()
    rows = seen["response"]["rp-grid"]["getRowsResponse"]["rowData"]
    assert {row["tehsil"] for row in rows} == {"Eastmarket"}


def test_who_may_see_reports(portal: Flask, reader_as: ReaderAs) -> None:
    block = {"startRow": 0, "endRow": 10, "sortModel": []}
    agent = reader_as(Role.AGENT)
    assert agent.get("/dash/reports/bill-register").status_code == 403
    assert get_rows(agent, "", block).status_code == 403
    nobody = portal.test_client()
    assert nobody.get("/dash/reports/bill-register").status_code == 303
    assert get_rows(nobody, "", block).status_code == 401
    head = reader_as(Role.HEAD)
    assert head.get("/dash/reports/no-such-report").status_code == 404
    assert get_rows(head, "", block, name="no-such-report").status_code == 404
    assert head.get("/dash/reports/").headers["Location"] == "/reports/"
    supervisor = reader_as(Role.SUPERVISOR).get("/dash/reports/bill-register").get_data(as_text=True)
    assert "bill-register.csv" not in supervisor
    assert "bill-register.csv" in head.get("/dash/reports/bill-register").get_data(as_text=True)


@pytest.mark.parametrize(
    "ends",
    [
        "x",
        {"of": "bill-register?cycle=2025-11"},
        {"of": "bill-register?cycle=2025-11", "at": {"x": [], "1": 5, "2": ["2025-11-01", "y"]}},
        {"of": "bill-register?cycle=2025-11", "at": {"2": [[], {}]}},
    ],
)
def test_ends_made_by_hand_break_nothing(reader_as: ReaderAs, ends: Any) -> None:
    answer = get_rows(reader_as(Role.HEAD), "?cycle=2025-11", {"startRow": 5, "endRow": 10}, ends)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "request_",
    [
        {"startRow": -5, "endRow": 10},
        {"startRow": 10**12, "endRow": 10**12 + 10},
        {"startRow": 0, "endRow": 10**9},
        {"startRow": "x", "endRow": "y"},
        {"startRow": [], "sortModel": "demand"},
        {"sortModel": [None]},
        [],
        "rows",
    ],
)
def test_requests_made_by_hand_break_nothing(reader_as: ReaderAs, request_: Any) -> None:
    answer = get_rows(reader_as(Role.HEAD), "?cycle=2025-11", request_)
    assert answer.status_code < 500
    if answer.status_code == 200:
        shown = (answer.get_json()["response"].get("rp-grid") or {}).get("getRowsResponse") or {}
        assert len(shown.get("rowData", [])) <= 500


@pytest.mark.parametrize("start", [10**20, -(10**20), 100, None])
def test_a_bad_filter_is_said_whatever_row_was_asked_for(reader_as: ReaderAs, start: Any) -> None:
    answer = get_rows(reader_as(Role.HEAD), "?cycle=2025-13", {"startRow": start, "endRow": 10**20})
    assert answer.status_code == 200
    response = answer.get_json()["response"]
    assert 0 <= response["rp-grid"]["getRowsResponse"]["rowCount"] <= 2**40
    assert "2025-13" in str(response["rp-note"])


def test_several_areas_are_called_all_of_them(portal: Flask, reader_as: ReaderAs) -> None:
    several = (data.location(portal, "Eastmarket"), data.location(portal, "Riverside"))
    crumbs = re.compile(r'<nav[^>]*class="crumbs.*?</nav>', re.DOTALL)

    def path(areas: tuple[int, ...] | None) -> str:
        html = reader_as(Role.MANAGER, areas).get("/dash/reports/bill-register").get_data(as_text=True)
        found = crumbs.search(html)
        assert found
        return found[0]

    assert "All my areas" in path(several)
    assert "No area" not in path(several)
    assert "All my areas" not in path(several[:1])


def test_the_catalogue_lists_and_finds(reader_as: ReaderAs) -> None:
    html = reader_as(Role.HEAD).get("/reports/").get_data(as_text=True)
    for report in REPORTS:
        assert f'href="/dash/reports/{report.name}' in html
    assert "bill-register?cycle=2025-11" in html
    found = reader_as(Role.HEAD).get("/reports/?q=unmatched").get_data(as_text=True)
    assert "/dash/reports/unmatched-payments" in found
    assert "/dash/reports/outstanding" not in found
    assert "No report is called that" in reader_as(Role.HEAD).get("/reports/?q=zzz").get_data(as_text=True)


def test_the_agents_offered_are_those_of_the_area(portal: Flask, reader_as: ReaderAs) -> None:
    """Each with the address that shows his visits; the badge of a row is what the reviewer said."""
    html = reader_as(Role.HEAD).get("/dash/reports/field-visits?cycle=2025-11").get_data(as_text=True)
    assert all(f">Walker {number}<" in html for number in range(3))
    assert "is-approved" in html
    assert "is-returned" in html
    area = data.location(portal, "Eastmarket")
    html = reader_as(Role.HEAD).get(f"/dash/reports/field-visits?cycle=2025-11&area={area}").get_data(as_text=True)
    assert re.search(rf'href="\?cycle=2025-11&amp;area={area}&amp;agent=\d+"', html)
    assert ">Walker 1<" in html
    assert ">Walker 2<" not in html
    manager = reader_as(Role.MANAGER, (area,))
    [(elsewhere,)] = data.rows(portal, "SELECT id FROM staff WHERE username = 'walker2'")
    assert manager.get(f"/dash/reports/field-visits?agent={elsewhere}").status_code == 404
    assert manager.get(f"/reports/field-visits.csv?agent={elsewhere}").status_code == 404

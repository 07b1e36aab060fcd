"""Orders that no index answers are offered while few rows can belong to a report, and never beyond that."""

from __future__ import annotations

import csv
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection

from portal.errors import InvalidInputError
from portal.permissions import AreaScope, Role
from portal.reports import sorting
from portal.reports.catalogue import REPORTS
from portal.reports.reader import exact_totals
from portal.reports.report import with_sort
from tests.reports import data
from tests.reports.conftest import ReaderAs
from tests.reports.test_pages import get_rows, post
from tests.reports.test_reports import VIEWS, query_of

SHOW = "..rp-head.children...rp-filters.children...rp-grid.columnDefs...rp-title.data...rp-view.data.."


def columns(client: FlaskClient, search: str, name: str = "bill-register") -> dict[str, dict[str, Any]]:
    """The grid's columns by name."""
    asked = {"rp-url.pathname": f"/dash/reports/{name}", "rp-url.search": search}
    answer = post(client, SHOW, asked)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return {one["field"]: one for one in answer.get_json()["response"]["rp-grid"]["columnDefs"]}


@pytest.mark.parametrize("name", [report.name for report in REPORTS])
def test_the_bound_is_never_below_the_rows(connection: Connection, name: str) -> None:
    """Cancelled bills, which a status may ask for, are the exception: rollups hold live ones."""
    checked = 0
    for arguments in VIEWS:
        try:
            query = query_of(connection, name, arguments, AreaScope.everywhere())
        except InvalidInputError:  # a state that is another report's
            continue
        bound = sorting._rows_at_most(connection, query)
        if bound is None or arguments.get("status") in {"ALL", "CANCELLED,UNPAID"}:
            continue
        assert bound >= exact_totals(connection, query).rows, arguments
        checked += 1
    assert checked > 10 or name in {"daily-collection", "recovery"}


def test_small_reports_are_sorted_by_any_column(reader_as: ReaderAs) -> None:
    found = columns(reader_as(Role.HEAD), "?cycle=2025-11")
    assert {name for name, one in found.items() if one["sortable"]} >= {"demand", "paid_amount", "status", "issued_at"}
    assert not any("headerTooltip" in one for one in found.values())


def test_large_reports_keep_their_own_order_and_say_why(
    portal: Flask, reader_as: ReaderAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "SORTABLE_ROWS", 400)
    client = reader_as(Role.HEAD)
    found = columns(client, "?cycle=2025-11")
    assert [name for name, one in found.items() if one["sortable"]] == ["billing_month"]
    assert "Choose a smaller area" in found["demand"]["headerTooltip"]
    assert "headerTooltip" not in found["consumer_name"]
    html = client.get("/dash/reports/bill-register?cycle=2025-11&sort=-demand").get_data(as_text=True)
    assert "own order is offered" in html
    # A link (or a hand) that asks for such an order gets the report's own.
    asked = {"startRow": 0, "endRow": 100, "sortModel": [{"colId": "demand", "sort": "asc"}]}
    rows = get_rows(client, "?cycle=2025-11", asked).get_json()["response"]["rp-grid"]["getRowsResponse"]["rowData"]
    expected = data.rows(
        portal,
        "SELECT psid FROM bills WHERE billing_month = '2025-11-01' AND status <> 'CANCELLED'"
        " ORDER BY id DESC LIMIT 100",
    )
    assert [row["psid"] for row in rows] == [psid for (psid,) in expected]
    # Few rows by area, or by words: every order.
    council = data.location(portal, "UC-3, Eastmarket", "UNION_COUNCIL")
    assert columns(client, f"?cycle=2025-11&area={council}")["demand"]["sortable"]
    assert columns(client, "?cycle=2025-11&q=2000100")["demand"]["sortable"]
    assert not columns(client, "?cycle=2025-11&q=consumer")["demand"]["sortable"]
    # Sums of rollups are the same few rows in every order; what an index answers has no bound.
    assert columns(client, "", "daily-collection")["amount"]["sortable"]
    assert columns(client, "", "outstanding")["outstanding"]["sortable"]
    assert not columns(client, "", "outstanding")["unpaid_bills"]["sortable"]


def test_a_download_is_sorted_at_any_size(portal: Flask, reader_as: ReaderAs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "SORTABLE_ROWS", 10)
    answer = reader_as(Role.HEAD).get("/reports/bill-register.csv?cycle=2025-11&sort=-demand")
    lines = answer.data.decode().splitlines()
    at = lines[0].split(",").index("Demand")
    demands = [int(row[at]) for row in csv.reader(lines[1:]) if len(row) > at and row[at].isdigit()]
    assert demands == sorted(demands, reverse=True)
    assert len(demands) > 1000


def test_counting_words_is_bounded_and_leaves_the_time_out_as_it_was(connection: Connection) -> None:
    query = with_sort(query_of(connection, "bill-register", {"q": "consumer"}), "demand", True)
    before = connection.exec_driver_sql("SHOW statement_timeout").scalar_one()
    assert sorting._are_few(connection, query)
    assert connection.exec_driver_sql("SHOW statement_timeout").scalar_one() == before

"""How PostgreSQL reads a list: never the whole of bills or payments, at any depth."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Select

from portal.permissions import AreaScope
from portal.reports.reader import block_select, decode_keys, exact_totals, read_block, rollup_select
from portal.reports.report import order_keys
from portal.web.copying import render
from tests.reports import data
from tests.reports.test_reports import query_of, walker

LARGE = ("bills", "payments", "compliance_visits")


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def whole_scans(connection: Connection, statement: Select[Any]) -> list[str]:
    """The large tables (or partitions with rows in them) that the statement reads from end to end."""
    rendered = render(statement, connection.connection.dbapi_connection).replace("%", "%%")
    [[plan]] = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {rendered}").scalars().all()
    found = [
        node["Relation Name"]
        for node in nodes(json.loads(plan)["Plan"] if isinstance(plan, str) else plan["Plan"])
        if node["Node Type"] == "Seq Scan" and node["Actual Rows"] + node.get("Rows Removed by Filter", 0) > 0
    ]
    return [name for name in found if name.startswith(LARGE)]


LISTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("bill-register", {}),
    ("bill-register", {"cycle": "2025-11"}),
    ("bill-register", {"cycle": "2025-11", "area": "council"}),
    ("bill-register", {"cycle": "2025-11", "area": "tehsil", "use": "DOMESTIC"}),
    ("bill-register", {"cycle_from": "2025-10", "cycle_to": "2025-11"}),
    ("bill-register", {"q": "11110000000000000100"}),
    ("bill-register", {"q": "2000100", "cycle": "2025-11"}),
    ("bill-register", {"q": "consumer 77", "cycle": "2025-11"}),
    ("payment-register", {}),
    ("payment-register", {"cycle": "2025-11"}),
    ("payment-register", {"from": "2025-11-20", "to": "2025-11-22", "area": "council"}),
    ("payment-register", {"q": "11110000000000000100"}),
    ("payment-register", {"q": "2000100"}),
    ("unmatched-payments", {}),
    ("pending-sync", {}),
    ("outstanding", {}),
    ("outstanding", {"q": "2000100"}),
    ("billed-units", {"cycle": "2025-11"}),
    ("field-visits", {}),
    ("field-visits", {"cycle": "2025-11"}),
    ("field-visits", {"cycle": "2025-11", "agent": "walker"}),
    ("field-visits", {"q": "2000100"}),
)


@pytest.mark.parametrize(("name", "arguments"), LISTS)
def test_a_block_of_a_list_reads_no_large_table_whole(
    portal: Flask, connection: Connection, name: str, arguments: dict[str, str]
) -> None:
    area = {"council": ("UC-3, Eastmarket", "UNION_COUNCIL"), "tehsil": ("Eastmarket", "TEHSIL")}.get(
        arguments.get("area", "")
    )
    asked = arguments | ({"area": str(data.location(portal, *area))} if area else {})
    if "agent" in asked:
        asked |= {"agent": str(walker(portal, 1))}
    for scope in (AreaScope.everywhere(), AreaScope.of([data.location(portal, "Eastmarket")])):
        query = query_of(connection, name, asked, scope)
        assert whole_scans(connection, block_select(query, None, 40)) == []
        first = read_block(connection, query, 0, 40)
        if first.cursor is not None:
            keys = order_keys(query, query.report.source(query))
            after = decode_keys(keys, first.cursor)
            assert whole_scans(connection, block_select(query, after, 40)) == []


def test_the_check_sees_a_whole_scan(connection: Connection) -> None:
    """An order without an index has to read the month it sorts: the reason why it is not the report's own order."""
    query = query_of(connection, "bill-register", {"cycle": "2025-11", "sort": "-paid_amount"})
    assert whole_scans(connection, block_select(query, None, 40)) == ["bills_y2025m11"]


def test_a_keyset_leaves_later_months_out(connection: Connection) -> None:
    """A row comparison alone prunes no partition; the bound on the month does."""
    query = query_of(connection, "bill-register", {})
    [row] = read_block(connection, query, exact_totals(connection, query).rows - 1, 1).rows
    assert row
    statement = block_select(query, [dt.date(2025, 9, 1), 10**9], 40)
    rendered = render(statement, connection.connection.dbapi_connection).replace("%", "%%")
    plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {rendered}").scalars())
    assert "bills_y2025m09" in plan
    assert "bills_y2025m10" not in plan
    assert "bills_y2025m11" not in plan


def test_counts_of_plain_filters_come_from_rollups(connection: Connection) -> None:
    for name, arguments in (
        ("bill-register", {"cycle": "2025-11", "use": "DOMESTIC", "size": "M0_5"}),
        ("payment-register", {"from": "2025-11-16", "channel": "1Bill"}),
        ("payment-register", {"bill_month": "2025-11"}),
        ("outstanding", {"size": "M0_5"}),
        ("pending-sync", {}),
        ("unmatched-payments", {"cycle": "2025-11"}),
        ("billed-units", {"cycle": "2025-11"}),
        ("field-visits", {"cycle": "2025-11", "type": "DELIVERY", "state": "APPROVED"}),
    ):
        statement = rollup_select(query_of(connection, name, arguments))
        assert statement is not None, name
        assert whole_scans(connection, statement) == []

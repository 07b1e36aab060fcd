"""Every report: its blocks are all its rows once, its totals their sums, and rollups say the same."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask
from sqlalchemy import Connection

from portal.errors import InvalidInputError, NotFoundError
from portal.permissions import AreaScope, PersonalSight
from portal.reports.catalogue import REPORTS, find_report
from portal.reports.links import METRIC_TOTAL, report_url
from portal.reports.reader import exact_totals, open_query, quick_totals, read_block, totals
from portal.reports.report import Query, with_sort
from portal.web.columns import Kind
from tests.reports import data

EVERYWHERE = AreaScope.everywhere()
VIEWS: tuple[dict[str, str], ...] = (
    {},
    {"cycle": "2025-11"},
    {"cycle": "2025-10", "use": "COMMERCIAL"},
    {"cycle": "2025-11", "size": "M0_5,LARGE"},
    {"cycle_from": "2025-10", "cycle_to": "2025-11", "use": "DOMESTIC"},
    {"from": "2025-10-20", "to": "2025-11-20"},
    {"from": "2025-10-20", "to": "2025-11-20", "channel": "bop otc"},
    {"bill_month": "2025-10"},
    {"bill_month": "2025-10", "to": "2025-11-01", "use": "DOMESTIC"},
    {"state": "PAID", "cycle": "2025-11"},
    {"state": "UNMATCHED"},
    {"state": "APPROVED,RETURNED", "cycle": "2025-11"},
    {"type": "DELIVERY", "outcome": "DELIVERED", "from": "2025-11-01", "to": "2025-11-01"},
    {"outcome": "PROMISED,LOCKED", "to": "2025-11-20"},
    {"status": "PAID", "cycle": "2025-11"},
    {"status": "ALL"},
    {"status": "CANCELLED,UNPAID"},
    {"unpaid": "2"},
    {"q": "consumer"},
    {"q": "2000100"},
    {"q": "11110000000000000100"},
    {"q": "99990"},
    {"q": "0300000"},
    {"q": "'; & | ! :*"},
)


def query_of(connection: Connection, name: str, arguments: dict[str, str], scope: AreaScope = EVERYWHERE) -> Query:
    sight = PersonalSight(everybody=True)
    return open_query(connection, find_report(name), arguments, scope, cycle_start_day=16, sight=sight)


def all_blocks(connection: Connection, query: Query, size: int = 250) -> list[list[Any]]:
    """Every row, block after block, each continued from the end of the one before."""
    found: list[list[Any]] = []
    known: dict[int, list[Any]] = {}
    while True:
        block = read_block(connection, query, len(found), size, known)
        found += block.rows
        if block.cursor is None:
            return found
        known = {len(found): block.cursor}


def cases() -> list[Any]:
    made = []
    for report in REPORTS:
        keys = {key for one in report.filters for key in one.keys}
        for arguments in VIEWS:
            if set(arguments) <= keys and _fits(report.name, arguments):
                made.append(
                    pytest.param(
                        report.name, arguments, id=f"{report.name}?{'&'.join(map('='.join, arguments.items()))}"
                    )
                )
    return made


def _fits(name: str, arguments: dict[str, str]) -> bool:
    """`state` means other things in units, payments and visits."""
    of = {"PAID": ("billed-units",), "APPROVED,RETURNED": ("field-visits",)}
    others = ("payment-register", "unmatched-payments", "daily-collection")
    return name in of.get(arguments["state"], others) if "state" in arguments else True


@pytest.mark.parametrize(("name", "arguments"), cases())
def test_totals_are_the_sums_of_the_rows(connection: Connection, name: str, arguments: dict[str, str]) -> None:
    query = query_of(connection, name, arguments)
    found = all_blocks(connection, query)
    said = exact_totals(connection, query)
    assert said.rows == len(found)
    assert len({tuple(map(str, row)) for row in found}) == len(found) or name == "unmatched-payments"
    keys = [one.key for one in query.report.source(query).fields]
    for total in query.report.source(query).totals:
        if total.key in keys and total.kind is not Kind.RATIO:
            at = keys.index(total.key)
            assert said.sums[total.key] == sum(row[at] or 0 for row in found), total.key
    quick = quick_totals(connection, query)
    if quick is not None:
        assert quick.rows == said.rows
        assert quick.sums == {key: value for key, value in said.sums.items() if key in quick.sums}
    assert totals(connection, query) == said


@pytest.mark.parametrize("name", [report.name for report in REPORTS])
@pytest.mark.parametrize("descending", [True, False])
def test_every_order_gives_every_row_once(connection: Connection, name: str, descending: bool) -> None:
    plain = query_of(connection, name, {})
    count = exact_totals(connection, plain).rows
    fields = plain.report.source(plain).fields
    assert any(one.sort is not None for one in fields)
    for at, one in enumerate(fields):
        if one.sort is None:
            continue
        found = all_blocks(connection, with_sort(plain, one.key, descending), 1500)
        assert len(found) == count
        values = [row[at] for row in found if row[at] is not None]
        if one.column.is_numeric or one.column.kind in (Kind.DATE, Kind.MONTH, Kind.DATETIME):
            assert values == sorted(values, reverse=descending), one.key


def test_a_jump_lands_where_scrolling_would(connection: Connection) -> None:
    for arguments in ({}, {"cycle": "2025-11", "sort": "-demand"}, {"cycle": "2025-11", "sort": "psid"}):
        query = query_of(connection, "bill-register", arguments)
        everything = all_blocks(connection, query)
        for start in (0, 1, 777, len(everything) - 5):
            assert read_block(connection, query, start, 40).rows == everything[start : start + 40]
        assert read_block(connection, query, len(everything) + 10, 40).rows == []


def test_positions_made_by_hand_are_refused(connection: Connection) -> None:
    query = query_of(connection, "bill-register", {})
    for keys in ([], ["2025-11-01"], ["x", 1], ["2025-11-01", "1; DROP TABLE bills"], [None, None], [{}, []]):
        with pytest.raises(InvalidInputError):
            read_block(connection, query, 100, 10, {100: keys})


@pytest.mark.parametrize(
    "arguments",
    [
        {"cycle": "2025-13"},
        {"cycle": "Smarch"},
        {"cycle_from": "2025-11", "cycle_to": "2025-10"},
        {"status": "PAYED"},
        {"use": "domestic;"},
        {"size": ","},
        {"area": "1 OR 1=1"},
        {"area": "-1"},
        {"sort": "consumer_name"},
        {"sort": "-demand; DROP TABLE bills"},
        {"q": "a\x00b"},
        {"q": "0300-1234567"},
        {"q": "Aslam ٣٨٢٠١-١٢٣٤٥٦٧-١"},
    ],
)
def test_a_value_that_makes_no_sense_is_refused(connection: Connection, arguments: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError):
        query_of(connection, "bill-register", arguments)


@pytest.mark.parametrize("arguments", [{"from": "9999-12-31"}, {"to": "1999-12-31"}, {"to": "0001-01-01"}])
def test_a_day_of_another_age_is_refused(connection: Connection, arguments: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError):
        query_of(connection, "payment-register", arguments)


def test_sentences_say_what_is_filtered(portal: Flask, connection: Connection) -> None:
    uc = data.location(portal, "UC-2, Riverside", "UNION_COUNCIL")
    query = query_of(
        connection, "bill-register", {"area": str(uc), "cycle": "2025-11", "status": "PAID,PARTIAL", "q": "ali"}
    )
    assert query.sentences() == [
        "in Canal › Northgate › Riverside › UC-2, Riverside",
        "bills of Nov 2025",
        "Status: Paid, Part paid",
        'matching "ali"',
    ]
    assert query_of(connection, "payment-register", {"cycle": "2025-11"}).sentences() == [
        "paid 16 Nov 2025 to 15 Dec 2025"
    ]


def test_demands_of_several_months_are_not_added_up(connection: Connection) -> None:
    for name in ("bill-register", "recovery"):
        assert "demand" in exact_totals(connection, query_of(connection, name, {"cycle": "2025-11"})).sums
        for arguments in ({}, {"cycle_from": "2025-10", "cycle_to": "2025-11"}):
            assert "demand" not in exact_totals(connection, query_of(connection, name, arguments)).sums


_LIVE = "FROM bills WHERE status <> 'CANCELLED' AND billing_month = :month AND {here}"
_DAYS = "FROM payments WHERE paid_on BETWEEN :first AND :last AND {here}"
_RECEIVED = "FROM payments WHERE bill_month = :month AND paid_on <= :last AND {here}"
FIGURES = {
    "billed": f"SELECT sum(monthly_fee) {_LIVE}",
    "bills": f"SELECT count(*) {_LIVE}",
    "demand": f"SELECT sum(demand) {_LIVE}",
    "paid_bills": f"SELECT count(*) {_LIVE} AND status = 'PAID'",
    "collected": f"SELECT sum(paid_amount) {_DAYS}",
    "payments": f"SELECT count(*) {_DAYS}",
    "posted": f"SELECT sum(paid_amount) {_DAYS} AND account_id IS NOT NULL",
    "unmatched": f"SELECT sum(paid_amount) {_DAYS} AND account_id IS NULL",
    "received": f"SELECT sum(paid_amount) {_RECEIVED}",
    "recovery": f"SELECT (SELECT sum(paid_amount) {_RECEIVED})::float8 / (SELECT sum(demand) {_LIVE})",
    "outstanding": "SELECT sum(outstanding) FROM account_balances WHERE {here}",
    "debtors": "SELECT count(*) FROM account_balances WHERE outstanding > 0 AND {here}",
    "paying_units": "SELECT count(*) FROM unit_cycles WHERE paid_bills > 0 AND billing_month = :month AND {here}",
    "billed_units": "SELECT count(*) FROM unit_cycles WHERE bills > 0 AND billing_month = :month AND {here}",
    "pending": "SELECT count(*) FROM accounts WHERE unit_id IS NULL AND {here}",
    "delivered": f"SELECT count(*) {_LIVE} AND delivered_on IS NOT NULL",
    "daily": f"SELECT sum(paid_amount) {_DAYS}",
}


@pytest.mark.parametrize("metric", sorted(METRIC_TOTAL))
@pytest.mark.parametrize("use", ["", "DOMESTIC"])
def test_a_figure_equals_the_report_it_links_to(portal: Flask, connection: Connection, metric: str, use: str) -> None:
    area = data.location(portal, "Eastmarket")
    asked = {"area": str(area), "cycle": "2025-11", "from": "2025-11-16", "to": "2025-12-01", "use": use}
    url = urlsplit(report_url(metric, asked))
    query = query_of(connection, url.path.rsplit("/", 1)[1], dict(parse_qsl(url.query)))
    said = exact_totals(connection, query)
    total = METRIC_TOTAL[metric]
    shown = said.rows if total == "rows" else said.sums[total]
    other_names = {"paying_share": "paid_bills", "paid_units": "paying_units", "delivered_bills": "delivered"}
    same = other_names.get(metric, metric)
    here = "location_id IN (SELECT location_id FROM location_closure WHERE ancestor_id = :area)"
    here += ' AND "use" = :use' if use else ""
    values = {"area": area, "month": "2025-11-01", "first": "2025-11-16", "last": "2025-12-01", "use": use}
    statement = FIGURES[same].format(here=here)
    [(figure,)] = data.rows(
        portal, statement, **{key: value for key, value in values.items() if f":{key}" in statement}
    )
    assert figure
    assert shown == pytest.approx(figure, rel=1e-12) if total == "recovery" else shown == figure


def test_scope_is_part_of_every_report(portal: Flask, connection: Connection) -> None:
    mine, other = data.location(portal, "Eastmarket"), data.location(portal, "Riverside")
    scope = AreaScope.of([mine])
    for report in REPORTS:
        seen = all_blocks(connection, query_of(connection, report.name, {}, scope))
        asked = all_blocks(connection, query_of(connection, report.name, {"area": str(mine)}))
        everything = exact_totals(connection, query_of(connection, report.name, {}))
        assert seen == asked, report.name
        assert 0 < len(seen) < everything.rows, report.name
        keys = [one.key for one in report.source(query_of(connection, report.name, {})).fields]
        assert {row[keys.index("tehsil")] for row in seen} == {"Eastmarket"}
        with pytest.raises(NotFoundError):
            query_of(connection, report.name, {"area": str(other)}, scope)
        nothing = query_of(connection, report.name, {}, AreaScope())
        assert totals(connection, nothing).rows == 0
        assert all_blocks(connection, nothing) == []


def walker(portal: Flask, number: int) -> int:
    [(found,)] = data.rows(portal, "SELECT id FROM staff WHERE username = :name", name=f"walker{number}")
    return int(found)


def test_visits_are_those_of_the_days_in_karachi_and_of_the_agent(portal: Flask, connection: Connection) -> None:
    who = walker(portal, 1)
    query = query_of(
        connection, "field-visits", {"agent": str(who), "from": "2025-11-01", "to": "2025-11-02", "type": "RECOVERY"}
    )
    assert query.sentences() == ["visited 1 Nov 2025 to 2 Nov 2025", "Agent: Walker 1", "Type: Recovery visit"]
    rows = data.rows(
        portal,
        "SELECT count(*), count(*) FILTER (WHERE review_state = 'APPROVED'),"
        " count(*) FILTER (WHERE review_state = 'RETURNED'), count(*) FILTER (WHERE review_state = 'PENDING'),"
        " coalesce(sum(promise_amount), 0)::bigint FROM compliance_visits WHERE staff_id = :who"
        " AND visit_type = 'RECOVERY' AND (visited_at AT TIME ZONE 'Asia/Karachi')::date"
        " BETWEEN '2025-11-01' AND '2025-11-02'",
        who=who,
    )
    said = exact_totals(connection, query)
    assert said.rows > 0
    keys = ("approved", "returned", "waiting", "promise_amount")
    assert [(said.rows, *(said.sums[key] for key in keys))] == rows
    fields = [one.key for one in query.report.source(query).fields]
    for row in all_blocks(connection, query):
        found = dict(zip(fields, row, strict=True))
        assert (found["agent"], found["tehsil"], found["visit_type"]) == ("Walker 1", "Eastmarket", "RECOVERY")
        assert found["survey_id"] and found["consumer_name"]


def test_an_agent_of_another_area_is_unknown(portal: Flask, connection: Connection) -> None:
    scope = AreaScope.of([data.location(portal, "Eastmarket")])
    assert exact_totals(connection, query_of(connection, "field-visits", {"agent": str(walker(portal, 1))}, scope)).rows
    for number in (0, 2):
        with pytest.raises(NotFoundError):
            query_of(connection, "field-visits", {"agent": str(walker(portal, number))}, scope)
    for nonsense in ("x", "-1", "1 OR 1=1"):
        with pytest.raises(InvalidInputError):
            query_of(connection, "field-visits", {"agent": nonsense}, scope)

"""Downloads: exactly the filtered rows, as a spreadsheet program reads them."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import time
from typing import Any

import openpyxl
import psycopg2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from sqlalchemy import String, Text, bindparam, select
from sqlalchemy import text as sql

from portal.db import db
from portal.permissions import Role
from portal.web import xlsx
from portal.web.columns import HARMLESS, Column, Kind, neutralised
from portal.web.copying import CutShortError
from portal.web.downloads import BOM, csv_response, xlsx_response
from portal.web.xlsx import Fact
from tests.reports import data
from tests.reports.conftest import ReaderAs

BILLS = """
SELECT b.psid, a.consumer_name, uc.name, to_char(b.billing_month, 'YYYY-MM'), b.demand::text,
    b.paid_amount::text, b.status, b.monthly_fee::text, coalesce(b.amount_payable::text, ''), b."use",
    CASE b.size_band WHEN 'M0_5' THEN '0-5 marla' WHEN 'M5_10' THEN '5-10 marla' WHEN 'M10_20' THEN '10-20 marla'
        WHEN 'M20_40' THEN '20-40 marla' WHEN 'M40_PLUS' THEN 'Above 40 marla' ELSE initcap(b.size_band) END,
    to_char(b.issued_at AT TIME ZONE 'Asia/Karachi', 'YYYY-MM-DD HH24:MI:SS'),
    coalesce(b.delivered_on::text, ''), t.name, b.portal_bill_id,
    coalesce(a.mobile, ''), coalesce(a.cnic, '')
FROM bills b JOIN accounts a ON a.id = b.account_id JOIN locations uc ON uc.id = b.location_id
JOIN locations t ON t.id = uc.parent_id WHERE {where}
"""


def read_csv(body: bytes) -> tuple[list[str], list[list[str]]]:
    text = body.decode("utf-8")
    assert text.startswith(BOM)
    heading, *rows = list(csv.reader(io.StringIO(text[1:], newline="")))
    return heading, rows


def harmless(text: str) -> str:
    """What the download makes of a text, said in Python."""
    runs = text[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"} and not re.fullmatch(
        r"-|[-+]?[0-9][0-9,]*([.][0-9]+)?", text
    )
    return f"'{text}" if runs else text


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("", "b.status <> 'CANCELLED'"),
        ("?cycle=2025-11", "b.status <> 'CANCELLED' AND b.billing_month = '2025-11-01'"),
        (
            "?cycle=2025-11&status=PAID&use=DOMESTIC",
            "b.status = 'PAID' AND b.billing_month = '2025-11-01' AND b.\"use\" = 'DOMESTIC'",
        ),
        ("?status=ALL&q=2000100", "a.survey_id = '2000100'"),
        ("?cycle=2025-10&sort=-demand", "b.status <> 'CANCELLED' AND b.billing_month = '2025-10-01'"),
    ],
)  # fmt: skip
def test_csv_holds_exactly_the_filtered_rows(portal: Flask, reader_as: ReaderAs, query: str, where: str) -> None:
    answer = reader_as(Role.ADMIN).get(f"/reports/bill-register.csv{query}")
    assert answer.status_code == 200
    assert answer.content_type == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    heading, found = read_csv(answer.data)
    assert heading[:5] == ["PSID", "Consumer", "Union council", "Month", "Demand"]
    expected = [[*row[:1], harmless(row[1]), *row[2:]] for row in data.rows(portal, BILLS.format(where=where))]
    assert found
    assert sorted(found) == sorted(map(list, expected))
    if "sort" in query:
        demands = [int(row[heading.index("Demand")]) for row in found]
        assert demands == sorted(demands, reverse=True)


def test_scope_holds_in_downloads(portal: Flask, reader_as: ReaderAs) -> None:
    mine, other = data.location(portal, "Eastmarket"), data.location(portal, "Riverside")
    reader = reader_as(Role.ADMIN, (mine,))
    for name in ("bill-register", "payment-register", "daily-collection", "recovery", "outstanding", "pending-sync",
                 "unmatched-payments", "billed-units", "field-visits"):  # fmt: skip
        heading, found = read_csv(reader.get(f"/reports/{name}.csv").data)
        assert {row[heading.index("Tehsil")] for row in found} == {"Eastmarket"}, name
        assert reader.get(f"/reports/{name}.csv?area={other}").status_code == 404
        assert reader.get(f"/reports/{name}.xlsx?area={other}").status_code == 404


def test_who_may_download(reader_as: ReaderAs, portal: Flask) -> None:
    assert reader_as(Role.SUPERVISOR).get("/reports/").status_code == 200
    assert reader_as(Role.SUPERVISOR).get("/reports/bill-register.csv").status_code == 403
    assert reader_as(Role.AGENT).get("/reports/").status_code == 403
    assert reader_as(Role.AGENT).get("/reports/bill-register.xlsx").status_code == 403
    assert portal.test_client().get("/reports/bill-register.csv").status_code == 303
    assert reader_as(Role.HEAD).get("/reports/no-such-report.csv").status_code == 404
    assert reader_as(Role.HEAD).get("/reports/bill-register.csv?cycle=nonsense").status_code == 422


def test_each_download_is_in_the_audit_log(portal: Flask, reader_as: ReaderAs) -> None:
    reader: FlaskClient = reader_as(Role.MANAGER)
    reader.get("/reports/bill-register.csv?cycle=2025-11&use=COMMERCIAL").get_data()
    [(actor, entity, after)] = data.rows(
        portal,
        "SELECT actor, entity_id, after FROM audit_log WHERE action = 'report.export.csv' ORDER BY id DESC LIMIT 1",
    )
    [(count,)] = data.rows(
        portal,
        "SELECT count(*) FROM bills WHERE billing_month = '2025-11-01' AND \"use\" = 'COMMERCIAL'"
        " AND status <> 'CANCELLED'",
    )
    assert actor.startswith("manager")
    assert entity == "bill-register"
    assert after == {
        "query": "cycle=2025-11&use=COMMERCIAL",
        "filters": ["bills of Nov 2025", "Use: Commercial"],
        "rows": count,
    }


def test_a_workbook_is_typed_and_says_what_it_holds(portal: Flask, reader_as: ReaderAs) -> None:
    answer = reader_as(Role.ADMIN).get("/reports/bill-register.xlsx?cycle=2025-11")
    assert answer.status_code == 200
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    assert book.sheetnames == ["Summary", "Rows"]
    stated = {row[0]: row[1] for row in book["Summary"].iter_rows(min_row=3, values_only=True)}
    [(count, fee, demand, paid)] = data.rows(
        portal,
        "SELECT count(*), sum(monthly_fee)::bigint, sum(demand)::bigint, sum(paid_amount)::bigint FROM bills"
        " WHERE billing_month = '2025-11-01' AND status <> 'CANCELLED'",
    )
    assert book["Summary"]["A1"].value == "Bill register"
    assert stated["Filter"] == "bills of Nov 2025"
    assert (stated["Rows"], stated["Monthly fees"], stated["Demand"], stated["Paid"]) == (count, fee, demand, paid)
    assert stated["Areas of the reader"] == "Punjab"
    assert "admin" in stated["Made by"]
    assert isinstance(stated["Made at (Asia/Karachi)"], dt.datetime)
    sheet = book["Rows"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == f"A1:Q{count + 1}"
    assert sheet.max_row == count + 1
    heading = [cell.value for cell in sheet[1]]
    at = {name: number for number, name in enumerate(heading)}
    cells = list(sheet.iter_rows(min_row=2))
    assert sum(row[at["Monthly fee"]].value for row in cells) == fee
    for row in cells:
        for name in ("PSID", "Mobile", "CNIC", "Portal bill id"):
            cell = row[at[name]]
            assert cell.value is None or (cell.data_type == "s" and cell.number_format == "@")
        assert re.fullmatch(r"[0-9]{20}", row[at["PSID"]].value)
        assert type(row[at["Demand"]].value) is int
        assert row[at["Demand"]].number_format == "#,##0"
        assert row[at["Issued"]].is_date
        assert row[at["Month"]].value == dt.datetime(2025, 11, 1)
        assert row[at["Month"]].number_format == "mmm\\ yyyy"
        assert row[at["Consumer"]].data_type != "f"
    names = {row[at["Consumer"]].value for row in cells}
    # What XML cannot hold is left out; account 1 of the data set is cancelled, with the first of the nasty names.
    expected = {harmless(name).replace("\x07", "") for name in data.NASTY[1:]}
    assert expected <= {str(name).replace("_x000D_", "\r") for name in names}
    assert sheet.column_dimensions["A"].width > 20


def test_the_other_reader_of_workbooks_agrees(reader_as: ReaderAs) -> None:
    """calamine, as strict as the importers are."""
    body = reader_as(Role.ADMIN).get("/reports/payment-register.xlsx?cycle=2025-11").data
    book = CalamineWorkbook.from_filelike(io.BytesIO(body))
    heading, *found = book.get_sheet_by_name("Rows").to_python()
    _heading, plain = read_csv(reader_as(Role.ADMIN).get("/reports/payment-register.csv?cycle=2025-11").data)
    assert len(found) == len(plain)
    at = heading.index("Paid")
    assert sum(int(row[at]) for row in found) == sum(int(row[at]) for row in plain)
    assert [row[1] for row in found] == [row[1] for row in plain]
    assert isinstance(found[0][0], dt.date)


def test_more_rows_than_a_sheet_holds_go_on_the_next(reader_as: ReaderAs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "ROWS_PER_SHEET", 1000)
    body = reader_as(Role.ADMIN).get("/reports/bill-register.xlsx?cycle=2025-11").data
    book = openpyxl.load_workbook(io.BytesIO(body), read_only=True)
    assert book.sheetnames == ["Summary", "Rows", "Rows 2"]
    first, second = (list(book[name].iter_rows(values_only=True)) for name in ("Rows", "Rows 2"))
    assert len(first) == 1001
    assert first[0] == second[0]
    assert len({row[0] for row in first[1:] + second[1:]}) == len(first) + len(second) - 2


TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12) | st.from_regex(
    r"[=+\-@\t\r\n][-+=@0-9.,A-Z() ]{0,8}", fullmatch=True
)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_what_would_run_is_neutralised_and_nothing_else(portal: Flask, typed: str) -> None:
    with portal.app_context(), db.engine.connect() as connection:
        found = connection.execute(select(neutralised(bindparam("typed", typed, String)))).scalar_one()
    assert found == harmless(typed)
    assert found.removeprefix("'") == typed.removeprefix("'")


def test_numbers_and_the_dash_stay_as_they_are() -> None:
    for kept in ("-", "-5", "+5", "-1,655", "-1.5", "+923001234567"):
        assert re.fullmatch(HARMLESS, kept)
    for run in ("-a", "--1", "-1+1", "+", "-1.", "=1", "-1 "):
        assert not re.fullmatch(HARMLESS, run)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_any_text_survives_csv_and_excel(portal: Flask, typed: list[str]) -> None:
    with portal.test_request_context():
        values = sql("SELECT name FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS t(name, n) ORDER BY n")
        names = values.bindparams(names=typed).columns(name=Text).subquery("given")
        columns = [Column("name", "Name")]
        body = b"".join(csv_response(select(names.c.name), columns, "x.csv").iter_encoded())
        assert [row[0] if row else "" for row in read_csv(body)[1]] == [harmless(one) for one in typed]
        body = b"".join(xlsx_response(select(names.c.name), columns, "x.xlsx", title="T").iter_encoded())
    sheet = openpyxl.load_workbook(io.BytesIO(body))["Rows"]
    found = [sheet.cell(number, 1).value or "" for number in range(2, len(typed) + 2)]
    assert [_as_xml(one) for one in found] == [_as_xml(harmless(one)) for one in typed]


def _as_xml(text: Any) -> str:
    """What XML can hold of a text, line ends alike."""
    kept = "".join(char for char in str(text) if char >= " " or char in "\t\n\r")
    return kept.replace("\ufffe", "").replace("\uffff", "").replace("\r\n", "\n").replace("\r", "\n")


def _endless(count: int) -> Any:
    numbers = sql("SELECT n, 'x' || n AS name FROM generate_series(1, :count) AS n").bindparams(count=count)
    series = numbers.columns(n=Text, name=Text).subquery("series")
    return select(series.c.n, series.c.name)


COLUMNS = [Column("n", "N", Kind.NUMBER), Column("name", "Name")]


_KILL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE query LIKE 'COPY (%generate_series%' AND datname = current_database()
"""


def test_a_download_that_dies_breaks_off(portal: Flask) -> None:
    """The server process of the query is killed in the middle: no short file that looks whole."""
    with portal.test_request_context():
        for make in (csv_response, lambda *a: xlsx_response(*a, title="T", facts=[Fact("Rows", 1)])):
            stream = iter(make(_endless(3_000_000), COLUMNS, "x").response)
            next(stream)
            with db.engine.begin() as other:
                killed = other.execute(sql(_KILL)).scalar_one()
            assert killed >= 1
            with pytest.raises(psycopg2.Error):
                for _chunk in stream:
                    pass


def test_rows_that_are_not_those_counted_break_it_off(portal: Flask) -> None:
    with portal.test_request_context(), pytest.raises(CutShortError):
        list(csv_response(_endless(50_000), COLUMNS, "x.csv", expected_rows=50_001).response)


_RUNNING = """
SELECT count(*) FROM pg_stat_activity
WHERE state = 'active' AND query LIKE 'COPY (%generate_series(1, 30000000)%'
"""


def test_a_reader_who_leaves_ends_the_query(portal: Flask) -> None:
    with portal.test_request_context():
        answer = csv_response(_endless(30_000_000), COLUMNS, "x.csv")
        next(iter(answer.response))
        answer.close()
    # The server process notices the closed connection at its next write.
    deadline = time.monotonic() + 20
    while data.rows(portal, _RUNNING) != [(0,)]:
        assert time.monotonic() < deadline, "the query still runs"
        time.sleep(0.1)


def test_an_error_before_the_first_row_is_no_download(portal: Flask) -> None:
    """Nothing has been sent yet, so it can still be an ordinary error page."""
    broken = sql("SELECT 1 / (n - 1) AS n FROM generate_series(1, 10) AS n").columns(n=Text).subquery("broken")
    with portal.test_request_context(), pytest.raises(psycopg2.Error):
        csv_response(select(broken.c.n), [COLUMNS[0]], "x.csv")

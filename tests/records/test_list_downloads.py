"""Downloads of the lists of units and accounts hold exactly their rows; the columns of the screen are one's own."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Callable

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.billing.cycles import add_months, cycle_of
from portal.db import session, transaction
from portal.permissions import Role
from portal.web.downloads import BOM
from portal.web.format import KARACHI
from tests.records import volume
from tests.records.test_lists import ACCOUNT_FILTERS, UNIT_FILTERS, html_of, walk
from tests.support import people
from tests.support.people import csrf_token

MONTH = cycle_of(dt.datetime.now(KARACHI).date(), 16)
Browser = Callable[..., FlaskClient]


@pytest.fixture(scope="module")
def data(module_app: Flask) -> volume.Volume:
    with module_app.app_context(), transaction() as db:
        loaded = volume.load(db.connection(), units=900, months=[add_months(MONTH, -1), MONTH], councils=4)
        # A unit with two accounts, one of them in another tehsil; a name that a spreadsheet would run.
        db.execute(
            text(
                "UPDATE accounts SET unit_id = (SELECT unit_id FROM accounts WHERE psid = :first), location_id = :there"
                " WHERE psid = :second"
            ),
            {"first": psid(1_000_007), "second": psid(1_000_008), "there": loaded.union_council},
        )
        db.execute(text("UPDATE survey_units SET consumer_name = '=1+1' WHERE survey_id = '1000001'"))
        return loaded


def psid(survey_id: int) -> str:
    return f"2677{survey_id:016}"


@pytest.fixture(scope="module")
def browser(module_app: Flask, data: volume.Volume) -> Browser:
    known = people.known_browsers(module_app)
    return lambda role=Role.MANAGER, area=None: known(role, area)


def rows_of(client: FlaskClient, path: str) -> list[dict[str, str]]:
    """The rows of a CSV download by heading."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)[:500]
    body = answer.data.decode()
    assert body.startswith(BOM)
    return list(csv.DictReader(io.StringIO(body[1:], newline="")))


@pytest.mark.parametrize(
    "query", ["", *UNIT_FILTERS, "q=muhamm", "q=muhamm&use=COMMERCIAL", "q=1000007", "sort=-name", "sort=surveyed"]
)
def test_units_as_the_list_shows_them(browser: Browser, query: str) -> None:
    listed = walk(browser(), f"/units/?{query}")
    assert listed
    assert [row["Survey id"] for row in rows_of(browser(), f"/units.csv?{query}")] == listed


@pytest.mark.parametrize("query", [*ACCOUNT_FILTERS, "q=muhamm", "sort=-outstanding", "sort=psid"])
def test_accounts_as_the_list_shows_them(browser: Browser, query: str) -> None:
    listed = walk(browser(), f"/accounts/?{query}")
    assert listed
    assert [row["PSID"] for row in rows_of(browser(), f"/accounts.csv?{query}")] == listed


def test_more_matches_of_a_word_than_the_list_holds(
    module_app: Flask, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.records.listing.FOUND", 20)
    with module_app.app_context():
        query = "SELECT count(*) FROM survey_units WHERE consumer_name LIKE 'Muhammad %'"
        expected = session().scalar(text(query))
    assert len(rows_of(browser(), "/units.csv?q=muhammad")) == expected > 20


def test_what_stands_in_a_row(module_app: Flask, browser: Browser, data: volume.Volume) -> None:
    [unit] = rows_of(browser(), "/units.csv?q=1000007")
    assert unit["PSID"] == f"{psid(1_000_007)} {psid(1_000_008)}"
    assert unit["Tehsil"] == "Tehsil 1"
    assert re.fullmatch(r"0\d{10}", unit["Mobile"])
    assert unit["Surveyed"].startswith("2025-")
    with module_app.app_context():
        owed = session().scalar(
            text(
                "SELECT sum(outstanding) FROM account_balances JOIN accounts ON id = account_id WHERE psid IN (:a, :b)"
            ),
            {"a": psid(1_000_007), "b": psid(1_000_008)},
        )
    assert int(unit["Outstanding"]) == owed
    # The account in another tehsil is none of this reader's.
    [own] = rows_of(browser(Role.ADMIN, data.tehsils[0]), "/units.csv?q=1000007")
    assert own["PSID"] == psid(1_000_007)
    [run] = [row for row in rows_of(browser(), "/units.csv") if row["Survey id"] == "1000001"]
    assert run["Consumer"] == "'=1+1"
    [account] = [row for row in rows_of(browser(), "/accounts.csv") if row["PSID"] == psid(1_000_011)]
    assert account["Survey id"] == "1000011"
    assert account["Monthly fee"] == "300"
    assert f"Bill of {MONTH:%b %Y}" in account


def test_a_workbook_says_what_it_holds(browser: Browser, data: volume.Volume) -> None:
    area = data.tehsils[1]
    answer = browser().get(f"/accounts.xlsx?area={area}&use=COMMERCIAL&status=unpaid")
    assert answer.status_code == 200
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    assert book.sheetnames == ["Summary", "Rows"]
    summary = [str(cell.value) for row in book["Summary"].iter_rows() for cell in row if cell.value is not None]
    assert {"Use: Commercial", "Paid: Not paid", f"bills of {MONTH:%b %Y}"} <= set(summary)
    assert "in Volume › Tehsil 2" in summary, " | ".join(summary)
    lines = list(book["Rows"].iter_rows(values_only=True))
    listed = walk(browser(), f"/accounts/?area={area}&use=COMMERCIAL&status=unpaid")
    assert [line[0] for line in lines[1:]] == listed
    assert all(isinstance(line[0], str) for line in lines[1:])
    assert all(isinstance(line[lines[0].index("Monthly fee")], int) for line in lines[1:])


def test_only_ones_own_area(browser: Browser, data: volume.Volume) -> None:
    reader = browser(Role.ADMIN, data.tehsils[1])
    for name in ("units", "accounts"):
        assert {row["Tehsil"] for row in rows_of(reader, f"/{name}.csv")} == {"Tehsil 2"}
        for file_format in ("csv", "xlsx"):
            assert reader.get(f"/{name}.{file_format}?area={data.tehsils[0]}").status_code == 404
    assert rows_of(reader, f"/units.csv?q={volume.TEHSIL_WORD}") == []


def test_who_may_download(browser: Browser) -> None:
    for role in (Role.AGENT, Role.SUPERVISOR):
        assert browser(role).get("/units.csv").status_code == 403
        assert ".csv" not in html_of(browser(role), "/units/")
    page = html_of(browser(), "/units/?use=COMMERCIAL&sort=name")
    assert 'href="/units.csv?use=COMMERCIAL&amp;sort=name"' in page
    assert 'href="/units.xlsx?use=COMMERCIAL&amp;sort=name"' in page


def test_a_personal_number_in_the_address_downloads_nothing(browser: Browser) -> None:
    for path in ("/units.csv?q=0300-1234567", "/accounts.xlsx?q=3820112345671"):
        answer = browser().get(path)
        assert answer.status_code == 422
        assert "must not stand in the address" in answer.get_data(as_text=True)


def test_each_download_is_in_the_audit_log(module_app: Flask, browser: Browser, data: volume.Volume) -> None:
    rows = rows_of(browser(), f"/units.csv?area={data.tehsils[2]}&state=billed")
    with module_app.app_context():
        lines = session().execute(
            text("SELECT action, entity_id, location_id, after FROM audit_log ORDER BY at DESC, id DESC LIMIT 2")
        )
        end, begin = lines.all()
    assert (begin.action, begin.entity_id, begin.location_id) == ("list.export.csv", "units", data.tehsils[2])
    assert begin.after["rows"] == end.after["rows"] == len(rows)
    assert "State: Billed" in begin.after["filters"]
    assert end.action == "export.done"


def heads(html: str) -> list[str]:
    table = html.split("<thead>", 1)[1].split("</thead>", 1)[0]
    return [" ".join(re.sub(r"<[^>]+>", "", cell).split()) for cell in re.findall(r"<th[^>]*>(.*?)</th>", table, re.S)]


def test_columns_are_ones_own_and_stay(module_app: Flask, browser: Browser) -> None:
    first, second = browser(Role.ADMIN), browser(Role.HEAD)
    before = heads(html_of(first, "/accounts/"))
    assert before[:2] == ["PSID", "Consumer"]

    def choose(client: FlaskClient, **fields: object) -> str:
        token = csrf_token(client.get("/me").get_data(as_text=True))
        answer = client.post("/lists/columns", data={"csrf_token": token, **fields})
        assert answer.status_code == 303
        return str(answer.headers["Location"])

    back = choose(first, list="accounts", column=["fee", "credit", "nonsense"], next="/accounts/?use=COMMERCIAL")
    assert back == "/accounts/?use=COMMERCIAL"
    assert heads(html_of(first, back)) == ["PSID", "Consumer", "Fee, Rs", "Credit, Rs"]
    assert heads(html_of(second, "/accounts/")) == before
    assert [head for head in heads(html_of(first, "/units/")) if head][:2] == ["Survey id", "Consumer ↑"[:8]]
    assert choose(first, list="accounts", next="https://elsewhere.example/") == "/accounts/"
    assert heads(html_of(first, "/accounts/")) == ["PSID", "Consumer"]
    choose(first, list="accounts", do="reset")
    assert heads(html_of(first, "/accounts/")) == before
    token = csrf_token(first.get("/me").get_data(as_text=True))
    assert first.post("/lists/columns", data={"csrf_token": token, "list": "staff"}).status_code == 404

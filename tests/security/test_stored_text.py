"""Names with markup and formulas, as files may bring them: text on every page, neutralised in every download."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape
from openpyxl import load_workbook
from sqlalchemy import text

from portal.db import transaction
from portal.imports.models import ImportFinding, ImportRow
from portal.locations.models import UNION_COUNCIL, Location
from portal.permissions import Role
from tests.security.test_headers import handlers
from tests.support.people import add_staff, csrf_token, sign_in
from tests.support.places import add_place, small_tree
from tests.support.register import MONTH, Registered, register
from tests.test_access import all_rules, example

EVIL = """=HYPERLINK("//e.example","x")<img src=x onerror=alert(1)>'"></script><script>alert(2)</script>"""
RAW = ("<img src=x", "<script>alert(2)")


@dataclass
class Evil:
    """An application full of such names, and the browser of its head."""

    app: Flask
    head: FlaskClient
    thing: Registered


@pytest.fixture(scope="module")
def evil(module_app: Flask) -> Evil:
    tree = small_tree(module_app)
    with module_app.app_context(), transaction() as session:
        above = session.get(Location, tree["khushab/khushab"])
        assert above is not None
        here = add_place(session, EVIL, UNION_COUNCIL, above, name_ur=EVIL)
        thing = register(session, here, 1, EVIL)
        add_place(session, "@SUM(1)" + EVIL, UNION_COUNCIL, here)
        for line, outcome in ((2, "REJECTED"), (3, "DUPLICATE"), (4, "UPDATED")):
            session.add(
                ImportRow(
                    batch_id=thing.batch_id,
                    line_no=line,
                    outcome=outcome,
                    entity_key=EVIL,
                    pending=line == 4,
                    changes={"consumer_name": [EVIL, "-2+3" + EVIL]} if line == 4 else None,
                    raw=None if line == 4 else [EVIL] * 23,
                )
            )
            session.add(
                ImportFinding(
                    batch_id=thing.batch_id,
                    line_no=line,
                    severity="NOTE",
                    code="PSID_UNREADABLE",
                    column_name=EVIL,
                    value=EVIL,
                )
            )
        parameters = {"evil": EVIL, "unit": thing.survey_id}
        for statement in (
            "UPDATE survey_units SET address = :evil, mobile = NULL, mobile_text = :evil, cnic_text = :evil,"
            " cnic = NULL,"
            " surveyor_name = :evil,"
            " image_urls = ARRAY['javascript:alert(1)', 'https://p.example/' || :evil, :evil]",
            "UPDATE accounts SET address = :evil, mobile = NULL, mobile_text = :evil",
            "UPDATE bill_keys SET portal_bill_id = :evil",
            "UPDATE bills SET portal_bill_id = :evil",
            "UPDATE payments SET channel = :evil",
            "UPDATE places SET name = :evil, district = :evil, tehsil = :evil",
        ):
            session.execute(text(statement), {k: v for k, v in parameters.items() if f":{k}" in statement})
    name = add_staff(module_app, Role.HEAD)
    with module_app.app_context(), transaction() as session:
        session.execute(text("UPDATE staff SET full_name = :evil"), {"evil": EVIL})
    head = sign_in(module_app.test_client(), name)
    return Evil(module_app, head, thing)


def harmless(html: str) -> None:
    """No markup of a name stands in a page: neither as an element nor out of an attribute."""
    for raw in RAW:
        assert raw not in html
    assert handlers(html) == []


def paths(evil: Evil, *endings: str) -> list[str]:
    """Every GET rule with its example for the evil thing."""
    found = []
    for rule, method in all_rules(evil.app):
        if method != "GET" or rule.endpoint.endswith(("static", "dash.bundle")):
            continue
        values = example(rule, evil.thing)
        codes = ["PSID_UNREADABLE"] if "code" in values else [""]
        names = _names(evil, rule.endpoint) if "name" in values else [""]
        whiches = ["rejected", "changed", "pending", "duplicates"] if "which" in values else [""]
        formats = ["csv", "xlsx"] if "file_format" in values else [""]
        for code in codes:
            for name in names:
                for which in whiches:
                    for file_format in formats:
                        chosen = {"code": code, "name": name, "which": which, "file_format": file_format}
                        values |= {key: value for key, value in chosen.items() if value}
                        with evil.app.test_request_context():
                            _, path = rule.build(values, append_unknown=False) or ("", "")
                        found.append(path)
    return [path for path in found if not endings or path.endswith(endings)]


def _names(evil: Evil, endpoint: str) -> list[str]:
    from portal.reports.catalogue import REPORTS

    return (
        [report.name for report in REPORTS] if endpoint.startswith("reports") else ["league", "daily", "funnel", "all"]
    )


def test_every_page_shows_them_as_text(evil: Evil) -> None:
    pages, showing = 0, set()
    more = [f"{path}?cycle={MONTH:%Y-%m}" for path in ("/units/", "/accounts/", "/dash/overview/")]
    more += [f"/dash/reports/{name}" for name in _names(evil, "reports")]
    more += [f"/dash/reports/{name}?area={evil.thing.location_id}" for name in _names(evil, "reports")]
    more += [f"{path}?area={evil.thing.location_id}" for path in ("/units/", "/accounts/", "/dash/overview/")]
    for path in paths(evil) + more:
        answer = evil.head.get(path, buffered=True)
        if answer.mimetype != "text/html":
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            continue
        html = answer.get_data(as_text=True)
        harmless(html)
        pages += 1
        body = html.split("<main", 1)[-1]
        if "&lt;img src=x onerror=alert(1)&gt;" in body:
            showing.add(path.split("?")[0])
    assert pages > 15
    thing = evil.thing
    must_show = {
        "/units/",
        "/accounts/",
        f"/units/{thing.survey_id}",
        f"/accounts/{thing.psid}",
        "/imports/",
        f"/imports/{thing.batch_id}",
        f"/imports/{thing.batch_id}/findings/PSID_UNREADABLE",
        "/places/",
        f"/places/{thing.place_id}",
        "/dash/overview/",
        "/dash/reports/bill-register",
        "/me",
    }
    assert must_show <= showing, must_show - showing


def test_what_is_searched_for_comes_back_as_text(evil: Evil) -> None:
    token = csrf_token(evil.head.get("/me").get_data(as_text=True))
    for typed in (EVIL, f"{EVIL} 03001234567"):
        answer = evil.head.post("/search", data={"csrf_token": token, "q": typed}, follow_redirects=True)
        assert answer.status_code == 200
        harmless(answer.get_data(as_text=True))
    assert "&lt;img src=x" in evil.head.get("/search", query_string={"q": "HYPERLINK"}).get_data(as_text=True)


def test_an_old_form_offers_it_again_as_text(evil: Evil) -> None:
    answer = evil.head.post("/search", data={"csrf_token": "old", "q": EVIL}, headers={"Origin": "http://localhost"})
    assert answer.status_code == 400
    html = answer.get_data(as_text=True)
    harmless(html)
    assert str(escape(EVIL)) in html


def test_error_pages_repeat_nothing_as_markup(evil: Evil) -> None:
    for path in (
        "/units/<img src=x onerror=alert(1)>",
        "/dash/reports/<script>alert(2)</script>",
        "/imports/?kind=" + EVIL,
        "/reports/bill-register.csv?area=" + EVIL,
        "/dash/reports/bill-register?use=" + EVIL,
    ):
        answer = evil.head.get(path)
        assert answer.status_code in {404, 422}
        harmless(answer.get_data(as_text=True))


_RUNS = re.compile(r"^[=+\-@\t\r\n]")
_NUMBER = re.compile(r"^(-|[-+]?[0-9][0-9,]*([.][0-9]+)?)$")


def test_no_cell_of_any_csv_runs(evil: Evil) -> None:
    found = set()
    for path in paths(evil, ".csv"):
        answer = evil.head.get(path, buffered=True)
        assert answer.status_code in {200, 404}, f"{path}: {answer.status_code}"
        if answer.status_code != 200:
            continue
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
        for row in csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))):
            for cell in row:
                assert not _RUNS.match(cell) or _NUMBER.match(cell), f"{path}: {cell[:40]}"
                if cell.startswith("'=HYPERLINK"):
                    found.add(path)
    assert len(found) >= 5, found
    assert "/reports/bill-register.csv" in found


def test_no_cell_of_any_workbook_runs(evil: Evil) -> None:
    found = set()
    for path in paths(evil, ".xlsx"):
        answer = evil.head.get(path, buffered=True)
        assert answer.status_code in {200, 404}, f"{path}: {answer.status_code}"
        if answer.status_code != 200:
            continue
        with zipfile.ZipFile(io.BytesIO(answer.data)) as book:
            xml = "".join(book.read(name).decode() for name in book.namelist())
        assert "<f>" not in xml and "<img" not in xml and "<script" not in xml
        for sheet in load_workbook(io.BytesIO(answer.data)):
            for row in sheet.iter_rows():
                for cell in row:
                    assert cell.data_type != "f", path
                    value = cell.value
                    if isinstance(value, str):
                        assert not _RUNS.match(value) or _NUMBER.match(value), f"{path}: {value[:40]}"
                        if value.startswith("'=HYPERLINK"):
                            found.add(path)
    assert len(found) >= 5, found


def test_a_bill_id_of_the_portal_may_be_any_text_and_is_neutralised(evil: Evil) -> None:
    rows = list(
        csv.DictReader(io.StringIO(evil.head.get("/reports/bill-register.csv", buffered=True).data.decode("utf-8-sig")))
    )
    assert rows
    assert all(row["Portal bill id"].startswith("'=") for row in rows)


def test_file_names_of_downloads_are_our_own(evil: Evil) -> None:
    for path in paths(evil, ".csv", ".xlsx"):
        disposition = evil.head.get(path, buffered=True).headers.get("Content-Disposition")
        if disposition is not None:
            assert re.fullmatch(r'attachment; filename="?[A-Za-z0-9._-]+"?', disposition), disposition

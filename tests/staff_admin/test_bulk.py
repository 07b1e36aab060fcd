"""Many people from a file: findings of each row, nothing before the confirmation, all good rows with invitations."""

from __future__ import annotations

import csv
import html as html_module
import io
import re
import zipfile
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from werkzeug.test import TestResponse

from portal.errors import RefusedFileError
from portal.permissions import Role
from portal.staff import bulk
from portal.staff.sheet import MAX_ROWS, read_sheet
from tests.staff_admin.office import LINK, Browser, Office
from tests.support.people import csrf_token

HEADINGS = ["User name", "Full name", "Role", "Areas", "E-mail", "Mobile"]
GOOD = ["sana.malik", "Sana Malik", "AGENT", "Khushab/Khushab; Khushab/Noorpur Thal", "", "0300 1234567"]


def as_csv(rows: Sequence[Sequence[str]], delimiter: str = ",", encoding: str = "utf-8-sig") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([HEADINGS, *rows])
    return out.getvalue().encode(encoding)


def as_xlsx(rows: Sequence[Sequence[object]]) -> bytes:
    book = Workbook()
    book.active.append(["A note above the table"])  # type: ignore[union-attr]
    for row in (HEADINGS, *rows):
        book.active.append(list(row))  # type: ignore[union-attr]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def check(browser: Browser, data: bytes, name: str = "people.csv") -> TestResponse:
    token = csrf_token(browser.client.get("/me").get_data(as_text=True))
    form = {"csrf_token": token, "file": (io.BytesIO(data), name)}
    answer = browser.client.post("/staff/bulk/check", data=form, content_type="multipart/form-data")
    answer.request.environ["wsgi.input"].close()  # the client keeps what it sends in a file, when it is large
    return answer


def payload(answer: TestResponse) -> str:
    found = re.search(r'name="rows" value="([^"]+)"', answer.get_data(as_text=True))
    assert found
    return html_module.unescape(found[1])


def errors(answer: TestResponse) -> list[str]:
    text = re.sub(r"<svg.*?</svg>", "", answer.get_data(as_text=True), flags=re.DOTALL)
    return [
        html_module.unescape(one).strip() for one in re.findall(r'class="field-error">(.*?)</div>', text, re.DOTALL)
    ]


@pytest.fixture
def head(office: Office) -> Browser:
    return office.signed_in(office.id_of("standing.head"))


@pytest.mark.parametrize("kind", ["csv", "semicolon", "utf-16", "xlsx"])
def test_a_list_becomes_people_with_invitations(office: Office, head: Browser, kind: str) -> None:
    rows = [
        GOOD,
        ["عمر", "Umar", "AGENT", "Punjab", "", ""],
        ["umar", "عمر فاروق", "Supervisor", "Bhakkar/Bhakkar", "", ""],
    ]
    data = {
        "csv": lambda: as_csv(rows),
        "semicolon": lambda: as_csv(rows, ";"),
        "utf-16": lambda: as_csv(rows, "\t", "utf-16"),
        "xlsx": lambda: as_xlsx([[*GOOD[:5], 3001234567], *rows[1:], ["", None, "", "", "", ""]]),
    }[kind]()
    answer = check(head, data, "people." + ("xlsx" if kind == "xlsx" else "csv"))
    assert answer.status_code == 200
    assert len(errors(answer)) == 1  # the Urdu user name
    assert "Nothing has been written yet" in answer.get_data(as_text=True)
    assert office.number_of_staff() == 1
    done = head.post("/staff/bulk/create", {"rows": payload(answer)})
    html = done.get_data(as_text=True)
    assert done.status_code == 200
    assert office.number_of_staff() == 3
    assert len(set(LINK.findall(html))) == 2
    sana, umar = office.staff(office.id_of("sana.malik")), office.staff(office.id_of("umar"))
    assert sana["areas"] == sorted([office.tree["khushab/khushab"], office.tree["noorpur"]])
    assert (sana["mobile"], sana["role"], sana["password_hash"]) == ("03001234567", "AGENT", "")
    assert (umar["full_name"], umar["role"]) == ("عمر فاروق", "SUPERVISOR")
    assert office.audit("", "staff.bulk")[0].after["created"] == 2
    # Sent again, all are taken: the preview comes back, nobody is made twice.
    again = head.post("/staff/bulk/create", {"rows": payload(answer)})
    assert again.status_code == 409
    assert "Something has changed since the preview" in again.get_data(as_text=True)
    assert office.number_of_staff() == 3


def test_every_finding_of_a_row_is_shown_at_its_cell(office: Office) -> None:
    office.add(Role.AGENT, "mc-9", username="taken")
    admin = office.browser(Role.ADMIN, "khushab")
    rows = [
        ["TAKEN", "A", "AGENT", "Khushab/Khushab", "", ""],
        ["twice", "B", "AGENT", "Khushab/Khushab", "", ""],
        ["Twice", "C", "AGENT", "Khushab/Khushab", "", ""],
        ["boss", "D", "MANAGER", "Khushab/Khushab", "", ""],
        ["king", "E", "King", "Khushab/Khushab", "", ""],
        ["else", "F", "AGENT", "Bhakkar/Bhakkar", "", ""],
        ["both", "G", "AGENT", "Khushab/Khushab; Punjab", "", ""],
        ["formula", "=1+1", "AGENT", "Khushab/Khushab", "x", "12"],
        ["empty", "", "AGENT", "", "", ""],
        GOOD,
    ]
    answer = check(admin, as_csv(rows))
    found = errors(answer)
    assert sum("is taken" in one for one in found) == 1
    assert sum("more than once" in one for one in found) == 2
    assert sum("You cannot give the role MANAGER, only AGENT, SUPERVISOR" in one for one in found) == 1
    assert sum("There is no such role" in one for one in found) == 1
    assert sum("There is no area" in one for one in found) == 2  # outside is nowhere
    assert sum("begins with a letter" in one for one in found) == 1
    assert sum("no e-mail address" in one for one in found) == 1
    assert sum("11 digits" in one for one in found) == 1
    assert sum("Enter the full name" in one for one in found) == 1
    assert sum("at least one area" in one for one in found) == 1
    assert admin.post("/staff/bulk/create", {"rows": payload(answer)}).status_code == 200
    assert office.number_of_staff() == 4
    assert office.staff(office.id_of("sana.malik"))["created_by"] == admin.staff_id


def test_a_preview_belongs_to_who_saw_it_and_cannot_be_changed(office: Office, head: Browser) -> None:
    other = office.browser(Role.HEAD)
    signed = payload(check(head, as_csv([GOOD])))
    for browser, rows in ((other, signed), (head, signed[:-2] + "xx"), (head, ""), (head, "[]")):
        answer = browser.post("/staff/bulk/create", {"rows": rows})
        assert answer.status_code == 422
        assert "upload the file again" in answer.get_data(as_text=True)
    assert office.number_of_staff() == 2


def test_rights_lost_since_the_preview_count(office: Office, head: Browser) -> None:
    admin = office.browser(Role.ADMIN, "khushab")
    signed = payload(check(admin, as_csv([GOOD])))
    assert head.set_areas(admin.staff_id, ["noorpur"]).status_code == 303
    assert admin.post("/staff/bulk/create", {"rows": signed}).status_code == 409
    assert office.number_of_staff() == 2


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", b" " * 60_000_000)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "The file is empty"),
        (b"\0\0\0", "The file is empty"),
        (b"a,b\n1,2\n", "has the headings User name, Full name, Role, Areas"),
        (as_csv([]), "Below the headings stands nothing"),
        (as_csv([GOOD] * (MAX_ROWS + 1)), "more than 500 rows"),
        (b"x" * (1024 * 1024 + 1), "larger than 1 MiB"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "neither a CSV file nor an Excel workbook"),
        (b"PK\x03\x04 not a zip", "damaged"),
        (as_xlsx([GOOD])[:-400], "damaged"),
        (bomb(), "unpacks to far more"),
        (b'User name,Full name,Role,Areas\n"' + b"x" * 200_000, "cannot be read"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_a_sentence(
    office: Office, head: Browser, data: bytes, message: str
) -> None:
    answer = check(head, data)
    assert answer.status_code == 422
    assert message in html_module.unescape(answer.get_data(as_text=True))
    assert office.number_of_staff() == 1


def test_no_file_is_asked_for(office: Office, head: Browser) -> None:
    assert head.post("/staff/bulk/check").status_code == 422
    assert check(head, b"", "").status_code == 422


def test_the_templates_are_understood_when_filled_in(office: Office, head: Browser) -> None:
    text = head.get("/staff/bulk/template.csv").get_data()
    assert text.startswith(b"\xef\xbb\xbf")
    line = io.StringIO()
    csv.writer(line).writerow(GOOD)
    assert [draft.username for draft in bulk.read_file(text + line.getvalue().encode())] == ["sana.malik"]
    book = load_workbook(io.BytesIO(head.get("/staff/bulk/template.xlsx").get_data()))
    assert len(book.worksheets) == 2
    table = book.worksheets[1]
    assert [cell.value for cell in next(table.iter_rows())] == HEADINGS
    table.append(GOOD)
    out = io.BytesIO()
    book.save(out)
    assert errors(check(head, out.getvalue(), "filled.xlsx")) == []
    assert head.get("/staff/bulk/template.exe").status_code == 404


cell = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.lists(st.lists(cell, min_size=6, max_size=6), min_size=1, max_size=8), garbage=st.binary(max_size=200))
def test_whatever_the_cells_hold_they_are_read_or_refused(rows: list[list[str]], garbage: bytes) -> None:
    try:
        read = read_sheet(as_csv(rows), bulk.COLUMNS, bulk.REQUIRED)
    except RefusedFileError:
        read = []
    assert len(read) <= len(rows)
    assert all(value == value.strip() for row in read for value in row.cells.values())
    for junk in (garbage, b"PK" + garbage):
        with pytest.raises(RefusedFileError):
            read_sheet(junk, bulk.COLUMNS, bulk.REQUIRED)

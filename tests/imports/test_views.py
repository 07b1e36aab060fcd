"""Uploads, previews, imports and their downloads, through HTTP with real files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.db import side_transaction
from portal.imports.tasks import check_import, commit_import
from portal.permissions import Role
from tests.imports.office import Office, flashed, load_areas
from tests.imports.portal_files import BILLER, PAID_LONG, biller_row, paid_row, psid, survey_row, write_xlsx
from tests.support.importing import bring_committed, write
from tests.support.queries import recorded_queries
from tests.support.servers import on

LoginAs = Callable[..., FlaskClient]


@pytest.fixture
def places(app: Flask, tmp_path: Path) -> dict[str, int]:
    return load_areas(app, tmp_path)


@pytest.fixture
def office(app: Flask, login_as: LoginAs, places: dict[str, int]) -> Office:
    return Office(app, login_as(Role.HEAD))


def biller_file(folder: Path, numbers: range, name: str = "02_Biller_Nilokot_Nov2025.csv", **values: str) -> Path:
    return write(folder, "biller", [biller_row(n, **values) for n in numbers], name)


def write_bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def download(office: Office, path: str) -> list[dict[str, str]]:
    answer = office.client.get(path)
    assert answer.status_code == 200, path
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.get_data().decode("utf-8-sig"))))


# -- Upload ------------------------------------------------------------------------------------------------------
def test_several_files_at_once_and_a_bad_one_stops_no_other(office: Office, tmp_path: Path) -> None:
    biller = biller_file(tmp_path, range(1, 4))
    paid = write_xlsx(tmp_path / "03_Paid_Nilokot.xlsx", {"Data": [PAID_LONG, paid_row(1), paid_row(2)]})
    answer = office.upload(
        (biller.name, biller.read_bytes()),
        ("empty.csv", b""),
        ("photo.csv", b"\x89PNG\r\n\x1a\n" + bytes(200)),
        (paid.name, paid.read_bytes()),
        ("shopping.csv", b"milk,bread\n1,2\n"),
    )
    page = flashed(office.client, answer)
    assert "empty.csv: The file is empty." in page
    assert office.work() == ["imports.check"] * 4
    found = office.rows("SELECT file_name, kind, status FROM import_batches WHERE stored_path IS NOT NULL ORDER BY id")
    assert [(row.file_name, row.kind, row.status) for row in found] == [
        (biller.name, "biller", "PREVIEW"),
        ("photo.csv", None, "REFUSED"),
        (paid.name, "paid", "PREVIEW"),
        ("shopping.csv", None, "REFUSED"),
    ]
    refused = office.page(f"/imports/{office.scalar('SELECT max(id) FROM import_batches')}")
    assert "No header of an area list, survey master, biller list or paid list was found" in refused
    assert "Nothing was written" in refused
    assert office.scalar("SELECT count(*) FROM accounts") == 0


def test_a_file_over_the_limit_is_refused_by_name(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(office.app.extensions, "settings", on(office.app.extensions["settings"], max_import_mib=1))
    good = biller_file(tmp_path, range(1, 3))
    page = flashed(office.client, office.upload(("big.csv", b"x" * ((1 << 20) + 1)), (good.name, good.read_bytes())))
    assert "big.csv: The file is larger than 1 MiB. Nothing was imported." in page
    assert office.work() == ["imports.check"]
    uploads = office.app.extensions["settings"].uploads_dir
    kept = [path for path in uploads.glob("import-*") if path.stat().st_size > 1 << 20]
    assert kept == []
    assert office.upload(("huge.csv", b"x" * (6 << 20))).status_code == 413


def test_an_upload_needs_the_form_token_and_a_file(office: Office) -> None:
    answer = office.client.post("/imports/upload", data={"files": (io.BytesIO(b"a,b\n"), "a.csv")})
    assert answer.status_code == 400
    assert "Choose at least one file" in flashed(office.client, office.upload())
    assert office.scalar("SELECT count(*) FROM import_batches WHERE stored_path IS NOT NULL") == 0


def test_scripts_get_json(office: Office, tmp_path: Path) -> None:
    path = biller_file(tmp_path, range(1, 3))
    answer = office.upload((path.name, path.read_bytes()), **{"X-Requested-With": "fetch"})
    assert answer.status_code == 201
    batch_id = answer.get_json()["imports"][0]
    assert answer.get_json()["url"] == f"/imports/{batch_id}"
    running = office.client.get(f"/imports/{batch_id}/status", headers={"X-Background": "1"}).get_json()
    assert (running["status"], running["running"]) == ("UPLOADED", True)
    assert 'http-equiv="refresh"' in office.page(f"/imports/{batch_id}")
    office.work()
    done = office.client.get(f"/imports/{batch_id}/status").get_json()
    assert (done["status"], done["running"], done["rows"]) == ("PREVIEW", False, 2)
    bad = office.upload(("none.csv", b""), **{"X-Requested-With": "fetch"})
    assert bad.status_code == 422
    assert bad.get_json()["errors"][0]["file"] == "none.csv"


def test_a_name_with_a_path_and_markup_is_only_text(office: Office) -> None:
    answer = office.upload(("/x/../<script>alert(1).csv", b"a,b\n1,2\n"))
    page = flashed(office.client, answer)
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1).csv" in page
    assert "/x/.." not in page


# -- Preview and import --------------------------------------------------------------------------------------------
def test_the_life_of_an_import(office: Office, tmp_path: Path) -> None:
    rows = [biller_row(n) for n in range(1, 6)]
    rows += [
        biller_row(6, biller_psid="2.67701E+19"),
        biller_row(5, total_payable="900"),
        biller_row(7, uc="UC-77, Nowhere"),
        biller_row(8, last_bill_date_time="-", last_bill_id="-"),
    ]
    path = write(tmp_path, "biller", rows, "02_Biller_Nilokot_Nov2025.csv")
    batch_id = office.checked(path)
    page = office.page(f"/imports/{batch_id}")
    assert "Check before it is written" in page
    assert "Import 7 rows" in page
    assert 'name="month-2025-10-25"' in page
    assert '<option value="2025-11" selected>' in page
    assert "UC-77, Nowhere" in page
    assert office.scalar("SELECT count(*) FROM accounts") == 0
    # Also before the import every row that is left out can be downloaded with its reason.
    assert [row["Line"] for row in download(office, f"/imports/{batch_id}/rejected.csv")] == ["7"]

    assert office.decide(batch_id).status_code == 303
    assert "Waits its turn" in office.page(f"/imports/{batch_id}")
    assert office.work() == ["imports.commit"]
    done = office.page(f"/imports/{batch_id}")
    batch = office.batch(batch_id)
    assert batch.rows_read == 9
    taken = batch.rows_inserted + batch.rows_updated + batch.rows_unchanged
    assert taken + batch.rows_duplicate + batch.rows_rejected == 9
    assert "<strong>9</strong> rows read = <strong>7</strong> new + <strong>0</strong> updated" in done
    assert "+ <strong>1</strong> duplicates + <strong>1</strong> rejected" in done
    assert "Match places" in done
    assert office.scalar("SELECT count(*) FROM accounts") == 7
    audit = office.rows("SELECT action, actor, address FROM audit_log WHERE batch_id = :id ORDER BY id", id=batch_id)
    assert [row.action for row in audit] == [
        "import.upload", "import.download", "export.done", "import.confirm", "import.commit",
    ]  # fmt: skip
    assert len({row.actor for row in audit}) == 1


def test_months_and_as_of_are_corrected_before_anything_is_written(office: Office, tmp_path: Path) -> None:
    path = biller_file(tmp_path, range(1, 4))
    batch_id = office.checked(path)
    # "Import" with a changed month shows the new preview first.
    answer = office.decide(batch_id, **{"month-2025-10-25": "2025-10", "as_of": "2025-11-02T09:30"})
    assert "check the new preview" in flashed(office.client, answer)
    assert office.batch(batch_id).status == "CHECKING"
    assert office.work() == ["imports.check"]
    page = office.page(f"/imports/{batch_id}")
    assert '<option value="2025-10" selected>' in page
    assert 'value="2025-11-02T09:30"' in page
    assert "chosen by you" in page
    office.decide(batch_id)
    office.work()
    assert office.rows("SELECT DISTINCT billing_month::text, month_source, as_of::text FROM bills") == [
        ("2025-10-01", "ISSUED", "2025-11-02 09:30:00+05")
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"month-2025-10-25": "2031-01"}, "lies in the future"),
        ({"month-2025-10-25": "soon"}, "is not a month like"),
        ({"month-2025-10-25": "0001-01"}, "is not a month like"),
        ({"as_of": "2099-01-01T00:00"}, "no file can be newer than now"),
        ({"as_of": "yesterday"}, "is not a time like"),
        ({"as_of": "0001-01-01T00:00"}, "is not a time like"),
        ({"as_of": "9999-12-31T23:59-12:00"}, "is not a time like"),
    ],
)
def test_wrong_corrections_change_nothing(
    office: Office, tmp_path: Path, fields: dict[str, str], sentence: str
) -> None:
    batch_id = office.checked(biller_file(tmp_path, range(1, 3)))
    answer = office.decide(batch_id, **fields)
    assert answer.status_code == 422
    assert sentence in answer.get_data(as_text=True)
    assert office.batch(batch_id).status == "PREVIEW"
    assert office.batch(batch_id).options == {}
    assert office.work() == []


def test_a_double_submit_imports_once(office: Office, tmp_path: Path) -> None:
    batch_id = office.checked(biller_file(tmp_path, range(1, 4)))
    token = office.page(f"/imports/{batch_id}").split('name="token" value="')[1][:20]
    first, second = office.decide(batch_id, token=token), office.decide(batch_id, token=token)
    assert (first.status_code, second.status_code) == (303, 303)
    assert "has been confirmed already. It is imported once." in flashed(office.client, second)
    assert office.work() == ["imports.commit"]
    assert "has been imported already" in flashed(office.client, office.decide(batch_id, token=token))
    assert office.work() == []
    assert office.scalar("SELECT count(*) FROM accounts") == 3


def test_what_is_confirmed_is_what_was_seen(app: Flask, office: Office, login_as: LoginAs, tmp_path: Path) -> None:
    batch_id = office.checked(biller_file(tmp_path, range(1, 4)))
    stale = office.page(f"/imports/{batch_id}").split('name="token" value="')[1][:20]
    other = Office(app, login_as(Role.HEAD))
    other.decide(batch_id, do="update", **{"month-2025-10-25": "2025-10"})
    other.work()
    answer = office.decide(batch_id, token=stale)
    assert "has changed since you opened it" in flashed(office.client, answer)
    assert office.batch(batch_id).status == "PREVIEW"
    assert office.scalar("SELECT count(*) FROM accounts") == 0


def test_two_administrators_with_overlapping_files(
    app: Flask, office: Office, login_as: LoginAs, tmp_path: Path
) -> None:
    other = Office(app, login_as(Role.HEAD))
    mine = office.checked(biller_file(tmp_path, range(1, 6), "a.csv"))
    theirs = other.checked(biller_file(tmp_path, range(3, 9), "b.csv"))
    office.decide(mine)
    other.decide(theirs)
    assert office.work() == ["imports.commit", "imports.commit"]
    # The second finds other counts than its preview promised: it stops and shows them.
    assert office.batch(mine).status == "DONE"
    stopped = other.batch(theirs)
    assert (stopped.status, stopped.rows_inserted, stopped.rows_unchanged) == ("PREVIEW", 3, 3)
    page = other.page(f"/imports/{theirs}")
    assert "The register changed between your preview and the import" in page
    assert other.scalar("SELECT count(*) FROM accounts") == 5
    other.decide(theirs)
    assert other.work() == ["imports.commit"]
    assert other.batch(theirs).status == "DONE"
    assert other.scalar("SELECT count(*) FROM accounts") == 8


def test_the_same_file_again_changes_nothing_and_says_so(office: Office, tmp_path: Path) -> None:
    path = biller_file(tmp_path, range(1, 4))
    first = office.imported(path)
    again = office.checked(path)
    page = office.page(f"/imports/{again}")
    assert "This very file has been imported before" in page
    assert f'href="/imports/{first}"' in page
    assert "Everything in this file is known already" in page
    office.decide(again)
    office.work()
    batch = office.batch(again)
    assert (batch.status, batch.rows_inserted, batch.rows_updated, batch.rows_unchanged) == ("DONE", 0, 0, 3)


def test_a_file_that_was_never_imported_is_no_earlier_import(office: Office, tmp_path: Path) -> None:
    shopping = write_bytes(tmp_path / "shopping.csv", b"milk,bread\n1,2\n")
    office.checked(shopping)
    assert "This very file" not in office.page(f"/imports/{office.checked(shopping)}")
    biller = biller_file(tmp_path, range(1, 4))
    waiting = office.checked(biller)
    assert "This very file" not in office.page(f"/imports/{office.checked(biller)}")
    office.decide(waiting)
    office.work()
    assert f'href="/imports/{waiting}"' in office.page(f"/imports/{office.checked(biller)}")


def test_what_has_ended_is_a_hundred_per_cent(office: Office, tmp_path: Path) -> None:
    def status(batch_id: int) -> tuple[int, str]:
        found = office.client.get(f"/imports/{batch_id}/status").get_json()
        return found["percent"], found["text"]

    path = biller_file(tmp_path, range(1, 4))
    done, cancelled, waiting = office.imported(path), office.checked(path), office.checked(path)
    office.post(f"/imports/{cancelled}/cancel")
    refused = office.checked(write_bytes(tmp_path / "shopping.csv", b"milk,bread\n1,2\n"))
    found = [status(batch_id) for batch_id in (done, waiting, cancelled, refused)]
    assert found == [(100, "Imported"), (100, "Waits for you"), (100, "Cancelled"), (100, "Refused")]
    assert status(office.upload_path(path))[0] < 100


def test_changes_say_words_and_no_codes(office: Office, tmp_path: Path) -> None:
    at_home = survey_row(1, house_type="House", area="0-5 Marla", type="", level="", uc_type="Rural")
    at_work = survey_row(1, house_type="", area="", type="Shop", level="Small", uc_type="Urban")
    office.imported(write(tmp_path, "survey", [at_home], "01_Survey_2025-11-02.csv"))
    page = office.page(f"/imports/{office.checked(write(tmp_path, 'survey', [at_work], '01_Survey_2025-11-09.csv'))}")
    changes = [("Urban or rural", "Rural", "Urban"), ("Use", "Domestic", "Commercial"), ("Size", "0–5 marla", "Small")]
    for _label, before, after in changes:
        assert f'<del class="strike"><bdi>{before}</bdi></del>' in page
        assert f"<bdi>{after}</bdi>" in page
    for code in ("RURAL", "URBAN", "DOMESTIC", "COMMERCIAL", "M0_5", "SMALL"):
        assert code not in page


def test_cancelling(office: Office, tmp_path: Path) -> None:
    path = biller_file(tmp_path, range(1, 4))
    early = office.upload_path(path)
    office.post(f"/imports/{early}/cancel")
    office.work()
    assert office.batch(early).status == "CANCELLED"
    waiting = office.checked(path)
    office.decide(waiting)
    office.post(f"/imports/{waiting}/cancel")
    office.work()
    assert office.batch(waiting).status == "CANCELLED"
    assert office.scalar("SELECT count(*) FROM accounts") == 0
    assert "Nothing was written" in office.page(f"/imports/{waiting}")
    done = office.imported(path)
    assert "can no longer be cancelled" in flashed(office.client, office.post(f"/imports/{done}/cancel"))
    assert office.batch(done).status == "DONE"


def test_jobs_that_run_again_do_nothing_twice(office: Office, tmp_path: Path) -> None:
    batch_id = office.checked(biller_file(tmp_path, range(1, 4)))
    with office.app.app_context():
        check_import(batch_id)
    assert office.batch(batch_id).status == "PREVIEW"
    found = "SELECT count(*) FROM import_findings WHERE batch_id = :id AND code = 'PENDING_SURVEY'"
    assert office.scalar(found, id=batch_id) == 3
    office.decide(batch_id)
    office.work()
    before = office.rows("SELECT * FROM bills ORDER BY id")
    with office.app.app_context():
        commit_import(batch_id)
        check_import(batch_id)
    assert office.rows("SELECT * FROM bills ORDER BY id") == before
    assert office.batch(batch_id).status == "DONE"
    commits = "SELECT count(*) FROM audit_log WHERE action = 'import.commit' AND batch_id = :id"
    assert office.scalar(commits, id=batch_id) == 1


def test_a_worker_killed_while_writing_leaves_the_batch_to_its_next_run(office: Office, tmp_path: Path) -> None:
    batch_id = office.checked(biller_file(tmp_path, range(1, 4)))
    office.decide(batch_id)
    with office.app.app_context(), side_transaction() as connection:  # what the dead worker has left behind
        connection.execute(text("UPDATE import_batches SET status = 'COMMITTING', phase = 'writing'"))
    assert office.client.get(f"/imports/{batch_id}/status").get_json()["running"]
    assert office.work() == ["imports.commit"]
    assert office.batch(batch_id).status == "DONE"
    assert office.scalar("SELECT count(*) FROM accounts") == 3


# -- Downloads ---------------------------------------------------------------------------------------------------
def test_every_row_that_is_not_plain_can_be_downloaded(office: Office, tmp_path: Path) -> None:
    office.imported(biller_file(tmp_path, range(1, 4), "first_2025-11-01.csv"))
    formula = "=cmd|' /C calc'!A0"
    rows = [
        biller_row(1, name="Renamed, with comma", total_payable="1,900"),
        biller_row(2),
        biller_row(2, name="Twice"),
        biller_row(4, biller_psid="-", address=formula),
        biller_row(5, uc="UC-2, Chak 2, Nilokot"),
    ]
    batch_id = office.imported(write(tmp_path, "biller", rows, "second_2025-11-08.csv"))

    (rejected,) = download(office, f"/imports/{batch_id}/rejected.csv")
    assert rejected["Line"] == "5"
    assert rejected["Column"] == "Biller PSID"
    assert rejected["Finding"] == "PSID_MISSING"
    assert rejected["Reason"] == "The row has no PSID."
    assert rejected["What to do"].startswith("Look the account up")
    assert [rejected[column] for column in BILLER if column not in {"Biller PSID", "Address"}] == [
        value for column, value in zip(BILLER, rows[3], strict=True) if column not in {"Biller PSID", "Address"}
    ]
    assert rejected["Biller PSID"] == "-"
    assert rejected["Address"] == "'" + formula  # a spreadsheet would run it

    (duplicate,) = download(office, f"/imports/{batch_id}/duplicates.csv")
    assert (duplicate["Line"], duplicate["Finding"]) == ("3", "DUPLICATE_KEY_DIFFERENT")
    assert duplicate["Biller PSID"] == psid(2)

    changed = download(office, f"/imports/{batch_id}/changed.csv")
    mine = {row["Column"]: (row["Before"], row["After"]) for row in changed if row["Key"] == psid(1)}
    assert mine["Name"] == ("Bashir Ahmad", "Renamed, with comma")
    assert mine["Payable"] == ("1655", "1900")
    assert {row["Line"] for row in changed} == {"2", "4"}

    pending = download(office, f"/imports/{batch_id}/pending.csv")
    assert [row["Key"] for row in pending] == [psid(1), psid(2), psid(5)]
    assert {row["Finding"] for row in pending} == {"PENDING_SURVEY"}
    assert pending[0]["Value"] == "2319001"

    finding = download(office, f"/imports/{batch_id}/findings/PENDING_SURVEY.csv")
    assert [row["Line"] for row in finding] == [row["Line"] for row in pending]

    answer = office.client.get(f"/imports/{batch_id}/rejected.xlsx")
    book = openpyxl.load_workbook(io.BytesIO(answer.get_data()))
    facts, data = book.worksheets
    assert [cell.value for cell in data[1]][:2] == ["Line", "Key"]
    assert data[2][0].value == 5
    assert isinstance(data[2][7 + BILLER.index("Last Bill ID")].value, str)
    assert "second_2025-11-08.csv" in {cell.value for row in facts.iter_rows() for cell in row}
    for which in ("changed", "pending", "duplicates"):
        body = office.client.get(f"/imports/{batch_id}/{which}.xlsx").get_data()
        assert openpyxl.load_workbook(io.BytesIO(body)).worksheets[1].max_row > 1
    actions = office.rows(
        "SELECT after->>'rows' AS which, after->>'format' AS format FROM audit_log"
        " WHERE action = 'import.download' ORDER BY id"
    )
    assert len(actions) == 9
    assert (actions[0].which, actions[0].format) == ("rejected", "csv")


def test_places_and_units_are_named_in_changes(office: Office, tmp_path: Path) -> None:
    office.imported(biller_file(tmp_path, range(1, 2), "first_2025-11-01.csv"))
    office.imported(write(tmp_path, "survey", [survey_row(2)], "01_Survey_2025-11-02.csv"))
    moved = biller_file(tmp_path, range(1, 2), "second_2025-11-08.csv", uc="UC-2, Chak 2, Nilokot", survey_id="2319002")
    batch_id = office.checked(moved)
    page = office.page(f"/imports/{batch_id}")
    assert '<del class="strike"><bdi>UC-1, Chak 1, Nilokot</bdi></del>' in page
    rows = download(office, f"/imports/{batch_id}/changed.csv")
    changed = {row["Column"]: (row["Before"], row["After"]) for row in rows}
    assert changed["Place"] == ("UC-1, Chak 1, Nilokot", "UC-2, Chak 2, Nilokot")
    assert changed["Unit"] == ("", "2319002")


def test_an_excel_paid_list(office: Office, tmp_path: Path) -> None:
    sheets = {"Pivot": [["Channel", "Sum"], ["1Bill", 3]], "Data": [PAID_LONG, paid_row(1), paid_row(2), paid_row(2)]}
    batch_id = office.imported(write_xlsx(tmp_path / "03_Paid_Nilokot.xlsx", sheets))
    page = office.page(f"/imports/{batch_id}")
    assert "Paid list, long form" in page
    assert "sheet “Data”" in page
    assert "The PSID is not known; the payment is kept as unmatched money." in page
    assert [row["Finding"] for row in download(office, f"/imports/{batch_id}/duplicates.csv")] == ["DUPLICATE_ROW"]
    assert [row["Column"] for row in download(office, f"/imports/{batch_id}/pending.csv")] == ["PSID", "PSID"]


def test_the_rows_of_one_finding(office: Office, tmp_path: Path) -> None:
    rows = [biller_row(n, cnic="38201-99") for n in range(1, 61)]
    batch_id = office.checked(write(tmp_path, "biller", rows, "b.csv"))
    page = office.page(f"/imports/{batch_id}/findings/CNIC_UNREADABLE")
    assert page.count("38201-99") == 50
    following = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert office.page(following).count("38201-99") == 10
    office.page(f"/imports/{batch_id}/findings/NO_SUCH_THING", 404)


# -- Who may ------------------------------------------------------------------------------------------------------
def paths_of(batch_id: int) -> list[str]:
    ways = [f"/imports/{batch_id}", f"/imports/{batch_id}/status", f"/imports/{batch_id}/findings/OUTSIDE_AREA"]
    ways += [f"/imports/{batch_id}/{which}.csv" for which in ("rejected", "changed", "pending", "duplicates")]
    return [*ways, f"/imports/{batch_id}/rejected.xlsx", f"/imports/{batch_id}/findings/OUTSIDE_AREA.csv"]


def test_an_import_of_another_area_does_not_exist(
    app: Flask, login_as: LoginAs, places: dict[str, int], tmp_path: Path
) -> None:
    inside, outside = places["Nilokot"], places["Dharampur"]
    uploader = Office(app, login_as(Role.ADMIN, [inside]))
    batch_id = uploader.checked(biller_file(tmp_path, range(1, 4)))
    token = uploader.page(f"/imports/{batch_id}").split('name="token" value="')[1][:20]
    stranger = Office(app, login_as(Role.ADMIN, [outside]))
    part_of_it = Office(app, login_as(Role.ADMIN, [places["UC-1, Chak 1, Nilokot"]]))
    for other in (stranger, part_of_it):
        for path in paths_of(batch_id):
            assert other.client.get(path).status_code == 404, path
        assert other.decide(batch_id, token=token).status_code == 404
        assert other.post(f"/imports/{batch_id}/cancel").status_code == 404
        assert biller_file(tmp_path, range(1, 4)).name not in other.page("/imports/")
    assert uploader.batch(batch_id).status == "PREVIEW"
    for colleague in (login_as(Role.ADMIN, [inside]), login_as(Role.ADMIN, [inside, outside]), login_as(Role.HEAD)):
        assert Office(app, colleague).page(f"/imports/{batch_id}")
    # Somebody above confirms: the rows are written within the uploader's area, in the confirming person's name.
    head = Office(app, login_as(Role.HEAD))
    head.decide(batch_id)
    head.work()
    assert head.batch(batch_id).status == "DONE"
    who = "SELECT action, staff_id FROM audit_log WHERE batch_id = :id AND action <> 'import.download' ORDER BY id"
    by = {row.action: row.staff_id for row in head.rows(who, id=batch_id)}
    assert by["import.upload"] == head.batch(batch_id).staff_id
    assert by["import.confirm"] == by["import.commit"] != by["import.upload"]


def test_rows_outside_the_uploaders_area_are_rejected_even_when_the_head_office_confirms(
    app: Flask, login_as: LoginAs, places: dict[str, int], tmp_path: Path
) -> None:
    uploader = Office(app, login_as(Role.ADMIN, [places["Dharampur"]]))
    rows = [biller_row(1), biller_row(2, tehsil="Dharampur", uc="MC-9, Dharampur")]
    batch_id = uploader.checked(write(tmp_path, "biller", rows, "b.csv"))
    head = Office(app, login_as(Role.HEAD))
    head.decide(batch_id)
    head.work()
    assert head.batch(batch_id).rows_rejected == 1
    (rejected,) = download(head, f"/imports/{batch_id}/rejected.csv")
    assert rejected["Finding"] == "OUTSIDE_AREA"
    assert psid(1) in rejected.values(), "the key is there"
    assert (rejected["Biller PSID"], rejected["Name"], rejected["Address"]) == ("", "", ""), "what the row says is not"
    assert head.scalar("SELECT count(*) FROM accounts") == 1


def test_a_file_of_rejected_rows_only_is_not_called_known(
    app: Flask, login_as: LoginAs, places: dict[str, int], tmp_path: Path
) -> None:
    office = Office(app, login_as(Role.ADMIN, [places["Dharampur"]]))
    batch_id = office.checked(biller_file(tmp_path, range(1, 3)))
    page = office.page(f"/imports/{batch_id}")
    assert "No row of this file can be imported." in page
    assert "is known already" not in page
    assert "data-import" not in page, "there is nothing to import"
    office.decide(batch_id)
    office.work()
    done = office.page(f"/imports/{batch_id}")
    assert "No row of this file could be imported." in done
    assert "was known already" not in done


def test_imports_of_the_whole_province_are_seen_by_the_whole_province(
    app: Flask, login_as: LoginAs, places: dict[str, int]
) -> None:
    system_batch = Office(app, login_as(Role.HEAD)).scalar("SELECT min(id) FROM import_batches")
    assert Office(app, login_as(Role.HEAD)).page(f"/imports/{system_batch}")
    local = Office(app, login_as(Role.ADMIN, [places["Nilokot"]]))
    local.page(f"/imports/{system_batch}", 404)
    empty = local.page("/imports/")
    assert "Imports made for the whole province are listed for people with the whole province." in empty
    assert "Nothing has been imported yet" not in empty
    nobody = Office(app, login_as(Role.ADMIN, [places["Dharampur"]]))
    with app.app_context(), side_transaction() as connection:
        connection.execute(text("DELETE FROM staff_areas WHERE location_id = :id"), {"id": places["Dharampur"]})
    nobody.page(f"/imports/{system_batch}", 404)
    assert nobody.upload(("a.csv", b"a,b\n")).status_code == 403


def test_roles(app: Flask, login_as: LoginAs, office: Office, tmp_path: Path) -> None:
    batch_id = office.checked(biller_file(tmp_path, range(1, 4)))
    manager = Office(app, login_as(Role.MANAGER))
    page = manager.page(f"/imports/{batch_id}")
    assert "Waiting for an office administrator" in page
    assert "Check before it is written" not in page
    main = page.split("<main", 1)[1].split("</main>", 1)[0]
    assert "<button" not in main and "<select" not in main
    history = manager.page("/imports/")
    assert "Waiting for an office administrator" in history
    assert "Waits for you" not in history
    assert "data-upload" not in history
    assert "Waits for you" in office.page("/imports/")
    assert manager.post(f"/imports/{batch_id}").status_code == 403
    assert manager.post(f"/imports/{batch_id}/cancel").status_code == 403
    assert manager.upload(("a.csv", b"a,b\n")).status_code == 403
    for role in (Role.AGENT, Role.SUPERVISOR):
        for path in ["/imports/", *paths_of(batch_id)]:
            assert login_as(role).get(path).status_code == 403
    assert app.test_client().get(f"/imports/{batch_id}").status_code == 303
    assert app.test_client().get(f"/imports/{batch_id}/status", headers={"X-Background": "1"}).status_code == 401


# -- History ------------------------------------------------------------------------------------------------------
def test_the_history_narrows_and_pages(office: Office, tmp_path: Path) -> None:
    done = office.imported(biller_file(tmp_path, range(1, 3), "done.csv"))
    waiting = office.checked(write(tmp_path, "paid", [paid_row(1)], "waiting.csv"))
    batch = office.batch(done)
    row = office.page("/imports/?kind=biller")
    assert batch.file_sha256[:10] in row
    assert "done.csv" in row
    assert "waiting.csv" not in row
    assert "waiting.csv" in office.page("/imports/?status=PREVIEW")
    mine = office.page(f"/imports/?who={batch.staff_id}&from={batch.created_at:%Y-%m-%d}")
    assert f'href="/imports/{waiting}"' in mine
    assert "No import fits this filter" in office.page("/imports/?to=2020-01-01")
    assert "areas.csv" in office.page("/imports/?who=0")
    for wrong in ("?kind=nonsense", "?who=me", "?from=yesterday", "?to=9999-12-31", "?from=0001-01-01"):
        assert office.client.get("/imports/" + wrong).status_code == 422
    assert office.client.get("/imports/?cursor=abc").status_code == 422
    with office.app.app_context(), side_transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO import_batches (file_name, file_sha256, file_size, status)"
                " SELECT 'old' || n, 'x', 1, 'CANCELLED' FROM generate_series(1, 120) n"
            )
        )
    seen: list[str] = []
    path: str | None = "/imports/?status=CANCELLED"
    while path:
        page = office.page(path)
        seen += [part.split("<")[0] for part in page.split("<bdi>old")[1:]]
        path = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&") if 'rel="next"' in page else None
    assert sorted(map(int, seen)) == list(range(1, 121))


def test_pages_ask_few_queries(office: Office, tmp_path: Path) -> None:
    batch_id = office.imported(biller_file(tmp_path, range(1, 30)))
    for path in ("/imports/", f"/imports/{batch_id}", f"/imports/{batch_id}/findings/PENDING_SURVEY"):
        with recorded_queries(office.app) as queries:
            office.page(path)
        assert len(queries) <= 12, path


def test_the_status_asked_in_the_background_is_no_activity(office: Office, tmp_path: Path) -> None:
    batch_id = office.upload_path(biller_file(tmp_path, range(1, 3)))
    seen = "SELECT max(last_seen_at) FROM staff_sessions"
    with office.app.app_context(), side_transaction() as connection:
        connection.execute(text("UPDATE staff_sessions SET last_seen_at = now() - interval '10 minutes'"))
    before = office.scalar(seen)
    office.client.get(f"/imports/{batch_id}/status", headers={"X-Background": "1"})
    office.client.get(f"/imports/{batch_id}?X-Background=1")
    assert office.scalar(seen) == before
    office.client.get(f"/imports/{batch_id}")
    assert office.scalar(seen) > before


def test_cli_imports_stand_in_the_history(office: Office, tmp_path: Path) -> None:
    with office.app.app_context():
        outcome: Any = bring_committed(biller_file(tmp_path, range(1, 4)), as_of="2025-11-20")
    batch_id = office.scalar("SELECT max(id) FROM import_batches")
    page = office.page(f"/imports/{batch_id}")
    assert f"<strong>{outcome.counts.rows}</strong> rows read" in page
    assert "system" in page


def test_a_refusal_is_said_in_each_readers_language(office: Office) -> None:
    """The worker has no reader: it stores the reason in every language."""
    answer = office.upload(("list.csv", b"%PDF-1.7 \x00\x01 something"))
    path = answer.headers["Location"]
    assert office.work() == ["imports.check"]
    assert "list.csv is a PDF document. Accepted are" in office.page(path)
    assert "list.csv is a PDF document" in office.page("/imports/")
    office.post("/preferences", language="ur", next="/me")
    for page in (office.page(path), office.page("/imports/")):
        assert "a PDF document" not in page
        assert "CSV فائلیں" in page
    stored = office.scalar("SELECT error FROM import_batches WHERE status = 'REFUSED'")
    assert set(stored) == {"en", "ur"}
    assert stored["en"] != stored["ur"]

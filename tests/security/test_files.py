"""Uploads: what a file claims to be, how it is named, what is packed inside, and where it is kept."""

from __future__ import annotations

import io
import re
import stat
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.config import MIB
from portal.db import transaction
from portal.errors import RefusedFileError
from portal.imports.readers import open_table
from portal.imports.service import clean_file_name
from portal.permissions import Role
from tests.imports import portal_files as files
from tests.imports.office import Office
from tests.support.places import small_tree

LoginAs = Callable[..., FlaskClient]


@pytest.fixture
def office(app: Flask, login_as: LoginAs) -> Office:
    small_tree(app)
    return Office(app, login_as(Role.ADMIN))


def batches(app: Flask) -> list[tuple[str, str, str | None]]:
    """(name, state, path) of every upload."""
    with app.app_context(), transaction() as session:
        rows = session.execute(text("SELECT file_name, status, stored_path FROM import_batches ORDER BY id"))
        return [(row.file_name, row.status, row.stored_path) for row in rows]


def workbook(folder: Path) -> Path:
    return files.write_xlsx(folder / "a.xlsx", {"Data": [files.AREAS, files.area_row(1)]})


def refused(path: Path, **limits: int) -> str:
    started = time.monotonic()
    with pytest.raises(RefusedFileError) as error, open_table(path, path.name, None, **limits) as table:
        for _row in table.rows:
            pass
    assert time.monotonic() - started < 20
    return str(error.value.code)


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/cron.d/evil.csv",
        "..\\..\\windows\\evil.csv",
        "/etc/passwd",
        "C:\\x\\evil.csv",
        "a/../../b.csv",
        "evil\x00.csv",
        "evil\r\nSet-Cookie: x=y.csv",
        "\u202egpj.exe.csv",
        ".",
        "..",
        "con",
        "x" * 5000 + ".csv",
        "<img src=x onerror=alert(1)>.csv",
        "%2e%2e%2fevil.csv",
        "'; DROP TABLE staff; --.csv",
        "$(reboot).csv",
    ],
)
def test_a_file_name_is_a_label_and_never_a_path(app: Flask, office: Office, name: str) -> None:
    before = {path for path in Path(app.instance_path).rglob("*") if path.is_file()}
    answer = office.upload((name, b"PSID\n1\n"))
    assert answer.status_code in {303, 400, 422}, answer.status_code
    uploads = Path(app.extensions["settings"].uploads_dir)
    for label, _state, stored in batches(app):
        assert "/" not in label and "\\" not in label and label.isprintable() and 0 < len(label) <= 200
        assert stored is not None
        assert re.fullmatch(re.escape(str(uploads)) + r"/import-[0-9a-f]{32}", stored)
        assert stat.S_IMODE(Path(stored).stat().st_mode) == 0o600
    made = {path for path in Path(app.instance_path).rglob("*") if path.is_file()} - before
    assert all(path.parent == uploads for path in made if "cache" not in path.parts)
    assert not uploads.exists() or stat.S_IMODE(uploads.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["a/b/c.csv", "..", "\x00", "", "a\x1b[31mb", "\u202e\u2066x", "n" * 300])
def test_a_cleaned_name_is_printable_and_short(name: str) -> None:
    clean = clean_file_name(name)
    assert 0 < len(clean) <= 200
    assert clean.isprintable()
    assert "/" not in clean


def test_what_was_uploaded_is_never_served(app: Flask, office: Office) -> None:
    office.upload(("page.csv", b"<script>alert(1)</script>"))
    stored = batches(app)[0][2]
    assert stored is not None
    for path in (f"/uploads/{Path(stored).name}", f"/static/../uploads/{Path(stored).name}", stored):
        assert office.client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"PK\x03\x04" + b"\0" * 40),
        ("a.xlsx", b"PSID,Name\n1,2\n"),
        ("a.csv", b"MZ\x90\0\3\0\0\0" + b"\0" * 60),
        ("a.csv", b"\x7fELF\2\1\1" + b"\0" * 60),
        ("a.xlsx", b"<html><script>alert(1)</script></html>"),
        ("a.csv", b"%PDF-1.7\n%\xe2\xe3\n"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600),
        ("a.csv", b"\x1f\x8b\x08\0\0\0"),
        ("a.csv", b"GIF89a<script>alert(1)</script>" + b"\0" * 9),
    ],
)
def test_the_content_decides_and_a_false_name_is_refused(app: Flask, office: Office, name: str, content: bytes) -> None:
    office.upload((name, content))
    office.work()
    assert [state for _name, state, _path in batches(app)] in (["REFUSED"], [])


def test_the_declared_content_type_is_not_believed(app: Flask, office: Office) -> None:
    data = {"csrf_token": office.token(), "files": [(io.BytesIO(b"MZ\x90\0" + b"\0" * 99), "a.csv", "text/csv")]}
    office.client.post("/imports/upload", data=data, content_type="multipart/form-data")
    office.work()
    assert [state for _name, state, _path in batches(app)] == ["REFUSED"]


def test_one_byte_too_many_is_refused_and_nothing_is_kept(
    app: Flask, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.setitem(app.extensions, "settings", replace(app.extensions["settings"], max_import_mib=1))
    uploads = Path(app.extensions["settings"].uploads_dir)
    before = set(uploads.glob("*")) if uploads.exists() else set()
    office.upload(("a.csv", b"x" * (MIB + 1)))
    assert batches(app) == []
    assert set(uploads.glob("*")) == before
    office.upload(("a.csv", b"x" * MIB))
    assert len(batches(app)) == 1
    answer = office.client.post("/imports/upload", data=b"x" * (6 * MIB), content_type="application/octet-stream")
    assert answer.status_code in {400, 413}


def test_more_files_than_allowed_at_once_are_refused_together(app: Flask, office: Office) -> None:
    office.upload(*[(f"{n}.csv", b"x") for n in range(51)])
    assert batches(app) == []


# --- inside a workbook -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../../evil.txt", "/etc/cron.d/evil", "..\\evil", "xl/../../evil", "C:/evil", "a\0b"])
def test_members_of_an_archive_are_never_unpacked_to_their_paths(tmp_path: Path, name: str) -> None:
    path = workbook(tmp_path)
    with zipfile.ZipFile(path, "a") as out:
        out.writestr(zipfile.ZipInfo(name), b"evil")
    with open_table(path, path.name) as table:
        assert len(list(table.rows)) == 1
    assert list(tmp_path.parent.rglob("*evil*")) == []
    assert not Path("/etc/cron.d/evil").exists()


def test_a_relation_that_leads_out_of_the_archive_is_no_sheet(tmp_path: Path) -> None:
    path = workbook(tmp_path)
    with zipfile.ZipFile(path) as book:
        relations = book.read("xl/_rels/workbook.xml.rels").decode()
    evil = re.sub(r'Target="[^"]*sheet1.xml"', 'Target="../../../../etc/passwd"', relations)
    assert evil != relations
    assert refused(files.replace_part(path, "xl/_rels/workbook.xml.rels", evil.encode())) in {
        "no_header",
        "damaged",
        "not_xlsx",
    }


def test_a_link_inside_an_archive_is_not_followed(tmp_path: Path) -> None:
    path = workbook(tmp_path)
    link = zipfile.ZipInfo("xl/worksheets/link.xml")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as out:
        out.writestr(link, "/etc/passwd")
    with open_table(path, path.name) as table:
        rows = [row for _number, row in table.rows]
    assert len(rows) == 1
    assert "root:" not in str(rows)


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    """A directory that says 100 bytes about 60 MB: no more is unpacked than was said, and the checksum tells."""
    path = workbook(tmp_path)
    with zipfile.ZipFile(path) as book:
        sheet = next(name for name in book.namelist() if "sheet1" in name)
        text_before = book.read(sheet)
    big = text_before.replace(b"</sheetData>", b" " * (60 * MIB) + b"</sheetData>")
    files.replace_part(path, sheet, big)
    data = path.read_bytes()
    true_size = struct.pack("<I", len(big))
    assert true_size in data
    path.write_bytes(data.replace(true_size, struct.pack("<I", 100)))
    assert refused(path, max_unpacked_mib=32) in {"truncated", "damaged", "bomb"}


def test_many_members_are_a_bomb(tmp_path: Path) -> None:
    path = workbook(tmp_path)
    with zipfile.ZipFile(path, "a") as out:
        for number in range(6000):
            out.writestr(f"x/{number}", b"")
    assert refused(path) == "bomb"


LAUGHS = (
    '<?xml version="1.0" encoding="{encoding}"?>{before}<!DOCTYPE x ['
    '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY e SYSTEM "file:///etc/passwd">]>'
    "<workbook>&c;&e;<sheets/></workbook>"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("before", ["", "<!--" + "x" * 9000 + "-->"])
@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/_rels/workbook.xml.rels"])
def test_entities_are_refused_however_they_hide(tmp_path: Path, encoding: str, before: str, part: str) -> None:
    evil = LAUGHS.format(encoding=encoding, before=before).encode(encoding)
    assert refused(files.replace_part(workbook(tmp_path), part, evil)) == "damaged"


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/sharedStrings.xml"])
def test_entities_in_the_other_parts_bring_nothing_in(tmp_path: Path, part: str) -> None:
    path = workbook(tmp_path)
    with zipfile.ZipFile(path) as book:
        original = book.read(part).decode() if part in book.namelist() else '<sst xmlns="x"></sst>'
    declared = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    head, _, rest = original.rpartition("?>")
    evil = (head + "?>" if head else "") + declared + rest.replace("</t>", "&e;</t>")
    files.replace_part(path, part, evil.encode())
    try:
        with open_table(path, path.name) as table:
            rows = str([row for _number, row in table.rows])
    except RefusedFileError:
        return
    assert "root:" not in rows

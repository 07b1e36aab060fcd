"""Files that are not what they claim to be: refused whole, with a sentence that says what to do."""

import io
import re
import struct
import zipfile
from pathlib import Path

import pytest

from portal.errors import RefusedFileError
from portal.imports.readers import open_table
from tests.imports import portal_files as files

CSV_TEXT = ",".join(files.AREAS) + "\n7,R,70,N,701,UC-1\n"


def refused(path: Path, kind: str | None = None, **limits: int) -> RefusedFileError:
    with pytest.raises(RefusedFileError) as error, open_table(path, path.name, kind, **limits) as table:
        for _row in table.rows:
            pass
    return error.value


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def archive(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in parts.items():
            out.writestr(name, content)
    return buffer.getvalue()


def ole(entry: str) -> bytes:
    """The beginning of an OLE container with one directory entry, as Excel 97 and encrypted workbooks have it."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1016 + entry.encode("utf-16-le") + b"\0" * 100


@pytest.mark.parametrize(
    ("name", "content", "code", "sentence"),
    [
        ("a.csv", b"", "empty", "is empty"),
        ("a.xlsx", b"", "empty", "is empty"),
        ("a.csv", b"\xef\xbb\xbf \r\n\r\n", "empty", "nothing but blanks"),
        ("a.csv", b"%PDF-1.7\n", "wrong_kind", "a PDF document"),
        ("a.xlsx", b"%PDF-1.7\n", "wrong_kind", "a PDF document"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0", "wrong_kind", "a picture"),
        ("a.csv", b"\xff\xd8\xff\xe0\0\x10JFIF", "wrong_kind", "a picture"),
        ("a.csv.gz", b"\x1f\x8b\x08\0", "wrong_kind", "a gzip archive"),
        ("a.xls", ole("Workbook"), "old_excel", r"\(\.xls\).*save it as \.xlsx"),
        ("a.xlsx", ole("Workbook"), "old_excel", r"\(\.xls\)"),
        ("a.xlsx", ole("EncryptedPackage"), "encrypted", "protected by a password"),
        ("a.csv", "\ufeff<!DOCTYPE html><html><body>Sign in", "web_page", "web page.*Sign in to the portal"),
        ("a.xls", "<table><tr><td>PSID</td></tr></table>", "web_page", "web page"),
        ("a.csv", '<?xml version="1.0"?><Workbook/>', "wrong_kind", "an XML document"),
        ("a.csv", '{"error": "session expired"}', "wrong_kind", "a JSON document"),
        ("a.csv", bytes(range(256)) * 8, "wrong_kind", "a binary file"),
        ("a.xlsx", CSV_TEXT, "not_xlsx", r"called an Excel workbook but is none.*ending \.csv"),
        ("a.csv", archive({"xl/workbook.xml": b""}), "not_csv", r"called a CSV file.*ending \.xlsx"),
        ("a.zip", archive({"b.csv": b"x"}), "not_xlsx", "archive but no Excel workbook"),
        ("a.xlsx", archive({"word/document.xml": b"<x/>"}), "not_xlsx", "archive but no Excel workbook"),
        ("a.xlsb", archive({"xl/workbook.bin": b"x"}), "xlsb", r"\(\.xlsb\)"),
        ("a.csv", "Dear Sir,\nplease find attached\n", "no_header", "No header of an area list"),
        ("a.csv", "a,b,c\n1,2,3\n", "no_header", "first 20 rows"),
        ("a.csv", ",".join(files.AREAS) + "\n", "no_rows", "not a single row"),
        ("a.csv", ",".join(files.AREAS) + "\n,,,,,\n\n", "no_rows", "not a single row"),
        ("a.csv", "\n" * 25 + CSV_TEXT, "no_header", "first 20 rows"),
        ("a.csv", "district_id,district_name,tehsil_id,area_id,area_name\n", "missing_columns", "“tehsil_name”"),
    ],
)
def test_refused(tmp_path: Path, name: str, content: bytes | str, code: str, sentence: str) -> None:
    error = refused(written(tmp_path / name, content))
    assert error.code == code
    assert re.search(sentence, str(error)), str(error)


def test_names_do_not_matter_when_they_claim_nothing(tmp_path: Path) -> None:
    for name in ("upload", "a.txt", "a.CSV"):
        with open_table(written(tmp_path / name, CSV_TEXT), name) as table:
            assert len(list(table.rows)) == 1
    path = files.write_xlsx(tmp_path / "a.xlsx", {"Data": [files.AREAS, files.area_row(1)]})
    with open_table(path, "upload") as table:
        assert len(list(table.rows)) == 1


def test_two_letters_are_no_proof_of_a_picture(tmp_path: Path) -> None:
    with open_table(written(tmp_path / "a.csv", "BM Area list\n" + CSV_TEXT), "a.csv") as table:
        assert len(list(table.rows)) == 1


def test_too_large(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as handle:
        handle.truncate(200 * 1024 * 1024)
    error = refused(path)
    assert error.code == "too_large"
    assert "200 MB" in str(error)
    assert "100 MB" in str(error)
    assert refused(written(tmp_path / "b.csv", CSV_TEXT), max_bytes=20).code == "too_large"


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_truncated_workbook(tmp_path: Path, share: float) -> None:
    path = files.write_xlsx(tmp_path / "p.xlsx", {"Data": [files.PAID_LONG, *(files.paid_row(i) for i in range(500))]})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    error = refused(path)
    assert error.code == "truncated"
    assert "cut off" in str(error)


def test_workbook_damaged_in_the_middle(tmp_path: Path) -> None:
    path = files.write_xlsx(tmp_path / "p.xlsx", {"Data": [files.PAID_LONG, *(files.paid_row(i) for i in range(500))]})
    with zipfile.ZipFile(path) as archive_file:
        info = archive_file.getinfo("xl/worksheets/sheet1.xml")
    data = bytearray(path.read_bytes())
    middle = info.header_offset + 100 + info.compress_size // 2
    data[middle : middle + 40] = b"\xff" * 40
    path.write_bytes(data)
    assert refused(path).code in {"truncated", "damaged"}


def test_checksum_error_behind_the_last_row(tmp_path: Path) -> None:
    path = files.write_xlsx(tmp_path / "a.xlsx", {"Data": [files.AREAS, files.area_row(1)]})
    with zipfile.ZipFile(path) as archive_file:
        info = archive_file.getinfo("xl/worksheets/sheet1.xml")
    checksum = struct.pack("<I", info.CRC)
    data = path.read_bytes()
    assert data.count(checksum) >= 1
    path.write_bytes(data.replace(checksum, struct.pack("<I", info.CRC ^ 1)))
    assert refused(path).code == "truncated"


def test_zip_bomb(tmp_path: Path) -> None:
    path = files.write_xlsx(tmp_path / "a.xlsx", {"Data": [files.AREAS, files.area_row(1)]})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as out:
        out.writestr("xl/media/big.bin", b"\0" * (40 * 1024 * 1024))
    assert path.stat().st_size < 100_000
    error = refused(path, max_unpacked_mib=32)
    assert error.code == "bomb"
    with open_table(path, path.name, max_unpacked_mib=64) as table:
        assert len(list(table.rows)) == 1


def test_a_value_far_to_the_right_of_many_rows_needs_too_much_memory(tmp_path: Path) -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>7</v></c><c r="XFD{n}"><v>1</v></c></row>' for n in range(2, 20_000))
    header = "".join(
        f'<c r="{chr(65 + i)}1" t="inlineStr"><is><t>{name}</t></is></c>' for i, name in enumerate(files.AREAS)
    )
    xml = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f'<row r="1">{header}</row>{rows}</sheetData></worksheet>'
    )
    path = files.write_xlsx(tmp_path / "a.xlsx", {"Data": [["x"]]})
    files.replace_part(path, "xl/worksheets/sheet1.xml", xml.encode())
    error = refused(path)
    assert error.code == "memory"
    assert "far to the right" in str(error)


def test_document_types_in_the_workbook_are_refused(tmp_path: Path) -> None:
    path = files.write_xlsx(tmp_path / "a.xlsx", {"Data": [files.AREAS, files.area_row(1)]})
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><workbook><sheets/></workbook>'
    assert refused(files.replace_part(path, "xl/workbook.xml", bomb)).code == "damaged"


def test_workbook_without_a_known_header_names_its_sheets(tmp_path: Path) -> None:
    error = refused(files.write_xlsx(tmp_path / "a.xlsx", {"Pivot": [["Row Labels", "Total"]], "Notes": [["x"]]}))
    assert error.code == "no_header"
    assert "“Pivot”, “Notes”" in str(error)


def test_missing_column_names_sheet_and_column(tmp_path: Path) -> None:
    headers = [name for name in files.PAID_LONG if name != "Paid Amount"]
    error = refused(files.write_xlsx(tmp_path / "a.xlsx", {"Pivot": [["x"]], "Nov": [headers, ["x"]]}))
    assert error.code == "missing_columns"
    assert "Sheet “Nov”" in str(error)
    assert "“Paid Amount”" in str(error)
    assert error.details["columns"] == ["Paid Amount"]


def test_header_without_rows(tmp_path: Path) -> None:
    assert refused(files.write_xlsx(tmp_path / "a.xlsx", {"Data": [files.AREAS]})).code == "no_rows"
    assert refused(files.write_xlsx(tmp_path / "b.xlsx", {"Data": []})).code == "no_header"


def test_the_wrong_kind(tmp_path: Path) -> None:
    path = files.write_xlsx(tmp_path / "p.xlsx", {"Data": [files.PAID_LONG, files.paid_row(1)]})
    error = refused(path, "biller")
    assert error.code == "other_kind"
    assert "(biller list) but another kind: paid list" in str(error)

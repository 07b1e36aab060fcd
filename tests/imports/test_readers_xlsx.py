"""Excel workbooks as tables, read by a process of their own."""

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import psutil
import pytest

from portal.errors import RefusedFileError
from portal.imports import parse, xlsx_parts
from portal.imports.readers import FlaggedCells, Table, open_table
from portal.imports.xlsx_parts import as_text
from tests.imports import portal_files as files

Rows = list[tuple[int, list[str]]]
SHEET = "xl/worksheets/sheet1.xml"
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def read(path: Path, kind: str | None = None, **limits: int) -> tuple[Table, Rows]:
    with open_table(path, path.name, kind, **limits) as table:
        return table, list(table.rows)


def flags(cells: list[str]) -> list[tuple[str, str]]:
    return [(flag.code, flag.column) for flag in cells.flags] if isinstance(cells, FlaggedCells) else []


def by_name(table: Table, cells: list[str]) -> dict[str, str]:
    return dict(zip(table.columns, cells, strict=True))


def with_sheet(path: Path, xml: str) -> Path:
    """A workbook whose only sheet has this XML."""
    files.write_xlsx(path, {"Data": [["x"]]})
    return files.replace_part(path, SHEET, xml.encode())


def cell(reference: str, text: str, attributes: str = "") -> str:
    return f'<c r="{reference}"{attributes} t="inlineStr"><is><t>{text}</t></is></c>'


def row_xml(number: int, texts: list[str]) -> str:
    cells = "".join(cell(f"{chr(65 + i)}{number}", text) for i, text in enumerate(texts))
    return f'<row r="{number}">{cells}</row>'


def area(number: int) -> list[str]:
    return ["7", "R", "70", "N", str(number), f"UC-{number}"]


def moment(text: str) -> dt.datetime:
    """A date cell with a time; Excel knows no time zones."""
    return dt.datetime.fromisoformat(text)


def many_areas(path: Path, count: int) -> Path:
    rows = "".join(row_xml(i + 2, area(700 + i)) for i in range(count))
    return with_sheet(path, f"<worksheet {MAIN}><sheetData>{row_xml(1, files.AREAS)}{rows}</sheetData></worksheet>")


def test_survey_master(tmp_path: Path) -> None:
    given = files.survey_row(1, Survey_Timestamp=moment("2025-11-26 15:54:53"), Cnic_Num=3820112345671)
    given[files.SURVEY.index("")] = "gate locked"
    table, rows = read(files.write_xlsx(tmp_path / "s.xlsx", {"Sheet1": [files.SURVEY, given]}))
    assert (table.kind, table.form, table.file_format, table.sheet) == ("survey", "", "xlsx", "Sheet1")
    cells = by_name(table, rows[0][1])
    assert rows[0][0] == 2
    assert (cells["Sr#"], cells["Survey ID"], cells["Cnic Num"]) == ("1", "2319001", "3820112345671")
    assert (cells["Survey Timestamp"], cells["extra_text"]) == ("2025-11-26 15:54:53", "gate locked")
    assert cells["Email"] == ""


def test_paid_list_behind_pivot_sheets_with_date_cells(tmp_path: Path) -> None:
    given = files.paid_row(1, Month=dt.date(2025, 11, 1), Paid_Date=moment("2025-12-05"), Amount=1655, Fine=0.0)
    path = files.write_xlsx(
        tmp_path / "p.xlsx",
        {
            "Pivot": [["Row Labels", "Sum of Paid Amount", "Count of PSID"], ["1Bill", 1655, 1]],
            "By UC": [["Tehsil", "UC", "Month", "Paid Amount"], ["Nilokot", "UC-1", "Nov 2025", 1655]],
            "Empty": [],
            "Data": [["Paid list, Nilokot"], [], files.PAID_LONG, given],
        },
    )
    table, rows = read(path)
    assert (table.kind, table.form, table.sheet, table.line_of_header) == ("paid", "long", "Data", 3)
    cells = by_name(table, rows[0][1])
    assert (rows[0][0], cells["Month"], cells["Paid Date"]) == (4, "2025-11-01", "2025-12-05")
    assert (cells["Amount"], cells["Fine"], cells["PSID"]) == ("1655", "0", files.psid(1))
    result = parse.parse_paid(rows[0][0], rows[0][1], parse.Context(dt.date(2026, 1, 1)))
    assert (result.values[1:4], list(result.findings)) == (("2025-11-01", "2025-12-05", 1655), [])


def test_a_psid_that_was_a_number_is_mangled(tmp_path: Path) -> None:
    rows = [files.paid_row(i, PSID=psid) for i, psid in enumerate((26770110000000000012, 123456789012345, 2**53), 1)]
    _table, found = read(files.write_xlsx(tmp_path / "p.xlsx", {"Data": [files.PAID_LONG, *rows]}))
    parsed = [parse.parse_paid(line, cells, parse.Context(dt.date(2026, 1, 1))) for line, cells in found]
    assert [result.key for result in parsed] == ["", "123456789012345", ""]
    assert [[finding.code for finding in result.findings] for result in parsed] == [
        ["PSID_MANGLED"],
        [],
        ["PSID_MANGLED"],
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2319211.0, "2319211"),
        (-3.0, "-3"),
        (0.0, "0"),
        (1655.5, "1655.5"),
        (1e-05, "0.000010"),
        (float(2**53 - 1), "9007199254740991"),
        (float(2**53), "9.007199e+15"),
        (True, "TRUE"),
        (dt.date(2025, 11, 1), "2025-11-01"),
        (dt.datetime.fromisoformat("2025-11-01 03:04:59.600"), "2025-11-01 03:05:00"),
        (dt.time(3, 4), "03:04:00"),
    ],
)
def test_cells_as_text(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_header_and_data_may_begin_anywhere(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for column, (name, text) in enumerate(zip(files.AREAS, area(701), strict=True), 4):
        sheet.cell(7, column, name)
        sheet.cell(12, column, text)
    book.save(tmp_path / "a.xlsx")
    table, rows = read(tmp_path / "a.xlsx")
    assert (table.line_of_header, rows) == (7, [(12, area(701))])


def test_formulas(tmp_path: Path) -> None:
    key, other, never, serial = "B", "E", "G", "A"
    xml = f"<worksheet {MAIN}><sheetData>" + row_xml(1, files.PAID_SHORT[:])
    for number in (2, 3, 4, 5):
        texts = [str(cell) for cell in files.short_paid_row(number)]
        xml += row_xml(number, texts)

    def formula(reference: str, value: str) -> str:
        kind = ' t="str"' if value else ""
        return f'<c r="{reference}"{kind}><f>CONCATENATE("a",B1)</f>{value or "<v></v>"}</c>'

    def swap(xml: str, reference: str, value: str) -> str:
        start = xml.index(f'<c r="{reference}"')
        return xml[:start] + formula(reference, value) + xml[xml.index("</c>", start) + 4 :]

    xml = swap(xml, f"{key}2", f"<v>{files.psid(2)}</v>")
    xml = swap(xml, f"{other}3", "<v>Office</v>")
    xml = swap(xml, f"{never}4", "")
    xml = swap(xml, f"{serial}5", "<v></v>")
    table, rows = read(with_sheet(tmp_path / "p.xlsx", xml + "</sheetData></worksheet>"))
    assert [flags(cells) for _line, cells in rows] == [
        [("FORMULA", "PSID")],
        [("FORMULA", "Office")],
        [("FORMULA_NO_VALUE", "Billing Category")],
        [("FORMULA", "Sr#")],
    ]
    assert by_name(table, rows[1][1])["Office"] == "Office"
    parsed = [parse.parse_paid(line, cells, parse.Context(dt.date(2026, 1, 1))) for line, cells in rows]
    assert [result.rejected for result in parsed] == [True, False, False, False]
    assert [[finding.code for finding in result.findings] for result in parsed] == [
        ["FORMULA_IN_KEY"], ["FORMULA"], ["FORMULA_NO_VALUE"], [],
    ]  # fmt: skip


def test_formulas_that_were_never_calculated(tmp_path: Path) -> None:
    # This is what openpyxl writes: the formula without a value.
    rows: list[list[Any]] = [files.AREAS, area(701), [f"=A2+{i}" for i in range(6)]]
    _table, found = read(files.write_xlsx(tmp_path / "a.xlsx", {"Data": rows}))
    assert [line for line, _cells in found] == [2, 3]
    assert flags(found[1][1]) == [("FORMULA_NO_VALUE", column) for column in files.AREAS]


def test_error_values(tmp_path: Path) -> None:
    xml = f"<worksheet {MAIN}><sheetData>" + row_xml(1, files.AREAS) + row_xml(2, area(701))
    start = xml.index('<c r="E2"')
    xml = xml[:start] + '<c r="E2" t="e"><v>#N/A</v></c>' + xml[xml.index("</c>", start) + 4 :]
    _table, rows = read(with_sheet(tmp_path / "a.xlsx", xml + "</sheetData></worksheet>"))
    assert rows[0][1][4] == ""
    assert flags(rows[0][1]) == [("CELL_ERROR", "area_id")]


def test_a_million_formatted_blank_rows_are_no_rows(tmp_path: Path) -> None:
    blanks = "".join(f'<row r="{n}" s="1"><c r="A{n}" s="1"/><c r="B{n}" s="1"/></row>' for n in range(4, 1_000_004))
    xml = f"<worksheet {MAIN}><sheetData>" + row_xml(1, files.AREAS) + row_xml(2, area(701)) + blanks
    path = with_sheet(tmp_path / "a.xlsx", xml + row_xml(1_000_010, area(702)) + "</sheetData></worksheet>")
    _table, rows = read(path)
    assert rows == [(2, area(701)), (1_000_010, area(702))]


def test_rows_without_cells_and_a_value_far_below(tmp_path: Path) -> None:
    blanks = "".join(f'<row r="{n}" ht="15"/>' for n in range(4, 400_000))
    xml = f"<worksheet {MAIN}><sheetData>" + row_xml(1, files.AREAS) + row_xml(2, area(701)) + blanks
    path = with_sheet(tmp_path / "a.xlsx", xml + row_xml(1_048_576, area(702)) + "</sheetData></worksheet>")
    assert read(path)[1] == [(2, area(701)), (1_048_576, area(702))]


def test_writers_that_leave_the_references_out(tmp_path: Path) -> None:
    def plain(texts: list[str]) -> str:
        return "<row>" + "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts) + "</row>"

    rows = "".join(plain(area(700 + i)) for i in range(60_000))
    _table, found = read(
        with_sheet(
            tmp_path / "a.xlsx", f"<worksheet {MAIN}><sheetData>{plain(files.AREAS)}{rows}</sheetData></worksheet>"
        )
    )
    assert len(found) == 60_000
    assert all(cells[4] == str(698 + line) for line, cells in found)


def test_writers_that_put_a_prefix_before_every_element(tmp_path: Path) -> None:
    xml = (
        f"<worksheet {MAIN}><sheetData>" + row_xml(1, files.AREAS) + row_xml(2, area(701)) + "</sheetData></worksheet>"
    )
    prefixed = xml.replace("xmlns=", "xmlns:x=").replace("</", "\0").replace("<", "<x:").replace("\0", "</x:")
    assert read(with_sheet(tmp_path / "a.xlsx", prefixed))[1] == [(2, area(701))]


def test_many_cuts_give_every_row_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 20_000
    path = many_areas(tmp_path / "a.xlsx", count)
    monkeypatch.setattr(xlsx_parts, "BLOCK", 10_000)
    monkeypatch.setattr(xlsx_parts, "CUT", 100_000)
    workbook = xlsx_parts.Workbook(path, 10**9)
    from portal.imports.xlsx_rows import rows

    cuts = list(xlsx_parts.Cuts(xlsx_parts.SheetStream(workbook, workbook.sheets[0])))
    assert len(cuts) > 10
    found = list(rows(workbook, 0, 1, [0, 1, 2, 3, 4, 5]))
    assert found == [(i + 2, area(700 + i), None) for i in range(count)]


def test_shared_strings_of_all_cuts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As Excel itself writes: strings in a part of their own, under a name that calamine does not look for.
    strings = "".join(f"<si><t>{text}</t></si>" for text in [*files.AREAS, "R", "N", "UC & Co"]).replace("&", "&amp;")
    header = "".join(f'<c r="{chr(65 + i)}1" t="s"><v>{i}</v></c>' for i in range(6))
    rows = "".join(
        f'<row r="{n}"><c r="A{n}"><v>7</v></c><c r="B{n}" t="s"><v>6</v></c><c r="C{n}"><v>70</v></c>'
        f'<c r="D{n}" t="s"><v>7</v></c><c r="E{n}"><v>{n}</v></c><c r="F{n}" t="s"><v>8</v></c></row>'
        for n in range(2, 50)
    )
    path = with_sheet(
        tmp_path / "a.xlsx", f'<worksheet {MAIN}><sheetData><row r="1">{header}</row>{rows}</sheetData></worksheet>'
    )
    files.replace_part(path, "xl/sharedStrings.xml", f"<sst {MAIN}>{strings}</sst>".encode())
    relations = openpyxl_relations(path)
    if "sharedStrings" not in relations:
        relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
        added = f'<Relationship Id="rId99" Type="{relation}" Target="sharedStrings.xml"/></Relationships>'
        files.replace_part(path, "xl/_rels/workbook.xml.rels", relations.replace("</Relationships>", added).encode())
    found = read(path)[1]
    assert len(found) == 48
    assert found[0] == (2, ["7", "R", "70", "N", "2", "UC & Co"])


def openpyxl_relations(path: Path) -> str:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        return archive.read("xl/_rels/workbook.xml.rels").decode()


def test_two_data_sheets_are_refused_a_hidden_or_empty_one_is_not(tmp_path: Path) -> None:
    path = files.write_xlsx(
        tmp_path / "p.xlsx",
        {
            "Nov": [files.PAID_LONG, files.paid_row(1)],
            "Oct": [files.PAID_LONG, files.paid_row(2)],
            "New": [files.PAID_LONG],
        },
    )
    with pytest.raises(RefusedFileError, match="“Nov”, “Oct”"):
        read(path)
    book = openpyxl.load_workbook(path)
    book["Oct"].sheet_state = "hidden"
    book.save(path)
    assert read(path)[0].sheet == "Nov"


def test_the_sheet_of_the_kind_asked_for(tmp_path: Path) -> None:
    path = files.write_xlsx(
        tmp_path / "p.xlsx", {"B": [files.BILLER, files.biller_row(1)], "P": [files.PAID_LONG, files.paid_row(1)]}
    )
    assert read(path, "paid")[0].sheet == "P"
    assert read(path, "biller")[0].sheet == "B"


def _children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "portal.imports.xlsx_rows" in child.cmdline()]


def test_the_process_ends_with_the_reading(tmp_path: Path) -> None:
    path = many_areas(tmp_path / "a.xlsx", 20_000)
    with open_table(path, path.name) as table:
        next(table.rows)
        assert len(_children()) == 1
    # Left in the middle, with rows unread.
    assert _children() == []


def test_a_killed_process_refuses_the_file_instead_of_ending_it_early(tmp_path: Path) -> None:
    path = many_areas(tmp_path / "a.xlsx", 100_000)
    with open_table(path, path.name) as table, pytest.raises(RefusedFileError):
        next(table.rows)
        _children()[0].kill()
        for _row in table.rows:
            pass


def test_the_process_needs_neither_flask_nor_database() -> None:
    unwanted = ("flask", "sqlalchemy", "portal.db")
    code = f"import sys, portal.imports.xlsx_rows; print([name for name in {unwanted} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_no_secret_reaches_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "x" * 40)
    path = many_areas(tmp_path / "a.xlsx", 20_000)
    with open_table(path, path.name) as table:
        next(table.rows)
        assert "SECRET_KEY" not in _children()[0].environ()


@pytest.mark.slow
def test_memory_of_the_process_is_bounded(tmp_path: Path, bulk_workbook: Callable[[Path, int], Path]) -> None:
    path = bulk_workbook(tmp_path / "b.xlsx", 100_000)
    peak = 0
    with open_table(path, path.name) as table:
        child = _children()[0]
        for i, _row in enumerate(table.rows):
            if i % 2000 == 0 and child.is_running():
                peak = max(peak, child.memory_info().rss)
    assert i == 99_999
    # A whole sheet in calamine would take 220 MiB, and three times as much for 300,000 rows; the cuts do not grow.
    assert 0 < peak < 180 * 1024 * 1024
    assert isinstance(table, Table)


@pytest.fixture
def bulk_workbook() -> Callable[[Path, int], Path]:
    from rustpy_xlsxwriter import write_worksheet

    def write(path: Path, count: int) -> Path:
        records = [dict(zip(files.BILLER, files.biller_row(i), strict=True)) for i in range(count)]
        write_worksheet(records, str(path), sheet_name="Data")
        return path

    return write

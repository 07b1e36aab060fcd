"""CSV files as tables."""

import csv
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.errors import RefusedFileError
from portal.imports.readers import FlaggedCells, Table, open_table
from tests.imports import portal_files as files

Rows = list[tuple[int, list[str]]]


def read(path: Path, kind: str | None = None) -> tuple[Table, Rows]:
    with open_table(path, path.name, kind) as table:
        return table, list(table.rows)


def flags(cells: list[str]) -> list[str]:
    return [flag.code for flag in cells.flags] if isinstance(cells, FlaggedCells) else []


def text_file(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_bytes("".join(lines).encode(encoding))
    return path


HEADER = ",".join(files.AREAS) + "\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "utf-16"])
def test_the_encodings_of_the_portal(tmp_path: Path, encoding: str) -> None:
    row = files.biller_row(1, Name="محمد بشیر")
    table, rows = read(files.write_csv(tmp_path / "b.csv", files.BILLER, [row], encoding))
    assert (table.kind, table.form, table.encoding, table.file_format) == ("biller", "", encoding, "csv")
    assert rows == [(2, row)]


def test_older_files_are_cp1252(tmp_path: Path) -> None:
    row = files.biller_row(1, Address="Café Road – Block ‘B’")
    table, rows = read(files.write_csv(tmp_path / "b.csv", files.BILLER, [row], "cp1252"))
    assert table.encoding == "cp1252"
    assert rows[0][1] == row


def test_one_bad_byte_does_not_garble_the_urdu_names(tmp_path: Path) -> None:
    path = files.write_csv(
        tmp_path / "b.csv", files.BILLER, [files.biller_row(1, Name="محمد بشیر", Address="Caf#")], "utf-8"
    )
    path.write_bytes(path.read_bytes().replace(b"Caf#", b"Caf\xe9"))
    table, rows = read(path)
    assert table.encoding == "utf-8"
    assert [finding.code for finding in table.notes] == ["ENCODING_DAMAGED"]
    assert "محمد بشیر" in rows[0][1]
    assert "Café" in rows[0][1]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    rows = [files.biller_row(i) for i in (1, 2)]
    table, found = read(files.write_csv(tmp_path / "b.csv", files.BILLER, rows, delimiter=delimiter))
    assert table.delimiter == delimiter
    assert found == [(2, rows[0]), (3, rows[1])]


def test_columns_come_in_canonical_order_and_missing_ones_are_blank(tmp_path: Path) -> None:
    headers = [name for name in reversed(files.BILLER) if name not in {"WMC", "Sr#"}]
    row = files.biller_row(1)
    given_row = [row[files.BILLER.index(name)] for name in headers]
    table, rows = read(files.write_csv(tmp_path / "b.csv", [*headers, "Remarks"], [[*given_row, "x"]]))
    assert rows == [(2, ["", *row[1:4], "", *row[5:]])]
    assert "WMC" not in table.present_columns
    assert "Balance" in table.present_columns
    assert table.ignored_columns == ("Remarks",)


def test_the_survey_column_without_a_header(tmp_path: Path) -> None:
    row = [str(cell) for cell in files.survey_row(1)]
    row[files.SURVEY.index("")] = "gate locked"
    table, rows = read(files.write_csv(tmp_path / "s.csv", files.SURVEY, [row]))
    assert dict(zip(table.columns, rows[0][1], strict=True))["extra_text"] == "gate locked"


def test_title_lines_above_the_header(tmp_path: Path) -> None:
    path = text_file(tmp_path / "a.csv", "sep=,\n", "Area list\n\n", HEADER, "7,R,70,N,701,UC-1\n")
    table, rows = read(path)
    assert table.line_of_header == 4
    assert rows == [(5, ["7", "R", "70", "N", "701", "UC-1"])]


def test_line_numbers_count_physical_lines(tmp_path: Path) -> None:
    path = text_file(
        tmp_path / "a.csv",
        HEADER,
        '7,R,70,N,701,"UC-1, \nChak 1"\r\n',
        "\n",
        '7,R,70,N,702,"UC\n\n2"\n',
        "7,R,70,N,703,UC-3",
    )
    _table, rows = read(path)
    assert [(line, cells[5]) for line, cells in rows] == [(2, "UC-1, \nChak 1"), (5, "UC\n\n2"), (8, "UC-3")]
    assert not any(flags(cells) for _line, cells in rows)


def test_blank_rows_are_no_rows(tmp_path: Path) -> None:
    blanks = [",,,,,\n", "\n", " , ,\t, , ,\n", '"","","","","",""\n'] * 10_000
    path = text_file(tmp_path / "a.csv", HEADER, "7,R,70,N,701,UC-1\n", *blanks, "7,R,70,N,702,UC-2\n", *blanks)
    _table, rows = read(path)
    assert [line for line, _cells in rows] == [2, 40_003]


def test_short_rows_are_padded_and_flagged(tmp_path: Path) -> None:
    _table, rows = read(text_file(tmp_path / "a.csv", HEADER, "7,R,70\n"))
    assert rows == [(2, ["7", "R", "70", "", "", ""])]
    assert flags(rows[0][1]) == ["ROW_TOO_SHORT"]


def test_long_rows_are_flagged_when_something_is_in_the_way(tmp_path: Path) -> None:
    _table, rows = read(text_file(tmp_path / "a.csv", HEADER, "7,R,70,N,701,UC-1,,\n", "7,R,70,N,702,UC-2, Chak 2\n"))
    assert [flags(cells) for _line, cells in rows] == [[], ["ROW_TOO_LONG"]]
    assert rows[0][1] == ["7", "R", "70", "N", "701", "UC-1"]


def test_numbers_kept_as_text_by_a_formula_are_unwrapped(tmp_path: Path) -> None:
    path = text_file(tmp_path / "a.csv", HEADER, '="7",R,"=""70""",N,701,say =\n')
    assert read(path)[1][0][1] == ["7", "R", "70", "N", "701", "say ="]


def test_nul_bytes_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER.encode() + b"7,R\0,70,N,701,UC-1\n" + b"\0" * 300)
    assert read(path)[1] == [(2, ["7", "R", "70", "N", "701", "UC-1"])]


@pytest.mark.parametrize("rows_below", [2, 30_000])
def test_an_unclosed_quotation_mark_swallows_no_rows(tmp_path: Path, rows_below: int) -> None:
    lines = [f"7,R,70,N,{700 + i},UC-{i}\n" for i in range(rows_below)]
    path = text_file(tmp_path / "a.csv", HEADER, '7,R,70,N,699,"UC-0\n', *lines)
    _table, rows = read(path)
    assert [line for line, _cells in rows] == list(range(2, rows_below + 3))
    assert rows[0][1][5] == "UC-0"
    assert flags(rows[0][1]) == ["QUOTE_UNCLOSED"]
    assert rows[-1][1][5] == f"UC-{rows_below - 1}"


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = text_file(tmp_path / "a.csv", HEADER, "7,Rangpur,70,Nilokot,701,UC-1\n" * 60_000)
    tracemalloc.start()
    try:
        with open_table(path, path.name) as table:
            count = sum(1 for _row in table.rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 60_000
    # The file has 1.7 MB; its rows as lists would take 30.
    assert peak < 4_000_000


def test_the_kind_asked_for_must_be_the_kind_found(tmp_path: Path) -> None:
    path = files.write_csv(tmp_path / "b.csv", files.BILLER, [files.biller_row(1)])
    assert read(path, "biller")[0].kind == "biller"
    with pytest.raises(RefusedFileError, match=r"b\.csv does not hold .*paid list.*: biller list"):
        read(path, "paid")


# Control characters make a file binary.
CELLS = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\r\t"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=6, max_size=6), min_size=1, max_size=8), st.sampled_from([",", ";", "\t"]))
def test_whatever_csv_writes_is_read_back(tmp_path_factory, rows: list[list[str]], delimiter: str) -> None:
    # A number kept as text is unwrapped on purpose.
    rows = [[cell.replace('="', "=") for cell in row] for row in rows]
    wanted = [row for row in rows if any(cell.strip() for cell in row)]
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, delimiter=delimiter)
        writer.writerows([files.AREAS, *rows])
    if not wanted:
        with pytest.raises(RefusedFileError, match="not a single row"):
            read(path)
        return
    assert [cells for _line, cells in read(path)[1]] == wanted

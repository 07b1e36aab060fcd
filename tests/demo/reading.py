"""Reading demo files back, naively and whole: what a person with a spreadsheet would see."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook

PSID = re.compile(r"\d{11,20}")
ENCODINGS = ("utf-8-sig", "cp1252")


def csv_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by header."""
    for encoding in ENCODINGS:
        try:
            text = path.read_text(encoding=encoding)
        except UnicodeDecodeError:
            continue
        return list(csv.DictReader(text.splitlines(keepends=True), strict=True))
    raise AssertionError(f"{path.name} has no readable encoding")


def sheet_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a workbook's last sheet, which holds the data."""
    book = CalamineWorkbook.from_path(str(path))
    header, *rows = book.get_sheet_by_name(book.sheet_names[-1]).to_python()
    return [dict(zip(header, row, strict=True)) for row in rows]


def rows_of(path: Path) -> list[dict[str, Any]]:
    return csv_rows(path) if path.suffix == ".csv" else sheet_rows(path)


def rupees(cell: Any) -> int:
    """`"1,655"` and 1655.0 are 1655, `-` is 0."""
    text = str(cell).replace(",", "")
    return 0 if text in {"-", ""} else int(float(text))


def folded(cell: Any) -> str:
    return "".join(filter(str.isalnum, str(cell).casefold()))


def survey_ids(path: Path) -> set[str]:
    """The survey ids of a survey file, whatever its header's spelling."""
    rows = rows_of(path)
    column = next(name for name in rows[0] if folded(name) == "surveyid")
    return {str(int(float(row[column]))) for row in rows if row[column] != ""}

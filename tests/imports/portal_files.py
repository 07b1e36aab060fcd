"""Files in the portal's formats, made on the fly: headers, plain rows, CSV and Excel writers."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import openpyxl

AREAS = ["district_id", "district_name", "tehsil_id", "tehsil_name", "area_id", "area_name"]
SURVEY = [
    "Sr#",
    "Survey ID",
    "Surveyor Name",
    "Survey Timestamp",
    "GPS Coordinates",
    "District",
    "Tehsil",
    "Union Council",
    "UC Type",
    "Image URLs",
    "Area",
    "Address",
    "Water Connection",
    "Cnic Num",
    "Mobile Num",
    "Name",
    "House Type",
    "Type",
    "Level",
    "",
    "Email",
]
BILLER = [
    "Sr#",
    "Monthly Fee",
    "Current Bill",
    "Biller PSID",
    "WMC",
    "Division",
    "District",
    "Tehsil",
    "Office",
    "UC",
    "Name",
    "CNIC",
    "Mobile",
    "Address",
    "Category",
    "Sub Category",
    "Billing Category",
    "Balance",
    "Last Bill Date &Time",
    "Total Payable",
    "Last Bill ID",
    "Status",
    "Survey ID",
]
PAID_LONG = [
    "Sr#",
    "PSID",
    "Month",
    "WMC",
    "Division",
    "District",
    "Tehsil",
    "Office",
    "UC",
    "Billing Category",
    "Amount",
    "Fine",
    "Bill PDF",
    "Channel",
    "Paid Date",
    "Paid Amount",
    "Status",
    "Active",
]
PAID_SHORT = [
    "Sr#",
    "PSID",
    "City",
    "Month",
    "Office",
    "UC",
    "Billing Category",
    "Amount",
    "Fine",
    "Channel",
    "Paid Date",
    "Paid Amount",
    "Active",
]


def psid(number: int) -> str:
    """A PSID of 20 digits."""
    return f"26770{number:015d}"


def area_row(number: int, **values: str) -> list[str]:
    row = ["7", "Rangpur", "70", "Nilokot", str(700 + number), f"Rural - UC-{number}, Chak {number}, Nilokot"]
    return _with(AREAS, row, values)


def survey_row(number: int, **values: Any) -> list[Any]:
    row = [
        number, 2319000 + number, "Ahmed Surveyor", "2025-11-26 15:54:53", "32.2695,72.8979", "Rangpur", "Nilokot",
        "UC-1, Chak 1, Nilokot", "Rural", "https://portal.example/p/1.jpg", "0-5 Marla", "House 4, Street 2", "Yes",
        "38201-1234567-1", "0300 1234567", "Bashir Ahmad", "Pakka", "", "", "", "",
    ]  # fmt: skip
    return _with(SURVEY, row, values)


def biller_row(number: int, **values: str) -> list[str]:
    row = [
        str(number), "200", "0", psid(number), "Rangpur WMC", "Nilaab", "Rangpur", "Nilokot", "Nilokot Office",
        "UC-1, Chak 1, Nilokot", "Bashir Ahmad", "-", "03001234567", "House 4, Street 2", "Rural", "Domestic",
        "0-5 Marla", "0", "25/10/2025 04:45 AM", "1,655", str(880000 + number), "1", str(2319000 + number),
    ]  # fmt: skip
    return _with(BILLER, row, values)


def paid_row(number: int, **values: Any) -> list[Any]:
    row = [
        number, psid(number), "Nov 2025", "Rangpur WMC", "Nilaab", "Rangpur", "Nilokot", "Nilokot Office",
        "UC-1, Chak 1, Nilokot", "Domestic Rural Upto 5 marla", "1,655", "0", "https://portal.example/b/1.pdf", "1Bill",
        "Dec 05, 2025", "1,655", "Paid", "1",
    ]  # fmt: skip
    return _with(PAID_LONG, row, values)


def short_paid_row(number: int, **values: Any) -> list[Any]:
    row = [
        number, psid(number), "Nilokot", "Nov 2025", "Nilokot Office", "UC-1, Chak 1, Nilokot",
        "Domestic Rural Upto 5 marla", "1,655", "0", "1Bill", "Dec 05, 2025", "1,655", "1",
    ]  # fmt: skip
    return _with(PAID_SHORT, row, values)


def _with(headers: Sequence[str], row: list[Any], values: dict[str, Any]) -> list[Any]:
    """The row with some columns set by name (blanks and signs left out: psid_text is not a column, PSID is)."""
    names = {"".join(filter(str.isalnum, header)).casefold(): i for i, header in enumerate(headers)}
    for name, value in values.items():
        row[names[name.replace("_", "").casefold()]] = value
    return row


def write_csv(
    path: Path,
    headers: Sequence[str],
    rows: Iterable[Sequence[Any]],
    encoding: str = "utf-8-sig",
    delimiter: str = ",",
) -> Path:
    """A CSV file as the portal writes it."""
    with path.open("w", encoding=encoding, newline="") as handle:
        writer = csv.writer(handle, delimiter=delimiter)
        writer.writerow(headers)
        writer.writerows(rows)
    return path


def write_xlsx(path: Path, sheets: dict[str, Sequence[Sequence[Any]]]) -> Path:
    """A workbook of these sheets, each a list of rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def replace_part(path: Path, part: str, data: bytes) -> Path:
    """The same archive with one part's content replaced, for workbooks that no library writes."""
    with zipfile.ZipFile(path) as old:
        parts = {info.filename: old.read(info) for info in old.infolist()}
    parts[part] = data
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name, content in parts.items():
            new.writestr(name, content)
    path.write_bytes(buffer.getvalue())
    return path

"""The demo's files look like the portal's: headers, cells, faults; and the same seed gives the same files."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from portal.demo import economics
from portal.demo.biller_file import HEADER as BILLER_HEADER
from portal.demo.generate import MANIFEST, DemoOptions, generate
from portal.demo.paid_file import LONG_HEADER, SHORT_HEADER
from portal.demo.survey_file import HEADER as SURVEY_HEADER
from tests.demo.reading import PSID, csv_rows, folded, rows_of, rupees, sheet_rows, survey_ids

OPTIONS = DemoOptions(units=2_400, months=4, seed=5, today=dt.date(2025, 12, 5))
MONTHS = ("Aug2025", "Sep2025", "Oct2025", "Nov2025")
HEADERS = {
    "survey": "Sr#,Survey ID,Surveyor Name,Survey Timestamp,GPS Coordinates,District,Tehsil,Union Council,UC Type,"
    "Image URLs,Area,Address,Water Connection,Cnic Num,Mobile Num,Name,House Type,Type,Level,,Email",
    "biller": "Sr#,Monthly Fee,Current Bill,Biller PSID,WMC,Division,District,Tehsil,Office,UC,Name,CNIC,Mobile,"
    "Address,Category,Sub Category,Billing Category,Balance,Last Bill Date &Time,Total Payable,Last Bill ID,Status,"
    "Survey ID",
    "paid": "Sr#,PSID,Month,WMC,Division,District,Tehsil,Office,UC,Billing Category,Amount,Fine,Bill PDF,Channel,"
    "Paid Date,Paid Amount,Status,Active",
    "short": "Sr#,PSID,City,Month,Office,UC,Billing Category,Amount,Fine,Channel,Paid Date,Paid Amount,Active",
}


def quiet(_line: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    generate(folder, OPTIONS, quiet)
    return folder


@pytest.fixture(scope="module")
def manifest(files: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files / MANIFEST).read_text(encoding="utf-8"))
    return found


def named(files: Path, prefix: str) -> list[Path]:
    found = sorted(files.glob(f"{prefix}*"))
    assert found, f"no file {prefix}*"
    return found


def test_headers_are_the_portals() -> None:
    assert ",".join(SURVEY_HEADER) == HEADERS["survey"]
    assert ",".join(BILLER_HEADER) == HEADERS["biller"]
    assert ",".join(LONG_HEADER) == HEADERS["paid"]
    assert ",".join(SHORT_HEADER) == HEADERS["short"]


def test_a_set_has_every_kind_of_file(files: Path) -> None:
    names = {path.name for path in files.iterdir()}
    for tehsil in ("Northgate", "Eastmarket", "Westbrook"):
        assert f"01_Survey_{tehsil}.xlsx" in names
        assert {f"02_Biller_{tehsil}_{month}.csv" for month in MONTHS} <= names
        assert any(name.startswith(f"03_Paid_{tehsil}_2025-12-05") for name in names)
    assert {Path(name).suffix for name in names if name.startswith("03_")} == {".csv", ".xlsx"}


def test_the_same_seed_gives_the_same_files(files: Path, tmp_path: Path) -> None:
    generate(tmp_path, OPTIONS, quiet)
    assert {path.name for path in files.iterdir()} == {path.name for path in tmp_path.iterdir()}
    for path in files.iterdir():
        again = tmp_path / path.name
        if path.suffix == ".xlsx":
            book, other = CalamineWorkbook.from_path(str(path)), CalamineWorkbook.from_path(str(again))
            assert book.sheet_names == other.sheet_names
            for sheet in book.sheet_names:
                assert book.get_sheet_by_name(sheet).to_python() == other.get_sheet_by_name(sheet).to_python()
        else:
            assert path.read_bytes() == again.read_bytes(), path.name


def test_another_seed_gives_other_people(files: Path, tmp_path: Path) -> None:
    generate(tmp_path, DemoOptions(2_400, 4, 6, OPTIONS.today), quiet)
    name = "02_Biller_Northgate_Nov2025.csv"
    people = [{row["Name"] + row["Address"] for row in csv_rows(folder / name)} for folder in (files, tmp_path)]
    assert len(people[0] & people[1]) < len(people[0]) / 5


def test_area_list_has_its_oddities(files: Path) -> None:
    rows = csv_rows(files / "00_Areas.csv")
    assert list(rows[0]) == ["district_id", "district_name", "tehsil_id", "tehsil_name", "area_id", "area_name"]
    assert any("\n" in row["area_name"] for row in rows)
    assert all(row["area_name"].startswith(("Urban - ", "Rural - ")) for row in rows)
    ids = Counter(row["area_id"] for row in rows)
    assert list(ids.values()).count(2) == 1
    bare = Counter((row["tehsil_id"], folded(row["area_name"][8:])) for row in rows if ids[row["area_id"]] == 1)
    assert 2 in bare.values(), "no name stands for two areas"
    assert {row["tehsil_name"] for row in rows} & {row["district_name"] for row in rows}


def test_places_are_spelled_differently_but_meet(files: Path) -> None:
    listed = {folded(re.sub(r"^(Urban|Rural) - ", "", row["area_name"])) for row in csv_rows(files / "00_Areas.csv")}
    spelled: set[str] = set()
    for path, column in [(path, "UC") for path in (*named(files, "02_"), *named(files, "03_"))] + [
        (path, "Union Council") for path in named(files, "01_")
    ]:
        spelled |= {str(row[column]) for row in rows_of(path)}
    unknown = {name for name in spelled if folded(re.sub(r"^(Urban|Rural) - ", "", name)) not in listed}
    assert "-" in unknown
    assert 3 <= len(unknown) <= 1 + 6, f"the dash and at most two unknown names a tehsil: {unknown}"
    assert any(name != name.strip() for name in spelled)
    assert any(name == name.upper() and not name.startswith("-") for name in spelled)


def test_biller_rows_have_the_portals_cells(files: Path) -> None:
    for path in named(files, "02_"):
        rows = csv_rows(path)
        assert list(rows[0]) == list(BILLER_HEADER)
        assert [int(row["Sr#"]) for row in rows] == list(range(1, len(rows) + 1))
        for row in rows:
            assert PSID.fullmatch(row["Biller PSID"]) or re.fullmatch(r"\d\.\d{5}E\+\d\d", row["Biller PSID"])
            assert re.fullmatch(r"-|\d{1,3}(,\d{3})*", row["Total Payable"])
            assert re.fullmatch(r"-|\d{1,3}(,\d{3})*", row["Monthly Fee"])
            assert re.fullmatch(r"-|\d\d/\d\d/\d{4} (0\d|1[0-2]):[0-5]\d [AP]M", row["Last Bill Date &Time"])
            assert (row["Last Bill ID"] == "-") == (row["Last Bill Date &Time"] == "-")
            assert row["Category"] in {"Urban", "Rural"} and row["Sub Category"] in {"Domestic", "Commercial"}
            assert row["Status"] in {"0", "1"} and row["Balance"] in {"0", "-"} and row["Current Bill"] in {"0", "-"}
        assert any("," in row["Total Payable"] for row in rows)
        assert {"0", "1"} == {row["Status"] for row in rows} or path.name.endswith("Aug2025.csv")


def test_biller_encodings(files: Path) -> None:
    raw = {path.name: path.read_bytes() for path in named(files, "02_")}
    old = raw.pop("02_Biller_Westbrook_Aug2025.csv")
    with pytest.raises(UnicodeDecodeError):
        old.decode("utf-8")
    assert "???" in old.decode("cp1252")
    for name, content in raw.items():
        assert content.startswith(b"\xef\xbb\xbf"), name
        content.decode("utf-8")


def test_last_bills_are_repeated_in_the_next_file(files: Path) -> None:
    shares = {}
    for tehsil in ("Northgate", "Eastmarket"):
        before, after = (
            {row["Biller PSID"]: row["Last Bill ID"] for row in csv_rows(files / f"02_Biller_{tehsil}_{month}.csv")}
            for month in ("Oct2025", "Nov2025")
        )
        both = [psid for psid in before if psid in after]
        shares[tehsil] = sum(before[psid] == after[psid] for psid in both) / len(both)
    assert 0.45 < shares["Northgate"] < 0.65
    assert 0.10 < shares["Eastmarket"] < 0.30


def test_bill_ids_stand_for_one_account_and_issue(files: Path) -> None:
    owners: dict[str, tuple[str, str]] = {}
    for path in named(files, "02_"):
        for row in csv_rows(path):
            if row["Last Bill ID"] != "-" and PSID.fullmatch(row["Biller PSID"]):
                owner = (row["Biller PSID"], row["Last Bill Date &Time"])
                assert owners.setdefault(row["Last Bill ID"], owner) == owner


def test_corrected_bills_replace_others_of_the_same_month(files: Path) -> None:
    (again,) = (path for path in named(files, "02_") if re.search(r"\d{4}-\d\d-\d\d", path.name))
    month = again.name.rsplit("_", 1)[0] + ".csv"
    first = {row["Biller PSID"]: row["Last Bill ID"] for row in csv_rows(files / month)}
    second = {row["Biller PSID"]: row["Last Bill ID"] for row in csv_rows(again)}
    replaced = [psid for psid, bill in second.items() if psid in first and first[psid] != bill]
    assert 0.005 < len(replaced) / len(second) < 0.06


def test_payable_follows_the_surcharge_rule() -> None:
    owed = 0
    for expected in (500, 1_050, 1_655):
        owed += 500
        assert owed == expected
        owed += economics.surcharge(owed)
    assert economics.surcharge(335) == 34, "half up"


def test_survey_cells(files: Path) -> None:
    headers = set()
    for path in named(files, "01_"):
        rows = rows_of(path)
        headers.add(tuple(rows[0]))
        assert sorted(folded(name) for name in rows[0]) == sorted(folded(name) for name in SURVEY_HEADER)
        stamps = [row["Survey Timestamp"] for row in rows]
        assert 0.25 < stamps.count("") / len(stamps) < 0.42
        assert all(re.fullmatch(r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", stamp) for stamp in stamps)
        assert {"null", "0,0"} <= {row["GPS Coordinates"] for row in rows}
        assert any(",-7" in row["GPS Coordinates"] for row in rows)
    assert len(headers) == 3, "columns come in varying order"
    rows = sheet_rows(files / "01_Survey_Northgate.xlsx")
    assert {type(row["Survey ID"]) for row in rows if row["Survey ID"] != ""} == {float}
    domestic = [row for row in rows if row["House Type"]]
    assert all(row["Area"] and not row["Type"] and not row["Level"] for row in domestic)
    assert all(row["Type"] and row["Level"] for row in rows if not row["House Type"])
    assert {"0-5", "0-5 Marla"} <= {row["Area"] for row in domestic}
    assert {0, 1} < {row["Image URLs"].count("https://") for row in rows}


def test_the_later_survey_brings_what_was_missing(files: Path) -> None:
    (late,) = (path for path in named(files, "01_") if path.suffix == ".csv")
    ids = [survey_ids(files / "01_Survey_Northgate.xlsx"), survey_ids(late)]
    assert ids[0] < ids[1]
    billed = {row["Survey ID"] for row in csv_rows(files / "02_Biller_Northgate_Nov2025.csv")}
    assert (ids[1] - ids[0]) & billed
    assert billed - ids[1], "some stay unknown"


def test_paid_cells_and_sheets(files: Path) -> None:
    books = [path for path in named(files, "03_") if path.suffix == ".xlsx"]
    for path in books:
        names = CalamineWorkbook.from_path(str(path)).sheet_names
        assert names[-1] == "Paid List" and len(names) > 1, "the data sheet is not the first"
        rows = sheet_rows(path)
        months = {type(row["Month"]) for row in rows}
        assert months == {str, dt.date}
        for row in rows:
            assert isinstance(row["Amount"], float) and isinstance(row["Paid Amount"], float)
            assert re.fullmatch(r"-|[A-Z][a-z]{2} \d\d, \d{4}", row["Paid Date"])
            assert isinstance(row["PSID"], float) or PSID.fullmatch(row["PSID"])
            assert re.fullmatch(r"(Domestic|Commercial) (Urban|Rural) .+", row["Billing Category"])
    short = [path for path in named(files, "03_") if "City" in rows_of(path)[0]]
    assert {path.suffix for path in short} == {".csv", ".xlsx"}
    assert any("," in row["Amount"] for path in named(files, "03_") if path.suffix == ".csv" for row in csv_rows(path))


def test_late_payers_pay_the_fine(files: Path) -> None:
    rows = [row for path in named(files, "03_") for row in rows_of(path)]
    ways = Counter(
        "with fine" if rupees(row["Paid Amount"]) == rupees(row["Amount"]) + rupees(row["Fine"]) else
        "in time" if rupees(row["Paid Amount"]) == rupees(row["Amount"]) else "in part"
        for row in rows
    )  # fmt: skip
    assert ways["in time"] > ways["with fine"] > ways["in part"] > 0
    assert all(rupees(row["Fine"]) == economics.surcharge(rupees(row["Amount"])) for row in rows)


def test_each_history_contains_the_one_before(files: Path) -> None:
    by_tehsil: dict[str, list[set[tuple[Any, ...]]]] = {}
    for path in named(files, "03_"):
        keys = {
            (row["PSID"], row["Paid Date"], rupees(row["Paid Amount"]), folded(row["Channel"]))
            for row in rows_of(path)
            if PSID.fullmatch(str(row["PSID"])) and row["Paid Date"] != "-"
        }
        by_tehsil.setdefault(path.name.split("_")[2], []).append(keys)
    for histories in by_tehsil.values():
        for earlier, later in pairwise(histories):
            missing = earlier - later
            assert len(missing) <= max(3, len(earlier) // 100), "only rows ruined in the later file may be missing"
            assert len(later) > len(earlier)


def test_channels_are_spelled_in_two_ways(files: Path) -> None:
    spelled: dict[str, set[str]] = {}
    for path in named(files, "03_"):
        for row in rows_of(path):
            spelled.setdefault(folded(row["Channel"]), set()).add(row["Channel"])
    assert set(spelled) == {"1bill", "bopotc", "otccash", "jazzcash", "easypaisa"}
    assert spelled["otccash"] == {"OTC/Cash", "OTC / Cash"}


def test_nobody_real_is_meant(files: Path) -> None:
    for path in (*named(files, "01_"), *named(files, "02_")):
        for row in rows_of(path):
            digits = re.sub(r"\D", "", row.get("Mobile", row.get("Mobile Num", "")))
            assert len(digits) < 11 or re.match(r"(0|92)39", digits)
            cnic = re.sub(r"\D", "", next(str(row[name]) for name in row if folded(name) in {"cnic", "cnicnum"}))
            assert len(cnic) != 13 or cnic.startswith("99")
    links = {
        word.split("/")[2]
        for path in (*named(files, "01_"), *named(files, "03_"))
        for row in rows_of(path)
        for cell in row.values()
        for word in str(cell).split(",")
        if word.startswith("https://")
    }
    assert links and all(link.endswith(".example.invalid") for link in links)


def test_faults_come_at_realistic_rates(files: Path) -> None:
    rows = [row for tehsil in ("Northgate", "Eastmarket", "Westbrook")
            for row in csv_rows(files / f"02_Biller_{tehsil}_Nov2025.csv")]  # fmt: skip
    surveyed = set().union(*(survey_ids(path) for path in named(files, "01_")))
    psids: dict[str, set[str]] = {}
    for row in rows:
        if PSID.fullmatch(row["Biller PSID"]):
            psids.setdefault(row["Survey ID"], set()).add(row["Biller PSID"])
    total = len(rows)
    second = sum(len(found) == 2 for found in psids.values())
    unknown = len([survey_id for survey_id in psids if survey_id not in surveyed])
    urdu = sum(not row["Name"].isascii() for row in rows)
    assert 0.004 < second / total < 0.02
    assert 0.004 < unknown / total < 0.02
    assert 0.2 < urdu / total < 0.4
    assert 0.002 < sum(row["UC"] == "-" for row in rows) / total < 0.02
    assert 0.02 < sum(row["Last Bill ID"] == "-" for row in rows) / total < 0.2, "listed, not billed"
    paid = [row for path in named(files, "03_") if "2025-12-05" in path.name for row in rows_of(path)]
    listed = {row["Biller PSID"] for path in named(files, "02_") for row in csv_rows(path)}
    ghosts = [row for row in paid if PSID.fullmatch(str(row["PSID"])) and row["PSID"] not in listed]
    assert 0.002 < len(ghosts) / len(paid) < 0.05


def test_the_manifest_agrees_with_the_files(files: Path, manifest: dict[str, Any]) -> None:
    check_manifest(files, manifest)


def test_large_tehsils_get_csv_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.demo.generate.WORKBOOK_UNITS", 100)
    manifest = generate(tmp_path, DemoOptions(400, 3, 2, OPTIONS.today), quiet)
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".json"}
    check_manifest(tmp_path, manifest)


def check_manifest(files: Path, manifest: dict[str, Any]) -> None:
    """Count again, from the files alone, by the rules of the importers."""
    assert [entry["file"] for entry in manifest["files"]][:1] == ["00_Areas.csv"]
    assert {entry["file"] for entry in manifest["files"]} == {p.name for p in files.iterdir()} - {MANIFEST}
    for entry in manifest["files"]:
        rows = rows_of(files / entry["file"])
        assert entry["rows"] == len(rows)
        counted = entry["inserted"] + entry["updated"] + entry["unchanged"] + entry["duplicates"] + entry["rejected"]
        assert counted == entry["rows"] and entry["pending"] <= counted
        good, keys = _good_rows(entry["kind"], rows)
        assert entry["rejected"] == len(rows) - len(good), entry["file"]
        assert entry["duplicates"] == len(good) - len(set(keys)), entry["file"]
        last = dict(zip(keys, good, strict=True)).values()
        if entry["kind"] == "biller":
            assert entry["totals"] == {
                "accounts": len(last),
                "bills": sum(row["Last Bill ID"] != "-" for row in last),
                "monthly_fee": sum(rupees(row["Monthly Fee"]) for row in last),
                "amount_payable": sum(rupees(row["Total Payable"]) for row in last),
            }
        elif entry["kind"] == "paid":
            paid = sum(rupees(row["Paid Amount"]) for row in last)
            assert entry["totals"] == {"payments": len(last), "paid_amount": paid}


def _good_rows(kind: str, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[tuple[Any, ...]]]:
    """The rows with a readable key, and their keys."""
    if kind == "areas":
        return rows, [(row["area_id"],) for row in rows]
    if kind == "survey":
        column = next(name for name in rows[0] if folded(name) == "surveyid")
        good = [row for row in rows if row[column] not in {"", None}]
        return good, [(row[column],) for row in good]
    if kind == "biller":
        good = [row for row in rows if PSID.fullmatch(row["Biller PSID"])]
        return good, [(row["Biller PSID"],) for row in good]
    good = [row for row in rows if PSID.fullmatch(str(row["PSID"])) and row["Paid Date"] != "-"]
    return good, [
        (row["PSID"], _month(row["Month"]), row["Paid Date"], rupees(row["Paid Amount"]), row["Channel"])
        for row in good
    ]


def _month(cell: Any) -> str:
    if isinstance(cell, dt.date):
        return f"{cell:%Y-%m}"
    return str(cell)[:7] if "-" in str(cell) else dt.datetime.strptime(str(cell), "%b %Y").strftime("%Y-%m")


def test_collected_money_is_each_payment_once(files: Path, manifest: dict[str, Any]) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    for path in named(files, "03_"):
        good, keys = _good_rows("paid", rows_of(path))
        for row, (psid, month, day, paid, channel) in zip(good, keys, strict=True):
            seen[psid, month, day, paid, folded(channel)] = rupees(row["Paid Amount"])
    expected = manifest["expected"]
    assert sum(seen.values()) == expected["collected"] == expected["posted"] + expected["unmatched"]
    assert len(seen) == expected["payments"]
    by_day = Counter[str]()
    for (_psid, _month_paid, day, _paid, _channel), amount in seen.items():
        by_day[dt.datetime.strptime(day, "%b %d, %Y").date().isoformat()] += amount
    days = expected["collected_by_day"]
    assert by_day == {day: found.get("posted", 0) + found.get("unmatched", 0) for day, found in days.items()}


def test_figures_are_plausible(manifest: dict[str, Any]) -> None:
    months = manifest["expected"]["months"]
    assert {"2025-08", "2025-09", "2025-10", "2025-11"} <= set(months)
    for name in ("2025-08", "2025-09", "2025-10"):
        assert 0.2 < months[name]["paid_bills"] / months[name]["live_bills"] < 0.5
    current = months["2025-11"]
    assert 0.05 < current["paid_bills"] / current["live_bills"] < 0.3, "the cycle is not over"
    for month in months.values():
        for key in ("live_bills", "monthly_fee", "demand", "paid_bills", "received", "cancelled"):
            assert month[key] == sum(part[key] for part in month["by_tehsil"].values())


def test_nothing_happens_after_the_last_day(files: Path) -> None:
    last = OPTIONS.today
    for path in named(files, "02_"):
        for row in csv_rows(path):
            if row["Last Bill Date &Time"] != "-":
                assert dt.datetime.strptime(row["Last Bill Date &Time"], "%d/%m/%Y %I:%M %p").date() <= last
    for path in named(files, "03_"):
        for row in rows_of(path):
            if row["Paid Date"] != "-":
                assert dt.datetime.strptime(row["Paid Date"], "%b %d, %Y").date() <= last


@pytest.mark.parametrize(("units", "months", "today"), [(10, 1, dt.date(2025, 11, 16)), (40, 2, dt.date(2026, 3, 15))])
def test_small_sets_on_odd_days(tmp_path: Path, units: int, months: int, today: dt.date) -> None:
    manifest = generate(tmp_path, DemoOptions(units, months, 1, today), quiet)
    for entry in manifest["files"]:
        rows = rows_of(tmp_path / entry["file"]) if entry["rows"] else []
        assert len(rows) == entry["rows"]
    with (tmp_path / "00_Areas.csv").open(newline="") as handle:
        assert len(list(csv.reader(handle))) > 30

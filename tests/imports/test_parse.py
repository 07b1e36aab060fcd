"""Rows of the four kinds of file: values, findings, and which rows are rejected."""

import datetime as dt
from typing import Any

import pytest

from portal.imports import layouts, parse
from portal.imports.findings import FINDINGS
from portal.imports.tables import Flag, flagged
from tests.imports import portal_files as files

TODAY = dt.date(2026, 3, 10)
CONTEXT = parse.Context(TODAY, 16)


def canonical(kind: str, headers: list[str], row: list[Any]) -> list[str]:
    """The row as the readers hand it on: text, in the canonical order."""
    header = layouts.match_header(headers)
    assert header is not None
    assert header.kind == kind
    return [str(row[position]) if position >= 0 else "" for position in header.positions]


def parsed(kind: str, headers: list[str], row: list[Any]) -> tuple[dict[str, Any], parse.Parsed]:
    result = parse.PARSERS[kind](7, canonical(kind, headers, row), CONTEXT)
    return dict(zip(parse.COLUMNS[kind], result.values, strict=True)), result


def survey(**values: Any) -> tuple[dict[str, Any], parse.Parsed]:
    return parsed("survey", files.SURVEY, files.survey_row(1, **values))


def biller(**values: str) -> tuple[dict[str, Any], parse.Parsed]:
    return parsed("biller", files.BILLER, files.biller_row(1, **values))


def paid(**values: str) -> tuple[dict[str, Any], parse.Parsed]:
    return parsed("paid", files.PAID_LONG, files.paid_row(1, **values))


def codes(result: parse.Parsed) -> list[str]:
    for finding in result.findings:
        assert finding.severity == FINDINGS[finding.code].severity
        assert finding.column == "" or finding.column in {c for columns in layouts.COLUMNS.values() for c in columns}
    return [finding.code for finding in result.findings]


def test_area_row() -> None:
    values, result = parsed("areas", files.AREAS, files.area_row(3))
    assert values == {
        "district_id": "7",
        "district_name": "Rangpur",
        "tehsil_id": "70",
        "tehsil_name": "Nilokot",
        "area_id": "703",
        "area_name": "Rural - UC-3, Chak 3, Nilokot",
        "name": "UC-3, Chak 3, Nilokot",
        "uc_type": "RURAL",
        "match_key": "uc3chak3nilokot",
    }
    assert (result.key, codes(result), result.rejected) == ("703", [], False)


def test_area_rows_without_ids_or_names_are_rejected() -> None:
    for values, code in (
        ({"area_id": "x"}, "AREA_ID_UNREADABLE"),
        ({"tehsil_id": ""}, "AREA_ID_UNREADABLE"),
        ({"district_name": "-"}, "AREA_NAME_MISSING"),
        ({"area_name": ""}, "AREA_NAME_MISSING"),
    ):
        _values, result = parsed("areas", files.AREAS, files.area_row(3, **values))
        assert codes(result) == [code]
        assert result.rejected


def test_area_that_is_only_a_prefix_is_kept() -> None:
    values, result = parsed("areas", files.AREAS, files.area_row(3, area_name="Rural - "))
    assert not result.rejected
    assert (values["name"], values["match_key"], values["uc_type"]) == ("Rural", "rural", "RURAL")


def test_survey_row() -> None:
    values, result = survey(House_Type="Pakka", Email="b@example.org")
    assert values == {
        "survey_id": "2319001",
        "consumer_name": "Bashir Ahmad",
        "mobile": "03001234567",
        "mobile_text": None,
        "cnic": "3820112345671",
        "cnic_text": None,
        "address": "House 4, Street 2",
        "email": "b@example.org",
        "division": "",
        "district": "Rangpur",
        "tehsil": "Nilokot",
        "uc_name": "UC-1, Chak 1, Nilokot",
        "uc_type": "RURAL",
        "district_key": "rangpur",
        "tehsil_key": "nilokot",
        "name_key": "uc1chak1nilokot",
        "use": "DOMESTIC",
        "business_type": None,
        "size_band": "M0_5",
        "size_text": None,
        "house_type": "Pakka",
        "water_connection": "Yes",
        "gps_text": None,
        "gps_lat": 32.2695,
        "gps_lon": 72.8979,
        "image_urls": ["https://portal.example/p/1.jpg"],
        "surveyor_name": "Ahmed Surveyor",
        "surveyed_at": "2025-11-26T15:54:53+05:00",
        "extra_text": None,
    }
    assert (result.key, codes(result), result.rejected) == ("2319001", [], False)


@pytest.mark.parametrize(
    ("cells", "expected", "found"),
    [
        ({"Area": "Below 5 Kanal"}, ("DOMESTIC", "M40_PLUS", None), []),
        ({"Area": "-"}, ("DOMESTIC", None, None), []),
        ({"Area": "vast"}, ("DOMESTIC", None, "vast"), ["SIZE_UNREADABLE"]),
        ({"House Type": "", "Type": "Shops", "Level": "Small"}, ("COMMERCIAL", "SMALL", None), []),
        ({"House Type": "", "Type": "Shops", "Level": "Small", "Area": "5-10"}, ("COMMERCIAL", "SMALL", None), []),
        ({"House Type": "", "Type": "Shops"}, ("COMMERCIAL", None, "0-5 Marla"), []),
        (
            {"House Type": "", "Type": "Shops", "Area": "", "Level": "Tiny"},
            ("COMMERCIAL", None, "Tiny"),
            ["SIZE_UNREADABLE"],
        ),
        ({"House Type": "", "Level": "Large"}, ("COMMERCIAL", "LARGE", None), []),
        ({"House Type": ""}, ("DOMESTIC", "M0_5", None), []),
        ({"House Type": "", "Area": ""}, (None, None, None), ["USE_UNREADABLE"]),
        ({"Type": "Shops", "Level": "Medium"}, ("COMMERCIAL", "MEDIUM", None), ["USE_CONFLICT"]),
        ({"Type": "Shops"}, ("DOMESTIC", "M0_5", None), ["USE_CONFLICT"]),
    ],
)
def test_use_and_size_of_a_survey(cells: dict[str, str], expected: tuple[str | None, ...], found: list[str]) -> None:
    values, result = survey(**{name.replace(" ", "_"): text for name, text in cells.items()})
    assert (values["use"], values["size_band"], values["size_text"]) == expected
    assert codes(result) == found


def test_odd_survey_values_are_kept_and_flagged() -> None:
    values, result = survey(
        Cnic_Num="n/k",
        Mobile_Num="no mobile",
        GPS_Coordinates="32.2695,-72.8979",
        Survey_Timestamp="2027-01-01 00:00:00",
        UC_Type="semi",
        Union_Council="-",
        Image_URLs="none",
        Name="محمد بشیر",
    )
    assert not result.rejected
    assert codes(result) == [
        "MOBILE_UNREADABLE",
        "CNIC_UNREADABLE",
        "GPS_OUTSIDE",
        "IMAGE_URL_UNREADABLE",
        "SURVEYED_AT_IN_FUTURE",
        "UC_TYPE_UNREADABLE",
    ]
    assert (values["cnic"], values["cnic_text"]) == (None, "n/k")
    assert (values["mobile"], values["mobile_text"]) == (None, "no mobile")
    assert (values["gps_lat"], values["gps_lon"], values["gps_text"]) == (None, None, "32.2695,-72.8979")
    assert (values["surveyed_at"], values["uc_type"], values["uc_name"], values["name_key"]) == (None, None, "", "")
    assert values["consumer_name"] == "محمد بشیر"


@pytest.mark.parametrize(("text", "code"), [("", "SURVEY_ID_MISSING"), ("A-17", "SURVEY_ID_UNREADABLE")])
def test_survey_without_id_is_rejected(text: str, code: str) -> None:
    _values, result = survey(Survey_ID=text)
    assert (codes(result), result.rejected, result.key) == ([code], True, "")


def test_urban_or_rural_comes_from_the_prefix_when_its_column_is_blank() -> None:
    values, result = survey(UC_Type="", Union_Council="Urban - MC-3")
    assert (values["uc_type"], values["name_key"], codes(result)) == ("URBAN", "mc3", [])


def test_biller_row() -> None:
    values, result = biller()
    assert values == {
        "psid": files.psid(1),
        "survey_id": "2319001",
        "consumer_name": "Bashir Ahmad",
        "mobile": "03001234567",
        "mobile_text": None,
        "cnic": None,
        "cnic_text": None,
        "address": "House 4, Street 2",
        "wmc": "Rangpur WMC",
        "office": "Nilokot Office",
        "division": "Nilaab",
        "district": "Rangpur",
        "tehsil": "Nilokot",
        "uc_name": "UC-1, Chak 1, Nilokot",
        "uc_type": "RURAL",
        "division_key": "nilaab",
        "district_key": "rangpur",
        "tehsil_key": "nilokot",
        "name_key": "uc1chak1nilokot",
        "use": "DOMESTIC",
        "size_band": "M0_5",
        "size_text": None,
        "monthly_fee": 200,
        "total_payable": 1655,
        "portal_balance": "0",
        "portal_current_bill": "0",
        "is_active": True,
        "portal_bill_id": "880001",
        "issued_at": "2025-10-25T04:45:00+05:00",
    }
    assert (result.key, codes(result), result.rejected) == (files.psid(1), [], False)


def test_dashes_mean_no_value_in_any_column() -> None:
    row = ["-"] * len(files.BILLER)
    row[files.BILLER.index("Biller PSID")] = files.psid(1)
    values, result = parsed("biller", files.BILLER, row)
    assert codes(result) == []
    assert values["psid"] == files.psid(1)
    texts = {"division", "district", "tehsil", "uc_name", "division_key", "district_key", "tehsil_key", "name_key"}
    assert {name for name, value in values.items() if value == ""} == texts
    assert all(value is None for name, value in values.items() if name not in texts | {"psid"})


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "PSID_MISSING"), ("2.67701E+19", "PSID_MANGLED"), ("123", "PSID_UNREADABLE")],
)
def test_biller_row_without_readable_psid_is_rejected(text: str, code: str) -> None:
    _values, result = biller(Biller_PSID=text)
    assert (codes(result), result.rejected) == ([code], True)
    assert result.findings[0].column == "Biller PSID"
    assert result.findings[0].value == text


@pytest.mark.parametrize(
    ("issued", "bill_id", "found"),
    [
        ("-", "-", []),
        ("25/10/2025 04:45 AM", "-", ["ISSUED_WITHOUT_BILL_ID"]),
        ("-", "880001", ["BILL_ID_WITHOUT_ISSUED"]),
        ("10/25/2025 04:45 AM", "880001", ["ISSUED_UNREADABLE"]),
        ("11/03/2026 04:45 AM", "880001", ["ISSUED_IN_FUTURE"]),
        ("25/10/2025 04:45 AM", "8.8E+15", ["BILL_ID_UNREADABLE"]),
    ],
)
def test_no_bill_without_both_issue_date_and_id(issued: str, bill_id: str, found: list[str]) -> None:
    values, result = biller(Last_Bill_Date_Time=issued, Last_Bill_ID=bill_id)
    assert (values["portal_bill_id"], values["issued_at"]) == (None, None)
    assert (codes(result), result.rejected) == (found, False)


def test_odd_biller_values_are_kept_and_flagged() -> None:
    values, result = biller(
        Monthly_Fee="two hundred",
        Total_Payable="1,655.50",
        Survey_ID="n.a.",
        Billing_Category="Small",
        Status="7",
        Sub_Category="Domestic",
        UC="-",
    )
    assert sorted(codes(result)) == [
        "ACCOUNT_SURVEY_ID_UNREADABLE",
        "AMOUNT_ROUNDED",
        "AMOUNT_UNREADABLE",
        "STATUS_UNREADABLE",
        "USE_CONFLICT",
    ]
    assert not result.rejected
    assert (values["monthly_fee"], values["total_payable"], values["survey_id"]) == (None, 1656, None)
    assert (values["use"], values["size_band"], values["is_active"], values["uc_name"]) == (
        "DOMESTIC",
        "SMALL",
        None,
        "",
    )


def test_paid_row() -> None:
    values, result = paid()
    assert values == {
        "psid": files.psid(1),
        "month": "2025-11-01",
        "paid_on": "2025-12-05",
        "paid_amount": 1655,
        "channel": "1Bill",
        "amount": 1655,
        "fine": 0,
        "billing_category": "Domestic Rural Upto 5 marla",
        "uc_type": "RURAL",
        "use": "DOMESTIC",
        "size_band": "M0_5",
        "wmc": "Rangpur WMC",
        "office": "Nilokot Office",
        "division": "Nilaab",
        "district": "Rangpur",
        "tehsil": "Nilokot",
        "uc_name": "UC-1, Chak 1, Nilokot",
        "division_key": "nilaab",
        "district_key": "rangpur",
        "tehsil_key": "nilokot",
        "name_key": "uc1chak1nilokot",
        "bill_pdf": "https://portal.example/b/1.pdf",
        "portal_status": "Paid",
        "is_active": True,
    }
    assert (result.key, codes(result), result.rejected) == (files.psid(1), [], False)


def test_the_key_of_a_payment_is_the_same_in_all_forms() -> None:
    key = ("psid", "month", "paid_on", "paid_amount", "channel")
    long, _result = paid()
    short, short_result = parsed("paid", files.PAID_SHORT, files.short_paid_row(1, Channel="1 bill"))
    cells, _result = paid(Month="2025-11-01", Paid_Date="2025-12-05", Paid_Amount="1655")
    assert [long[name] for name in key] == [short[name] for name in key] == [cells[name] for name in key]
    assert (short["district"], short["tehsil"], short["division_key"], short["tehsil_key"]) == (
        "",
        "Nilokot",
        "",
        "nilokot",
    )
    assert codes(short_result) == []


@pytest.mark.parametrize(
    ("values", "code", "column"),
    [
        ({"PSID": "2.67701E+19"}, "PSID_MANGLED", "PSID"),
        ({"Month": ""}, "MONTH_UNREADABLE", "Month"),
        ({"Month": "Nav 2025"}, "MONTH_UNREADABLE", "Month"),
        ({"Month": "Apr 2026"}, "MONTH_IN_FUTURE", "Month"),
        ({"Paid_Date": "-"}, "PAID_DATE_UNREADABLE", "Paid Date"),
        ({"Paid_Date": "Mar 11, 2026"}, "PAID_DATE_IN_FUTURE", "Paid Date"),
        ({"Paid_Amount": ""}, "PAID_AMOUNT_UNREADABLE", "Paid Amount"),
        ({"Paid_Amount": "-1,655"}, "PAID_AMOUNT_UNREADABLE", "Paid Amount"),
    ],
)
def test_paid_rows_with_an_unreadable_key_are_rejected(values: dict[str, str], code: str, column: str) -> None:
    _values, result = paid(**values)
    assert result.rejected
    assert [(finding.code, finding.column) for finding in result.findings] == [(code, column)]


def test_the_cycle_after_todays_can_be_paid() -> None:
    # 10 March lies in February's cycle; bills of March are out from about 25 February.
    values, result = paid(Month="Mar 2026")
    assert (values["month"], codes(result)) == ("2026-03-01", [])


def test_odd_paid_values_are_kept_and_flagged() -> None:
    values, result = paid(Channel="-", Amount="?", Fine="12.40", Billing_Category="Other", Active="yes")
    assert codes(result) == ["CHANNEL_MISSING", "SIZE_UNREADABLE", "AMOUNT_UNREADABLE", "AMOUNT_ROUNDED"]
    assert (values["channel"], values["amount"], values["fine"], values["is_active"]) == ("Unknown", None, 12, True)
    assert (values["billing_category"], values["size_band"], result.rejected) == ("Other", None, False)


def test_flags_of_the_reader_become_findings() -> None:
    cells = canonical("biller", files.BILLER, files.biller_row(1))
    in_key = parse.parse_biller(7, flagged(cells, Flag("FORMULA", "Biller PSID", files.psid(1))), CONTEXT)
    assert (codes(in_key), in_key.rejected) == (["FORMULA_IN_KEY"], True)
    error = parse.parse_biller(7, flagged(cells, Flag("CELL_ERROR", "Biller PSID", "")), CONTEXT)
    assert (codes(error), error.rejected) == (["ERROR_IN_KEY"], True)
    elsewhere = parse.parse_biller(7, flagged(cells, Flag("FORMULA", "Total Payable", "1655")), CONTEXT)
    assert (codes(elsewhere), elsewhere.rejected) == (["FORMULA"], False)
    unread = parse.parse_biller(7, flagged(cells, Flag("FORMULA", "Sr#", "1")), CONTEXT)
    assert codes(unread) == []
    long = parse.parse_biller(7, flagged(cells, Flag("ROW_TOO_LONG", "", "x")), CONTEXT)
    assert (codes(long), long.rejected) == (["ROW_TOO_LONG"], True)


def test_every_finding_has_a_sentence_and_a_remedy() -> None:
    for code, kind in FINDINGS.items():
        assert kind.severity in {"REJECT", "DUPLICATE", "NOTE"}, code
        assert str(kind.sentence).endswith("."), code
        assert str(kind.remedy).strip(), code

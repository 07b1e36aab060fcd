"""Rows of the four kinds of file: text cells in, values of the staging table and findings out. Pure, one row a call.

`parse_<kind>(line_no, cells, context)` takes the cells in the canonical order of `layouts` and returns `Parsed`, whose
`values` stand in the order of `<KIND>_COLUMNS`: text, int, bool, float, None, or a list of text. Dates and times are
ISO text. Place names and their keys are '' where the file has none, since '' is what the table of places holds.

Only an unreadable key rejects a row. Of the dates in the future, paid date and month of a payment reject it (they are
parts of its key, and the month would open a cycle that has not come); an issue date in the future makes no bill and the
account stays listed; the time of a survey in the future is left out, since it would pass for the file's as-of time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from portal.billing.cycles import add_months, cycle_of
from portal.imports import layouts
from portal.imports.cells import (
    Kept,
    clean,
    read_bill_id,
    read_cnic,
    read_flag,
    read_gps,
    read_id,
    read_image_urls,
    read_mobile,
    read_psid,
    read_rupees,
    read_survey_id,
    repeated_text,
    text_or_none,
)
from portal.imports.findings import FINDINGS, Finding
from portal.imports.names_and_dates import Clock, iso_month
from portal.imports.tables import FlaggedCells
from portal.locations.names import display_name, match_key, prefix_uc_type
from portal.payments.channels import UNKNOWN_CHANNEL, normalise_channel
from portal.units.models import COMMERCIAL, DOMESTIC
from portal.units.sizes import NO_CATEGORY, Category, read_category, read_uc_type, read_use

Value = str | int | bool | float | list[str] | None

AREAS_COLUMNS = (
    "district_id", "district_name", "tehsil_id", "tehsil_name", "area_id", "area_name", "name", "uc_type",
    "match_key",
)  # fmt: skip
SURVEY_COLUMNS = (
    "survey_id", "consumer_name", "mobile", "mobile_text", "cnic", "cnic_text", "address", "email", "division",
    "district", "tehsil", "uc_name", "uc_type", "district_key", "tehsil_key", "name_key", "use", "business_type",
    "size_band", "size_text", "house_type", "water_connection", "gps_text", "gps_lat", "gps_lon", "image_urls",
    "surveyor_name", "surveyed_at", "extra_text",
)  # fmt: skip
BILLER_COLUMNS = (
    "psid", "survey_id", "consumer_name", "mobile", "mobile_text", "cnic", "cnic_text", "address", "wmc", "office",
    "division", "district", "tehsil", "uc_name", "uc_type", "division_key", "district_key", "tehsil_key", "name_key",
    "use", "size_band", "size_text", "monthly_fee", "total_payable", "portal_balance", "portal_current_bill",
    "is_active", "portal_bill_id", "issued_at",
)  # fmt: skip
PAID_COLUMNS = (
    "psid", "month", "paid_on", "paid_amount", "channel", "amount", "fine", "billing_category", "uc_type", "use",
    "size_band", "wmc", "office", "division", "district", "tehsil", "uc_name", "division_key", "district_key",
    "tehsil_key", "name_key", "bill_pdf", "portal_status", "is_active",
)  # fmt: skip
COLUMNS: dict[str, tuple[str, ...]] = {
    "areas": AREAS_COLUMNS, "survey": SURVEY_COLUMNS, "biller": BILLER_COLUMNS, "paid": PAID_COLUMNS,
}  # fmt: skip
# The cells that make the key of a row: a formula or an error value there rejects it.
KEY_CELLS: dict[str, frozenset[str]] = {
    "areas": frozenset(layouts.AREAS),
    "survey": frozenset({"Survey ID"}),
    "biller": frozenset({"Biller PSID"}),
    "paid": frozenset({"PSID", "Month", "Paid Date", "Paid Amount", "Channel"}),
}


class Context:
    """What the rows of one file are read against.

    `today` is the day in Asia/Karachi. A paid row may be for the cycle after today's at most: the portal bills from
    about the 25th of the month before.
    """

    def __init__(self, today: dt.date, cycle_start_day: int = 16) -> None:
        self.today = today
        self.clock = Clock(today)
        self.last_month = add_months(cycle_of(today, cycle_start_day), 1).isoformat()


class Parsed(NamedTuple):
    """One row. `key` names the entity (survey id, PSID, area id; '' when unreadable)."""

    key: str
    values: tuple[Value, ...]
    findings: Sequence[Finding]
    rejected: bool


class _Notes(list[Finding]):
    """The findings of a row, with the severity looked up."""

    def add(self, code: str, column: str, value: str) -> None:
        self.append(Finding(FINDINGS[code].severity, code, column, clean(value[:500])))

    @property
    def rejected(self) -> bool:
        return any(finding.severity == "REJECT" for finding in self)


_KEY_FLAGS = {"FORMULA": "FORMULA_IN_KEY", "FORMULA_NO_VALUE": "FORMULA_IN_KEY", "CELL_ERROR": "ERROR_IN_KEY"}


def _start(kind: str, cells: Sequence[str]) -> _Notes:
    """Findings that the reader already made about the row's cells."""
    notes = _Notes()
    if isinstance(cells, FlaggedCells):
        for flag in cells.flags:
            if flag.column == "Sr#":
                continue
            code = _KEY_FLAGS.get(flag.code, flag.code) if flag.column in KEY_CELLS[kind] else flag.code
            notes.add(code, flag.column, flag.value)
    return notes


def _kept(notes: _Notes, kept: Kept, column: str) -> tuple[str | None, str | None]:
    if kept.code:
        notes.add(kept.code, column, kept.text or "")
    return kept.value, kept.text


def _amount(notes: _Notes, text: str, column: str) -> int | None:
    amount, code = read_rupees(text)
    if code:
        notes.add(code, column, text)
    return amount


def _flag(notes: _Notes, text: str, column: str) -> bool | None:
    flag, code = read_flag(text)
    if code:
        notes.add(code, column, text)
    return flag


def _uc_type(notes: _Notes, text: str, column: str, uc_name: str) -> str | None:
    """URBAN or RURAL of its column, else of the place name's prefix."""
    uc_type = read_uc_type(text)
    if uc_type is None:
        if repeated_text(text) is not None:
            notes.add("UC_TYPE_UNREADABLE", column, text)
        uc_type = prefix_uc_type(uc_name)
    return uc_type


def parse_areas(line_no: int, cells: Sequence[str], context: Context) -> Parsed:
    """A line of the area list. Ids are digits; `name` is the area's name without its prefix, on one line."""
    notes = _start("areas", cells)
    ids: list[Value] = []
    names: list[str] = []
    for position, column in enumerate(layouts.AREAS):
        text = cells[position]
        if column.endswith("_id"):
            number = read_id(text)
            if number is None:
                notes.add("AREA_ID_UNREADABLE", column, text)
            ids.append(number)
        else:
            name = repeated_text(text)
            if name is None:
                notes.add("AREA_NAME_MISSING", column, text)
            names.append(" ".join((name or "").split()))
    area = names[2]
    values: tuple[Value, ...] = (
        ids[0], names[0], ids[1], names[1], ids[2], area, display_name(area), prefix_uc_type(area), match_key(area),
    )  # fmt: skip
    return Parsed(str(ids[2] or ""), values, notes, notes.rejected)


def _survey_size(notes: _Notes, area: str, house: str, business: str, level: str) -> tuple[str | None, ...]:
    """(use, size_band, size_text) of a survey row.

    A readable Level says COMMERCIAL: only businesses have one. Otherwise a House Type says DOMESTIC, a Type COMMERCIAL,
    and with neither a marla band in Area says DOMESTIC. A business's size is its level, a house's the band of its area
    (a shop's Area is left to the text). Both a house and a level is a conflict worth a look.
    `size_text` keeps the text when there is no band.
    """
    house_text, business_text = repeated_text(house), repeated_text(business)
    area_text, level_text = repeated_text(area), repeated_text(level)
    by_level = read_category(level_text) if level_text else NO_CATEGORY
    by_area = read_category(area_text) if area_text else NO_CATEGORY
    if by_level.use == COMMERCIAL or (house_text is None and (business_text or level_text)):
        use, size, source, column = COMMERCIAL, by_level, level_text, "Level"
        if source is None and by_area.use == COMMERCIAL:
            size, source, column = by_area, area_text, "Area"
        if house_text is not None:
            notes.add("USE_CONFLICT", "House Type", house)
    elif house_text is not None or by_area.use == DOMESTIC:
        use, size, source, column = DOMESTIC, by_area, area_text, "Area"
        if business_text is not None:
            notes.add("USE_CONFLICT", "Type", business)
    else:
        notes.add("USE_UNREADABLE", "House Type", "")
        return by_area.use, by_area.size_band, area_text if by_area.size_band is None else None
    if size.size_band is not None:
        return use, size.size_band, None
    if source is not None:
        notes.add("SIZE_UNREADABLE", column, source)
    return use, None, source or area_text


def parse_survey(line_no: int, cells: Sequence[str], context: Context) -> Parsed:
    """A line of the survey master."""
    (
        _sr, survey_id_text, surveyor, stamp, gps_text, district_text, tehsil_text, uc_text, uc_type_text, urls_text,
        area, address, water, cnic_text, mobile_text, name, house, business, level, extra, email,
    ) = cells[:21]  # fmt: skip
    notes = _start("survey", cells)
    survey_id, code = read_survey_id(survey_id_text)
    if code:
        notes.add(code, "Survey ID", survey_id_text)
    mobile, mobile_kept = _kept(notes, read_mobile(mobile_text), "Mobile Num")
    cnic, cnic_kept = _kept(notes, read_cnic(cnic_text), "Cnic Num")
    gps = read_gps(gps_text)
    if gps.code:
        notes.add(gps.code, "GPS Coordinates", gps_text)
    urls, code = read_image_urls(urls_text)
    if code:
        notes.add(code, "Image URLs", urls_text)
    surveyed_at, code = context.clock.timestamp(stamp, "SURVEYED_AT_UNREADABLE", "SURVEYED_AT_IN_FUTURE")
    if code:
        notes.add(code, "Survey Timestamp", stamp)
    district = repeated_text(district_text) or ""
    tehsil = repeated_text(tehsil_text) or ""
    uc_name = repeated_text(uc_text) or ""
    use, size_band, size_text = _survey_size(notes, area, house, business, level)
    values: tuple[Value, ...] = (
        survey_id, text_or_none(name), mobile, mobile_kept, cnic, cnic_kept, text_or_none(address),
        text_or_none(email), "", district, tehsil, uc_name, _uc_type(notes, uc_type_text, "UC Type", uc_name),
        match_key(district), match_key(tehsil), match_key(uc_name), use, repeated_text(business), size_band,
        size_text, repeated_text(house), repeated_text(water), gps.text, gps.lat, gps.lon, urls,
        repeated_text(surveyor), surveyed_at, text_or_none(extra),
    )  # fmt: skip
    return Parsed(survey_id or "", values, notes, notes.rejected)


def _category(notes: _Notes, category: str, column: str) -> tuple[Category, str | None]:
    """What a billing category says, and its text when the size in it is unreadable."""
    text = repeated_text(category)
    if text is None:
        return NO_CATEGORY, None
    read = read_category(text)
    if read.size_band is None:
        notes.add("SIZE_UNREADABLE", column, text)
        return read, text
    return read, None


def _bill(notes: _Notes, clock: Clock, issued_text: str, id_text: str) -> tuple[str | None, str | None]:
    """(portal_bill_id, issued_at): both or neither, since a bill needs both."""
    issued_at, issued_code = clock.timestamp(issued_text, "ISSUED_UNREADABLE", "ISSUED_IN_FUTURE")
    bill_id, id_code = read_bill_id(id_text)
    if issued_code:
        notes.add(issued_code, "Last Bill Date &Time", issued_text)
    if id_code:
        notes.add(id_code, "Last Bill ID", id_text)
    if issued_at and bill_id:
        return bill_id, issued_at
    if issued_at and not id_code:
        notes.add("ISSUED_WITHOUT_BILL_ID", "Last Bill ID", issued_text)
    elif bill_id and not issued_code:
        notes.add("BILL_ID_WITHOUT_ISSUED", "Last Bill Date &Time", id_text)
    return None, None


@lru_cache(maxsize=16384)
def _biller_class(
    wmc: str, division: str, district: str, tehsil: str, office: str, uc: str, category: str, sub_category: str,
    size: str,
) -> tuple[tuple[Value, ...], tuple[Finding, ...]]:  # fmt: skip
    """What many accounts share: the values from `wmc` to `size_text` of BILLER_COLUMNS, and their findings."""
    notes = _Notes()
    read, size_text = _category(notes, size, "Billing Category")
    use = read_use(sub_category)
    if use is None:
        if repeated_text(sub_category) is not None:
            notes.add("USE_UNREADABLE", "Sub Category", sub_category)
        use = read.use
    elif read.use is not None and read.use != use:
        notes.add("USE_CONFLICT", "Billing Category", size)
    names = [repeated_text(text) or "" for text in (division, district, tehsil, uc)]
    values: tuple[Value, ...] = (
        repeated_text(wmc), repeated_text(office), *names,
        _uc_type(notes, category, "Category", names[3]) or read.uc_type, *map(match_key, names), use, read.size_band,
        size_text,
    )  # fmt: skip
    return values, tuple(notes)


def parse_biller(line_no: int, cells: Sequence[str], context: Context) -> Parsed:
    """A line of the biller list. There is a bill when both `portal_bill_id` and `issued_at` are set."""
    (
        _sr, fee, current_bill, psid_text, wmc, division, district, tehsil, office, uc, name, cnic_text, mobile_text,
        address, category, sub_category, size, balance, issued, payable, bill_id_text, status, survey_id_text,
    ) = cells[:23]  # fmt: skip
    notes = _start("biller", cells)
    psid, code = read_psid(psid_text)
    if code:
        notes.add(code, "Biller PSID", psid_text)
    survey_id, code = read_survey_id(survey_id_text)
    if code == "SURVEY_ID_UNREADABLE":
        notes.add("ACCOUNT_SURVEY_ID_UNREADABLE", "Survey ID", survey_id_text)
    mobile, mobile_kept = _kept(notes, read_mobile(mobile_text), "Mobile")
    cnic, cnic_kept = _kept(notes, read_cnic(cnic_text), "CNIC")
    shared, found = _biller_class(wmc, division, district, tehsil, office, uc, category, sub_category, size)
    notes.extend(found)
    bill_id, issued_at = _bill(notes, context.clock, issued, bill_id_text)
    values: tuple[Value, ...] = (
        psid, survey_id, text_or_none(name), mobile, mobile_kept, cnic, cnic_kept, text_or_none(address), *shared,
        _amount(notes, fee, "Monthly Fee"), _amount(notes, payable, "Total Payable"), repeated_text(balance),
        repeated_text(current_bill), _flag(notes, status, "Status"), bill_id, issued_at,
    )  # fmt: skip
    return Parsed(psid or "", values, notes, bool(notes) and notes.rejected)


def parse_paid(line_no: int, cells: Sequence[str], context: Context) -> Parsed:
    """A line of the paid list, long or short form (of the short one the city stands in `tehsil`)."""
    (
        _sr, psid_text, month_text, wmc, division_text, district_text, tehsil_text, city, office, uc_text, category,
        amount, fine, bill_pdf, channel_text, paid_date, paid_amount_text, status, active,
    ) = cells[:19]  # fmt: skip
    notes = _start("paid", cells)
    psid, code = read_psid(psid_text)
    if code:
        notes.add(code, "PSID", psid_text)
    month = iso_month(month_text)
    if month is None:
        notes.add("MONTH_UNREADABLE", "Month", month_text)
    elif month > context.last_month:
        notes.add("MONTH_IN_FUTURE", "Month", month_text)
    paid_on, code = context.clock.day(paid_date, "PAID_DATE_UNREADABLE", "PAID_DATE_IN_FUTURE")
    if code:
        notes.add(code, "Paid Date", paid_date)
    paid_amount, code = read_rupees(paid_amount_text)
    if paid_amount is None:
        notes.add("PAID_AMOUNT_UNREADABLE", "Paid Amount", paid_amount_text)
    elif code:
        notes.add(code, "Paid Amount", paid_amount_text)
    channel = normalise_channel(repeated_text(channel_text) or "")
    if channel == UNKNOWN_CHANNEL:
        notes.add("CHANNEL_MISSING", "Channel", channel_text)
    read, _size_text = _category(notes, category, "Billing Category")
    division = repeated_text(division_text) or ""
    district = repeated_text(district_text) or ""
    tehsil = repeated_text(tehsil_text) or repeated_text(city) or ""
    uc_name = repeated_text(uc_text) or ""
    values: tuple[Value, ...] = (
        psid, month, paid_on, paid_amount, channel, _amount(notes, amount, "Amount"), _amount(notes, fine, "Fine"),
        repeated_text(category), read.uc_type or prefix_uc_type(uc_name), read.use, read.size_band,
        repeated_text(wmc), repeated_text(office), division, district, tehsil, uc_name, match_key(division),
        match_key(district), match_key(tehsil), match_key(uc_name), text_or_none(bill_pdf), repeated_text(status),
        _flag(notes, active, "Active"),
    )  # fmt: skip
    return Parsed(psid or "", values, notes, bool(notes) and notes.rejected)


Parser = Callable[[int, Sequence[str], Context], Parsed]
PARSERS: dict[str, Parser] = {
    "areas": parse_areas,
    "survey": parse_survey,
    "biller": parse_biller,
    "paid": parse_paid,
}

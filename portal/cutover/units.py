"""The old `survey_units`: written as a survey master and given to its importer, so that one set of rules holds.

The portal's own files come first: the units are taken as of a time before all of them, which adds what is missing and
overwrites nothing.
"""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

from portal.cutover.cells import degrees_of, text_of
from portal.cutover.reading import Row, rows_of
from portal.imports.layouts import EXTRA_TEXT, SURVEY

# Before every file of the portal: what these say wins, whatever comes first.
BEFORE_ALL_FILES = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
PHOTO_ADDRESS = "https://drive.google.com/file/d/{}/view"
_BANDS = ((5, "0-5 Marla"), (10, "5-10 Marla"), (20, "10-20 Marla"), (40, "20-40 Marla"))


def size_text(cell: str) -> str:
    """The size as the survey master writes it: a bare number of marlas gets its band, text stays."""
    marlas = degrees_of(cell)
    if marlas is None:
        return text_of(cell) or ""
    return next((band for most, band in _BANDS if marlas <= most), "Above 40 Marla")


def survey_row(row: Row) -> list[str]:
    """A row of the old table in the columns of the survey master."""
    lat, lon = degrees_of(row["gps_lat"]), degrees_of(row["gps_long"])
    photo = text_of(row["image_drive_id"])
    photos = [text_of(row["image_portal_url"]), PHOTO_ADDRESS.format(photo) if photo else None]
    business = text_of(row["unit_specific_type"])
    known = {
        "Survey ID": row["survey_id"],
        "Surveyor Name": row["surveyor_name"],
        "Survey Timestamp": row["survey_timestamp"],
        "GPS Coordinates": f"{lat},{lon}" if lat is not None and lon is not None else row["gps_full_string"],
        "Tehsil": row["city_district"],
        "Union Council": row["uc_name"],
        "UC Type": row["uc_type"],
        "Image URLs": ",".join(filter(None, photos)),
        "Area": "" if business or text_of(row["survey_category"]) else size_text(row["size_marla"]),
        "Address": row["survey_address"] or row["billing_address"],
        "Water Connection": row["water_connection"],
        "Mobile Num": row["survey_mobile"] or row["billing_mobile"],
        "Name": row["survey_consumer_name"] or row["billing_consumer_name"],
        "House Type": row["house_type"],
        "Type": row["unit_specific_type"],
        "Level": row["survey_category"],
    }
    return [known.get(column, "") for column in SURVEY]


def write_survey_master(source: Path, target: Path) -> None:
    """The old table as a survey master, line for line."""
    target.touch(mode=0o600)
    with target.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["" if column == EXTRA_TEXT else column for column in SURVEY])
        for _line_no, row in rows_of(source):
            writer.writerow(" ".join(cell.split()) for cell in survey_row(row))

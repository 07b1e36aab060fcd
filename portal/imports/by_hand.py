"""What people have set stands above files: before anything is decided, the staged rows take over the held values.

So everything that follows (what differs, the counts, the writing) sees rows that already agree with what a person has
set, and needs no rule of its own. Where a file says something else, that is a finding. A unit or account that a person
has closed stays closed, with a finding. While nobody has decided anything, all this is one look at an index.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from sqlalchemy.orm import Session

from portal.imports.sqltools import note, run
from portal.units.models import BY_HAND


class Held(NamedTuple):
    """A field that people set: its header in the file, and its columns in the staging table and in the register."""

    header: str
    columns: tuple[str, ...]


_MOBILE, _CNIC, _SIZE = ("mobile", "mobile_text"), ("cnic", "cnic_text"), ("size_band", "size_text")
FIELDS: dict[str, dict[str, Held]] = {
    "survey": {
        "consumer_name": Held("Name", ("consumer_name",)),
        "mobile": Held("Mobile Num", _MOBILE),
        "cnic": Held("Cnic Num", _CNIC),
        "address": Held("Address", ("address",)),
        "email": Held("Email", ("email",)),
        "uc_type": Held("UC Type", ("uc_type",)),
        "use": Held("Type", ("use",)),
        "business_type": Held("Type", ("business_type",)),
        "size_band": Held("Area", _SIZE),
        "house_type": Held("House Type", ("house_type",)),
        "water_connection": Held("Water Connection", ("water_connection",)),
        "gps": Held("GPS Coordinates", ("gps_text", "gps_lat", "gps_lon")),
        "image_urls": Held("Image URLs", ("image_urls",)),
        "surveyor_name": Held("Surveyor Name", ("surveyor_name",)),
        "surveyed_at": Held("Survey Timestamp", ("surveyed_at",)),
        "extra_text": Held("extra_text", ("extra_text",)),
    },
    "biller": {
        "consumer_name": Held("Name", ("consumer_name",)),
        "mobile": Held("Mobile", _MOBILE),
        "cnic": Held("CNIC", _CNIC),
        "address": Held("Address", ("address",)),
        "survey_id": Held("Survey ID", ("survey_id",)),
        "uc_type": Held("Category", ("uc_type",)),
        "use": Held("Sub Category", ("use",)),
        "size_band": Held("Billing Category", _SIZE),
        "monthly_fee": Held("Monthly Fee", ("monthly_fee",)),
        "is_active": Held("Status", ("is_active",)),
        "wmc": Held("WMC", ("wmc",)),
        "office": Held("Office", ("office",)),
    },
}
PLACE_HEADERS = {"survey": "Union Council", "biller": "UC"}
_REGISTERS = {"survey": ("survey_units", "survey_id"), "biller": ("accounts", "psid")}
_LOCATION = "location_id"


def keep_what_people_set(session: Session, kind: str, as_of: dt.datetime, inside: str) -> None:
    """Make the staged rows agree with what is held. To be called when the places are resolved.

    Makes `stage_held`, a row for each staged row of which something is held: `place_id` and `location_id` where a
    person has put the record (the staged place stays, and is recorded as any other), and what the file says that a bill
    takes from it: a bill is as the portal issued it, whatever is held of its account.
    """
    if kind not in _REGISTERS:
        return
    run(
        session,
        "CREATE TEMP TABLE stage_held (line_no int PRIMARY KEY, place_id bigint, location_id int, uc_type text,"
        ' "use" text, size_band text, monthly_fee int) ON COMMIT DROP',
    )
    register, key = _REGISTERS[kind]
    if not run(session, f"SELECT EXISTS (SELECT FROM {register} WHERE {BY_HAND})").scalar_one():
        return
    run(
        session,
        f"""
        CREATE TEMP TABLE stage_by_hand ON COMMIT DROP AS
        SELECT s.line_no, r.id, r.kept_by_hand AS kept, r.deleted_at IS NOT NULL AS is_closed,
               :as_of >= r.as_of AS is_new
        FROM {register} r JOIN stage s ON s."{key}" = r."{key}" AND s.state = ''
        WHERE ({BY_HAND}) AND {inside.format(column="r.location_id")}""",
        as_of=as_of,
    )
    run(session, "CREATE UNIQUE INDEX ON stage_by_hand (line_no)")
    run(session, "ANALYZE stage_by_hand")
    note(session, "CLOSED_BY_HAND", "SELECT line_no, '', '' FROM stage_by_hand WHERE is_closed")
    _find_differences(session, kind, register)
    _take_over(session, kind, register)
    run(session, "DROP TABLE stage_by_hand")


def _find_differences(session: Session, kind: str, register: str) -> None:
    """A finding for each held field of which the file says something else."""
    rows = f"FROM stage_by_hand h JOIN stage s USING (line_no) JOIN {register} r ON r.id = h.id"
    found = [
        f"SELECT line_no, '{held.header}', {_said(held.columns)} {rows}"
        f" WHERE h.is_new AND '{name}' = ANY(h.kept)"
        f" AND ({_listed(held.columns, 's')}) IS DISTINCT FROM ({_listed(held.columns, 'r')})"
        for name, held in FIELDS[kind].items()
    ]
    found.append(
        f"SELECT line_no, '{PLACE_HEADERS[kind]}', nullif(pl.name, '') {rows} JOIN stage_places pl USING (place_no)"
        f" WHERE h.is_new AND '{_LOCATION}' = ANY(h.kept) AND pl.location_id <> r.location_id"
    )
    note(session, "KEPT_BY_HAND", " UNION ALL ".join(found))


def _take_over(session: Session, kind: str, register: str) -> None:
    assigned = ", ".join(
        f'"{column}" = CASE WHEN \'{name}\' = ANY(h.kept) THEN r."{column}" ELSE s."{column}" END'
        for name, held in FIELDS[kind].items()
        for column in held.columns
    )
    filed = 's.uc_type, s."use", s.size_band, ' + ("s.monthly_fee" if kind == "biller" else "NULL")
    run(
        session,
        f"INSERT INTO stage_held SELECT h.line_no, {_if_held('r.place_id')}, {_if_held('r.location_id')}, {filed}"
        f" FROM stage_by_hand h JOIN {register} r ON r.id = h.id JOIN stage s USING (line_no) WHERE h.kept <> '{{}}'",
    )
    run(
        session,
        f"UPDATE stage s SET {assigned} FROM stage_by_hand h JOIN {register} r ON r.id = h.id"
        " WHERE h.line_no = s.line_no AND h.kept <> '{}'",
    )


def _if_held(value: str) -> str:
    return f"CASE WHEN '{_LOCATION}' = ANY(h.kept) THEN {value} END"


def _listed(columns: tuple[str, ...], alias: str) -> str:
    lists = {"image_urls": "coalesce({0}.image_urls, '{{}}')"}
    return ", ".join(lists.get(name, '{0}."{1}"').format(alias, name) for name in columns)


def _said(columns: tuple[str, ...]) -> str:
    """What the file says, as a text."""
    if "gps_lat" in columns:
        return "coalesce(s.gps_lat || ', ' || s.gps_lon, s.gps_text)"
    if columns == ("image_urls",):
        return "array_to_string(s.image_urls, ', ')"
    return "coalesce(" + ", ".join(f's."{name}"::text' for name in columns) + ")"

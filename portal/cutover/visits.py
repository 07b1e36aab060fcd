"""The old `compliance_visits`."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from portal.cutover.cells import KARACHI, day_of, degrees_of, lines_of, moment_of, text_of, time_of
from portal.cutover.outcome import TableOutcome
from portal.cutover.reading import rows_of
from portal.cutover.staging import Staged, outcome_of
from portal.cutover.units import PHOTO_ADDRESS
from portal.imports.cells import read_survey_id
from portal.imports.sqltools import run
from portal.visits.models import COMPLAINT, FOLLOWUP, ROUTINE

# The same old row has the same identity in every run.
NAMESPACE = uuid.UUID("9d0c3bb4-7a1f-4b7e-9a43-5f3a1f0f6c11")
TYPES = (ROUTINE, COMPLAINT, FOLLOWUP)
_COLUMNS = {
    "client_uuid": "uuid", "staff": "text", "survey_id": "text", "visit_type": "text", "notes": "text",
    "visited_at": "timestamptz", "lat": "float8", "lon": "float8", "created_at": "timestamptz",
}  # fmt: skip


def take(session: Session, path: Path, file: str) -> TableOutcome:
    """Take visits over, as approved: nobody is to review the past."""
    staged = Staged(session, "compliance_visits", _COLUMNS)
    staged.load(_rows(path))
    staged.reject("UNIT_UNKNOWN", "NOT EXISTS (SELECT FROM survey_units u WHERE u.survey_id = s.survey_id)")
    staged.notes(
        "PERSON_UNKNOWN",
        "SELECT line_no, staff FROM old_compliance_visits s WHERE state = ''"
        " AND NOT EXISTS (SELECT FROM staff p WHERE p.legacy_id = s.staff)",
    )
    staged.decide(
        "CASE WHEN EXISTS (SELECT FROM compliance_visits v WHERE v.legacy_id = s.row_key)"
        " THEN 'UNCHANGED' ELSE 'INSERTED' END"
    )
    run(
        session,
        """
        INSERT INTO compliance_visits (client_uuid, unit_id, location_id, staff_id, visit_type, outcome, notes,
                                       visited_at, gps_lat, gps_lon, review_state, reviewed_at, source, legacy_id,
                                       created_at)
        SELECT s.client_uuid, u.id, u.location_id, p.id, s.visit_type, 'DONE', coalesce(s.notes, ''), s.visited_at,
               s.lat, s.lon, 'APPROVED', coalesce(s.created_at, s.visited_at), 'OLD_SYSTEM', s.row_key,
               coalesce(s.created_at, s.visited_at)
        FROM old_compliance_visits s JOIN survey_units u ON u.survey_id = s.survey_id
        LEFT JOIN staff p ON p.legacy_id = s.staff
        WHERE s.state = '' AND NOT EXISTS (SELECT FROM compliance_visits v WHERE v.legacy_id = s.row_key)""",
    )
    return outcome_of(session, "compliance_visits", file, {})


def _rows(path: Path) -> Iterator[tuple[int, str, str, Sequence[Any]]]:
    for line_no, row in rows_of(path):
        legacy_id = text_of(row["id"])
        survey_id, _code = read_survey_id(row["survey_id_fk"])
        day, created = day_of(row["visit_date"]), moment_of(row["created_at"])
        visit_type = (text_of(row["visit_type"]) or ROUTINE).upper()
        reason = ""
        if legacy_id is None:
            reason = "ID_MISSING"
        elif survey_id is None:
            reason = "UNIT_MISSING"
        elif day is None:
            reason = "DAY_UNREADABLE"
        elif visit_type not in TYPES:
            reason = "VISIT_TYPE_UNKNOWN"
        visited = dt.datetime.combine(day, time_of(row["visit_time"]) or dt.time(), KARACHI) if day else None
        photo = text_of(row["image_drive_id"])
        notes = "\n".join(filter(None, [lines_of(row["notes"]), PHOTO_ADDRESS.format(photo) if photo else None]))
        lat, lon = degrees_of(row["gps_lat"]), degrees_of(row["gps_long"])
        if lat is None or lon is None or (lat, lon) == (0, 0):
            lat = lon = None
        yield line_no, legacy_id or "", reason, (
            uuid.uuid5(NAMESPACE, f"visit {legacy_id}"), text_of(row["staff_id"]), survey_id, visit_type, notes,
            visited, lat, lon, created,
        )  # fmt: skip

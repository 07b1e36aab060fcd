"""The survey master: units. Accounts that wait for a survey match themselves when it arrives."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from portal.imports.outcome import ImportOptions
from portal.imports.sqltools import changes, differs, make_work, note, quoted, run
from portal.payments import allocation, touched

KEY = ("survey_id",)
KEY_COLUMN = "survey_id"
FIELDS = (
    "consumer_name", "mobile", "mobile_text", "cnic", "cnic_text", "address", "email", "uc_type", "use",
    "business_type", "size_band", "size_text", "house_type", "water_connection", "gps_text", "gps_lat", "gps_lon",
    "image_urls", "surveyor_name", "surveyed_at", "extra_text",
)  # fmt: skip
# Where a unit stands: where a person has put it (see `portal.imports.by_hand`), else where the file has it.
PLACE, LOCATION = "coalesce(h.place_id, pl.place_id)", "coalesce(h.location_id, pl.location_id)"


def newest_sql() -> str:
    return "SELECT max(surveyed_at) FROM stage WHERE state = ''"


def prepare(session: Session, options: ImportOptions, file_month: dt.date | None) -> None:
    """Nothing to prepare."""


def classify(session: Session, as_of: dt.datetime, inside: str, columns: frozenset[str]) -> None:
    """Decide for every row what it would change: the table `work`. Nothing real is written."""
    pairs = {f'u."{name}"': _staged(name) for name in FIELDS} | {"u.place_id": PLACE}
    make_work(
        session,
        f"""
        SELECT s.line_no, s.survey_id AS entity_key, u.id AS unit_id, u.id IS NULL AS is_new,
               coalesce(:as_of >= u.as_of, false) AS may_write, u.id IS NOT NULL AND {differs(pairs)} AS unit_differs,
               (u.location_id, u."use") IS DISTINCT FROM ({LOCATION}, s."use") AS moves,
               NOT {inside.format(column="pl.location_id")} AS outside,
               NOT (u.id IS NULL OR {inside.format(column="u.location_id")}) AS unit_outside
        FROM stage s JOIN stage_places pl USING (place_no) LEFT JOIN stage_held h USING (line_no)
        LEFT JOIN survey_units u ON u.survey_id = s.survey_id
        WHERE s.state = ''""",
        {
            "REJECTED": "outside OR unit_outside",
            "INSERTED": "is_new",
            "UPDATED": "may_write AND unit_differs",
        },
        as_of=as_of,
    )


def _staged(name: str) -> str:
    return "coalesce(s.image_urls, '{}')" if name == "image_urls" else f's."{name}"'


def find(session: Session) -> None:
    note(
        session,
        "OUTSIDE_AREA_ACCOUNT",
        "SELECT line_no, 'Survey ID', entity_key FROM work WHERE unit_outside AND NOT outside",
        severity="REJECT",
    )
    note(
        session,
        "OLDER_FILE",
        "SELECT line_no, '', '' FROM work WHERE outcome = 'UNCHANGED' AND unit_differs AND NOT may_write",
    )


def issue_dates(session: Session) -> list[dict[str, object]]:
    return []


def totals(session: Session) -> dict[str, int]:
    return {}


def changes_sql() -> tuple[str, str]:
    """(jsonb of the changes of an UPDATED row, the joins it needs beside `work w` and `stage s`)."""
    pairs = {name: (f'u."{name}"', _staged(name)) for name in FIELDS}
    pairs["location_id"] = ("u.location_id", LOCATION)
    joins = (
        "JOIN survey_units u ON u.id = w.unit_id JOIN stage_places pl ON pl.place_no = s.place_no"
        " LEFT JOIN stage_held h ON h.line_no = s.line_no"
    )
    return changes(pairs), joins


def apply(session: Session, batch_id: int, as_of: dt.datetime) -> None:
    """Write what `work` decided, match the accounts that waited, and recompute what depends on it."""
    parameters = {"as_of": as_of, "batch": batch_id}
    staged = ", ".join(_staged(name) for name in FIELDS)
    run(
        session,
        f"""
        INSERT INTO survey_units (survey_id, {quoted(FIELDS)}, place_id, location_id, as_of,
                                  first_batch_id, last_batch_id)
        SELECT s.survey_id, {staged}, pl.place_id, pl.location_id, :as_of, :batch, :batch
        FROM work w JOIN stage s USING (line_no) JOIN stage_places pl USING (place_no)
        WHERE w.outcome = 'INSERTED' ORDER BY s.line_no""",
        **parameters,
    )
    run(
        session,
        "UPDATE work w SET unit_id = u.id FROM survey_units u"
        " WHERE w.outcome = 'INSERTED' AND u.survey_id = w.entity_key",
    )
    run(
        session,
        f"""
        UPDATE survey_units u SET {", ".join(f'"{name}" = {_staged(name)}' for name in FIELDS)},
            place_id = {PLACE}, location_id = {LOCATION}, as_of = :as_of,
            last_batch_id = CASE WHEN w.unit_differs THEN :batch ELSE u.last_batch_id END,
            updated_at = CASE WHEN w.unit_differs THEN now() ELSE u.updated_at END
        FROM work w JOIN stage s USING (line_no) JOIN stage_places pl USING (place_no)
        LEFT JOIN stage_held h USING (line_no)
        WHERE u.id = w.unit_id AND NOT w.is_new AND w.may_write AND w.outcome <> 'REJECTED'
          AND (w.unit_differs OR u.as_of < :as_of)""",
        **parameters,
    )
    touched.begin_touching(session)
    run(session, "DROP TABLE IF EXISTS pg_temp.matched")
    run(session, "CREATE TEMP TABLE matched (account_id bigint) ON COMMIT DROP")
    run(
        session,
        """
        WITH found AS (
            UPDATE accounts a SET unit_id = w.unit_id FROM work w
            WHERE a.unit_id IS NULL AND w.outcome = 'INSERTED' AND a.survey_id = w.entity_key
            RETURNING a.id
        )
        INSERT INTO matched SELECT id FROM found""",
    )
    touched.touch(session, "SELECT account_id FROM matched")
    touched.touch(
        session,
        "SELECT a.id FROM work w JOIN accounts a ON a.unit_id = w.unit_id"
        " WHERE w.outcome = 'UPDATED' AND w.may_write AND w.moves",
    )
    allocation.recompute(session)

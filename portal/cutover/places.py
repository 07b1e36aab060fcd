"""The old `unique_locations`: spellings of union councils. Known ones are found, unknown ones wait to be matched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.cutover.cells import text_of
from portal.cutover.outcome import TableOutcome
from portal.cutover.reading import rows_of
from portal.cutover.staging import Staged, outcome_of
from portal.imports.sqltools import run
from portal.locations.names import match_key
from portal.locations.places import OPEN, PlaceKey, resolve
from portal.locations.service import load_tree

_COLUMNS = {"tehsil": "text", "name": "text", "tehsil_key": "text", "name_key": "text"}


def take(session: Session, path: Path, file: str) -> TableOutcome:
    """Keep the spellings as places, as a file of the portal would bring them."""
    staged = Staged(session, "unique_locations", _COLUMNS)
    staged.load(_rows(path))
    run(session, "ALTER TABLE old_unique_locations ADD COLUMN is_known boolean, ADD COLUMN is_open boolean")
    tree = load_tree(session)
    for row in session.execute(text("SELECT * FROM old_unique_locations WHERE state = '' ORDER BY line_no")).all():
        found = resolve(tree, PlaceKey("", "", row.tehsil_key, row.name_key or "", ""))
        added = run(
            session,
            """
            INSERT INTO places (tehsil_key, name_key, tehsil, name, location_id, state, ambiguous)
            VALUES (:tehsil_key, :name_key, :tehsil, :name, :location, :state, :ambiguous)
            ON CONFLICT DO NOTHING RETURNING id""",
            tehsil_key=row.tehsil_key,
            name_key=row.name_key or "",
            tehsil=row.tehsil or "",
            name=row.name or "",
            location=found.location_id,
            state=found.state,
            ambiguous=found.ambiguous,
        ).first()
        run(
            session,
            "UPDATE old_unique_locations SET is_known = :known, is_open = :open WHERE line_no = :line",
            known=added is None,
            open=found.state == OPEN,
            line=row.line_no,
        )
    staged.notes(
        "UNKNOWN_PLACE",
        "SELECT line_no, concat_ws(', ', name, tehsil) FROM old_unique_locations WHERE state = '' AND is_open",
    )
    staged.decide("CASE WHEN s.is_known THEN 'UNCHANGED' ELSE 'INSERTED' END")
    return outcome_of(session, "unique_locations", file, {})


def _rows(path: Path) -> Iterator[tuple[int, str, str, Sequence[Any]]]:
    for line_no, row in rows_of(path):
        tehsil, name = text_of(row["city_district"]), text_of(row["uc_name"])
        tehsil_key, name_key = match_key(tehsil or ""), match_key(name or "")
        yield line_no, f"{tehsil_key}/{name_key}", "" if tehsil_key else "PLACE_MISSING", (
            tehsil, name, tehsil_key, name_key,
        )  # fmt: skip

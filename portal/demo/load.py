"""Bring demo files into the database: through the importers, in the manifest's order, each file a transaction.

An interrupted run leaves a note in the instance folder; the next one makes the same set again and goes on after the
last file that is in.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.config import Settings
from portal.db import session, transaction
from portal.demo import field_notifications, field_tickets, field_visits, field_work, office_edits
from portal.demo.generate import DemoOptions
from portal.demo.passwords import demo_password
from portal.demo.places import Tehsil, build_tehsils
from portal.errors import ConflictError
from portal.imports.models import ImportBatch
from portal.imports.outcome import ImportOptions
from portal.imports.service import Actor, ImportSettings, import_file
from portal.locations.models import DISTRICT, PROVINCE, TEHSIL, UNION_COUNCIL, Location
from portal.rollups.service import fold
from portal.staff.models import Staff
from portal.staff.service import ensure_demo_users

UNFINISHED = "demo_unfinished.json"
LOCK = "demo.lock"
FOLDER = "demo-files-"
# What the planner and the readers of rollups are kept up with while files come in by the dozen.
_STATISTICS = (
    "survey_units",
    "accounts",
    "bills",
    "bill_keys",
    "payments",
    "account_balances",
    "unit_states",
    "unit_cycles",
)
_CARE_EVERY = 12
_COUNTS = ("rows", "inserted", "updated", "unchanged", "duplicates", "rejected", "pending")
Report = Callable[[str], None]


def unfinished(settings: Settings) -> DemoOptions | None:
    """The options of a run that was interrupted, None when there is none."""
    path = settings.instance_dir / UNFINISHED
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return DemoOptions(**stored | {"today": dt.date.fromisoformat(stored["today"])})
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def only_one(settings: Settings, report: Report) -> Iterator[Path]:
    """One process at a time makes demo data of an instance; gives it a folder for the files, removed at the end.

    Another one waits here. What a killed process left behind is removed.
    """
    handle = os.open(settings.instance_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("Another process is making demo data; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        for left in settings.instance_dir.glob(f"{FOLDER}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=FOLDER, dir=settings.instance_dir) as folder:
            yield Path(folder)
    finally:
        os.close(handle)


def check_database(db_session: Session, file_names: Sequence[str] | None) -> None:
    """Refuse a database that holds somebody's data. Raises ConflictError.

    `file_names` are those of an interrupted run that goes on: what they brought is no obstacle, anything else is.
    """
    if file_names is None:
        found = db_session.scalar(
            text("SELECT EXISTS (SELECT FROM staff UNION ALL SELECT FROM survey_units UNION ALL SELECT FROM accounts)")
        )
    else:
        found = db_session.scalar(
            text("SELECT EXISTS (SELECT FROM import_batches WHERE status = 'DONE' AND NOT file_name = ANY(:names))"),
            {"names": list(file_names)},
        )
    if found:
        raise ConflictError(
            "The database already has staff, units or accounts. Nothing was changed. Use an empty database, or --force"
            " to add the demo data to what is there."
        )


def load(directory: Path, manifest: dict[str, Any], options: DemoOptions, settings: Settings, report: Report) -> None:
    """Import the files that are not in yet and make the demo users. `report` gets a line a file."""
    note = settings.instance_dir / UNFINISHED
    goes_on = unfinished(settings) == options
    note.write_text(json.dumps(options.as_json()), encoding="utf-8")
    done: set[str] = set()
    if goes_on:
        with transaction() as current:
            done = set(current.scalars(select(ImportBatch.file_name).where(ImportBatch.status == "DONE")))
    for number, entry in enumerate(manifest["files"]):
        if entry["file"] in done:
            report(f"{entry['file']}: in already")
            continue
        started = time.monotonic()
        summary = import_one(directory / entry["file"], entry["kind"], options, settings)
        counts = ", ".join(f"{summary[key]:,} {key}" for key in _COUNTS)
        report(f"{entry['file']}: {counts} ({time.monotonic() - started:.1f} s)")
        if number == 0:
            make_users(options, settings)
        if number in {3, 6} or number % _CARE_EVERY == 0:
            keep_fast()
    make_users(options, settings)
    make_field_work(options, report)
    keep_fast()
    note.unlink(missing_ok=True)


def import_one(path: Path, kind: str, options: DemoOptions, settings: Settings) -> dict[str, Any]:
    """One file through the importer, as `system`. Returns the importer's summary."""
    with transaction() as current:
        outcome = import_file(
            current,
            path,
            kind=kind,
            options=ImportOptions(),
            settings=ImportSettings(settings.uploads_dir, sys.maxsize, settings.cycle_start_day),
            actor=Actor.system(),
            today=options.today,
        )
        return outcome.summary()


def keep_fast() -> None:
    """Statistics for the planner, which autovacuum would only bring later, and folded rollups."""
    with transaction() as current:
        for table in _STATISTICS:
            current.execute(text(f"ANALYZE {table}"))
        fold(current)


def _location(current: Session, kind: str, portal_id: int) -> Location:
    return current.scalars(select(Location).where(Location.kind == kind, Location.portal_id == str(portal_id))).one()


def demo_areas(current: Session, tehsils: tuple[Tehsil, ...]) -> dict[str, list[Location]]:
    """Where each demo user works: a ward, a few of them, two tehsils, their district, the province."""
    home, second = tehsils[0], tehsils[1]
    wards = [area for area in home.areas if area.uc_type == "Urban"]
    own = wards[-1]  # MC-9 Clocktower in the default set
    return {
        "agent": [_location(current, UNION_COUNCIL, own.area_id)],
        "supervisor": [_location(current, UNION_COUNCIL, area.area_id) for area in {own, *wards[1:4]}],
        "admin": [_location(current, TEHSIL, home.tehsil_id), _location(current, TEHSIL, second.tehsil_id)],
        "manager": [_location(current, DISTRICT, home.district_id)],
        "head": [current.scalars(select(Location).where(Location.kind == PROVINCE)).one()],
    }


def make_users(options: DemoOptions, settings: Settings) -> None:
    """The five demo users, those that are missing."""
    with transaction() as current:
        areas = demo_areas(current, build_tehsils(options.seed, options.units))
        ensure_demo_users(current, areas, demo_password(settings), settings.bcrypt_cost)


def make_field_work(options: DemoOptions, report: Report) -> None:
    """What the demo users did in the field and the office, once."""
    with transaction() as current:
        areas = demo_areas(current, build_tehsils(options.seed, options.units))
        people = {name: staff_id for staff_id, name in current.execute(select(Staff.id, Staff.username))}
        wards = {name: [place.id for place in places] for name, places in areas.items()}
        now = dt.datetime.now(dt.UTC)
        field_work.make(current, options.today)
        visits = field_visits.make(current, people, wards, now)
        field_notifications.make(current, list(people))
        tickets = field_tickets.make(current, people, wards["agent"], now)
        edits = office_edits.make(current, people, wards["supervisor"])
    report(f"{visits:,} visits, {tickets:,} tickets, {edits:,} edits by hand")


def current_session() -> Session:
    """The session of the app context."""
    return session()

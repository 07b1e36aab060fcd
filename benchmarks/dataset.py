"""The benchmark's set: files of `flask demo`, and three databases made of them, each once and then reused.

- `surveys`: areas and surveys are in, no account: the first biller list meets it.
- `eleven`: everything up to the download of the last month's biller lists: the monthly import meets it.
- `whole`: the whole set.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import gc
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import upgrade

from benchmarks.server import Server
from portal.billing.cycles import cycle_of, month_label
from portal.collecting import collect_seldom
from portal.db import db
from portal.demo import load
from portal.demo.generate import DemoOptions, generate
from portal.factory import create_app

TODAY = dt.date(2025, 12, 20)  # a fixed day: the same files on every day and machine
Report = Callable[[str], None]


@dataclass(frozen=True)
class Dataset:
    """Where the set lies: its files, the merged biller list of the last month, the names of its databases."""

    options: DemoOptions
    files: Path
    manifest: dict[str, Any]
    merged: Path
    rows: int
    surveys: str
    eleven: str
    whole: str


@contextlib.contextmanager
def app_on(server: Server, database: str) -> Iterator[Flask]:
    """An app on a database, with its context; its connections end with it."""
    app = create_app(server.on(database))
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()


@contextlib.contextmanager
def served_app(server: Server, database: str) -> Iterator[Flask]:
    """An app to send requests to. No context around them: what one request keeps in `g` is not for the next."""
    app = create_app(server.on(database))
    before = gc.get_threshold()
    collect_seldom()  # as `wsgi.py` does
    try:
        yield app
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
        with app.app_context():
            db.engine.dispose()


def make(server: Server, folder: Path, units: int, months: int, report: Report) -> Dataset:
    """Make what is missing of the set. Takes minutes at full size, once."""
    options = DemoOptions(units, months, 7, TODAY)
    files = folder / f"files-{units}-{months}"
    if not (files / "done").exists():
        shutil.rmtree(files, ignore_errors=True)
        generate(files, options, report)
        (files / "done").touch()
    manifest = json.loads((files / "manifest.json").read_text(encoding="utf-8"))
    last = month_label(cycle_of(TODAY, options.cycle_start_day)).replace(" ", "")
    billers = [e for e in manifest["files"] if e["kind"] == "biller" and e["file"].endswith(f"{last}.csv")]
    merged = files / f"02_Biller_All_{last}.csv"
    if not merged.exists():
        merge([files / entry["file"] for entry in billers], merged)
    with merged.open(encoding="utf-8-sig", newline="") as handle:
        rows = sum(1 for _ in csv.reader(handle)) - 1
    stem = f"b{units}x{months}_{schema_mark()}"
    found = Dataset(options, files, manifest, merged, rows, f"{stem}_surveys", f"{stem}_eleven", f"{stem}_whole")
    if not server.exists(found.whole):
        _make_databases(server, found, report)
    return found


def schema_mark() -> str:
    """Changes when the migrations do: databases of another schema are not reused."""
    digest = hashlib.sha256()
    for path in sorted(Path("migrations/versions").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def merge(parts: list[Path], target: Path) -> None:
    """The biller lists of all tehsils as one file."""
    new = target.with_suffix(".new")
    with new.open("wb") as out:
        for number, part in enumerate(parts):
            with part.open("rb") as handle:
                header = handle.readline()
                if number == 0:
                    out.write(header)
                shutil.copyfileobj(handle, out)
    new.rename(target)


def _make_databases(server: Server, found: Dataset, report: Report) -> None:
    building = f"{found.whole}_new"
    if not server.exists(building):
        server.execute(f"CREATE DATABASE {building}")
    with app_on(server, building):
        upgrade(directory="migrations")
    # A run that was interrupted goes on behind its last file.
    done = {row[0] for row in server.execute("SELECT file_name FROM import_batches WHERE status = 'DONE'", building)}
    entries = found.manifest["files"]
    last = found.merged.stem.rsplit("_", 1)[1]
    billers = [(number, entry["file"]) for number, entry in enumerate(entries) if entry["kind"] == "biller"]
    first_biller = billers[0][0]
    first_of_last = next(number for number, name in billers if name.endswith(f"{last}.csv"))
    for number, entry in enumerate(entries):
        for position, name in ((first_biller, found.surveys), (first_of_last, found.eleven)):
            if number == position and not server.exists(name):
                with app_on(server, building):
                    load.keep_fast()
                _settle(server, building)
                server.copy(building, name)
        if entry["file"] in done:
            continue
        started = time.monotonic()
        with app_on(server, building) as app:
            settings = app.extensions["settings"]
            summary = load.import_one(found.files / entry["file"], entry["kind"], found.options, settings)
            if number == 0:
                load.make_users(found.options, settings)
            if number % 6 == 3:
                load.keep_fast()
        report(f"{entry['file']}: {summary['rows']:,} rows ({time.monotonic() - started:.1f} s)")
    with app_on(server, building):
        load.keep_fast()
    _settle(server, building)
    server.drop(found.whole)
    server.execute(f"ALTER DATABASE {building} RENAME TO {found.whole}")


def _settle(server: Server, database: str) -> None:
    """What autovacuum would do within minutes: space and visibility are known, so that copies begin alike."""
    server.execute("VACUUM ANALYZE", database)
    server.execute("CHECKPOINT")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

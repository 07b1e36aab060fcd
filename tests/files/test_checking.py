"""`flask files verify` finds what is missing, altered or left over, and takes away only what nobody needs."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.db import session as db_session
from portal.db import transaction
from portal.files import tasks
from portal.files.cli import verify
from portal.files.models import StoredFile
from portal.files.service import By, Owner, delete, store_document, store_photo
from portal.locations.models import Location
from portal.units.models import SurveyUnit
from tests.files import samples
from tests.support.places import small_tree
from tests.support.register import register


@pytest.fixture
def stored(app: Flask) -> list[str]:
    """Keys of two photos, one of them deleted, and a document."""
    tree = small_tree(app)
    with app.app_context(), transaction() as session:
        here = session.get(Location, tree["mc-9"])
        assert here is not None
        register(session, here, 1, "Aslam")
        unit = session.scalars(select(SurveyUnit)).one()
        given: dict[str, Any] = {"location_id": unit.location_id, "staff_id": None}
        owner = Owner(unit_id=unit.id)
        files = [
            store_photo(session, owner, samples.upload(samples.photo()), client_uuid=uuid.uuid4(), **given)
            for _ in range(2)
        ]
        files.append(store_document(session, owner, samples.upload(samples.PDF), client_uuid=uuid.uuid4(), **given))
        delete(session, files[1], By(None, "system"), "blurred")
        return [file.key for file in files]


def run(app: Flask, *options: str) -> tuple[int, dict[str, Any]]:
    result = app.test_cli_runner().invoke(verify, ["--json", *options])
    return result.exit_code, json.loads(result.output)


def path_of(app: Flask, key: str) -> Path:
    return Path(app.extensions["settings"].files_dir) / key


def leave(app: Flask, days: int) -> Path:
    """An orphan of so many days ago."""
    day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=days)
    path = path_of(app, f"photos/{day:%Y/%m/%d}/{uuid.uuid4().hex}.jpg")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_all_is_well(app: Flask, stored: list[str]) -> None:
    code, found = run(app)
    assert (code, found["ok"], found["files"]) == (0, True, 3)
    assert "3 files: 0 missing" in app.test_cli_runner().invoke(verify, []).output


def test_a_missing_file_and_a_missing_small_version(app: Flask, stored: list[str]) -> None:
    path_of(app, stored[0]).unlink()
    small = path_of(app, stored[1].replace(".jpg", "-s.jpg"))
    small.unlink()
    code, found = run(app)
    assert code == 1
    assert {one["key"] for one in found["missing"]} == {stored[0], stored[1].replace(".jpg", "-s.jpg")}


def test_a_file_of_another_size_and_one_of_another_content(app: Flask, stored: list[str]) -> None:
    path_of(app, stored[0]).write_bytes(b"shorter")
    changed = path_of(app, stored[2])
    changed.write_bytes(b"X" * len(changed.read_bytes()))
    code, found = run(app)
    assert code == 1
    assert [one["key"] for one in found["altered"]] == [stored[0], stored[2]]
    code, found = run(app, "--quick")  # sizes only
    assert [one["key"] for one in found["altered"]] == [stored[0]]


def test_what_belongs_to_nothing_goes_after_a_day(app: Flask, stored: list[str]) -> None:
    old, new = leave(app, 3), leave(app, 0)
    foreign = path_of(app, "readme.txt")
    foreign.write_text("of somebody else")
    code, found = run(app)
    assert (code, len(found["orphaned"]), found["recent"], found["foreign"]) == (1, 1, 1, 1)
    code, found = run(app, "--prune")
    assert (code, found["pruned"]) == (0, 1)
    assert (old.exists(), new.exists(), foreign.exists()) == (False, True, True)
    assert run(app)[0] == 0


def test_the_nightly_job_prunes_and_fails_for_what_is_missing(app: Flask, stored: list[str]) -> None:
    old = leave(app, 3)
    with app.app_context():
        tasks.verify_files()
    assert not old.exists()
    path_of(app, stored[2]).unlink()
    with app.app_context(), pytest.raises(RuntimeError, match="flask files verify"):
        tasks.verify_files()


def test_the_nightly_job_deletes_nothing_when_much_is_left_over(app: Flask, stored: list[str]) -> None:
    """A database from an older backup knows none of the newer files: they must not go."""
    left = [leave(app, 3) for _ in range(tasks.MOST_PRUNED + 1)]
    with app.app_context(), pytest.raises(RuntimeError):
        tasks.verify_files()
    assert all(path.exists() for path in left)


def test_a_file_goes_along_when_its_owner_moves(app: Flask, stored: list[str]) -> None:
    with app.app_context(), transaction() as session:
        unit = session.scalars(select(SurveyUnit)).one()
        elsewhere = session.scalars(select(Location.id).where(Location.name == "Zone-02/Jauharabad/Ward-20/Block No 1"))
        target = elsewhere.one()
        session.execute(update(SurveyUnit).values(location_id=target))
        assert unit.id
    with app.app_context():
        places = set(db_session().scalars(select(StoredFile.location_id)))
        assert places == {target}

"""`flask demo` end to end: what the importers make of the files is what the generator says must come of them."""

from __future__ import annotations

import datetime as dt
import json
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, select, text

from portal.config import Settings
from portal.db import db, transaction
from portal.demo import load as loading
from portal.demo import office_edits
from portal.demo.cli import demo
from portal.demo.generate import MANIFEST, DemoOptions, generate
from portal.demo.passwords import demo_password
from portal.locations.models import Location
from portal.staff.models import Staff
from tests.demo import figures

ARGUMENTS = ["--units", "1500", "--months", "4", "--seed", "11", "--until", "2025-11"]
OPTIONS = DemoOptions(units=1_500, months=4, seed=11, today=dt.date(2025, 12, 15))

pytestmark = pytest.mark.slow


def settings_of(app: Flask) -> Settings:
    found: Settings = app.extensions["settings"]
    return found


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The generator's own account, with the files beside it."""
    folder = tmp_path_factory.mktemp("demo")
    return generate(folder, OPTIONS, lambda _line: None) | {"folder": folder}


@pytest.fixture(scope="module")
def filled(module_app: Flask) -> Flask:
    """An application whose database was filled by the command."""
    result = module_app.test_cli_runner().invoke(demo, ARGUMENTS)
    assert result.exit_code == 0, result.output
    return module_app


@pytest.fixture
def connection(filled: Flask) -> Iterator[Connection]:
    with filled.app_context(), db.engine.connect() as found:
        yield found


def test_every_row_of_every_file_came_out_as_expected(connection: Connection, manifest: dict[str, Any]) -> None:
    found = figures.imported_files(connection)
    assert list(found) == [entry["file"] for entry in manifest["files"]]
    for entry in manifest["files"]:
        expected = {key: value for key, value in entry.items() if key not in {"file", "tehsil", "downloaded"}}
        assert found[entry["file"]] == expected, entry["file"]


def test_bills_of_every_month_are_as_expected(connection: Connection, manifest: dict[str, Any]) -> None:
    expected = manifest["expected"]["months"]
    plain = {name: {k: v for k, v in month.items() if isinstance(v, int)} for name, month in expected.items()}
    assert figures.months(connection) == plain
    by_tehsil = figures.months_of_tehsils(connection)
    for (month, tehsil), found in by_tehsil.items():
        assert found == {key: expected[month]["by_tehsil"][tehsil][key] for key in found}
    assert {tehsil for _month, tehsil in by_tehsil} == {"Northgate", "Eastmarket", "Westbrook"}
    units = {name: {"billed": 0, "paid": 0} | month["units"] for name, month in expected.items()}
    assert figures.units_by_month(connection) == units


def test_money_by_day_is_as_expected(connection: Connection, manifest: dict[str, Any]) -> None:
    expected = manifest["expected"]["collected_by_day"]
    assert figures.collected_by_day(connection) == {
        day: {"posted": 0, "unmatched": 0} | found for day, found in expected.items()
    }


def test_sums_are_as_expected(connection: Connection, manifest: dict[str, Any]) -> None:
    found = figures.sums(connection)
    expected = manifest["expected"]
    assert found == {key: expected.get(key, 0) for key in found}
    assert found["pending_accounts"] > 0 and found["unmatched"] > 0 and found["outstanding"] > found["collected"] / 10


def test_importing_the_last_files_again_changes_nothing(filled: Flask, manifest: dict[str, Any]) -> None:
    with filled.app_context(), db.engine.connect() as connection:
        before = figures.sums(connection) | figures.months(connection)
        db.session.remove()
        for entry in {(entry["kind"], entry["tehsil"]): entry for entry in manifest["files"]}.values():
            summary = loading.import_one(
                manifest["folder"] / entry["file"], entry["kind"], OPTIONS, settings_of(filled)
            )
            assert summary["unchanged"] + summary["duplicates"] + summary["rejected"] == summary["rows"], entry["file"]
            assert summary["duplicates"] == entry["duplicates"] and summary["rejected"] == entry["rejected"]
        connection.rollback()
        assert figures.sums(connection) | figures.months(connection) == before


def test_the_office_has_edited_by_hand(filled: Flask, connection: Connection) -> None:
    """Something of each kind stands in the histories and in the audit log, with who and why; a second time nothing."""
    lines = connection.execute(
        text("SELECT action, actor, reason FROM audit_log WHERE action ~ '^(unit|account|location|correction)[.]'")
    ).all()
    found = {(line.action, line.actor) for line in lines}
    assert found >= {
        ("unit.edit", "admin"), ("account.edit", "admin"), ("unit.close", "manager"), ("location.edit", "admin"),
        ("correction.approve", "supervisor"), ("unit.edit", "supervisor"),
    }  # fmt: skip
    assert all(line.reason for line in lines if line.actor in {"admin", "manager"} and line.action != "location.name")
    fields = set(connection.scalars(text("SELECT field FROM record_changes WHERE source = 'EDIT'")))
    assert fields >= {"consumer_name", "mobile", "location_id", "closed"}
    names = "SELECT l.name, n.name FROM location_names n JOIN locations l ON l.id = n.location_id"
    assert any(new == f"{old.strip()} (Gulshan)" for new, old in connection.execute(text(names)))
    with filled.app_context(), transaction() as session:
        people = {staff.username: staff.id for staff in session.scalars(select(Staff))}
        assert office_edits.make(session, people, []) == 0


def test_demo_users_have_their_areas(filled: Flask) -> None:
    with filled.app_context(), transaction() as session:
        found = {staff.username: staff for staff in session.scalars(select(Staff))}
        assert {name: staff.role for name, staff in found.items()} == {
            "agent": "AGENT", "supervisor": "SUPERVISOR", "admin": "ADMIN", "manager": "MANAGER", "head": "HEAD",
        }  # fmt: skip
        areas = {
            name: [session.get_one(Location, area.location_id) for area in staff.areas] for name, staff in found.items()
        }
        assert [area.kind for area in areas["agent"]] == ["UNION_COUNCIL"]
        assert len(areas["supervisor"]) == 4 and areas["agent"][0] in areas["supervisor"]
        assert sorted(area.name for area in areas["admin"]) == ["Eastmarket", "Northgate"]
        assert [area.kind for area in areas["manager"]] == ["DISTRICT"]
        assert [area.kind for area in areas["head"]] == ["PROVINCE"]


def test_it_refuses_a_database_with_data(filled: Flask) -> None:
    result = filled.test_cli_runner().invoke(demo, ARGUMENTS)
    assert result.exit_code != 0
    assert "already has" in result.output


def test_an_interrupted_run_goes_on(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The import of a file fails (as if killed); the next run brings the rest, nothing twice."""
    arguments = ["--units", "60", "--months", "2", "--until", "2025-11"]
    real = loading.import_one
    taken: list[str] = []

    def ends_early(path: Path, kind: str, options: DemoOptions, settings: Settings) -> dict[str, Any]:
        if len(taken) == 6:
            raise KeyboardInterrupt
        taken.append(path.name)
        return real(path, kind, options, settings)

    monkeypatch.setattr(loading, "import_one", ends_early)
    assert app.test_cli_runner().invoke(demo, arguments).exit_code != 0
    monkeypatch.setattr(loading, "import_one", real)
    left = settings_of(app).instance_dir / f"{loading.FOLDER}killed"
    left.mkdir()
    # Without options: those of the interrupted run count.
    result = app.test_cli_runner().invoke(demo, [])
    assert result.exit_code == 0, result.output
    with app.app_context(), db.engine.connect() as connection:
        done = connection.execute(text("SELECT file_name, count(*) FROM import_batches GROUP BY 1")).all()
        assert {count for _name, count in done} == {1}
        assert set(taken) < {name for name, _count in done}
    assert loading.unfinished(settings_of(app)) is None
    assert not left.exists() and not list(settings_of(app).instance_dir.glob(f"{loading.FOLDER}*"))


def test_files_only(app: Flask, tmp_path: Path) -> None:
    result = app.test_cli_runner().invoke(demo, ["--files", str(tmp_path / "out"), "--units", "30", "--months", "1"])
    assert result.exit_code == 0, result.output
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text(encoding="utf-8"))
    assert {entry["file"] for entry in manifest["files"]} < {path.name for path in (tmp_path / "out").iterdir()}
    with app.app_context(), db.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM import_batches")).scalar_one() == 0


@pytest.mark.parametrize("until", ["2999-01", "November", "2025-13"])
def test_a_cycle_that_cannot_be(app: Flask, until: str) -> None:
    result = app.test_cli_runner().invoke(demo, ["--until", until])
    assert result.exit_code == 2
    assert "--until" in result.output


def test_the_password_is_kept_private(app: Flask, tmp_path: Path) -> None:
    settings = replace(settings_of(app), instance_dir=tmp_path, demo_password=None)
    password = demo_password(settings)
    assert len(password) >= 12 and password.isalnum() and demo_password(settings) == password
    assert stat.S_IMODE((tmp_path / "demo_password").stat().st_mode) == 0o600
    assert demo_password(replace(settings, demo_password="given")) == "given"


def test_two_at_once_make_it_once(app: Flask) -> None:
    """The second waits for the first, and then refuses the database it filled."""
    arguments = ["--units", "20", "--months", "1", "--until", "2025-11"]
    waiting = threading.Event()
    result: list[Any] = []
    settings = settings_of(app)
    with loading.only_one(settings, lambda _line: None):
        second = threading.Thread(target=lambda: result.append(_wait_for_turn(settings, waiting)), daemon=True)
        second.start()
        assert waiting.wait(10) and not result
        with app.app_context():
            manifest = generate(settings.instance_dir / "own", _options(20, 1), lambda _line: None)
            loading.load(settings.instance_dir / "own", manifest, _options(20, 1), settings, lambda _line: None)
    second.join(10)
    assert result == ["had its turn"]
    again = app.test_cli_runner().invoke(demo, arguments)
    assert again.exit_code == 1 and "already has" in again.output


def _options(units: int, months: int) -> DemoOptions:
    return DemoOptions(units=units, months=months, seed=7, today=dt.date(2025, 12, 15))


def _wait_for_turn(settings: Settings, waiting: threading.Event) -> str:
    with loading.only_one(settings, lambda _line: waiting.set()):
        return "had its turn"

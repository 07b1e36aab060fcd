"""Fixtures for all tests: real PostgreSQL, the real application, real logins.

`app`, `client`, `login_as`: an application on a database that is fresh for every test.
`module_app`: the same, but fresh once per module, for tests that share data made by a module fixture.
`db_session`: a session inside a transaction that is rolled back, for services and selects; what the code does on
connections of its own (`side_transaction`, `read_snapshot`) does not see it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.db import db
from portal.extensions import cache, limiter
from portal.factory import create_app
from portal.permissions import Role
from portal.web.context import SETTINGS_PROVIDER
from tests.support import people
from tests.support.servers import Databases, running_databases

pytest_plugins = ["tests.support.browser", "tests.support.nothing_skipped"]

TESTS = Path(__file__).parent
# What touches the database's own ways, and therefore also runs on PostgreSQL 15: of these folders the tests that have
# a database. Not those of killed workers: they prove our queue, on locks and the end of a client's transaction, in
# which 15 and 18 do not differ; a killed client and a killed worker are tried on 15 in test_concurrency and in jobs.
PG15_FOLDERS = {"imports", "migrations", "rollups", "billing", "payments", "locations", "units", "verify", "jobs"}
NOT_PG15 = {"imports/test_worker_killed.py", "payments/test_move_worker_killed.py"}
# Files that take most of a minute or more, the longest first.
LONG = (
    "infra/test_run.py",
    "security/test_requests.py",
    "imports/test_order.py",
    "payments/test_move_worker_killed.py",
    "imports/test_worker_killed.py",
    "field/test_phone_supervisor.py",
    "field/test_phone_agent.py",
    "dash/test_browser.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs on 15; fast tests first, browser tests last; of each kind the longest files first.

    A file stays in one process: one that took minutes and began last would have the others wait for it.
    """
    for item in items:
        path = item.path.relative_to(TESTS)
        has_database = "databases" in getattr(item, "fixturenames", ())
        if has_database and path.parts[0] in PG15_FOLDERS and path.as_posix() not in NOT_PG15:
            item.add_marker(pytest.mark.pg15)

    def rank(item: pytest.Item) -> tuple[int, int]:
        path = item.path.relative_to(TESTS).as_posix()
        place = LONG.index(path) if path in LONG else len(LONG)
        if item.get_closest_marker("browser"):
            return 2, place
        return (1 if item.get_closest_marker("slow") else 0), place

    items.sort(key=rank)


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """The database server of the session."""
    with running_databases() as running:
        yield running


def _fresh(app: Flask, databases: Databases, name: str) -> None:
    """Give an app a fresh database under the same name, and forget what it had cached or stored of the old one."""
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
        databases.create(name)
        cache.clear()
        limiter.reset()
        app.extensions[SETTINGS_PROVIDER].forget()
        settings = app.extensions["settings"]
        for folder in (settings.files_dir, settings.uploads_dir):
            shutil.rmtree(folder, ignore_errors=True)


def _app_on(databases: Databases, name: str) -> Iterator[Flask]:
    databases.create(name)
    app = create_app(databases.settings(name))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="session")
def _each_app(databases: Databases) -> Iterator[Flask]:
    yield from _app_on(databases, "portal_each")


@pytest.fixture
def app(_each_app: Flask, databases: Databases) -> Flask:
    """The application, on a database without data that is this test's own."""
    _fresh(_each_app, databases, "portal_each")
    return _each_app


@pytest.fixture(scope="session")
def _shared_app(databases: Databases) -> Iterator[Flask]:
    yield from _app_on(databases, "portal_module")


@pytest.fixture(scope="module")
def module_app(_shared_app: Flask, databases: Databases) -> Flask:
    """The application, on a database without data that is this module's own."""
    _fresh(_shared_app, databases, "portal_module")
    return _shared_app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Nobody's browser."""
    return app.test_client()


LoginAs = Callable[..., FlaskClient]


@pytest.fixture
def login_as(app: Flask) -> LoginAs:
    """`login_as(role, areas=None) -> client`: a new staff member's browser; areas are location ids, None is all."""

    def login(role: Role | str, areas: list[int] | None = None) -> FlaskClient:
        return people.sign_in(app.test_client(), people.add_staff(app, role, areas))

    return login


@pytest.fixture(scope="session")
def _transaction_app(databases: Databases) -> Iterator[Flask]:
    yield from _app_on(databases, "portal_transaction")


@pytest.fixture
def db_session(_transaction_app: Flask) -> Iterator[Session]:
    """The session of an app context; whatever it commits is rolled back at the end."""
    app = _transaction_app
    with app.app_context():
        engines = db.engines
        engine = engines[None]
        with engine.connect() as connection:
            outer = connection.begin()
            engines[None] = connection  # type: ignore[assignment]
            db.session.configure(join_transaction_mode="create_savepoint")
            try:
                yield db.session()
            finally:
                db.session.remove()
                db.session.configure(join_transaction_mode="conditional_savepoint")
                engines[None] = engine
                outer.rollback()

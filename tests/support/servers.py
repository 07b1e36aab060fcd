"""The database server of a test session: a throw-away cluster, a migrated template, and quick copies of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg2
import pytest
from flask_migrate import upgrade

from portal import embedded
from portal.cluster import Cluster
from portal.config import Settings
from portal.factory import create_app

PREFIX = "portal-test-"
TEMPLATE = "portal_template"
MEMORY, DISK = Path("/dev/shm"), Path("/tmp")
ROOM = 4 << 30  # bytes that must be free for a server in memory
MANY_REQUESTS = 1_000_000  # tests are faster than any person
# The bills of the tests are of these months. Migrations make partitions of the year before the day they run only.
_PARTITIONS = """
SELECT ensure_bill_partition(month::date) FROM generate_series(date '2025-11-01', '2026-11-01', '1 month') AS month
"""
DEBIAN_BIN = Path("/usr/lib/postgresql/15/bin")


class Databases:
    """Makes databases for tests. Each is a copy of one migrated template, made in well under a second."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self._has_template = False

    def settings(self, database: str) -> Settings:
        """Settings of an app on this database, with an instance folder of its own."""
        instance = self.folder / f"instance-{database}"
        instance.mkdir(mode=0o700, exist_ok=True)
        return Settings(
            instance_dir=instance,
            database_url=self.cluster.url(database),
            secret_key="a-secret-key-for-tests-only-0123456789",
            bcrypt_cost=4,
            requests_per_minute=MANY_REQUESTS,
            testing=True,
        )

    def environment(self, settings: Settings, **more: str) -> dict[str, str]:
        """The same for a process of its own."""
        kept = {k: v for k, v in os.environ.items() if k not in {"PORT", "HOST", "DEMO_PASSWORD", "REDIS_URL"}}
        return kept | {
            "INSTANCE_DIR": str(settings.instance_dir),
            "DATABASE_URL": settings.database_url or "",
            "SECRET_KEY": settings.secret_key,
            "BCRYPT_COST": "4",
            "REQUESTS_PER_MINUTE": str(MANY_REQUESTS),
            "PORTAL_TESTING": "1",
            **more,
        }

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement outside a transaction."""
        with contextlib.closing(psycopg2.connect(self.cluster.dsn(database))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)

    def create_empty(self, name: str) -> None:
        """A database without any tables."""
        self.drop(name)
        self.execute(f"CREATE DATABASE {name}")

    def create(self, name: str) -> None:
        """A migrated database without data; an older one of the same name is thrown away."""
        if not self._has_template:
            self.create_empty(TEMPLATE)
            app = create_app(self.settings(TEMPLATE))
            with app.app_context():
                upgrade()
                from portal.db import db

                db.session.remove()
                db.engine.dispose()
            self.execute(_PARTITIONS, TEMPLATE)
            self._has_template = True
        self.drop(name)
        # Copying the files takes half the time of writing them through the log, which is the server's own choice.
        self.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")

    def dump(self, name: str, path: Path) -> None:
        """Write a database into a file, for `restore` on another server of the same version."""
        self._run("pg_dump", "--format=custom", "--compress=none", "--file", str(path), self.cluster.dsn(name))

    def restore(self, name: str, path: Path) -> None:
        """A database out of such a file."""
        self.create_empty(name)
        self._run("pg_restore", "--exit-on-error", "--no-owner", "--dbname", self.cluster.dsn(name), str(path))
        self.execute("ANALYZE", name)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.cluster.bin_dir / program), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr

    def drop(self, name: str) -> None:
        """Throw a database away, whoever is connected."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextlib.contextmanager
def running_databases() -> Iterator[Databases]:
    """The server of this session: the embedded PostgreSQL 18, or with TEST_PG=15 Debian's."""
    _clear_old()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_place()))
    lock = os.open(folder / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    cluster = _cluster(folder)
    try:
        cluster.start()
        yield Databases(cluster, folder)
    finally:
        cluster.stop()
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def _place() -> Path:
    """In memory where there is plenty of it: a copy of a database takes a quarter of the time there."""
    with contextlib.suppress(OSError):
        if min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) >= ROOM:
            return MEMORY
    return DISK


def _cluster(folder: Path) -> Cluster:
    conf = embedded.test_conf() | {"max_wal_size": "512MB"}
    if os.environ.get("TEST_PG") == "15":
        if not (DEBIAN_BIN / "postgres").exists():
            pytest.skip("PostgreSQL 15 is not installed: apt-get install postgresql-15")
        return Cluster(DEBIAN_BIN, 15, folder / "postgres", folder / "postgres", conf)
    return Cluster(embedded.programs(), 18, folder / "postgres", folder / "postgres", conf)


def _clear_old() -> None:
    """Stop and remove what killed sessions left behind."""
    for folder in (*MEMORY.glob(f"{PREFIX}*"), *DISK.glob(f"{PREFIX}*")):
        try:
            lock = os.open(folder / "owner.lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            version = int((folder / "postgres" / "PG_VERSION").read_text())
            bin_dir = DEBIAN_BIN if version == 15 else embedded.programs()
            Cluster(bin_dir, version, folder / "postgres", folder / "postgres").stop()
            shutil.rmtree(folder, ignore_errors=True)
        except (OSError, ValueError):
            pass  # in use, or gone meanwhile
        finally:
            os.close(lock)


def on(settings: Settings, **changes: object) -> Settings:
    """The settings with some changed."""
    return replace(settings, **changes)  # type: ignore[arg-type]

"""The database server of the benchmarks: a cluster of its own on a unix socket, and copies of databases."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2

from portal import embedded
from portal.cluster import Cluster
from portal.config import Settings

DEBIAN_BIN = Path("/usr/lib/postgresql/15/bin")
MANY_REQUESTS = 1_000_000  # measuring and attacking are faster than any person
PASSWORD = "benchmarks-only-7"  # of the demo users; the server is reachable by its socket's folder only


class Server:
    """A running cluster. `psql` is a client program, None when there is none on this machine."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self.cluster = cluster
        self.settings = settings
        self.psql = next((p for p in (cluster.bin_dir / "psql", Path("/usr/bin/psql")) if p.exists()), None)

    @contextlib.contextmanager
    def connect(self, database: str = "postgres") -> Iterator[Any]:
        """A plain connection in autocommit mode, configured like the portal's."""
        connection = psycopg2.connect(self.cluster.dsn(database), connect_timeout=60)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET TIME ZONE 'Asia/Karachi'; SET jit = off")
            yield connection
        finally:
            connection.close()

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement outside a transaction; its rows, if it has any."""
        with self.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def exists(self, database: str) -> bool:
        return bool(self.execute(f"SELECT 1 FROM pg_database WHERE datname = '{database}'"))

    def drop(self, database: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def copy(self, source: str, target: str) -> None:
        """`target` becomes a copy of `source`, as files: a copy through the WAL would be slower and leave it full."""
        self.drop(target)
        self.execute(f"CREATE DATABASE {target} TEMPLATE {source} STRATEGY FILE_COPY")
        self.execute("CHECKPOINT")

    def environment(self, database: str, **more: str) -> dict[str, str]:
        """The environment of a process of the portal on this database."""
        kept = {k: v for k, v in os.environ.items() if k not in {"REDIS_URL", "PORTAL_MANAGED", "PORT", "HOST"}}
        return kept | {
            "INSTANCE_DIR": str(self.settings.instance_dir),
            "DATABASE_URL": self.cluster.url(database),
            "MAX_IMPORT_MIB": "2048",
            "BCRYPT_COST": "4",
            "REQUESTS_PER_MINUTE": str(MANY_REQUESTS),
            "SECRET_KEY": self.settings.secret_key,
            **more,
        }

    def on(self, database: str) -> Settings:
        """Settings of an app on this database, with a folder and so a cache of its own."""
        folder = self.settings.instance_dir / "apps" / database
        folder.mkdir(parents=True, exist_ok=True)
        return replace(
            self.settings, instance_dir=folder, database_url=self.cluster.url(database), bcrypt_cost=4,
            max_import_mib=2048, requests_per_minute=MANY_REQUESTS,
        )  # fmt: skip

    @property
    def version(self) -> str:
        return str(self.execute("SHOW server_version")[0][0])


@contextlib.contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """Debian's PostgreSQL 15 where it is installed, else the embedded 18, with the embedded server's configuration.

    Durable as in real use (fsync and synchronous commit are on). Stopped at the end.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    settings = Settings(folder, None, "a-secret-key-for-benchmarks-only-0123456789", demo_password=PASSWORD)
    cluster = embedded.cluster_of(settings)
    # The floor and the import run with the same settings; a checkpoint in the middle of one of them would be luck.
    conf = {**cluster.conf, "max_wal_size": "16GB", "logging_collector": "off"}
    debian = (DEBIAN_BIN / "postgres").exists()
    data_dir = folder / ("postgres15" if debian else "postgres18")
    cluster = replace(
        cluster,
        bin_dir=DEBIAN_BIN if debian else cluster.bin_dir,
        major=15 if debian else cluster.major,
        data_dir=data_dir,
        socket_dir=data_dir if len(str(data_dir)) < 80 else cluster.socket_dir,
        conf=conf,
    )
    if cluster.postmaster() is not None:  # left by a run that was killed
        cluster.stop()
    cluster.start()
    try:
        yield Server(cluster, settings)
    finally:
        cluster.stop()

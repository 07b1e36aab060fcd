"""Real worker processes in tests, to be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from flask import Flask

from tests.support.servers import Databases


def start_worker(app: Flask, databases: Databases) -> subprocess.Popen[bytes]:
    """A worker on the app's database."""
    return subprocess.Popen(
        [sys.executable, "-m", "portal.worker"],
        env=databases.environment(app.extensions["settings"]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for(condition: Callable[[], bool], seconds: float = 240) -> None:
    """Return when it holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)

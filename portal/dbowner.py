"""The database owner: keeps the embedded server running, and stops it cleanly when told to stop.

    python -m portal.dbowner

A process of its own, so that neither the web nor the worker takes the server with it when it dies.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

from portal import embedded
from portal.config import load_settings
from portal.errors import ConfigurationError

POLL_SECONDS = 0.5


def main() -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    try:
        settings = load_settings()
        embedded.ensure_running(settings)
        print(f"database owner: PostgreSQL runs in {settings.instance_dir}", flush=True)
        cluster = embedded.cluster_of(settings)
        while not stop.wait(POLL_SECONDS):
            if cluster.postmaster() is None:
                print("database owner: PostgreSQL is gone, starting it again", flush=True)
                embedded.ensure_running(settings)
        stopped = embedded.leave(settings)
        print("database owner: PostgreSQL stopped" if stopped else "database owner: others still use PostgreSQL")
    except ConfigurationError as error:
        print(f"database owner: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

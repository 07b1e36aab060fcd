"""One import in a process of its own: `python -m benchmarks.importing FILE KIND`; prints its cost as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from benchmarks.dataset import TODAY
from benchmarks.floors import server_cpu
from portal.db import session, transaction
from portal.factory import create_app
from portal.imports.cli import settings_for_imports
from portal.imports.outcome import ImportOptions
from portal.imports.service import Actor, import_file


def own_peak_mib() -> int:
    """Most resident memory this process has had. Not `ru_maxrss`, which begins with that of the parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


def main(path: Path, kind: str) -> None:
    app = create_app()
    with app.app_context():
        connection = session().connection().connection.dbapi_connection
        pid = connection.info.backend_pid  # type: ignore[union-attr]
        own, used, started = time.process_time(), server_cpu(pid), time.perf_counter()
        with transaction() as current:
            outcome = import_file(
                current,
                path,
                kind=kind,
                options=ImportOptions(),
                settings=settings_for_imports(app.extensions["settings"]),
                actor=Actor.system(),
                today=TODAY,
            )
        seconds = time.perf_counter() - started
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = server_cpu(pid) - used + time.process_time() - own + children.ru_utime + children.ru_stime
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu": cpu,
                "peak_mib": own_peak_mib(),
                "reader_mib": children.ru_maxrss // 1024,
                **outcome.counts.as_json(),
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

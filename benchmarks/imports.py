"""Imports of one biller list of the whole set against COPY and plain SQL, in pairs on fresh copies of a database."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.dataset import Dataset, app_on
from benchmarks.floors import FIRST, MONTHLY, Cost, run_floor
from benchmarks.server import Server
from benchmarks.table import Line
from portal.billing.cycles import cycle_of
from portal.db import read_snapshot
from portal.demo.writers import XlsxSink
from portal.verify.service import verify

Report = Callable[[str], None]
CSV_MIB, READER_MIB, GOAL = 300, 600, 2.0


def run(server: Server, data: Dataset, runs: int, report: Report) -> list[Line]:
    month = cycle_of(data.options.today, data.options.cycle_start_day).isoformat()
    lines = []
    peak = 0
    for name, source, statements in (
        ("first biller list, no accounts yet", data.surveys, FIRST),
        ("monthly biller list on 11 months", data.eleven, MONTHLY),
    ):
        floors: list[Cost] = []
        costs: list[Cost] = []
        for _ in range(runs):
            server.copy(source, "bench_floor")
            floors.append(run_floor(server, "bench_floor", data.merged, month, statements))
            server.copy(source, "bench_import")
            found = import_apart(server, "bench_import", data.merged)
            costs.append(Cost(found["seconds"], found["cpu"], peak_mib=int(found["peak_mib"])))
            report(f"{name}: {floors[-1]} {costs[-1]}")
        ratio = median(cost.seconds / floor.seconds for cost, floor in zip(costs, floors, strict=True))
        by_cpu = median(cost.cpu / floor.cpu for cost, floor in zip(costs, floors, strict=True))
        peak = max(peak, *(cost.peak_mib for cost in costs))
        lines.append(
            Line(
                f"{name}, {data.rows:,} rows of CSV",
                f"<= {GOAL} x",
                f"{median(f.seconds for f in floors):.1f} s (CPU {median(f.cpu for f in floors):.1f} s)",
                f"{median(c.seconds for c in costs):.1f} s (CPU {median(c.cpu for c in costs):.1f} s, {by_cpu:.2f} x)",
                ratio,
                ratio <= GOAL,
            )
        )
        lines.append(_verified(server, "bench_import", name))
    memory = "memory of the importing process (CSV)"
    lines.append(Line(memory, f"< {CSV_MIB} MiB", "", f"{peak} MiB", None, peak < CSV_MIB))
    lines += _workbook(server, data, report)
    server.drop("bench_floor")
    server.drop("bench_import")
    return lines


def import_apart(server: Server, database: str, path: Path, kind: str = "biller") -> dict[str, float]:
    """Import in a process of its own; what it said of its cost."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.importing", str(path), kind],
        env=server.environment(database) | {"PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        check=True,
        timeout=1800,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _verified(server: Server, database: str, name: str) -> Line:
    with app_on(server, database), read_snapshot(timeout_ms=600_000) as connection:
        found = verify(connection)
    return Line(f"`flask verify` after the {name}", "0 differences", "", f"{found.total}", None, found.total == 0)


def _workbook(server: Server, data: Dataset, report: Report) -> list[Line]:
    """The same rows as a workbook, into the same database; also how much more it costs than CSV."""
    book = data.merged.with_suffix(".xlsx")
    if not book.exists():
        with data.merged.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle)
            sink = XlsxSink(book, next(reader), "Biller")
            for row in reader:
                sink.add(row)
            sink.close()
    server.copy(data.surveys, "bench_import")
    found = import_apart(server, "bench_import", book)
    report(f"workbook: {found}")
    own, reader_mib = int(found["peak_mib"]), int(found["reader_mib"])
    return [
        Line(
            f"the same {data.rows:,} rows as a workbook: its reader's memory (a process of its own)",
            f"< {READER_MIB} MiB",
            "",
            f"{reader_mib} MiB (importing process {own} MiB; {found['seconds']:.1f} s)",
            None,
            reader_mib < READER_MIB and own < CSV_MIB,
        )
    ]

"""Downloads of one month's bill register: CSV against `psql \\copy` of the same query, Excel against the CSV."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from statistics import median

from benchmarks.dataset import Dataset, served_app
from benchmarks.pages import Browser
from benchmarks.server import Server
from benchmarks.table import Line
from portal.billing.cycles import cycle_of
from portal.db import read_snapshot
from portal.permissions import AreaScope, PersonalSight
from portal.reports.catalogue import find_report
from portal.reports.reader import open_query
from portal.reports.report import all_rows
from portal.web.copying import render

GOAL, EXCEL_GOAL = 1.5, 5.0


def run(server: Server, data: Dataset, runs: int, report: Callable[[str], None]) -> list[Line]:
    cycle = cycle_of(data.options.today, data.options.cycle_start_day)
    url = f"/reports/bill-register.csv?cycle={cycle:%Y-%m}"
    if server.psql is None:
        return [Line("CSV download", f"<= {GOAL} x", "no psql on this machine", "not measured", None, False)]
    floors, csvs, books = [], [], []
    rows = size = 0
    with served_app(server, data.whole) as app:
        browser = Browser(app, "head")
        with app.app_context():
            query = _query(data, f"{cycle:%Y-%m}")
        for _ in range(runs):
            floors.append(_psql(server, data.whole, query))
            started = time.perf_counter()
            rows = size = 0
            with browser.client.get(url, buffered=False) as response:
                assert response.status_code == 200, f"{url} answered {response.status_code}"
                for chunk in response.iter_encoded():
                    rows += chunk.count(b"\n")
                    size += len(chunk)
            csvs.append(time.perf_counter() - started)
            started = time.perf_counter()
            with browser.client.get(url.replace(".csv", ".xlsx"), buffered=False) as response:
                assert response.status_code == 200, f"{url} answered {response.status_code}"
                for _chunk in response.iter_encoded():
                    pass
            books.append(time.perf_counter() - started)
            report(f"psql {floors[-1]:.2f} s, CSV {csvs[-1]:.2f} s, Excel {books[-1]:.2f} s")
    ratio = median(ours / floor for ours, floor in zip(csvs, floors, strict=True))
    excel = median(book / ours for book, ours in zip(books, csvs, strict=True))
    return [
        Line(
            f"CSV of {rows - 1:,} bills ({size >> 20} MiB)",
            f"<= {GOAL} x",
            f"`psql \\copy` {median(floors):.2f} s",
            f"{median(csvs):.2f} s",
            ratio,
            ratio <= GOAL,
        ),
        Line(
            "the same as Excel",
            f"<= {EXCEL_GOAL} x CSV",
            f"CSV {median(csvs):.2f} s",
            f"{median(books):.2f} s",
            excel,
            excel <= EXCEL_GOAL,
        ),
    ]


def _query(data: Dataset, cycle: str) -> str:
    """The report's rows and order on one line. Without the download's rules for cells: the floor is the plain query."""
    with read_snapshot() as connection:
        query = open_query(
            connection,
            find_report("bill-register"),
            {"cycle": cycle},
            AreaScope.everywhere(),
            cycle_start_day=data.options.cycle_start_day,
            sight=PersonalSight(everybody=True),
            language="en",
        )
        return " ".join(render(all_rows(query), connection.connection.dbapi_connection).split())


def _psql(server: Server, database: str, query: str) -> float:
    """Seconds of `psql \\copy` of the query to a file, with the settings the download has."""
    settings = "-c jit=off -c timezone=Asia/Karachi -c max_parallel_workers_per_gather=0 -c work_mem=64MB"
    target = server.settings.instance_dir / "floor.csv"
    started = time.perf_counter()
    subprocess.run(
        [str(server.psql), "-X", "-q", server.cluster.dsn(database), "-c", f"\\copy ({query}) TO '{target}' WITH CSV"],
        env={"PGOPTIONS": settings, "PATH": os.environ.get("PATH", "")},
        check=True,
        timeout=600,
    )
    elapsed = time.perf_counter() - started
    target.unlink()
    return elapsed

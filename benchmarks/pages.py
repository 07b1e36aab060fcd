"""Pages, callbacks and grid blocks through the WSGI application: time, and queries per answer."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text

from benchmarks.dataset import Dataset, served_app
from benchmarks.server import PASSWORD, Server
from benchmarks.table import Line, percentile
from portal.billing.cycles import cycle_of
from portal.db import db, read_snapshot
from portal.extensions import cache
from portal.web.pages import make_cursor

_OVERVIEW = "/dash/overview/_dash-update-component"
_REPORTS = "/dash/reports/_dash-update-component"
_ROWS = "..rp-grid.getRowsResponse...rp-ends.data...rp-note.children.."
CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
QUERIES = 12


class Browser:
    """A signed-in client that times its requests and counts the statements they send."""

    def __init__(self, app: Flask, username: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.statements = 0
        self.cpu: list[float] = []  # milliseconds of this process, of each request
        with app.app_context():
            event.listen(db.engine, "before_cursor_execute", self._count)
        token = CSRF.search(self.client.get("/login").get_data(as_text=True))
        assert token, "the login page has no form"
        form = {"username": username, "password": PASSWORD, "csrf_token": token[1]}
        answer = self.client.post("/login", data=form)
        assert answer.status_code == 303, f"login answered {answer.status_code}"

    def _count(self, *_arguments: Any) -> None:
        self.statements += 1

    def timed(self, path: str, body: dict[str, Any] | None = None) -> tuple[float, int, Any]:
        """(milliseconds, statements, response) of a GET, or of a POST of JSON."""
        before, started, used = self.statements, time.perf_counter(), time.process_time()
        response = self.client.get(path) if body is None else self.client.post(path, json=body)
        response.get_data()
        elapsed = 1000 * (time.perf_counter() - started)
        self.cpu.append(1000 * (time.process_time() - used))
        assert response.status_code == 200, f"{path} answered {response.status_code}"
        return elapsed, self.statements - before, response

    def median_cpu(self) -> str:
        """What the application's process computed for a request, in the median since the last call."""
        taken, self.cpu = self.cpu, []
        return f"{median(taken):.0f} ms of CPU"

    def overview_output(self) -> str:
        """The callback that makes the page, as the page finds it."""
        _, _, response = self.timed("/dash/overview/_dash-dependencies")
        return next(str(one["output"]) for one in response.get_json() if "ov-tiles.children" in one["output"])


def _pairs(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": k.rsplit(".", 1)[0], "property": k.rsplit(".", 1)[1], "value": v} for k, v in values.items()]


def callback(output: str, inputs: dict[str, Any], state: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the browser posts."""
    outputs = [dict(zip(("id", "property"), o.rsplit(".", 1), strict=True)) for o in output.strip(".").split("...")]
    return {
        "output": output,
        "outputs": outputs,
        "inputs": _pairs(inputs),
        "state": _pairs(state or {}),
        "changedPropIds": [next(iter(inputs))],
    }


def run(server: Server, data: Dataset, runs: int, report: Callable[[str], None]) -> list[Line]:
    cycle = cycle_of(data.options.today, data.options.cycle_start_day)
    with served_app(server, data.whole) as app:
        browser = Browser(app, "head")
        floor = median(browser.timed("/session")[0] for _ in range(30))
        report(f"signed-in plain answer {floor:.1f} ms")
        with app.app_context(), read_snapshot() as connection:
            areas = list(
                connection.scalars(text("SELECT id FROM locations WHERE kind IN ('DISTRICT', 'TEHSIL') ORDER BY id"))
            )
        searches = [f"?cycle={cycle:%Y-%m}"]
        searches += [f"?cycle={cycle:%Y-%m}&area={area}" for area in areas]
        searches += [f"?cycle={cycle:%Y-%m}&use={use}" for use in ("DOMESTIC", "COMMERCIAL")]
        return [
            *_overview(app, browser, searches, floor, runs, report),
            *_lists(app, browser, floor, runs, report),
            *_grid(browser, f"?cycle={cycle:%Y-%m}", data, floor, runs, report),
            *_everything(app, browser, report),
        ]


def _overview(
    app: Flask, browser: Browser, searches: list[str], floor: float, runs: int, report: Callable[[str], None]
) -> list[Line]:
    output = browser.overview_output()

    def ask(search: str) -> float:
        return browser.timed(_OVERVIEW, callback(output, {"ov-url.search": search}))[0]

    for search in searches:  # code paths, connections and the server's own memory are warm, the figures will not be
        ask(search)
    cold: list[float] = []
    browser.cpu = []
    for _ in range(runs):
        for search in searches:
            with app.app_context():
                cache.clear()
            cold.append(ask(search))
    cold_cpu = browser.median_cpu()
    for search in searches:
        ask(search)
    browser.cpu = []
    warm = [ask(search) for _ in range(10 * runs) for search in searches]
    warm_cpu = browser.median_cpu()
    report(f"overview: cold median {median(cold):.0f} ms, warm median {median(warm):.0f} ms")
    limit = f"plain signed-in answer {floor:.1f} ms"
    lines = []
    for name, values, goal, cpu in (("warm", warm, 60, warm_cpu), ("empty cache", cold, 300, cold_cpu)):
        p95 = percentile(values, 0.95)
        shown = f"p95 {p95:.0f} ms, median {median(values):.0f} ms of {len(values)}; {cpu}"
        lines.append(Line(f"dashboard callback, {name}", f"p95 < {goal} ms", limit, shown, None, p95 < goal))
    return lines


def _lists(app: Flask, browser: Browser, floor: float, runs: int, report: Callable[[str], None]) -> list[Line]:
    """The first page, one from the middle and one from the end; cursors as the lists make them."""
    lines = []
    for path, table in (("/units/", "survey_units"), ("/accounts/", "accounts")):
        with app.app_context(), read_snapshot() as connection:
            places = connection.execute(
                text(f"SELECT location_id, max(id) AS last FROM {table} GROUP BY 1 ORDER BY 1")
            ).all()
        depths = {"first page": path}
        with app.test_request_context():
            for name, place in (("middle", places[len(places) // 2]), ("deep", places[-1])):
                depths[name] = f"{path}?cursor={make_cursor(f'places:{table}', False, (place[0], place[1] - 60))}"
        shown, worst = [], 0.0
        browser.cpu = []
        for name, url in depths.items():
            values = [browser.timed(url)[0] for _ in range(10 * runs)][2:]
            worst = max(worst, percentile(values, 0.95))
            shown.append(f"{name} {median(values):.0f}")
        report(f"{path}: {shown}")
        limit = f"plain signed-in answer {floor:.1f} ms"
        measured = f"median {', '.join(shown)} ms; worst p95 {worst:.0f} ms; {browser.median_cpu()}"
        lines.append(Line(f"list page `{path}`", "<= 60 ms at any depth", limit, measured, None, worst <= 60))
    return lines


def _grid(
    browser: Browser, search: str, data: Dataset, floor: float, runs: int, report: Callable[[str], None]
) -> list[Line]:
    """Blocks of the bill register's grid; one far down is found by a jump and continued by keyset."""

    def block(start: int, ends: Any, name: str = "bill-register") -> tuple[float, Any]:
        state = {"rp-url.pathname": f"/dash/reports/{name}", "rp-url.search": search, "rp-ends.data": ends}
        request = {"startRow": start, "endRow": start + 100, "sortModel": []}
        elapsed, _, response = browser.timed(_REPORTS, callback(_ROWS, {"rp-grid.getRowsRequest": request}, state))
        answer = response.get_json()["response"]
        assert answer["rp-grid"]["getRowsResponse"]["rowData"], f"no rows at {start}"
        return elapsed, answer["rp-ends"]["data"]

    shown, worst = [], 0.0
    browser.cpu = []
    for name, start in (("first block", 0), ("middle", data.rows // 3), ("deep", int(data.rows * 0.6))):
        jump, ends = (0.0, None)
        if start:
            jump, ends = block(start - 100, None)
        values = [block(start, ends)[0] for _ in range(10 * runs)][2:]
        worst = max(worst, percentile(values, 0.95))
        shown.append(f"{name} {median(values):.0f}" + (f" (a jump there once {jump:.0f})" if start else ""))
    report(f"grid: {shown}")
    measured = f"median {', '.join(shown)} ms; worst p95 {worst:.0f} ms; {browser.median_cpu()}"
    limit = f"plain signed-in answer {floor:.1f} ms"
    work = "grid block of the bill register (100 rows)"
    return [Line(work, "<= 60 ms at any depth", limit, measured, None, worst <= 60)]


def _everything(app: Flask, browser: Browser, report: Callable[[str], None]) -> list[Line]:
    """Queries of every page, and the time of searches."""
    with app.app_context(), read_snapshot() as connection:
        one = connection.execute(
            text(
                "SELECT a.psid, a.survey_id, a.mobile, a.consumer_name FROM accounts a JOIN survey_units u"
                " ON u.id = a.unit_id WHERE a.mobile IS NOT NULL AND a.consumer_name ~ '^[A-Za-z ]+$'"
                " ORDER BY a.id LIMIT 1"
            )
        ).one()
        batch = connection.scalar(text("SELECT max(id) FROM import_batches WHERE kind = 'biller'"))
    words = one.consumer_name.split()[0]
    searches = [one.psid, one.survey_id, one.mobile, words, words[:4]]
    pages = [
        "/home", "/me", "/units/", "/accounts/", f"/units/{one.survey_id}", f"/accounts/{one.psid}", "/imports/",
        f"/imports/{batch}", "/places/", "/billing/move", "/reports/", "/dash/overview/", "/dash/reports/bill-register",
        "/dash/reports/payment-register", "/dash/reports/daily-collection", "/dash/reports/pending-sync",
        "/dash/reports/unmatched-payments", "/dash/reports/field-visits",
    ]  # fmt: skip
    counts: dict[str, int] = {}
    slow: dict[str, float] = {}
    for page in pages:
        try:
            browser.timed(page)
            slow[page], counts[page], _ = browser.timed(page)
        except AssertionError as error:
            report(f"not counted: {error}")
    most = max(counts, key=lambda page: counts[page])
    slowest = max(slow, key=lambda page: slow[page])
    times = []
    for wanted in searches:
        token = CSRF.search(browser.client.get("/search").get_data(as_text=True))
        for _ in range(10):
            started = time.perf_counter()
            form = {"q": wanted, "csrf_token": token[1] if token else ""}
            response = browser.client.post("/search", data=form)
            assert response.status_code in {200, 302, 303}, f"search answered {response.status_code}"
            times.append(1000 * (time.perf_counter() - started))
    report(f"queries: {counts}; times: { {page: round(value) for page, value in slow.items()} }")
    p95 = percentile(times, 0.95)
    return [
        Line(
            f"queries of {len(counts)} pages",
            f"<= {QUERIES}",
            "",
            f"at most {counts[most]} ({most}); slowest {slowest} {slow[slowest]:.0f} ms",
            None,
            counts[most] <= QUERIES,
        ),
        Line(
            "search by PSID, survey id, mobile, name, part of a name",
            "p95 <= 60 ms",
            "",
            f"p95 {p95:.0f} ms, median {median(times):.0f} ms",
            None,
            p95 <= 60,
        ),
    ]

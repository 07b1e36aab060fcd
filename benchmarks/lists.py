"""Every list and record page, as the people who use it, and the search: at the set's size and at ten times of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks import field_set, grow
from benchmarks.dataset import Dataset, served_app
from benchmarks.pages import CSRF, QUERIES, Browser
from benchmarks.server import Server
from benchmarks.table import Line, percentile

GOAL, SEARCH_GOAL, GROWTH = 120, 100, 1.3
TIMES = 20
# Forms are measured, but what they offer (every agent, every place) may grow with the province.
_FORMS = ("/new", "/edit", "/move", "/correct")
# One record of each kind that has its share of everything: the query gives what stands in the address.
_RECORDS = {
    "unit": "SELECT u.survey_id FROM survey_units u JOIN tickets t ON t.unit_id = u.id JOIN compliance_visits v"
    " ON v.unit_id = u.id ORDER BY u.id LIMIT 1",
    "agents_unit": "SELECT u.survey_id FROM survey_units u JOIN staff_areas a ON a.location_id = u.location_id"
    " JOIN staff s ON s.id = a.staff_id AND s.username = 'agent' ORDER BY u.id LIMIT 1",
    "account": "SELECT a.psid FROM accounts a JOIN payments p ON p.account_id = a.id ORDER BY a.id LIMIT 1",
    "area": "SELECT location_id FROM tickets ORDER BY id LIMIT 1",
    "visit": "SELECT id FROM compliance_visits WHERE review_state = 'PENDING' ORDER BY id LIMIT 1",
    "ticket": "SELECT number FROM tickets WHERE status = 'OPEN' ORDER BY id LIMIT 1",
    "correction": "SELECT id FROM corrections WHERE state = 'PENDING' ORDER BY id LIMIT 1",
    "document": "SELECT id FROM stored_files WHERE kind = 'DOCUMENT' ORDER BY id LIMIT 1",
    "batch": "SELECT max(id) FROM import_batches WHERE kind = 'biller'",
    "agent": "SELECT id FROM staff WHERE username = 'agent7'",
    "place": "SELECT min(id) FROM places WHERE state = 'OPEN'",
}
_OFFICE = (
    "/units/", "/units/?use=COMMERCIAL", "/units/{unit}", "/units/{unit}/edit", "/units/{unit}/move", "/accounts/",
    "/accounts/{account}", "/accounts/{account}/edit", "/documents/", "/documents/?q=deed", "/documents/{document}",
    "/visits/", "/visits/?area={area}", "/visits/{visit}", "/visits/agents", "/visits/agents/{agent}", "/review/",
    "/tickets/", "/tickets/?area={area}", "/tickets/{ticket}", "/tickets/new", "/corrections/",
    "/corrections/{correction}", "/assignments/", "/assignments/agents/{agent}", "/assignments/new", "/locations/",
    "/locations/{area}", "/places/", "/places/{place}", "/lookups/", "/imports/", "/imports/{batch}", "/activity/",
    "/activity/?area={area}", "/audit/", "/staff/", "/staff/{agent}", "/notifications/", "/billing/move",
    "/settings/history",
)  # fmt: skip
_PAGES: Mapping[str, tuple[str, ...]] = {
    "head": _OFFICE,
    "supervisor": ("/units/", "/accounts/", "/visits/", "/review/", "/tickets/", "/corrections/", "/assignments/",
        "/activity/"),
    "agent": (
        "/assigned", "/area", "/area?paid=unpaid", "/units/{agents_unit}", "/units/{agents_unit}/correct",
        "/visits/day",
        "/visits/new?unit={agents_unit}", "/tickets/", "/notifications/", "/me",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Timed:
    """Milliseconds of a page and the most statements an answer of it sent."""

    times: list[float]
    statements: int


def run(server: Server, data: Dataset, runs: int, report: Callable[[str], None]) -> list[Line]:
    field_set.fill(server, data.whole)
    large = grow.name_of(data.whole)
    if server.exists(large):
        field_set.fill(server, large)  # one that was made before the set grew fuller
    names = [data.whole, large] if server.exists(large) else [data.whole]
    found = _measure(server, names, runs, report)
    lines = _lines(found[data.whole], f"{data.options.units:,} units", None)
    if large in found:
        lines += _lines(found[large], f"{data.options.units * grow.TIMES:,} units", found[data.whole])
    return lines


def _measure(
    server: Server, databases: Sequence[str], runs: int, report: Callable[[str], None]
) -> dict[str, dict[str, Timed]]:
    """What each page takes, by database and '<user> <page>', and the searches as 'search'.

    A request to the one database, a request to the other, so that a machine that grows slower is no growth of the
    data.
    """
    found: dict[str, dict[str, Timed]] = {name: {} for name in databases}
    ids: dict[str, dict[str, Any]] = {}
    for name in databases:
        rows = {key: server.execute(query, name) for key, query in _RECORDS.items()}
        ids[name] = {key: row[0][0] for key, row in rows.items() if row and row[0][0] is not None}
    missing = {key for key in _RECORDS if any(key not in known for known in ids.values())}
    report(f"not in this set: {missing or 'nothing'}")
    with contextlib.ExitStack() as stack:
        apps = {name: stack.enter_context(served_app(server, name)) for name in databases}
        for user, pages in _PAGES.items():
            browsers = {name: Browser(app, user) for name, app in apps.items()}
            for page in (one for one in pages if not any(f"{{{key}}}" in one for key in missing)):
                turns = [(browser, page.format(**ids[name])) for name, browser in browsers.items()]
                for name, timed in zip(browsers, _by_turns(turns, TIMES * runs), strict=True):
                    found[name][f"{user} {page}"] = timed
                    p95, middle = percentile(timed.times, 0.95), median(timed.times)
                    report(f"{name} {user} {page}: p95 {p95:.0f} ms, median {middle:.0f}, {timed.statements} queries")
        for name, app in apps.items():
            found[name]["search"] = _searches(server, name, Browser(app, "head"), runs)
    return found


def _by_turns(turns: Sequence[tuple[Browser, str]], times: int) -> list[Timed]:
    """What the page takes in each database, one request here, one there."""
    for browser, url in 2 * [*turns]:
        browser.timed(url)
    answers = [[browser.timed(url)[:2] for browser, url in turns] for _ in range(times)]
    return [
        Timed([taken for taken, _count in one], max(count for _taken, count in one))
        for one in zip(*answers, strict=True)
    ]


def _searches(server: Server, database: str, browser: Browser, runs: int) -> Timed:
    one = server.execute(
        "SELECT a.psid, a.survey_id, a.mobile, a.consumer_name FROM accounts a JOIN survey_units u ON u.id = a.unit_id"
        " WHERE a.mobile IS NOT NULL AND a.consumer_name ~ '^[A-Za-z ]+$' ORDER BY a.id LIMIT 1",
        database,
    )[0]
    ticket = server.execute(_RECORDS["ticket"], database)[0][0]
    first = one[3].split()[0]
    times = []
    found = CSRF.search(browser.client.get("/search").get_data(as_text=True))
    token = found[1] if found else ""
    for wanted in (*one, first, first[:4], ticket, "deed"):
        for number in range(5 * runs + 1):
            started = time.perf_counter()
            answer = browser.client.post("/search", data={"q": wanted, "csrf_token": token})
            assert answer.status_code in {200, 302, 303}, f"search answered {answer.status_code}"
            if number:
                times.append(1000 * (time.perf_counter() - started))
    return Timed(times, 0)


def _lines(found: dict[str, Timed], size: str, before: dict[str, Timed] | None) -> list[Line]:
    pages = {name: timed for name, timed in found.items() if name != "search"}
    p95 = {name: percentile(timed.times, 0.95) for name, timed in found.items()}
    slow = sorted(pages, key=lambda name: -p95[name])[:5]
    most = max(pages, key=lambda name: pages[name].statements)
    lines = [
        Line(
            f"{len(pages)} list and record pages, {size}", f"p95 < {GOAL} ms", "",
            "worst p95 " + ", ".join(f"{p95[name]:.0f} ms ({name})" for name in slow)
            + f"; median of all {median(value for timed in pages.values() for value in timed.times):.0f} ms",
            None, p95[slow[0]] < GOAL,
        ),
        Line(f"their queries, {size}", f"<= {QUERIES}", "", f"at most {pages[most].statements} ({most})", None,
             pages[most].statements <= QUERIES),
        Line(f"search by ids, mobile, name, part of a name, ticket, document, {size}", f"p95 < {SEARCH_GOAL} ms", "",
             f"p95 {p95['search']:.0f} ms, median {median(found['search'].times):.0f} ms", None,
             p95["search"] < SEARCH_GOAL),
    ]  # fmt: skip
    if before is not None:
        shown = [name for name in pages if not name.split("?")[0].endswith(_FORMS)]
        was, now = ({name: median(one[name].times) for name in shown} for one in (before, pages))
        ratios = {name: now[name] / was[name] for name in shown}
        worst = sorted(ratios, key=lambda name: -ratios[name])[:6]
        named = ", ".join(f"{ratios[name]:.2f} x ({name}, {was[name]:.0f} to {now[name]:.0f} ms)" for name in worst)
        within = sum(value <= GROWTH for value in ratios.values())
        lines.append(
            Line(
                f"growth to {size}, medians of {len(shown)} list and record pages",
                f"<= {GROWTH} x",
                "",
                f"{within} within, median {median(ratios.values()):.2f} x; {named}",
                ratios[worst[0]],
                ratios[worst[0]] <= GROWTH,
            )
        )
    return lines

"""Every list and record page, as the people who use it, and the search: at the set's size and at ten times of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

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
    small = _measure(server, data.whole, runs, report)
    lines = _lines(small, f"{data.options.units:,} units", None)
    if server.exists(grow.name_of(data.whole)):
        large = _measure(server, grow.name_of(data.whole), runs, report)
        lines += _lines(large, f"{data.options.units * grow.TIMES:,} units", small)
    return lines


def _measure(server: Server, database: str, runs: int, report: Callable[[str], None]) -> dict[str, Timed]:
    """What each page takes, by '<user> <page>', and the searches as 'search'."""
    ids = {name: rows[0][0] for name, query in _RECORDS.items() if (rows := server.execute(query, database))}
    missing = {name for name in _RECORDS if ids.get(name) is None}
    report(f"not in this set: {missing or 'nothing'}")
    found: dict[str, Timed] = {}
    with served_app(server, database) as app:
        for user, pages in _PAGES.items():
            browser = Browser(app, user)
            for page in (one for one in pages if not any(f"{{{name}}}" in one for name in missing)):
                found[f"{user} {page}"] = timed = _page(browser, page.format(**ids), TIMES * runs)
                report(f"{user} {page}: p95 {percentile(timed.times, 0.95):.0f} ms, {timed.statements} queries")
        found["search"] = _searches(server, database, Browser(app, "head"), runs)
    return found


def _page(browser: Browser, url: str, times: int) -> Timed:
    for _ in range(2):
        browser.timed(url)
    answers = [browser.timed(url) for _ in range(times)]
    return Timed([answer[0] for answer in answers], max(answer[1] for answer in answers))


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

# ruff: noqa: E501
"""The lists of units and accounts: filters, paging both ways, sorting, areas; on a register made by SQL."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.billing.cycles import add_months, cycle_of
from portal.db import session, transaction
from portal.permissions import Role
from portal.records import listing
from portal.web.format import KARACHI
from tests.records import volume
from tests.support import people
from tests.support.queries import recorded_queries

MONTH = cycle_of(dt.datetime.now(KARACHI).date(), 16)
UNITS = 1_200
Browser = Callable[..., FlaskClient]


@pytest.fixture(scope="module")
def data(module_app: Flask) -> volume.Volume:
    with module_app.app_context(), transaction() as db:
        return volume.load(db.connection(), units=UNITS, months=[add_months(MONTH, -1), MONTH], councils=4)


@pytest.fixture(scope="module")
def browser(module_app: Flask, data: volume.Volume) -> Browser:
    known = people.known_browsers(module_app)
    return lambda role=Role.MANAGER, area=None: known(role, area)


def html_of(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)[:1500]
    return answer.get_data(as_text=True)


def keys(html: str) -> list[str]:
    """Survey ids or PSIDs of the rows, in order."""
    return re.findall(r'class="row-link num" href="/(?:units|accounts)/(\d+)"', html)


def count(html: str) -> str:
    line = re.search(r'class="list-count" role="status">(.*?)</p>', html, re.S)
    assert line
    return " ".join(re.sub(r"<[^>]+>", "", line[1]).split())


def link(html: str, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', html)
    return found[1].replace("&amp;", "&") if found else None


def walk(client: FlaskClient, path: str) -> list[str]:
    """The keys of all pages from the first to the last; on the way back the same must come."""
    seen: list[list[str]] = []
    html = html_of(client, path)
    seen.append(keys(html))
    while following := link(html, "next"):
        html = html_of(client, following)
        seen.append(keys(html))
        assert len(seen) < 100, "the list does not end"
    for page in reversed(seen[:-1]):
        back = link(html, "prev")
        assert back, "a page has no way back"
        html = html_of(client, back)
        assert keys(html) == page
    assert link(html, "prev") is None
    return [key for page in seen for key in page]


def in_database(app: Flask, statement: str, **parameters: object) -> set[str]:
    with app.app_context():
        return set(session().scalars(text(statement), parameters))


def test_every_unit_comes_once_and_back(module_app: Flask, browser: Browser) -> None:
    found = walk(browser(), "/units/")
    assert len(found) == len(set(found)) == UNITS
    assert set(found) == in_database(module_app, "SELECT survey_id FROM survey_units")
    assert count(html_of(browser(), "/units/")) == f"{UNITS:,} units"


def test_places_come_in_natural_order(browser: Browser, data: volume.Volume) -> None:
    html = html_of(browser(), f"/units/?area={data.tehsils[0]}")
    places = re.findall(r"<bdi>(UC-\d+, Volume 1)</bdi>", html.split("<tbody>", 1)[1])
    assert places == sorted(places)
    assert listing._natural("UC-2, Khushab") < listing._natural("UC-17, Khushab")


UNIT_FILTERS = {
    "use=COMMERCIAL": "u.use = 'COMMERCIAL'",
    "size=LARGE": "u.size_band = 'LARGE'",
    "state=surveyed": "NOT EXISTS (SELECT FROM accounts a WHERE a.unit_id = u.id)",
    "state=listed": "EXISTS (SELECT FROM accounts a WHERE a.unit_id = u.id) AND NOT EXISTS (SELECT FROM accounts a"
    " JOIN bills b ON b.account_id = a.id AND b.billing_month = :month WHERE a.unit_id = u.id)",
    "state=billed": "EXISTS (SELECT FROM accounts a JOIN bills b ON b.account_id = a.id AND b.billing_month = :month"
    " WHERE a.unit_id = u.id)",
    "status=paid": "EXISTS (SELECT FROM accounts a JOIN bills b ON b.account_id = a.id AND b.billing_month = :month"
    " AND b.status = 'PAID' WHERE a.unit_id = u.id)",
    "status=unpaid&use=DOMESTIC": "u.use = 'DOMESTIC' AND EXISTS (SELECT FROM accounts a JOIN bills b ON b.account_id = a.id"
    " AND b.billing_month = :month AND b.status <> 'PAID' WHERE a.unit_id = u.id)",
    "state=billed&status=paid&size=M0_5": "u.size_band = 'M0_5' AND EXISTS (SELECT FROM accounts a JOIN bills b"
    " ON b.account_id = a.id AND b.billing_month = :month AND b.status = 'PAID' WHERE a.unit_id = u.id)",
}


@pytest.mark.parametrize("query", UNIT_FILTERS)
def test_filters_of_units(module_app: Flask, browser: Browser, query: str) -> None:
    condition = UNIT_FILTERS[query]
    expected = in_database(module_app, f"SELECT survey_id FROM survey_units u WHERE {condition}", month=MONTH)
    assert expected
    found = walk(browser(), f"/units/?{query}")
    assert sorted(found) == sorted(expected)
    if "size" not in query:
        assert count(html_of(browser(), f"/units/?{query}")) == f"{len(expected):,} units"


ACCOUNT_FILTERS = {
    "": "true",
    "use=COMMERCIAL&size=SMALL": "a.use = 'COMMERCIAL' AND a.size_band = 'SMALL'",
    "state=pending": "a.unit_id IS NULL",
    "state=listed": "NOT EXISTS (SELECT FROM bills b WHERE b.account_id = a.id AND b.billing_month = :month)",
    "status=paid": "EXISTS (SELECT FROM bills b WHERE b.account_id = a.id AND b.billing_month = :month AND b.status = 'PAID')",
    "state=billed&status=unpaid": "EXISTS (SELECT FROM bills b WHERE b.account_id = a.id AND b.billing_month = :month"
    " AND b.status <> 'PAID')",
}


@pytest.mark.parametrize("query", ACCOUNT_FILTERS)
def test_filters_of_accounts(module_app: Flask, browser: Browser, query: str) -> None:
    expected = in_database(module_app, f"SELECT psid FROM accounts a WHERE {ACCOUNT_FILTERS[query]}", month=MONTH)
    assert expected
    found = walk(browser(), f"/accounts/?{query}")
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    ("path", "statement"),
    [
        ("/units/?sort=survey_id", "SELECT survey_id FROM survey_units ORDER BY survey_id"),
        (
            "/units/?sort=-survey_id&use=COMMERCIAL",
            "SELECT survey_id FROM survey_units WHERE use = 'COMMERCIAL' ORDER BY survey_id DESC",
        ),
        ("/units/?sort=name", "SELECT survey_id FROM survey_units ORDER BY consumer_name, id"),
        ("/units/?sort=-surveyed", "SELECT survey_id FROM survey_units ORDER BY surveyed_at DESC, id DESC"),
        ("/accounts/?sort=-psid", "SELECT psid FROM accounts ORDER BY psid DESC"),
        (
            "/accounts/?sort=-outstanding",
            "SELECT psid FROM accounts a JOIN account_balances b ON b.account_id = a.id ORDER BY outstanding DESC, id DESC",
        ),
    ],
)
def test_sorting_a_small_list(module_app: Flask, browser: Browser, path: str, statement: str) -> None:
    with module_app.app_context():
        expected = list(session().scalars(text(statement)))
    assert walk(browser(), path) == expected


def test_a_large_list_is_not_sorted_but_says_so(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "SORTABLE", 100)
    html = html_of(browser(), "/units/?sort=name")
    assert 'title="Choose a smaller area to sort by this"' in html
    assert "sort=name" not in html.split("<thead>", 1)[1].split("</thead>", 1)[0]


def test_a_rare_filter_stops_looking_and_goes_on(
    module_app: Flask, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "WINDOW", 100)
    expected = in_database(module_app, "SELECT psid FROM accounts WHERE unit_id IS NULL")
    html = html_of(browser(), "/accounts/?state=pending")
    assert "Look further" in html
    found = keys(html)
    while following := link(html, "next"):
        html = html_of(browser(), following)
        found += keys(html)
    assert sorted(found) == sorted(expected)
    back: list[str] = []
    while previous := link(html, "prev"):
        html = html_of(browser(), previous)
        back += keys(html)
    assert set(back) >= expected - set(found[-1:])


@pytest.mark.parametrize("path", ["/units/", "/accounts/?state=pending"])
def test_places_that_hold_less_than_was_counted_end_no_list(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """The next places are looked at first, as many as should fill the page; then all, should they not."""
    everything, real = walk(browser(), path), listing._nearest
    asked: list[int] = []

    def optimistic(ahead: list[listing.Area], window: int) -> list[list[int]]:
        asked.append(len(real([area._replace(rows=window) for area in ahead], window)))
        return real([area._replace(rows=window) for area in ahead], window)

    monkeypatch.setattr(listing, "_nearest", optimistic)
    assert walk(browser(), path) == everything
    assert max(asked) == 2
    assert real([listing.Area(n, 30, None) for n in range(9)], 51) == [[0, 1, 2], list(range(9))]
    assert real([listing.Area(1, 5, None)], 51) == [[1]]


def test_words_in_a_list(module_app: Flask, browser: Browser, data: volume.Volume) -> None:
    expected = in_database(module_app, "SELECT survey_id FROM survey_units WHERE consumer_name LIKE 'Muhammad %'")
    assert sorted(walk(browser(), "/units/?q=muhamm")) == sorted(expected)
    assert count(html_of(browser(), "/units/?q=muhamm")) == f"{len(expected)} units"
    assert walk(browser(), f"/units/?q={volume.TEHSIL_WORD}&area={data.tehsils[0]}") == []
    commercial = walk(browser(), "/units/?q=muhamm&use=COMMERCIAL")
    assert 0 < len(commercial) < len(expected)
    assert set(commercial) < expected


@pytest.mark.parametrize("role", list(Role))
def test_a_list_ends_at_the_area(module_app: Flask, browser: Browser, data: volume.Volume, role: Role) -> None:
    client = browser(role, data.tehsils[1])
    for path, statement in (
        (
            "/units/",
            "SELECT u.survey_id FROM survey_units u JOIN location_closure c USING (location_id) WHERE ancestor_id = :t",
        ),
        (
            "/accounts/",
            "SELECT a.psid FROM accounts a JOIN location_closure c USING (location_id) WHERE ancestor_id = :t",
        ),
    ):
        assert set(walk(client, path)) == in_database(module_app, statement, t=data.tehsils[1])
        html_of(client, f"{path}?area={data.tehsils[0]}", status=404)
        html_of(client, f"{path}?area=999999", status=404)
    assert walk(client, f"/units/?q={volume.TEHSIL_WORD}") == []


@pytest.mark.parametrize(("path", "title"), [("/units/", "Units"), ("/accounts/", "Accounts")])
def test_a_path_stands_above_the_list_once_an_area_is_chosen(
    browser: Browser, data: volume.Volume, path: str, title: str
) -> None:
    """Without an area it would only repeat the title."""

    def crumbs(query: str) -> list[str]:
        line = html_of(browser(), path + query).split('class="crumbs"', 1)[1].split("</nav>", 1)[0]
        return re.findall(r"<bdi>([^<]+)</bdi>", line)

    assert crumbs("") == []
    assert crumbs(f"?area={data.union_council}") == [title, "Punjab", "Volume", "Tehsil 3", "UC-1, Volume 3"]
    assert crumbs(f"?area={data.tehsils[0]}") == [title, "Punjab", "Volume", "Tehsil 1"]


def test_a_cursor_of_another_list_or_made_by_hand_is_refused(browser: Browser) -> None:
    cursor = re.search(r"cursor=([^&\"]+)", link(html_of(browser(), "/units/"), "next") or "")
    assert cursor
    html_of(browser(), f"/accounts/?cursor={cursor[1]}", status=422)
    html_of(browser(), "/units/?cursor=WyJ4Il0.abc", status=422)
    html_of(browser(), f"/units/?cursor={cursor[1]}")


def test_a_cursor_shows_nothing_outside_the_area(browser: Browser, data: volume.Volume) -> None:
    following = link(html_of(browser(), "/units/"), "next")
    assert following
    theirs = html_of(browser(Role.AGENT, data.tehsils[2]), following)
    assert set(keys(theirs)) <= set(walk(browser(Role.AGENT, data.tehsils[2]), "/units/"))


@pytest.mark.parametrize(
    "query",
    ["use=x", "size='", "state=1", "cycle=99-99", "sort=password_hash", "area=x", "area=%D9%A1"],
)
def test_nonsense_in_the_query_counts_as_absent(browser: Browser, query: str) -> None:
    assert count(html_of(browser(), f"/units/?{query}")) == f"{UNITS:,} units"


def test_empty_lists_say_why(browser: Browser) -> None:
    assert "Only a unit that was billed can be paid" in html_of(browser(), "/units/?state=surveyed&status=paid")
    nothing = html_of(browser(), "/units/?q=nobodyofthisname")
    assert "No unit matches" in nothing
    assert 'href="/units/"' in nothing


def test_a_personal_number_in_the_url_is_not_searched(browser: Browser) -> None:
    answer = browser().get("/units/?use=COMMERCIAL&q=0300-1234567")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/units/?use=COMMERCIAL")
    html = html_of(browser(), "/units/?use=COMMERCIAL")
    assert "must not stand in the address of a page" in html
    assert "1234567" not in html


@pytest.mark.parametrize(
    "path", ["/units/?state=listed&status=unpaid", "/units/?q=akram&use=DOMESTIC", "/accounts/?q=12+akram"]
)
def test_at_most_twelve_queries(module_app: Flask, browser: Browser, path: str) -> None:
    html_of(browser(), path)
    with recorded_queries(module_app) as statements:
        html_of(browser(), path)
    assert len(statements) <= 12, "\n".join(statements)

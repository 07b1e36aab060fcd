"""The search box over HTTP: what is found, what is redirected, and what never comes into a URL or a log."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.permissions import Role
from tests.records import register as r
from tests.support import people
from tests.support.queries import recorded_queries

Browser = Callable[..., FlaskClient]


@pytest.fixture(scope="module")
def data(module_app: Flask) -> r.Register:
    return r.build(module_app)


@pytest.fixture(scope="module")
def browser(module_app: Flask, data: r.Register) -> Browser:
    known = people.known_browsers(module_app)
    return lambda role=Role.ADMIN, area="khushab": known(role, data.places[area])


def ask(client: FlaskClient, typed: str, **more: str) -> TestResponse:
    """Type into the search box of a page."""
    token = people.csrf_token(client.get("/search").get_data(as_text=True))
    return client.post("/search", data={"q": typed, "csrf_token": token, **more})


def found(answer: TestResponse) -> set[str]:
    html = answer.get_data(as_text=True)
    return set(re.findall(r'class="row-link" href="/(?:units|accounts)/(\d+)"', html))


@pytest.mark.parametrize(
    ("typed", "target"),
    [
        (r.UNIT, f"/units/{r.UNIT}"),
        (f"{r.UNIT}.0", f"/units/{r.UNIT}"),
        (r.PSID, f"/accounts/{r.PSID}"),
        (r.MOBILE, f"/units/{r.UNIT}"),  # the unit and its account have it: one consumer
        ("+92 300 1234567", f"/units/{r.UNIT}"),
        (r.CNIC, f"/units/{r.UNIT}"),
        ("38201-1234567-1", f"/units/{r.UNIT}"),
        ("7777777", f"/accounts/{r.PENDING_PSID}"),  # waits for this survey id
    ],
)
@pytest.mark.parametrize("role", [Role.AGENT, Role.HEAD])
def test_an_identifier_opens_its_record(browser: Browser, role: Role, typed: str, target: str) -> None:
    client = browser(role)
    answer = ask(client, typed)
    assert answer.status_code == 303
    if answer.headers["Location"].startswith("/search?"):
        answer = client.get(answer.headers["Location"])
    assert answer.headers["Location"] == target


def test_words_get_a_url_that_can_be_shared(browser: Browser) -> None:
    answer = ask(browser(), "muham AKR")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/search?q=muham+AKR")
    shared = browser(Role.MANAGER).get("/search?q=muham+AKR")
    assert found(shared) == {r.UNIT, r.PSID}


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("house 12", {r.UNIT}),
        ("house 2", set()),
        ("ward block", {r.UNIT}),
        ("اکرم محمد", {r.URDU_UNIT}),
        ("اسلا", {r.URDU_UNIT}),
        ("sattar", {r.PENDING_PSID}),
        ("nobody", set()),
        ("'; DROP TABLE bills; --", set()),
    ],
)
def test_names_and_addresses(browser: Browser, typed: str, keys: set[str]) -> None:
    answer = browser().get("/search", query_string={"q": typed})
    assert answer.status_code == 200
    assert found(answer) == keys
    assert ("Nothing found in your area" in answer.get_data(as_text=True)) is not keys


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("typed", [r.FOREIGN_UNIT, r.FOREIGN_PSID, "house 99"])
def test_another_area_is_not_found(browser: Browser, role: Role, typed: str) -> None:
    client = browser(role)
    answer = client.get("/search", query_string={"q": typed})
    assert answer.status_code == 200
    assert found(answer) == set()
    inside = browser(role, "bhakkar/bhakkar").get("/search", query_string={"q": typed})
    assert inside.status_code == 303 or found(inside) == {r.FOREIGN_UNIT}


def test_the_same_mobile_in_two_areas_is_listed_and_masked(
    module_app: Flask, browser: Browser, data: r.Register
) -> None:
    for role, may_see in ((Role.SUPERVISOR, True), (Role.AGENT, False)):
        client = browser(role, "punjab")
        answer = ask(client, r.MOBILE)
        assert answer.status_code == 200
        assert found(answer) == {r.UNIT, r.FOREIGN_UNIT, r.PSID}
        hits = answer.get_data(as_text=True).split('class="hit-list"', 1)[1]
        assert (r.MOBILE in hits) is may_see
        assert ("•••••••4567" in hits) is not may_see


@pytest.mark.parametrize("typed", [r.MOBILE, r.CNIC, "03009999999", "Akram 03001234567", "0300123456", "3820112345679"])
def test_a_personal_number_never_comes_into_a_url_or_a_log(
    browser: Browser, typed: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    client = browser(Role.AGENT, "punjab")
    with caplog.at_level(logging.DEBUG):
        answer = ask(client, typed)
    digits = re.sub(r"\D", "", typed)
    assert digits not in re.sub(r"\D", "", answer.headers.get("Location", ""))
    written = caplog.text + "".join(capfd.readouterr())
    assert digits not in written.replace("-", "").replace(" ", "")
    html = answer.get_data(as_text=True)
    assert not [url for url in re.findall(r'(?:href|action|src)="([^"]*)"', html) if digits in re.sub(r"\D", "", url)]
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/search", "/units/", "/accounts/"])
def test_a_personal_number_in_the_address_is_taken_out(browser: Browser, path: str) -> None:
    answer = browser().get(path, query_string={"q": r.CNIC})
    assert (answer.status_code, answer.headers["Location"]) == (303, path)
    assert "must not stand in the address" in browser().get(path).get_data(as_text=True)


def test_the_box_of_a_list_keeps_its_filters(browser: Browser, data: r.Register) -> None:
    area = str(data.places["mc-9"])
    answer = ask(browser(), "akram", list="units", area=area, use="DOMESTIC", next="https://evil.example")
    assert answer.headers["Location"] == f"/units/?q=akram&area={area}&use=DOMESTIC"
    assert ask(browser(), r.MOBILE, list="units", area=area).headers["Location"] == f"/units/{r.UNIT}"


def test_what_no_record_has(browser: Browser) -> None:
    assert "No unit or account with this number" in ask(browser(), "99999999999").get_data(as_text=True)
    assert "lost its last digits" in browser().get("/search?q=2.677E%2B19").get_data(as_text=True)


def test_a_post_without_token_or_login_finds_nothing(module_app: Flask, browser: Browser) -> None:
    assert browser().post("/search", data={"q": r.UNIT}).status_code in {400, 403}
    anonymous = module_app.test_client()
    assert anonymous.post("/search", data={"q": r.UNIT}).status_code in {303, 400}
    assert "/login" in anonymous.get(f"/search?q={r.UNIT}").headers["Location"]


@pytest.mark.parametrize("typed", ["", " ", "%", "_", "💧", "a" * 10_000, "'", "\\", "1" * 300, "<script>", "٣" * 9])
def test_odd_input(browser: Browser, typed: str) -> None:
    answer = ask(browser(), typed)
    assert answer.status_code in {200, 303}
    if answer.status_code == 303:
        followed = browser().get(answer.headers["Location"])
        assert followed.status_code == 200
        assert "<script>alert" not in followed.get_data(as_text=True)


@pytest.mark.parametrize("typed", ["akram", "12 house", r.UNIT])
def test_at_most_twelve_queries(module_app: Flask, browser: Browser, typed: str) -> None:
    client = browser()
    client.get("/search", query_string={"q": typed})
    with recorded_queries(module_app) as statements:
        client.get("/search", query_string={"q": typed})
    assert len(statements) <= 12, "\n".join(statements)

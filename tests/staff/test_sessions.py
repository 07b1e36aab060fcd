"""One's own sessions: the list, ending them, their idle and their absolute end, clocks that change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.permissions import Role
from portal.staff.sessions import device_words
from tests.staff.helpers import PASSWORD, age_sessions, attempt, audit, begun, execute, send, words
from tests.support.people import add_staff, sign_in
from tests.support.places import small_tree
from tests.support.queries import recorded_queries

LoginAs = Callable[..., FlaskClient]
ANDROID = (
    "Mozilla/5.0 (Linux; Android 13; SM-A145F Build/TP1A) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/141.0.0.0 Mobile Safari/537.36"
)
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0"


@pytest.fixture(autouse=True)
def _places(app: Flask) -> None:
    small_tree(app)


def browser(app: Flask, agent: str) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_USER_AGENT"] = agent
    return client


def test_own_sessions_are_listed_and_ended(app: Flask) -> None:
    name = add_staff(app, Role.AGENT)
    phone, office = sign_in(browser(app, ANDROID), name), sign_in(browser(app, WINDOWS), name)
    stranger = sign_in(browser(app, ANDROID), add_staff(app, Role.AGENT))
    html = words(office.get("/me"))
    assert "Chrome on Android (SM-A145F)" in html
    assert "Firefox on Windows" in html
    assert html.count("this one") == 1
    ids = {row[1]: row[0] for row in execute(app, "SELECT id, user_agent FROM staff_sessions ORDER BY id DESC")}
    theirs = execute(app, "SELECT max(id) FROM staff_sessions")[0][0]
    assert send(office, f"/me/sessions/{theirs}/end", page="/me").status_code == 404, "of another person"
    assert stranger.get("/me").status_code == 200
    mine = execute(app, "SELECT min(id) FROM staff_sessions")[0][0]
    assert send(office, f"/me/sessions/{mine}/end", page="/me").status_code == 303
    assert phone.get("/me").status_code == 303
    assert send(office, f"/me/sessions/{mine}/end", page="/me").status_code == 404, "twice"
    assert office.get("/me").status_code == 200
    assert ids
    assert [line["after"] for line in audit(app, "staff.sessions_ended")] == [{"sessions": 1}]


def test_all_others_are_ended_at_once(app: Flask) -> None:
    name = add_staff(app, Role.AGENT)
    clients = [sign_in(app.test_client(), name) for _number in range(4)]
    answer = send(clients[2], "/me/sessions/end-others", page="/me")
    assert answer.status_code == 303
    assert "3 other sessions are ended" in words(clients[2].get("/me"))
    assert [client.get("/me").status_code for client in clients] == [303, 303, 200, 303]


def test_a_session_ends_after_its_hours_however_busy(app: Flask, login_as: LoginAs) -> None:
    client = login_as(Role.MANAGER)
    begun(app, 12 * 3600 - 5)
    times = client.get("/session", headers={"X-Background": "1"}).get_json()
    assert times["whole_left"] <= 5
    assert times["seconds_left"] == times["whole_left"]
    assert times["idle_left"] > 1700
    stayed = send(client, "/session", page="/home").get_json()
    assert stayed["whole_left"] <= 5, "staying does not move the end of the whole"
    begun(app, 12 * 3600 + 1)
    assert client.get("/me").location.startswith("/login")


@pytest.mark.parametrize("what", ["last_seen_at", "both"])
def test_a_session_of_the_future_is_over(app: Flask, login_as: LoginAs, what: str) -> None:
    """The clock was set back: how old the session is, nobody knows."""
    client = login_as(Role.MANAGER)
    age_sessions(app, -30)  # small corrections of the clock are no reason
    assert client.get("/me").status_code == 200
    age_sessions(app, -3600)
    if what == "both":
        begun(app, -3600)
    assert client.get("/me").status_code == 303


def test_attempts_of_the_future_do_not_hold_anybody_up(app: Flask, client: FlaskClient) -> None:
    name = add_staff(app, Role.AGENT)
    execute(
        app,
        "INSERT INTO login_attempts (username, address, succeeded, at)"
        " SELECT :name, '127.0.0.1', false, now() + interval '1 day' FROM generate_series(1, 300)",
        name=name,
    )
    assert attempt(client, name, PASSWORD).status_code == 303


def test_parallel_sign_ins_are_sessions_of_their_own(app: Flask) -> None:
    import threading

    name = add_staff(app, Role.AGENT)
    clients = [app.test_client() for _number in range(6)]
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda c=client: codes.append(attempt(c, name, PASSWORD).status_code))
        for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Five at once may fail before anything slows them; all of these succeed, and none takes another's session.
    assert codes.count(303) >= 5
    assert set(codes) <= {303, 429}
    open_now = execute(app, "SELECT count(*), count(DISTINCT token_hash) FROM staff_sessions WHERE ended_at IS NULL")
    assert open_now == [(codes.count(303), codes.count(303))]


def test_who_it_is_is_asked_in_one_query(app: Flask, login_as: LoginAs) -> None:
    client = login_as(Role.MANAGER)
    client.get("/home")
    with recorded_queries(app) as statements:
        assert client.get("/home").status_code == 200
    assert len(statements) == 1


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (ANDROID, "Chrome on Android (SM-A145F)"),
        (ANDROID.replace("SM-A145F Build/TP1A", "K"), "Chrome on Android"),
        (WINDOWS, "Firefox on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/141.0 Safari/537.36 Edg/141.0", "Edge on Windows"),
        ("curl/8.1", "Another program"),
        ("", "Another program"),
        ("<script>alert(1)</script>" * 50, "Another program"),
    ],
)
def test_devices_in_plain_words(app: Flask, agent: str, expected: str) -> None:
    with app.test_request_context():
        assert device_words(agent) == expected

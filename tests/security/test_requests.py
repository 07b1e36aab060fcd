"""Requests that no page of ours sends: refused in clear words, without a trace of the inside, and nothing happens."""

from __future__ import annotations

import io
import json
import re
import time
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from werkzeug.test import TestResponse

from portal.db import transaction
from portal.factory import create_app
from portal.permissions import Permission, Role
from portal.web.guard import permission_of
from portal.web.security import SMALL_REQUEST, is_text
from tests.support.people import PASSWORD, add_staff, csrf_token, sign_in
from tests.test_access import World, all_rules, call, example, may, world

__all__ = ["world"]

LEAKS = re.compile(r"Traceback|site-packages|psycopg2|sqlalchemy|File \"/|werkzeug\.|SELECT .* FROM", re.I)
OVERVIEW = "/dash/overview/_dash-update-component"
REPORTS = "/dash/reports/_dash-update-component"
ROWS = "..rp-grid.getRowsResponse...rp-ends.data...rp-note.children.."


def refused(answer: TestResponse, *statuses: int) -> None:
    assert answer.status_code in statuses, answer.status_code
    assert not LEAKS.search(answer.get_data(as_text=True))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.fixture(scope="module")
def head(world: World) -> FlaskClient:
    return sign_in(world.app.test_client(), add_staff(world.app, Role.HEAD))


def post(client: FlaskClient, path: str, **kwargs: Any) -> TestResponse:
    """A POST of a large body, which the test client keeps in a file."""
    answer = client.post(path, **kwargs)
    answer.request.environ["wsgi.input"].close()
    return answer


def token_of(client: FlaskClient) -> str:
    return csrf_token(client.get("/me").get_data(as_text=True))


def counts(app: Flask) -> dict[str, int]:
    """How many rows the tables hold that people change."""
    tables = ("staff", "locations", "places", "bills", "payments", "import_batches", "survey_units", "accounts")
    with app.app_context(), transaction() as session:
        return {name: session.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in tables}


# --- forged and misdirected --------------------------------------------------------------------------------------


def test_only_get_and_post_are_offered(world: World) -> None:
    assert {method for _rule, method in all_rules(world.app)} == {"GET", "POST"}


# Mail programs send it without any page of ours (RFC 8058): the signed link is the permission, and a wrong one opens
# nothing. All it can do is end mails of one type.
WITHOUT_TOKEN = {"notifications.stop_post"}
NOT_THE_HEADS = {"visits.new", "visits.correct"}


def test_every_post_without_a_token_is_refused_whoever_sends_it(world: World, head: FlaskClient) -> None:
    """Dash's callbacks only read and have no token: for them see the next test."""
    before, walked = counts(world.app), 0
    for rule, method in all_rules(world.app):
        if method != "POST" or rule.rule.startswith("/dash/"):
            continue
        with world.app.test_request_context():
            _, path = rule.build(example(rule, world.inside), append_unknown=False) or ("", "")
        if rule.endpoint in WITHOUT_TOKEN:
            assert head.post(path).status_code == 404, rule.rule
            continue
        for headers in ({}, {"X-CSRFToken": "rubbish"}, {"X-CSRFToken": world.tokens[Role.SUPERVISOR]}):
            # Who logs visits is not the head: the token is asked of whoever may do the thing.
            sender = head if rule.endpoint not in NOT_THE_HEADS else world.browsers[Role.AGENT]
            answer = sender.post(path, headers=headers | {"Accept": "application/json"})
            assert answer.status_code == 400, f"{rule.rule}: {answer.status_code}"
            assert answer.get_json()["error"] == "csrf", rule.rule
        walked += 1
    assert walked >= 8
    assert counts(world.app) == before
    assert head.get("/me").status_code == 200, "a forged sign-out must not work"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:1"},
    ],
)
def test_every_callback_route_refuses_other_origins(world: World, head: FlaskClient, headers: dict[str, str]) -> None:
    routes = [rule.rule for rule, method in all_rules(world.app) if method == "POST" and rule.rule.startswith("/dash/")]
    assert len(routes) >= 2
    for route in routes:
        refused(head.post(route, json={}, headers=headers), 403)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", ""]
)
def test_a_callback_in_another_content_type_is_none(world: World, head: FlaskClient, content_type: str) -> None:
    """What a form of another site can send without being asked first is not read as JSON."""
    body = {"output": ROWS, "inputs": [], "state": []}
    refused(head.post(REPORTS, data=json.dumps(body), content_type=content_type), 400)


@pytest.mark.parametrize("content_type", ["application/json", "text/xml", "text/plain"])
def test_a_form_in_another_content_type_changes_nothing(world: World, head: FlaskClient, content_type: str) -> None:
    before, token = counts(world.app), token_of(head)
    for path in ("/preferences", f"/places/{world.inside.place_id}/link", "/billing/move", "/search"):
        body = json.dumps({"csrf_token": token, "language": "ur", "location_id": 1, "q": "x"})
        answer = head.post(path, data=body, content_type=content_type)
        refused(answer, 400)
        answer = head.post(path, data=body, content_type=content_type, headers={"X-CSRFToken": token})
        assert answer.status_code < 500
    assert counts(world.app) == before
    assert 'lang="en"' in head.get("/me").get_data(as_text=True)


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_method_cannot_be_put_into_a_header_or_a_field(world: World, head: FlaskClient, header: str) -> None:
    token = token_of(head)
    for answer in (
        head.get("/logout", headers={header: "POST", "X-CSRFToken": token}),
        head.get(f"/logout?_method=POST&csrf_token={token}"),
    ):
        assert answer.status_code == 405
    answer = head.post("/search", data={"csrf_token": token, "_method": "DELETE", "q": "x"}, headers={header: "DELETE"})
    assert answer.status_code in {200, 303}
    assert head.get("/me").status_code == 200


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "PUT", "PATCH", "DELETE", "CONNECT", "PROPFIND", "X\u00e9"])
def test_other_methods_are_refused(head: FlaskClient, method: str) -> None:
    refused(head.open("/me", method=method), 405)


def test_of_a_parameter_given_twice_the_same_one_counts_everywhere(world: World) -> None:
    """Own area first, a foreign one second, and the other way round: page, callback and download agree."""
    browser = world.browsers[Role.ADMIN]
    own, other = world.inside.location_id, world.outside.location_id
    output = "..rp-totals.children...rp-count.data.."
    for first, second, is_own in ((own, other, True), (other, own, False)):
        query = f"area={first}&area={second}"
        found = [
            browser.get(f"{path}?{query}").status_code
            for path in ("/units/", "/dash/overview/", "/dash/reports/bill-register")
        ]
        download = browser.get(f"/reports/bill-register.csv?{query}", buffered=True)
        found.append(download.status_code)
        body = {
            "output": output,
            "outputs": [{"id": "rp-totals", "property": "children"}, {"id": "rp-count", "property": "data"}],
            "inputs": [
                {"id": "rp-url", "property": "pathname", "value": "/dash/reports/bill-register"},
                {"id": "rp-url", "property": "search", "value": f"?{query}"},
            ],
            "state": [],
            "changedPropIds": ["rp-url.search"],
        }
        found.append(browser.post(REPORTS, json=body).status_code)
        assert set(found) == ({200} if is_own else {404}), found


# --- too much ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/login", "/preferences", "/search", "/logout", OVERVIEW])
def test_a_body_of_ten_megabytes_is_refused_unread(head: FlaskClient, client_nobody: FlaskClient, path: str) -> None:
    for client in (head, client_nobody):
        refused(post(client, path, data={"q": "x" * (10 * 1024 * 1024)}), 413)
        form = {"q": (io.BytesIO(b"x" * (10 * 1024 * 1024)), "x.bin")}
        refused(post(client, path, data=form, content_type="multipart/form-data"), 413)
    huge = json.dumps({"output": "x" * (10 * 1024 * 1024)})
    refused(post(head, path, data=huge, content_type="application/json"), 413)


@pytest.fixture
def client_nobody(world: World) -> FlaskClient:
    return world.app.test_client()


def test_a_field_of_two_megabytes_is_refused_as_well(head: FlaskClient) -> None:
    """Below the limit of a request, above that of a form."""
    refused(post(head, "/search", data={"q": "x" * (SMALL_REQUEST - 1000)}), 413)


@pytest.mark.parametrize("path", ["/login", "/search", "/imports/upload"])
def test_thousands_of_form_parts_are_refused(head: FlaskClient, path: str) -> None:
    boundary = "b"
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
    body = (part * 20_000 + f"--{boundary}--\r\n").encode()
    assert len(body) < SMALL_REQUEST
    started = time.thread_time()
    refused(post(head, path, data=body, content_type=f"multipart/form-data; boundary={boundary}"), 413)
    assert time.thread_time() - started < 5


def test_a_hundred_thousand_pairs_do_not_hold_up(head: FlaskClient) -> None:
    started = time.thread_time()
    refused(
        post(
            head,
            "/search",
            data="&".join("a=" for _ in range(120_000)),
            content_type="application/x-www-form-urlencoded",
        ),
        400,
        413,
    )
    assert time.thread_time() - started < 5


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"a":' * 100_000, '{"output":' + "[" * 100_000 + "]" * 100_000 + "}"])
@pytest.mark.parametrize("path", [OVERVIEW, REPORTS, "/search"])
def test_json_nested_without_end_is_a_malformed_body(head: FlaskClient, path: str, deep: str) -> None:
    refused(post(head, path, data=deep, content_type="application/json"), 400)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"\x00", b"nul", b"NaN", b"[1,2", b'"\\ud800"', b"1e999999"])
def test_json_that_is_none(head: FlaskClient, body: bytes) -> None:
    refused(post(head, OVERVIEW, data=body, content_type="application/json"), 400)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x",
        b"--x\r\n\r\n",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--",
        b"\x00" * 1000,
        b"--x\r\n" + b"A" * 100_000,
    ],
)
def test_a_multipart_body_that_is_none(head: FlaskClient, body: bytes) -> None:
    before = token_of(head)
    for path in ("/imports/upload", "/search"):
        answer = post(
            head, path, data=body, content_type="multipart/form-data; boundary=x", headers={"X-CSRFToken": before}
        )
        assert answer.status_code < 500, answer.status_code
        answer = post(head, path, data=body, content_type="multipart/form-data", headers={"X-CSRFToken": before})
        assert answer.status_code < 500, answer.status_code


@pytest.mark.parametrize(
    "cookie", ["x" * 20_000, "\x00", "=;;;=", "a.b.c", "." * 5000, "\u202eevil", '"\\', ".eJw" + "A" * 3000]
)
def test_a_cookie_that_is_none_is_nobodys(world: World, cookie: str) -> None:
    for name in ("portal_session", "language", "theme"):
        client = world.app.test_client()
        header = f"{name}={cookie}".encode("utf-8", "replace").decode("latin-1")
        answer = client.get("/me", headers={"Cookie": header})
        assert answer.status_code == 303
        assert not LEAKS.search(answer.get_data(as_text=True))


def test_a_session_cookie_that_unpacks_to_a_giant_is_nobodys(world: World) -> None:
    """Flask's cookies may be compressed; an unsigned one is never unpacked."""
    import base64
    import zlib

    bomb = "." + base64.urlsafe_b64encode(zlib.compress(b"{" + b" " * 50_000_000 + b"}")).decode().rstrip("=")
    started = time.thread_time()
    answer = world.app.test_client().get("/me", headers={"Cookie": f"portal_session={bomb}.aaaaaa.bbbbbb"})
    assert answer.status_code == 303
    assert time.thread_time() - started < 2


# --- odd texts ---------------------------------------------------------------------------------------------------


ODD = [
    "%00",
    "%0d%0aSet-Cookie:%20x=y",
    "%0a",
    "%ff%fe",
    "%ed%a0%80",
    "%e2%80%ae",
    "%c0%ae%c0%ae/",
    "'\"><script>",
    "%25s%25n",
    "{{7*7}}",
    "${7*7}",
    "..%2f..%2fetc%2fpasswd",
    "%f0%9f%92%a9",
    "1e309",
    "-1",
    "0x10",
    "9" * 300,
]
KEYS = (
    "q",
    "area",
    "cycle",
    "from",
    "to",
    "use",
    "sort",
    "cursor",
    "next",
    "status",
    "kind",
    "who",
    "tehsil",
    "issued",
    "state",
    "size",
    "compare",
    "channel",
    "bill_month",
    "page",
    "name",
    # What means something to url_for.
    "_scheme",
    "_external",
    "_anchor",
    "_method",
    "file_format",
    "endpoint",
)


def test_odd_values_of_every_key_on_every_page(world: World, head: FlaskClient) -> None:
    """No page fails, no header is split, nothing is repeated as markup."""
    pages = [rule for rule, method in all_rules(world.app) if method == "GET" and not rule.rule.startswith("/static")]
    walked = 0
    for rule in pages:
        if permission_of(world.app, rule.endpoint) is Permission.PUBLIC and rule.endpoint != "staff.login":
            continue
        with world.app.test_request_context():
            _, path = rule.build(example(rule, world.inside), append_unknown=False) or ("", "")
        for value in ODD:
            answer = head.get(f"{path}?" + "&".join(f"{key}={value}" for key in KEYS), buffered=True)
            case = f"{path} {value}: {answer.status_code}"
            assert answer.status_code < 500, case
            assert "x" not in [c.split("=")[0] for c in answer.headers.getlist("Set-Cookie")], case
            if answer.mimetype == "text/html":
                assert "'\"><script>" not in answer.get_data(as_text=True), case
                assert not LEAKS.search(answer.get_data(as_text=True)), case
            walked += 1
    assert walked > 15 * len(ODD)


def test_odd_values_in_every_path(world: World, head: FlaskClient) -> None:
    for rule, method in all_rules(world.app):
        if not rule.arguments or method != "GET":
            continue
        for value in ODD:
            path = re.sub(r"<[^>]*>", value, rule.rule)
            answer = head.get(path, buffered=True)
            assert answer.status_code < 500, f"{path}: {answer.status_code}"
            assert answer.status_code != 200 or value in {"-1"}, f"{path}: {answer.status_code}"
            assert "Set-Cookie: x" not in str(answer.headers)


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x=y", "a\nb", "a\rb", "\u2028", "a\x00b", "\x1b[31m"])
def test_no_value_breaks_into_the_headers(world: World, head: FlaskClient, value: str) -> None:
    token = token_of(head)
    for path, form in (
        ("/preferences", {"language": "en", "next": f"/me?{value}"}),
        ("/search", {"q": value}),
        ("/search", {"q": value, "list": "units", "area": value, "sort": value}),
    ):
        answer = head.post(path, data={"csrf_token": token, **form})
        assert answer.status_code < 500
        assert "x" not in [c.split("=")[0] for c in answer.headers.getlist("Set-Cookie")]
        assert not re.search(r"[\r\n\x00]", answer.headers.get("Location", ""))


@pytest.mark.parametrize(
    "value", ["a\x00b", "\ud800", "\udfff x", ["\x00"], {"\ud83d": 1}, {"a": ["b", {"c": "\x00"}]}]
)
def test_json_with_texts_that_are_none_is_refused(head: FlaskClient, value: Any) -> None:
    assert not is_text(value)
    refused(head.post(OVERVIEW, json={"output": "x", "inputs": value}), 400)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_texts_are_told_from_what_is_none(value: Any) -> None:
    written = json.dumps(value)

    def whole(text: str) -> bool:
        return "\x00" not in text and not any(0xD800 <= ord(char) < 0xE000 for char in text)

    def strings(one: Any) -> list[str]:
        if isinstance(one, dict):
            return [*one, *(text for value in one.values() for text in strings(value))]
        if isinstance(one, list):
            return [text for value in one for text in strings(value)]
        return [one] if isinstance(one, str) else []

    assert is_text(json.loads(written)) == all(whole(text) for text in strings(value))


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["?area=1&area=2", "?cycle=2025-11", "?sort=%00", "?q=\ud800", "9" * 5000, "-1", "NaN", "?area=" + "9" * 400]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["startRow", "endRow", "sortModel", "of", "at", "1", "colId", "sort", "100"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_callbacks_posted_by_hand_never_fail(world: World, head: FlaskClient, data: st.DataObject) -> None:
    """Any values in the declared inputs of any callback: an answer or a refusal, never a failure."""
    from portal.web.access_cli import callbacks

    dashboards = world.app.extensions["dashapps"]
    listed = [one for one in callbacks(world.app) if "callback" in dashboards[one["app"]].callback_map[one["output"]]]
    one = data.draw(st.sampled_from(listed))
    entry = dashboards[one["app"]].callback_map[one["output"]]
    of = f"bill-register?{data.draw(st.sampled_from(['', 'cycle=2025-11']))}"

    def value(item: dict[str, Any]) -> Any:
        if item["property"] == "pathname":
            return data.draw(
                st.sampled_from(["/dash/reports/bill-register", "/dash/reports/nothing", "/", None, 5, []])
            )
        if item["property"] == "data":
            return data.draw(
                _VALUES
                | st.builds(
                    lambda at: {"of": of, "at": at},
                    st.dictionaries(st.sampled_from(["50", "100", "9" * 5000, "x"]), _VALUES),
                )
            )
        return data.draw(_VALUES)

    outputs = [
        {"id": part.rpartition(".")[0], "property": part.rpartition(".")[2]}
        for part in one["output"].strip(".").split("...")
    ]
    body = {
        "output": one["output"],
        "outputs": outputs if one["output"].startswith("..") else outputs[0],
        "inputs": [{**item, "value": value(item)} for item in entry["inputs"]],
        "state": [{**item, "value": value(item)} for item in entry["state"]],
        "changedPropIds": data.draw(st.lists(st.sampled_from(["rp-url.search", "x.n_intervals", "x"]), max_size=2)),
    }
    answer = head.post(f"/dash/{one['app']}/_dash-update-component", json=body)
    assert answer.status_code < 500, body
    assert not LEAKS.search(answer.get_data(as_text=True))


@pytest.mark.parametrize(
    "name",
    [
        "\u0430dmin",
        "\uff41\uff44\uff4d\uff49\uff4e",
        "admin\u200b",
        "adm\u0131n",
        "ADM\u0130N",
        "admin\u0301",
        " admin",
        "admin\x00",
        "ad\rmin",
    ],
)
def test_a_look_alike_of_a_user_name_is_somebody_else(world: World, name: str) -> None:
    """Nobody may be made under such a name, and it opens no account."""
    from portal.errors import DomainError
    from portal.staff.service import create_staff

    with world.app.app_context():
        from portal.staff.models import Staff

        with transaction() as session:
            if session.query(Staff).filter_by(username="admin").first() is None:
                add_staff(world.app, Role.HEAD, username="admin")
    client = world.app.test_client()
    token = csrf_token(client.get("/login").get_data(as_text=True))
    answer = client.post("/login", data={"csrf_token": token, "username": name, "password": PASSWORD})
    if name.strip() != "admin":
        assert answer.status_code in {400, 401, 422}, answer.status_code
        with world.app.app_context(), pytest.raises(DomainError), transaction() as session:
            create_staff(session, username=name, password=PASSWORD + "x", role="HEAD", areas=[], cost=4)


def test_all_roles_are_refused_alike(world: World) -> None:
    """Who may not is told nothing about what is there: the same words for things inside and outside his area."""
    for rule, method in all_rules(world.app):
        permission = permission_of(world.app, rule.endpoint)
        if method != "GET" or not rule.arguments & {"survey_id", "psid", "batch_id", "place_id"} or permission is None:
            continue
        for who in Role:
            if may(who, permission):
                continue
            pages = {
                re.sub(r'nonce="[^"]*"|value="[^"]*"|data-csrf="[^"]*"|/\d+|\d{4,}', "", answer.get_data(as_text=True))
                for answer in (call(world, who, rule, method, thing) for thing in (world.inside, world.outside))
            }
            assert len(pages) == 1, rule.rule


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:1"},
    ],
)
def test_a_form_of_another_site_is_refused_even_with_its_token(head: FlaskClient, headers: dict[str, str]) -> None:
    form = {"csrf_token": token_of(head), "language": "en", "next": "/me"}
    assert head.post("/preferences", data=form, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
    refused(head.post("/preferences", data=form, headers=headers), 400)


def test_behind_tls_a_page_that_sends_no_referrer_can_be_sent(world: World) -> None:
    """The pages of one-time links send none, so that the link goes nowhere: their forms must still be taken."""
    from portal.staff import tokens

    app = create_app(replace(world.app.extensions["settings"], behind_tls=True))
    with app.app_context(), transaction() as session:
        staff_id = session.scalar(text("SELECT id FROM staff WHERE username = :n"), {"n": add_staff(app, Role.AGENT)})
        link = tokens.issue(session, int(staff_id or 0), tokens.TokenKind.INVITE, created_by=None, minutes=5)
    client = app.test_client()
    site = {"base_url": "https://localhost"}
    page = client.get(f"/welcome/{link}", **site)
    new = "a long enough passphrase 7"
    form = {"csrf_token": csrf_token(page.get_data(as_text=True)), "new_password": new, "repeated": new}
    sent = {"X-Forwarded-Proto": "https", "Origin": "null", "Sec-Fetch-Site": "same-origin"}
    refused(client.post(f"/welcome/{link}", data=form, headers={"Sec-Fetch-Site": "cross-site"}, **site), 400)
    assert client.post(f"/welcome/{link}", data=form, headers=sent, **site).status_code == 303

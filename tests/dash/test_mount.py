"""What lies below /dash/: who gets in, what exists, and that the pages carry nothing a strict policy would stop."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import brotli
import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashapps.bundles import URL_PREFIX, bundles
from dashapps.mount import PortalDash, list_callbacks
from portal.permissions import Permission, Role, role_allows
from tests.support.people import add_staff, sign_in

PAGE = "/dash/overview/"
DATA = (PAGE + "_dash-layout", PAGE + "_dash-dependencies")
UPDATE = PAGE + "_dash-update-component"


def callback_of(app: Flask, slug: str = "overview") -> dict[str, Any]:
    """The one server callback of a dashboard, as its browser would post it."""
    dash: PortalDash = app.extensions["dashapps"][slug]
    output, entry = next((key, value) for key, value in dash.callback_map.items() if "callback" in value)
    names = [name.rpartition(".") for name in output.strip(".").split("...")]
    return {
        "output": output,
        "outputs": [{"id": name, "property": prop} for name, _dot, prop in names],
        "inputs": [dict(item, value=None) for item in entry["inputs"]],
        "state": [dict(item, value=None) for item in entry["state"]],
        "changedPropIds": [f"{item['id']}.{item['property']}" for item in entry["inputs"]],
    }


@pytest.fixture(scope="module")
def browsers(module_app: Flask) -> dict[Role | None, FlaskClient]:
    found: dict[Role | None, FlaskClient] = {None: module_app.test_client()}
    return found | {role: sign_in(module_app.test_client(), add_staff(module_app, role)) for role in Role}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_gets_what_its_permission_says(
    browsers: dict[Role | None, FlaskClient], module_app: Flask, role: Role
) -> None:
    expected = 200 if role_allows(role, Permission.VIEW_DASHBOARDS) else 403
    client = browsers[role]
    assert client.get(PAGE).status_code == expected
    assert [client.get(path).status_code for path in DATA] == [expected] * 2
    assert client.post(UPDATE, json=callback_of(module_app)).status_code == expected
    may_export = 200 if role_allows(role, Permission.EXPORT) else 403
    assert client.get(PAGE + "download/league.csv").status_code == may_export


def test_nobody_is_sent_to_the_login_page_and_gets_no_data(
    browsers: dict[Role | None, FlaskClient], module_app: Flask
) -> None:
    nobody = browsers[None]
    page = nobody.get(PAGE + "?use=DOMESTIC")
    assert page.status_code in {302, 303}
    assert page.location.startswith("/login?next=")
    assert [nobody.get(path).status_code for path in DATA] == [401] * 2
    answer = nobody.post(UPDATE, json=callback_of(module_app))
    assert answer.status_code == 401
    assert answer.is_json


@pytest.mark.parametrize(
    "path",
    [
        "/dash/nothing/",
        "/dash/nothing/_dash-layout",
        "/dash/",
        PAGE + "nothing",
        PAGE + "_reload-hash",
        PAGE + "_favicon.ico",
        PAGE + "assets/x.js",
        PAGE + "_dash-component-suites/dash/dcc/dash_core_components.js",
        PAGE + "_dash-component-suites/plotly/package_data/plotly.min.js",
        PAGE + "download/nothing.csv",
    ],
)
def test_what_was_not_mounted_does_not_exist(browsers: dict[Role | None, FlaskClient], path: str) -> None:
    assert browsers[Role.HEAD].get(path).status_code == 404


def test_a_callback_is_taken_from_our_own_pages_only(
    browsers: dict[Role | None, FlaskClient], module_app: Flask
) -> None:
    client, body = browsers[Role.HEAD], callback_of(module_app)
    good: list[dict[str, str]] = [{}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}]
    forged = [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}]
    forged += [{"Origin": "null"}, {"Sec-Fetch-Site": "none"}]
    assert [client.post(UPDATE, json=body, headers=h).status_code for h in good] == [200] * 3
    assert [client.post(UPDATE, json=body, headers=h).status_code for h in forged] == [403] * 5
    # What a form of another site could send without asking first.
    plain = client.post(UPDATE, data=json.dumps(body), content_type="text/plain")
    assert plain.status_code == 400


def test_malformed_calls_are_refused_before_dash_sees_them(
    browsers: dict[Role | None, FlaskClient], module_app: Flask
) -> None:
    client, body = browsers[Role.HEAD], callback_of(module_app)
    other_input = [{"id": "ov-theme", "property": "data", "value": "x"}]
    cases: list[tuple[Any, int]] = [
        ([], 400),
        ("text", 400),
        (None, 400),
        ({}, 404),
        (body | {"output": "nothing.children"}, 404),
        (body | {"output": ["a"]}, 404),
        (body | {"output": "ov-title.modified_timestamp"}, 404),  # runs in the browser only
        (body | {"inputs": []}, 400),
        (body | {"inputs": body["inputs"] * 2}, 400),
        (body | {"inputs": {}}, 400),
        (body | {"inputs": other_input}, 400),
        (body | {"state": [1]}, 400),
        ({key: value for key, value in body.items() if key != "outputs"}, 400),
        (body | {"outputs": None}, 400),
        (body | {"outputs": 5}, 400),
        (body | {"outputs": []}, 400),
        (body | {"outputs": [{"id": "x"}]}, 400),
        (body | {"outputs": body["outputs"][:-1]}, 400),
        (body | {"outputs": [*body["outputs"][:-1], {"id": "x", "property": "data"}]}, 400),
        (body | {"outputs": [body["outputs"]]}, 400),
        (body | {"changedPropIds": 5}, 400),
        (body | {"changedPropIds": [5]}, 400),
    ]
    found = [client.post(UPDATE, json=case).status_code for case, _status in cases]
    assert found == [status for _case, status in cases]


def test_a_callback_of_one_dashboard_is_unknown_to_the_others(
    browsers: dict[Role | None, FlaskClient], module_app: Flask
) -> None:
    slugs = list(module_app.extensions["dashapps"])
    assert len(slugs) > 1
    for slug in slugs:
        for other in set(slugs) - {slug}:
            answer = browsers[Role.HEAD].post(
                f"/dash/{other}/_dash-update-component", json=callback_of(module_app, slug)
            )
            assert answer.status_code == 404


def test_every_callback_is_listed_with_a_permission(module_app: Flask) -> None:
    listed = list_callbacks(module_app)
    offered = {
        (slug, entry["output"])
        for slug, dash in module_app.extensions["dashapps"].items()
        for entry in dash._callback_list
    }
    assert {(slug, output) for slug, output, _permission in listed} == offered
    assert all(isinstance(permission, Permission) for _slug, _output, permission in listed)
    assert Permission.PUBLIC not in {permission for _slug, _output, permission in listed}


@pytest.mark.parametrize("path", [PAGE, "/dash/reports/bill-register"])
def test_every_script_of_a_page_carries_the_nonce(browsers: dict[Role | None, FlaskClient], path: str) -> None:
    answer = browsers[Role.HEAD].get(path)
    page = answer.get_data(as_text=True)
    policy = answer.headers["Content-Security-Policy"]
    found = re.search(r"script-src 'self' 'nonce-([\w-]+)'", policy)
    assert found is not None
    tags = re.findall(r"<script\b[^>]*>", page)
    assert len(tags) > 8
    without = [tag for tag in tags if f'nonce="{found[1]}"' not in tag and 'type="application/json"' not in tag]
    assert without == []
    assert "unsafe-eval" not in policy
    assert not re.search(r"\son\w+=", page)  # no handlers in the markup


def test_all_dashboards_share_their_bundles(browsers: dict[Role | None, FlaskClient]) -> None:
    pages = [browsers[Role.HEAD].get(path).get_data(as_text=True) for path in (PAGE, "/dash/reports/bill-register")]
    urls = [set(re.findall(rf'src="({URL_PREFIX}/[^"]+)"', page)) for page in pages]
    assert len(urls[0] & urls[1]) >= 7
    for page in pages:
        assert "_dash-component-suites" not in page.replace(URL_PREFIX, "")
    assert any("dash_ag_grid" in url for url in urls[1])
    assert not any("dash_ag_grid" in url for url in urls[0])


def test_bundles_are_compressed_and_kept_for_ever(browsers: dict[Role | None, FlaskClient]) -> None:
    page = browsers[Role.HEAD].get(PAGE).get_data(as_text=True)
    url = next(url for url in re.findall(r'src="([^"]+)"', page) if "react@" in url)
    nobody = browsers[None]
    # A file is sent from disk; reading it as a buffer closes it.
    plain = nobody.get(url, headers={"Accept-Encoding": "identity"}, buffered=True)
    assert plain.status_code == 200
    assert plain.mimetype == "text/javascript"
    assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Content-Encoding" not in plain.headers
    for encoding, unpack in (("br", brotli.decompress), ("gzip", gzip.decompress)):
        packed = nobody.get(url, headers={"Accept-Encoding": encoding}, buffered=True)
        assert packed.headers["Content-Encoding"] == encoding
        assert packed.headers["Vary"] == "Accept-Encoding"
        assert unpack(packed.data) == plain.data
        assert len(packed.data) < len(plain.data) / 2


@pytest.mark.parametrize("name", ["dash/dash.py", "dash/../dash/dash.py", "dash/dcc/async-mathjax.js", "plotly/x.js"])
def test_only_declared_bundles_are_served(
    browsers: dict[Role | None, FlaskClient], module_app: Flask, name: str
) -> None:
    store = module_app.extensions["dash_bundles"]
    assert browsers[Role.HEAD].get(f"{URL_PREFIX}/{store.build}/{name}").status_code == 404
    assert browsers[Role.HEAD].get(f"{URL_PREFIX}/000000000000/dash/deps/react@18.3.1.min.js").status_code == 404


def test_declared_bundles_are_there(module_app: Flask) -> None:
    store = module_app.extensions["dash_bundles"]
    assert all(path.is_file() for path in store.files.values())
    order = [bundle.path for bundle in bundles() if bundle.as_tag]
    assert order[-1].endswith("dash_core_components.js")
    renderer = next(index for index, path in enumerate(order) if "dash_renderer" in path)
    assert all("deps/" in path for path in order[:renderer])

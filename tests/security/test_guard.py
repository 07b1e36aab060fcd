"""Deny by default, tried: what nobody declared does not run, and asking costs one query."""

from __future__ import annotations

import statistics
import time
from typing import Any

import pytest
from dash import ALL, Input, Output
from flask import Flask
from flask.testing import FlaskClient
from flask_login import login_user

from dashapps.mount import PortalDash
from portal.factory import create_app
from portal.permissions import Permission, Role, require
from portal.staff.login import load
from portal.web.access_cli import UNDECLARED, callbacks, rules
from portal.web.guard import check, current_scope
from tests.support.people import add_staff, sign_in
from tests.support.queries import recorded_queries
from tests.test_access import World, all_rules, call, world

__all__ = ["world"]

UPDATE = "/dash/overview/_dash-update-component"


@pytest.fixture(scope="module")
def extended(world: World) -> Flask:
    """The application with a view, and callbacks, that somebody forgot to declare."""
    app = create_app(world.app.extensions["settings"])
    app.add_url_rule("/forgotten", "forgotten", lambda: "ran")
    app.add_url_rule("/dash/overview/forgotten", "forgotten_below_dash", lambda: "ran")
    app.add_url_rule("/dash/extra", "forgotten_dash", lambda: "ran")
    dash: PortalDash = app.extensions["dashapps"]["overview"]

    @dash.callback(Output("forgotten", "children"), Input("ov-url", "search"))
    def forgotten(search: str) -> str:
        return "ran"

    @dash.callback(Output("for-import", "children"), Input("ov-url", "search"), permission=Permission.IMPORT)
    def for_import(search: str) -> str:
        return "ran"

    @dash.callback(
        Output({"type": "any", "index": ALL}, "children"),
        Input("ov-url", "search"),
        permission=Permission.VIEW_DASHBOARDS,
    )
    def pattern(search: str) -> list[str]:
        return ["ran"]

    dash._setup_server()  # type: ignore[no-untyped-call]
    return app


@pytest.fixture(scope="module")
def browsers(extended: Flask) -> dict[Role, FlaskClient]:
    return {role: sign_in(extended.test_client(), add_staff(extended, role)) for role in Role}


def body(output: Any, outputs: Any = None) -> dict[str, Any]:
    given = outputs or {"id": str(output).rpartition(".")[0], "property": "children"}
    return {
        "output": output,
        "outputs": given,
        "changedPropIds": ["ov-url.search"],
        "state": [],
        "inputs": [{"id": "ov-url", "property": "search", "value": ""}],
    }


def test_a_route_without_a_permission_is_listed_and_refused(extended: Flask, browsers: dict[Role, FlaskClient]) -> None:
    listed = {rule["rule"] for rule in rules(extended) if rule["permission"] == UNDECLARED}
    assert listed == {"/forgotten", "/dash/overview/forgotten", "/dash/extra"}
    for role, browser in browsers.items():
        for path in listed:
            answer = browser.get(path)
            assert answer.status_code == 403, (role, path)
            assert "ran" != answer.get_data(as_text=True)
    assert extended.test_client().get("/forgotten").status_code == 303


def test_a_callback_without_a_permission_is_listed_and_refused(
    extended: Flask, browsers: dict[Role, FlaskClient]
) -> None:
    listed = {one["output"] for one in callbacks(extended) if one["permission"] == UNDECLARED}
    assert listed == {"forgotten.children"}
    for browser in browsers.values():
        assert browser.post(UPDATE, json=body("forgotten.children")).status_code == 403


def test_a_callback_asks_for_its_own_permission_and_the_dashboards(browsers: dict[Role, FlaskClient]) -> None:
    found = {
        role: browser.post(UPDATE, json=body("for-import.children")).status_code for role, browser in browsers.items()
    }
    assert found == {Role.AGENT: 403, Role.SUPERVISOR: 403, Role.ADMIN: 200, Role.MANAGER: 403, Role.HEAD: 200}


def test_pattern_matching_callbacks_take_no_ids_made_by_hand(
    extended: Flask, browsers: dict[Role, FlaskClient]
) -> None:
    """An output is found by the very id it was declared with, so one that stands for many cannot be called."""
    head = browsers[Role.HEAD]
    concrete = {"id": {"index": 1, "type": "any"}, "property": "children"}
    known = [one["output"] for one in callbacks(extended) if "any" in one["output"]]
    assert len(known) == 1
    for output in ('{"index":1,"type":"any"}.children', "..any.children..", known[0].strip("."), known[0]):
        answer = head.post(UPDATE, json=body(output, [concrete]))
        assert answer.status_code in {400, 404}, output
        assert "ran" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("more", ["?cancelJob=1", "?job=1&cacheKey=x", "?oldJob=1"])
def test_handles_of_background_callbacks_mean_nothing(browsers: dict[Role, FlaskClient], more: str) -> None:
    answer = browsers[Role.HEAD].post(UPDATE + more, json=body("for-import.children"))
    assert answer.status_code == 200


def test_layouts_and_dependencies_hold_no_data_and_ask_for_the_permission(world: World) -> None:
    paths = [rule for rule, _ in all_rules(world.app) if rule.rule.endswith(("_dash-layout", "_dash-dependencies"))]
    assert len(paths) == 2 * len(world.app.extensions["dashapps"])
    for rule in paths:
        answers = {who: call(world, who, rule, "GET", world.inside) for who in world.browsers}
        assert answers[None].status_code == 401
        assert answers[Role.AGENT].status_code == 403
        # The same for everybody who may: what they hold of anybody cannot be read out of them.
        assert len({answers[who].get_data() for who in (Role.SUPERVISOR, Role.MANAGER, Role.HEAD)}) == 1
        assert b"Aslam" not in answers[Role.HEAD].get_data()


def test_asking_who_and_whether_costs_one_query(world: World) -> None:
    """On a route that asks nothing itself, whether one may or not; and none where nobody is signed in."""
    app = create_app(world.app.extensions["settings"])

    @app.get("/nothing-but-the-guard")
    @require(Permission.VIEW_REPORTS)
    def nothing() -> str:
        return "ran"

    for role, status in ((Role.HEAD, 200), (Role.MANAGER, 200), (Role.AGENT, 403)):
        browser = sign_in(app.test_client(), add_staff(app, role))
        browser.get("/nothing-but-the-guard")
        with recorded_queries(app) as statements:
            answer = browser.get("/nothing-but-the-guard", headers={"Accept": "application/json"})
        assert answer.status_code == status
        assert len(statements) == 1, statements
        assert "staff_sessions" in statements[0]
    with recorded_queries(app) as statements:
        assert app.test_client().get("/nothing-but-the-guard").status_code == 303
    assert statements == []


def test_asking_costs_less_than_two_milliseconds(world: World) -> None:
    """What this process computes to load the person, ask for the permission and take the scope; and, at best, with the
    answer of the database (others may be at work on the machine, so the best of many counts)."""
    browser = sign_in(world.app.test_client(), add_staff(world.app, Role.MANAGER))
    with browser.session_transaction() as cookie:
        token = cookie["_user_id"]
    computed, taken = [], []
    with world.app.test_request_context("/"):
        user = load(token)
        assert user is not None
        login_user(user)
        for _ in range(100):
            begun, started = time.process_time(), time.perf_counter()
            load(token)
            assert check(Permission.VIEW_REPORTS) is None
            assert current_scope() == user.scope
            taken.append(time.perf_counter() - started)
            computed.append(time.process_time() - begun)
    assert statistics.median(computed) < 0.002
    assert min(taken) < 0.002

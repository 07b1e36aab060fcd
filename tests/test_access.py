"""Every URL rule and every Dash callback, for nobody and each role, inside and outside the person's area.

The walk goes over the application's own map: a route that declares no permission, or has parameters that this file
knows no example of, fails.
"""

from __future__ import annotations

import io
import json
import re
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal.corrections.models import Correction
from portal.db import transaction
from portal.files.service import Owner, Upload, store_document
from portal.locations.models import DISTRICT, DIVISION, TEHSIL, UNION_COUNCIL, Location
from portal.navigation import BOTTOM_BAR, MENU
from portal.permissions import PROVINCE_WIDE, AreaScope, Permission, Role, role_allows
from portal.staff.models import Staff
from portal.units.models import SurveyUnit
from portal.web.access_cli import UNDECLARED, callbacks, rules
from portal.web.guard import permission_of
from tests.support.people import add_staff, csrf_token, sign_in
from tests.support.places import add_place, small_tree
from tests.support.register import MONTH, Registered, register

SECRET = "Zzyzx"  # stands in every name outside the area
PEOPLE: tuple[Role | None, ...] = (None, *Role)


@dataclass
class World:
    """Two areas with a consumer each, and a browser for everybody. The people belong to the first area."""

    app: Flask
    inside: Registered
    outside: Registered
    browsers: dict[Role | None, FlaskClient]
    tokens: dict[Role | None, str]


def may(role: Role, permission: Permission) -> bool:
    """What the people of this world may: none of them, no head either, has the whole province."""
    return role_allows(role, permission) and permission not in PROVINCE_WIDE


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    tree = small_tree(module_app)
    with module_app.app_context(), transaction() as session:
        elsewhere = session.get(Location, tree["bhakkar/bhakkar"])
        assert elsewhere is not None
        secret = add_place(session, f"{SECRET} Ward", UNION_COUNCIL, elsewhere)
        here = session.get(Location, tree["mc-9"])
        assert here is not None
        inside, outside = register(session, here, 1, "Aslam"), register(session, secret, 2, f"{SECRET} Khan")
    with module_app.app_context(), transaction() as session:
        inside, outside = (replace(thing, file_id=_document(session, thing)) for thing in (inside, outside))
    inside = replace(inside, staff_id=_agent(module_app, "aslam.agent", inside.location_id))
    outside = replace(outside, staff_id=_agent(module_app, f"{SECRET.lower()}.agent", outside.location_id))
    inside = replace(inside, correction_id=_correction(module_app, inside))
    outside = replace(outside, correction_id=_correction(module_app, outside))
    browsers: dict[Role | None, FlaskClient] = {None: module_app.test_client()}
    for role in Role:
        browsers[role] = sign_in(module_app.test_client(), add_staff(module_app, role, [tree["khushab/khushab"]]))
    tokens = {
        who: csrf_token(browser.get("/login" if who is None else "/me").get_data(as_text=True))
        for who, browser in browsers.items()
    }
    return World(module_app, inside, outside, browsers, tokens)


def _document(session: Session, thing: Registered) -> int:
    """A document of the unit; its id."""
    unit_id = session.scalars(select(SurveyUnit.id).where(SurveyUnit.survey_id == thing.survey_id)).one()
    upload = Upload(io.BytesIO(b"%PDF-1.4 %%EOF"), f"{SECRET if thing.survey_id.endswith('2') else 'Deed'}.pdf")
    given: dict[str, Any] = {"client_uuid": uuid.uuid4(), "location_id": thing.location_id, "staff_id": None}
    return store_document(session, Owner(unit_id=unit_id), upload, **given).id


def _agent(app: Flask, username: str, location_id: int) -> int:
    """A field agent of one place; his id."""
    name = add_staff(app, Role.AGENT, [location_id], username=username)
    with app.app_context(), transaction() as session:
        return session.scalars(select(Staff.id).where(Staff.username == name)).one()


def _correction(app: Flask, thing: Registered) -> int:
    """A proposed correction of a unit, by the agent of its place."""
    with app.app_context(), transaction() as session:
        unit = session.scalars(select(SurveyUnit).where(SurveyUnit.survey_id == thing.survey_id)).one()
        correction = Correction(
            client_uuid=uuid.uuid4(), unit_id=unit.id, location_id=unit.location_id, proposed_by=thing.staff_id,
            fields={"consumer_name": [unit.consumer_name, f"{unit.consumer_name} junior"]},
        )  # fmt: skip
        session.add(correction)
        session.flush()
        return correction.id


def all_rules(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method


def example(rule: Rule, thing: Registered) -> dict[str, Any]:
    """Values for the parameters of a rule that lead to `thing` (or to nothing of anybody, for files and names)."""
    known: dict[str, Any] = {
        "survey_id": thing.survey_id,
        "psid": thing.psid,
        "batch_id": thing.batch_id,
        "place_id": thing.place_id,
        "move_id": thing.move_id,
        "visit_id": thing.visit_id,
        "staff_id": thing.staff_id,
        "correction_id": thing.correction_id,
        "comment_id": 10**9,  # of a ticket, whose number comes first
        "name": {"reports": "bill-register"}.get(rule.endpoint.split(".")[0], "figures"),
        "filename": "portal.css",
        "build": "none",
        "path": "nothing",
        "code": "psid_shape",
        "file_format": "csv",
        "which": "rejected",
        "section": "general",
        "change_id": 10**9,
        "run_id": 10**9,
        "notification_id": 10**9,  # one's own only, whatever the area: tests/notifications
        "session_id": 10**9,
        "action": "deactivate",
        "number": thing.ticket if rule.endpoint.startswith("ticket") else 1,
        "step": "start",
        "category_id": 1,
        "day": "2026-12-25",
        "digest": "0" * 32,
        "file_id": thing.file_id,
        "variant": "large",
        "token": "no-such-token",
        "location_id": thing.location_id,
        "what": "edit",
        "name_id": 10**9,
        "kind": "house_type",
        "lookup_id": 10**9,
    }
    missing = rule.arguments - known.keys()
    assert not missing, f"{rule.rule} has parameters this test has no example of: {missing}"
    return {name: known[name] for name in rule.arguments}


# Parameters that name something that lies in an area.
THINGS = {
    "survey_id", "psid", "batch_id", "place_id", "move_id", "staff_id", "file_id", "location_id", "correction_id",
    "visit_id",
}  # fmt: skip


def leads_to_a_thing(rule: Rule) -> bool:
    """Whether a parameter names something that lies in an area."""
    return bool(rule.arguments & THINGS) or (rule.endpoint.startswith("tickets.") and "number" in rule.arguments)


def call(world: World, who: Role | None, rule: Rule, method: str, thing: Registered) -> TestResponse:
    with world.app.test_request_context():
        _, path = rule.build(example(rule, thing), append_unknown=False) or ("", "")
    assert path, rule.rule
    headers = {"X-CSRFToken": world.tokens[who]} if method == "POST" and not path.startswith("/dash/") else {}
    if method == "POST" and path.endswith("_dash-update-component"):
        return world.browsers[who].open(path, method=method, json={})
    return world.browsers[who].open(path, method=method, headers=headers, buffered=True)


def words_of(answer: TestResponse) -> str:
    """What a person could read in an answer, also inside a workbook."""
    if answer.mimetype.endswith("spreadsheetml.sheet"):
        with zipfile.ZipFile(io.BytesIO(answer.data)) as book:
            return "".join(book.read(name).decode() for name in book.namelist())
    return answer.get_data(as_text=True)


# Routes that end or change the session of the browser that the walk goes on with.
ENDING = {"staff.logout", "staff.session_anew"}


def test_every_rule_declares_its_permission(module_app: Flask) -> None:
    undeclared = [rule["rule"] for rule in rules(module_app) if rule["permission"] == UNDECLARED]
    assert undeclared == []


def test_public_is_what_must_be(module_app: Flask) -> None:
    """Whoever adds a public route adds it here, knowingly."""
    public = {rule["endpoint"] for rule in rules(module_app) if rule["permission"] == Permission.PUBLIC}
    assert public == {
        "static", "bootstrap.static", "dash.bundle", "health.healthz", "health.readyz", "staff.login",
        "staff.login_post", "staff.preferences",
        # Whoever forgot his password, and whoever has a one-time link or code.
        "staff.forgot", "staff.forgot_post", "staff.reset_code", "staff.reset_code_post", "staff.reset_link",
        "staff.reset_link_post", "staff.welcome", "staff.welcome_post",
        # Whoever has the link of a mail ends mails of its kind.
        "notifications.stop", "notifications.stop_post",
        # On the sign-in page.
        "settings.logo_image",
        # Complaints of people without a login, and what became of them.
        "complaints.new", "complaints.send", "complaints.below", "complaints.ask", "complaints.answer",
    }  # fmt: skip


@pytest.mark.parametrize("who", PEOPLE, ids=lambda who: who or "nobody")
def test_every_rule_asks_for_its_permission(world: World, who: Role | None) -> None:
    for rule, method in all_rules(world.app):
        if rule.endpoint in ENDING:
            continue
        permission = permission_of(world.app, rule.endpoint)
        assert permission is not None
        answer = call(world, who, rule, method, world.inside)
        case = f"{who or 'nobody'} {method} {rule.rule}: {answer.status_code}"
        to_login = answer.status_code == 303 and (answer.location or "").startswith("/login")
        if permission is Permission.PUBLIC:
            assert answer.status_code not in {401, 403} and not to_login, case
        elif who is None:
            assert to_login or answer.status_code == 401, case
        elif not may(who, permission):
            assert answer.status_code == 403, case
        else:
            assert answer.status_code not in {401, 403} and not to_login, case
            assert answer.status_code < 500, case
        assert SECRET not in words_of(answer), case


@pytest.mark.parametrize("who", PEOPLE, ids=lambda who: who or "nobody")
def test_things_of_another_area_do_not_exist(world: World, who: Role | None) -> None:
    walked = 0
    for rule, method in all_rules(world.app):
        if not leads_to_a_thing(rule):
            continue
        answer = call(world, who, rule, method, world.outside)
        permission = permission_of(world.app, rule.endpoint)
        assert permission is not None
        expected = {303, 401} if who is None else {404} if may(who, permission) else {403}
        assert answer.status_code in expected, f"{who} {method} {rule.rule}: {answer.status_code}"
        assert SECRET not in answer.get_data(as_text=True)
        walked += 1
    assert walked >= 4


@pytest.mark.parametrize(
    "path",
    ["/units/", "/accounts/", "/reports/bill-register.csv", "/reports/payment-register.xlsx", "/dash/overview/"],
)
@pytest.mark.parametrize("who", list(Role))
def test_an_area_in_the_url_opens_nothing_outside(world: World, who: Role, path: str) -> None:
    cycle = f"{MONTH:%Y-%m}"
    outside = world.browsers[who].get(path, query_string={"area": world.outside.location_id, "cycle": cycle})
    assert outside.status_code in {404, 403}, outside.status_code
    assert SECRET not in words_of(outside)
    inside = world.browsers[who].get(path, query_string={"area": world.inside.location_id, "cycle": cycle})
    assert inside.status_code in {200, 403}
    assert (inside.status_code == 403) == (outside.status_code == 403)


def test_lists_and_searches_show_only_ones_own(world: World) -> None:
    """The head of the province finds both consumers, everybody else only the one of his area."""
    browser = sign_in(world.app.test_client(), add_staff(world.app, Role.HEAD))
    everything = browser.get("/units/").get_data(as_text=True)
    assert SECRET in everything
    assert "Aslam" in everything
    for who in Role:
        own = world.browsers[who].get("/units/").get_data(as_text=True)
        assert "Aslam" in own
        assert SECRET not in own
        for wanted in (world.outside.psid, world.outside.survey_id, f"{SECRET} Khan"):
            found = world.browsers[who].get("/search", query_string={"q": wanted}, follow_redirects=True)
            html = found.get_data(as_text=True)  # which repeats what was asked for, but leads nowhere
            assert f'/units/{world.outside.survey_id}"' not in html
            assert f'/accounts/{world.outside.psid}"' not in html
        assert f"/units/{world.inside.survey_id}" in world.browsers[who].get("/search?q=aslam").get_data(as_text=True)


def _callback_body(app: Flask, slug: str, output: str, search: str) -> dict[str, Any]:
    """What the page would post: every input and state by id and property, the URL's where it is one."""
    entry = app.extensions["dashapps"][slug].callback_map[output]

    def values(declared: list[dict[str, Any]]) -> list[dict[str, Any]]:
        given = {"search": search, "pathname": f"/dash/{slug}/{'bill-register' if slug == 'reports' else ''}"}
        return [{**one, "value": given.get(one["property"])} for one in declared]

    inputs = values(entry["inputs"])
    outputs = [
        {"id": part.rpartition(".")[0], "property": part.rpartition(".")[2]} for part in output.strip(".").split("...")
    ]
    changed = [f"{inputs[0]['id']}.{inputs[0]['property']}"]
    return {
        "output": output, "outputs": outputs if output.startswith("..") else outputs[0], "inputs": inputs,
        "changedPropIds": changed, "state": values(entry["state"]),
    }  # fmt: skip


@pytest.mark.parametrize("who", PEOPLE, ids=lambda who: who or "nobody")
@pytest.mark.parametrize("where", ["inside", "outside"])
def test_every_callback_asks_for_its_permission_and_stays_inside(world: World, who: Role | None, where: str) -> None:
    thing = world.inside if where == "inside" else world.outside
    search = f"?area={thing.location_id}&cycle={MONTH:%Y-%m}"
    dashboards = world.app.extensions["dashapps"]
    # Those of the browser (clientside) have no function here and cannot be called.
    listed = [one for one in callbacks(world.app) if "callback" in dashboards[one["app"]].callback_map[one["output"]]]
    assert {one["app"] for one in listed} == set(dashboards)
    for one in listed:
        body = _callback_body(world.app, one["app"], one["output"], search)
        answer = world.browsers[who].post(f"/dash/{one['app']}/_dash-update-component", json=body)
        case = f"{who or 'nobody'} {one['app']} {one['output'][:60]}: {answer.status_code}"
        if who is None:
            assert answer.status_code == 401, case
        elif not role_allows(who, Permission(one["permission"])):
            assert answer.status_code == 403, case
        elif where == "inside":
            assert answer.status_code in {200, 204}, case
        else:
            assert answer.status_code in {200, 204, 404}, case
        assert SECRET not in answer.get_data(as_text=True), case


def test_a_forged_callback_from_another_site_is_refused(world: World) -> None:
    one = callbacks(world.app)[0]
    body = _callback_body(world.app, one["app"], one["output"], "")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        answer = world.browsers[Role.HEAD].post(
            f"/dash/{one['app']}/_dash-update-component", json=body, headers=headers
        )
        assert answer.status_code == 403


def test_unknown_dashboards_are_not_found(world: World) -> None:
    for who, browser in world.browsers.items():
        assert browser.get("/dash/nothing/").status_code == 404, who
        assert browser.post("/dash/nothing/_dash-update-component", json={}).status_code == 404, who


def test_a_view_without_a_declaration_does_not_run(module_app: Flask, world: World) -> None:
    from portal.factory import create_app

    app = create_app(module_app.extensions["settings"])
    app.add_url_rule("/undeclared", "undeclared", lambda: "ran")
    assert {"undeclared"} == {r["endpoint"] for r in rules(app) if r["permission"] == UNDECLARED}
    browser = sign_in(app.test_client(), add_staff(app, Role.HEAD))
    assert browser.get("/undeclared").status_code == 403
    assert app.test_client().get("/undeclared").status_code == 303


def test_the_command_lists_everything(world: World) -> None:
    runner = world.app.test_cli_runner()
    listing = json.loads(runner.invoke(args=["access", "--json"]).output)
    assert {rule["rule"] for rule in listing["rules"]} == {rule.rule for rule in world.app.url_map.iter_rules()}
    known = {str(permission) for permission in Permission}
    assert all(one["permission"] in known for one in listing["rules"] + listing["callbacks"])
    assert any(one["app"] == "overview" for one in listing["callbacks"])
    assert re.search(r"^public +GET +/login$", runner.invoke(args=["access"]).output, re.M)


@pytest.mark.parametrize("role", list(Role))
def test_the_menu_shows_only_what_opens(world: World, role: Role) -> None:
    """Each entry a role sees answers it with a page; entries it does not see would not open."""
    browser = world.browsers[role]
    html = browser.get("/me").get_data(as_text=True)
    entries = [entry for group in MENU for entry in group.entries] + list(BOTTOM_BAR[role])
    assert 2 <= len(BOTTOM_BAR[role]) <= 4
    for entry in entries:
        shown = f'href="{entry.path}"' in html
        assert shown == may(role, entry.permission), entry.path
        assert browser.get(entry.path).status_code == (200 if shown else 403), entry.path


# --- the area scope itself ---------------------------------------------------------------------------------------

KINDS = (DIVISION, DISTRICT, TEHSIL, UNION_COUNCIL)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    parents=st.lists(st.integers(0, 100), min_size=1, max_size=12),
    granted=st.sets(st.integers(0, 12), max_size=4),
)
def test_a_scope_sees_the_descendants_of_its_nodes_and_nothing_else(
    db_session: Session, parents: list[int], granted: set[int]
) -> None:
    with db_session.begin_nested() as savepoint:
        root = db_session.scalars(select(Location).where(Location.parent_id.is_(None))).one()
        nodes, up = [root], {0: 0}
        for number, parent in enumerate(parents, 1):
            up[number] = parent % number
            nodes.append(add_place(db_session, f"node {number}", KINDS[number % 4], nodes[up[number]]))
        chosen = [nodes[number].id for number in granted if number < len(nodes)]
        made = {node.id: number for number, node in enumerate(nodes)}
        visible = {
            made[location_id]
            for location_id in db_session.scalars(select(Location.id).where(AreaScope.of(chosen).clause(Location.id)))
        }

        def is_inside(number: int) -> bool:
            return number in granted or (number != 0 and is_inside(up[number]))

        assert visible == {number for number in up if is_inside(number)}
        everywhere = set(db_session.scalars(select(Location.id).where(AreaScope.everywhere().clause(Location.id))))
        assert everywhere == set(made)
        savepoint.rollback()
    db_session.expunge_all()


def test_an_empty_scope_sees_nothing(db_session: Session) -> None:
    for scope in (AreaScope(), AreaScope.of([])):
        assert list(db_session.scalars(select(Location.id).where(scope.clause(Location.id)))) == []
    assert len({scope.cache_key for scope in (AreaScope(), AreaScope.everywhere(), AreaScope.of([1]))}) == 3
    assert AreaScope.of([2, 1, 2]).cache_key == AreaScope.of((1, 2)).cache_key != AreaScope.of([12]).cache_key

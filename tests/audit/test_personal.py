"""No CNIC, mobile number or e-mail address of a consumer comes out in full where it must not: every place, every role.

The walk calls every address and every callback as each role, on a consumer whose numbers stand in every column, file,
change and audit line that can hold them, and looks at the whole answer: text, attributes, JSON, links, files, headers.
"""

from __future__ import annotations

import datetime as dt
import io
import logging
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Select, select, text, update
from sqlalchemy.exc import DBAPIError
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal import db as db_module
from portal.audit.service import record
from portal.billing.models import Account
from portal.db import side_transaction, transaction
from portal.imports.models import ImportBatch, ImportFinding, ImportRow
from portal.imports.outcome import Counts, Outcome
from portal.locations.models import Location
from portal.permissions import Permission, PersonalSight, Role, role_allows
from portal.units.models import SurveyUnit
from portal.web.access_cli import callbacks
from portal.web.masking import (
    ASSIGNED_UNITS,
    holds_personal_number,
    is_personal,
    mask_text,
    mask_value,
    may_see_personal,
    seen_units,
)
from tests.support.people import add_staff, csrf_token, sign_in
from tests.support.places import small_tree
from tests.support.register import AS_OF, MONTH, Registered, register
from tests.support.servers import Databases
from tests.test_access import ENDING, _callback_body, all_rules, call, example
from tests.test_access import World as Walk

CNIC, MOBILE, OLD_MOBILE, OLD_CNIC = "3820271828459", "03451414213", "03221732050", "3820157721566"
ODD_MOBILE, EMAIL = "345-1414213 (home)", "zainab.private@example.org"
NOTE = f"call {MOBILE}, or with card 38202-7182845-9"
# As they may be written: bare, with separators, with the country's code.
WRITTEN = (CNIC, MOBILE, OLD_MOBILE, OLD_CNIC)
# All that a mask would hide, or all but what may be replaced by the country's code. Fewer digits in a row come about by
# chance: a page and its log hold a thousand of the clock and of random marks.
SECRETS = (*(number[:-4] for number in WRITTEN), *(number[2:] for number in WRITTEN), EMAIL)
OF_THE_MACHINE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+|(?<='request_id': ')[0-9a-f]+")


def leaks(answer: str) -> list[str]:
    """Which of the secrets an answer holds, whatever stands between the digits."""
    bare = re.sub(r"(?<=\d)[-\s().]+(?=\d)", "", OF_THE_MACHINE.sub("", answer))
    return [secret for secret in SECRETS if secret in bare]


def words_of(answer: TestResponse) -> str:
    """Everything in an answer, headers and the insides of a workbook included."""
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers if name != "Set-Cookie")
    if answer.mimetype.endswith("spreadsheetml.sheet"):
        with zipfile.ZipFile(io.BytesIO(answer.data)) as book:
            return headers + "".join(book.read(name).decode() for name in book.namelist())
    return headers + answer.get_data(as_text=True)


@dataclass
class World:
    app: Flask
    thing: Registered
    unit_id: int
    walk: Walk
    names: dict[Role, str]


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    tree = small_tree(module_app)
    with module_app.app_context(), transaction() as session:
        here = session.get(Location, tree["mc-9"])
        assert here is not None
        thing = register(session, here, 1, "Zainab")
        register(session, here, 2, "Zainab too")  # with the same numbers: a search lists both
        personal = {"mobile": MOBILE, "cnic": CNIC}
        session.execute(
            update(SurveyUnit).values(
                **personal, mobile_text=ODD_MOBILE, cnic_text=f"{CNIC[:5]} {CNIC[5:]}", email=EMAIL, extra_text=NOTE
            )
        )
        session.execute(update(Account).values(**personal, mobile_text=ODD_MOBILE))
        changes = {
            "mobile": [OLD_MOBILE, MOBILE], "cnic_text": [OLD_CNIC, CNIC], "email": [None, EMAIL],
            "extra_text": ["", NOTE],
        }  # fmt: skip
        for entity, key in (("unit", thing.survey_id), ("account", thing.psid)):
            record(
                session, f"{entity}.correct", entity, key, actor="clerk", location_id=tree["mc-9"],
                before={"mobile": OLD_MOBILE, "cnic": OLD_CNIC, "note": NOTE},
                after={"mobile": MOBILE, "cnic": CNIC, "email": EMAIL, "nested": {"mobile": MOBILE}},
            )  # fmt: skip
        _history(session, thing, changes)
        unit_id = session.scalars(select(SurveyUnit.id).where(SurveyUnit.survey_id == thing.survey_id)).one()
    names = {role: add_staff(module_app, role, [tree["khushab/khushab"]]) for role in Role}
    browsers: dict[Role | None, FlaskClient] = {None: module_app.test_client()}
    browsers |= {role: sign_in(module_app.test_client(), name) for role, name in names.items()}
    tokens = {
        who: csrf_token(browser.get("/login" if who is None else "/me").get_data(as_text=True))
        for who, browser in browsers.items()
    }
    return World(module_app, thing, unit_id, Walk(module_app, thing, thing, browsers, tokens), names)


def _history(session: Any, thing: Registered, changes: dict[str, list[Any]]) -> None:
    """What files brought: changed, rejected and noted values, and samples of them in the import's outcome."""
    batch = session.get(ImportBatch, thing.batch_id)
    outcome = Outcome("survey", batch.file_name, Counts(rows=2, updated=1, rejected=1), {}, AS_OF, "FILE").as_json()
    outcome["samples"] = [
        {"line_no": 2, "outcome": "UPDATED", "key": thing.survey_id, "changes": changes, "facts": {"name": "Zainab"}}
    ]
    outcome["findings"] = [
        {
            "code": code, "severity": "NOTE", "rows": 1,
            "samples": [{"line_no": 2, "column": column, "value": value}],
        }
        for code, column, value in (
            ("MOBILE_UNREADABLE", "Mobile", ODD_MOBILE), ("CNIC_UNREADABLE", "CNIC", CNIC),
            ("ROW_TOO_LONG", "", NOTE),
        )
    ]  # fmt: skip
    batch.kind, batch.result, batch.rows_read = "survey", outcome, 2
    batch.rows_inserted, batch.rows_updated, batch.rows_rejected = 0, 1, 1
    session.add_all(
        [
            ImportRow(batch_id=batch.id, line_no=2, outcome="UPDATED", entity_key=thing.survey_id, changes=changes),
            ImportRow(batch_id=batch.id, line_no=3, outcome="REJECTED", raw=["", MOBILE, CNIC]),
            ImportFinding(
                batch_id=batch.id, line_no=2, severity="NOTE", code="MOBILE_UNREADABLE", column_name="Mobile",
                value=ODD_MOBILE,
            ),
            ImportFinding(
                batch_id=batch.id, line_no=3, severity="REJECT", code="ROW_TOO_LONG", column_name="", value=NOTE
            ),
        ]
    )  # fmt: skip
    session.flush()


def has_example(rule: Rule, thing: Registered) -> bool:
    """Whether `tests.test_access` knows how to call a rule; that it knows all of them is tested there."""
    try:
        example(rule, thing)
    except AssertionError:
        return False
    return True


def answers(world: World, who: Role | None) -> Iterator[tuple[str, TestResponse]]:
    """Every answer that somebody can get: addresses, searches, callbacks, errors."""
    browser = world.walk.browsers[who]
    for rule, method in all_rules(world.app):
        if rule.endpoint not in ENDING and has_example(rule, world.thing):
            yield f"{method} {rule.rule}", call(world.walk, who, rule, method, world.thing)
    thing = world.thing
    for path in (
        f"/units/{thing.survey_id}?all=1", f"/imports/{thing.batch_id}/findings/MOBILE_UNREADABLE",
        f"/imports/{thing.batch_id}/findings/ROW_TOO_LONG", f"/audit/?id={thing.psid}", f"/audit/?id={thing.survey_id}",
        f"/audit/log.csv?id={thing.psid}", f"/audit/log.xlsx?id={thing.survey_id}", "/units/nothing", "/nothing",
        f"/imports/{thing.batch_id}/rejected.xlsx", f"/imports/{thing.batch_id}/changed.csv",
        f"/dash/reports/bill-register?cycle={MONTH:%Y-%m}", f"/dash/reports/billed-units?cycle={MONTH:%Y-%m}",
        "/dash/reports/payment-register", "/dash/reports/outstanding", "/dash/reports/pending-sync",
        *(f"/reports/{name}.{kind}" for kind in ("csv", "xlsx") for name in (
            "bill-register", "payment-register", "billed-units", "outstanding", "pending-sync", "unmatched-payments",
        )),
    ):  # fmt: skip
        yield path, browser.get(path, buffered=True)
    token = world.walk.tokens[who]
    for typed in (MOBILE, CNIC, "zainab"):
        if who is not None:
            answer = browser.post("/search", data={"q": typed, "csrf_token": token})
            body = answer.get_data(as_text=True)
            # What was typed stands in the box again; everything else is looked at.
            answer.set_data(re.sub(r'value="[^"]*"', "", body) if typed != "zainab" else body)
            yield f"search {typed}", answer
    listed = [one for one in callbacks(world.app) if one["permission"]]
    for one in listed:
        declared = world.app.extensions["dashapps"][one["app"]].callback_map.get(one["output"], {})
        if "callback" not in declared:
            continue
        for report in ("bill-register", "outstanding", "billed-units", "payment-register"):
            body = _callback_body(world.app, one["app"], one["output"], f"?cycle={MONTH:%Y-%m}")
            for given_value in body["inputs"] + body["state"]:
                if given_value["property"] == "pathname" and one["app"] == "reports":
                    given_value["value"] = f"/dash/reports/{report}"
                if given_value["property"] == "getRowsRequest":
                    given_value["value"] = {"startRow": 0, "endRow": 50, "sortModel": []}
            answer = browser.post(f"/dash/{one['app']}/_dash-update-component", json=body)
            yield f"callback {one['app']} {one['output'][:40]} {report}", answer


@pytest.mark.slow
@pytest.mark.parametrize("who", [None, *Role], ids=lambda who: who or "nobody")
def test_numbers_come_out_only_to_those_who_may_see_them(
    world: World, who: Role | None, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []
    with caplog.at_level(logging.DEBUG):
        for case, answer in answers(world, who):
            found = leaks(words_of(answer))
            if found:
                shown.append(case)
            if who is None or not role_allows(who, Permission.VIEW_PERSONAL):
                assert found == [], f"{who} {case}: {found}"
    assert leaks(caplog.text + "".join(capfd.readouterr())) == []
    if who in {Role.ADMIN, Role.HEAD}:
        # The walk sees what there is to see: a walk that finds nothing proves nothing.
        for part in (
            "/units/<survey_id>", "/accounts/<psid>", "search", "callback reports", "outstanding.csv",
            "bill-register.xlsx", "rejected", "changed.csv", "findings", "/audit/?id", "/audit/log.csv",
            "/imports/<int:batch_id>", "/dash/reports/outstanding",
        ):  # fmt: skip
            assert any(part in case for case in shown), f"{part} shows no number, even to {who}"


def test_who_sees_a_number_in_full_asks_for_the_permission(world: World) -> None:
    """The office and supervisors, nobody else: whoever changes that changes this line."""
    assert {role for role in Role if role_allows(role, Permission.VIEW_PERSONAL)} == {
        Role.SUPERVISOR, Role.ADMIN, Role.MANAGER, Role.HEAD,
    }  # fmt: skip


def test_the_servers_log_and_that_of_slow_statements_hold_no_values(
    world: World, databases: Databases, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db_module, "SLOW_SECONDS", 0.2)
    with world.app.app_context(), caplog.at_level(logging.WARNING):
        with pytest.raises(DBAPIError, match="division"), side_transaction() as connection:
            connection.execute(text("SELECT 1 / 0, cast(:number AS text), 'marked'"), {"number": CNIC})
        with side_transaction() as connection:
            connection.execute(text("SELECT pg_sleep(0.3), cast(:number AS text)"), {"number": MOBILE})
            connection.exec_driver_sql(f"SELECT pg_sleep(0.3), '{MOBILE}'")
        with pytest.raises(DBAPIError, match="uq_survey_units_survey_id"), side_transaction() as connection:
            connection.execute(text("UPDATE survey_units SET survey_id = '7', extra_text = :t"), {"t": CNIC})
    assert "slow statement" in caplog.text
    assert "pg_sleep" in caplog.text
    assert leaks(caplog.text) == []
    written = "".join(path.read_text() for path in (databases.cluster.data_dir / "log").iterdir())
    assert "division by zero" in written
    assert "uq_survey_units_survey_id" in written
    assert "marked" not in written
    assert leaks(written) == []


# --- units assigned to an agent ----------------------------------------------------------------------------------


def _all_units(_staff_id: int) -> Select[Any]:
    return select(SurveyUnit.id)


def _no_units(_staff_id: int) -> Select[Any]:
    return select(SurveyUnit.id).where(SurveyUnit.id < 0)


@pytest.fixture
def assigned(world: World) -> Iterator[dict[str, Any]]:
    """The seam where the feature that assigns units will stand: `assigned["units"]` is its function."""
    yield world.app.extensions
    world.app.extensions.pop(ASSIGNED_UNITS, None)


PLACES = ("unit", "account", "search by mobile", "search by CNIC")


def _page(world: World, place: str) -> str:
    browser = world.walk.browsers[Role.AGENT]
    token = world.walk.tokens[Role.AGENT]
    if place.startswith("search"):
        typed = CNIC if place.endswith("CNIC") else MOBILE
        answer = browser.post("/search", data={"q": typed, "csrf_token": token}, follow_redirects=True)
        return re.sub(r'value="[^"]*"', "", answer.get_data(as_text=True))
    path = f"/units/{world.thing.survey_id}" if place == "unit" else f"/accounts/{world.thing.psid}"
    return str(browser.get(path).get_data(as_text=True))


@pytest.mark.parametrize("place", PLACES)
def test_an_agent_sees_the_numbers_of_units_assigned_to_him(world: World, assigned: dict[str, Any], place: str) -> None:
    assert leaks(_page(world, place)) == []
    assigned[ASSIGNED_UNITS] = _no_units
    assert leaks(_page(world, place)) == []
    assigned[ASSIGNED_UNITS] = _all_units
    html = _page(world, place)
    assert leaks(html)
    if not place.startswith("search"):
        assert {MOBILE[:-4], CNIC[:-4]} <= set(leaks(html))
        assert f"tel:{MOBILE}" in html
    with world.app.app_context(), transaction() as session:
        noted = session.execute(
            text("SELECT count(*) FROM audit_log WHERE action = 'personal.view' AND actor = :name"),
            {"name": world.names[Role.AGENT]},
        )
        assert noted.scalar_one() >= 1


def test_assignments_reach_lists_row_by_row(world: World, assigned: dict[str, Any]) -> None:
    """Reports are not for agents; the same condition serves whoever gets one."""
    from portal.db import read_snapshot
    from portal.permissions import AreaScope
    from portal.reports.catalogue import find_report
    from portal.reports.reader import open_query, read_block
    from portal.reports.report import shows_personal

    with world.app.test_request_context(), read_snapshot() as connection:
        for name in ("bill-register", "payment-register", "billed-units", "outstanding"):
            found = {}
            for sort, sight in {
                "none": PersonalSight(), "others": PersonalSight(assigned=_no_units(1)),
                "own": PersonalSight(assigned=_all_units(1)), "all": PersonalSight(everybody=True),
            }.items():  # fmt: skip
                query = open_query(
                    connection, find_report(name), {}, AreaScope.everywhere(), cycle_start_day=16, sight=sight
                )
                found[sort] = str(read_block(connection, query, 0).rows)
                assert shows_personal(query) == (sort == "all")
            assert leaks(found["none"]) == leaks(found["others"]) == [], name
            assert MOBILE in found["own"], name
            assert found["own"] == found["all"], name


def test_one_function_decides(world: World, assigned: dict[str, Any]) -> None:
    class Person:
        is_authenticated = True

        def __init__(self, role: Role) -> None:
            self.role, self.id = role, 1

        def can(self, permission: Permission) -> bool:
            return role_allows(self.role, permission)

    class Nobody:
        is_authenticated = False

    with world.app.test_request_context():
        for role in Role:
            everybody = role is not Role.AGENT
            assert may_see_personal(Person(role)) is everybody
            assert may_see_personal(Person(role), world.unit_id) is everybody
        assert not may_see_personal(Nobody(), world.unit_id)
        assigned[ASSIGNED_UNITS] = _all_units
        agent = Person(Role.AGENT)
        assert may_see_personal(agent, world.unit_id)
        assert not may_see_personal(agent)
        assert not may_see_personal(agent, world.unit_id + 1000)
        assert seen_units(agent, [world.unit_id, None, 10**9]) == {world.unit_id}
        assert seen_units(Person(Role.HEAD), [1, None]) == {1, None}
        assert not may_see_personal(Nobody(), world.unit_id)


# --- the masks themselves ----------------------------------------------------------------------------------------


@given(
    st.sampled_from(["{0}-{1}-{2}", "{0}{1}{2}", "{0} {1} {2}"]), st.from_regex(r"[1-9][0-9]{12}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Nd", "Cs"]), max_size=20),
)  # fmt: skip
def test_a_cnic_in_any_text_is_hidden(form: str, cnic: str, around: str) -> None:
    written = f"{around}{form.format(cnic[:5], cnic[5:12], cnic[12])}{around}"
    assert holds_personal_number(written)
    hidden = mask_text(written, False)
    assert not holds_personal_number(hidden)
    assert cnic[2:-3] not in re.sub(r"\D", "", hidden)
    assert mask_text(written, True) == written


@given(
    st.sampled_from(["0{0}", "+92{0}", "0092{0}", "92 {0}", "{0}"]), st.from_regex(r"3[0-9]{9}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Nd", "Cs"]), max_size=20),
)  # fmt: skip
def test_a_mobile_number_in_any_text_is_hidden(form: str, number: str, around: str) -> None:
    written = f"{around} {form.format(number)} {around}"
    assert holds_personal_number(written)
    assert number[:7] not in re.sub(r"\D", "", mask_text(written, False))


@pytest.mark.parametrize(
    "kept", ["26770100000000000017", "2319211", "2025-11-30", "House 12, Block 4", "Rs 1,234,567", ""]
)
def test_other_numbers_stay(kept: str) -> None:
    assert not holds_personal_number(kept)
    assert mask_text(kept, False) == kept


def test_fields_are_known_by_their_names() -> None:
    assert all(is_personal(name) for name in ("mobile", "Mobile Num", "CNIC", "Cnic Num", "cnic_text", "email"))
    assert not any(is_personal(name) for name in ("psid", "address", "survey_id"))
    assert mask_value("Cnic Num", CNIC, False) == "••••••••••459"
    assert mask_value("Mobile", MOBILE, False) == "•••••••4213"
    assert mask_value("email", EMAIL, False) == "•••"
    assert mask_value("name", "Zainab", False) == "Zainab"
    assert mask_value("Mobile", MOBILE, True) == MOBILE
    assert dt.date.today().isoformat() == mask_value("day", dt.date.today().isoformat(), False)

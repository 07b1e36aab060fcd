"""Whatever changes something leaves a line with who, from where, and what before and after.

Every address that takes a POST is declared here: with the actions it records, or with the reason why it records none.
That the code behind it can reach the function that writes lines is followed in the source; the lines of imports,
bills, places and sign-out are looked at here, those of staff and settings beside their own tests.
"""

from __future__ import annotations

import re
from dataclasses import is_dataclass
from inspect import unwrap
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from portal.audit.service import record, record_apart
from portal.audit.words import ACTIONS
from portal.config import PROJECT_DIR
from portal.db import side_transaction
from portal.jobs.app import load_tasks, queue
from portal.permissions import Role
from tests.imports.office import Office, load_areas
from tests.imports.portal_files import biller_row
from tests.support import people
from tests.support.importing import write

NONE: dict[str, str] = {
    "search.ask": "a question; what it shows in full is noted as seen",
    "people.search": "a question about staff",
    "people_bulk.check": "a preview; nothing is kept",
    "lists.choose_columns": "how one's own list looks",
    "staff.preferences": "one's own language and theme",
    "staff.session_stay": "a sign of life",
    "settings.check_environment": "a look at whether connections work",
    "assignments.preview": "a preview; nothing is kept",
    "bulk.choose": "a choice that waits for its confirmation",
    "ticket_bulk.preview": "a preview; nothing is kept",
    "complaints.answer": "a question about one's own complaint",
    "documents.search": "a question",
    "field.search_area": "a question; what it shows in full is noted as seen",
    "notifications.choices_post": "how oneself is told",
    "notifications.clear_read": "one's own notifications",
    "notifications.delete": "one's own notifications",
    "notifications.read": "one's own notifications",
    "notifications.read_all": "one's own notifications",
    "notifications.restore": "one's own notifications",
}
ACTS: dict[str, set[str]] = {
    "imports.upload": {"import.upload"},
    "imports.decide": {"import.options", "import.confirm"},
    "imports.cancel": {"import.cancel"},
    "moves.move": {"bills.move.confirm"},
    "moves.cancel": {"bills.move.cancel"},
    "places.link": {"place.link"},
    "places.create": {"place.create"},
    "staff.login_post": {"staff.sign_in", "staff.sign_in_failed"},
    "staff.logout": {"staff.sign_out"},
    "staff.session_anew": {"staff.sign_out"},
    "staff.second_factor_post": {"staff.sign_in", "staff.second_factor_failed"},
    "staff.password_post": {"staff.password"},
    "staff.own_factor_confirm": {"staff.second_factor_on", "staff.second_factor_replaced"},
    "staff.own_factor_codes": {"staff.recovery_codes"},
    "staff.own_factor_remove": {"staff.second_factor_off"},
    "staff.end_own_session": {"staff.sessions_ended"},
    "staff.end_other_sessions": {"staff.sessions_ended"},
    "staff.forgot_post": {"staff.reset_link"},
    "staff.reset_code_post": {"staff.password"},
    "staff.reset_link_post": {"staff.password"},
    "staff.welcome_post": {"staff.password"},
    "people.create": {"staff.create"},
    "people.edit": {"staff.edit"},
    "people.areas": {"staff.areas"},
    "people.act": {"staff.deactivate", "staff.reactivate", "staff.unlock"},
    "people.invite": {"staff.invite"},
    "people.password": {"staff.reset_password"},
    "people_bulk.create": {"staff.create"},
    "settings.save": {"settings.change"},
    "settings.save_logo": {"settings.change"},
    "settings.remove_logo": {"settings.change"},
    "settings.undo": {"settings.undo"},
    "settings.test_mail": {"settings.test_mail"},
    "assignments.assign": {"assignment.assign"},
    "assignments.end": {"assignment.end"},
    "assignments.end_unit": {"assignment.end"},
    "assignments.hand_over": {"assignment.hand_over"},
    "bulk.confirm": {"units.move"},
    "complaints.send": {"ticket.create"},
    "corrections.approve_chosen": {"unit.edit"},  # and correction.approve, whose name is put together
    "corrections.decide": {"unit.edit"},
    "corrections.send": {"correction.propose"},
    "corrections.withdraw": set(),  # correction.withdraw, put together
    "cutover.cancel": {"cutover.cancel"},
    "cutover.confirm": {"cutover.confirm"},
    "cutover.upload": {"cutover.upload"},
    "documents.add_account_document": {"file.upload"},
    "documents.add_photos": {"file.upload"},
    "documents.add_unit_document": {"file.upload"},
    "documents.delete": {"file.delete"},
    "documents.rename": {"file.edit"},
    "documents.restore": {"file.restore"},
    "locations.act": {
        "location.close", "location.create", "location.edit", "location.merge", "location.move", "location.release",
        "location.restore",
    },
    "locations.add_name": {"location.name"},
    "locations.remove_name": {"location.name"},
    "locations.unlink": {"location.spelling"},
    "lookups.add": {"lookup.create"},
    "lookups.edit": {"lookup.edit"},
    "notifications.stop_post": {"notifications.unsubscribe"},
    "notifications.try_address_again": {"mail.address_reset"},
    "people.try_address_again": {"mail.address_reset"},
    "registers.close_account": {"account.close"},
    "registers.close_unit": {"unit.close"},
    "registers.create_account": {"account.create"},
    "registers.create_unit": {"unit.create"},
    "registers.edit_account": {"account.edit"},
    "registers.edit_unit": {"unit.edit"},
    "registers.move_account": {"account.edit"},
    "registers.move_unit": {"unit.edit"},
    "registers.release_account": {"account.release"},
    "registers.release_unit": {"unit.release"},
    "registers.restore_account": {"account.restore"},
    "registers.restore_unit": {"unit.restore"},
    "ticket_bulk.apply": {"ticket.assign", "ticket.edit", "ticket.status"},
    "ticket_office.category": {"ticket.category"},
    "ticket_office.holidays": {"ticket.holiday"},
    "ticket_office.new_category": {"ticket.category"},
    "ticket_office.remove_holiday": {"ticket.holiday_removed"},
    "tickets.assign": {"ticket.assign"},
    "tickets.comment": {"ticket.comment", "file.upload"},
    "tickets.decide": {"ticket.approve", "ticket.reject", "unit.edit"},
    "tickets.edit": {"ticket.edit"},
    "tickets.make_internal": {"ticket.comment_internal"},
    "tickets.merge": {"ticket.merge"},
    "tickets.move": {"ticket.status"},
    "tickets.new": {"ticket.create", "file.upload"},
    "tickets.take": {"ticket.assign"},
    "visit_review.approve": {"visit.approve"},
    "visit_review.approve_many": {"visit.approve"},
    "visit_review.send_back": {"visit.return"},
    "visits.correct": {"visit.correct"},
    "visits.new": {"visit.log", "file.upload"},
}  # fmt: skip
WRITERS = {record, record_apart}
READS = {"search.ask", "assignments.preview"}  # they reach writers, but not on their way


def posts(app: Flask) -> set[str]:
    """Endpoints that take a POST; callbacks of dashboards read only (they have no other session to write with)."""
    return {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or set()) and not rule.endpoint.endswith("_dash-update-component")
    }


def test_every_post_is_declared(module_app: Flask) -> None:
    assert posts(module_app) == {*NONE, *ACTS}
    assert not set(NONE) & set(ACTS)
    assert {action for actions in ACTS.values() for action in actions} <= set(ACTIONS)


class Reach:
    """What a view can call: functions of ours by what their names mean where they stand, tables of functions, and
    background tasks by their names; with all texts on the way."""

    def __init__(self, start: Any) -> None:
        self.functions: set[Any] = set()
        self.texts: set[str] = set()
        self._follow(unwrap(start))

    def _follow(self, value: Any) -> None:
        if isinstance(value, FunctionType):
            value = unwrap(value)
            if value.__module__.startswith("portal.") and value not in self.functions:
                self.functions.add(value)
                self.texts |= {one for one in value.__defaults__ or () if isinstance(one, str)}
                self._read(value.__code__, value.__globals__)
                for cell in value.__closure__ or ():
                    self._follow(cell.cell_contents)
        elif isinstance(value, tuple | list):
            for one in value:
                self._follow(one)
        elif isinstance(value, dict):
            for one in value.values():
                self._follow(one)
        elif is_dataclass(value) and not isinstance(value, type) and type(value).__module__.startswith("portal."):
            for one in vars(value).values():
                self._follow(one)

    def _read(self, code: CodeType, names: dict[str, Any]) -> None:
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._read(constant, names)
            if isinstance(constant, str):
                self.texts.add(constant)
                if constant in queue.tasks:
                    self._follow(queue.tasks[constant].func)
        for name in code.co_names:
            meant = names.get(name)
            if isinstance(meant, ModuleType) and meant.__name__.startswith("portal."):
                for attribute in code.co_names:
                    self._follow(getattr(meant, attribute, None))
            else:
                self._follow(meant)


def test_the_reach_of_a_view_tells_readers_from_writers(module_app: Flask) -> None:
    load_tasks()
    for endpoint in NONE:
        assert WRITERS.isdisjoint(Reach(module_app.view_functions[endpoint]).functions) or endpoint in READS, endpoint


@pytest.mark.parametrize("endpoint", sorted(ACTS))
def test_what_changes_something_reaches_the_log(module_app: Flask, endpoint: str) -> None:
    load_tasks()
    found = Reach(module_app.view_functions[endpoint])
    assert found.functions & WRITERS, f"{endpoint} writes no line"
    assert ACTS[endpoint] <= found.texts, f"{endpoint} does not record {ACTS[endpoint] - found.texts}"


# --- lines as they are written -----------------------------------------------------------------------------------


@pytest.fixture
def office(app: Flask, tmp_path: Path) -> Office:
    areas = load_areas(app, tmp_path)
    name = people.add_staff(app, Role.ADMIN, [areas["Punjab"]])
    return Office(app, people.sign_in(app.test_client(), name))


def line(office: Office, action: str) -> dict[str, object]:
    """The one line of an action on an upload."""
    mine = "batch_id IN (SELECT batch_id FROM audit_log WHERE action = 'import.upload')"
    (found,) = office.rows(f"SELECT * FROM audit_log WHERE action = :action AND {mine}", action=action)
    return dict(found._mapping)


def test_an_import_from_upload_to_the_end(office: Office, tmp_path: Path) -> None:
    first = write(tmp_path, "biller", [biller_row(1)], "02_Biller_2025-11-01.csv")
    batch_id = office.checked(first)
    office.decide(batch_id, do="update", **{"month-2025-10-25": "2025-11"})
    office.work()
    office.decide(batch_id)
    office.work()
    second = office.checked(write(tmp_path, "biller", [biller_row(2)], "02_Biller_2025-11-08.csv"))
    assert office.post(f"/imports/{second}/cancel").status_code == 303

    uploads = office.rows("SELECT * FROM audit_log WHERE action = 'import.upload' ORDER BY id")
    options, confirm, commit, cancel = (
        line(office, f"import.{step}") for step in ("options", "confirm", "commit", "cancel")
    )
    for one in [dict(uploads[0]._mapping), options, confirm, commit]:
        assert (one["entity"], one["entity_id"], one["batch_id"]) == ("import_batch", str(batch_id), batch_id)
        assert one["address"] == "127.0.0.1"
        assert str(one["actor"]).startswith("admin")
        assert one["staff_id"] is not None
        assert one["after"]["file"] == "02_Biller_2025-11-01.csv"  # type: ignore[index]
    assert options["before"] != {"options": options["after"]["options"]}  # type: ignore[index]
    assert "2025-11" in str(options["after"])
    assert cancel["before"] == {"status": "PREVIEW"}
    assert cancel["after"]["status"] == "CANCELLED"  # type: ignore[index]


def test_signing_out_is_a_line(app: Flask) -> None:
    name = people.add_staff(app, Role.AGENT)
    client = people.sign_in(app.test_client(), name)
    token = people.csrf_token(client.get("/me").get_data(as_text=True))
    assert client.post("/logout", data={"csrf_token": token}).status_code == 303
    with app.app_context(), side_transaction() as connection:
        mine = text("SELECT action, address FROM audit_log WHERE actor = :name ORDER BY id")
        rows = connection.execute(mine, {"name": name})
        assert [tuple(row) for row in rows] == [("staff.sign_in", "127.0.0.1"), ("staff.sign_out", "127.0.0.1")]


def test_no_line_holds_a_secret(app: Flask) -> None:
    """What is typed into password fields never comes into before or after: the words for it are not even known."""
    source = "\n".join(path.read_text() for path in (PROJECT_DIR / "portal").rglob("*.py"))
    for found in re.finditer(r"(?:before|after)=\{[^}]*\}", source):
        assert not re.search(r"\"(password|password_hash|token|secret|totp_secret|code)\"", found[0]), found[0]

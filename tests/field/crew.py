"""A ward with consumers, two agents, a supervisor and somebody next door: for tests of work in the field."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.db import transaction
from portal.locations.models import Location
from portal.permissions import Role
from portal.staff.models import Staff
from portal.units.models import SurveyUnit
from portal.visits.models import ComplianceVisit
from portal.web.format import KARACHI
from tests.support.people import add_staff, csrf_token, sign_in
from tests.support.places import small_tree
from tests.support.register import register


def today() -> dt.date:
    return dt.datetime.now(KARACHI).date()


@dataclass
class Crew:
    """Ids of people by user name, their browsers, areas by short name, survey ids of the two wards."""

    app: Flask
    tree: dict[str, int]
    ids: dict[str, int] = field(default_factory=dict)
    browsers: dict[str, FlaskClient] = field(default_factory=dict)
    here: list[str] = field(default_factory=list)  # MC-9 of Khushab
    zone: list[str] = field(default_factory=list)  # another ward of Khushab
    there: str = ""  # MC-9 of Bhakkar

    def add(self, name: str, role: Role, area: str | None) -> None:
        add_staff(self.app, role, None if area is None else [self.tree[area]], username=name)
        with self.app.app_context(), transaction() as session:
            self.ids[name] = session.scalars(select(Staff.id).where(Staff.username == name)).one()
        self.browsers[name] = sign_in(self.app.test_client(), name)

    def get(self, name: str, path: str, status: int = 200) -> str:
        answer = self.browsers[name].get(path)
        assert answer.status_code == status, (path, answer.status_code, answer.get_data(as_text=True)[:800])
        return answer.get_data(as_text=True)

    def post(self, name: str, path: str, status: int = 303, **form: Any) -> str:
        token = csrf_token(self.browsers[name].get("/me").get_data(as_text=True))
        answer = self.browsers[name].post(path, data={"csrf_token": token, **form})
        assert answer.status_code == status, (path, answer.status_code, words(answer.get_data(as_text=True))[:800])
        return answer.get_data(as_text=True)

    def run(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.app.app_context(), transaction() as session:
            result = session.execute(text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    def unit(self, survey_id: str) -> SurveyUnit:
        with self.app.app_context(), transaction() as session:
            found = session.scalars(select(SurveyUnit).where(SurveyUnit.survey_id == survey_id)).one()
            session.expunge(found)
            return found

    def visit(self, who: str, survey_id: str, days_ago: int, **facts: Any) -> None:
        unit = self.unit(survey_id)
        values = {"visit_type": "ROUTINE", "outcome": "LOCKED", **facts}
        with self.app.app_context(), transaction() as session:
            session.add(
                ComplianceVisit(
                    client_uuid=uuid.uuid4(), unit_id=unit.id, location_id=unit.location_id, staff_id=self.ids[who],
                    visited_at=dt.datetime.now(KARACHI) - dt.timedelta(days=days_ago), **values,
                )
            )  # fmt: skip


def clean(team: Crew) -> Crew:
    """The same world before anybody worked in it."""
    team.run("DELETE FROM notifications")
    team.run("DELETE FROM assignments")
    team.run("DELETE FROM record_changes")
    team.run("DELETE FROM stored_files")
    team.run("DELETE FROM corrections")
    team.run("DELETE FROM compliance_visits")
    team.run("UPDATE staff SET is_active = true")
    team.run("UPDATE account_balances SET unpaid_bills = 1, outstanding = 500 WHERE unpaid_bills <> 1")
    return team


def _ward(session: Session, location_id: int, first: int, number: int) -> list[str]:
    location = session.get_one(Location, location_id)
    made = []
    for at in range(first, first + number):
        made.append(register(session, location, at, f"Consumer {at}").survey_id)
        unit = session.scalars(select(SurveyUnit).where(SurveyUnit.survey_id == made[-1])).one()
        unit.address = f"House {at}, Street {1 + at % 2}, Mohalla Islamia"
    return made


def crew(app: Flask, units: int = 6) -> Crew:
    """The world: everybody signed in."""
    made = Crew(app, small_tree(app))
    with app.app_context(), transaction() as session:
        made.here = _ward(session, made.tree["mc-9"], 1, units)
        made.zone = _ward(session, made.tree["zone"], 101, 3)
        made.there = _ward(session, made.tree["other mc-9"], 201, 1)[0]
    made.add("amna", Role.AGENT, "mc-9")
    made.add("bilal", Role.AGENT, "khushab/khushab")
    made.add("stranger", Role.AGENT, "bhakkar/bhakkar")
    made.add("saima", Role.SUPERVISOR, "khushab/khushab")
    made.add("farid", Role.SUPERVISOR, "bhakkar/bhakkar")
    return made


def words(html: str) -> str:
    """The words of a page's content, for looking into."""
    main = re.search(r"<main.*</main>", html, re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", main[0] if main else html).split())


def hidden(html: str, action: str) -> dict[str, list[str]]:
    """The hidden fields of the form with this action."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', html, re.S)
    assert form, f"no form to {action}"
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', form[0]):
        if name != "csrf_token":
            found.setdefault(name, []).append(value)
    return found

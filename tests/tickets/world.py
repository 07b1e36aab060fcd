"""People and units for tests of tickets: one area with everybody in it, another with a secret."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.db import transaction
from portal.locations.models import Location
from portal.notifications.models import Notification
from portal.permissions import AreaScope, Role
from portal.staff.models import Staff
from portal.tickets import service
from portal.tickets.models import Ticket, TicketCategory, TicketEvent
from portal.tickets.rules import Actor
from portal.tickets.service import Draft, Links
from portal.tickets.worktime import WorkCalendar, calendar_of
from portal.units.models import SurveyUnit
from tests.support.people import add_staff, csrf_token, sign_in
from tests.support.places import small_tree
from tests.support.register import Registered, register

WEEK = calendar_of(("mon", "tue", "wed", "thu", "fri", "sat"), "09:00", "17:00", [])
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


@dataclass
class World:
    """`people` are user names by role, all of Khushab tehsil; `far` is a supervisor of Bhakkar."""

    app: Flask
    tree: dict[str, int]
    inside: Registered
    outside: Registered
    people: dict[Role, str]
    agent2: str
    far: str
    browsers: dict[str, FlaskClient] = field(default_factory=dict)

    def browser(self, who: Role | str) -> FlaskClient:
        name = self.people[who] if isinstance(who, Role) else who
        if name not in self.browsers:
            self.browsers[name] = sign_in(self.app.test_client(), name)
        return self.browsers[name]

    def id_of(self, who: Role | str) -> int:
        name = self.people[who] if isinstance(who, Role) else who
        with self.app.app_context(), transaction() as session:
            return session.scalars(select(Staff.id).where(Staff.username == name)).one()

    def actor(self, who: Role | str) -> Actor:
        name = self.people[who] if isinstance(who, Role) else who
        with self.app.app_context(), transaction() as session:
            staff = session.scalars(select(Staff).where(Staff.username == name)).one()
            scope = AreaScope.of([area.location_id for area in staff.areas])
            return Actor(staff.id, staff.username, Role(staff.role), scope)

    def category(self, code: str) -> int:
        with self.app.app_context(), transaction() as session:
            return session.scalars(select(TicketCategory.id).where(TicketCategory.code == code)).one()

    def unit_id(self, thing: Registered) -> int:
        with self.app.app_context(), transaction() as session:
            return session.scalars(select(SurveyUnit.id).where(SurveyUnit.survey_id == thing.survey_id)).one()

    def make(
        self, who: Role | str = Role.SUPERVISOR, code: str = "OTHER", *, thing: Registered | None = None, **values: Any
    ) -> str:
        """A ticket made by the use case; its number."""
        calendar: WorkCalendar = values.pop("calendar", WEEK)
        place = (thing or self.inside).location_id
        links = Links(unit_id=self.unit_id(thing)) if thing is not None else Links()
        draft = Draft(
            self.category(code), values.pop("priority", "MEDIUM"), values.pop("title", "Something is wrong"), "", place,
            links=links, **values,
        )  # fmt: skip
        by = self.actor(who)
        with self.app.app_context(), self.app.test_request_context(), transaction() as session:
            return service.create(session, by, calendar, uuid.uuid4(), draft).number

    def ticket(self, number: str) -> Ticket:
        with self.app.app_context(), transaction() as session:
            found = session.scalars(select(Ticket).where(Ticket.number == number)).one()
            session.expunge(found)
            return found

    def events(self, number: str) -> list[tuple[str, dict[str, Any]]]:
        with self.app.app_context(), transaction() as session:
            rows = session.scalars(
                select(TicketEvent).join(Ticket, Ticket.id == TicketEvent.ticket_id).where(Ticket.number == number)
                .order_by(TicketEvent.id)
            )  # fmt: skip
            return [(row.event, row.detail) for row in rows]

    def told(self, who: Role | str, number: str) -> list[str]:
        """Types of the notifications that somebody has of a ticket, oldest first."""
        with self.app.app_context(), transaction() as session:
            return list(
                session.scalars(
                    select(Notification.type)
                    .where(Notification.staff_id == self.id_of(who), Notification.entity_id == number)
                    .order_by(Notification.id)
                )
            )

    def post(self, who: Role | str, path: str, **data: Any) -> TestResponse:
        """Send a form as the page would, with its token."""
        browser = self.browser(who)
        token = csrf_token(browser.get("/me").get_data(as_text=True))
        return browser.post(path, data={"csrf_token": token, **data})

    def act(self, who: Role | str, number: str, what: str, **data: Any) -> TestResponse:
        """Do something on a ticket's page, of the version it has now."""
        data.setdefault("version", str(self.ticket(number).version))
        return self.post(who, f"/tickets/{number}/{what}", **data)


def make_world(app: Flask) -> World:
    tree = small_tree(app)
    with app.app_context(), transaction() as session:
        here, there = session.get(Location, tree["mc-9"]), session.get(Location, tree["other mc-9"])
        assert here is not None
        assert there is not None
        inside, outside = register(session, here, 1, "Aslam"), register(session, there, 2, "Zzyzx Khan")
    people = {role: add_staff(app, role, [tree["khushab/khushab"]], username=f"{role.lower()}.k") for role in Role}
    agent2 = add_staff(app, Role.AGENT, [tree["mc-9"]], username="agent.two")
    far = add_staff(app, Role.SUPERVISOR, [tree["bhakkar"]], username="far.away")
    return World(app, tree, inside, outside, people, agent2, far)


def hidden(html: str) -> dict[str, str]:
    """The hidden fields of a page (of its last form with each name)."""
    return dict(_HIDDEN.findall(html))


def soon(minutes: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)


def form_of(world: World, **values: str) -> dict[str, str]:
    return {
        "category": str(world.category("OTHER")), "priority": "MEDIUM", "title": "Heap of rubbish", "description": "",
        "client_uuid": str(uuid.uuid4()), **values,
    }  # fmt: skip


def unit_of(world: World) -> SurveyUnit:
    with world.app.app_context(), transaction() as session:
        unit = session.scalars(select(SurveyUnit).where(SurveyUnit.survey_id == world.inside.survey_id)).one()
        session.expunge(unit)
        return unit

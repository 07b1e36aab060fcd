"""People of two areas with a consumer each, and what they were told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select, update

from portal.db import side_transaction, transaction
from portal.locations.models import Location
from portal.notifications.models import Notification
from portal.notifications.service import notify
from portal.permissions import Role
from portal.staff.models import Staff
from tests.support.people import add_staff, csrf_token, sign_in
from tests.support.places import small_tree
from tests.support.register import Registered, register


@dataclass
class World:
    """`people` by (role, area): area is "here", "there" or "everywhere"."""

    app: Flask
    here: Registered
    there: Registered
    people: dict[tuple[Role, str], int]
    names: dict[int, str]
    places: dict[str, int]

    def browser(self, staff_id: int) -> FlaskClient:
        """A browser in which the person is signed in."""
        return sign_in(self.app.test_client(), self.names[staff_id])


def make_world(app: Flask) -> World:
    tree = small_tree(app)
    with app.app_context(), transaction() as session:
        here, there = (session.get_one(Location, tree[name]) for name in ("mc-9", "other mc-9"))
        inside, outside = register(session, here, 1, "Aslam"), register(session, there, 2, "Bashir")
    areas = {"here": [tree["khushab/khushab"]], "there": [tree["bhakkar"]], "everywhere": None}
    people, names = {}, {}
    for role in Role:
        for area, ids in areas.items():
            username = add_staff(app, role, ids)
            people[role, area] = staff_id(app, username)
            names[people[role, area]] = username
    return World(app, inside, outside, people, names, tree)


def staff_id(app: Flask, username: str) -> int:
    with app.app_context(), side_transaction() as connection:
        return int(connection.execute(select(Staff.id).where(Staff.username == username)).scalar_one())


def set_staff(app: Flask, one: int, **values: Any) -> None:
    with app.app_context(), transaction() as session:
        session.execute(update(Staff).where(Staff.id == one).values(**values))


def tell(app: Flask, to: list[int], key: str, type_name: str = "ticket.assigned", **more: Any) -> int:
    """Tell people in a transaction; returns how many were told."""
    message = more.pop("message", _l("Ticket %(number)s is yours.", number=key))
    with app.app_context(), transaction() as session:
        return notify(session, type_name, to, message, event_key=key, **more)


def told(app: Flask, key: str) -> set[int]:
    """Who was told of an event."""
    with app.app_context(), side_transaction() as connection:
        return set(connection.scalars(select(Notification.staff_id).where(Notification.event_key == key)))


def ids_of(app: Flask, one: int) -> list[int]:
    with app.app_context(), side_transaction() as connection:
        query = select(Notification.id).where(Notification.staff_id == one, Notification.deleted_at.is_(None))
        return list(connection.scalars(query.order_by(Notification.id)))


def number_of(app: Flask) -> int:
    with app.app_context(), side_transaction() as connection:
        return int(connection.execute(select(func.count(Notification.id))).scalar_one())


def post(browser: FlaskClient, path: str, **data: str) -> Any:
    """Send a form of one's own."""
    token = csrf_token(browser.get("/me").get_data(as_text=True))
    return browser.post(path, data={"csrf_token": token, **data})

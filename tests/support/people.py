"""Signing in the way people do: through the login form."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.db import transaction
from portal.locations.models import PROVINCE, Location
from portal.permissions import Role
from portal.staff.service import create_staff

PASSWORD = "correct horse 7 battery"
_numbers = itertools.count(1)
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def csrf_token(html: str) -> str:
    """The token of the first form of a page."""
    found = _CSRF.search(html)
    assert found, "the page has no form with a CSRF token"
    return found.group(1)


def add_staff(
    app: Flask, role: Role | str, areas: Sequence[int] | None = None, username: str = "", password: str = PASSWORD
) -> str:
    """Create a staff member for the areas (location ids; None: the whole province). Returns the user name."""
    username = username or f"{str(role).lower()}{next(_numbers)}"
    with app.app_context(), transaction() as session:
        condition = Location.kind == PROVINCE if areas is None else Location.id.in_(areas)
        places = list(session.scalars(select(Location).where(condition)))
        assert areas is None or len(places) == len(set(areas)), "an area does not exist"
        create_staff(session, username=username, password=password, role=str(role), areas=places, full_name="", cost=4)
    return username


def sign_in(client: FlaskClient, username: str, password: str = PASSWORD) -> FlaskClient:
    """Sign in through the form; fails the test when that fails."""
    token = csrf_token(client.get("/login").get_data(as_text=True))
    answer = client.post("/login", data={"username": username, "password": password, "csrf_token": token})
    assert answer.status_code == 303, f"login answered {answer.status_code}"
    return client


def known_browsers(app: Flask) -> Callable[[Role | str, int | None], FlaskClient]:
    """`get(role, area) -> client`: signed in, the same one each time; an area of None is the whole province."""
    known: dict[tuple[str, int | None], FlaskClient] = {}

    def get(role: Role | str, area: int | None) -> FlaskClient:
        key = (str(role), area)
        if key not in known:
            known[key] = sign_in(app.test_client(), add_staff(app, role, None if area is None else [area]))
        return known[key]

    return get

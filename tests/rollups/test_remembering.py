"""What is remembered of an area: the same until something in it changes, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.db import db, transaction
from portal.locations.models import Location
from portal.permissions import AreaScope, Role
from portal.rollups.remembering import remembered
from tests.support.places import small_tree
from tests.support.register import register


@pytest.fixture
def tree(app: Flask) -> dict[str, int]:
    return small_tree(app)


def add(app: Flask, place: int, number: int) -> None:
    with app.app_context(), transaction() as session:
        register(session, session.get_one(Location, place), number, "Aslam")


def test_it_is_asked_again_only_after_a_change_inside(app: Flask, tree: dict[str, int]) -> None:
    built: list[str] = []

    def ask(scope: AreaScope, asked: object = "") -> int:
        with app.app_context():
            value = remembered(db.session(), scope, "test", asked, lambda: len(built) or built.append("x") or 0)
            built.append(f"{asked}")
            return int(value or 0)

    ward = AreaScope.of([tree["mc-9"]])
    first = ask(ward)
    assert ask(ward) == first
    assert ask(ward, "another question") != first
    assert ask(AreaScope.of([tree["khushab/khushab"]])) != first
    before = ask(ward)
    add(app, tree["mc-9"], 1)
    after = ask(ward)
    assert after != before
    with app.app_context(), transaction() as session:
        session.execute(text("UPDATE locations SET name = name || ' II' WHERE id = :id"), {"id": tree["mc-9"]})
    assert ask(ward) != after


def test_lists_count_what_has_just_come_in(
    app: Flask, tree: dict[str, int], login_as: Callable[..., FlaskClient]
) -> None:
    client = login_as(Role.HEAD)

    def listed() -> int:
        return client.get("/units/").get_data(as_text=True).count('class="row-link')

    assert listed() == 0
    add(app, tree["mc-9"], 1)
    assert listed() == 1
    add(app, tree["mc-9"], 2)
    assert listed() == 2
    assert listed() == 2

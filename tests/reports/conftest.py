"""One data set for all tests of a module: they only read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection

from portal.db import read_snapshot
from portal.permissions import Role
from tests.reports import data
from tests.support import people

ReaderAs = Callable[..., FlaskClient]


@pytest.fixture(scope="module")
def portal(module_app: Flask) -> Flask:
    """The application with the data set."""
    data.fill(module_app)
    return module_app


@pytest.fixture(scope="module")
def reader_as(portal: Flask) -> ReaderAs:
    """`reader_as(role, areas=None) -> client`: a signed-in browser, made once for each role and area."""
    made: dict[tuple[str, tuple[int, ...] | None], FlaskClient] = {}

    def sign_in(role: Role, areas: tuple[int, ...] | None = None) -> FlaskClient:
        if (role, areas) not in made:
            made[role, areas] = people.sign_in(portal.test_client(), people.add_staff(portal, role, areas))
        return made[role, areas]

    return sign_in


@pytest.fixture
def connection(portal: Flask) -> Iterator[Connection]:
    """A read snapshot inside a request."""
    with portal.test_request_context(), read_snapshot() as connection:
        yield connection

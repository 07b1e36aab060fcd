"""Fixtures of the administration of staff."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.staff_admin.office import Office, open_office


@pytest.fixture
def office(app: Flask) -> Office:
    """An office of this test's own."""
    return open_office(app)

"""Tidying up at night: what is old goes, what somebody may still use stays."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func
from sqlalchemy.orm import Session

from portal.db import transaction
from portal.jobs import housekeeping
from portal.jobs.tasks import tidy_up
from portal.permissions import Role
from portal.staff.models import Staff, StaffToken
from tests.support.people import add_staff

DAYS = housekeeping.TOKEN_DAYS


def days_ago(days: float | None) -> object:
    return None if days is None else func.now() - func.make_interval(0, 0, 0, 0, round(days * 24))


@pytest.mark.parametrize(
    ("ended", "used", "stays"),
    [
        (-7, None, True),  # an open invitation
        (DAYS - 0.5, None, True),
        (DAYS + 0.5, None, False),
        (-7, DAYS - 0.5, True),
        (-7, DAYS + 0.5, False),  # used long ago, whenever it would have ended
        (DAYS + 0.5, DAYS + 1, False),
    ],
)
def test_one_time_secrets_go_when_their_time_is_long_over(
    db_session: Session, ended: float, used: float | None, stays: bool
) -> None:
    person = Staff(username="kiran", password_hash="", role=Role.AGENT)
    db_session.add(person)
    db_session.flush()
    db_session.add(
        StaffToken(
            staff_id=person.id,
            kind="INVITE",
            token_hash="h",
            created_at=days_ago(90),
            expires_at=days_ago(ended),
            used_at=days_ago(used),
        )
    )
    db_session.flush()
    assert housekeeping.prune_tokens() == (0 if stays else 1)
    assert db_session.query(StaffToken).count() == (1 if stays else 0)


def test_the_nightly_task_does_it(app: Flask) -> None:
    add_staff(app, Role.AGENT)
    with app.app_context():
        with transaction() as session:
            staff_id = session.query(Staff.id).scalar()
            old = days_ago(DAYS + 1)
            session.add(StaffToken(staff_id=staff_id, kind="CODE", token_hash="h", expires_at=old))
        tidy_up()
        with transaction() as session:
            assert session.query(StaffToken).count() == 0

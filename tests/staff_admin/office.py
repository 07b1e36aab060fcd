"""An office with people of every role, inside and outside an area, for tests of the administration of staff."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from portal.audit.models import AuditEntry
from portal.db import session
from portal.permissions import Role
from portal.staff.models import Staff, StaffArea
from tests.support.people import add_staff, csrf_token, sign_in
from tests.support.places import small_tree

LINK = re.compile(r"https?://[^\s\"<]+/welcome/([A-Za-z0-9_-]+)")
CODE = re.compile(r'<code id="code"[^>]*>([A-Z0-9-]+)</code>')


@dataclass
class Office:
    """`tree` are ids of places by short name."""

    app: Flask
    tree: dict[str, int]

    def add(self, role: Role | str, *places: str, username: str = "") -> int:
        """A person for these places; returns the id."""
        name = add_staff(self.app, role, [self.tree[place] for place in places] or None, username=username)
        return self.id_of(name)

    def browser(self, role: Role | str, *places: str, username: str = "") -> Browser:
        """A signed-in browser of a new person for these places (none: the whole province)."""
        name = add_staff(self.app, role, [self.tree[place] for place in places] or None, username=username)
        return Browser(self, sign_in(self.app.test_client(), name), self.id_of(name), name)

    def signed_in(self, staff_id: int) -> Browser:
        """One more browser of somebody."""
        name = self.staff(staff_id)["username"]
        return Browser(self, sign_in(self.app.test_client(), name), staff_id, name)

    def id_of(self, username: str) -> int:
        with self.app.app_context():
            return session().scalars(select(Staff.id).where(Staff.username == username)).one()

    def staff(self, staff_id: int) -> dict[str, Any]:
        """The columns of a person, and `areas`: the ids."""
        with self.app.app_context():
            row = session().execute(select(Staff.__table__).where(Staff.id == staff_id)).mappings().one()
            areas = session().scalars(select(StaffArea.location_id).where(StaffArea.staff_id == staff_id))
            return {**row, "areas": sorted(areas)}

    def audit(self, staff_id: int | str, action: str) -> list[AuditEntry]:
        """The lines about a person, the newest first."""
        with self.app.app_context():
            query = select(AuditEntry).where(AuditEntry.entity_id == str(staff_id), AuditEntry.action == action)
            return list(session().scalars(query.order_by(AuditEntry.at.desc(), AuditEntry.id.desc())))

    def number_of_staff(self) -> int:
        with self.app.app_context():
            return session().scalar(select(func.count()).select_from(Staff)) or 0


@dataclass
class Browser:
    """Somebody's browser."""

    office: Office
    client: FlaskClient
    staff_id: int
    username: str

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.client.get(path, query_string=query or None, buffered=True)

    def html(self, path: str, **query: Any) -> str:
        answer = self.get(path, **query)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.get_data(as_text=True)

    def post(self, path: str, data: Mapping[str, Any] | None = None, headers: Any = None) -> TestResponse:
        """Send a form with its token."""
        token = csrf_token(self.client.get("/me").get_data(as_text=True))
        return self.client.post(path, data={**(data or {}), "csrf_token": token}, headers=headers)

    def edit(self, staff_id: int, **changes: Any) -> TestResponse:
        """The edit form as it is now, with some fields changed."""
        now = self.office.staff(staff_id)
        form = {key: now[key] or "" for key in ("full_name", "email", "mobile", "role", "version")}
        return self.post(f"/staff/{staff_id}/edit", {**form, **changes})

    def set_areas(self, staff_id: int, places: Sequence[str], **changes: Any) -> TestResponse:
        version = self.office.staff(staff_id)["version"]
        ids = [self.office.tree[place] for place in places]
        return self.post(f"/staff/{staff_id}/areas", {"area": ids, "version": version, **changes})

    def act(self, staff_id: int, action: str, **changes: Any) -> TestResponse:
        version = self.office.staff(staff_id)["version"]
        return self.post(f"/staff/{staff_id}/do/{action}", {"version": version, **changes})


def open_office(app: Flask) -> Office:
    """The places, and a head of the whole province so that nobody else is the last one."""
    office = Office(app, small_tree(app))
    add_staff(app, Role.HEAD, username="standing.head")
    return office

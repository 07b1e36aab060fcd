"""Links open a file for the one they were made for, in his area, while they last."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.audit.models import AuditEntry
from portal.db import session as db_session
from portal.db import transaction
from portal.files import links
from portal.files.models import StoredFile
from portal.files.service import By, Owner, delete, restore, store_document, store_photo
from portal.files.store import current_storage
from portal.locations.models import Location
from portal.permissions import Role
from portal.staff.models import Staff
from portal.units.models import SurveyUnit
from tests.files import samples
from tests.support.people import add_staff, sign_in
from tests.support.places import small_tree
from tests.support.register import register


class World:
    """A unit with a photo and a document; somebody of its area, a colleague there, and somebody of another area."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        tree = small_tree(app)
        with app.app_context(), transaction() as session:
            here = session.get(Location, tree["mc-9"])
            assert here is not None
            register(session, here, 1, "Aslam")
            unit = session.scalars(select(SurveyUnit)).one()
            given: dict[str, Any] = {"location_id": unit.location_id, "staff_id": None}
            owner = Owner(unit_id=unit.id)
            photo = store_photo(session, owner, samples.upload(samples.photo()), client_uuid=uuid.uuid4(), **given)
            deed = store_document(
                session, owner, samples.upload(samples.PDF, 'قبالہ "x".pdf'), client_uuid=uuid.uuid4(), **given
            )
            scan = store_document(session, owner, samples.upload(samples.png()), client_uuid=uuid.uuid4(), **given)
            self.photo, self.deed, self.scan = photo.id, deed.id, scan.id
        self.people: dict[str, tuple[int, FlaskClient]] = {}
        for name, area in (("reader", "mc-9"), ("colleague", "khushab/khushab"), ("stranger", "bhakkar")):
            username = add_staff(app, Role.AGENT, [tree[area]])
            with app.app_context():
                staff_id = db_session().scalars(select(Staff.id).where(Staff.username == username)).one()
            self.people[name] = (staff_id, sign_in(app.test_client(), username))

    def link(self, file_id: int, variant: str = "large", who: str = "reader") -> str:
        with self.app.test_request_context():
            g._login_user = SimpleNamespace(id=self.people[who][0], is_authenticated=True)
            file = db_session().get(StoredFile, file_id)
            assert file is not None
            return links.link(file, variant)

    def get(self, path: str, who: str = "reader", **more: Any) -> Any:
        return self.people[who][1].get(path, **more)


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    return World(module_app)


def test_a_photo_is_shown_to_its_reader_and_kept_by_his_browser_alone(world: World) -> None:
    for variant, edge in (("large", 1200), ("thumb", 320)):
        answer = world.get(world.link(world.photo, variant))
        assert answer.status_code == 200
        assert max(samples.seen(answer.data).size) == edge
        assert answer.mimetype == "image/jpeg"
        assert answer.headers["Content-Disposition"].startswith("inline")
        assert answer.headers["Cache-Control"].startswith("private, max-age=")
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        again = world.get(world.link(world.photo, variant), headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


def test_a_link_is_one_persons_one_files_and_one_variants(world: World) -> None:
    link = world.link(world.photo)
    assert world.get(link, "colleague").status_code == 404
    assert world.get(link.replace(f"/{world.photo}/", f"/{world.scan}/")).status_code == 404
    assert world.get(link.replace("/large", "/thumb")).status_code == 404
    assert world.get(link[:-1]).status_code == 404
    assert world.get(link.partition("?")[0]).status_code == 404
    assert world.app.test_client().get(link).status_code == 303


def test_a_link_of_ones_own_does_not_reach_into_another_area(world: World) -> None:
    assert world.get(world.link(world.photo, who="stranger"), "stranger").status_code == 404
    assert world.get(world.link(world.photo, who="colleague"), "colleague").status_code == 200


def test_a_link_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    link, now = world.link(world.photo), links.time.time()
    monkeypatch.setattr(links.time, "time", lambda: now + links.STEP_SECONDS - 1)
    assert world.get(link).status_code == 200
    monkeypatch.setattr(links.time, "time", lambda: now + 2 * links.STEP_SECONDS + 1)
    answer = world.get(link)
    assert answer.status_code == 404
    assert "This link is over" in answer.get_data(as_text=True)


def test_a_document_is_saved_not_opened_and_each_download_is_noted(world: World) -> None:
    answer = world.get(world.link(world.deed))
    assert answer.data == samples.PDF
    assert answer.headers["Content-Type"] == "application/pdf"
    name = quote("قبالہ x.pdf", safe="")
    assert answer.headers["Content-Disposition"] == f"attachment; filename=\"x.pdf\"; filename*=UTF-8''{name}"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    with world.app.app_context():
        line = (
            db_session()
            .scalars(select(AuditEntry).where(AuditEntry.action == "file.download").order_by(AuditEntry.id.desc()))
            .first()
        )
        assert line is not None
        assert (line.entity_id, line.staff_id) == (str(world.deed), world.people["reader"][0])
        assert line.location_id is not None


def test_the_small_version_of_a_scan_is_shown_and_a_pdf_has_none(world: World) -> None:
    assert world.get(world.link(world.scan, "thumb")).headers["Content-Disposition"].startswith("inline")
    assert world.get(world.link(world.deed, "thumb")).status_code == 404


def test_a_deleted_file_is_not_shown(world: World) -> None:
    link = world.link(world.photo)
    for change, status in ((delete, 404), (restore, 200)):
        with world.app.app_context(), transaction() as session:
            file = session.get(StoredFile, world.photo)
            assert file is not None
            change(session, file, By(None, "system"), *(["blurred"] if change is delete else []))
        assert world.get(link).status_code == status


def test_a_file_that_is_gone_from_the_storage_gets_a_sentence(world: World) -> None:
    with world.app.app_context():
        file = db_session().get(StoredFile, world.scan)
        assert file is not None
        data = current_storage().read(file.key)
        key = file.key
        current_storage().delete(key)
    answer = world.get(world.link(world.scan))
    with world.app.app_context():
        current_storage().write(key, data)
    assert answer.status_code == 404
    assert "no longer in the storage" in answer.get_data(as_text=True)

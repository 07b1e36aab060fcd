"""Photos and documents are stored as pictures of their pixels and as what they are, once, or not at all."""

from __future__ import annotations

import hashlib
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.models import AuditEntry
from portal.config import MIB
from portal.db import transaction
from portal.errors import ConflictError, DomainError, InvalidInputError, RefusedFileError, StorageAway
from portal.files import service
from portal.files.models import StoredFile
from portal.files.selects import files_of
from portal.files.service import By, Owner, store_document, store_photo
from portal.files.store import current_storage
from portal.locations.models import Location
from portal.permissions import Role
from portal.staff.models import Staff
from portal.units.models import SurveyUnit
from portal.web.context import settings
from tests.files import samples
from tests.support.people import add_staff
from tests.support.places import small_tree
from tests.support.register import register


class World:
    """A unit with its account, and a person."""

    def __init__(self, app: Flask) -> None:
        tree = small_tree(app)
        with app.app_context():
            with transaction() as session:
                here = session.get(Location, tree["mc-9"])
                assert here is not None
                thing = register(session, here, 1, "Aslam")
                self.unit_id = session.scalars(select(SurveyUnit.id)).one()
                self.location_id = thing.location_id
            name = add_staff(app, Role.AGENT, [self.location_id])
            with transaction() as session:
                self.staff_id = session.scalars(select(Staff.id).where(Staff.username == name)).one()

    @property
    def owner(self) -> Owner:
        return Owner(unit_id=self.unit_id)

    def given(self, **more: Any) -> dict[str, Any]:
        return {"client_uuid": uuid.uuid4(), "location_id": self.location_id, "staff_id": self.staff_id} | more


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    return World(module_app)


@pytest.fixture
def session(world: World, module_app: Flask) -> Iterator[Session]:
    """A transaction that does not come to its end."""
    with module_app.app_context():
        try:
            with transaction() as session:
                yield session
                raise EndOfTest
        except EndOfTest:
            pass
        assert files_on_disk() == [], "a rollback leaves bytes behind"


class EndOfTest(Exception):
    """Raised to roll back."""


def files_on_disk() -> list[Path]:
    return [path for path in settings().files_dir.rglob("*") if path.is_file()]


def test_a_photo_is_drawn_anew_turned_and_smaller(session: Session, world: World) -> None:
    sent = samples.photo(4000, 3000, turned=6)
    file = store_photo(session, world.owner, samples.upload(sent, "IMG 1.JPG"), **world.given())
    data = current_storage().read(file.key)
    picture = samples.seen(data)
    assert picture.format == "JPEG"
    assert picture.size == (file.width, file.height) == (1200, 1600)
    assert b"SECRET" not in data
    assert not picture.getexif()
    # Turned by the camera's word: what was the upper left quarter is the upper right one.
    assert picture.getpixel((1190, 10))[0] > 180
    assert picture.getpixel((10, 10))[0] < 100
    assert file.thumb_key is not None
    assert max(samples.seen(current_storage().read(file.thumb_key)).size) == 320
    assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert file.file_name == "IMG 1.jpg"


def test_folders_and_files_are_the_portals_own(session: Session, world: World) -> None:
    file = store_photo(session, world.owner, samples.upload(samples.photo()), **world.given())
    path = settings().files_dir / file.key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    while path != settings().instance_dir:
        path = path.parent
        if path != settings().instance_dir:
            assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


@pytest.mark.parametrize("mode", ["RGBA", "RGB", "P", "L", "LA", "1", "I;16"])
def test_every_kind_of_png_becomes_a_jpeg(session: Session, world: World, mode: str) -> None:
    file = store_photo(session, world.owner, samples.upload(samples.png(mode), "a.png"), **world.given())
    assert samples.seen(current_storage().read(file.key)).mode == "RGB"


def test_what_was_transparent_is_white(session: Session, world: World) -> None:
    file = store_photo(session, world.owner, samples.upload(samples.png("RGBA"), "a.png"), **world.given())
    assert min(samples.seen(current_storage().read(file.key)).getpixel((5, 5))) > 250


BAD_PHOTOS = {
    "empty": (b"", "is empty"),
    "a PDF named .jpg": (samples.PDF, "no JPEG"),
    "an image bomb": (samples.bomb(), "too many pixels"),
    "half a photo": (samples.photo()[:2000], "damaged"),
    "text": (b"hello", "no JPEG"),
    "a GIF": (samples.gif(), "no JPEG"),
}


@pytest.mark.parametrize("what", BAD_PHOTOS)
def test_a_bad_photo_gets_a_sentence_with_its_name(session: Session, world: World, what: str) -> None:
    data, words = BAD_PHOTOS[what]
    with pytest.raises(RefusedFileError, match=words) as refused:
        store_photo(session, world.owner, samples.upload(data, "door.jpg"), **world.given())
    assert "door.jpg" in str(refused.value)
    assert files_on_disk() == []


def test_a_photo_of_40_mb_gets_a_sentence(session: Session, world: World) -> None:
    with pytest.raises(RefusedFileError, match="larger than 15 MB"):
        store_photo(session, world.owner, samples.upload(b"\xff\xd8\xff" + b"x" * 40 * MIB), **world.given())


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (samples.PDF, "application/pdf"),
        (samples.office(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (samples.office("xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (samples.open_document(), "application/vnd.oasis.opendocument.text"),
        (samples.png(), "image/jpeg"),
    ],
)
def test_documents_are_what_their_bytes_are(session: Session, world: World, data: bytes, media_type: str) -> None:
    file = store_document(session, world.owner, samples.upload(data, "../../etc/Deed\u202egpj.exe"), **world.given())
    assert file.media_type == media_type
    assert file.file_name == f"Deedgpj.{file.key.rpartition('.')[2]}"
    assert file.title == "Deedgpj"
    assert (file.thumb_key is not None) == (media_type == "image/jpeg")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"MZ\x90\x00", "is no PDF"),
        (b"<html><script>", "is no PDF"),
        (samples.PDF[:30], "breaks off"),
        (samples.office("word/document.xml", **{"word/vbaProject.bin": "x"}), "holds macros"),
        (samples.office("anything.xml"), "an archive"),
        (b"PK\x03\x04broken", "is damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old office format"),
        (samples.bomb(), "too many pixels"),
    ],
)
def test_bad_documents_get_a_sentence(session: Session, world: World, data: bytes, words: str) -> None:
    with pytest.raises(RefusedFileError, match=words):
        store_document(session, world.owner, samples.upload(data, "deed.pdf"), **world.given())


def test_sent_twice_it_is_stored_once(session: Session, world: World) -> None:
    given = world.given()
    first = store_photo(session, world.owner, samples.upload(samples.photo()), **given)
    before = files_on_disk()
    second = store_photo(session, world.owner, samples.upload(b"whatever"), **given)
    assert first is second
    assert files_on_disk() == before
    with pytest.raises(ConflictError):
        store_photo(session, world.owner, samples.upload(samples.photo()), **{**given, "staff_id": None})


def test_an_owner_has_a_limit(session: Session, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PHOTO_MOST", 2)
    kept = [
        store_photo(session, world.owner, samples.upload(samples.png(size=(9, 9))), **world.given()) for _ in range(2)
    ]
    with pytest.raises(InvalidInputError, match="delete one first"):
        store_photo(session, world.owner, samples.upload(samples.png(size=(9, 9))), **world.given())
    service.delete(session, kept[0], By(world.staff_id, "x"), "blurred")
    store_photo(session, world.owner, samples.upload(samples.png(size=(9, 9))), **world.given())
    with pytest.raises(InvalidInputError, match="delete one first"):
        service.restore(session, kept[0], By(world.staff_id, "x"))


def test_deleting_needs_a_reason_and_can_be_undone(session: Session, world: World) -> None:
    file = store_photo(session, world.owner, samples.upload(samples.photo()), **world.given())
    with pytest.raises(InvalidInputError):
        service.delete(session, file, By(world.staff_id, "x"), "  ")
    service.delete(session, file, By(world.staff_id, "x"), "wrong house")
    assert session.scalars(files_of(unit_ids=[world.unit_id])).all() == []
    assert session.scalars(files_of(unit_ids=[world.unit_id], deleted=True)).all() == [file]
    service.restore(session, file, By(world.staff_id, "x"))
    assert session.scalars(files_of(unit_ids=[world.unit_id])).all() == [file]
    session.flush()
    lines = session.scalars(select(AuditEntry).where(AuditEntry.entity == "file").order_by(AuditEntry.id)).all()
    assert [line.action for line in lines] == ["file.upload", "file.delete", "file.restore"]
    assert lines[1].reason == "wrong house"


def test_a_storage_that_is_away_stores_nothing(
    world: World, module_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with module_app.app_context():
        settings().files_dir.mkdir(exist_ok=True)
        whole = type(current_storage()).write

        def away(self: Any, key: str, data: bytes) -> None:
            if "-s." in key:  # the small version is the second
                raise StorageAway("away")
            whole(self, key, data)

        monkeypatch.setattr(type(current_storage()), "write", away)
        with pytest.raises(StorageAway), transaction() as session:
            store_photo(session, world.owner, samples.upload(samples.photo()), **world.given())
        assert files_on_disk() == []
        with transaction() as session:
            assert session.scalars(select(StoredFile)).all() == []


def test_an_owner_is_one_thing() -> None:
    with pytest.raises(ValueError):
        Owner()
    with pytest.raises(ValueError):
        Owner(unit_id=1, visit_id=2)
    assert issubclass(StorageAway, DomainError)

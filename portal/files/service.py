"""Photos and documents: stored, deleted with a reason, brought back. Flushes, never commits.

    owner = Owner(visit_id=visit.id)
    store_photo(session, owner, Upload(stream, name), client_uuid=..., location_id=..., staff_id=...)

Who may add something to the owner is the caller's to know. The bytes lie in the storage before the row is there; when
the transaction does not come to its end, they are taken away again (and what a killed process leaves is found by
`portal.files.checking`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import logging
import uuid
from dataclasses import dataclass, fields
from typing import IO, Any

from flask_babel import gettext as _
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.config import MIB
from portal.errors import ConflictError, DomainError, InvalidInputError, NotFoundError, RefusedFileError
from portal.files import kinds, pictures, selects
from portal.files.models import DOCUMENT, PHOTO, StoredFile
from portal.files.store import current_settings, current_storage

log = logging.getLogger(__name__)

PHOTO_MOST, DOCUMENT_MOST = 40, 100  # of one owner
TITLE_LENGTH, REASON_LENGTH = 120, 300
_WAITING = "stored_keys"


@dataclass(frozen=True)
class Owner:
    """The one thing a file belongs to."""

    unit_id: int | None = None
    account_id: int | None = None
    visit_id: int | None = None
    ticket_id: int | None = None
    comment_id: int | None = None
    correction_id: int | None = None

    def __post_init__(self) -> None:
        if len(self.columns) != 1:
            raise ValueError("a file belongs to exactly one thing")

    @property
    def columns(self) -> dict[str, int]:
        """{column: id}, one of them."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def of(cls, file: StoredFile) -> Owner:
        return cls(**{field.name: getattr(file, field.name) for field in fields(cls)})

    @property
    def entity(self) -> tuple[str, int]:
        """("unit", 17): as the audit log names it."""
        name, value = next(iter(self.columns.items()))
        return name.removesuffix("_id"), value


@dataclass(frozen=True)
class Upload:
    """What was sent: its bytes and the name that the sender gave it."""

    stream: IO[bytes]
    name: str = ""


@dataclass(frozen=True)
class By:
    """Who deletes or brings back, as the audit log names him."""

    staff_id: int | None
    name: str
    address: str = ""


def store_photo(
    session: Session,
    owner: Owner,
    upload: Upload,
    *,
    client_uuid: uuid.UUID,
    location_id: int,
    staff_id: int | None,
    title: str = "",
) -> StoredFile:
    """Draw a photo anew and store it with a small version. Sent a second time (same uuid, owner and person): the first.

    Raises RefusedFileError or InvalidInputError with a sentence that names the file, ConflictError for the uuid of
    another thing's file, StorageAway. In each case nothing is stored.
    """
    known = _sent_before(session, client_uuid, owner, staff_id)
    if known is not None:
        return known
    name = _shown_name(upload.name)
    data = _bytes_of(upload, name, current_settings().max_photo_mib)
    _refuse_one_too_many(session, owner, PHOTO, PHOTO_MOST)
    drawn = pictures.draw(io.BytesIO(data), name)
    file = StoredFile(
        client_uuid=client_uuid, kind=PHOTO, key="", file_name=kinds.plain_name(upload.name, "jpg"),
        title=_title(title), media_type=kinds.JPEG, location_id=location_id, uploaded_by=staff_id, **owner.columns,
    )  # fmt: skip
    return _keep(session, file, drawn.data, "jpg", drawn)


def store_document(
    session: Session,
    owner: Owner,
    upload: Upload,
    *,
    client_uuid: uuid.UUID,
    location_id: int,
    staff_id: int | None,
    title: str = "",
) -> StoredFile:
    """Store a PDF, an office file or a picture (drawn anew), as `store_photo` does."""
    known = _sent_before(session, client_uuid, owner, staff_id)
    if known is not None:
        return known
    name = _shown_name(upload.name)
    data = _bytes_of(upload, name, current_settings().max_document_mib)
    _refuse_one_too_many(session, owner, DOCUMENT, DOCUMENT_MOST)
    kind = kinds.kind_of(data, name)
    drawn = pictures.draw(io.BytesIO(data), name, pictures.SCAN_EDGE) if kind.is_picture else None
    file_name = kinds.plain_name(upload.name, kind.extension)
    file = StoredFile(
        client_uuid=client_uuid, kind=DOCUMENT, key="", file_name=file_name,
        title=_title(title) or file_name.rpartition(".")[0], media_type=kind.media_type, location_id=location_id,
        uploaded_by=staff_id, **owner.columns,
    )  # fmt: skip
    return _keep(session, file, drawn.data if drawn else data, kind.extension, drawn)


def delete(session: Session, file: StoredFile, by: By, reason: str) -> None:
    """Take a file out of sight; its bytes stay, so that it can be brought back. Twice is once."""
    if file.deleted_at is not None:
        return
    why = " ".join(reason.split())
    if not why:
        raise InvalidInputError(_("Say why, in a few words."))
    if len(why) > REASON_LENGTH:
        raise InvalidInputError(_("Enter at most %(count)s characters.", count=REASON_LENGTH))
    file.deleted_at, file.deleted_by, file.delete_reason = dt.datetime.now(dt.UTC), by.staff_id, why
    session.flush()
    _note(session, "file.delete", file, by, reason=why)


def restore(session: Session, file: StoredFile, by: By) -> None:
    """Undo `delete`. Twice is once."""
    if file.deleted_at is None:
        return
    limit = PHOTO_MOST if file.kind == PHOTO else DOCUMENT_MOST
    _refuse_one_too_many(session, Owner.of(file), file.kind, limit)
    file.deleted_at, file.deleted_by, file.delete_reason = None, None, ""
    session.flush()
    _note(session, "file.restore", file, by)


def _note(session: Session, action: str, file: StoredFile, by: By, reason: str = "") -> None:
    record(
        session, action, "file", file.id, actor=by.name, staff_id=by.staff_id, address=by.address,
        location_id=file.location_id, reason=reason, after=facts(file),
    )  # fmt: skip


def facts(file: StoredFile) -> dict[str, Any]:
    """What the audit log keeps of a file: never its name, which may hold a consumer's number."""
    entity, entity_id = Owner.of(file).entity
    return {
        "kind": file.kind,
        "media_type": file.media_type,
        "bytes": file.bytes,
        "owner": entity,
        "owner_id": entity_id,
    }


def find(session: Session, file_id: int, scope: Any, *, deleted: bool = False) -> StoredFile:
    """The file, if it lies inside the area (and is not deleted). Raises NotFoundError."""
    file = session.scalars(selects.file(file_id, scope)).first() if 0 < file_id < 2**63 else None
    if file is None or (file.deleted_at is not None and not deleted):
        raise NotFoundError(_("There is no such file, or it is not one of your area."))
    return file


# -- Storing -------------------------------------------------------------------------------------------------------
def _sent_before(session: Session, client_uuid: uuid.UUID, owner: Owner, staff_id: int | None) -> StoredFile | None:
    """The file that was stored under this uuid. Two requests with the same one wait for each other."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"file:{client_uuid}"})
    known = session.scalars(select(StoredFile).where(StoredFile.client_uuid == client_uuid)).first()
    if known is not None and (Owner.of(known) != owner or known.uploaded_by != staff_id):
        raise ConflictError(_("This file was sent for another record before. Choose it again."))
    return known


def _shown_name(name: str) -> str:
    extension = "".join(char for char in name.rpartition(".")[2] if char.isalnum())[:8] if "." in name else ""
    return kinds.plain_name(name, extension).rstrip(".") if name else str(_("The file"))


def _title(title: str) -> str:
    text_ = " ".join(title.split())
    if len(text_) > TITLE_LENGTH:
        raise InvalidInputError(_("Enter at most %(count)s characters.", count=TITLE_LENGTH))
    return text_


def _bytes_of(upload: Upload, name: str, most_mib: int) -> bytes:
    data = upload.stream.read(most_mib * MIB + 1)
    if not data:
        raise RefusedFileError(_("%(name)s is empty. Nothing was stored; choose the file again.", name=name))
    if len(data) > most_mib * MIB:
        raise RefusedFileError(_("%(name)s is larger than %(most)s MB. Nothing was stored.", name=name, most=most_mib))
    return data


def _refuse_one_too_many(session: Session, owner: Owner, kind: str, most: int) -> None:
    column, value = next(iter(owner.columns.items()))
    count = session.scalar(
        select(func.count()).where(
            getattr(StoredFile, column) == value, StoredFile.kind == kind, StoredFile.deleted_at.is_(None)
        )
    )
    if (count or 0) >= most:
        raise InvalidInputError(_("There are %(count)s files here already; delete one first.", count=most))


def _keep(session: Session, file: StoredFile, data: bytes, extension: str, drawn: pictures.Drawn | None) -> StoredFile:
    """Write the bytes, then the row and its line in the audit log."""
    stem = f"{file.kind.lower()}s/{dt.datetime.now(dt.UTC):%Y/%m/%d}/{uuid.uuid4().hex}"
    file.key, file.bytes, file.sha256 = f"{stem}.{extension}", len(data), hashlib.sha256(data).hexdigest()
    storage = current_storage()
    _take_away_on_rollback(session, file.key)
    try:
        storage.write(file.key, data)
        if drawn is not None:
            file.thumb_key, file.width, file.height = f"{stem}-s.jpg", drawn.width, drawn.height
            _take_away_on_rollback(session, file.thumb_key)
            storage.write(file.thumb_key, drawn.thumb)
    except DomainError:
        _take_away(session.info.pop(_WAITING, []))
        raise
    session.add(file)
    session.flush()
    record(
        session, "file.upload", "file", file.id, staff_id=file.uploaded_by,
        actor=_actor_name(session, file.uploaded_by), location_id=file.location_id, after=facts(file),
    )  # fmt: skip
    return file


def _take_away_on_rollback(session: Session, key: str) -> None:
    if _WAITING not in session.info:
        session.info[_WAITING] = []
    session.info[_WAITING].append(key)


def _take_away(keys: list[str]) -> None:
    """Remove bytes whose row does not come. Never raises: what stays is an orphan, and found."""
    for key in keys:
        try:
            current_storage().delete(key)
        except Exception as error:
            log.warning("a file without a row stays in the storage: %s", type(error).__name__)


@event.listens_for(Session, "after_rollback")
def _after_rollback(session: Session) -> None:
    _take_away(session.info.pop(_WAITING, []))


@event.listens_for(Session, "after_commit")
def _after_commit(session: Session) -> None:
    session.info.pop(_WAITING, None)


def _actor_name(session: Session, staff_id: int | None) -> str:
    from portal.audit.service import SYSTEM
    from portal.staff.models import Staff

    staff = session.get(Staff, staff_id) if staff_id is not None else None
    return staff.username if staff is not None else SYSTEM

"""Whether the storage holds what the table says, and nothing else; and what nobody needs is taken away.

The storage is listed before the table is read, and whatever looks wrong is looked at once more: files come and go
meanwhile.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal.files.models import StoredFile
from portal.storage.places import FileGone, Kept, Storage

# A key that `portal.files.service` makes, with its day. What is named otherwise was put there by somebody else.
_OURS = re.compile(r"(?:photos|documents)/(\d{4})/(\d\d)/(\d\d)/[0-9a-f]{32}(?:-s)?\.[a-z]{3,4}")
WAIT_DAYS = 2  # so old an orphan cannot be an upload that is still on its way


@dataclass(frozen=True)
class Wrong:
    """A file with its key in the storage, and what is wrong with it."""

    key: str
    what: str
    file_id: int | None = None


@dataclass
class Findings:
    """The outcome. `recent` are orphans of the last day, which may be uploads on their way; `foreign` others' files."""

    files: int = 0
    missing: list[Wrong] = field(default_factory=list)
    altered: list[Wrong] = field(default_factory=list)
    orphaned: list[Wrong] = field(default_factory=list)
    recent: int = 0
    foreign: int = 0
    pruned: int = 0

    @property
    def is_well(self) -> bool:
        return not (self.missing or self.altered or len(self.orphaned) > self.pruned)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ok": self.is_well}


def check(
    session: Session, storage: Storage, *, today: dt.date, reads: Callable[[int], bool] = lambda _id: True
) -> Findings:
    """Compare storage and table. `reads` says by id whose content is read and compared; of all others the size is.

    Raises StorageAway.
    """
    kept: dict[str, Kept] = {one.key: one for one in storage.everything()}
    findings = Findings()
    for file in _files(session):
        findings.files += 1
        _check_file(storage, file, kept, findings, reads=reads(file.id))
    for key in sorted(kept):
        _check_orphan(session, key, today, findings)
    return findings


def _files(session: Session) -> Iterator[Any]:
    columns = (StoredFile.id, StoredFile.key, StoredFile.thumb_key, StoredFile.bytes, StoredFile.sha256)
    return iter(session.execute(select(*columns).order_by(StoredFile.id).execution_options(yield_per=1000)))


def _check_file(storage: Storage, file: Any, kept: dict[str, Kept], findings: Findings, *, reads: bool) -> None:
    listed = kept.pop(file.key, None)
    if listed is None or reads or listed.size != file.bytes:
        try:
            data = storage.read(file.key)
        except FileGone:
            findings.missing.append(Wrong(file.key, "missing", file.id))
        else:
            if len(data) != file.bytes:
                findings.altered.append(Wrong(file.key, f"has {len(data)} bytes, not {file.bytes}", file.id))
            elif hashlib.sha256(data).hexdigest() != file.sha256:
                findings.altered.append(Wrong(file.key, "has another content", file.id))
    if file.thumb_key is not None and kept.pop(file.thumb_key, None) is None:
        try:
            storage.read(file.thumb_key)
        except FileGone:
            findings.missing.append(Wrong(file.thumb_key, "small version missing", file.id))


def _check_orphan(session: Session, key: str, today: dt.date, findings: Findings) -> None:
    day = day_of(key)
    if day is None:
        findings.foreign += 1
    elif (today - day).days < WAIT_DAYS:
        findings.recent += not _is_known(session, key)
    elif not _is_known(session, key):
        findings.orphaned.append(Wrong(key, "belongs to nothing"))


def _is_known(session: Session, key: str) -> bool:
    found = select(StoredFile.id).where(or_(StoredFile.key == key, StoredFile.thumb_key == key))
    return session.scalar(found.limit(1)) is not None


def day_of(key: str) -> dt.date | None:
    """The day in a key of ours; None for any other name."""
    found = _OURS.fullmatch(key)
    try:
        return dt.date(*(int(part) for part in found.groups())) if found else None
    except ValueError:
        return None


def prune(storage: Storage, findings: Findings) -> None:
    """Delete the orphans that were found; recent ones and foreign files stay."""
    for orphan in findings.orphaned:
        storage.delete(orphan.key)
        findings.pruned += 1

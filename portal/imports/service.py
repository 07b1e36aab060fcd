"""Use cases of imports: keep an upload, check it, commit it, in the browser's jobs and on the command line."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection, text, update
from sqlalchemy.orm import Session

from portal.audit.models import AuditEntry
from portal.errors import ConflictError, DomainError, InvalidInputError, NotFoundError, RefusedFileError
from portal.imports.models import ImportBatch
from portal.imports.outcome import ImportOptions, Outcome, Progress, no_progress
from portal.imports.pipeline import KARACHI, PreviewChangedError, run_import
from portal.imports.telling import tell_of_places, tell_uploader
from portal.permissions import AreaScope
from portal.web.messages import in_every_language

CHUNK = 1 << 20
TASKS = ("imports.check", "imports.commit")
RUNNING = ("CHECKING", "QUEUED", "COMMITTING")
SideTransaction = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class ImportSettings:
    """What imports need of the settings."""

    uploads_dir: Path
    max_bytes: int
    cycle_start_day: int


@dataclass(frozen=True)
class Actor:
    """Who imports: a staff member within his area, or `system` with the whole province."""

    name: str
    staff_id: int | None
    scope: AreaScope
    address: str = ""

    @classmethod
    def system(cls) -> Actor:
        return cls(name="system", staff_id=None, scope=AreaScope.everywhere())


def now() -> dt.datetime:
    return dt.datetime.now(KARACHI)


def store_upload(stream: IO[bytes], settings: ImportSettings) -> tuple[Path, str, int]:
    """Copy an upload into the uploads folder (mode 0600). Returns path, SHA-256 and size.

    Raises RefusedFileError when it is empty or too large; nothing is kept then.
    """
    settings.uploads_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.uploads_dir / f"import-{secrets.token_hex(16)}"
    digest = hashlib.sha256()
    size = 0
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            while chunk := stream.read(CHUNK):
                size += len(chunk)
                if size > settings.max_bytes:
                    raise RefusedFileError(
                        _(
                            "The file is larger than %(limit)s MiB. Nothing was imported."
                            " Split it by tehsil in the portal's download form.",
                            limit=settings.max_bytes // (1 << 20),
                        ),
                        code="too_large",
                    )
                digest.update(chunk)
                out.write(chunk)
        if size == 0:
            raise RefusedFileError(
                _("The file is empty. Nothing was imported. Download it again from the portal."), code="empty"
            )
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path, digest.hexdigest(), size


def new_batch(session: Session, file_name: str, stored: tuple[Path, str, int], actor: Actor) -> ImportBatch:
    """Note an upload; it is recognised and checked in the background."""
    path, digest, size = stored
    batch = ImportBatch(
        file_name=clean_file_name(file_name),
        file_sha256=digest,
        file_size=size,
        stored_path=str(path),
        status="UPLOADED",
        staff_id=actor.staff_id,
        area_ids=None if actor.scope.is_everywhere else list(actor.scope.location_ids),
    )
    session.add(batch)
    session.flush()
    return batch


def clean_file_name(name: str) -> str:
    """The last part of a path as some browsers send it, without control characters, at most 200 characters."""
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in name if c.isprintable()).strip()[:200] or "file"


def scope_of(batch: ImportBatch) -> AreaScope:
    """Where the uploader of a batch may write."""
    return AreaScope.everywhere() if batch.area_ids is None else AreaScope.of(batch.area_ids)


def get_batch(session: Session, batch_id: int) -> ImportBatch:
    batch = session.get(ImportBatch, batch_id)
    if batch is None:
        raise NotFoundError(_("There is no such import."))
    return batch


def reporter(batch_id: int, side: SideTransaction) -> Progress:
    """A progress that is visible at once, whatever the import's own transaction is doing."""

    def report(phase: str, done: int, total: int) -> None:
        percent = round(100 * done / total) if total else 0
        with side() as connection:
            connection.execute(
                update(ImportBatch)
                .where(ImportBatch.id == batch_id)
                .values(phase=f"{phase}:{done}" if not total else phase, progress=percent)
            )

    return report


def _begin(side: SideTransaction, batch_id: int, status: str, allowed: tuple[str, ...], **values: object) -> bool:
    """Enter a running status, visible at once. False when somebody else (a cancel) has changed it meanwhile."""
    with side() as connection:
        entered = connection.execute(
            update(ImportBatch)
            .where(ImportBatch.id == batch_id, ImportBatch.status.in_(allowed))
            .values(status=status, **values)
            .returning(ImportBatch.id)
        )
        return entered.first() is not None


def _still(session: Session, batch_id: int, status: str) -> ImportBatch | None:
    """The batch, locked, if it still has that status: a cancel that came meanwhile stands."""
    batch = session.get(ImportBatch, batch_id, with_for_update=True, populate_existing=True)
    return batch if batch is not None and batch.status == status else None


def _note_counts(batch: ImportBatch, outcome: Outcome) -> None:
    counts = outcome.counts
    batch.kind, batch.as_of, batch.totals = outcome.kind, outcome.as_of, outcome.totals
    batch.rows_read, batch.rows_inserted, batch.rows_updated = counts.rows, counts.inserted, counts.updated
    batch.rows_unchanged, batch.rows_duplicate = counts.unchanged, counts.duplicates
    batch.rows_rejected, batch.rows_pending = counts.rejected, counts.pending


def check_batch(session: Session, batch_id: int, settings: ImportSettings, side: SideTransaction) -> None:
    """Look at an upload: afterwards it is in PREVIEW, or REFUSED with the reason. The caller commits."""
    batch = get_batch(session, batch_id)
    if not _begin(
        side, batch_id, "CHECKING", ("UPLOADED", "CHECKING", "PREVIEW"), phase="reading", progress=0, error=None
    ):
        return
    session.refresh(batch)
    try:
        outcome = _run(session, batch, settings, reporter(batch_id, side))
    except (RefusedFileError, InvalidInputError) as error:
        session.rollback()
        if (refused := _still(session, batch_id, "CHECKING")) is not None:
            refused.status, refused.error, refused.finished_at = "REFUSED", in_every_language(error), now()
            tell_uploader(session, refused)
        return
    checked = _still(session, batch_id, "CHECKING")
    if checked is None:
        session.rollback()
        return
    batch = checked
    batch.preview = outcome.as_json()
    _note_counts(batch, outcome)
    batch.status, batch.phase, batch.progress = "PREVIEW", "", 100


def change_options(session: Session, batch_id: int, options: ImportOptions) -> ImportBatch:
    """Months and as-of corrected in the preview; the file is to be checked again. Raises ConflictError."""
    batch = session.get(ImportBatch, batch_id, with_for_update=True)
    if batch is None:
        raise NotFoundError(_("There is no such import."))
    if batch.status != "PREVIEW":
        raise ConflictError(_("This import is no longer waiting for you. Nothing was changed."))
    batch.options = options.as_json()
    batch.status, batch.phase, batch.progress = "CHECKING", "reading", 0
    return batch


def queue_commit(session: Session, batch_id: int) -> ImportBatch:
    """The preview is confirmed; the commit is to run in the background. Raises ConflictError."""
    batch = session.get(ImportBatch, batch_id, with_for_update=True)
    if batch is None:
        raise NotFoundError(_("There is no such import."))
    if batch.status != "PREVIEW":
        raise ConflictError(_("This import is no longer waiting for you. Nothing was changed."))
    batch.status, batch.phase, batch.progress = "QUEUED", "", 0
    return batch


def cancel_batch(session: Session, batch_id: int) -> ImportBatch:
    """Put an upload aside before it is committed. Raises ConflictError when it is too late."""
    batch = session.get(ImportBatch, batch_id, with_for_update=True)
    if batch is None:
        raise NotFoundError(_("There is no such import."))
    if batch.status not in {"UPLOADED", "CHECKING", "PREVIEW", "QUEUED"}:
        raise ConflictError(_("This import can no longer be cancelled."))
    batch.status, batch.finished_at = "CANCELLED", now()
    return batch


def lock_imports(session: Session) -> None:
    """One import writes at a time; a second waits here, then sees what the first has written."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('imports'))"))


def commit_batch(
    session: Session, batch_id: int, settings: ImportSettings, side: SideTransaction, actor: Actor
) -> None:
    """Write a confirmed import. Afterwards it is DONE, or in PREVIEW again with the new counts, or FAILED.

    Safe to run again after a killed worker: the batch becomes DONE in the same transaction that writes its rows.
    The caller commits.
    """
    lock_imports(session)
    batch = get_batch(session, batch_id)
    session.refresh(batch)
    running = {"phase": "reading", "progress": 0, "started_at": now()}
    if not _begin(side, batch_id, "COMMITTING", ("QUEUED", "COMMITTING"), **running):
        return
    session.refresh(batch)
    try:
        outcome = _run(session, batch, settings, reporter(batch_id, side), write=True)
    except PreviewChangedError as changed:
        # Nothing of the registers was touched by then; what was found in the rows is kept for the new preview.
        batch.preview, batch.error = changed.outcome.as_json(), in_every_language(changed)
        _note_counts(batch, changed.outcome)
        batch.status = "PREVIEW"
        tell_uploader(session, batch, actor.staff_id)
        return
    except DomainError as error:
        session.rollback()
        batch = get_batch(session, batch_id)
        batch.status, batch.error, batch.finished_at = "FAILED", in_every_language(error), now()
        tell_uploader(session, batch, actor.staff_id)
        return
    _finish(session, batch, outcome, actor)
    tell_uploader(session, batch, actor.staff_id)
    tell_of_places(session, batch)


def fail_batch(session: Session, batch_id: int, reason: object) -> None:
    """Say that an import ended without writing anything; `reason` is a text, lazy where it can be translated."""
    batch = get_batch(session, batch_id)
    if batch.status in RUNNING:
        batch.status, batch.error, batch.finished_at = "FAILED", in_every_language(reason), now()
        tell_uploader(session, batch)


def _run(
    session: Session, batch: ImportBatch, settings: ImportSettings, progress: Progress, write: bool = False
) -> Outcome:
    if batch.stored_path is None or not Path(batch.stored_path).exists():
        raise RefusedFileError(_l("The uploaded file is no longer there. Nothing was imported; upload it again."))
    return run_import(
        session,
        Path(batch.stored_path),
        file_name=batch.file_name,
        scope=scope_of(batch),
        today=now().date(),
        now=now(),
        options=ImportOptions.from_json(batch.options or {}),
        batch_id=batch.id if write else None,
        promised=batch.preview if write else None,
        preview_of=None if write else batch.id,
        cycle_start_day=settings.cycle_start_day,
        max_bytes=settings.max_bytes,
        progress=progress,
    )


def _finish(session: Session, batch: ImportBatch, outcome: Outcome, actor: Actor) -> None:
    _note_counts(batch, outcome)
    batch.result = outcome.as_json()
    batch.status, batch.phase, batch.progress, batch.finished_at, batch.error = "DONE", "", 100, now(), None
    session.add(
        AuditEntry(
            staff_id=actor.staff_id,
            actor=actor.name,
            action="import.commit",
            entity="import_batch",
            entity_id=str(batch.id),
            batch_id=batch.id,
            address=actor.address,
            after={**outcome.summary(), "sha256": batch.file_sha256, "options": batch.options},
        )
    )
    session.flush()


def import_file(
    session: Session,
    path: Path,
    *,
    kind: str | None,
    options: ImportOptions,
    settings: ImportSettings,
    actor: Actor,
    dry_run: bool = False,
    file_name: str | None = None,
    today: dt.date | None = None,
    progress: Progress = no_progress,
) -> Outcome:
    """Import a file at once, without upload and worker (command line, demo). The caller commits.

    With `dry_run` nothing real is written. Raises RefusedFileError, InvalidInputError.
    """
    name = clean_file_name(file_name or path.name)
    moment = now()
    batch: ImportBatch | None = None
    if not dry_run:
        lock_imports(session)
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        batch = ImportBatch(
            kind=kind,
            file_name=name,
            file_sha256=digest.hexdigest(),
            file_size=path.stat().st_size,
            status="COMMITTING",
            options=options.as_json(),
            staff_id=actor.staff_id,
            started_at=moment,
            area_ids=None if actor.scope.is_everywhere else list(actor.scope.location_ids),
        )
        session.add(batch)
        session.flush()
    outcome = run_import(
        session,
        path,
        file_name=name,
        scope=actor.scope,
        today=today or moment.date(),
        now=moment,
        kind=kind,
        options=options,
        batch_id=batch.id if batch else None,
        cycle_start_day=settings.cycle_start_day,
        max_bytes=settings.max_bytes,
        progress=progress,
    )
    if batch:
        _finish(session, batch, outcome, actor)
    return outcome

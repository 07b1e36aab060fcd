"""A run in the browser: uploaded, looked at, confirmed, done. The files go when it ends."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.orm import Session

from portal.cutover.models import CUTOVER_RUNNING, CutoverRow, CutoverRun
from portal.cutover.outcome import promise
from portal.cutover.reading import without_passwords
from portal.cutover.service import add_export, take_over
from portal.errors import ConflictError, DomainError, NotFoundError, RefusedFileError
from portal.imports.service import Actor, ImportSettings, clean_file_name, store_upload
from portal.web.messages import in_every_language

CHECK, RUN = "cutover.check", "cutover.run"
MOST_KEPT = 20_000  # rows of a preview; a run keeps all
SideTransaction = Callable[[], contextlib.AbstractContextManager[Connection]]


def keep_uploads(
    session: Session, uploads: Iterable[tuple[str, IO[bytes]]], settings: ImportSettings, actor: Actor
) -> CutoverRun:
    """Store the exports (without passwords in plain text) and note a run over them, to be checked in the background.

    Raises RefusedFileError when one is no export, or there is none; nothing is kept then.
    """
    paths: list[Path] = []
    found: dict[str, Path] = {}
    files = {}
    try:
        for name, stream in uploads:
            stored, digest, size = _store(stream, clean_file_name(name), settings)
            path = _under_its_name(stored, clean_file_name(name))
            paths.append(path)
            shown = path.name
            before = set(found)
            add_export(found, path, shown)
            without_passwords(path)
            (table,) = set(found) - before
            files[table] = {"name": shown, "path": str(path), "sha256": digest, "bytes": size}
        if not files:
            raise RefusedFileError(_("Choose at least one file."))
        started = CutoverRun(status="CHECKING", files=files, staff_id=actor.staff_id)
        session.add(started)
        session.flush()
    except BaseException:
        for path in paths:
            _remove(path)
        raise
    return started


def _store(stream: IO[bytes], name: str, settings: ImportSettings) -> tuple[Path, str, int]:
    """`store_upload`, whose sentences speak of one file that the portal made: here it is one of several of ours."""
    try:
        return store_upload(stream, settings)
    except RefusedFileError as error:
        if error.code == "empty":
            sentence = _("The file %(file)s is empty. Nothing was taken over.", file=name)
        else:
            most = settings.max_bytes // (1 << 20)
            sentence = _("%(file)s is larger than %(most)s MiB. Nothing was taken over.", file=name, most=most)
        raise RefusedFileError(sentence, code=error.code) from error


def _under_its_name(stored: Path, name: str) -> Path:
    """The upload in a folder of its own, called as its uploader calls it: messages and imports name it so."""
    folder = stored.with_name(f"{stored.name}.d")
    folder.mkdir(mode=0o700)
    return stored.rename(folder / (name if name.strip(".") else "file"))


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        path.parent.rmdir()


def find(session: Session, run_id: int, *, lock: bool = False) -> CutoverRun:
    """The run. Raises NotFoundError."""
    found = session.get(CutoverRun, run_id, with_for_update=lock, populate_existing=lock)
    if found is None:
        raise NotFoundError(_("There is no such run."))
    return found


def confirm(session: Session, run_id: int) -> CutoverRun:
    """The preview is confirmed. Raises ConflictError."""
    found = find(session, run_id, lock=True)
    if found.status != "PREVIEW":
        raise ConflictError(_("This run is no longer waiting for you. Nothing was changed."))
    found.status, found.phase, found.error = "QUEUED", "", None
    return found


def cancel(session: Session, run_id: int) -> CutoverRun:
    """Put a run aside before it begins. Raises ConflictError. The caller removes the files after the commit."""
    found = find(session, run_id, lock=True)
    if found.status not in {"CHECKING", "PREVIEW", "QUEUED"}:
        raise ConflictError(_("This run can no longer be cancelled."))
    found.status, found.finished_at = "CANCELLED", dt.datetime.now(dt.UTC)
    return found


def give_up(session: Session, run_id: int, reason: str) -> None:
    """Say that a run ended without writing anything."""
    found = find(session, run_id)
    if found.status in CUTOVER_RUNNING:
        sentence = _l("The cutover stopped and was given up. Nothing was written. (%(reason)s)", reason=reason)
        found.status, found.error, found.finished_at = "FAILED", in_every_language(sentence), dt.datetime.now(dt.UTC)


def remove_files(found: CutoverRun) -> None:
    """Delete the uploaded exports: the rows are in, or are not wanted."""
    for file in found.files.values():
        _remove(Path(file["path"]))


def _tell(side: SideTransaction, run_id: int, status: str) -> Callable[[str], None]:
    def tell(table: str) -> None:
        with side() as connection:
            connection.execute(
                update(CutoverRun).where(CutoverRun.id == run_id, CutoverRun.status == status).values(phase=table)
            )

    return tell


def check(
    session: Session, run_id: int, settings: ImportSettings, side: SideTransaction, actor: Actor, today: dt.date
) -> None:
    """Look at what a run would do: everything is done and taken back; the preview is kept. The caller commits."""
    found = find(session, run_id)
    if found.status != "CHECKING":
        return
    files = {table: Path(file["path"]) for table, file in found.files.items()}
    error: DomainError | None = None
    preview, rows = None, []
    try:
        outcomes = take_over(
            session, files, actor=actor, settings=settings, today=today, run_id=run_id,
            tell=_tell(side, run_id, "CHECKING"),
        )  # fmt: skip
        preview = [outcome.as_json() for outcome in outcomes]
        rows = _kept_rows(session, run_id)
    except DomainError as refused:
        error = refused
    session.rollback()
    found = find(session, run_id, lock=True)
    if found.status != "CHECKING":  # cancelled meanwhile
        return
    if error is not None:
        found.status, found.error, found.finished_at = "REFUSED", in_every_language(error), dt.datetime.now(dt.UTC)
        return
    session.execute(delete(CutoverRow).where(CutoverRow.run_id == run_id))
    session.add_all(CutoverRow(**row) for row in rows)
    found.status, found.preview, found.phase = "PREVIEW", preview, ""


def _kept_rows(session: Session, run_id: int) -> list[dict[str, Any]]:
    """The rows a preview is to keep, before what it did is taken back."""
    columns = ("run_id", "table_name", "line_no", "outcome", "code", "row_key", "detail")
    query = select(*(getattr(CutoverRow, name) for name in columns)).where(CutoverRow.run_id == run_id)
    return [dict(row._mapping) for row in session.execute(query.order_by(CutoverRow.id).limit(MOST_KEPT))]


def forget_old(session: Session, days: int) -> list[str]:
    """Put runs aside that nobody confirmed for so many days; the paths of their files, to be deleted afterwards."""
    old = session.scalars(
        select(CutoverRun).where(
            CutoverRun.status == "PREVIEW", CutoverRun.created_at < func.now() - dt.timedelta(days=days)
        )
    ).all()
    for run in old:
        run.status, run.finished_at = "CANCELLED", dt.datetime.now(dt.UTC)
    return [file["path"] for run in old for file in run.files.values()]


def perform(
    session: Session, run_id: int, settings: ImportSettings, side: SideTransaction, actor: Actor, today: dt.date
) -> None:
    """Do a confirmed run. Afterwards it is DONE, or in PREVIEW again with the new counts, or FAILED.

    The caller commits.

    Safe to run again after a killed worker: the run becomes DONE in the transaction that writes the rows.
    """
    with side() as connection:
        entered = connection.execute(
            update(CutoverRun)
            .where(CutoverRun.id == run_id, CutoverRun.status.in_(("QUEUED", "RUNNING")))
            .values(status="RUNNING")
            .returning(CutoverRun.id)
        ).first()
    if entered is None:
        return
    found = find(session, run_id)
    session.refresh(found)
    files = {table: Path(file["path"]) for table, file in found.files.items()}
    try:
        outcomes = take_over(
            session, files, actor=actor, settings=settings, today=today, run_id=run_id,
            tell=_tell(side, run_id, "RUNNING"),
        )  # fmt: skip
    except (DomainError, FileNotFoundError) as error:
        session.rollback()
        found = find(session, run_id)
        sentence = error if isinstance(error, DomainError) else _l("The uploaded files are no longer there.")
        found.status, found.error, found.finished_at = "FAILED", in_every_language(sentence), dt.datetime.now(dt.UTC)
        return
    result = [outcome.as_json() | {"batch_id": outcome.batch_id} for outcome in outcomes]
    if promise(result) != promise(found.preview or []):
        session.rollback()
        found = find(session, run_id)
        sentence = _l("The registers have changed since you looked. Nothing was written; look at the new figures.")
        found.status, found.preview, found.error = "PREVIEW", result, in_every_language(sentence)
        return
    found = find(session, run_id)
    found.status, found.result, found.phase, found.finished_at = "DONE", result, "", dt.datetime.now(dt.UTC)

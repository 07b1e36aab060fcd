"""What has to be tidied up at night. Functions flush, never commit."""

from __future__ import annotations

import contextlib
import datetime as dt
import struct
import time
from pathlib import Path

from sqlalchemy import delete, func, select, text, update

from portal.db import session
from portal.imports.models import ImportBatch
from portal.mail.models import MailDelivery
from portal.staff.models import LoginAttempt, StaffSession, StaffToken

LOGIN_ATTEMPT_DAYS = 30
SESSION_DAYS = 30
TOKEN_DAYS = 30
JOB_DAYS = 7
MAIL_DAYS = 90
_FINISHED = ("DONE", "REFUSED", "FAILED", "CANCELLED")


def _before(days: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(days=days)


def prune_login_attempts() -> int:
    """Delete attempts that no rate limit looks at any more. Returns how many."""
    deleted = session().execute(
        delete(LoginAttempt).where(LoginAttempt.at < _before(LOGIN_ATTEMPT_DAYS)).returning(LoginAttempt.id)
    )
    return len(deleted.all())


def prune_sessions() -> int:
    """Delete sessions that ended, or were last used, long ago. Returns how many."""
    last = func.coalesce(StaffSession.ended_at, StaffSession.last_seen_at)
    deleted = session().execute(delete(StaffSession).where(last < _before(SESSION_DAYS)).returning(StaffSession.id))
    return len(deleted.all())


def prune_tokens() -> int:
    """Delete invitations, links and codes that were used, or ended, long ago. Returns how many.

    Not at once: until then support can see that there was one. The audit log keeps who made it, and for whom.
    """
    last = func.least(StaffToken.used_at, StaffToken.expires_at)
    deleted = session().execute(delete(StaffToken).where(last < _before(TOKEN_DAYS)).returning(StaffToken.id))
    return len(deleted.all())


def prune_jobs() -> int:
    """Delete finished jobs after some days. Returns how many."""
    deleted = session().execute(
        text(
            "DELETE FROM procrastinate_jobs j WHERE status NOT IN ('todo', 'doing') AND NOT EXISTS"
            " (SELECT FROM procrastinate_events e WHERE e.job_id = j.id AND e.at > :before) RETURNING id"
        ),
        {"before": _before(JOB_DAYS)},
    )
    return len(deleted.all())


def prune_mails() -> int:
    """Delete what is known of mails sent, or given up, long ago. Returns how many."""
    deleted = session().execute(
        delete(MailDelivery).where(MailDelivery.updated_at < _before(MAIL_DAYS)).returning(MailDelivery.key)
    )
    return len(deleted.all())


def forget_uploads(days: int) -> list[str]:
    """Forget the stored files of imports that ended more than so many days ago; history and row outcomes stay.

    Returns the paths, to be deleted after the commit with `delete_files`.
    """
    old = (
        select(ImportBatch.id, ImportBatch.stored_path)
        .where(
            ImportBatch.stored_path.is_not(None),
            ImportBatch.status.in_(_FINISHED),
            ImportBatch.created_at < _before(days),
        )
        .with_for_update(skip_locked=True)
    )
    rows = session().execute(old).all()
    session().execute(update(ImportBatch).where(ImportBatch.id.in_([row.id for row in rows])).values(stored_path=None))
    return [row.stored_path for row in rows]


def delete_files(paths: list[str], below: Path) -> int:
    """Delete files that lie in the folder `below`, and their own folders in it; others are left alone. Returns how
    many."""
    deleted = 0
    for name in paths:
        path = (below / name).resolve()
        if path.is_relative_to(below.resolve()) and path.is_file():
            path.unlink(missing_ok=True)
            deleted += 1
            if path.parent != below.resolve():
                with contextlib.suppress(OSError):  # not empty
                    path.parent.rmdir()
    return deleted


def prune_cache(folder: Path) -> int:
    """Delete expired files of the file system cache, which with CACHE_THRESHOLD=0 never does so itself.

    Each file begins with the second it expires in (0: never; such files go after a day). Returns how many.
    """
    now = time.time()
    deleted = 0
    for path in folder.glob("*") if folder.is_dir() else ():
        try:
            with path.open("rb") as file:
                expires = struct.unpack("I", file.read(4))[0]
            if expires == 0:
                expires = path.stat().st_mtime + 86400
            if expires < now:
                path.unlink()
                deleted += 1
        except (OSError, struct.error):
            continue  # gone meanwhile, or just being written
    return deleted

"""The nightly look at the storage."""

from __future__ import annotations

import datetime as dt
import logging

from portal.db import session
from portal.files import checking
from portal.files.store import current_storage
from portal.jobs.app import task

log = logging.getLogger(__name__)

MOST_PRUNED = 50
SHARE = 28  # of the files, one in so many has its content read each night; of all others the size is compared


@task("files.verify", cron="45 20 * * *", lock="files.verify")
def verify_files() -> None:
    """Look for missing, altered and left-over files; those that belong to nothing are deleted. What is missing or
    altered fails the job and is logged, each with its key."""
    today = dt.datetime.now(dt.UTC).date()
    storage = current_storage()
    found = checking.check(
        session(), storage, today=today, reads=lambda file_id: file_id % SHARE == today.toordinal() % SHARE
    )
    # So many at once are no failed uploads: more likely the database is an older one than the storage.
    is_strange = len(found.orphaned) > max(MOST_PRUNED, found.files // 100)
    if not is_strange:
        checking.prune(storage, found)
    for wrong in (*found.missing, *found.altered):
        log.error("files: file %s, %s: %s", wrong.file_id, wrong.key, wrong.what)
    log.info("files: %s looked at, %s left over and deleted", found.files, found.pruned)
    if not found.is_well:
        raise RuntimeError("Files are missing, altered or left over in numbers: run 'flask files verify'.")

"""The periodic tasks. Times are UTC: 20:xx is one o'clock at night in Karachi, 19:xx is midnight."""

from __future__ import annotations

import datetime as dt
import logging
from zoneinfo import ZoneInfo

from flask_babel import LazyString, ngettext
from sqlalchemy.orm import Session

from portal.db import read_snapshot, transaction
from portal.jobs import housekeeping, rescue
from portal.jobs.app import task
from portal.permissions import Permission, Role
from portal.web.context import settings

log = logging.getLogger(__name__)
KARACHI = ZoneInfo("Asia/Karachi")


@task("jobs.rescue", cron="* * * * *", queueing_lock="jobs.rescue", lock="jobs.rescue")
def rescue_stale_jobs() -> None:
    """Run the jobs of dead workers again."""
    rescue.rescue_stale()


@task("rollups.fold", cron="* * * * *", queueing_lock="rollups.fold", lock="rollups.fold")
def fold_rollups() -> None:
    """Fold the deltas of the rollup tables; no sum changes."""
    from portal.rollups.service import fold

    with transaction() as session:
        fold(session)


@task("billing.partitions", cron="10 19 * * *", lock="billing.partitions")
def make_partitions() -> None:
    """Make the partitions of the coming months."""
    from portal.billing.partitions import ensure_coming_partitions

    with transaction() as session:
        ensure_coming_partitions(session, dt.datetime.now(KARACHI).date())


@task("audit.partitions", cron="15 19 * * *", lock="audit.partitions")
def make_audit_partitions() -> None:
    """Make the audit log's coming months, and bring lines that came before their month was made into it."""
    from portal.audit.partitions import make_coming

    make_coming(dt.datetime.now(KARACHI).date())


@task("audit.retention", cron="20 21 * * *", lock="audit.partitions")
def drop_old_audit_months() -> None:
    """Drop the months of the audit log that are wholly older than the retention; each leaves a line."""
    from portal.audit.partitions import drop_old

    gone = drop_old(dt.datetime.now(KARACHI).date(), settings().audit_months)
    log.info("audit log: %s", ", ".join(f"{month.first:%Y-%m} dropped" for month in gone) or "nothing is old enough")


@task("verify.all", cron="30 20 * * *", lock="verify.all")
def verify_everything() -> None:
    """Recompute every derived figure from the rows. Differences fail the job and are logged, each with its key."""
    from portal.verify.service import verify

    with read_snapshot(timeout_ms=3_600_000) as connection:
        report = verify(connection)
    for found in report.differences:
        log.error(
            "verify: %s (%s) %s: expected %s, found %s", found.table, found.what, found.key, found.expected, found.found
        )
    if report.total:
        with transaction() as session:
            _alert(session, report.total)
        raise RuntimeError(f"{report.total} differences found: run 'flask verify'.")


def _alert(session: Session, total: int) -> None:
    """Tell those who answer for the whole province; once a day, however often the check runs."""
    from portal.notifications.recipients import people_of
    from portal.notifications.service import notify

    message = LazyString(
        lambda: ngettext(
            "The nightly check found %(num)d figure that is not what the rows say. Have “flask verify” run.",
            "The nightly check found %(num)d figures that are not what the rows say. Have “flask verify” run.",
            total,
        )
    )
    heads = people_of(session, None, [Role.HEAD], Permission.VIEW_METRICS)
    notify(session, "alert.verify", heads, message, event_key=f"alert.verify:{dt.datetime.now(KARACHI).date()}")


@task("jobs.housekeeping", cron="0 21 * * *", lock="jobs.housekeeping")
def tidy_up() -> None:
    """Delete what is not needed any more: attempts to sign in, sessions, one-time secrets, jobs, mails, files."""
    from portal.cutover.runs import forget_old
    from portal.documents import photo_cache
    from portal.notifications import inbox

    with transaction() as session:
        counts = {
            "login attempts": housekeeping.prune_login_attempts(),
            "sessions": housekeeping.prune_sessions(),
            "one-time secrets": housekeeping.prune_tokens(),
            "jobs": housekeeping.prune_jobs(),
            "mails": housekeeping.prune_mails(),
            "notifications": inbox.prune(session, settings().notification_days),
        }
        days = settings().import_file_days
        uploads = housekeeping.forget_uploads(days) + forget_old(session, days)
    counts["uploads"] = housekeeping.delete_files(uploads, settings().uploads_dir)
    counts["cache files"] = housekeeping.prune_cache(settings().results_dir)
    counts["photos"] = photo_cache.prune(settings().photos_dir, settings().photo_cache_mib)
    log.info("tidied up: %s", ", ".join(f"{count} {name}" for name, count in counts.items()))

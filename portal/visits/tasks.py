"""Background entry points of visits."""

from __future__ import annotations

import datetime as dt

from portal.db import transaction
from portal.jobs.app import task
from portal.jobs.defer import defer
from portal.visits import digest, reviewing, service
from portal.web.format import KARACHI

LOCK_SECONDS, LATER = 60, dt.timedelta(seconds=30)


# In turn with imports: both write the bills.
@task(service.DELIVERIES_TASK, lock="imports")
def refresh_deliveries(bills: list[list[object]]) -> None:
    """Write what reviews mean for bills, when an import kept the reviewer from doing it."""
    pairs = [(int(str(account)), dt.date.fromisoformat(str(month))) for account, month in bills]
    with transaction() as session:
        if not reviewing.bring_up_to_date(session, pairs, LOCK_SECONDS):
            defer(service.DELIVERIES_TASK, run_at=dt.datetime.now(dt.UTC) + LATER, bills=bills)


# 16:00 in Karachi: while there is still time to review the day's visits.
@task("visits.review_digest", cron="0 11 * * *", lock="visits.review_digest")
def tell_reviewers() -> None:
    """Tell each supervisor how many visits of his area wait for him, once a day."""
    with transaction() as session:
        digest.tell_reviewers(session, dt.datetime.now(KARACHI).date())

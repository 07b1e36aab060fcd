"""Background entry points of notifications: the mail at once, the daily mail, the retention."""

from __future__ import annotations

import datetime as dt

from portal.db import transaction
from portal.jobs.app import task
from portal.jobs.defer import defer
from portal.mail.outbox import Outcome, deliver, next_try
from portal.notifications import mails
from portal.notifications.service import MAIL_TASK
from portal.web.context import settings


@task(MAIL_TASK)
def send_mail(notification_id: int, attempt: int = 1) -> None:
    """Mail one notification, in the reader's language; made here, so that the queue holds nothing of it."""
    with transaction() as session:
        message = mails.message_of(session, notification_id)
    if message is None:
        return
    again = next_try(attempt)
    outcome = deliver(f"notification:{notification_id}", message, settings(), is_last=again is None)
    with transaction() as session:
        if outcome is Outcome.SENT:
            mails.note_mailed(session, notification_id)
        elif outcome is Outcome.AGAIN:
            defer(MAIL_TASK, run_at=again, notification_id=notification_id, attempt=attempt + 1)


@task("notifications.digest", cron="*/10 * * * *", queueing_lock="notifications.digest", lock="notifications.digest")
def send_digests() -> None:
    """After the hour of the settings: one mail a person with what waited until then, each queued in a transaction."""
    moment = mails.digest_moment(settings(), dt.datetime.now(dt.UTC))
    if moment is None:
        return
    with transaction() as session:
        people = mails.people_waiting(session, moment)
    for staff_id in people:
        with transaction() as session:
            mails.queue_digest(session, staff_id, moment)

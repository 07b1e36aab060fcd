"""The background task that sends queued mails, and putting one into the queue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from portal.db import transaction
from portal.jobs.app import task
from portal.jobs.defer import defer
from portal.mail.outbox import Outcome, deliver, new_key, next_try
from portal.mail.service import Message
from portal.web.context import settings


@task("mail.send")
def send_queued(
    key: str,
    to: str,
    subject: str,
    text: str,
    html: str | None = None,
    attempt: int = 1,
    headers: Sequence[Sequence[str]] = (),
) -> None:
    """Send a mail of the queue; when the server is away, put it back to be tried later."""
    again = next_try(attempt)
    message = Message(to, subject, text, html, tuple((name, value) for name, value in headers))
    outcome = deliver(key, message, settings(), is_last=again is None)
    if outcome is Outcome.AGAIN:
        with transaction():
            _queue(key, message, attempt + 1, again)


def queue_mail(message: Message, key: str = "") -> str:
    """Put a mail into the queue, inside `transaction()`. Returns its key.

    Mails of the same key are one mail: give a key of your own (`report:7:2025-12-01`) where the same may be queued
    twice. The queue keeps what the mail says: nothing secret may be in it.
    """
    key = key or new_key()
    _queue(key, message, 1, None)
    return key


def _queue(key: str, message: Message, attempt: int, run_at: dt.datetime | None) -> None:
    defer(
        "mail.send",
        job_lock=f"mail:{key}",
        run_at=run_at,
        key=key,
        to=message.to,
        subject=message.subject,
        text=message.text,
        html=message.html,
        attempt=attempt,
        headers=[list(header) for header in message.headers],
    )

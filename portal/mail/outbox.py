"""Mails that are sent in the background: tried again while that may help, never sent twice.

    queue_mail(compose(staff.email, "invitation", staff.language, ...))        # inside transaction()

What a queued mail says lies in the queue until it is sent: a mail with a one-time secret is made by a task of its own
feature, which sends it with `deliver` and asks `next_try` when to try again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import secrets
from enum import StrEnum

from sqlalchemy import Connection, func, update
from sqlalchemy.dialects.postgresql import insert

from portal.config import Settings
from portal.db import side_transaction
from portal.mail import addresses
from portal.mail.models import MailDelivery
from portal.mail.service import MailError, Message, send

log = logging.getLogger(__name__)

WAITS = (60, 300, 1800, 7200, 21_600)  # seconds before the second, third ... attempt


class Outcome(StrEnum):
    """What became of an attempt."""

    SENT = "sent"
    AGAIN = "again"  # not sent, but worth another attempt
    GIVEN_UP = "given up"
    NOT_TWICE = "not twice"  # sent by an earlier attempt, or handed over by one that never heard the answer


class _HandedOver(Exception):
    """Another attempt at the same mail was faster."""


def new_key() -> str:
    """The name of a mail that is to be sent once."""
    return secrets.token_hex(16)


def next_try(attempt: int) -> dt.datetime | None:
    """When to try again after this many attempts; None when it was the last."""
    if attempt > len(WAITS):
        return None
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=WAITS[attempt - 1])


def deliver(
    key: str, message: Message, settings: Settings, *, is_last: bool = False, is_asked_for: bool = False
) -> Outcome:
    """One attempt to send the mail called `key`. Never raises for what the mail server does.

    That it goes out is noted, and committed, directly before it does. Whoever comes later and finds the note leaves
    the mail alone: a process killed in between costs a mail in the worst case, and never sends one twice.

    An address that was refused for good gets nothing any more, but for what somebody asks for himself (`is_asked_for`:
    an invitation, a new password): when that is taken, the address is good again.
    """
    with side_transaction() as connection:
        if not _begin(connection, key):
            return Outcome.NOT_TWICE
        refused = None if is_asked_for else addresses.refusal_of(connection, message.to)
    if refused is not None:
        _note(key, "FAILED", refused.answer)
        return Outcome.GIVEN_UP
    try:
        # Mail programs that see the same name twice show one mail.
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        answer = send(message, settings, message_id=name, before_content=lambda: _hand_over(key))
    except _HandedOver:
        return Outcome.NOT_TWICE
    except MailError as error:
        if error.is_unknown:
            _note(key, "HANDED_OVER", str(error))
            log.error("mail %s may have been sent: the connection broke", key)
            return Outcome.GIVEN_UP
        again = error.is_temporary and not is_last
        if error.is_address_refused:
            with side_transaction() as connection:
                addresses.note_refusal(connection, message.to, str(error))
        _note(key, "WAITING" if again else "FAILED", str(error))
        if not again:
            # Why stands in the table: a server's answer often names the recipient, which no log should.
            log.error("mail %s is given up", key)
        return Outcome.AGAIN if again else Outcome.GIVEN_UP
    _note(key, "SENT", answer)
    if is_asked_for:
        with side_transaction() as connection:
            addresses.forget_refusal(connection, message.to)
    return Outcome.SENT


def _begin(connection: Connection, key: str) -> bool:
    """Count the attempt; False when the mail is not waiting (any more)."""
    counted = {"attempts": MailDelivery.attempts + 1, "updated_at": func.now()}
    begun = connection.execute(
        insert(MailDelivery)
        .values(key=key, attempts=1)
        .on_conflict_do_update(index_elements=["key"], set_=counted, where=MailDelivery.state == "WAITING")
        .returning(MailDelivery.key)
    )
    return begun.first() is not None


def _hand_over(key: str) -> None:
    with side_transaction() as connection:
        taken = connection.execute(
            update(MailDelivery)
            .where(MailDelivery.key == key, MailDelivery.state == "WAITING")
            .values(state="HANDED_OVER", updated_at=func.now())
            .returning(MailDelivery.key)
        )
        if taken.first() is None:
            raise _HandedOver


def _note(key: str, state: str, answer: str) -> None:
    with side_transaction() as connection:
        values = {"state": state, "answer": answer, "updated_at": func.now()}
        connection.execute(update(MailDelivery).where(MailDelivery.key == key).values(**values))

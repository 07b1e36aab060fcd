"""The job that mails a link for a new password. It makes the link itself: the queue holds no secret."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.db import transaction
from portal.jobs.app import task
from portal.jobs.defer import defer
from portal.mail.compose import compose
from portal.mail.outbox import Outcome, deliver, new_key, next_try
from portal.mail.service import Message
from portal.staff import tokens
from portal.staff.models import Staff, StaffToken
from portal.staff.tokens import TokenKind
from portal.web.context import settings

# Nobody's mailbox is flooded by somebody who knows his name.
MOST_IN_AN_HOUR = 5


@task("staff.reset_mail")
def send_reset_mail(staff_id: int, attempt: int = 1) -> None:
    """Mail the person a link for a new password, if he is there, active, and has an address; else do nothing."""
    with transaction() as session:
        message = make_message(session, staff_id, is_first=attempt == 1)
    if message is None:
        return
    again = next_try(attempt)
    # A link lives for half an hour: a mail that is tried again gets a new one, and so a new name.
    outcome = deliver(new_key(), message, settings(), is_last=again is None, is_asked_for=True)
    if outcome is Outcome.AGAIN:
        with transaction():
            defer("staff.reset_mail", run_at=again, staff_id=staff_id, attempt=attempt + 1)


def make_message(session: Session, staff_id: int, *, is_first: bool = True) -> Message | None:
    """A new link in a mail to the person, None when he gets none."""
    staff = session.get(Staff, staff_id, with_for_update=True)
    base = settings().public_url
    if staff is None or not staff.is_active or not staff.email or not base:
        return None
    recent = select(func.count()).where(
        StaffToken.staff_id == staff_id,
        StaffToken.kind == TokenKind.RESET,
        StaffToken.created_at > func.now() - func.make_interval(0, 0, 0, 0, 1),
    )
    if is_first and (session.scalar(recent) or 0) >= MOST_IN_AN_HOUR:
        return None
    token = tokens.issue(session, staff_id, TokenKind.RESET, created_by=None, minutes=tokens.RESET_MINUTES)
    record(session, "staff.reset_link", "staff", staff_id)
    return compose(
        staff.email,
        "reset",
        staff.language,
        person=staff.full_name,
        username=staff.username,
        url=f"{base}/reset/{token}",
        minutes=tokens.RESET_MINUTES,
    )

"""Invitations: the link and its words, and the job that makes one and mails it."""

from __future__ import annotations

import datetime as dt

from flask_babel import force_locale
from flask_babel import gettext as _

from portal.audit.service import record
from portal.config import Settings
from portal.db import transaction
from portal.jobs.app import task
from portal.jobs.defer import defer
from portal.mail.compose import compose
from portal.mail.outbox import Outcome, deliver, new_key, next_try
from portal.mail.service import is_configured
from portal.staff import tokens
from portal.staff.authority import load
from portal.staff.models import Staff
from portal.staff.tokens import TokenKind
from portal.web import format as fmt
from portal.web.context import settings


def can_mail(staff: Staff, config: Settings) -> bool:
    """Whether a person's invitation goes by mail: he has an address, there is a mail server, and links lead here."""
    return bool(staff.email) and is_configured(config) and bool(config.public_url)


def link(token: str, base: str) -> str:
    """The address that an invited person opens; `base` without a slash at its end."""
    return f"{base.rstrip('/')}/welcome/{token}"


def expires_at() -> dt.datetime:
    """When an invitation made now ends."""
    return dt.datetime.now(dt.UTC) + dt.timedelta(minutes=tokens.INVITE_MINUTES)


def wording(staff: Staff, url: str, config: Settings) -> str:
    """The invitation as a short message for messengers and SMS, in the person's language."""
    language = staff.language or config.default_language
    with force_locale(language):
        return str(
            _(
                "Account at %(company)s for %(name)s. User name: %(username)s. Set your password here;"
                " the link works once, until %(day)s: %(url)s",
                name=fmt.isolated(staff.full_name, language),
                company=fmt.isolated(config.company_name or _("Suthra Portal"), language),
                username=fmt.isolated(staff.username, language),
                day=fmt.isolated(fmt.date(expires_at(), language), language),
                url=url,
            )
        )


def queue_invitation(staff: Staff, created_by: int | None) -> None:
    """Mail a person his invitation; inside `transaction()`. The job makes the link: the queue holds no secret."""
    defer("staff.invite", staff_id=staff.id, created_by=created_by, email=staff.email or "", key=new_key())


def _lost(reason: str, staff_id: int, **_arguments: object) -> None:
    from portal.db import session

    record(session(), "staff.invite_failed", "staff", staff_id, reason=reason[:500])


@task("staff.invite", on_lost=_lost)
def send_invitation(staff_id: int, created_by: int | None, email: str, key: str, attempt: int = 1) -> None:
    """Make the link and mail it. Not when the person, his address or his need of it has changed meanwhile."""
    config = settings()
    with transaction() as db_session:
        staff = load(db_session, staff_id)
        if staff is None or not staff.is_active or staff.password_hash or staff.email != email:
            return
        token = tokens.issue(
            db_session, staff_id, TokenKind.INVITE, created_by=created_by, minutes=tokens.INVITE_MINUTES
        )
        message = compose(
            email, "invitation", staff.language, person=staff.full_name, username=staff.username,
            url=link(token, config.public_url), until=fmt.date(expires_at(), staff.language),
        )  # fmt: skip
    again = next_try(attempt)
    outcome = deliver(key, message, config, is_last=again is None, is_asked_for=True)
    with transaction() as db_session:
        if outcome is Outcome.AGAIN:
            defer(
                "staff.invite", run_at=again, staff_id=staff_id, created_by=created_by, email=email, key=key,
                attempt=attempt + 1,
            )  # fmt: skip
        elif outcome is Outcome.GIVEN_UP:
            record(db_session, "staff.invite_failed", "staff", staff_id, reason=_("The mail server did not take it."))

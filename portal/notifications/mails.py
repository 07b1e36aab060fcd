"""Mails out of notifications: one at once, or one a day with all that waited."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import LazyString, ngettext
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from portal.config import Settings
from portal.mail.addresses import refusal_of
from portal.mail.compose import compose
from portal.mail.service import Message, is_configured
from portal.mail.tasks import queue_mail
from portal.notifications import selects, unsubscribe
from portal.notifications.models import DAILY, NOW, Notification
from portal.notifications.preferences import DIGEST
from portal.notifications.types import GROUPS, TYPES
from portal.staff.models import Staff
from portal.web.context import settings
from portal.web.messages import FALLBACK

KARACHI = ZoneInfo("Asia/Karachi")
MOST_IN_DIGEST = 50
LONGEST_SUBJECT = 120


def _text(notification: Notification, language: str) -> str:
    return notification.message.get(language) or notification.message.get(FALLBACK, "")


def _reader(session: Session, staff_id: int) -> Staff | None:
    """The person, when he can be written to at all."""
    config = settings()
    staff = session.get(Staff, staff_id)
    if staff is None or not staff.is_active or not staff.email or not (is_configured(config) and config.public_url):
        return None
    return None if refusal_of(session, staff.email) else staff


def _language(staff: Staff, config: Settings) -> str:
    return staff.language if staff.language in config.languages else config.default_language


def _address(notification: Notification, config: Settings) -> str:
    """Through the portal's own page, which marks it as read and leads on."""
    return f"{config.public_url}/notifications/{notification.id}"


def _seen(session: Session, staff_id: int, ids: Sequence[int]) -> list[Notification]:
    """Those of a person's notifications that he may (still) see, the oldest first."""
    query = (
        select(Notification)
        .join(Staff, Staff.id == Notification.staff_id)
        .where(Notification.staff_id == staff_id, Notification.id.in_(ids), selects.visible())
    )
    return list(session.scalars(query.order_by(Notification.id)))


def message_of(session: Session, notification_id: int) -> Message | None:
    """The mail of a notification that is told at once; None when nobody is to be written to (any more)."""
    one = session.get(Notification, notification_id)
    if one is None or one.mail != NOW or one.deleted_at is not None:
        return None
    staff = _reader(session, one.staff_id)
    if staff is None or not _seen(session, one.staff_id, [one.id]):
        return None
    config = settings()
    language = _language(staff, config)
    text = _text(one, language)
    stop = unsubscribe.link(config, staff.id, one.type)
    mail = compose(
        str(staff.email), "notification", language, person=staff.full_name or staff.username,
        subject=" ".join(text.split())[:LONGEST_SUBJECT], message=text, label=TYPES[one.type].label,
        url=_address(one, config), stop_url=stop, settings_url=f"{config.public_url}/me/notifications",
    )  # fmt: skip
    return replace(mail, headers=unsubscribe.headers(stop))


def note_mailed(session: Session, notification_id: int) -> None:
    """Remember when a mail was sent."""
    session.execute(update(Notification).where(Notification.id == notification_id).values(mailed_at=func.now()))


def digest_moment(config: Settings, now: dt.datetime) -> dt.datetime | None:
    """The hour of today's daily mail, None before it: what was told before that hour goes into it."""
    moment = now.astimezone(KARACHI).replace(hour=config.digest_hour, minute=0, second=0, microsecond=0)
    return moment if now >= moment else None


def people_waiting(session: Session, before: dt.datetime) -> list[int]:
    """Ids of those for whom something of before a moment waits."""
    waiting = selects.waiting_for_digest(before).with_only_columns(Notification.staff_id).distinct()
    return list(session.scalars(waiting.order_by(Notification.staff_id)))


def queue_digest(session: Session, staff_id: int, moment: dt.datetime) -> bool:
    """Put a person's daily mail into the queue, in one transaction with the note that it went out.

    False: nothing to say, nobody to write to, or he had his mail today. What was read in the portal meanwhile, or
    deleted, is not told again.
    """
    session.execute(select(Staff.id).where(Staff.id == staff_id).with_for_update())
    waiting = list(session.scalars(selects.waiting_for_digest(moment, staff_id).order_by(Notification.id)))
    midnight = moment.replace(hour=0)
    had = select(Notification.id).where(
        Notification.staff_id == staff_id, Notification.mail == DAILY, Notification.mailed_at >= midnight
    )
    if not waiting or session.scalar(select(had.exists())):
        return False
    staff = _reader(session, staff_id)
    told = _seen(session, staff_id, [one.id for one in waiting if one.read_at is None and one.deleted_at is None])
    if staff is None or not told:
        # Nothing is to be told of these: they do not wait any longer.
        ids = [one.id for one in waiting]
        session.execute(update(Notification).where(Notification.id.in_(ids)).values(mail="NONE"))
        return False
    session.execute(
        update(Notification).where(Notification.id.in_([one.id for one in waiting])).values(mailed_at=func.now())
    )
    queue_mail(_digest(staff, told), key=f"digest:{staff_id}:{moment.date()}")
    return True


def _subject(count: int, company: str) -> LazyString:
    """Becomes text in the language that the mail is made in."""
    return LazyString(
        lambda: ngettext(
            "%(num)d notification of %(company)s", "%(num)d notifications of %(company)s", count, company=company
        )
    )


def _digest(staff: Staff, told: list[Notification]) -> Message:
    config = settings()
    language = _language(staff, config)
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in told[-MOST_IN_DIGEST:]:
        group = TYPES[one.type].group if one.type in TYPES else ""
        line = {"text": _text(one, language), "url": _address(one, config), "at": one.created_at}
        groups.setdefault(group, []).append(line)
    stop = unsubscribe.link(config, staff.id, DIGEST)
    mail = compose(
        str(staff.email), "digest", language, subject=_subject(len(told), config.company_name or "Suthra Portal"),
        person=staff.full_name or staff.username,
        groups=[(GROUPS[group], groups[group]) for group in GROUPS if group in groups],
        left_out=max(len(told) - MOST_IN_DIGEST, 0), centre_url=f"{config.public_url}/notifications/?unread=1",
        stop_url=stop, settings_url=f"{config.public_url}/me/notifications",
    )  # fmt: skip
    return replace(mail, headers=unsubscribe.headers(stop))

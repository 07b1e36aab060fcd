"""Telling people."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.jobs.defer import defer
from portal.mail.service import is_configured
from portal.notifications import selects
from portal.notifications.models import NONE, NOW, Notification
from portal.notifications.places import location_of
from portal.notifications.types import TYPES
from portal.web.context import settings
from portal.web.masking import mask_text
from portal.web.messages import in_every_language

MAIL_TASK = "notifications.mail"


def notify(
    session: Session,
    type_name: str,
    staff_ids: Iterable[int],
    message: object,
    *,
    event_key: str,
    entity: str = "",
    entity_id: str | int = "",
    url: str = "",
    kind: str | None = None,
    location_id: int | None = None,
) -> int:
    """Tell people something, in the transaction of what happened. Returns how many were told now.

    `type_name` is a key of `portal.notifications.types.TYPES`; `message` is lazy, it is stored in every language and
    names no consumer; `event_key` names what happened: the same thing is told the same person once, whoever else tells
    it at the same time. `url` is a path of the portal; `kind` replaces the type's own (a decision is a success or a
    warning). Who is not active, has no permission for the type, or whose area does not cover the place of the thing
    (`location_id`, else where `entity` lies) is left out; everybody else is told in the ways he chose.
    """
    wanted = sorted(set(staff_ids))
    if not wanted:
        return 0
    place = location_id if location_id is not None else location_of(session, entity, str(entity_id))
    one = TYPES[type_name]
    config = settings()
    # Without the portal's own address a mail could neither lead to the thing nor be switched off.
    mails = is_configured(config) and bool(config.public_url)
    shared = {
        "type": type_name, "kind": kind or one.kind, "url": url, "entity": entity, "entity_id": str(entity_id),
        "location_id": place, "event_key": event_key,
        "message": {language: mask_text(text, False) for language, text in in_every_language(message).items()},
    }  # fmt: skip
    rows = []
    for person in session.execute(selects.recipients(wanted, type_name, place)):
        mail = (person.mail or one.mail) if mails and person.can_mail else NONE
        shown = one.is_required or (one.in_app if person.in_app is None else person.in_app)
        if shown or mail != NONE:
            rows.append({"staff_id": person.id, "shown": shown, "mail": mail, **shared})
    if not rows:
        return 0
    told = session.execute(
        insert(Notification).values(rows).on_conflict_do_nothing().returning(Notification.id, Notification.mail)
    ).all()
    for row in told:
        if row.mail == NOW:
            defer(MAIL_TASK, notification_id=row.id)
    return len(told)

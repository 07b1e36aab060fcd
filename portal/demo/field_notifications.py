"""What the demo people were told of the demo files, so that bell and centre are not empty."""

from __future__ import annotations

import datetime as dt

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from portal.imports.models import ImportBatch
from portal.imports.telling import done_message, places_message
from portal.locations.models import Place
from portal.locations.places import OPEN
from portal.notifications.models import Notification
from portal.notifications.service import notify
from portal.staff.models import Staff

FILES = 6


def make(session: Session, usernames: list[str]) -> None:
    """Files that came in and names of places for the office, a new device for everybody; twice is once."""
    people = {
        row.username: row.id for row in session.execute(select(Staff.username, Staff.id)) if row.username in usernames
    }
    office = [people[name] for name in ("admin", "head") if name in people]
    newest = select(ImportBatch).where(ImportBatch.status == "DONE").order_by(ImportBatch.id.desc()).limit(FILES)
    for batch in session.scalars(newest).all():
        notify(
            session, "import.done", office, done_message(batch), event_key=f"demo:import.done:{batch.id}",
            entity="import_batch", entity_id=batch.id, url=f"/imports/{batch.id}",
            kind="warning" if batch.rows_rejected else None,
        )  # fmt: skip
    waiting = session.scalar(select(func.count(Place.id)).where(Place.state == OPEN)) or 0
    if waiting:
        message = places_message(waiting, _l("the demo files"))
        notify(session, "places.waiting", office, message, event_key="demo:places", url="/places/")
    message = _l(
        "You signed in on a new device: %(device)s, from %(address)s. Was it not you? End that session and change"
        " your password.",
        device="Chrome on Android",
        address="203.0.113.7",
    )
    notify(session, "security.sign_in", people.values(), message, event_key="demo:sign-in", url="/me#sessions")
    _spread(session)


def _spread(session: Session) -> None:
    """As if it had been told over some days, the older half read."""
    now = dt.datetime.now(dt.UTC)
    made = select(Notification.id).where(Notification.event_key.startswith("demo:")).order_by(Notification.id.desc())
    for number, one in enumerate(session.scalars(made).all()):
        at = now - dt.timedelta(hours=5 * number + 1)
        values = {"created_at": at, "read_at": at + dt.timedelta(hours=1) if number % 3 == 2 else None}
        session.execute(update(Notification).where(Notification.id == one).values(**values))

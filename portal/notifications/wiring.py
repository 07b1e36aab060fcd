"""What of other floors calls notifications without knowing them: the bell's count, the safety of accounts."""

from __future__ import annotations

from flask import Flask

from portal.notifications import security, selects
from portal.staff import happenings
from portal.staff.login import UNREAD_COUNT


def install(app: Flask) -> None:
    """Have the unread counted in the query that finds the signed-in person, and people told of their accounts."""
    app.extensions[UNREAD_COUNT] = selects.unread_count()
    happenings.listen(security.tell_person)

"""Background entry points of payments: load, call the service, report."""

from __future__ import annotations

import datetime as dt

from portal.db import side_transaction, transaction
from portal.jobs.app import task
from portal.payments import moving
from portal.web.context import settings
from portal.web.format import KARACHI


def _give_up(reason: str, move_id: int) -> None:
    """Called when the job will not come: whoever waits for the move learns why."""
    with transaction() as session:
        moving.give_up(session, move_id, reason)


# In turn with imports: both write the registers.
@task(moving.TASK, lock="imports", on_lost=_give_up)
def move_bills(move_id: int) -> None:
    """Do a move that was confirmed on its page."""
    with transaction() as session:
        today = dt.datetime.now(KARACHI).date()
        moving.run(session, move_id, side_transaction, today=today, start_day=settings().cycle_start_day)

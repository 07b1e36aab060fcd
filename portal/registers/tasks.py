"""Background entry points of the registers: load, call the service, report."""

from __future__ import annotations

from portal.db import transaction
from portal.jobs.app import task
from portal.registers import bulk


def _give_up(reason: str, move_id: int) -> None:
    """Called when the job will not come: whoever waits for the move learns why."""
    with transaction() as session:
        bulk.give_up(session, move_id, reason)


# In turn with imports: both write the registers.
@task(bulk.TASK, lock="imports", on_lost=_give_up)
def move_units(move_id: int) -> None:
    """Do a move of units that was confirmed on its page."""
    with transaction() as session:
        bulk.run(session, move_id)

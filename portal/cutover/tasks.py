"""Background entry points of the cutover."""

from __future__ import annotations

import datetime as dt

from portal.cutover import runs
from portal.db import side_transaction, transaction
from portal.imports.cli import settings_for_imports
from portal.imports.service import Actor
from portal.jobs.app import task
from portal.permissions import AreaScope
from portal.staff.models import Staff
from portal.web.context import settings
from portal.web.format import KARACHI


def _give_up(reason: str, run_id: int, **_confirmed: object) -> None:
    with transaction() as session:
        runs.give_up(session, run_id, reason)
        files = runs.find(session, run_id)
    runs.remove_files(files)


def _actor(staff_id: int | None, address: str) -> Actor:
    """Who runs it; the permission is only held with the whole province."""
    with transaction() as session:
        staff = session.get(Staff, staff_id) if staff_id else None
        name = staff.username if staff else "system"
    return Actor(name=name, staff_id=staff_id, scope=AreaScope.everywhere(), address=address)


@task(runs.CHECK, lock="imports", on_lost=_give_up)
def check_cutover(run_id: int, staff_id: int | None = None, address: str = "") -> None:
    """Look at what a run would do."""
    actor = _actor(staff_id, address)
    with transaction() as session:
        today = dt.datetime.now(KARACHI).date()
        runs.check(session, run_id, settings_for_imports(settings()), side_transaction, actor, today)
    with transaction() as session:
        found = runs.find(session, run_id)
        if found.status in {"REFUSED", "CANCELLED"}:
            runs.remove_files(found)


@task(runs.RUN, lock="imports", on_lost=_give_up)
def run_cutover(run_id: int, staff_id: int | None = None, address: str = "") -> None:
    """Do a confirmed run."""
    actor = _actor(staff_id, address)
    with transaction() as session:
        today = dt.datetime.now(KARACHI).date()
        runs.perform(session, run_id, settings_for_imports(settings()), side_transaction, actor, today)
    with transaction() as session:
        found = runs.find(session, run_id)
        if found.status in {"DONE", "FAILED"}:
            runs.remove_files(found)

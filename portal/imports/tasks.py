"""Background entry points of imports: load, call the service, report."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.db import side_transaction, transaction
from portal.imports.cli import settings_for_imports
from portal.imports.models import ImportBatch
from portal.imports.selects import visible
from portal.imports.service import Actor, ImportSettings, check_batch, commit_batch, fail_batch, get_batch, scope_of
from portal.jobs.app import task
from portal.permissions import AreaScope, Permission, role_allows
from portal.staff.models import Staff
from portal.web.context import settings


def _settings() -> ImportSettings:
    return settings_for_imports(settings())


def _give_up(reason: str, batch_id: int, **_confirmed: object) -> None:
    """Called when the job will not come: whoever waits for the import learns why."""
    with transaction() as session:
        sentence = _l("The import stopped and was given up. Nothing was written. (%(reason)s)", reason=reason)
        fail_batch(session, batch_id, sentence)


def _may_still(session: Session, staff: Staff, batch: ImportBatch) -> bool:
    """Whether a person may import this batch now: active, with the permission, its whole area inside his."""
    if not staff.is_active or not role_allows(staff.role, Permission.IMPORT):
        return False
    everywhere = any(area.location.parent_id is None for area in staff.areas)
    scope = AreaScope.everywhere() if everywhere else AreaScope.of([area.location_id for area in staff.areas])
    seen = select(ImportBatch.id).where(ImportBatch.id == batch.id, visible(scope))
    return session.scalar(seen) is not None


@task("imports.check", on_lost=_give_up)
def check_import(batch_id: int) -> None:
    """Recognise and check an upload."""
    with transaction() as session:
        check_batch(session, batch_id, _settings(), side_transaction)


@task("imports.commit", lock="imports", on_lost=_give_up)
def commit_import(batch_id: int, staff_id: int | None = None, address: str = "") -> None:
    """Write a confirmed import within its uploader's area, in the name of the one who confirmed it.

    Role and area are looked at again: they may have been taken from him since.
    """
    with transaction() as session:
        batch = get_batch(session, batch_id)
        staff = session.get(Staff, staff_id or batch.staff_id) if staff_id or batch.staff_id else None
        if staff is not None and not _may_still(session, staff, batch):
            fail_batch(session, batch_id, _l("Who confirmed this import may not import any more. Nothing was written."))
            return
        actor = Actor(
            name=staff.username if staff else "system",
            staff_id=staff.id if staff else None,
            scope=scope_of(batch),
            address=address,
        )
        commit_batch(session, batch_id, _settings(), side_transaction, actor)

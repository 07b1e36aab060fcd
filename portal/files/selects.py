"""Select statements over stored files. No session here."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, false, or_, select

from portal.files.models import StoredFile
from portal.permissions import AreaScope


def file(file_id: int, scope: AreaScope) -> Select[StoredFile]:
    """The file if it lies inside the area, deleted or not."""
    return select(StoredFile).where(StoredFile.id == file_id, scope.clause(StoredFile.location_id))


def files_of(
    *,
    unit_ids: Sequence[int] = (),
    account_ids: Sequence[int] = (),
    visit_ids: Sequence[int] = (),
    ticket_ids: Sequence[int] = (),
    comment_ids: Sequence[int] = (),
    correction_ids: Sequence[int] = (),
    kind: str = "",
    deleted: bool = False,
) -> Select[StoredFile]:
    """Files of these things, oldest first; of several kinds of things at once, in one query. The caller has looked
    whether the reader may see the things themselves."""
    given = {
        "unit_id": unit_ids, "account_id": account_ids, "visit_id": visit_ids, "ticket_id": ticket_ids,
        "comment_id": comment_ids, "correction_id": correction_ids,
    }  # fmt: skip
    query = select(StoredFile).where(
        or_(false(), *(getattr(StoredFile, name).in_(ids) for name, ids in given.items() if ids))
    )
    if not deleted:
        query = query.where(StoredFile.deleted_at.is_(None))
    if kind:
        query = query.where(StoredFile.kind == kind)
    return query.order_by(StoredFile.id)

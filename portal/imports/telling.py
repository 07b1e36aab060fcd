"""Telling people what became of a file: its uploader, and who links the names of places it left open."""

from __future__ import annotations

from flask_babel import LazyString, gettext, ngettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.imports.models import ImportBatch
from portal.locations.models import LocationClosure, Place
from portal.locations.places import OPEN
from portal.notifications.service import notify
from portal.permissions import Permission, Role, role_allows
from portal.staff.models import Staff, StaffArea
from portal.web.format import number


def tell_uploader(session: Session, batch: ImportBatch, confirmed_by: int | None = None) -> None:
    """Tell the uploader (and who confirmed it, where that is another) that the batch is where it is now."""
    told = {staff_id for staff_id in (batch.staff_id, confirmed_by) if staff_id is not None}
    name, key = batch.file_name, str(batch.id)
    if batch.status == "DONE":
        type_name, message = "import.done", done_message(batch)
    elif batch.status == "PREVIEW":
        # May happen more than once: each attempt to write it is one of its own.
        type_name, key = "import.changed", f"{key}:{batch.started_at}"
        message = _l("The data changed while %(file)s waited. Look at the new preview and confirm it again.", file=name)
    elif batch.status == "REFUSED":
        type_name, message = "import.failed", _l("%(file)s was refused: nothing of it was imported.", file=name)
    else:
        type_name, message = "import.failed", _l("%(file)s was not imported; nothing was written.", file=name)
    notify(
        session, type_name, told, message, event_key=f"{type_name}:{key}", entity="import_batch", entity_id=batch.id,
        url=f"/imports/{batch.id}", kind="warning" if batch.status == "DONE" and batch.rows_rejected else None,
    )  # fmt: skip


def done_message(batch: ImportBatch) -> LazyString:
    """The sentence of an import that is in."""
    # Plain values: the sentence is made in every language, some of it after the session has let go of the row.
    file, new, updated, rejected = batch.file_name, batch.rows_inserted, batch.rows_updated, batch.rows_rejected

    def sentence() -> str:
        return str(gettext(
            "%(file)s is imported: %(new)s new, %(updated)s updated, %(rejected)s rejected.",
            file=file, new=number(new), updated=number(updated), rejected=number(rejected),
        ))  # fmt: skip

    return LazyString(sentence)


def tell_of_places(session: Session, batch: ImportBatch) -> None:
    """Tell who may link them that names of places came new with this transaction and match no location."""
    roles = [str(role) for role in Role if role_allows(role, Permission.MATCH_PLACES)]
    waiting = (
        select(StaffArea.staff_id, func.count(Place.id.distinct()).label("places"))
        .join(Staff, Staff.id == StaffArea.staff_id)
        .join(LocationClosure, LocationClosure.ancestor_id == StaffArea.location_id)
        .join(Place, Place.location_id == LocationClosure.location_id)
        .where(Place.state == OPEN, Place.created_at == func.now(), Staff.role.in_(roles))
        .group_by(StaffArea.staff_id)
    )
    for staff_id, places in session.execute(waiting).all():
        notify(
            session, "places.waiting", [staff_id], places_message(places, batch.file_name),
            event_key=f"places.waiting:{batch.id}", entity="import_batch", entity_id=batch.id, url="/places/",
        )  # fmt: skip


def places_message(places: int, file: object) -> LazyString:
    """The sentence of names of places that wait."""
    return LazyString(
        lambda: ngettext(
            "%(num)d name of a place in %(file)s matches no location and waits to be linked.",
            "%(num)d names of places in %(file)s match no location and wait to be linked.",
            places,
            file=file,
        )
    )

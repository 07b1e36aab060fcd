"""What the audit log says of reading: downloads from their first to their last byte, and views of personal data.

    note = begin_export("report.export.csv", "report", name, {"filters": [...], "rows": 120})
    return csv_response(select, columns, filename, note=note)

A download leaves a line when it begins (what, with which filters) and one when it ends: `export.done` with the number
of rows, or `export.broken`. A beginning without an end is a process that was killed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import structlog
from flask import Flask, current_app
from flask_login import current_user

from portal.audit.service import record_apart
from portal.audit.sightings import Seen, note_views
from portal.db import side_transaction
from portal.web.context import client_address

log = structlog.get_logger(__name__)

DONE, BROKEN = "export.done", "export.broken"


def _reader() -> dict[str, Any]:
    return {"actor": current_user.username, "staff_id": current_user.id, "address": client_address()}


@dataclass(frozen=True)
class ExportNote:
    """The line of a download that has begun; `end` adds the other one. It needs no request any more by then."""

    app: Flask
    line_id: int
    action: str
    entity: str
    entity_id: str
    common: dict[str, Any]

    def end(self, rows: int, finished: bool) -> None:
        """Note the end: all `rows` went out, or it broke off with at most so many. Never raises: the rows are gone."""
        after = {"rows": rows, "of": self.action, "began": self.line_id}
        try:
            with self.app.app_context(), side_transaction() as connection:
                record_apart(
                    connection, DONE if finished else BROKEN, self.entity, self.entity_id, after=after, **self.common
                )
        except Exception as error:
            log.error("the end of a download is not in the audit log", after=after, exc_info=error)


def begin_export(
    action: str,
    entity: str,
    entity_id: str | int,
    after: dict[str, Any],
    *,
    location_id: int | None = None,
    batch_id: int | None = None,
) -> ExportNote:
    """Note that the signed-in person begins to download something. `after`: filters, and rows where they are known.

    Committed at once: without the line, no download.
    """
    common = {**_reader(), "location_id": location_id, "batch_id": batch_id}
    with side_transaction() as connection:
        line = record_apart(connection, action, entity, entity_id, after=after, **common)
    app = cast(Any, current_app)._get_current_object()
    return ExportNote(app, line, action, entity, str(entity_id), common)


def note_export(
    action: str, entity: str, entity_id: str | int, after: dict[str, Any], *, location_id: int | None = None
) -> None:
    """Note a download that is complete before its first byte goes out: one line."""
    with side_transaction() as connection:
        record_apart(connection, action, entity, entity_id, after=after, location_id=location_id, **_reader())


def note_personal_views(seen: Iterable[Seen]) -> None:
    """Note that the signed-in person is about to see personal numbers of these records in full.

    At most one line for each person, record and hour; committed before anything is shown.
    """
    things = list(seen)
    if not things:
        return
    with side_transaction() as connection:
        note_views(connection, current_user.id, current_user.username, client_address(), things)

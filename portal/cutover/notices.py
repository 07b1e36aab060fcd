"""The old `notifications`: what people were told, so that nobody loses what he has not read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from portal.cutover.cells import flag_of, lines_of, moment_of, text_of
from portal.cutover.outcome import TableOutcome
from portal.cutover.reading import rows_of
from portal.cutover.staging import Staged, outcome_of
from portal.imports.sqltools import run
from portal.notifications.models import INFO, NOTIFICATION_KINDS
from portal.web.masking import mask_text

TYPE = "cutover.old"
_COLUMNS = {"person": "text", "message": "text", "kind": "text", "is_read": "boolean", "created_at": "timestamptz"}


def take(session: Session, path: Path, file: str) -> TableOutcome:
    """Take notifications over; numbers of consumers in them are masked, whoever reads them."""
    staged = Staged(session, "notifications", _COLUMNS)
    staged.load(_rows(path))
    staged.reject("PERSON_UNKNOWN", "NOT EXISTS (SELECT FROM staff p WHERE p.legacy_id = s.person)")
    known = (
        "EXISTS (SELECT FROM notifications n JOIN staff p ON p.id = n.staff_id"
        " WHERE p.legacy_id = s.person AND n.event_key = 'old:' || s.row_key)"
    )
    staged.decide(f"CASE WHEN {known} THEN 'UNCHANGED' ELSE 'INSERTED' END")
    run(
        session,
        """
        INSERT INTO notifications (staff_id, type, kind, message, event_key, created_at, read_at)
        SELECT p.id, :type, s.kind, jsonb_build_object('en', s.message, 'ur', s.message), 'old:' || s.row_key,
               s.created_at, CASE WHEN s.is_read THEN s.created_at END
        FROM old_notifications s JOIN staff p ON p.legacy_id = s.person
        WHERE s.state = '' ON CONFLICT DO NOTHING""",
        type=TYPE,
    )
    return outcome_of(session, "notifications", file, {})


def _rows(path: Path) -> Iterator[tuple[int, str, str, Sequence[Any]]]:
    for line_no, row in rows_of(path):
        legacy_id, message, created = text_of(row["id"]), lines_of(row["message"]), moment_of(row["created_at"])
        kind = (text_of(row["type"]) or INFO).lower()
        reason = ""
        if legacy_id is None:
            reason = "ID_MISSING"
        elif message is None:
            reason = "MESSAGE_MISSING"
        elif created is None:
            reason = "DAY_UNREADABLE"
        yield line_no, legacy_id or "", reason, (
            text_of(row["user_id"]), mask_text(message, False), kind if kind in NOTIFICATION_KINDS else INFO,
            bool(flag_of(row["is_read"])), created,
        )  # fmt: skip

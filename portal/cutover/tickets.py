"""The old `tickets`, with categories of their own that nobody is offered any more."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from portal.cutover.cells import lines_of, moment_of, text_of
from portal.cutover.outcome import TableOutcome
from portal.cutover.reading import rows_of
from portal.cutover.staging import Staged, outcome_of
from portal.cutover.visits import NAMESPACE
from portal.imports.sqltools import run
from portal.tickets.models import APPROVED, CLOSED, OPEN, PENDING, PRIORITIES, REJECTED, RESOLVED

# Old status: (status, decision).
STATUSES: dict[str, tuple[str, str | None]] = {
    "PENDING": (OPEN, PENDING),
    "APPROVED": (RESOLVED, APPROVED),
    "REJECTED": (RESOLVED, REJECTED),
    "OPEN": (OPEN, None),
    "CLOSED": (CLOSED, None),
}
# Old category: (code, name, Urdu name, effect, who works it).
CATEGORIES: dict[str, tuple[str, str, str, str, str]] = {
    "BILLING": ("old_billing", "Billing (old system)", "بلنگ (پرانا نظام)", "BILLING", "ADMIN"),
    "DATA": ("old_data", "Data (old system)", "کوائف (پرانا نظام)", "DATA", "SUPERVISOR"),
    "COMPLIANCE": ("old_compliance", "Compliance (old system)", "تعمیل (پرانا نظام)", "NONE", "SUPERVISOR"),
    "OTHER": ("old_other", "Other (old system)", "دیگر (پرانا نظام)", "NONE", "SUPERVISOR"),
}
TITLE, DESCRIPTION = 200, 20_000
_COLUMNS = {
    "client_uuid": "uuid", "reporter": "text", "status": "text", "decision": "text", "title": "text",
    "description": "text", "priority": "text", "category": "text", "created_at": "timestamptz",
    "updated_at": "timestamptz", "resolved_at": "timestamptz", "resolver": "text",
}  # fmt: skip


def take(session: Session, path: Path, file: str) -> TableOutcome:
    """Take tickets over under their old number. Those that are here already stay as they are: work goes on here."""
    _make_categories(session)
    staged = Staged(session, "tickets", _COLUMNS)
    staged.load(_rows(path))
    staged.notes(
        "PERSON_UNKNOWN",
        "SELECT line_no, reporter FROM old_tickets s WHERE state = ''"
        " AND NOT EXISTS (SELECT FROM staff p WHERE p.legacy_id = s.reporter)",
    )
    staged.decide(
        "CASE WHEN EXISTS (SELECT FROM tickets t WHERE t.legacy_id = s.row_key) THEN 'UNCHANGED' ELSE 'INSERTED' END"
    )
    # A ticket of the old system names no place: it belongs to its reporter's area, of several to the one they share.
    run(
        session,
        """
        INSERT INTO tickets (number, client_uuid, category_id, priority, status, title, description, location_id,
                             source, reported_by, assigned_role, decision, decided_by, decided_at, resolved_by,
                             resolved_at,
                             closed_at, legacy_id, created_at, updated_at)
        SELECT 'OLD-' || s.row_key, s.client_uuid, c.id, s.priority, s.status, s.title, coalesce(s.description, ''),
               coalesce(place.id, (SELECT id FROM locations WHERE parent_id IS NULL)), 'OLD_SYSTEM', p.id,
               c.assigned_role, s.decision,
               CASE WHEN s.decision IN ('APPROVED', 'REJECTED') THEN r.id END,
               CASE WHEN s.decision IN ('APPROVED', 'REJECTED') THEN coalesce(s.resolved_at, s.updated_at, s.created_at)
               END,
               CASE WHEN s.status <> 'OPEN' THEN r.id END,
               CASE WHEN s.status <> 'OPEN' THEN coalesce(s.resolved_at, s.updated_at, s.created_at) END,
               CASE WHEN s.status = 'CLOSED' THEN coalesce(s.resolved_at, s.updated_at, s.created_at) END,
               s.row_key, s.created_at, coalesce(s.updated_at, s.created_at)
        FROM old_tickets s JOIN ticket_categories c ON c.code = s.category
        LEFT JOIN staff p ON p.legacy_id = s.reporter LEFT JOIN staff r ON r.legacy_id = s.resolver
        LEFT JOIN LATERAL (
            SELECT up.ancestor_id AS id FROM staff_areas a JOIN location_closure up ON up.location_id = a.location_id
            JOIN location_closure deep ON deep.location_id = up.ancestor_id
            WHERE a.staff_id = p.id GROUP BY up.ancestor_id
            HAVING count(DISTINCT a.location_id) = (SELECT count(*) FROM staff_areas WHERE staff_id = p.id)
            ORDER BY max(deep.depth) DESC LIMIT 1
        ) place ON true
        WHERE s.state = '' AND NOT EXISTS (SELECT FROM tickets t WHERE t.legacy_id = s.row_key)
        ORDER BY s.created_at, s.line_no""",
    )
    run(
        session,
        """
        INSERT INTO ticket_events (ticket_id, at, event, actor)
        SELECT t.id, t.created_at, 'made', coalesce(p.username, 'system')
        FROM tickets t LEFT JOIN staff p ON p.id = t.reported_by
        WHERE t.source = 'OLD_SYSTEM' AND NOT EXISTS (SELECT FROM ticket_events e WHERE e.ticket_id = t.id)""",
    )
    return outcome_of(session, "tickets", file, {})


def _make_categories(session: Session) -> None:
    for code, name, name_ur, effect, role in CATEGORIES.values():
        run(
            session,
            "INSERT INTO ticket_categories (code, name, name_ur, effect, assigned_role, is_active, position)"
            " VALUES (:code, :name, :name_ur, :effect, :role, false, 1000) ON CONFLICT DO NOTHING",
            code=code,
            name=name,
            name_ur=name_ur,
            effect=effect,
            role=role,
        )


def _rows(path: Path) -> Iterator[tuple[int, str, str, Sequence[Any]]]:
    for line_no, row in rows_of(path):
        legacy_id, title = text_of(row["ticket_id"]), text_of(row["title"]) or ""
        status, decision = STATUSES.get((text_of(row["status"]) or "").upper(), ("", None))
        created = moment_of(row["created_at"])
        priority = (text_of(row["priority"]) or "MEDIUM").upper()
        category = CATEGORIES.get((text_of(row["category"]) or "OTHER").upper(), CATEGORIES["OTHER"])
        reason = ""
        if legacy_id is None:
            reason = "ID_MISSING"
        elif not status:
            reason = "STATUS_UNKNOWN"
        elif created is None:
            reason = "DAY_UNREADABLE"
        description = (lines_of(row["description"]) or "")[:DESCRIPTION]
        if len(title) > TITLE:
            title, description = title[: TITLE - 1] + "…", f"{title}\n{description}"[:DESCRIPTION]
        yield line_no, legacy_id or "", reason, (
            uuid.uuid5(NAMESPACE, f"ticket {legacy_id}"), text_of(row["reported_by_staff_id"]), status, decision,
            title or "–", description, priority if priority in PRIORITIES else "MEDIUM", category[0], created,
            moment_of(row["updated_at"]), moment_of(row["resolved_at"]), text_of(row["resolved_by_staff_id"]),
        )  # fmt: skip

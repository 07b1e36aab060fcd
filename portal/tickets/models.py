"""Tickets, their categories and deadlines, comments, and what happened to them."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, bigint_pk, created_at, int_pk, rupees, timestamp, updated_at

LOW, MEDIUM, HIGH, URGENT = PRIORITIES = ("LOW", "MEDIUM", "HIGH", "URGENT")
OPEN, IN_PROGRESS, WAITING, RESOLVED, CLOSED, MERGED = TICKET_STATUSES = (
    "OPEN", "IN_PROGRESS", "WAITING", "RESOLVED", "CLOSED", "MERGED",
)  # fmt: skip
NONE, DATA, BILLING = CATEGORY_EFFECTS = ("NONE", "DATA", "BILLING")
PENDING, APPROVED, REJECTED = DECISIONS = ("PENDING", "APPROVED", "REJECTED")
STAFF, PUBLIC, SYSTEM, OLD_SYSTEM = TICKET_SOURCES = ("STAFF", "PUBLIC", "SYSTEM", "OLD_SYSTEM")

IS_ACTIVE = "status IN ('OPEN','IN_PROGRESS','WAITING')"


class TicketCategory(Base):
    """What a ticket is about; edited by the office. `effect`: what an approval does: NONE (nothing to approve),
    DATA (a correction of the register is applied), BILLING (the decision and the amount are recorded for the ledger).
    `assigned_role` is who works it when nobody is named. `is_public`: offered to the public.
    """

    __tablename__ = "ticket_categories"
    __table_args__ = (
        CheckConstraint("effect IN ('NONE','DATA','BILLING')", name="effect"),
        CheckConstraint("assigned_role IN ('AGENT','SUPERVISOR','ADMIN','MANAGER','HEAD')", name="assigned_role"),
        Index("uq_ticket_categories_code", "code", unique=True),
        Index("uq_ticket_categories_name", func.lower(text("name")), unique=True),
    )

    id: Mapped[int_pk]
    code: Mapped[str]
    name: Mapped[str]
    name_ur: Mapped[str | None]
    effect: Mapped[str] = mapped_column(server_default="NONE")
    assigned_role: Mapped[str] = mapped_column(server_default="SUPERVISOR")
    is_public: Mapped[bool] = mapped_column(server_default=text("false"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    position: Mapped[int] = mapped_column(server_default=text("0"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    updated_at: Mapped[updated_at]


class TicketDeadline(Base):
    """The working hours within which a ticket of a category and priority is to be resolved."""

    __tablename__ = "ticket_deadlines"
    __table_args__ = (
        PrimaryKeyConstraint("category_id", "priority"),
        CheckConstraint("priority IN ('LOW','MEDIUM','HIGH','URGENT')", name="priority"),
        CheckConstraint("hours BETWEEN 1 AND 2000", name="hours"),
    )

    category_id: Mapped[int] = mapped_column(ForeignKey("ticket_categories.id", ondelete="CASCADE"))
    priority: Mapped[str]
    hours: Mapped[int]


class Holiday(Base):
    """A day without working hours."""

    __tablename__ = "holidays"

    day: Mapped[dt.date] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_ur: Mapped[str | None]


class Ticket(Base):
    """A complaint or request. `number` is what people quote. `client_uuid`: the same ticket sent twice is one.

    `due_at` is the deadline in working hours, NULL while the ticket waits for the consumer: `clock_minutes` of working
    time are left from `clock_from` on. `near_at` is when three quarters of it are over. `escalation` counts: 0 none, 1
    near the deadline, 2 past it, 3 a working day past it. A ticket of a category with an effect has a `decision`;
    `wanted` is what an approval changes in the register, {column: value}, as `wanted_by` wrote it. `public_code_hash`
    lets the public look at its status without seeing anybody's data; `place_text` and `reference_text` are what they
    wrote of the place and of their bill.
    """

    __tablename__ = "tickets"
    __table_args__ = (
        CheckConstraint("priority IN ('LOW','MEDIUM','HIGH','URGENT')", name="priority"),
        CheckConstraint("status IN ('OPEN','IN_PROGRESS','WAITING','RESOLVED','CLOSED','MERGED')", name="status"),
        CheckConstraint("(status = 'MERGED') = (merged_into_id IS NOT NULL)", name="merged"),
        CheckConstraint("decision IN ('PENDING','APPROVED','REJECTED')", name="decision"),
        CheckConstraint("source IN ('STAFF','PUBLIC','SYSTEM','OLD_SYSTEM')", name="source"),
        CheckConstraint("decision_amount >= 0 AND disputed_amount >= 0", name="never_negative"),
        CheckConstraint("assigned_role IN ('AGENT','SUPERVISOR','ADMIN','MANAGER','HEAD')", name="assigned_role"),
        Index("uq_tickets_number", "number", unique=True),
        Index("uq_tickets_legacy_id", "legacy_id", unique=True, postgresql_where=text("legacy_id IS NOT NULL")),
        Index("ix_tickets_location_id_status_id", "location_id", "status", "id"),
        Index("ix_tickets_location_id_id", "location_id", "id"),
        Index("ix_tickets_active", "id", postgresql_where=text(IS_ACTIVE)),
        Index(
            "ix_tickets_unassigned",
            "assigned_role",
            "id",
            postgresql_where=text(f"assigned_to IS NULL AND {IS_ACTIVE}"),
        ),
        Index("ix_tickets_undecided", "id", postgresql_where=text(f"decision = 'PENDING' AND {IS_ACTIVE}")),
        Index("ix_tickets_words", text("to_tsvector('simple'::regconfig, title)"), postgresql_using="gin"),
        Index(
            "ix_tickets_near_at",
            "near_at",
            postgresql_where=text("status IN ('OPEN','IN_PROGRESS') AND near_at IS NOT NULL"),
        ),
        Index("ix_tickets_unit_id", "unit_id"),
        Index("ix_tickets_account_id", "account_id"),
        Index("ix_tickets_assigned_to_status", "assigned_to", "status"),
        Index("ix_tickets_merged_into_id", "merged_into_id", postgresql_where=text("merged_into_id IS NOT NULL")),
        Index("ix_tickets_reported_by_id", "reported_by", "id"),
        Index(
            "ix_tickets_due_at",
            "due_at",
            postgresql_where=text("status IN ('OPEN','IN_PROGRESS') AND due_at IS NOT NULL"),
        ),
    )

    id: Mapped[bigint_pk]
    number: Mapped[str]
    client_uuid: Mapped[uuid.UUID] = mapped_column(unique=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("ticket_categories.id"))
    priority: Mapped[str] = mapped_column(server_default="MEDIUM")
    status: Mapped[str] = mapped_column(server_default="OPEN")
    title: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("survey_units.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    bill_month: Mapped[dt.date | None]
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"))
    visit_id: Mapped[int | None] = mapped_column(ForeignKey("compliance_visits.id"))
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("corrections.id"))
    source: Mapped[str] = mapped_column(server_default="STAFF")
    reported_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    reporter_name: Mapped[str] = mapped_column(server_default="")
    reporter_mobile: Mapped[str] = mapped_column(server_default="")
    public_code_hash: Mapped[str | None]
    place_text: Mapped[str] = mapped_column(server_default="")
    reference_text: Mapped[str] = mapped_column(server_default="")
    assigned_to: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    assigned_role: Mapped[str]
    due_at: Mapped[timestamp | None]
    near_at: Mapped[timestamp | None]
    clock_from: Mapped[timestamp | None]
    clock_minutes: Mapped[int] = mapped_column(server_default=text("0"))
    escalation: Mapped[int] = mapped_column(server_default=text("0"))
    disputed_amount: Mapped[rupees | None]
    wanted: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    wanted_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    decision: Mapped[str | None]
    decision_amount: Mapped[rupees | None]
    decision_note: Mapped[str] = mapped_column(server_default="")
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[timestamp | None]
    resolution: Mapped[str] = mapped_column(server_default="")
    resolved_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    resolved_at: Mapped[timestamp | None]
    closed_at: Mapped[timestamp | None]
    reopened: Mapped[int] = mapped_column(server_default=text("0"))
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    legacy_id: Mapped[str | None]
    created_at: Mapped[created_at]
    updated_at: Mapped[updated_at]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class TicketComment(Base):
    """What somebody wrote to a ticket. `mentions` are the staff ids named in it. `client_uuid`: sent twice is one.

    `is_public`: the complainant reads it on the status page; the office says so for each comment.
    """

    __tablename__ = "ticket_comments"
    __table_args__ = (Index("ix_ticket_comments_ticket_id_id", "ticket_id", "id"),)

    id: Mapped[bigint_pk]
    client_uuid: Mapped[uuid.UUID] = mapped_column(unique=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    author: Mapped[str]
    body: Mapped[str]
    mentions: Mapped[list[int]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    is_public: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[created_at]


class TicketEvent(Base):
    """What happened to a ticket: made, assigned, status, priority, decision, escalated, merged, reopened."""

    __tablename__ = "ticket_events"
    __table_args__ = (Index("ix_ticket_events_ticket_id_id", "ticket_id", "id"),)

    id: Mapped[bigint_pk]
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    at: Mapped[created_at]
    event: Mapped[str]
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    actor: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))


class PublicAttempt(Base):
    """Somebody without a login filed a complaint (FILE) or asked for the status of one (ASK): for the rate limit, which
    must hold over all processes. `key` is the ticket number asked for. Forgotten after some days.
    """

    __tablename__ = "public_attempts"
    __table_args__ = (
        CheckConstraint("kind IN ('FILE','ASK')", name="kind"),
        Index("ix_public_attempts_kind_address_at", "kind", "address", "at"),
        Index("ix_public_attempts_key_at", "key", "at", postgresql_where=text("key <> ''")),
    )

    id: Mapped[bigint_pk]
    kind: Mapped[str]
    address: Mapped[str]
    key: Mapped[str] = mapped_column(server_default="")
    succeeded: Mapped[bool] = mapped_column(server_default=text("false"))
    at: Mapped[created_at]

"""The audit log: who did what, when, from where, with what before and after."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, bigint_pk, created_at


class AuditEntry(Base):
    """One line of the audit log. A database trigger refuses update and delete."""

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_log_at", "at"),
        Index("ix_audit_log_entity_entity_id", "entity", "entity_id"),
    )

    id: Mapped[bigint_pk]
    at: Mapped[created_at]
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    actor: Mapped[str]
    action: Mapped[str]
    entity: Mapped[str]
    entity_id: Mapped[str] = mapped_column(server_default="")
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    batch_id: Mapped[int | None] = mapped_column(BigInteger)
    address: Mapped[str] = mapped_column(server_default="")
    reason: Mapped[str] = mapped_column(server_default="")
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

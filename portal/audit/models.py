"""The audit log: who did what, when, from where, with what before and after."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, PrimaryKeyConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, created_at


class AuditEntry(Base):
    """One line of the audit log. A database trigger refuses update and delete.

    Partitioned by month, so that what is older than the retention goes as whole months, and nothing else ever does.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        PrimaryKeyConstraint("at", "id"),
        Index("ix_audit_log_entity_entity_id_at", "entity", "entity_id", "at"),
        Index("ix_audit_log_staff_id_at", "staff_id", "at"),
        Index("ix_audit_log_action_at", "action", "at"),
        Index("ix_audit_log_location_id_at", "location_id", "at"),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity())
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

"""Proposed corrections of a unit (and its account)."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, bigint_pk, created_at, timestamp, updated_at

PENDING, APPROVED, REJECTED, WITHDRAWN = CORRECTION_STATES = ("PENDING", "APPROVED", "REJECTED", "WITHDRAWN")


class Correction(Base):
    """What somebody in the field says is wrong about a unit, field by field, until a supervisor decides.

    `fields` is {field: [before, after]}; fields of the unit by their column, `before` as it was when proposed. An
    approved correction has been applied to the register in the same transaction. `client_uuid` is made on the phone:
    the same proposal sent twice is one. `location_id` is that of the unit: a trigger lets it follow.
    """

    __tablename__ = "corrections"
    __table_args__ = (
        CheckConstraint("state IN ('PENDING','APPROVED','REJECTED','WITHDRAWN')", name="state"),
        CheckConstraint("(state = 'PENDING') = (decided_at IS NULL)", name="decided"),
        Index("ix_corrections_location_id_id", "location_id", "id", postgresql_where=text("state = 'PENDING'")),
        Index(
            "ix_corrections_decided_location_id_id", "location_id", "id", postgresql_where=text("state <> 'PENDING'")
        ),
        Index("ix_corrections_pending_id", "id", postgresql_where=text("state = 'PENDING'")),
        Index("ix_corrections_unit_id", "unit_id"),
        Index("ix_corrections_proposed_by_id", "proposed_by", "id"),
    )

    id: Mapped[bigint_pk]
    client_uuid: Mapped[uuid.UUID] = mapped_column(unique=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("survey_units.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    note: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str] = mapped_column(server_default="PENDING")
    proposed_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    proposed_at: Mapped[created_at]
    device_at: Mapped[timestamp | None]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[timestamp | None]
    decision_note: Mapped[str] = mapped_column(server_default="")
    version: Mapped[int] = mapped_column(server_default=text("1"))
    updated_at: Mapped[updated_at]

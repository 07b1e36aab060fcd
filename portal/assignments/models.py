"""Units and union councils assigned to agents."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, bigint_pk, created_at, timestamp


class Assignment(Base):
    """A unit, or an area with all its units, that an agent works from a day to a day (both inside; NULL: until further
    notice). Exactly one of `unit_id` and `area_id` is set. It ends, it is never deleted: the past stays known.
    """

    __tablename__ = "assignments"
    __table_args__ = (
        CheckConstraint("num_nonnulls(unit_id, area_id) = 1", name="unit_or_area"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="from_to"),
        Index("ix_assignments_staff_id_valid_from", "staff_id", "valid_from"),
        Index("ix_assignments_unit_id", "unit_id", postgresql_where=text("unit_id IS NOT NULL")),
        Index("ix_assignments_area_id", "area_id", postgresql_where=text("area_id IS NOT NULL")),
    )

    id: Mapped[bigint_pk]
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("survey_units.id"))
    area_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    valid_from: Mapped[dt.date]
    valid_to: Mapped[dt.date | None]
    note: Mapped[str] = mapped_column(server_default="")
    created_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[created_at]
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    ended_at: Mapped[timestamp | None]

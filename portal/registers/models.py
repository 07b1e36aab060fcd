"""The words that forms offer, and what people changed in the registers, field by field."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, bigint_pk, created_at, int_pk, updated_at

BUSINESS_TYPE, HOUSE_TYPE, WATER_CONNECTION, CHANNEL = LOOKUP_KINDS = (
    "BUSINESS_TYPE", "HOUSE_TYPE", "WATER_CONNECTION", "CHANNEL",
)  # fmt: skip
EDIT, CORRECTION, TICKET, CUTOVER = CHANGE_SOURCES = ("EDIT", "CORRECTION", "TICKET", "CUTOVER")


class Lookup(Base):
    """A word that a form offers: a business type, a house type, a kind of water connection, a channel of payment.

    Files may bring others; they are kept as they are. Who is switched off is offered no more and stays where it stands.
    """

    __tablename__ = "lookups"
    __table_args__ = (
        CheckConstraint("kind IN ('BUSINESS_TYPE','HOUSE_TYPE','WATER_CONNECTION','CHANNEL')", name="kind"),
        Index("uq_lookups_kind_name", "kind", func.lower(text("name")), unique=True),
    )

    id: Mapped[int_pk]
    kind: Mapped[str]
    name: Mapped[str]
    name_ur: Mapped[str | None]
    position: Mapped[int] = mapped_column(server_default=text("0"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[created_at]
    updated_at: Mapped[updated_at]


class RecordChange(Base):
    """One field of one record, changed by a person: what it was, what it became, who, when and why.

    Personal numbers stand here and nowhere in the audit log; readers see them through `portal.web.masking`. `old` and
    `new` are JSON values. Exactly one of the ids is set. `record_changes` of one edit share `change_no`.
    """

    __tablename__ = "record_changes"
    __table_args__ = (
        CheckConstraint("num_nonnulls(unit_id, account_id, changed_location_id) = 1", name="one_record"),
        CheckConstraint("source IN ('EDIT','CORRECTION','TICKET','CUTOVER')", name="source"),
        Index("ix_record_changes_unit_id_at", "unit_id", "at", postgresql_where=text("unit_id IS NOT NULL")),
        Index("ix_record_changes_account_id_at", "account_id", "at", postgresql_where=text("account_id IS NOT NULL")),
        Index(
            "ix_record_changes_changed_location_id_at",
            "changed_location_id",
            "at",
            postgresql_where=text("changed_location_id IS NOT NULL"),
        ),
    )

    id: Mapped[bigint_pk]
    at: Mapped[created_at]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("survey_units.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    changed_location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    field: Mapped[str]
    old: Mapped[Any | None] = mapped_column(JSONB)
    new: Mapped[Any | None] = mapped_column(JSONB)
    source: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    actor: Mapped[str]
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("corrections.id"))

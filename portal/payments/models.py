"""Payments: money as the paid lists state it, and the bill it was allocated to; moves of bills to another month."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, bigint_pk, created_at, rupees, timestamp, updated_at
from portal.units.models import SIZE_CHECK, UC_TYPE_CHECK, USE_CHECK


class Payment(Base):
    """A payment is (PSID, month, paid date, paid amount, channel); it is counted once.

    `month` is the month the portal says was paid. `account_id` is NULL while the PSID is unknown (unmatched).
    `bill_month`/`bill_id` name the live bill it was allocated to, by `portal.payments.allocation`; both NULL
    while it is unallocated. The row keeps its own location: a consumer who moves or is merged never rewrites
    last month's collection figures. `place_as_of` and `place_is_long` say which file gave the place (the long
    form names district and tehsil, the short one only a city, and yields to it).
    """

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("psid", "month", "paid_on", "paid_amount", "channel"),
        ForeignKeyConstraint(
            ["bill_month", "bill_id"],
            ["bills.billing_month", "bills.id"],
            onupdate="CASCADE",
            match="FULL",
            name="fk_payments_bill",
        ),
        CheckConstraint("psid ~ '^[0-9]{11,20}$'", name="psid"),
        CheckConstraint("paid_amount >= 0 AND amount >= 0 AND fine >= 0", name="never_negative"),
        CheckConstraint("month = date_trunc('month', month::timestamp)::date", name="first_of_month"),
        CheckConstraint("bill_id IS NULL OR account_id IS NOT NULL", name="allocated_is_matched"),
        CheckConstraint(USE_CHECK, name="use"),
        CheckConstraint(SIZE_CHECK, name="size_band"),
        CheckConstraint(UC_TYPE_CHECK, name="uc_type"),
        Index("ix_payments_account_id", "account_id"),
        Index("ix_payments_bill_month_bill_id", "bill_month", "bill_id"),
        Index("ix_payments_paid_on_id", "paid_on", "id"),
        Index("ix_payments_location_id_paid_on_id", "location_id", "paid_on", "id"),
        Index("ix_payments_unmatched", "psid", postgresql_where=text("account_id IS NULL")),
    )

    id: Mapped[bigint_pk]
    psid: Mapped[str]
    month: Mapped[dt.date]
    paid_on: Mapped[dt.date]
    paid_amount: Mapped[rupees]
    channel: Mapped[str]
    amount: Mapped[rupees | None]
    fine: Mapped[rupees | None]
    billing_category: Mapped[str | None]
    uc_type: Mapped[str | None]
    use: Mapped[str | None]
    size_band: Mapped[str | None]
    wmc: Mapped[str | None]
    office: Mapped[str | None]
    bill_pdf: Mapped[str | None]
    portal_status: Mapped[str | None]
    is_active: Mapped[bool | None]
    place_id: Mapped[int] = mapped_column(ForeignKey("places.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    place_is_long: Mapped[bool]
    place_as_of: Mapped[timestamp]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    bill_month: Mapped[dt.date | None]
    bill_id: Mapped[int | None] = mapped_column(BigInteger)
    as_of: Mapped[timestamp]
    first_batch_id: Mapped[int | None] = mapped_column(BigInteger)
    last_batch_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[created_at]
    updated_at: Mapped[updated_at]


# QUEUED -> MOVING -> DONE; CHANGED (the bills were no longer those of the preview), FAILED, CANCELLED: nothing moved.
MOVE_STATES = ("QUEUED", "MOVING", "DONE", "CHANGED", "FAILED", "CANCELLED")
MOVE_RUNNING = frozenset({"QUEUED", "MOVING"})


class BillMove(Base):
    """One move of the bills of one issue date and tehsil to another month, from its confirmation on.

    `promised` and `result` are the effects as confirmed and as done (`portal.payments.moves.Effects`). `problem` says
    why nothing was moved: {language: text}.
    """

    __tablename__ = "bill_moves"
    __table_args__ = (
        CheckConstraint("status IN ('QUEUED','MOVING','DONE','CHANGED','FAILED','CANCELLED')", name="status"),
        Index("ix_bill_moves_tehsil_id_id", "tehsil_id", "id"),
        # Confirmed twice, it moves once.
        Index(
            "uq_bill_moves_running",
            "tehsil_id",
            "issued_on",
            "from_month",
            unique=True,
            postgresql_where=text("status IN ('QUEUED','MOVING')"),
        ),
    )

    id: Mapped[bigint_pk]
    tehsil_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    issued_on: Mapped[dt.date]
    from_month: Mapped[dt.date]
    to_month: Mapped[dt.date]
    status: Mapped[str] = mapped_column(server_default="QUEUED")
    promised: Mapped[dict[str, Any]] = mapped_column(JSONB)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    problem: Mapped[dict[str, str] | None] = mapped_column(JSONB)
    phase: Mapped[str] = mapped_column(server_default="")
    progress: Mapped[int] = mapped_column(server_default=text("0"))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    address: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[created_at]
    started_at: Mapped[timestamp | None]
    finished_at: Mapped[timestamp | None]

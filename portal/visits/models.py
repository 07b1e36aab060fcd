"""Compliance visits and bill deliveries."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, Float, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, bigint_pk, created_at, rupees, timestamp, updated_at

ROUTINE, COMPLAINT, FOLLOWUP, DELIVERY, RECOVERY, SURVEY = VISIT_TYPES = (
    "ROUTINE", "COMPLAINT", "FOLLOWUP", "DELIVERY", "RECOVERY", "SURVEY",
)  # fmt: skip
PENDING, APPROVED, RETURNED = REVIEW_STATES = ("PENDING", "APPROVED", "RETURNED")
OUTCOMES = (
    "DONE", "DELIVERED", "DELIVERED_TO_NEIGHBOUR", "REFUSED", "LOCKED", "VACANT", "NOT_FOUND", "PROMISED",
    "PAID_ON_SPOT", "DISPUTED", "OTHER",
)  # fmt: skip
STAFF, OLD_SYSTEM = VISIT_SOURCES = ("STAFF", "OLD_SYSTEM")


class ComplianceVisit(Base):
    """One visit to a unit by one person. `client_uuid` is made on the phone: the same visit sent twice is one.

    `visited_at` is when it happened, by the phone's clock where that is believable, else by ours; `device_at` is the
    phone's clock as it said, `created_at` when the server had it. `distance_m` is from the unit's position to the
    phone's, NULL when one of them is unknown. `doubts` is what speaks against it (see `portal.visits.rules.Doubt`),
    judged when it was logged. A DELIVERY names the bill handed over: `account_id`, `bill_month` and, where it has one,
    `portal_bill_id`; when that bill is moved to another month, the month follows. Delivered counts what a reviewer has
    approved. `sent_back` counts how often it was returned to the agent.
    """

    __tablename__ = "compliance_visits"
    __table_args__ = (
        CheckConstraint(
            "visit_type IN ('ROUTINE','COMPLAINT','FOLLOWUP','DELIVERY','RECOVERY','SURVEY')", name="visit_type"
        ),
        CheckConstraint(
            "outcome IN ('DONE','DELIVERED','DELIVERED_TO_NEIGHBOUR','REFUSED','LOCKED','VACANT','NOT_FOUND',"
            "'PROMISED','PAID_ON_SPOT','DISPUTED','OTHER')",
            name="outcome",
        ),
        CheckConstraint("review_state IN ('PENDING','APPROVED','RETURNED')", name="review_state"),
        CheckConstraint("source IN ('STAFF','OLD_SYSTEM')", name="source"),
        CheckConstraint("visit_type <> 'DELIVERY' OR (account_id IS NOT NULL AND bill_month IS NOT NULL)", name="bill"),
        CheckConstraint("(gps_lat IS NULL) = (gps_lon IS NULL)", name="gps_pair"),
        CheckConstraint("promise_amount >= 0", name="promise_amount"),
        CheckConstraint(
            "bill_month IS NULL OR bill_month = date_trunc('month', bill_month::timestamp)::date", name="first_of_month"
        ),
        Index("ix_compliance_visits_unit_id_visited_at", "unit_id", "visited_at"),
        Index("ix_compliance_visits_staff_id_visited_at", "staff_id", "visited_at"),
        Index("ix_compliance_visits_location_id_visited_at", "location_id", "visited_at"),
        Index("ix_compliance_visits_account_id_bill_month", "account_id", "bill_month"),
        Index("ix_compliance_visits_to_review", "location_id", "id", postgresql_where=text("review_state = 'PENDING'")),
        Index(
            "ix_compliance_visits_queue", text("doubts DESC"), "id", postgresql_where=text("review_state = 'PENDING'")
        ),
        Index("ix_compliance_visits_visited_at_id", "visited_at", "id"),
        Index(
            "ix_compliance_visits_delivered",
            "account_id",
            "bill_month",
            postgresql_where=text(
                "visit_type = 'DELIVERY' AND review_state = 'APPROVED'"
                " AND outcome IN ('DELIVERED','DELIVERED_TO_NEIGHBOUR')"
            ),
        ),
        Index(
            "uq_compliance_visits_legacy_id", "legacy_id", unique=True, postgresql_where=text("legacy_id IS NOT NULL")
        ),
    )

    id: Mapped[bigint_pk]
    client_uuid: Mapped[uuid.UUID] = mapped_column(unique=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("survey_units.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id", use_alter=True), index=True)
    visit_type: Mapped[str]
    outcome: Mapped[str]
    notes: Mapped[str] = mapped_column(server_default="")
    bill_month: Mapped[dt.date | None]
    portal_bill_id: Mapped[str | None]
    received_by: Mapped[str] = mapped_column(server_default="")
    visited_at: Mapped[timestamp]
    device_at: Mapped[timestamp | None]
    gps_lat: Mapped[float | None] = mapped_column(Float(53))
    gps_lon: Mapped[float | None] = mapped_column(Float(53))
    gps_accuracy_m: Mapped[int | None]
    gps_is_mock: Mapped[bool] = mapped_column(server_default=text("false"))
    distance_m: Mapped[int | None]
    doubts: Mapped[int] = mapped_column(server_default=text("0"))
    next_date: Mapped[dt.date | None]
    promise_date: Mapped[dt.date | None]
    promise_amount: Mapped[rupees | None]
    review_state: Mapped[str] = mapped_column(server_default="PENDING")
    reviewed_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    reviewed_at: Mapped[timestamp | None]
    review_note: Mapped[str] = mapped_column(server_default="")
    sent_back: Mapped[int] = mapped_column(server_default=text("0"))
    source: Mapped[str] = mapped_column(server_default="STAFF")
    legacy_id: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[created_at]
    updated_at: Mapped[updated_at]

"""Billing accounts, bills, the balance of each account, and what each unit did in a cycle."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.schema import Identity

from portal.db import Base, bigint_pk, created_at, rupees, rupees_sum, timestamp, updated_at
from portal.units.models import BY_HAND, SIZE_CHECK, UC_TYPE_CHECK, USE_CHECK
from portal.units.searchtext import SEARCH_VECTOR

UNPAID, PARTIAL, PAID, ARREARS, CANCELLED = BILL_STATUSES = ("UNPAID", "PARTIAL", "PAID", "ARREARS", "CANCELLED")


class Account(Base):
    """A billing account, identified by its PSID (11 to 20 digits, always text).

    `survey_id` is what the biller list says; `unit_id` is NULL while no such survey is known (pending sync).
    `total_payable`, `portal_balance` and `portal_current_bill` are what the portal stated, nothing derived.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("psid ~ '^[0-9]{11,20}$'", name="psid"),
        CheckConstraint("monthly_fee >= 0", name="monthly_fee"),
        CheckConstraint("total_payable >= 0", name="total_payable"),
        CheckConstraint(USE_CHECK, name="use"),
        CheckConstraint(SIZE_CHECK, name="size_band"),
        CheckConstraint(UC_TYPE_CHECK, name="uc_type"),
        Index("ix_accounts_location_id_id", "location_id", "id"),
        Index("ix_accounts_unit_id", "unit_id"),
        Index("ix_accounts_pending", "survey_id", postgresql_where=text("unit_id IS NULL")),
        Index("ix_accounts_mobile", "mobile", postgresql_where=text("mobile IS NOT NULL")),
        Index("ix_accounts_cnic", "cnic", postgresql_where=text("cnic IS NOT NULL")),
        Index("ix_accounts_search", "search", postgresql_using="gin"),
        # Few rows: what an import has to look at because a person decided, and the lists of closed ones.
        Index("ix_accounts_by_hand", "psid", postgresql_where=text(BY_HAND)),
        Index("ix_accounts_closed", "location_id", "id", postgresql_where=text("deleted_at IS NOT NULL")),
        # Every file updates nearly every account; with room on the page no index notices.
        {"postgresql_with": {"fillfactor": "50"}},
    )

    id: Mapped[bigint_pk]
    psid: Mapped[str] = mapped_column(unique=True)
    survey_id: Mapped[str | None]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("survey_units.id"))
    consumer_name: Mapped[str | None]
    mobile: Mapped[str | None]
    mobile_text: Mapped[str | None]
    cnic: Mapped[str | None]
    cnic_text: Mapped[str | None]
    address: Mapped[str | None]
    wmc: Mapped[str | None]
    office: Mapped[str | None]
    place_id: Mapped[int] = mapped_column(ForeignKey("places.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    uc_type: Mapped[str | None]
    use: Mapped[str | None]
    size_band: Mapped[str | None]
    size_text: Mapped[str | None]
    monthly_fee: Mapped[rupees | None]
    total_payable: Mapped[rupees | None]
    portal_balance: Mapped[str | None]
    portal_current_bill: Mapped[str | None]
    is_active: Mapped[bool | None]
    as_of: Mapped[timestamp]
    # Columns that a person has set: files leave them alone, until the hold is released (see portal.registers).
    kept_by_hand: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=text("'{}'"))
    deleted_at: Mapped[timestamp | None]
    deleted_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    delete_reason: Mapped[str] = mapped_column(server_default="")
    # Counts the edits by people: a form made of an older one is refused.
    version: Mapped[int] = mapped_column(server_default=text("1"))
    first_batch_id: Mapped[int | None] = mapped_column(BigInteger)
    last_batch_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[created_at]
    updated_at: Mapped[updated_at]
    search: Mapped[str | None] = mapped_column(
        TSVECTOR,
        Computed(SEARCH_VECTOR, persisted=True),
        deferred=True,
    )


class BillKey(Base):
    """Each portal bill id, once over all months, with the month its bill stands in.

    Bills are partitioned by month and cannot hold this uniqueness themselves; they reference this table, and a
    change of the month here moves the bill (ON UPDATE CASCADE).
    """

    __tablename__ = "bill_keys"
    __table_args__ = (UniqueConstraint("portal_bill_id", "billing_month"),)

    portal_bill_id: Mapped[str] = mapped_column(primary_key=True)
    billing_month: Mapped[dt.date]


class Bill(Base):
    """One account, one billing month (the first day of the month names it).

    Stated by the source: `monthly_fee`, `arrears`, `fine`, `amount_payable`, `amount_after_due`.
    Derived by `portal.payments.allocation` and recomputed by `flask verify`: `status`, `paid_amount` (payments
    allocated), `last_paid_on`, and `demand`: the amount within the due date where a paid row states it
    (`Amount`), else the stated payable. `carried_on` is the day from which a later live bill of the account carries
    what this one left unpaid: that bill's day of issue; NULL for the latest, and for cancelled bills. `delivered_on` is
    the day of the first approved delivery of the account and month (see `portal.payments.deliveries`), NULL for
    cancelled bills.
    `month_source` says where the month came from (ISSUED, MONTH, FILE_NAME, CALENDAR: options of the file with
    the earliest as-of that holds the bill; MOVED: a person, for good).
    """

    __tablename__ = "bills"
    __table_args__ = (
        PrimaryKeyConstraint("billing_month", "id"),
        ForeignKeyConstraint(
            ["portal_bill_id", "billing_month"],
            ["bill_keys.portal_bill_id", "bill_keys.billing_month"],
            onupdate="CASCADE",
            name="fk_bills_bill_key",
        ),
        CheckConstraint("status IN ('UNPAID','PARTIAL','PAID','ARREARS','CANCELLED')", name="status"),
        CheckConstraint("billing_month = date_trunc('month', billing_month::timestamp)::date", name="first_of_month"),
        CheckConstraint(
            "monthly_fee >= 0 AND coalesce(arrears, 0) >= 0 AND coalesce(fine, 0) >= 0"
            " AND coalesce(amount_payable, 0) >= 0 AND coalesce(amount_after_due, 0) >= 0"
            " AND paid_amount >= 0 AND demand >= 0",
            name="never_negative",
        ),
        CheckConstraint(USE_CHECK, name="use"),
        CheckConstraint(SIZE_CHECK, name="size_band"),
        CheckConstraint(UC_TYPE_CHECK, name="uc_type"),
        CheckConstraint("source IN ('BILLER','OLD_SYSTEM','OWN')", name="source"),
        Index(
            "uq_bills_live_account_month",
            "account_id",
            "billing_month",
            unique=True,
            postgresql_where=text("status <> 'CANCELLED'"),
        ),
        Index("ix_bills_account_id", "account_id"),
        Index("ix_bills_superseded", "account_id", "billing_month", postgresql_where=text("status = 'CANCELLED'")),
        Index("ix_bills_portal_bill_id", "portal_bill_id"),
        Index("ix_bills_delivered", "account_id", postgresql_where=text("delivered_on IS NOT NULL")),
        Index("ix_bills_location_id_id", "location_id", "id"),
        {"postgresql_partition_by": "RANGE (billing_month)"},
    )

    billing_month: Mapped[dt.date]
    id: Mapped[int] = mapped_column(BigInteger, Identity())
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    psid: Mapped[str]
    portal_bill_id: Mapped[str | None]
    source: Mapped[str] = mapped_column(server_default="BILLER")
    place_id: Mapped[int] = mapped_column(BigInteger)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    uc_type: Mapped[str | None]
    use: Mapped[str | None]
    size_band: Mapped[str | None]
    issued_at: Mapped[timestamp]
    monthly_fee: Mapped[rupees] = mapped_column(server_default=text("0"))
    arrears: Mapped[rupees | None]
    fine: Mapped[rupees | None]
    amount_payable: Mapped[rupees | None]
    amount_after_due: Mapped[rupees | None]
    status: Mapped[str]
    paid_amount: Mapped[rupees_sum] = mapped_column(server_default=text("0"))
    demand: Mapped[rupees_sum] = mapped_column(server_default=text("0"))
    last_paid_on: Mapped[dt.date | None]
    carried_on: Mapped[dt.date | None]
    delivered_on: Mapped[dt.date | None]
    month_source: Mapped[str]
    month_as_of: Mapped[timestamp]
    as_of: Mapped[timestamp]
    first_batch_id: Mapped[int | None] = mapped_column(BigInteger)
    last_batch_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[created_at]
    updated_at: Mapped[updated_at]


class AccountBalance(Base):
    """What follows from an account's bills and payments; one row per account, derived, recomputed by `verify`.

    `outstanding`: the latest live bill's demand less what was paid on it, not below 0. `credit`: what was paid on
    it beyond the amount and the fine. `unpaid_bills`: consecutive unpaid live bills up to the latest.
    `payments_count` counts all payments of the account (0: never paid). `location_id`, `use`, `size_band` repeat
    the account's, `is_pending` says that the account waits for its survey. Without a foreign key, since a file writes a
    row for each of its accounts; `flask verify` finds a row whose account is not there.
    """

    __tablename__ = "account_balances"
    __table_args__ = (
        CheckConstraint("outstanding >= 0 AND credit >= 0 AND unpaid_bills >= 0", name="never_negative"),
        # Who owes most: the order of the report of what is outstanding.
        Index("ix_account_balances_owing", "outstanding", "account_id", postgresql_where=text("outstanding > 0")),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    location_id: Mapped[int]
    use: Mapped[str | None]
    size_band: Mapped[str | None]
    is_pending: Mapped[bool]
    latest_bill_month: Mapped[dt.date | None]
    latest_bill_id: Mapped[int | None] = mapped_column(BigInteger)
    outstanding: Mapped[rupees_sum] = mapped_column(server_default=text("0"))
    credit: Mapped[rupees_sum] = mapped_column(server_default=text("0"))
    unpaid_bills: Mapped[int] = mapped_column(server_default=text("0"))
    payments_count: Mapped[int] = mapped_column(server_default=text("0"))


class UnitState(Base):
    """Units with at least one account (listed), with the unit's own location; one row per listed unit.

    Derived as `unit_cycles`, and without a foreign key as that is: both are written for every unit of a file, and
    `flask verify` finds a row whose unit is not there.
    """

    __tablename__ = "unit_states"

    unit_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    location_id: Mapped[int]
    use: Mapped[str | None]
    accounts: Mapped[int]


class UnitCycle(Base):
    """What a unit did in a billing month, each unit once: its live bills and how many of them are paid.

    Carries the unit's own location, so that surveyed >= listed >= billed >= paid in every area. `paid_on` is the day
    it became a paying unit: the first of the last paid dates of its paid bills (a bill with nothing to pay counts on
    its day of issue); NULL while none is paid. `delivered_bills` are those of the live bills that were handed over.
    """

    __tablename__ = "unit_cycles"
    __table_args__ = (PrimaryKeyConstraint("billing_month", "unit_id"), Index("ix_unit_cycles_unit_id", "unit_id"))

    billing_month: Mapped[dt.date]
    unit_id: Mapped[int] = mapped_column(BigInteger)
    location_id: Mapped[int]
    use: Mapped[str | None]
    bills: Mapped[int] = mapped_column(SmallInteger)
    paid_bills: Mapped[int] = mapped_column(SmallInteger)
    paid_on: Mapped[dt.date | None]
    delivered_bills: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))

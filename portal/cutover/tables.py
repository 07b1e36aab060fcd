"""The old system's seven tables as CSV exports: their columns, and which one a file is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from portal.errors import RefusedFileError


@dataclass(frozen=True)
class OldTable:
    """One table: its columns, and those of them without which its rows mean nothing."""

    name: str
    label: Any
    columns: tuple[str, ...]
    required: frozenset[str]


# In the order in which they are taken over: each finds what it refers to.
TABLES: tuple[OldTable, ...] = (
    OldTable(
        "unique_locations", _l("places"), ("city_district", "uc_name"), frozenset({"city_district", "uc_name"})
    ),
    OldTable(
        "survey_units",
        _l("units"),
        (
            "survey_id", "surveyor_name", "survey_timestamp", "city_district", "uc_name", "uc_type", "image_portal_url",
            "image_drive_id", "unit_specific_type", "survey_category", "survey_consumer_name", "billing_consumer_name",
            "survey_mobile", "billing_mobile", "survey_address", "billing_address", "house_type", "water_connection",
            "size_marla", "gps_lat", "gps_long", "gps_full_string", "is_active_portal",
        ),
        frozenset({"survey_id", "city_district", "uc_name"}),
    ),
    OldTable(
        "bills",
        _l("bills"),
        (
            "psid", "bill_month", "survey_id_fk", "monthly_fee", "arrears", "amount_due", "payment_status", "paid_date",
            "paid_amount", "fine", "channel", "uploaded_at", "created_at", "updated_at",
        ),
        frozenset({"psid", "bill_month", "amount_due", "payment_status", "paid_date", "paid_amount", "channel"}),
    ),
    OldTable(
        "staff",
        _l("staff"),
        (
            "id", "username", "password", "full_name", "role", "assigned_city", "assigned_ucs", "is_active",
            "created_at", "updated_at",
        ),
        frozenset({"id", "username", "password", "role", "assigned_city", "assigned_ucs"}),
    ),
    OldTable(
        "tickets",
        _l("tickets"),
        (
            "ticket_id", "reported_by_staff_id", "status", "title", "description", "priority", "category", "created_at",
            "updated_at", "resolved_at", "resolved_by_staff_id",
        ),
        frozenset({"ticket_id", "status", "title", "created_at"}),
    ),
    OldTable(
        "compliance_visits",
        _l("visits"),
        (
            "id", "staff_id", "survey_id_fk", "image_drive_id", "visit_date", "visit_time", "visit_type", "notes",
            "gps_lat", "gps_long", "created_at",
        ),
        frozenset({"id", "staff_id", "survey_id_fk", "visit_date", "visit_type"}),
    ),
    OldTable(
        "notifications",
        _l("notifications"),
        ("id", "user_id", "message", "type", "related_entity", "entity_id", "is_read", "created_at"),
        frozenset({"id", "user_id", "message", "is_read", "created_at"}),
    ),
)  # fmt: skip
BY_NAME: dict[str, OldTable] = {table.name: table for table in TABLES}
# What a paid bill of the old system also brings; counted beside the tables.
PAYMENTS = "payments"
LABELS: dict[str, Any] = {table.name: table.label for table in TABLES} | {PAYMENTS: _l("payments")}


def recognise(header: Sequence[str], file: str) -> OldTable:
    """The table whose columns these are, of a file of this name. Raises RefusedFileError when it is none, or lacks a
    column it needs; the sentence names the file, as several are sent at once."""
    names = {name.strip().lstrip("\ufeff").lower() for name in header}
    best = max(TABLES, key=lambda table: (len(names & set(table.columns)), -len(table.columns)))
    if len(names & set(best.columns)) < min(3, len(best.columns)):
        raise RefusedFileError(
            _l(
                "%(file)s is none of the old system’s tables (%(tables)s). Nothing was taken over."
                " Export the tables as CSV with their row of column names.",
                file=file,
                tables=", ".join(table.name for table in TABLES),
            ),
            code="no_header",
        )
    if missing := sorted(best.required - names):
        raise RefusedFileError(
            _l(
                "The column %(columns)s is missing in the table %(table)s. Nothing was taken over."
                " Export the whole table again.",
                columns=", ".join(missing),
                table=best.name,
            ),
            code="missing_columns",
            columns=missing,
        )
    return best

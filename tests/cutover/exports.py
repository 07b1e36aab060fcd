"""Exports of the old system's tables as it wrote them, faults included."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bcrypt

from portal.cutover.tables import BY_NAME

PASSWORD = "Sweeper-77-Khushab"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
FIRST, SECOND, THIRD = "26770100000000000011", "26770100000000000022", "26770100000000000033"


def write(folder: Path, table: str, rows: Sequence[dict[str, Any]]) -> Path:
    """One table as CSV with all its columns; what a row does not say is empty."""
    path = folder / f"{table}.csv"
    columns = BY_NAME[table].columns
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        for row in rows:
            assert set(row) <= set(columns), row
            writer.writerow(["" if row.get(name) is None else row[name] for name in columns])
    return path


UNIT = {"city_district": "Khushab", "uc_name": "MC-9 Clocktower", "uc_type": "Urban"}
UNITS: list[dict[str, Any]] = [
    UNIT
    | {
        "survey_id": "1001", "survey_consumer_name": "Aslam Khan", "survey_mobile": "03001234567",
        "billing_consumer_name": "Aslam K.", "billing_mobile": "03007654321", "house_type": "House",
        "size_marla": "5", "gps_lat": "32.29", "gps_long": "72.35", "image_drive_id": "drive-1",
        "survey_timestamp": "2025-08-01T10:00:00+05:00", "is_active_portal": "true",
    },
    UNIT | {"survey_id": "1002", "survey_consumer_name": "Rani Begum", "house_type": "House", "size_marla": "12"},
    UNIT
    | {"survey_id": "1003", "survey_consumer_name": "Shop", "unit_specific_type": "Shops", "survey_category": "Small"},
    UNIT | {"survey_id": "", "survey_consumer_name": "Nobody"},
    UNIT | {"survey_id": "1002", "survey_consumer_name": "Rani Begum", "house_type": "House", "size_marla": "12"},
]  # fmt: skip
BILLS: list[dict[str, Any]] = [
    {
        "psid": FIRST, "bill_month": "Oct-2025", "survey_id_fk": "1001", "monthly_fee": "300", "arrears": "0",
        "amount_due": "300", "payment_status": "PAID", "paid_date": "2025-10-28", "paid_amount": "300", "fine": "30",
        "channel": "1Bill",
    },
    {
        "psid": FIRST, "bill_month": "Nov-2025", "survey_id_fk": "1001", "monthly_fee": "300", "arrears": "0",
        "amount_due": "300", "payment_status": "UNPAID",
    },
    {
        "psid": SECOND, "bill_month": "Nov-2025", "survey_id_fk": "4444", "monthly_fee": "1,000", "amount_due": "1,000",
        "payment_status": "ARREARS",
    },
    {
        "psid": THIRD, "bill_month": "Nov-2025", "survey_id_fk": "1003", "monthly_fee": "500", "amount_due": "500",
        "payment_status": "PAID",
    },
    {"psid": "2.67701E+19", "bill_month": "Nov-2025", "amount_due": "300", "payment_status": "UNPAID"},
    {"psid": FIRST, "bill_month": "someday", "amount_due": "300", "payment_status": "UNPAID"},
]  # fmt: skip
STAFF: list[dict[str, Any]] = [
    {
        "id": "1", "username": "old.agent", "password": HASH, "full_name": "Old Agent", "role": "AGENT",
        "assigned_city": "Khushab", "assigned_ucs": '{"MC-9 Clocktower"}', "is_active": "true",
    },
    {
        "id": "2", "username": "old.plain", "password": "1234567", "full_name": "Plain", "role": "SUPERVISOR",
        "assigned_city": "Khushab", "assigned_ucs": "{}", "is_active": "true",
    },
    {
        "id": "3", "username": "old.lost", "password": HASH, "role": "AGENT", "assigned_city": "Atlantis",
        "assigned_ucs": '{"UC-1","UC-2"}', "is_active": "false",
    },
    {"id": "4", "username": "old.pope", "password": HASH, "role": "POPE", "assigned_city": "Khushab"},
    {"id": "5", "username": "bad name", "password": HASH, "role": "AGENT", "assigned_city": "Khushab"},
]  # fmt: skip
TICKETS: list[dict[str, Any]] = [
    {
        "ticket_id": "7", "reported_by_staff_id": "1", "status": "PENDING", "title": "Wrong size", "category": "DATA",
        "description": "Ten marla,\nnot five", "priority": "HIGH", "created_at": "2025-11-01T09:00:00+00:00",
    },
    {
        "ticket_id": "8", "reported_by_staff_id": "99", "status": "APPROVED", "title": "Waive", "category": "BILLING",
        "created_at": "2025-11-02T09:00:00+00:00", "resolved_at": "2025-11-03T09:00:00+00:00",
        "resolved_by_staff_id": "2",
    },
    {"ticket_id": "9", "status": "LOST", "title": "?", "created_at": "2025-11-02T09:00:00+00:00"},
]  # fmt: skip
VISITS: list[dict[str, Any]] = [
    {
        "id": "70", "staff_id": "1", "survey_id_fk": "1001", "visit_date": "2025-11-05", "visit_time": "14:30:00",
        "visit_type": "ROUTINE", "notes": "Clean", "gps_lat": "32.29", "gps_long": "72.35", "image_drive_id": "p-9",
    },
    {"id": "71", "staff_id": "1", "survey_id_fk": "9999", "visit_date": "2025-11-05", "visit_type": "ROUTINE"},
    {"id": "72", "staff_id": "1", "survey_id_fk": "1001", "visit_date": "never", "visit_type": "ROUTINE"},
]  # fmt: skip
NOTIFICATIONS: list[dict[str, Any]] = [
    {
        "id": "500", "user_id": "1", "message": "Call 03001234567 back", "type": "warning", "is_read": "false",
        "created_at": "2025-11-06T08:00:00+00:00",
    },
    {
        "id": "501", "user_id": "77", "message": "Lost", "type": "info", "is_read": "true",
        "created_at": "2025-11-06T08:00:00+00:00",
    },
]  # fmt: skip
PLACES: list[dict[str, Any]] = [
    {"city_district": "Khushab", "uc_name": "MC-9 Clocktower"},
    {"city_district": "Khushab", "uc_name": "Nowhere"},
    {"city_district": "Khushab", "uc_name": "mc-9 clocktower"},
    {"city_district": "", "uc_name": "UC-1"},
]
ALL = {
    "unique_locations": PLACES,
    "survey_units": UNITS,
    "bills": BILLS,
    "staff": STAFF,
    "tickets": TICKETS,
    "compliance_visits": VISITS,
    "notifications": NOTIFICATIONS,
}


def write_all(folder: Path) -> Path:
    """The whole set."""
    folder.mkdir(exist_ok=True)
    for table, rows in ALL.items():
        write(folder, table, rows)
    return folder

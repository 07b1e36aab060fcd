"""`python -m benchmarks.grow`: the set ten times over, in SQL: a province of 3 million units from 300,000.

Nine more districts' worth of areas, each with its units, accounts, bills, payments, agents and what these did. Each
copy has ids of its own (a multiple higher) and keys of its own (its number in PSID, survey id, bill id, names).
Triggers and foreign keys are off and indexes made at the end. Takes most of an hour and ten times the space;
`--only lists` then measures both sizes.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from typing import Any

from benchmarks import field_set
from benchmarks.dataset import Report, make, say
from benchmarks.server import Server, running_server
from portal.config import load_settings

TIMES = 10
TABLES = (
    "locations", "location_closure", "location_names", "places", "staff", "staff_areas", "assignments", "survey_units",
    "accounts", "bill_keys", "bills", "payments", "account_balances", "unit_states", "unit_cycles", "tickets",
    "compliance_visits", "ticket_comments", "ticket_events", "corrections", "stored_files", "rollup_accounts",
    "rollup_bills", "rollup_collected", "rollup_days", "rollup_received", "rollup_tickets", "rollup_unit_cycles",
    "rollup_units", "rollup_visits",
)  # fmt: skip
# What a column names decides by how much a copy's value is higher; the province itself is not copied.
_ROWS, _PLACES, _PEOPLE = 1_000_000_000, 100_000, 100_000
_OF_ROWS = {
    "unit_id", "account_id", "bill_id", "payment_id", "visit_id", "ticket_id", "comment_id", "correction_id",
    "merged_into_id", "place_id",
}  # fmt: skip
_OF_PLACES = {"location_id", "area_id", "parent_id", "ancestor_id"}
_OF_PEOPLE = {
    "staff_id", "created_by", "ended_by", "deleted_by", "reviewed_by", "proposed_by", "decided_by", "reported_by",
    "assigned_to", "wanted_by", "resolved_by", "uploaded_by",
}  # fmt: skip
_KEYS = {"survey_id", "portal_bill_id", "legacy_id", "number", "key", "portal_id", "division_key", "username", "email"}


def name_of(database: str) -> str:
    return f"{database}_x{TIMES}"


def grow(server: Server, source: str, report: Report) -> str:
    """Make the large database, unless it is there. Returns its name."""
    name = name_of(source)
    building = f"{name}_new"
    if server.exists(name):
        return name
    server.copy(source, building)
    with server.connect(building) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SET session_replication_role = replica; SET synchronous_commit = off; SET maintenance_work_mem = '2GB';"
            " SET max_parallel_maintenance_workers = 1; SET statement_timeout = 0"
        )
        indexes = _drop_indexes(cursor)
        for table in TABLES:
            started = time.monotonic()
            cursor.execute(_copies_of(cursor, table))
            report(f"{table} x {TIMES}: {time.monotonic() - started:.0f} s")
        for definition in indexes:
            started = time.monotonic()
            cursor.execute(definition)
            report(f"{definition[:70]}: {time.monotonic() - started:.0f} s")
    server.execute("VACUUM ANALYZE", building)
    server.execute("CHECKPOINT")
    server.execute(f"ALTER DATABASE {building} RENAME TO {name}")
    return name


def _drop_indexes(cursor: Any) -> list[str]:
    """Drop the indexes that no constraint needs; returns the statements that make them again."""
    cursor.execute(
        "SELECT c.oid::regclass::text, replace(pg_get_indexdef(c.oid), ' ON ONLY ', ' ON ') FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = ANY(%s::regclass[]) AND NOT i.indisprimary"
        " AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid) ORDER BY 1",
        (list(TABLES),),
    )
    found = cursor.fetchall()
    for name, _definition in found:
        cursor.execute(f"DROP INDEX {name}")
    return [definition for _name, definition in found]


def _columns(cursor: Any, table: str) -> list[tuple[str, str]]:
    """Name and type of each column that is not computed."""
    cursor.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        (table,),
    )
    return list(cursor.fetchall())


def _value(table: str, name: str, kind: str) -> str:
    """What a column of copy `n` holds."""
    of_place = name in _OF_PLACES or (table, name) == ("locations", "id")
    of_person = name in _OF_PEOPLE or (table, name) == ("staff", "id")
    choices = (
        (table == "locations" and name in {"name", "name_ur", "match_key"}, f"{name} || ' ' || n + 1"),
        (of_place, f"CASE WHEN {name} = root THEN {name} ELSE {name} + n * {_PLACES} END"),
        (of_person or (table, name) == ("location_names", "id"), f"{name} + n * {_PEOPLE}"),
        (name in _OF_ROWS or name == "id", f"{name} + n::bigint * {_ROWS}"),
        (name == "psid", f"(left({name}, 1)::int + n) % 10 || substr({name}, 2)"),  # full length: another first digit
        (name in _KEYS, f"n || {name}"),
        (kind == "uuid", "gen_random_uuid()"),
    )
    return next((value for holds, value in choices if holds), f'"{name}"')


def _copies_of(cursor: Any, table: str) -> str:
    columns = _columns(cursor, table)
    names = ", ".join(f'"{name}"' for name, _kind in columns)
    values = ", ".join(_value(table, name, kind) for name, kind in columns)
    # Rows of the province itself stay single: its node, its place in the closure, sums that hang on it.
    of_place = next((name for name, _kind in columns if name == "location_id"), "id" if table == "locations" else "")
    others = f"WHERE {of_place} <> root" if of_place and table != "staff_areas" else ""
    return (
        f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {values} FROM {table}"
        f" CROSS JOIN generate_series(1, {TIMES - 1}) AS n"
        f" CROSS JOIN (SELECT id FROM locations WHERE parent_id IS NULL) AS province (root) {others}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grow", description=__doc__)
    parser.add_argument("--units", type=int, default=300_000)
    parser.add_argument("--months", type=int, default=12)
    options = parser.parse_args()
    logging.disable(logging.INFO)
    folder = load_settings().instance_dir / "bench"
    with running_server(folder) as server:
        data = make(server, folder, options.units, options.months, say)
        field_set.fill(server, data.whole)
        server.execute("ALTER SYSTEM SET max_wal_size = '2GB'")  # the log would take as much room as the set
        server.execute("SELECT pg_reload_conf()")
        try:
            grow(server, data.whole, say)
        finally:
            server.execute("ALTER SYSTEM RESET max_wal_size")
    return 0


if __name__ == "__main__":
    sys.exit(main())

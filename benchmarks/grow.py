"""`python -m benchmarks.grow`: the set ten times over, in SQL: 3 million units from 300,000, in the same areas.

Each copy has ids of its own (a multiple of a billion higher) and keys of its own (its number in PSID, survey id and
bill id). Triggers and foreign keys are off and indexes made at the end; figures that triggers keep are multiplied.
Takes most of an hour and ten times the space; `--only lists` then measures both sizes.
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
_STEP = 1_000_000_000
# Tables that grow with the units, and what tells copies apart. Ids first: a column that names a row of these tables.
TABLES = (
    "survey_units", "accounts", "bill_keys", "bills", "payments", "account_balances", "unit_states", "unit_cycles",
    "tickets", "compliance_visits", "ticket_comments", "ticket_events", "corrections", "stored_files",
)  # fmt: skip
_IDS = {
    "unit_id", "account_id", "bill_id", "payment_id", "visit_id", "ticket_id", "comment_id", "correction_id",
    "merged_into_id",
}  # fmt: skip
_KEYS = {"survey_id", "portal_bill_id", "legacy_id", "number", "key"}
_ROLLUPS = (
    "rollup_accounts", "rollup_bills", "rollup_collected", "rollup_days", "rollup_received", "rollup_tickets",
    "rollup_unit_cycles", "rollup_units", "rollup_visits",
)  # fmt: skip


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
        for table in _ROLLUPS:
            cursor.execute(_multiplied(cursor, table))
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


def _columns(cursor: Any, table: str) -> list[tuple[str, str, bool]]:
    """Name, type and whether it is part of the key, of each column that is not computed."""
    cursor.execute(
        "SELECT a.attname, format_type(a.atttypid, NULL), a.attnum = ANY(i.indkey) FROM pg_attribute a"
        " JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary WHERE a.attrelid = %s::regclass"
        " AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum",
        (table,),
    )
    return list(cursor.fetchall())


def _copies_of(cursor: Any, table: str) -> str:
    columns = _columns(cursor, table)
    values = []
    for name, kind, _is_key in columns:
        if name in _IDS or name == "id":
            values.append(f"{name} + n * {_STEP}")
        elif name == "psid":  # full length already: another first digit
            values.append(f"(left({name}, 1)::int + n) % 10 || substr({name}, 2)")
        elif name in _KEYS:
            values.append(f"n || {name}")
        else:
            values.append("gen_random_uuid()" if kind == "uuid" else f'"{name}"')
    names = ", ".join(f'"{name}"' for name, _kind, _is_key in columns)
    return (
        f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {', '.join(values)}"
        f" FROM generate_series(1::bigint, {TIMES - 1}) AS n CROSS JOIN {table}"
    )


def _multiplied(cursor: Any, table: str) -> str:
    numbers = [n for n, kind, is_key in _columns(cursor, table) if kind == "bigint" and not is_key]
    return f"UPDATE {table} SET " + ", ".join(f'"{name}" = "{name}" * {TIMES}' for name in numbers)


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

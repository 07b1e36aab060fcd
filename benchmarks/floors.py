"""The floor of an import: COPY of the same file into a plain staging table, and the plainest SQL that inserts it.

Into the real tables `accounts`, `bill_keys` and `bills`: all their columns, indexes, constraints, foreign keys and
triggers (rollup deltas of bills). No checks of single cells but the casts, no findings, no outcome of rows, no changes
kept, no payments, balances, statuses or unit counts, no preview. Places are resolved beforehand and not timed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.server import Server

COLUMNS = (
    "sr", "monthly_fee", "current_bill", "psid", "wmc", "division", "district", "tehsil", "office", "uc", "name",
    "cnic", "mobile", "address", "category", "sub_category", "billing_category", "balance", "issued", "payable",
    "bill_id", "status", "survey_id",
)  # fmt: skip

_STAGE = f"""
DROP TABLE IF EXISTS floor_stage;
CREATE UNLOGGED TABLE floor_stage (
    line_no int GENERATED ALWAYS AS IDENTITY, {", ".join(f"{column} text" for column in COLUMNS)}
)"""
_PLACES = """
DROP TABLE IF EXISTS floor_places;
CREATE TABLE floor_places AS
SELECT d.tehsil, d.uc, p.id AS place_id, p.location_id
FROM (SELECT tehsil, uc, row_number() OVER () AS n FROM floor_stage GROUP BY 1, 2) d
JOIN (SELECT id, location_id, row_number() OVER (ORDER BY id) AS n, count(*) OVER () AS total FROM places) p
  ON p.n = 1 + d.n % p.total;
ANALYZE floor_places"""

# Rows that cannot be inserted: no PSID, or the same one further down.
_CLEAN = """
DELETE FROM floor_stage s WHERE s.psid !~ '^[0-9]{11,20}$' OR s.line_no IN (
    SELECT line_no FROM (SELECT line_no, row_number() OVER (PARTITION BY psid ORDER BY line_no DESC) AS n
                         FROM floor_stage) numbered WHERE n > 1)"""


def _money(column: str) -> str:
    return f"replace(nullif(s.{column}, '-'), ',', '')::int"


_USE = "CASE s.sub_category WHEN 'Domestic' THEN 'DOMESTIC' WHEN 'Commercial' THEN 'COMMERCIAL' END"
_BAND = (
    "CASE s.billing_category WHEN '0-5 Marla' THEN 'M0_5' WHEN '5-10 Marla' THEN 'M5_10'"
    " WHEN '10-20 Marla' THEN 'M10_20' WHEN '20-40 Marla' THEN 'M20_40'"
    " WHEN 'Above 40 Marla' THEN 'M40_PLUS' WHEN 'Small' THEN 'SMALL'"
    " WHEN 'Medium' THEN 'MEDIUM' WHEN 'Large' THEN 'LARGE' END"
)
_UC_TYPE = "upper(nullif(s.category, '-'))"
_ISSUED = "to_timestamp(nullif(s.issued, '-'), 'DD/MM/YYYY HH12:MI AM')"
_ACCOUNT = {
    "psid": "s.psid",
    "survey_id": "nullif(s.survey_id, '-')",
    "consumer_name": "nullif(s.name, '-')",
    "mobile": "nullif(regexp_replace(s.mobile, '[^0-9]', '', 'g'), '')",
    "mobile_text": "nullif(s.mobile, '-')",
    "cnic": "nullif(regexp_replace(s.cnic, '[^0-9]', '', 'g'), '')",
    "cnic_text": "nullif(s.cnic, '-')",
    "address": "nullif(s.address, '-')",
    "wmc": "s.wmc",
    "office": "s.office",
    "uc_type": _UC_TYPE,
    '"use"': _USE,
    "size_band": _BAND,
    "size_text": "s.billing_category",
    "monthly_fee": _money("monthly_fee"),
    "total_payable": _money("payable"),
    "portal_balance": "nullif(s.balance, '-')",
    "portal_current_bill": "nullif(s.current_bill, '-')",
    "is_active": "s.status = '1'",
    "unit_id": "u.id",
    "place_id": "p.place_id",
    "location_id": "p.location_id",
    "as_of": "now()",
}
_ACCOUNTS = f"""
INSERT INTO accounts ({", ".join(_ACCOUNT)}) SELECT {", ".join(_ACCOUNT.values())}
FROM floor_stage s JOIN floor_places p USING (tehsil, uc) LEFT JOIN survey_units u ON u.survey_id = s.survey_id"""
_UPSERT = f"""{_ACCOUNTS}
ON CONFLICT (psid) DO UPDATE SET {", ".join(f"{c} = excluded.{c}" for c in _ACCOUNT if c != "psid")}"""
_KEYS = """
INSERT INTO bill_keys (portal_bill_id, billing_month) SELECT s.bill_id, :month FROM floor_stage s
WHERE s.bill_id <> '-'"""
_BILLS = f"""
INSERT INTO bills (billing_month, account_id, psid, portal_bill_id, uc_type, "use", size_band, issued_at, monthly_fee,
                   amount_payable, demand, place_id, location_id, status, month_source, month_as_of, as_of)
SELECT :month, a.id, a.psid, s.bill_id, {_UC_TYPE}, {_USE}, {_BAND}, {_ISSUED}, coalesce({_money("monthly_fee")}, 0),
       {_money("payable")}, coalesce({_money("payable")}, 0), p.place_id, p.location_id, 'UNPAID', 'FILE_NAME',
       now(), now()
FROM floor_stage s JOIN floor_places p USING (tehsil, uc) JOIN accounts a ON a.psid = s.psid
WHERE s.bill_id <> '-'"""
# On top of other months: bills that are known are refreshed, the others inserted.
_REFRESH = f"""
UPDATE bills b SET amount_payable = {_money("payable")}
FROM floor_stage s JOIN bill_keys k ON k.portal_bill_id = s.bill_id
WHERE b.billing_month = k.billing_month AND b.portal_bill_id = k.portal_bill_id
  AND b.amount_payable IS DISTINCT FROM {_money("payable")}"""
_NEW_BILLS = f"""
WITH fresh AS ({_KEYS} ON CONFLICT DO NOTHING RETURNING portal_bill_id)
{_BILLS} AND s.bill_id IN (SELECT portal_bill_id FROM fresh)"""

FIRST = (_CLEAN, _ACCOUNTS, _KEYS, _BILLS)
MONTHLY = (_CLEAN, _UPSERT, _REFRESH, _NEW_BILLS)


@dataclass(frozen=True)
class Cost:
    """What one run took: wall-clock seconds, seconds of CPU (client and server), of which COPY's wall-clock."""

    seconds: float
    cpu: float
    copy_seconds: float = 0.0
    peak_mib: int = 0


def server_cpu(pid: int) -> float:
    """Seconds of CPU a server process has used."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def run_floor(server: Server, database: str, path: Path, month: str, statements: tuple[str, ...]) -> Cost:
    """COPY and the statements in one transaction, committed. The file's encoding is UTF-8."""
    with server.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SET work_mem = '128MB'")
        cursor.execute(_STAGE)
        _copy(cursor, path)
        cursor.execute(_PLACES)
        cursor.execute(_STAGE)  # the timed COPY fills an empty table
        connection.autocommit = False
        pid = connection.info.backend_pid
        used, own, started = server_cpu(pid), time.process_time(), time.perf_counter()
        _copy(cursor, path)
        copied = time.perf_counter() - started
        cursor.execute("ANALYZE floor_stage (line_no, psid, bill_id, survey_id, tehsil, uc)")
        for statement in statements:
            cursor.execute(statement.replace(":month", f"DATE '{month}'"))
        connection.commit()
        seconds = time.perf_counter() - started
        return Cost(seconds, server_cpu(pid) - used + time.process_time() - own, copied)


def _copy(cursor: Any, path: Path) -> None:
    with path.open("rb") as handle:
        if handle.read(3) != b"\xef\xbb\xbf":
            handle.seek(0)
        cursor.copy_expert(f"COPY floor_stage ({', '.join(COLUMNS)}) FROM STDIN (FORMAT csv, HEADER)", handle, 1 << 16)

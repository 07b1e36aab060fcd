"""The figures of a database by SQL of the tests' own, in the manifest's shape."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text


def _rows(connection: Connection, sql: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(text(sql)).mappings()]


def imported_files(connection: Connection) -> dict[str, dict[str, Any]]:
    """What each import kept of its counts, by file name."""
    rows = _rows(
        connection,
        """
        SELECT file_name, kind, rows_read AS rows, rows_inserted AS inserted, rows_updated AS updated,
               rows_unchanged AS unchanged, rows_duplicate AS duplicates, rows_rejected AS rejected,
               rows_pending AS pending, totals
        FROM import_batches WHERE status = 'DONE' ORDER BY id""",
    )
    return {row.pop("file_name"): row for row in rows}


def months(connection: Connection) -> dict[str, dict[str, Any]]:
    """Bills by month."""
    rows = _rows(
        connection,
        """
        SELECT to_char(billing_month, 'YYYY-MM') AS month,
               count(*) FILTER (WHERE status <> 'CANCELLED') AS live_bills,
               coalesce(sum(monthly_fee) FILTER (WHERE status <> 'CANCELLED'), 0)::bigint AS monthly_fee,
               coalesce(sum(demand) FILTER (WHERE status <> 'CANCELLED'), 0)::bigint AS demand,
               count(*) FILTER (WHERE status = 'PAID') AS paid_bills,
               coalesce(sum(paid_amount) FILTER (WHERE status <> 'CANCELLED'), 0)::bigint AS received,
               count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled
        FROM bills GROUP BY 1""",
    )
    return {row.pop("month"): row for row in rows}


def months_of_tehsils(connection: Connection) -> dict[tuple[str, str], dict[str, Any]]:
    """Live bills by month and tehsil."""
    rows = _rows(
        connection,
        """
        SELECT to_char(b.billing_month, 'YYYY-MM') AS month, t.name AS tehsil, count(*) AS live_bills,
               sum(b.monthly_fee)::bigint AS monthly_fee, sum(b.demand)::bigint AS demand,
               sum(b.paid_amount)::bigint AS received
        FROM bills b JOIN location_closure c ON c.location_id = b.location_id
        JOIN locations t ON t.id = c.ancestor_id AND t.kind = 'TEHSIL'
        WHERE b.status <> 'CANCELLED' GROUP BY 1, 2""",
    )
    return {(row.pop("month"), row.pop("tehsil")): row for row in rows}


def units_by_month(connection: Connection) -> dict[str, dict[str, Any]]:
    """Units billed and paid, from the bills themselves."""
    rows = _rows(
        connection,
        """
        SELECT to_char(b.billing_month, 'YYYY-MM') AS month, count(DISTINCT a.unit_id) AS billed,
               count(DISTINCT a.unit_id) FILTER (WHERE b.status = 'PAID') AS paid
        FROM bills b JOIN accounts a ON a.id = b.account_id
        WHERE b.status <> 'CANCELLED' AND a.unit_id IS NOT NULL GROUP BY 1""",
    )
    return {row.pop("month"): row for row in rows}


def collected_by_day(connection: Connection) -> dict[str, dict[str, Any]]:
    """Payments by paid date."""
    rows = _rows(
        connection,
        """
        SELECT to_char(paid_on, 'YYYY-MM-DD') AS day, count(*) AS payments,
               coalesce(sum(paid_amount) FILTER (WHERE account_id IS NOT NULL), 0)::bigint AS posted,
               coalesce(sum(paid_amount) FILTER (WHERE account_id IS NULL), 0)::bigint AS unmatched
        FROM payments GROUP BY 1""",
    )
    return {row.pop("day"): row for row in rows}


def sums(connection: Connection) -> dict[str, int]:
    """The figures that stand once."""
    queries = {
        "accounts": "SELECT count(*) FROM accounts",
        "pending_accounts": "SELECT count(*) FROM accounts WHERE unit_id IS NULL",
        "units": "SELECT count(*) FROM survey_units",
        "listed_units": "SELECT count(DISTINCT unit_id) FROM accounts WHERE unit_id IS NOT NULL",
        "payments": "SELECT count(*) FROM payments",
        "collected": "SELECT coalesce(sum(paid_amount), 0) FROM payments",
        "posted": "SELECT coalesce(sum(paid_amount), 0) FROM payments WHERE account_id IS NOT NULL",
        "unmatched": "SELECT coalesce(sum(paid_amount), 0) FROM payments WHERE account_id IS NULL",
        "unallocated": "SELECT coalesce(sum(paid_amount), 0) FROM payments"
        " WHERE account_id IS NOT NULL AND bill_id IS NULL",
        "outstanding": "SELECT coalesce(sum(outstanding), 0) FROM account_balances",
        "credit": "SELECT coalesce(sum(credit), 0) FROM account_balances",
    }
    return {name: int(connection.execute(text(sql)).scalar_one()) for name, sql in queries.items()}

"""What follows from the bills: what each touched account owes, and what each of their units did in a month."""

from __future__ import annotations

from sqlalchemy import Connection, text

from portal.payments.touched import ISSUED_ON, LATER_FIRST, in_touched_months


def _count_unpaid(connection: Connection) -> None:
    """`streaks`: of every touched account the number of consecutive unpaid live bills up to the latest.

    Where all live bills are in `bills_now` (a new account, or one looked at as a whole) they are counted there.
    Mostly the number follows from the one before: the bills newer than the former latest are all in `bills_now`, and
    when none of them is paid and the former latest is as unpaid as before, the old count goes on. Only when something
    older than that changed are the account's bills counted through; their statuses are up to date by now.

    `payments_before` is the account's count of payments so far; `is_known` says that the account has a balance.
    """
    connection.execute(
        text(
            """
            CREATE TEMP TABLE streaks ON COMMIT DROP AS
            SELECT t.account_id,
                   CASE WHEN t.whole OR known.latest_bill_id IS NULL THEN coalesce(n.first_paid, n.bills + 1) - 1
                        WHEN n.first_paid <= n.former THEN n.first_paid - 1
                        WHEN n.former IS NULL OR n.former_was_paid OR n.bills > n.former THEN NULL
                        ELSE n.former - 1 + known.unpaid_bills END AS unpaid,
                   coalesce(known.payments_count, 0) AS payments_before, known.account_id IS NOT NULL AS is_known
            FROM touched t
            LEFT JOIN account_balances known ON known.account_id = t.account_id
            LEFT JOIN (
                SELECT n.account_id, count(*) AS bills,
                       min(n.recency) FILTER (WHERE n.is_paid) AS first_paid,
                       min(n.recency) FILTER (WHERE k.account_id IS NOT NULL) AS former,
                       bool_or(n.old_status = 'PAID') FILTER (WHERE k.account_id IS NOT NULL) AS former_was_paid
                FROM bills_now n
                LEFT JOIN account_balances k ON k.account_id = n.account_id
                    AND k.latest_bill_month = n.billing_month AND k.latest_bill_id = n.id
                GROUP BY n.account_id
            ) n ON n.account_id = t.account_id"""
        )
    )
    if connection.execute(text("SELECT EXISTS (SELECT FROM streaks WHERE unpaid IS NULL)")).scalar_one():
        _count_through(connection)
    connection.execute(text("ANALYZE streaks"))


def _count_through(connection: Connection) -> None:
    """Fill the `streaks` that do not follow from the one before."""
    connection.execute(
        text(
            f"""
            UPDATE streaks s SET unpaid = counted.unpaid
            FROM (
                SELECT account_id,
                       coalesce(min(recency) FILTER (WHERE status = 'PAID'), max(recency) + 1) - 1 AS unpaid
                FROM (
                    SELECT b.account_id, b.status,
                           row_number() OVER (PARTITION BY b.account_id ORDER BY {LATER_FIRST}) AS recency
                    FROM bills b JOIN streaks open ON open.account_id = b.account_id AND open.unpaid IS NULL
                    WHERE b.status <> 'CANCELLED'
                ) ranked GROUP BY account_id
            ) counted
            WHERE s.account_id = counted.account_id AND s.unpaid IS NULL"""
        )
    )


_BALANCE = (
    "location_id", '"use"', "size_band", "is_pending", "latest_bill_month", "latest_bill_id", "outstanding", "credit",
    "unpaid_bills", "payments_count",
)  # fmt: skip


def set_balances(connection: Connection) -> None:
    """`account_balances` of the touched accounts."""
    _count_unpaid(connection)
    connection.execute(
        text(
            """
            CREATE TEMP TABLE balances_now ON COMMIT DROP AS
            SELECT s.is_known, t.account_id, t.location_id, t."use", t.size_band, t.unit_id IS NULL AS is_pending,
                   latest.billing_month AS latest_bill_month, latest.id AS latest_bill_id,
                   greatest(coalesce(latest.demand - latest.paid, 0), 0) AS outstanding,
                   greatest(coalesce(latest.paid - greatest(latest.with_fine, latest.demand), 0), 0) AS credit,
                   coalesce(s.unpaid, 0) AS unpaid_bills,
                   CASE WHEN t.money THEN coalesce(money.payments, 0) ELSE s.payments_before END AS payments_count
            FROM touched t
            JOIN streaks s ON s.account_id = t.account_id
            LEFT JOIN bills_now latest ON latest.account_id = t.account_id AND latest.recency = 1
            LEFT JOIN (
                SELECT p.account_id, count(*) AS payments FROM payments p JOIN touched t USING (account_id)
                WHERE t.money GROUP BY 1
            ) money ON money.account_id = t.account_id"""
        )
    )
    connection.execute(text("ANALYZE balances_now (account_id, is_known)"))
    connection.execute(
        text(
            f"""
            UPDATE account_balances old SET {", ".join(f"{name} = n.{name}" for name in _BALANCE)}
            FROM balances_now n
            WHERE n.is_known AND old.account_id = n.account_id
              AND ({", ".join(f"old.{name}" for name in _BALANCE)})
                  IS DISTINCT FROM ({", ".join(f"n.{name}" for name in _BALANCE)})"""
        )
    )
    connection.execute(
        text(
            f"""
            INSERT INTO account_balances (account_id, {", ".join(_BALANCE)})
            SELECT account_id, {", ".join(_BALANCE)} FROM balances_now WHERE NOT is_known ORDER BY account_id"""
        )
    )
    connection.execute(text("DROP TABLE streaks, balances_now"))


def set_units(connection: Connection) -> None:
    """`unit_states` and `unit_cycles` of the touched accounts' units; closed ones have none."""
    # A unit's number of accounts changes only with those looked at as a whole, and new ones (which have `money`).
    connection.execute(
        text(
            """
            CREATE TEMP TABLE touched_units ON COMMIT DROP AS
            SELECT u.id AS unit_id, u.location_id, u."use", t.recount
            FROM (
                SELECT unit_id, bool_or(whole OR money) AS recount FROM touched WHERE unit_id IS NOT NULL GROUP BY 1
            ) t JOIN survey_units u ON u.id = t.unit_id AND u.deleted_at IS NULL"""
        )
    )
    connection.execute(text("ANALYZE touched_units"))
    _set_unit_states(connection)
    _set_unit_cycles(connection)
    connection.execute(text("DROP TABLE touched_units"))


def _set_unit_states(connection: Connection) -> None:
    connection.execute(
        text(
            """
            CREATE TEMP TABLE unit_states_now ON COMMIT DROP AS
            SELECT u.unit_id, u.location_id, u."use", n.accounts, known.unit_id IS NOT NULL AS is_known
            FROM (
                SELECT a.unit_id, count(*)::int AS accounts
                FROM touched_units u JOIN accounts a ON a.unit_id = u.unit_id WHERE u.recount GROUP BY 1
            ) n JOIN touched_units u USING (unit_id) LEFT JOIN unit_states known ON known.unit_id = u.unit_id"""
        )
    )
    connection.execute(text("ANALYZE unit_states_now (unit_id, is_known)"))
    connection.execute(
        text(
            """
            UPDATE unit_states old SET location_id = n.location_id, "use" = n."use", accounts = n.accounts
            FROM unit_states_now n
            WHERE n.is_known AND old.unit_id = n.unit_id
              AND (old.location_id, old."use", old.accounts) IS DISTINCT FROM (n.location_id, n."use", n.accounts)"""
        )
    )
    connection.execute(
        text(
            """
            INSERT INTO unit_states (unit_id, location_id, "use", accounts)
            SELECT unit_id, location_id, "use", accounts FROM unit_states_now WHERE NOT is_known ORDER BY unit_id"""
        )
    )
    connection.execute(text("DROP TABLE unit_states_now"))


def _set_unit_cycles(connection: Connection) -> None:
    """Of the touched months, or of all.

    All months of the units of accounts touched as a whole: a bill that moved has left its month without a trace.
    """
    connection.execute(
        text(
            """
            CREATE TEMP TABLE touched_unit_months ON COMMIT DROP AS
            SELECT t.unit_id, b.billing_month FROM touched_bills b JOIN touched t USING (account_id)
            WHERE t.unit_id IS NOT NULL AND NOT b.carried
            UNION
            SELECT c.unit_id, c.billing_month FROM touched t JOIN unit_cycles c ON c.unit_id = t.unit_id
            WHERE t.whole"""
        )
    )
    connection.execute(text("ANALYZE touched_unit_months"))
    months = in_touched_months(connection, "{}.billing_month", "touched_unit_months")
    # Whether a row is known is found out before any is written: the planner takes the table being filled for empty.
    connection.execute(
        text(
            f"""
            CREATE TEMP TABLE unit_cycles_now ON COMMIT DROP AS
            SELECT n.billing_month, n.unit_id, u.location_id, u."use", n.bills, n.paid_bills, n.paid_on,
                   known.unit_id IS NOT NULL AS is_known
            FROM (
                SELECT t.billing_month, t.unit_id, count(*)::smallint AS bills,
                       (count(*) FILTER (WHERE b.status = 'PAID'))::smallint AS paid_bills,
                       min(coalesce(b.last_paid_on, {ISSUED_ON})) FILTER (WHERE b.status = 'PAID') AS paid_on
                FROM touched_unit_months t
                JOIN accounts a ON a.unit_id = t.unit_id
                JOIN bills b ON b.account_id = a.id AND b.billing_month = t.billing_month AND b.status <> 'CANCELLED'
                WHERE {months.format("b")}
                GROUP BY 1, 2
            ) n
            JOIN touched_units u ON u.unit_id = n.unit_id
            LEFT JOIN unit_cycles known ON known.billing_month = n.billing_month AND known.unit_id = n.unit_id"""
        )
    )
    connection.execute(text("ANALYZE unit_cycles_now (billing_month, unit_id, is_known)"))
    connection.execute(
        text(
            """
            DELETE FROM unit_cycles c USING touched_unit_months t
            WHERE c.unit_id = t.unit_id AND c.billing_month = t.billing_month AND NOT EXISTS (
                SELECT FROM unit_cycles_now n WHERE n.billing_month = c.billing_month AND n.unit_id = c.unit_id)"""
        )
    )
    connection.execute(
        text(
            """
            UPDATE unit_cycles c
            SET location_id = n.location_id, "use" = n."use", bills = n.bills, paid_bills = n.paid_bills,
                paid_on = n.paid_on
            FROM unit_cycles_now n
            WHERE n.is_known AND c.billing_month = n.billing_month AND c.unit_id = n.unit_id
              AND (c.location_id, c."use", c.bills, c.paid_bills, c.paid_on)
                  IS DISTINCT FROM (n.location_id, n."use", n.bills, n.paid_bills, n.paid_on)"""
        )
    )
    connection.execute(
        text(
            """
            INSERT INTO unit_cycles (billing_month, unit_id, location_id, "use", bills, paid_bills, paid_on)
            SELECT billing_month, unit_id, location_id, "use", bills, paid_bills, paid_on
            FROM unit_cycles_now WHERE NOT is_known ORDER BY billing_month, unit_id"""
        )
    )
    connection.execute(text("DROP TABLE unit_cycles_now, touched_unit_months"))

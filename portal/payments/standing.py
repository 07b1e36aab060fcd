"""What follows from the bills: what each touched account owes, and what each of their units did in a month."""

from __future__ import annotations

from sqlalchemy import Connection, text

from portal.payments.touched import LATER_FIRST, in_touched_months


def _count_unpaid(connection: Connection) -> None:
    """`streaks`: of every touched account the number of consecutive unpaid live bills up to the latest.

    Where all live bills are in `bills_now` (a new account, or one looked at as a whole) they are counted there.
    Mostly the number follows from the one before: the bills newer than the former latest are all in `bills_now`, and
    when none of them is paid and the former latest is as unpaid as before, the old count goes on. Only when something
    older than that changed are the account's bills counted through; their statuses are up to date by now.

    `payments_before` is the account's count of payments so far.
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
                   coalesce(known.payments_count, 0) AS payments_before
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
    connection.execute(text("ANALYZE streaks"))


def set_balances(connection: Connection) -> None:
    _count_unpaid(connection)
    connection.execute(
        text(
            """
            INSERT INTO account_balances AS old
                (account_id, location_id, "use", size_band, is_pending, latest_bill_month, latest_bill_id,
                 outstanding, credit, unpaid_bills, payments_count)
            SELECT a.id, a.location_id, a."use", a.size_band, a.unit_id IS NULL, latest.billing_month, latest.id,
                   greatest(coalesce(latest.demand - latest.paid, 0), 0),
                   greatest(coalesce(latest.paid - greatest(latest.with_fine, latest.demand), 0), 0),
                   coalesce(s.unpaid, 0),
                   CASE WHEN t.money THEN coalesce(money.payments, 0) ELSE s.payments_before END
            FROM touched t
            JOIN accounts a ON a.id = t.account_id
            JOIN streaks s ON s.account_id = t.account_id
            LEFT JOIN bills_now latest ON latest.account_id = a.id AND latest.recency = 1
            LEFT JOIN (
                SELECT p.account_id, count(*) AS payments FROM payments p JOIN touched t USING (account_id)
                WHERE t.money GROUP BY 1
            ) money ON money.account_id = a.id
            ON CONFLICT (account_id) DO UPDATE SET
                location_id = excluded.location_id, "use" = excluded."use", size_band = excluded.size_band,
                is_pending = excluded.is_pending, latest_bill_month = excluded.latest_bill_month,
                latest_bill_id = excluded.latest_bill_id, outstanding = excluded.outstanding,
                credit = excluded.credit, unpaid_bills = excluded.unpaid_bills,
                payments_count = excluded.payments_count
            WHERE (old.location_id, old."use", old.size_band, old.is_pending, old.latest_bill_month,
                   old.latest_bill_id, old.outstanding, old.credit, old.unpaid_bills, old.payments_count)
                  IS DISTINCT FROM
                  (excluded.location_id, excluded."use", excluded.size_band, excluded.is_pending,
                   excluded.latest_bill_month, excluded.latest_bill_id, excluded.outstanding, excluded.credit,
                   excluded.unpaid_bills, excluded.payments_count)"""
        )
    )
    connection.execute(text("DROP TABLE streaks"))


def set_units(connection: Connection) -> None:
    """`unit_states` and `unit_cycles` of the touched accounts' units: of the touched months, or of all.

    All months of the units of accounts touched as a whole: a bill that moved has left its month without a trace. The
    number of a unit's accounts changes only with those, and with new accounts (which have `money`).
    """
    connection.execute(
        text(
            """
            INSERT INTO unit_states AS old (unit_id, location_id, "use", accounts)
            SELECT u.id, u.location_id, u."use", count(*)
            FROM (
                SELECT DISTINCT a.unit_id FROM touched t JOIN accounts a ON a.id = t.account_id
                WHERE t.whole OR t.money
            ) t JOIN survey_units u ON u.id = t.unit_id JOIN accounts a ON a.unit_id = u.id
            GROUP BY u.id
            ON CONFLICT (unit_id) DO UPDATE
            SET location_id = excluded.location_id, "use" = excluded."use", accounts = excluded.accounts
            WHERE (old.location_id, old."use", old.accounts)
                  IS DISTINCT FROM (excluded.location_id, excluded."use", excluded.accounts)"""
        )
    )
    connection.execute(
        text(
            """
            CREATE TEMP TABLE touched_unit_months ON COMMIT DROP AS
            SELECT a.unit_id, t.billing_month FROM touched_bills t JOIN accounts a ON a.id = t.account_id
            WHERE a.unit_id IS NOT NULL AND NOT t.carried
            UNION
            SELECT c.unit_id, c.billing_month
            FROM touched t JOIN accounts a ON a.id = t.account_id JOIN unit_cycles c ON c.unit_id = a.unit_id
            WHERE t.whole"""
        )
    )
    connection.execute(text("ANALYZE touched_unit_months"))
    connection.execute(
        text(
            f"""
            CREATE TEMP TABLE unit_cycles_now ON COMMIT DROP AS
            SELECT t.billing_month, t.unit_id, u.location_id, u."use",
                   count(*)::smallint AS bills, (count(*) FILTER (WHERE b.status = 'PAID'))::smallint AS paid_bills
            FROM touched_unit_months t
            JOIN survey_units u ON u.id = t.unit_id
            JOIN accounts a ON a.unit_id = t.unit_id
            JOIN bills b ON b.account_id = a.id AND b.billing_month = t.billing_month AND b.status <> 'CANCELLED'
            WHERE {in_touched_months(connection, "b.billing_month", "touched_unit_months")}
            GROUP BY 1, 2, 3, 4"""
        )
    )
    connection.execute(text("ANALYZE unit_cycles_now"))
    connection.execute(
        text(
            """
            DELETE FROM unit_cycles c USING touched_unit_months t
            WHERE c.unit_id = t.unit_id AND c.billing_month = t.billing_month AND NOT EXISTS (
                SELECT FROM unit_cycles_now n WHERE n.billing_month = c.billing_month AND n.unit_id = c.unit_id)"""
        )
    )
    # Most rows are as they were: compared first, since ON CONFLICT DO UPDATE locks each of them to find that out.
    connection.execute(
        text(
            """
            UPDATE unit_cycles c
            SET location_id = n.location_id, "use" = n."use", bills = n.bills, paid_bills = n.paid_bills
            FROM unit_cycles_now n
            WHERE c.billing_month = n.billing_month AND c.unit_id = n.unit_id
              AND (c.location_id, c."use", c.bills, c.paid_bills)
                  IS DISTINCT FROM (n.location_id, n."use", n.bills, n.paid_bills)"""
        )
    )
    connection.execute(
        text(
            """
            INSERT INTO unit_cycles (billing_month, unit_id, location_id, "use", bills, paid_bills)
            SELECT billing_month, unit_id, location_id, "use", bills, paid_bills FROM unit_cycles_now
            ON CONFLICT (billing_month, unit_id) DO NOTHING"""
        )
    )
    connection.execute(text("DROP TABLE unit_cycles_now, touched_unit_months"))

"""Which bill a payment belongs to, what state each bill is in, what each account owes: set-based, for touched accounts.

Everything here is a pure function of the touched accounts' rows, so the order in which files arrive does not
matter. The rules (docs/architecture.md, "Allocation"):

- Of two bills the later issue time, then the higher portal bill id, is the later one. Of several bills of one
  account and month the latest is live, the others are CANCELLED (superseded).
- A payment belongs to the account's live bill of its month; if there is none, to the latest live bill issued on
  or before the paid date; if there is none either, it stays unallocated.
- A bill's demand is the `Amount` of its latest paid row, else the stated payable. It is PAID when the payments
  allocated reach the demand, otherwise ARREARS when a later live bill exists, PARTIAL when something was paid,
  else UNPAID. A bill whose source states no payable at all is PAID only when something was paid.
- An account owes its latest live bill's demand less what was paid on it. What was paid beyond amount and fine is
  its credit. Bills of several months are never added up: each carries the older ones as arrears.
- A unit counts once in a month: billed with a live bill of any of its accounts, paid with a paid one.
"""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

# The order of bills `b`, the latest first.
LATER_FIRST = (
    "b.issued_at DESC, length(b.portal_bill_id) DESC NULLS LAST,"
    ' b.portal_bill_id COLLATE "C" DESC NULLS LAST, b.id DESC'
)


def begin_touching(session: Session) -> None:
    """Make the empty list of touched accounts, `touched(account_id)`, for this transaction."""
    session.execute(text("DROP TABLE IF EXISTS touched"))
    session.execute(text("CREATE TEMP TABLE touched (account_id bigint PRIMARY KEY) ON COMMIT DROP"))


def touch(session: Session, select_account_ids: str, **parameters: object) -> None:
    """Add the accounts that a SELECT gives (SQL of ours, never of a user)."""
    session.execute(text(f"INSERT INTO touched {select_account_ids} ON CONFLICT DO NOTHING"), parameters)


def recompute(session: Session) -> None:
    """Bring everything derived of the touched accounts up to date. Ends the list."""
    connection = session.connection()
    _add_accounts_of_the_same_units(connection)
    connection.execute(text("ANALYZE touched"))
    _choose_live_bills(connection)
    _allocate_payments(connection)
    _collect_bills(connection)
    _set_bills(connection)
    _set_balances(connection)
    _set_units(connection)
    for table in ("touched", "bills_now", "touched_units"):
        connection.execute(text(f"DROP TABLE {table}"))


def _add_accounts_of_the_same_units(connection: Connection) -> None:
    """A unit with two accounts counts once, so both are looked at together."""
    connection.execute(
        text(
            "INSERT INTO touched SELECT other.id FROM touched t JOIN accounts a ON a.id = t.account_id"
            " JOIN accounts other ON other.unit_id = a.unit_id AND other.id <> a.id ON CONFLICT DO NOTHING"
        )
    )


def _choose_live_bills(connection: Connection) -> None:
    """Of several bills of an account and month only the latest is live; the losers go first (unique index)."""
    connection.execute(
        text(
            f"""
            CREATE TEMP TABLE month_bills ON COMMIT DROP AS
            WITH doubled AS (
                SELECT DISTINCT c.account_id, c.billing_month FROM bills c JOIN touched USING (account_id)
                WHERE c.status = 'CANCELLED'
            )
            SELECT b.billing_month, b.id, b.status,
                   row_number() OVER (
                       PARTITION BY b.account_id, b.billing_month ORDER BY {LATER_FIRST}) = 1 AS is_latest
            FROM doubled JOIN bills b USING (account_id, billing_month)"""
        )
    )
    for wanted, condition in (("CANCELLED", "NOT m.is_latest"), ("UNPAID", "m.is_latest")):
        comparison = "<>" if wanted == "CANCELLED" else "="
        connection.execute(
            text(
                f"UPDATE bills b SET status = '{wanted}' FROM month_bills m WHERE b.billing_month = m.billing_month"
                f" AND b.id = m.id AND {condition} AND b.status {comparison} 'CANCELLED'"
            )
        )
    connection.execute(text("DROP TABLE month_bills"))


def _allocate_payments(connection: Connection) -> None:
    connection.execute(
        text(
            f"""
            WITH wanted AS (
                SELECT p.id,
                       coalesce(exact.billing_month, earlier.billing_month) AS bill_month,
                       coalesce(exact.id, earlier.id) AS bill_id
                FROM payments p
                JOIN touched USING (account_id)
                LEFT JOIN bills exact ON exact.account_id = p.account_id AND exact.billing_month = p.month
                    AND exact.status <> 'CANCELLED'
                LEFT JOIN LATERAL (
                    SELECT b.billing_month, b.id FROM bills b
                    WHERE exact.id IS NULL AND b.account_id = p.account_id AND b.status <> 'CANCELLED'
                      AND b.issued_at < (p.paid_on + 1)::timestamptz
                    ORDER BY {LATER_FIRST} LIMIT 1
                ) earlier ON true
            )
            UPDATE payments p SET bill_month = w.bill_month, bill_id = w.bill_id
            FROM wanted w
            WHERE w.id = p.id AND (p.bill_month, p.bill_id) IS DISTINCT FROM (w.bill_month, w.bill_id)"""
        )
    )


def _collect_bills(connection: Connection) -> None:
    """`bills_now`: every live bill of the touched accounts with what its payments say of it.

    `recency` is 1 for the account's latest bill, 2 for the one before, and so on.
    """
    connection.execute(
        text(
            f"""
            CREATE TEMP TABLE bills_now ON COMMIT DROP AS
            WITH paid AS (
                SELECT p.bill_month, p.bill_id, sum(p.paid_amount) AS paid, max(p.paid_on) AS last_paid_on,
                       (array_agg(p.amount ORDER BY p.paid_on DESC, p.as_of DESC, p.amount DESC, p.channel)
                           FILTER (WHERE p.amount IS NOT NULL))[1] AS amount,
                       (array_agg(coalesce(p.fine, 0) ORDER BY p.paid_on DESC, p.as_of DESC, p.amount DESC, p.channel)
                           FILTER (WHERE p.amount IS NOT NULL))[1] AS fine
                FROM payments p JOIN touched USING (account_id)
                WHERE p.bill_id IS NOT NULL GROUP BY 1, 2
            )
            SELECT b.billing_month, b.id, b.account_id,
                   b.status AS old_status, b.paid_amount AS old_paid, b.demand AS old_demand,
                   b.last_paid_on AS old_last_paid_on,
                   coalesce(paid.paid, 0) AS paid, paid.last_paid_on,
                   coalesce(paid.amount, b.amount_payable, 0) AS demand,
                   coalesce(paid.amount + paid.fine, b.amount_after_due, b.amount_payable, 0) AS with_fine,
                   coalesce(paid.paid, 0) >= coalesce(paid.amount, b.amount_payable, 1) AS is_paid,
                   row_number() OVER (PARTITION BY b.account_id ORDER BY {LATER_FIRST}) AS recency
            FROM bills b
            JOIN touched USING (account_id)
            LEFT JOIN paid ON paid.bill_month = b.billing_month AND paid.bill_id = b.id
            WHERE b.status <> 'CANCELLED'"""
        )
    )
    connection.execute(text("ANALYZE bills_now"))


def _set_bills(connection: Connection) -> None:
    connection.execute(
        text(
            """
            UPDATE bills b
            SET status = n.status, paid_amount = n.paid, demand = n.demand, last_paid_on = n.last_paid_on
            FROM (
                SELECT *, CASE WHEN is_paid THEN 'PAID' WHEN recency > 1 THEN 'ARREARS'
                               WHEN paid > 0 THEN 'PARTIAL' ELSE 'UNPAID' END AS status
                FROM bills_now
            ) n
            WHERE b.billing_month = n.billing_month AND b.id = n.id
              AND (n.old_status, n.old_paid, n.old_demand, n.old_last_paid_on)
                  IS DISTINCT FROM (n.status, n.paid, n.demand, n.last_paid_on)"""
        )
    )
    # A superseded bill keeps its stated figures and nothing paid: its payments followed its successor.
    connection.execute(
        text(
            """
            UPDATE bills b SET paid_amount = 0, last_paid_on = NULL, demand = coalesce(amount_payable, 0)
            FROM touched t
            WHERE b.account_id = t.account_id AND b.status = 'CANCELLED'
              AND (b.paid_amount, b.last_paid_on, b.demand) IS DISTINCT FROM (0, NULL, coalesce(b.amount_payable, 0))"""
        )
    )


def _set_balances(connection: Connection) -> None:
    connection.execute(
        text(
            """
            INSERT INTO account_balances AS old
                (account_id, location_id, "use", size_band, is_pending, latest_bill_month, latest_bill_id,
                 outstanding, credit, unpaid_bills, payments_count)
            SELECT a.id, a.location_id, a."use", a.size_band, a.unit_id IS NULL, latest.billing_month, latest.id,
                   greatest(coalesce(latest.demand - latest.paid, 0), 0),
                   greatest(coalesce(latest.paid - greatest(latest.with_fine, latest.demand), 0), 0),
                   coalesce(streak.unpaid, 0), coalesce(money.payments, 0)
            FROM touched t
            JOIN accounts a ON a.id = t.account_id
            LEFT JOIN bills_now latest ON latest.account_id = a.id AND latest.recency = 1
            LEFT JOIN (
                SELECT account_id,
                       coalesce(min(recency) FILTER (WHERE is_paid), max(recency) + 1) - 1 AS unpaid
                FROM bills_now GROUP BY account_id
            ) streak ON streak.account_id = a.id
            LEFT JOIN (
                SELECT p.account_id, count(*) AS payments FROM payments p JOIN touched USING (account_id) GROUP BY 1
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


def _set_units(connection: Connection) -> None:
    """`unit_states` and `unit_cycles` of the touched accounts' units, and of units they have left.

    An account leaves a unit only through an import, which then lists the unit in `left_units`.
    """
    connection.execute(
        text(
            """
            CREATE TEMP TABLE touched_units ON COMMIT DROP AS
            SELECT DISTINCT a.unit_id FROM touched t JOIN accounts a ON a.id = t.account_id
            WHERE a.unit_id IS NOT NULL"""
        )
    )
    connection.execute(text("ANALYZE touched_units"))
    connection.execute(
        text(
            """
            INSERT INTO unit_states AS old (unit_id, location_id, "use", accounts)
            SELECT u.id, u.location_id, u."use", count(*)
            FROM touched_units t JOIN survey_units u ON u.id = t.unit_id JOIN accounts a ON a.unit_id = u.id
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
            CREATE TEMP TABLE unit_cycles_now ON COMMIT DROP AS
            SELECT n.billing_month, a.unit_id, u.location_id, u."use",
                   count(*)::smallint AS bills, (count(*) FILTER (WHERE n.is_paid))::smallint AS paid_bills
            FROM bills_now n JOIN accounts a ON a.id = n.account_id JOIN survey_units u ON u.id = a.unit_id
            GROUP BY 1, 2, 3, 4"""
        )
    )
    connection.execute(text("ANALYZE unit_cycles_now"))
    connection.execute(
        text(
            """
            DELETE FROM unit_cycles c USING touched_units t
            WHERE c.unit_id = t.unit_id AND NOT EXISTS (
                SELECT FROM unit_cycles_now n WHERE n.billing_month = c.billing_month AND n.unit_id = c.unit_id)"""
        )
    )
    connection.execute(
        text(
            """
            INSERT INTO unit_cycles AS old (billing_month, unit_id, location_id, "use", bills, paid_bills)
            SELECT billing_month, unit_id, location_id, "use", bills, paid_bills FROM unit_cycles_now
            ON CONFLICT (billing_month, unit_id) DO UPDATE
            SET location_id = excluded.location_id, "use" = excluded."use", bills = excluded.bills,
                paid_bills = excluded.paid_bills
            WHERE (old.location_id, old."use", old.bills, old.paid_bills)
                  IS DISTINCT FROM (excluded.location_id, excluded."use", excluded.bills, excluded.paid_bills)"""
        )
    )
    connection.execute(text("DROP TABLE unit_cycles_now"))


def release_units(session: Session, select_unit_ids: str, **parameters: object) -> None:
    """Bring units up to date that an account has just left: touch their remaining accounts, clear empty ones."""
    session.execute(
        text(
            f"INSERT INTO touched SELECT a.id FROM accounts a WHERE a.unit_id IN ({select_unit_ids})"
            " ON CONFLICT DO NOTHING"
        ),
        parameters,
    )
    for table in ("unit_cycles", "unit_states"):
        session.execute(
            text(
                f"DELETE FROM {table} s WHERE s.unit_id IN ({select_unit_ids})"
                " AND NOT EXISTS (SELECT FROM accounts a WHERE a.unit_id = s.unit_id)"
            ),
            parameters,
        )

"""Which bill a payment belongs to, what state each bill is in, what each account owes: set-based, for touched accounts.

Everything here is a pure function of the touched accounts' rows, so the order in which files arrive does not
matter. The rules (docs/architecture.md, "Allocation"):

- Of two bills the later issue time, then the higher portal bill id, is the later one. Of several bills of one
  account and month the latest is live, the others are CANCELLED (superseded). A bill of the old system, whose day of
  issue nobody knows, gives way to any other.
- A payment belongs to the account's live bill of its month; if there is none, to the latest live bill issued on
  or before the paid date; if there is none either, it stays unallocated.
- A bill's demand is the `Amount` of its latest paid row, else the stated payable. It is PAID when the payments
  allocated reach the demand, otherwise ARREARS when a later live bill exists, PARTIAL when something was paid,
  else UNPAID. A bill whose source states no payable at all is PAID only when something was paid.
- An account owes its latest live bill's demand less what was paid on it. What was paid beyond amount and fine is
  its credit. Bills of several months are never added up: each carries the older ones as arrears.
- A bill is carried over on the day the account's next later live bill is issued.
- A unit counts once in a month: billed with a live bill of any of its accounts, paid with a paid one, from the first
  day on which one of them was.

What is read does not grow with the years: besides the latest bill of each touched account only the months in which
something happened (`touched_bills`) are looked at. Everything that can change is in them: a new bill concerns its own
month and the former latest bill (now carried over), a payment the bill it belongs to. `flask verify` computes the same
from all rows.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from portal.payments.deliveries import set_deliveries
from portal.payments.standing import set_balances, set_units
from portal.payments.touched import ISSUED_ON, LATER_FIRST, complete_lists, end_touching, in_touched_months


def recompute(session: Session, tell: Callable[[float], None] = lambda _share: None) -> None:
    """Bring everything derived of the touched accounts up to date. Ends the lists. `tell` hears the share done."""
    connection = session.connection()
    if complete_lists(connection):
        steps = (
            _choose_live_bills, _allocate_payments, _collect_bills, _set_bills, set_balances, set_deliveries, set_units,
        )  # fmt: skip
        for done, step in enumerate(steps):
            tell(done / len(steps))
            step(connection)
    end_touching(connection)
    connection.execute(text("DROP TABLE IF EXISTS bills_now"))


def _choose_live_bills(connection: Connection) -> None:
    """Of several bills of an account and month only the latest is live; the losers go first (unique index).

    `changed_order`: the accounts of which another bill is live now.
    """
    connection.execute(
        text(
            f"""
            CREATE TEMP TABLE month_bills ON COMMIT DROP AS
            WITH doubled AS (
                SELECT DISTINCT c.account_id, c.billing_month
                FROM bills c JOIN touched_bills USING (account_id, billing_month)
                WHERE c.status = 'CANCELLED' AND {in_touched_months(connection, "c.billing_month")}
            )
            SELECT b.account_id, b.billing_month, b.id, b.status,
                   row_number() OVER (
                       PARTITION BY b.account_id, b.billing_month
                       ORDER BY b.source = 'OLD_SYSTEM', {LATER_FIRST}) = 1 AS is_latest
            FROM doubled JOIN bills b USING (account_id, billing_month)"""
        )
    )
    connection.execute(text("DROP TABLE IF EXISTS pg_temp.changed_order"))
    connection.execute(
        text(
            "CREATE TEMP TABLE changed_order ON COMMIT DROP AS"
            " SELECT DISTINCT account_id FROM month_bills WHERE is_latest = (status = 'CANCELLED')"
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
    """Payments of the touched months, and those that are not with a bill of their own month (or with none yet)."""
    connection.execute(
        text(
            f"""
            CREATE TEMP TABLE moved_payments ON COMMIT DROP AS
            WITH candidates AS (
                SELECT p.id, p.account_id, p.month, p.paid_on, p.bill_month, p.bill_id
                FROM payments p JOIN touched_bills t ON t.account_id = p.account_id AND t.billing_month = p.month
                WHERE {in_touched_months(connection, "p.month")} AND p.bill_month IS NOT DISTINCT FROM p.month
                UNION ALL
                SELECT p.id, p.account_id, p.month, p.paid_on, p.bill_month, p.bill_id
                FROM payments p JOIN touched USING (account_id) WHERE p.bill_month IS DISTINCT FROM p.month
            ), wanted AS (
                SELECT p.id, p.account_id, p.bill_month AS old_month, p.bill_id AS old_id,
                       coalesce(exact.billing_month, earlier.billing_month) AS bill_month,
                       coalesce(exact.id, earlier.id) AS bill_id
                FROM candidates p
                LEFT JOIN bills exact ON exact.account_id = p.account_id AND exact.billing_month = p.month
                    AND exact.status <> 'CANCELLED'
                LEFT JOIN LATERAL (
                    SELECT b.billing_month, b.id FROM bills b
                    WHERE exact.id IS NULL AND b.account_id = p.account_id AND b.status <> 'CANCELLED'
                      AND b.issued_at < (p.paid_on + 1)::timestamptz
                    ORDER BY {LATER_FIRST} LIMIT 1
                ) earlier ON true
            )
            SELECT * FROM wanted WHERE (old_month, old_id) IS DISTINCT FROM (bill_month, bill_id)"""
        )
    )
    if connection.execute(text("SELECT EXISTS (SELECT FROM moved_payments)")).scalar_one():
        _write_moved_payments(connection)
    connection.execute(text("DROP TABLE moved_payments"))


def _write_moved_payments(connection: Connection) -> None:
    connection.execute(text("ANALYZE moved_payments"))
    connection.execute(
        text(
            "UPDATE payments p SET bill_month = m.bill_month, bill_id = m.bill_id"
            " FROM moved_payments m WHERE m.id = p.id"
        )
    )
    for month in ("old_month", "bill_month"):
        connection.execute(
            text(
                f"INSERT INTO touched_bills SELECT DISTINCT account_id, {month}, false FROM moved_payments"
                f" WHERE {month} IS NOT NULL ON CONFLICT (account_id, billing_month) DO UPDATE SET carried = false"
            )
        )
    connection.execute(text("ANALYZE touched_bills"))


def _collect_bills(connection: Connection) -> None:
    """`bills_now`: the live bills of the touched months with what their payments say of them.

    `recency` is 1 for the account's latest bill: the latest before is among them, and so is everything new.
    `next_on` is the day of issue of the bill that follows in the list. Down to the latest before (`is_former`) the
    list has no gaps, so that bill carries it over; of older ones (`is_older`) what is known stays, see
    `_count_carried_through`.
    """
    months = in_touched_months(connection, "b.billing_month")
    connection.execute(
        text(
            f"""
            CREATE TEMP TABLE bills_now ON COMMIT DROP AS
            WITH live AS MATERIALIZED (
                SELECT b.billing_month, b.id, b.account_id, b.portal_bill_id, b.issued_at, b.status, b.paid_amount,
                       b.demand, b.last_paid_on, b.carried_on, b.amount_payable, b.amount_after_due,
                       t.whole OR k.latest_bill_id IS NULL AS has_all,
                       NOT t.whole AND (k.latest_bill_month, k.latest_bill_id) = (b.billing_month, b.id) AS is_former
                FROM bills b JOIN touched_bills USING (account_id, billing_month)
                JOIN touched t USING (account_id) LEFT JOIN account_balances k USING (account_id)
                WHERE b.status <> 'CANCELLED' AND {months}
            ), paid AS (
                SELECT p.bill_month, p.bill_id, sum(p.paid_amount) AS paid, max(p.paid_on) AS last_paid_on,
                       (array_agg(p.amount ORDER BY p.paid_on DESC, p.amount DESC, p.channel, p.paid_amount DESC)
                           FILTER (WHERE p.amount IS NOT NULL))[1] AS amount,
                       (array_agg(coalesce(p.fine, 0)
                               ORDER BY p.paid_on DESC, p.amount DESC, p.channel, p.paid_amount DESC)
                           FILTER (WHERE p.amount IS NOT NULL))[1] AS fine
                FROM payments p JOIN live ON live.billing_month = p.bill_month AND live.id = p.bill_id
                WHERE {in_touched_months(connection, "p.bill_month")} GROUP BY 1, 2
            )
            SELECT b.billing_month, b.id, b.account_id, {ISSUED_ON} AS issued_on,
                   b.status AS old_status, b.paid_amount AS old_paid, b.demand AS old_demand,
                   b.last_paid_on AS old_last_paid_on, b.carried_on AS old_carried_on,
                   b.has_all, coalesce(b.is_former, false) AS is_former,
                   coalesce(paid.paid, 0) AS paid, paid.last_paid_on,
                   coalesce(paid.amount, b.amount_payable, 0) AS demand,
                   coalesce(paid.amount + paid.fine, b.amount_after_due, b.amount_payable, 0) AS with_fine,
                   coalesce(paid.paid, 0) >= coalesce(paid.amount, b.amount_payable, 1) AS is_paid,
                   row_number() OVER later_first AS recency, lag({ISSUED_ON}) OVER later_first AS next_on,
                   coalesce(bool_or(b.is_former) OVER (
                       later_first ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) AS is_older
            FROM live b LEFT JOIN paid ON paid.bill_month = b.billing_month AND paid.bill_id = b.id
            WINDOW later_first AS (PARTITION BY b.account_id ORDER BY {LATER_FIRST})"""
        )
    )
    connection.execute(text("ANALYZE bills_now (account_id, billing_month, id, recency)"))


def _set_bills(connection: Connection) -> None:
    connection.execute(
        text(
            """
            UPDATE bills b
            SET status = n.status, paid_amount = n.paid, demand = n.demand, last_paid_on = n.last_paid_on,
                carried_on = n.carried_on
            FROM (
                SELECT *, CASE WHEN is_paid THEN 'PAID' WHEN recency > 1 THEN 'ARREARS'
                               WHEN paid > 0 THEN 'PARTIAL' ELSE 'UNPAID' END AS status,
                       CASE WHEN is_older THEN old_carried_on ELSE next_on END AS carried_on
                FROM bills_now
            ) n
            WHERE b.billing_month = n.billing_month AND b.id = n.id
              AND (n.old_status, n.old_paid, n.old_demand, n.old_last_paid_on, n.old_carried_on)
                  IS DISTINCT FROM (n.status, n.paid, n.demand, n.last_paid_on, n.carried_on)"""
        )
    )
    # A superseded bill keeps its stated figures and nothing paid: its payments followed its successor.
    connection.execute(
        text(
            f"""
            UPDATE bills b
            SET paid_amount = 0, last_paid_on = NULL, carried_on = NULL, demand = coalesce(amount_payable, 0)
            FROM touched_bills t
            WHERE b.account_id = t.account_id AND b.billing_month = t.billing_month AND b.status = 'CANCELLED'
              AND {in_touched_months(connection, "b.billing_month")}
              AND (b.paid_amount, b.last_paid_on, b.carried_on, b.demand)
                  IS DISTINCT FROM (0, NULL, NULL, coalesce(b.amount_payable, 0))"""
        )
    )
    _count_carried_through(connection)


def _count_carried_through(connection: Connection) -> None:
    """Where a bill came in or went out below the latest, all bills of the account are looked at.

    That is so when another bill of a month is live now, when the former latest is none any more, and when a bill older
    than the former latest is new: nothing has carried it over yet.
    """
    connection.execute(
        text(
            """
            INSERT INTO changed_order
            SELECT account_id FROM bills_now GROUP BY account_id
            HAVING NOT bool_or(has_all)
               AND (NOT bool_or(is_former) OR bool_or(is_older AND old_carried_on IS NULL))"""
        )
    )
    if connection.execute(text("SELECT EXISTS (SELECT FROM changed_order)")).scalar_one():
        connection.execute(text("ANALYZE changed_order"))
        connection.execute(
            text(
                f"""
                UPDATE bills b SET carried_on = n.carried_on
                FROM (
                    SELECT b.billing_month, b.id, b.carried_on AS old_carried_on,
                           lag({ISSUED_ON}) OVER (PARTITION BY b.account_id ORDER BY {LATER_FIRST}) AS carried_on
                    FROM bills b
                    WHERE b.status <> 'CANCELLED' AND b.account_id IN (SELECT account_id FROM changed_order)
                ) n
                WHERE b.billing_month = n.billing_month AND b.id = n.id
                  AND n.old_carried_on IS DISTINCT FROM n.carried_on"""
            )
        )
    connection.execute(text("DROP TABLE changed_order"))

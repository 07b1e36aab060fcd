"""Which bills were handed over: set-based, for the touched bills of an import or of a review.

The rules (docs/architecture.md, "Deliveries"):

- Accepted are approved visits of type DELIVERY whose outcome says that the bill was handed over.
- Such a delivery counts for the live bill of its account and month. So a bill that supersedes another takes over its
  delivery, as it takes over its payments.
- A delivery names the bill that was handed over. When that bill is moved to another month, the delivery moves along.
- A bill was delivered on the day of the first accepted visit, a unit's month holds the number of its delivered bills.

All of it is a function of the rows. `flask verify` states it in SQL of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

# Approved visits `v` that handed a bill over; the condition of a partial index.
ACCEPTED = (
    "v.visit_type = 'DELIVERY' AND v.review_state = 'APPROVED' AND v.outcome IN ('DELIVERED','DELIVERED_TO_NEIGHBOUR')"
)


def set_deliveries(connection: Connection) -> None:
    """`bills.delivered_on` of the touched bills of an import; what units count of it follows in `set_units`."""
    _follow_moved_bills(connection)
    _set_bills(connection, "touched_bills")


def refresh(session: Session, bills: Iterable[tuple[int, object]]) -> None:
    """Bring up to date what depends on deliveries of these (account id, month), and on nothing else.

    For reviews: they change no bill's money, so balances and allocation stay as they are.
    """
    pairs = sorted(set(bills), key=str)
    if not pairs:
        return
    connection = session.connection()
    connection.execute(text("DROP TABLE IF EXISTS pg_temp.reviewed_bills"))
    connection.execute(text("CREATE TEMP TABLE reviewed_bills (account_id bigint, billing_month date) ON COMMIT DROP"))
    connection.execute(
        text("INSERT INTO reviewed_bills VALUES (:account, :month)"),
        [{"account": account, "month": month} for account, month in pairs],
    )
    _set_bills(connection, "reviewed_bills")
    _set_unit_cycles(connection)
    connection.execute(text("DROP TABLE reviewed_bills"))


def _follow_moved_bills(connection: Connection) -> None:
    """Only accounts looked at as a whole can have a bill in another month than before."""
    connection.execute(
        text(
            """
            UPDATE compliance_visits v SET bill_month = k.billing_month
            FROM touched t, bill_keys k
            WHERE t.whole AND v.account_id = t.account_id AND v.portal_bill_id IS NOT NULL
              AND k.portal_bill_id = v.portal_bill_id AND v.bill_month <> k.billing_month"""
        )
    )


def _set_bills(connection: Connection, bills: str) -> None:
    """`bills` is the name of a list of (account_id, billing_month).

    Few bills of an import have a delivery: only those that have one, or should, are looked at.
    """
    connection.execute(
        text(
            f"""
            CREATE TEMP TABLE deliveries_now ON COMMIT DROP AS
            SELECT v.account_id, v.bill_month, min((v.visited_at AT TIME ZONE 'Asia/Karachi')::date) AS delivered_on
            FROM compliance_visits v JOIN {bills} t ON t.account_id = v.account_id AND t.billing_month = v.bill_month
            WHERE {ACCEPTED} GROUP BY 1, 2"""
        )
    )
    connection.execute(
        text(
            """
            UPDATE bills b SET delivered_on = d.delivered_on FROM deliveries_now d
            WHERE b.account_id = d.account_id AND b.billing_month = d.bill_month AND b.status <> 'CANCELLED'
              AND b.delivered_on IS DISTINCT FROM d.delivered_on"""
        )
    )
    connection.execute(
        text(
            f"""
            UPDATE bills b SET delivered_on = NULL FROM {bills} t
            WHERE b.delivered_on IS NOT NULL AND b.account_id = t.account_id AND b.billing_month = t.billing_month
              AND (b.status = 'CANCELLED' OR NOT EXISTS (
                  SELECT FROM deliveries_now d WHERE d.account_id = b.account_id AND d.bill_month = b.billing_month))"""
        )
    )
    connection.execute(text("DROP TABLE deliveries_now"))


def _set_unit_cycles(connection: Connection) -> None:
    connection.execute(
        text(
            """
            UPDATE unit_cycles c SET delivered_bills = n.delivered_bills
            FROM (
                SELECT a.unit_id, b.billing_month, count(b.delivered_on) AS delivered_bills
                FROM (
                    SELECT DISTINCT own.unit_id, r.billing_month
                    FROM reviewed_bills r JOIN accounts own ON own.id = r.account_id WHERE own.unit_id IS NOT NULL
                ) t
                JOIN accounts a ON a.unit_id = t.unit_id
                JOIN bills b ON b.account_id = a.id AND b.billing_month = t.billing_month AND b.status <> 'CANCELLED'
                GROUP BY 1, 2
            ) n
            WHERE c.unit_id = n.unit_id AND c.billing_month = n.billing_month
              AND c.delivered_bills <> n.delivered_bills"""
        )
    )

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

What is read does not grow with the years: besides the latest bill of each touched account only the months in which
something happened (`touched_bills`) are looked at. Everything that can change is in them: a new bill concerns its own
month and the former latest bill (now carried over), a payment the bill it belongs to. `flask verify` computes the same
from all rows.
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
    """Make the empty lists for this transaction.

    `touched`: accounts; `whole` says that all their bills are looked at, `money` that their payments are counted anew.
    `touched_bills`: the months of those accounts in which a bill or the payments of one may have changed.
    """
    session.execute(text("DROP TABLE IF EXISTS touched, touched_bills"))
    session.execute(
        text("CREATE TEMP TABLE touched (account_id bigint PRIMARY KEY, whole boolean, money boolean) ON COMMIT DROP")
    )
    session.execute(
        text(
            "CREATE TEMP TABLE touched_bills (account_id bigint, billing_month date,"
            " PRIMARY KEY (account_id, billing_month)) ON COMMIT DROP"
        )
    )


def touch(session: Session, select_account_ids: str, **parameters: object) -> None:
    """Add the accounts that a SELECT gives (SQL of ours, never of a user), with all their bills.

    For what concerns more than single months: an account's unit, the order of its bills, a bill's move.
    """
    session.execute(
        text(
            f"INSERT INTO touched SELECT DISTINCT account_id, true, true FROM ({select_account_ids}) s (account_id)"
            " ON CONFLICT (account_id) DO UPDATE SET whole = true, money = true"
        ),
        parameters,
    )


def touch_bills(session: Session, select_bills: str, *, money: bool = False, **parameters: object) -> None:
    """Add accounts and single months of theirs: a SELECT of (account_id, billing_month or NULL).

    A month is needed where a bill is new or its stated figures changed, or a payment of its bill changed. Not for a
    payment that is new: it is found by its not being allocated; but then `money` must be set.
    """
    session.execute(
        text(
            f"INSERT INTO touched SELECT DISTINCT account_id, false, {money}"
            f" FROM ({select_bills}) s (account_id, month)"
            " ON CONFLICT (account_id) DO UPDATE SET money = touched.money OR excluded.money"
        ),
        parameters,
    )
    session.execute(
        text(
            f"INSERT INTO touched_bills SELECT DISTINCT account_id, month FROM ({select_bills}) s (account_id, month)"
            " WHERE month IS NOT NULL ON CONFLICT DO NOTHING"
        ),
        parameters,
    )


def recompute(session: Session) -> None:
    """Bring everything derived of the touched accounts up to date. Ends the lists."""
    connection = session.connection()
    if connection.execute(text("SELECT EXISTS (SELECT FROM touched)")).scalar_one():
        _complete_months(connection)
        _choose_live_bills(connection)
        _allocate_payments(connection)
        _collect_bills(connection)
        _set_bills(connection)
        _set_balances(connection)
        _set_units(connection)
    connection.execute(text("DROP TABLE touched, touched_bills"))
    connection.execute(text("DROP TABLE IF EXISTS bills_now"))


def _complete_months(connection: Connection) -> None:
    """Add the latest bill so far of every account, and all bills of those that are looked at as a whole."""
    connection.execute(text("ANALYZE touched"))
    connection.execute(
        text(
            "INSERT INTO touched_bills SELECT b.account_id, b.latest_bill_month"
            " FROM account_balances b JOIN touched USING (account_id) WHERE b.latest_bill_month IS NOT NULL"
            " ON CONFLICT DO NOTHING"
        )
    )
    connection.execute(
        text(
            "INSERT INTO touched_bills SELECT DISTINCT b.account_id, b.billing_month"
            " FROM bills b JOIN touched t USING (account_id) WHERE t.whole ON CONFLICT DO NOTHING"
        )
    )
    connection.execute(text("ANALYZE touched_bills"))


def _in_touched_months(connection: Connection, column: str, table: str = "touched_bills") -> str:
    """The months of a list as literals, so that the planner leaves out all other partitions."""
    months = connection.execute(text(f"SELECT DISTINCT billing_month FROM {table} ORDER BY 1")).scalars()
    literals = ", ".join(f"DATE '{month.isoformat()}'" for month in months)
    return f"{column} IN ({literals or 'NULL'})"


def _choose_live_bills(connection: Connection) -> None:
    """Of several bills of an account and month only the latest is live; the losers go first (unique index)."""
    connection.execute(
        text(
            f"""
            CREATE TEMP TABLE month_bills ON COMMIT DROP AS
            WITH doubled AS (
                SELECT DISTINCT c.account_id, c.billing_month
                FROM bills c JOIN touched_bills USING (account_id, billing_month)
                WHERE c.status = 'CANCELLED' AND {_in_touched_months(connection, "c.billing_month")}
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
    """Payments of the touched months, and those that are not with a bill of their own month (or with none yet)."""
    connection.execute(
        text(
            f"""
            CREATE TEMP TABLE moved_payments ON COMMIT DROP AS
            WITH candidates AS (
                SELECT p.id, p.account_id, p.month, p.paid_on, p.bill_month, p.bill_id
                FROM payments p JOIN touched_bills t ON t.account_id = p.account_id AND t.billing_month = p.month
                WHERE {_in_touched_months(connection, "p.month")} AND p.bill_month IS NOT DISTINCT FROM p.month
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
                f"INSERT INTO touched_bills SELECT DISTINCT account_id, {month} FROM moved_payments"
                f" WHERE {month} IS NOT NULL ON CONFLICT DO NOTHING"
            )
        )
    connection.execute(text("DROP TABLE moved_payments"))
    connection.execute(text("ANALYZE touched_bills"))


def _collect_bills(connection: Connection) -> None:
    """`bills_now`: the live bills of the touched months with what their payments say of them.

    `recency` is 1 for the account's latest bill: the latest before is among them, and so is everything new.
    """
    months = _in_touched_months(connection, "b.billing_month")
    connection.execute(
        text(
            f"""
            CREATE TEMP TABLE bills_now ON COMMIT DROP AS
            WITH live AS MATERIALIZED (
                SELECT b.* FROM bills b JOIN touched_bills USING (account_id, billing_month)
                WHERE b.status <> 'CANCELLED' AND {months}
            ), paid AS (
                SELECT p.bill_month, p.bill_id, sum(p.paid_amount) AS paid, max(p.paid_on) AS last_paid_on,
                       (array_agg(p.amount ORDER BY p.paid_on DESC, p.as_of DESC, p.amount DESC, p.channel)
                           FILTER (WHERE p.amount IS NOT NULL))[1] AS amount,
                       (array_agg(coalesce(p.fine, 0) ORDER BY p.paid_on DESC, p.as_of DESC, p.amount DESC, p.channel)
                           FILTER (WHERE p.amount IS NOT NULL))[1] AS fine
                FROM payments p JOIN live ON live.billing_month = p.bill_month AND live.id = p.bill_id
                WHERE {_in_touched_months(connection, "p.bill_month")} GROUP BY 1, 2
            )
            SELECT b.billing_month, b.id, b.account_id,
                   b.status AS old_status, b.paid_amount AS old_paid, b.demand AS old_demand,
                   b.last_paid_on AS old_last_paid_on,
                   coalesce(paid.paid, 0) AS paid, paid.last_paid_on,
                   coalesce(paid.amount, b.amount_payable, 0) AS demand,
                   coalesce(paid.amount + paid.fine, b.amount_after_due, b.amount_payable, 0) AS with_fine,
                   coalesce(paid.paid, 0) >= coalesce(paid.amount, b.amount_payable, 1) AS is_paid,
                   row_number() OVER (PARTITION BY b.account_id ORDER BY {LATER_FIRST}) AS recency
            FROM live b LEFT JOIN paid ON paid.bill_month = b.billing_month AND paid.bill_id = b.id"""
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
            f"""
            UPDATE bills b SET paid_amount = 0, last_paid_on = NULL, demand = coalesce(amount_payable, 0)
            FROM touched_bills t
            WHERE b.account_id = t.account_id AND b.billing_month = t.billing_month AND b.status = 'CANCELLED'
              AND {_in_touched_months(connection, "b.billing_month")}
              AND (b.paid_amount, b.last_paid_on, b.demand) IS DISTINCT FROM (0, NULL, coalesce(b.amount_payable, 0))"""
        )
    )


def _count_unpaid(connection: Connection) -> None:
    """`streaks`: of every touched account the number of consecutive unpaid live bills up to the latest.

    Mostly it follows from the count before: the bills newer than the former latest are all in `bills_now`, and when
    none of them is paid and the former latest is as unpaid as before, the old count goes on. Only when something
    older than that changed are the account's bills counted through; their statuses are up to date by now.
    """
    connection.execute(
        text(
            """
            CREATE TEMP TABLE streaks ON COMMIT DROP AS
            SELECT t.account_id,
                   CASE WHEN t.whole OR known.account_id IS NULL THEN NULL
                        WHEN n.first_paid <= n.former THEN n.first_paid - 1
                        WHEN n.former IS NULL OR n.former_was_paid OR n.bills > n.former THEN NULL
                        ELSE n.former - 1 + known.unpaid_bills END AS unpaid
            FROM touched t
            LEFT JOIN account_balances known ON known.account_id = t.account_id AND known.latest_bill_id IS NOT NULL
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


def _set_balances(connection: Connection) -> None:
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
                   CASE WHEN t.money THEN coalesce(money.payments, 0) ELSE coalesce(known.payments_count, 0) END
            FROM touched t
            JOIN accounts a ON a.id = t.account_id
            JOIN streaks s ON s.account_id = t.account_id
            LEFT JOIN account_balances known ON known.account_id = t.account_id
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


def _set_units(connection: Connection) -> None:
    """`unit_states` and `unit_cycles` of the touched accounts' units: of the touched months, or of all.

    All months of the units of accounts touched as a whole: a bill that moved has left its month without a trace.
    """
    connection.execute(
        text(
            """
            INSERT INTO unit_states AS old (unit_id, location_id, "use", accounts)
            SELECT u.id, u.location_id, u."use", count(*)
            FROM (
                SELECT DISTINCT a.unit_id FROM touched t JOIN accounts a ON a.id = t.account_id
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
            WHERE a.unit_id IS NOT NULL
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
            WHERE {_in_touched_months(connection, "b.billing_month", "touched_unit_months")}
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
    # Most rows are as they were: compared first, since ON CONFLICT would lock each of them to find that out.
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
            SELECT billing_month, unit_id, location_id, "use", bills, paid_bills FROM unit_cycles_now n
            WHERE NOT EXISTS (
                SELECT FROM unit_cycles c WHERE c.billing_month = n.billing_month AND c.unit_id = n.unit_id)"""
        )
    )
    connection.execute(text("DROP TABLE unit_cycles_now, touched_unit_months"))


def release_units(session: Session, select_unit_ids: str, **parameters: object) -> None:
    """Bring units up to date that an account has just left: touch their remaining accounts, clear empty ones."""
    touch(session, f"SELECT a.id FROM accounts a WHERE a.unit_id IN ({select_unit_ids})", **parameters)
    for table in ("unit_cycles", "unit_states"):
        session.execute(
            text(
                f"DELETE FROM {table} s WHERE s.unit_id IN ({select_unit_ids})"
                " AND NOT EXISTS (SELECT FROM accounts a WHERE a.unit_id = s.unit_id)"
            ),
            parameters,
        )

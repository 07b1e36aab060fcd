"""What an import has touched: the accounts, and the months of theirs, that are to be recomputed.

The lists are temporary tables of the import's transaction. What is read does not grow with the years: besides the
latest bill of each touched account only the months in which something happened are looked at.
"""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

# The order of bills `b`, the latest first.
LATER_FIRST = (
    "b.issued_at DESC, length(b.portal_bill_id) DESC NULLS LAST,"
    ' b.portal_bill_id COLLATE "C" DESC NULLS LAST, b.id DESC'
)

# The day a bill `b` was issued.
ISSUED_ON = "(b.issued_at AT TIME ZONE 'Asia/Karachi')::date"

_LISTS = ("noted_accounts", "noted_new", "noted_bills", "touched", "touched_bills")


def begin_touching(session: Session) -> None:
    """Make the empty lists for this transaction: what is touched is noted, often twice, and put together at the end.

    `touched`: accounts, with what figures need of them (unit, location, use, size), read once; `whole` says that all
    their bills are looked at, `money` that their payments are counted anew.
    `touched_bills`: the months of those accounts in which a bill or the payments of one may have changed; `carried`
    marks those of which only that is new: the bill in them is no longer the account's latest.
    """
    for table in _LISTS:
        session.execute(text(f"DROP TABLE IF EXISTS pg_temp.{table}"))
    session.execute(
        text("CREATE TEMP TABLE noted_accounts (account_id bigint, whole boolean, money boolean) ON COMMIT DROP")
    )
    session.execute(
        text(
            'CREATE TEMP TABLE noted_new (account_id bigint, unit_id bigint, location_id int, "use" text,'
            " size_band text) ON COMMIT DROP"
        )
    )
    session.execute(
        text("CREATE TEMP TABLE noted_bills (account_id bigint, billing_month date, carried boolean) ON COMMIT DROP")
    )


def touch(session: Session, select_account_ids: str, **parameters: object) -> None:
    """Add the accounts that a SELECT gives (SQL of ours, never of a user), with all their bills.

    For what concerns more than single months: an account's unit, the order of its bills, a bill's move.
    """
    session.execute(
        text(f"INSERT INTO noted_accounts SELECT account_id, true, true FROM ({select_account_ids}) s (account_id)"),
        parameters,
    )


def touch_bills(session: Session, select_bills: str, *, money: bool = False, **parameters: object) -> None:
    """Add accounts and single months of theirs: a SELECT of (account_id, billing_month or NULL).

    A month is needed where a bill is new or its stated figures changed, or a payment of its bill changed. Not for a
    payment that is new: it is found by its not being allocated; but then `money` must be set.
    """
    session.execute(
        text(
            f"""
            WITH found (account_id, month) AS MATERIALIZED ({select_bills}), months AS (
                INSERT INTO noted_bills SELECT account_id, month, false FROM found WHERE month IS NOT NULL
            )
            INSERT INTO noted_accounts SELECT account_id, false, {money} FROM found"""
        ),
        parameters,
    )


def touch_new(session: Session, select_accounts: str) -> None:
    """Add accounts that this transaction has made: a SELECT of (account_id, billing_month or NULL, unit_id,
    location_id, use, size_band), one row for each.

    What figures need of them is in the caller's hands: reading it back out of the wide table of accounts would take
    longer than anything that is made of it.
    """
    session.execute(
        text(
            f"""
            WITH found (account_id, month, unit_id, location_id, "use", size_band) AS MATERIALIZED ({select_accounts}),
            months AS (
                INSERT INTO noted_bills SELECT account_id, month, false FROM found WHERE month IS NOT NULL
            )
            INSERT INTO noted_new SELECT account_id, unit_id, location_id, "use", size_band FROM found"""
        )
    )


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


def complete_lists(connection: Connection) -> bool:
    """Make `touched` and `touched_bills` of what was noted; False when that is nothing.

    Adds the latest bill so far of every account, and all bills of those that are looked at as a whole.
    """
    connection.execute(
        text(
            """
            CREATE TEMP TABLE touched ON COMMIT DROP AS
            SELECT n.*, a.unit_id, a.location_id, a."use", a.size_band
            FROM (
                SELECT account_id, bool_or(whole) AS whole, bool_or(money) AS money FROM noted_accounts GROUP BY 1
            ) n JOIN accounts a ON a.id = n.account_id
            UNION ALL
            SELECT account_id, false, true, unit_id, location_id, "use", size_band FROM noted_new f
            WHERE NOT EXISTS (SELECT FROM noted_accounts n WHERE n.account_id = f.account_id)"""
        )
    )
    if not connection.execute(text("SELECT EXISTS (SELECT FROM touched)")).scalar_one():
        return False
    connection.execute(text("CREATE UNIQUE INDEX ON touched (account_id)"))
    connection.execute(text("ANALYZE touched (account_id, unit_id, whole, money)"))
    connection.execute(
        text(
            "INSERT INTO noted_bills SELECT b.account_id, b.latest_bill_month, true"
            " FROM account_balances b JOIN touched USING (account_id) WHERE b.latest_bill_month IS NOT NULL"
        )
    )
    connection.execute(
        text(
            "INSERT INTO noted_bills SELECT b.account_id, b.billing_month, false"
            " FROM bills b JOIN touched t USING (account_id) WHERE t.whole"
        )
    )
    connection.execute(
        text(
            "CREATE TEMP TABLE touched_bills ON COMMIT DROP AS"
            " SELECT account_id, billing_month, bool_and(carried) AS carried FROM noted_bills GROUP BY 1, 2"
        )
    )
    connection.execute(text("CREATE UNIQUE INDEX ON touched_bills (account_id, billing_month)"))
    connection.execute(text("ANALYZE touched_bills"))
    return True


def end_touching(connection: Connection) -> None:
    """Drop the lists."""
    for table in _LISTS:
        connection.execute(text(f"DROP TABLE IF EXISTS pg_temp.{table}"))


def in_touched_months(connection: Connection, column: str, table: str = "touched_bills") -> str:
    """The months of a list as literals, so that the planner leaves out all other partitions."""
    months = connection.execute(text(f"SELECT DISTINCT billing_month FROM {table} ORDER BY 1")).scalars()
    literals = ", ".join(f"DATE '{month.isoformat()}'" for month in months)
    return f"{column} IN ({literals or 'NULL'})"

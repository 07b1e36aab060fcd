"""Folding the append-only rollups in the background."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.extensions import Base
from portal.rollups import models as _models

MEASURES: dict[str, tuple[str, ...]] = {
    _models.RollupBills.__tablename__: ("bills", "paid_bills", "monthly_fee", "demand"),
    _models.RollupReceived.__tablename__: ("amount", "payments"),
    _models.RollupCollected.__tablename__: ("amount", "payments"),
    _models.RollupAccounts.__tablename__: ("accounts", "pending", "debtors", "never_paid", "outstanding", "credit"),
    _models.RollupUnits.__tablename__: ("surveyed", "listed"),
    _models.RollupUnitCycles.__tablename__: ("billed", "paid", "delivered", "reached"),
    _models.RollupDays.__tablename__: ("monthly_fee", "outstanding", "paid_units", "delivered_bills"),
    _models.RollupVisits.__tablename__: ("visits",),
    _models.RollupTickets.__tablename__: ("tickets",),
    "data_versions": ("changes",),
}


def key_columns(table: str) -> list[str]:
    """The dimensions of a rollup: its columns but `id` and the measures."""
    return [c.name for c in Base.metadata.tables[table].columns if c.name != "id" and c.name not in MEASURES[table]]


def fold(session: Session) -> int:
    """Replace the rows of each key that has several by their sum; keys that came to nothing disappear.

    No sum changes, so readers and writers notice nothing. One fold at a time. Returns the rows removed.
    """
    if not session.scalar(text("SELECT pg_try_advisory_xact_lock(hashtext('fold_rollups'))")):
        return 0
    removed = 0
    for table, measures in MEASURES.items():
        keys = ", ".join(f'"{name}"' for name in key_columns(table))
        sums = ", ".join(f"sum({name}) AS {name}" for name in measures)
        all_zero = " AND ".join(f"{name} = 0" for name in measures)
        columns = f"{keys}, {', '.join(measures)}"
        # Equality, so that a hash join can do it; only data_versions has a key that may be NULL.
        same = 'coalesce(r."{0}", 0) = coalesce(k."{0}", 0)' if table == "data_versions" else 'r."{0}" = k."{0}"'
        same_key = " AND ".join(same.format(name) for name in key_columns(table))
        result = session.execute(
            text(
                f"""
                WITH several AS (SELECT {keys} FROM {table} GROUP BY {keys} HAVING count(*) > 1),
                gone AS (
                    DELETE FROM {table} r USING several k WHERE {same_key} RETURNING r.*
                ), folded AS (
                    INSERT INTO {table} ({columns})
                    SELECT * FROM (SELECT {keys}, {sums} FROM gone GROUP BY {keys}) s
                    WHERE NOT ({all_zero}) RETURNING 1
                )
                SELECT (SELECT count(*) FROM gone) - (SELECT count(*) FROM folded)"""
            )
        )
        removed += int(result.scalar_one())
    return removed

"""The checks of what hangs on the registers: places, imports."""

from __future__ import annotations

from portal.verify.check import Check

PLACE_CHECKS = [
    Check(
        table,
        "the location of the row's place",
        f"""
        SELECT r.id::text AS key, p.location_id::text AS expected, r.location_id::text AS found
        FROM {table} r JOIN places p ON p.id = r.place_id WHERE p.location_id <> r.location_id""",
    )
    for table in ("survey_units", "accounts", "bills", "payments")
] + [
    Check(
        "location_closure",
        "every ancestor of every location",
        """
        WITH RECURSIVE up AS (
            SELECT id AS location_id, id AS ancestor_id, 0 AS depth FROM locations
            UNION ALL
            SELECT up.location_id, l.parent_id, up.depth + 1 FROM up JOIN locations l ON l.id = up.ancestor_id
            WHERE l.parent_id IS NOT NULL AND up.depth < 20
        )
        SELECT location_id || '<' || ancestor_id AS key, coalesce(up.depth::text, 'none') AS expected,
               coalesce(c.depth::text, 'none') AS found
        FROM up FULL JOIN location_closure c USING (location_id, ancestor_id)
        WHERE up.depth IS DISTINCT FROM c.depth""",
    ),
]

# Each table once by its first and once by its last batch.
_NAMED_BATCHES = " UNION ALL ".join(
    f"SELECT DISTINCT {column} AS id, '{table}' AS by FROM {table} WHERE {column} IS NOT NULL"
    for table in ("survey_units", "accounts", "bills", "payments")
    for column in ("first_batch_id", "last_batch_id")
)

IMPORT_CHECKS = [
    Check(
        "import_batches",
        "the counts of the rows kept",
        """
        WITH kept AS (
            SELECT b.id, count(r.line_no) FILTER (WHERE r.outcome = 'REJECTED') AS rejected,
                   count(r.line_no) FILTER (WHERE r.outcome = 'DUPLICATE') AS duplicate,
                   count(r.line_no) FILTER (WHERE r.outcome = 'UPDATED') AS updated,
                   count(r.line_no) FILTER (WHERE r.pending) AS pending
            FROM import_batches b LEFT JOIN import_rows r ON r.batch_id = b.id WHERE b.status = 'DONE' GROUP BY b.id
        )
        SELECT b.id::text AS key, concat_ws(' ', k.rejected, k.duplicate, k.updated, k.pending) AS expected,
               concat_ws(' ', b.rows_rejected, b.rows_duplicate, b.rows_updated, b.rows_pending) AS found
        FROM kept k JOIN import_batches b USING (id)
        WHERE (k.rejected, k.duplicate, k.updated, k.pending)
           <> (b.rows_rejected, b.rows_duplicate, b.rows_updated, b.rows_pending)""",
    ),
    Check(
        "import_batches",
        "the batches that rows name",
        f"""
        SELECT named.id::text AS key, 'a batch' AS expected, 'none, named by ' || min(named.by) AS found
        FROM ({_NAMED_BATCHES}) named LEFT JOIN import_batches b USING (id) WHERE b.id IS NULL GROUP BY named.id""",
    ),
]

"""The checks of what hangs on the registers: deliveries and files, places, imports."""

from __future__ import annotations

from portal.verify.check import Check
from portal.verify.rollup_checks import rollup

FIELD_CHECKS = [
    Check(
        "bills",
        "the day of the first approved delivery",
        """
        SELECT b.billing_month || '/' || b.id AS key, coalesce(e.day::text, 'never') AS expected,
               coalesce(b.delivered_on::text, 'never') AS found
        FROM bills b LEFT JOIN LATERAL (
            SELECT (v.visited_at AT TIME ZONE 'Asia/Karachi')::date AS day FROM compliance_visits v
            WHERE b.status <> 'CANCELLED' AND v.account_id = b.account_id AND v.bill_month = b.billing_month
              AND v.visit_type = 'DELIVERY' AND v.outcome LIKE 'DELIVERED%' AND v.review_state = 'APPROVED'
            ORDER BY v.visited_at LIMIT 1
        ) e ON true
        WHERE e.day IS DISTINCT FROM b.delivered_on""",
    ),
    Check(
        "compliance_visits",
        "the month of the bill that was handed over",
        """
        SELECT v.id::text AS key, k.billing_month::text AS expected, v.bill_month::text AS found
        FROM compliance_visits v JOIN bill_keys k USING (portal_bill_id)
        WHERE v.bill_month IS DISTINCT FROM k.billing_month""",
    ),
    rollup(
        "rollup_visits",
        ["location_id", "day", "visit_type", "outcome", "review_state"],
        ["visits"],
        """SELECT location_id, timezone('Asia/Karachi', visited_at)::date AS day, visit_type, outcome, review_state,
                  count(*) AS visits
           FROM compliance_visits GROUP BY 1, 2, 3, 4, 5""",
    ),
    rollup(
        "rollup_tickets",
        ["location_id", "state", "category_id", "priority"],
        ["tickets"],
        """SELECT location_id, CASE WHEN status = ANY(ARRAY['OPEN', 'IN_PROGRESS', 'WAITING']) THEN 'OPEN'
                  ELSE 'CLOSED' END AS state, category_id, priority, count(*) AS tickets
           FROM tickets GROUP BY 1, 2, 3, 4""",
    ),
]

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

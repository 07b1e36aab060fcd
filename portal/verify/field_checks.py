"""The checks of visits, deliveries and tickets."""

from __future__ import annotations

from portal.verify.check import Check, rollup

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

"""The checks of the rollups: sums by key against the same sums over the rows."""

from __future__ import annotations

from portal.verify.check import Check, rollup

ROLLUP_CHECKS = [
    rollup(
        "rollup_bills",
        ["location_id", "billing_month", '"use"', "size_band"],
        ["bills", "paid_bills", "monthly_fee", "demand"],
        """SELECT location_id, billing_month, coalesce("use", '') AS "use", coalesce(size_band, '') AS size_band,
                  count(*) AS bills, count(*) FILTER (WHERE status = 'PAID') AS paid_bills,
                  sum(monthly_fee) AS monthly_fee, sum(demand) AS demand
           FROM bills WHERE status <> 'CANCELLED' GROUP BY 1, 2, 3, 4""",
    ),
    rollup(
        "rollup_received",
        ["location_id", "bill_month", "paid_on", '"use"'],
        ["amount", "payments"],
        """SELECT location_id, bill_month, paid_on, coalesce("use", '') AS "use", sum(paid_amount) AS amount,
                  count(*) AS payments
           FROM payments WHERE bill_id IS NOT NULL GROUP BY 1, 2, 3, 4""",
    ),
    rollup(
        "rollup_collected",
        ["location_id", "paid_on", "channel", '"use"', "size_band", "state"],
        ["amount", "payments"],
        """SELECT location_id, paid_on, channel, coalesce("use", '') AS "use", coalesce(size_band, '') AS size_band,
                  CASE WHEN account_id IS NULL THEN 'UNMATCHED' ELSE 'POSTED' END AS state,
                  sum(paid_amount) AS amount, count(*) AS payments
           FROM payments GROUP BY 1, 2, 3, 4, 5, 6""",
    ),
    rollup(
        "rollup_accounts",
        ["location_id", '"use"', "size_band", "unpaid_bills"],
        ["accounts", "pending", "debtors", "never_paid", "outstanding", "credit"],
        """SELECT location_id, coalesce("use", '') AS "use", coalesce(size_band, '') AS size_band, unpaid_bills,
                  count(*) AS accounts, count(*) FILTER (WHERE is_pending) AS pending,
                  count(*) FILTER (WHERE outstanding > 0) AS debtors,
                  count(*) FILTER (WHERE payments_count = 0 AND latest_bill_id IS NOT NULL) AS never_paid,
                  sum(outstanding) AS outstanding, sum(credit) AS credit
           FROM account_balances GROUP BY 1, 2, 3, 4""",
    ),
    rollup(
        "rollup_units",
        ["location_id", '"use"'],
        ["surveyed", "listed"],
        """SELECT u.location_id, coalesce(u."use", '') AS "use", count(*) AS surveyed,
                  count(*) FILTER (WHERE EXISTS (SELECT FROM accounts a WHERE a.unit_id = u.id)) AS listed
           FROM survey_units u WHERE u.deleted_at IS NULL GROUP BY 1, 2""",
    ),
    rollup(
        "rollup_unit_cycles",
        ["location_id", "billing_month", '"use"'],
        ["billed", "paid", "delivered", "reached"],
        """SELECT location_id, billing_month, "use", count(*) AS billed, count(*) FILTER (WHERE any_paid) AS paid,
                  count(*) FILTER (WHERE any_delivered) AS delivered,
                  count(*) FILTER (WHERE any_paid OR any_delivered) AS reached
           FROM (
               SELECT u.id, u.location_id, b.billing_month, coalesce(u."use", '') AS "use",
                      bool_or(b.status = 'PAID') AS any_paid, bool_or(b.delivered_on IS NOT NULL) AS any_delivered
               FROM bills b JOIN accounts a ON a.id = b.account_id JOIN survey_units u ON u.id = a.unit_id
               WHERE b.status <> 'CANCELLED' AND u.deleted_at IS NULL GROUP BY 1, 2, 3, 4
           ) units GROUP BY 1, 2, 3""",
    ),
    # Each live bill by itself: asked for on its day of issue, paid on its last paid date, carried over with the rest.
    rollup(
        "rollup_days",
        ["location_id", "billing_month", '"use"', "day"],
        ["monthly_fee", "outstanding", "paid_units", "delivered_bills"],
        """SELECT location_id, billing_month, coalesce("use", '') AS "use", day, sum(fee) AS monthly_fee,
                  sum(owed) AS outstanding, sum(units) AS paid_units, sum(handed_over) AS delivered_bills
           FROM (
               SELECT b.location_id, b.billing_month, b."use", d.day, d.fee, d.owed, 0 AS units, 0 AS handed_over
               FROM (
                   SELECT *, (issued_at AT TIME ZONE 'Asia/Karachi')::date AS issued_on,
                          greatest(last_paid_on, (issued_at AT TIME ZONE 'Asia/Karachi')::date) AS off_on
                   FROM bills WHERE status <> 'CANCELLED'
               ) b,
               LATERAL (
                   SELECT issued_on AS day, monthly_fee AS fee, demand AS owed
                   UNION ALL SELECT off_on, 0, -least(demand, paid_amount)
                       WHERE paid_amount > 0 AND (carried_on IS NULL OR off_on < carried_on)
                   UNION ALL SELECT carried_on, 0, CASE WHEN paid_amount > 0 AND off_on < carried_on
                       THEN -greatest(demand - paid_amount, 0) ELSE -demand END
                       WHERE carried_on IS NOT NULL
               ) d
               UNION ALL
               SELECT location_id, billing_month, "use", coalesce(paid_on, billing_month), 0, 0, 1, 0 FROM unit_cycles
               WHERE paid_bills > 0
               UNION ALL
               SELECT location_id, billing_month, "use", delivered_on, 0, 0, 0, 1 FROM bills
               WHERE delivered_on IS NOT NULL
           ) events GROUP BY 1, 2, 3, 4""",
    ),
    Check(
        "rollup_days",
        "what the latest bills leave to be paid is what the accounts owe",
        """
        SELECT 'all' AS key, owed::text AS expected, left_to_pay::text AS found
        FROM (SELECT coalesce(sum(outstanding), 0) AS owed FROM account_balances) a,
             (SELECT coalesce(sum(outstanding), 0) AS left_to_pay FROM rollup_days) r
        WHERE owed <> left_to_pay""",
    ),
]

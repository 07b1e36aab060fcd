"""The checks: each a query that gives nothing when all is well, else (key, expected, found) of every difference.

Written apart from the code that maintains the figures, on purpose in another manner: that code works on touched
accounts with window functions, these look at all rows with DISTINCT ON and anti-joins. A rule is stated in
docs/architecture.md ("Allocation", "Figures"), not here.
"""

from __future__ import annotations

from portal.verify.check import LATEST, Check
from portal.verify.field_checks import FIELD_CHECKS
from portal.verify.file_checks import FILE_CHECKS
from portal.verify.other_checks import IMPORT_CHECKS, PLACE_CHECKS
from portal.verify.rollup_checks import ROLLUP_CHECKS
from portal.verify.ticket_checks import TICKET_CHECKS

# What the payments of a bill say: their sum, the last day, and the amount (and fine) of the latest paid row.
_PAID = (
    """
    paid AS (
        SELECT bill_month, bill_id, sum(paid_amount) AS paid, max(paid_on) AS last_paid_on
        FROM payments WHERE bill_id IS NOT NULL GROUP BY 1, 2
    ), stated AS (
        SELECT DISTINCT ON (bill_month, bill_id) bill_month, bill_id, amount, coalesce(fine, 0) AS fine
        FROM payments WHERE bill_id IS NOT NULL AND amount IS NOT NULL
        ORDER BY bill_month, bill_id, paid_on DESC, amount DESC, channel, paid_amount DESC
    ), latest AS (
        SELECT DISTINCT ON (account_id) account_id, billing_month, id FROM bills WHERE status <> 'CANCELLED'
        ORDER BY account_id, """
    + LATEST
    + """
    )"""
)

BILL_CHECKS = [
    Check(
        "bills",
        "one live bill, the latest, of each account and month",
        f"""
        WITH winner AS (
            SELECT DISTINCT ON (account_id, billing_month) account_id, billing_month, id FROM bills
            ORDER BY account_id, billing_month, source = 'OLD_SYSTEM', {LATEST}
        )
        SELECT b.billing_month || '/' || b.id AS key,
               CASE WHEN w.id IS NULL THEN 'CANCELLED' ELSE 'live' END AS expected, b.status AS found
        FROM bills b LEFT JOIN winner w ON w.billing_month = b.billing_month AND w.id = b.id
        WHERE (w.id IS NULL) <> (b.status = 'CANCELLED')""",
    ),
    Check(
        "bills",
        "status, demand and what was paid",
        f"""
        WITH {_PAID}, expected AS (
            SELECT b.billing_month, b.id, b.status, b.paid_amount, b.demand, b.last_paid_on,
                   coalesce(p.paid, 0) AS e_paid, p.last_paid_on AS e_last,
                   coalesce(s.amount, b.amount_payable, 0) AS e_demand,
                   CASE WHEN coalesce(p.paid, 0) >= coalesce(s.amount, b.amount_payable)
                             OR (coalesce(s.amount, b.amount_payable) IS NULL AND p.paid > 0) THEN 'PAID'
                        WHEN l.id IS NULL THEN 'ARREARS'
                        WHEN p.paid > 0 THEN 'PARTIAL'
                        ELSE 'UNPAID' END AS e_status
            FROM bills b
            LEFT JOIN paid p ON p.bill_month = b.billing_month AND p.bill_id = b.id
            LEFT JOIN stated s ON s.bill_month = b.billing_month AND s.bill_id = b.id
            LEFT JOIN latest l ON l.billing_month = b.billing_month AND l.id = b.id
            WHERE b.status <> 'CANCELLED'
            UNION ALL
            SELECT billing_month, id, status, paid_amount, demand, last_paid_on, 0, NULL, coalesce(amount_payable, 0),
                   'CANCELLED'
            FROM bills WHERE status = 'CANCELLED'
        )
        SELECT billing_month || '/' || id AS key,
               concat_ws(' ', e_status, e_demand, e_paid, e_last) AS expected,
               concat_ws(' ', status, demand, paid_amount, last_paid_on) AS found
        FROM expected
        WHERE (e_status, e_demand, e_paid, e_last) IS DISTINCT FROM (status, demand, paid_amount, last_paid_on)""",
    ),
    Check(
        "bills",
        "the day a later bill carried it over",
        """
        SELECT billing_month || '/' || id AS key, coalesce(expected::text, 'never') AS expected,
               coalesce(carried_on::text, 'never') AS found
        FROM (
            SELECT billing_month, id, carried_on, (lead(issued_at) OVER (
                       PARTITION BY account_id ORDER BY issued_at, length(portal_bill_id) NULLS FIRST,
                       portal_bill_id COLLATE "C" NULLS FIRST, id) AT TIME ZONE 'Asia/Karachi')::date AS expected
            FROM bills WHERE status <> 'CANCELLED'
            UNION ALL
            SELECT billing_month, id, carried_on, NULL FROM bills WHERE status = 'CANCELLED'
        ) b WHERE carried_on IS DISTINCT FROM expected""",
    ),
    Check(
        "bills",
        "the account's PSID, and the key of its portal bill id",
        """
        SELECT b.billing_month || '/' || b.id AS key, a.psid AS expected, b.psid AS found
        FROM bills b JOIN accounts a ON a.id = b.account_id WHERE a.psid <> b.psid
        UNION ALL
        SELECT k.portal_bill_id, 'one bill in ' || k.billing_month, count(b.id) || ' bills'
        FROM bill_keys k LEFT JOIN bills b
            ON b.portal_bill_id = k.portal_bill_id AND b.billing_month = k.billing_month
        GROUP BY k.portal_bill_id HAVING count(b.id) <> 1""",
    ),
]

PAYMENT_CHECKS = [
    Check(
        "payments",
        "every known PSID is matched to its account",
        """
        SELECT p.id::text AS key, a.id::text AS expected, coalesce(p.account_id::text, 'none') AS found
        FROM payments p LEFT JOIN accounts a ON a.psid = p.psid WHERE p.account_id IS DISTINCT FROM a.id""",
    ),
    Check(
        "payments",
        "the bill each payment belongs to",
        f"""
        WITH exact AS (
            SELECT p.id, b.billing_month, b.id AS bill_id FROM payments p
            JOIN bills b ON b.account_id = p.account_id AND b.billing_month = p.month AND b.status <> 'CANCELLED'
        ), earlier AS (
            SELECT DISTINCT ON (p.id) p.id, b.billing_month, b.id AS bill_id FROM payments p
            JOIN bills b ON b.account_id = p.account_id AND b.status <> 'CANCELLED' AND b.issued_at::date <= p.paid_on
            WHERE NOT EXISTS (SELECT FROM exact x WHERE x.id = p.id)
            ORDER BY p.id, {
            LATEST.replace("issued_at", "b.issued_at")
            .replace("portal_bill_id", "b.portal_bill_id")
            .replace(", id DESC", ", b.id DESC")
        }
        ), expected AS (SELECT * FROM exact UNION ALL SELECT * FROM earlier)
        SELECT p.id::text AS key, coalesce(e.billing_month || '/' || e.bill_id, 'none') AS expected,
               coalesce(p.bill_month || '/' || p.bill_id, 'none') AS found
        FROM payments p LEFT JOIN expected e ON e.id = p.id
        WHERE (p.bill_month, p.bill_id) IS DISTINCT FROM (e.billing_month, e.bill_id)""",
    ),
]

BALANCE_CHECKS = [
    Check(
        "account_balances",
        "outstanding, credit, unpaid bills, latest bill, payments",
        f"""
        WITH {_PAID}, last_paid AS (
            SELECT DISTINCT ON (account_id) account_id, issued_at, portal_bill_id, id FROM bills WHERE status = 'PAID'
            ORDER BY account_id, {LATEST}
        ), unpaid AS (
            SELECT b.account_id, count(*) AS n FROM bills b LEFT JOIN last_paid lp ON lp.account_id = b.account_id
            WHERE b.status <> 'CANCELLED' AND (lp.id IS NULL OR
                  (b.issued_at, coalesce(length(b.portal_bill_id), 0), coalesce(b.portal_bill_id, '') COLLATE "C", b.id)
                > (lp.issued_at, coalesce(length(lp.portal_bill_id), 0), coalesce(lp.portal_bill_id, '') COLLATE "C",
                   lp.id))
            GROUP BY 1
        ), counted AS (SELECT account_id, count(*) AS n FROM payments WHERE account_id IS NOT NULL GROUP BY 1),
        expected AS (
            SELECT a.id AS account_id, a.location_id, a."use", a.size_band, a.unit_id IS NULL AS is_pending,
                   l.billing_month AS latest_bill_month, l.id AS latest_bill_id,
                   greatest(coalesce(coalesce(s.amount, b.amount_payable, 0) - coalesce(p.paid, 0), 0), 0)
                       AS outstanding,
                   CASE WHEN b.id IS NULL THEN 0 ELSE greatest(0, coalesce(p.paid, 0) - greatest(
                       coalesce(s.amount + s.fine, b.amount_after_due, b.amount_payable, 0),
                       coalesce(s.amount, b.amount_payable, 0))) END AS credit,
                   coalesce(u.n, 0) AS unpaid_bills, coalesce(c.n, 0) AS payments_count
            FROM accounts a
            LEFT JOIN latest l ON l.account_id = a.id
            LEFT JOIN bills b ON b.billing_month = l.billing_month AND b.id = l.id
            LEFT JOIN paid p ON p.bill_month = l.billing_month AND p.bill_id = l.id
            LEFT JOIN stated s ON s.bill_month = l.billing_month AND s.bill_id = l.id
            LEFT JOIN unpaid u ON u.account_id = a.id
            LEFT JOIN counted c ON c.account_id = a.id
        )
        SELECT account_id::text AS key, coalesce(row_to_json(e)::text, 'no row') AS expected,
               coalesce(row_to_json(f)::text, 'no row') AS found
        FROM expected e FULL JOIN account_balances f USING (account_id)
        WHERE (e.location_id, e."use", e.size_band, e.is_pending, e.latest_bill_month, e.latest_bill_id, e.outstanding,
               e.credit, e.unpaid_bills, e.payments_count)
              IS DISTINCT FROM
              (f.location_id, f."use", f.size_band, f.is_pending, f.latest_bill_month, f.latest_bill_id, f.outstanding,
               f.credit, f.unpaid_bills, f.payments_count)""",
    ),
    Check(
        "accounts",
        "every known survey id is matched to its unit",
        """
        SELECT a.psid AS key, coalesce(u.id::text, 'none') AS expected, coalesce(a.unit_id::text, 'none') AS found
        FROM accounts a LEFT JOIN survey_units u ON u.survey_id = a.survey_id WHERE a.unit_id IS DISTINCT FROM u.id""",
    ),
]

UNIT_CHECKS = [
    Check(
        "unit_states",
        "accounts of each listed unit",
        """
        WITH e AS (
            SELECT u.id AS unit_id, u.location_id, u."use", count(*) AS accounts
            FROM survey_units u JOIN accounts a ON a.unit_id = u.id WHERE u.deleted_at IS NULL GROUP BY u.id
        )
        SELECT unit_id::text AS key, concat_ws(' ', e.location_id, e."use", e.accounts) AS expected,
               concat_ws(' ', f.location_id, f."use", f.accounts) AS found
        FROM e FULL JOIN unit_states f USING (unit_id)
        WHERE (e.location_id, e."use", e.accounts) IS DISTINCT FROM (f.location_id, f."use", f.accounts)""",
    ),
    Check(
        "unit_cycles",
        "live and paid bills of each unit and month, and the day it paid",
        """
        WITH e AS (
            SELECT b.billing_month, u.id AS unit_id, u.location_id, u."use", count(*) AS bills,
                   count(*) FILTER (WHERE b.status = 'PAID') AS paid_bills,
                   min(coalesce(b.last_paid_on, (b.issued_at AT TIME ZONE 'Asia/Karachi')::date))
                       FILTER (WHERE b.status = 'PAID') AS paid_on,
                   count(*) FILTER (WHERE b.delivered_on IS NOT NULL) AS delivered_bills
            FROM bills b JOIN accounts a ON a.id = b.account_id JOIN survey_units u ON u.id = a.unit_id
            WHERE b.status <> 'CANCELLED' AND u.deleted_at IS NULL GROUP BY 1, 2, 3, 4
        )
        SELECT billing_month || '/' || unit_id AS key,
               concat_ws(' ', e.location_id, e."use", e.bills, e.paid_bills, e.paid_on, e.delivered_bills) AS expected,
               concat_ws(' ', f.location_id, f."use", f.bills, f.paid_bills, f.paid_on, f.delivered_bills) AS found
        FROM e FULL JOIN unit_cycles f USING (billing_month, unit_id)
        WHERE (e.location_id, e."use", e.bills, e.paid_bills, e.paid_on, e.delivered_bills)
              IS DISTINCT FROM (f.location_id, f."use", f.bills, f.paid_bills, f.paid_on, f.delivered_bills)""",
    ),
]


CHECKS: list[Check] = [
    *BILL_CHECKS,
    *PAYMENT_CHECKS,
    *BALANCE_CHECKS,
    *UNIT_CHECKS,
    *ROLLUP_CHECKS,
    *FIELD_CHECKS,
    *PLACE_CHECKS,
    *IMPORT_CHECKS,
    *FILE_CHECKS,
    *TICKET_CHECKS,
]

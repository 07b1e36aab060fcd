"""A data set for reports, made by SQL: three tehsils, units, accounts, bills and payments, faults of names included.

Statuses and balances are set as the allocation would set them; rollups come by trigger. Names that a spreadsheet
would run, that XML or COPY would trip over, and harmless ones that look alike are all among the consumers.
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from sqlalchemy import text

from portal.db import db, read_snapshot

TEHSILS = ("Northgate", "Eastmarket", "Riverside")
COUNCILS = 6
UNITS, MONTHS = 1800, 3
NEWEST = "2025-11"

NASTY = (
    '=HYPERLINK("http://x","y")',
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "-",
    "-15",
    "+923001234567",
    'Ali & Sons <Traders> \\ "quoted"',
    "two\nlines, and a comma",
    "control\x07char",
    "محمد اسلم",
)

_SQL = """
INSERT INTO locations (parent_id, kind, name, match_key)
    SELECT id, 'DIVISION', 'Canal', 'canal' FROM locations WHERE kind = 'PROVINCE';
INSERT INTO locations (parent_id, kind, name, match_key)
    SELECT id, 'DISTRICT', 'Northgate', 'northgate' FROM locations WHERE kind = 'DIVISION';
INSERT INTO locations (parent_id, kind, name, match_key)
    SELECT id, 'TEHSIL', n, lower(n) FROM locations, unnest(CAST(:tehsils AS text[])) n WHERE kind = 'DISTRICT';
INSERT INTO locations (parent_id, kind, name, match_key, uc_type)
    SELECT l.id, 'UNION_COUNCIL', 'UC-' || g || ', ' || l.name, 'uc' || g, 'URBAN'
    FROM locations l, generate_series(1, :councils) g WHERE l.kind = 'TEHSIL';
INSERT INTO places (tehsil_key, name_key, uc_type, tehsil, name, location_id, state)
    SELECT p.match_key, l.match_key, l.uc_type, p.name, l.name, l.id, 'MATCHED'
    FROM locations l JOIN locations p ON p.id = l.parent_id WHERE l.kind = 'UNION_COUNCIL';
INSERT INTO survey_units (survey_id, consumer_name, mobile, cnic, place_id, location_id, uc_type, "use", size_band,
                          as_of)
    SELECT (2000000 + g)::text,
        CASE WHEN g <= cardinality(CAST(:nasty AS text[])) THEN (CAST(:nasty AS text[]))[g] ELSE 'Consumer ' || g END,
        CASE WHEN g % 3 > 0 THEN '0300' || lpad(g::text, 7, '0') END,
        CASE WHEN g % 2 = 0 THEN lpad((g * 37)::text, 13, '3') END,
        p.id, p.location_id, p.uc_type,
        CASE WHEN g % 8 = 0 THEN 'COMMERCIAL' ELSE 'DOMESTIC' END,
        CASE WHEN g % 8 = 0 THEN (array['SMALL','MEDIUM','LARGE'])[1 + g % 3]
             ELSE (array['M0_5','M5_10','M10_20','M20_40','M40_PLUS'])[1 + g % 5] END, '2025-11-20 10:00+05'
    FROM generate_series(1, :units) g
    JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS n FROM places) p ON p.n = g % 18;
INSERT INTO accounts (psid, survey_id, unit_id, consumer_name, mobile, cnic, place_id, location_id, uc_type, "use",
                      size_band, monthly_fee, total_payable, as_of)
    SELECT '11110' || lpad(u.id::text, 15, '0'), u.survey_id, CASE WHEN u.id % 50 <> 0 THEN u.id END, u.consumer_name,
        u.mobile, u.cnic, u.place_id, u.location_id, u.uc_type, u."use", u.size_band, 300 + u.id % 7 * 100, 330, u.as_of
    FROM survey_units u;
SELECT ensure_bill_partition((date '2025-09-01' + make_interval(months => m))::date)
    FROM generate_series(0, :months - 1) m;
INSERT INTO bill_keys
    SELECT 'B' || m || '-' || a.id, (date '2025-09-01' + make_interval(months => m))::date
    FROM accounts a, generate_series(0, :months - 1) m;
INSERT INTO bills (billing_month, account_id, psid, portal_bill_id, place_id, location_id, uc_type, "use", size_band,
                   issued_at, monthly_fee, arrears, amount_payable, status, demand, month_source, month_as_of, as_of)
    SELECT (date '2025-09-01' + make_interval(months => m))::date, a.id, a.psid, 'B' || m || '-' || a.id, a.place_id,
        a.location_id, a.uc_type, a."use", a.size_band,
        (date '2025-09-17' + make_interval(months => m)) + interval '4 hours', a.monthly_fee, m * 330,
        CASE WHEN a.id % 11 <> 0 THEN a.monthly_fee + m * 330 END,
        CASE WHEN a.id % 97 = 1 THEN 'CANCELLED' WHEN m < :months - 1 THEN 'ARREARS' ELSE 'UNPAID' END,
        a.monthly_fee + m * 330, 'ISSUED', '2025-11-20', '2025-11-20'
    FROM generate_series(0, :months - 1) m, accounts a;
INSERT INTO payments (psid, month, paid_on, paid_amount, channel, amount, fine, "use", size_band, place_id, location_id,
                      place_is_long, place_as_of, account_id, bill_month, bill_id, as_of)
    SELECT b.psid, b.billing_month, (b.issued_at + make_interval(days => (b.id % 29)::int))::date, b.demand,
        (array['1Bill','BOP OTC','OTC/Cash','JazzCash'])[1 + b.id % 4], b.demand, 0, b."use", b.size_band, b.place_id,
        b.location_id, true, '2025-11-20', b.account_id, b.billing_month, b.id, '2025-11-20'
    FROM bills b WHERE b.account_id % 4 = 0 AND b.status <> 'CANCELLED';
UPDATE bills SET delivered_on = (issued_at + interval '3 days')::date
    WHERE account_id % 3 = 0 AND status <> 'CANCELLED';
UPDATE bills SET status = 'PAID', paid_amount = demand WHERE account_id % 4 = 0 AND status <> 'CANCELLED';
INSERT INTO payments (psid, month, paid_on, paid_amount, channel, "use", size_band, place_id, location_id,
                      place_is_long, place_as_of, as_of)
    SELECT '99990' || lpad(g::text, 15, '0'), '2025-11-01', date '2025-11-17' + (g % 20)::int, 500 + g, 'BOP OTC',
        'DOMESTIC', NULL, p.id, p.location_id, true, '2025-11-20', '2025-11-20'
    FROM generate_series(1, 90) g
    JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS n FROM places) p ON p.n = g % 18;
INSERT INTO account_balances (account_id, location_id, "use", size_band, is_pending, latest_bill_month, latest_bill_id,
                              outstanding, unpaid_bills, payments_count)
    SELECT a.id, a.location_id, a."use", a.size_band, a.unit_id IS NULL, b.billing_month, b.id,
        coalesce(greatest(b.demand - b.paid_amount, 0), 0),
        CASE WHEN b.status = 'PAID' OR b.id IS NULL THEN 0 ELSE 1 + a.id % 3 END,
        CASE WHEN a.id % 4 = 0 THEN :months ELSE 0 END
    FROM accounts a
    LEFT JOIN bills b ON b.account_id = a.id AND b.billing_month = '2025-11-01' AND b.status <> 'CANCELLED';
INSERT INTO unit_states SELECT u.id, u.location_id, u."use", 1 FROM survey_units u JOIN accounts a ON a.unit_id = u.id;
INSERT INTO unit_cycles
    SELECT b.billing_month, u.id, u.location_id, u."use", 1, (b.status = 'PAID')::int
    FROM survey_units u JOIN accounts a ON a.unit_id = u.id JOIN bills b ON b.account_id = a.id
    WHERE b.status <> 'CANCELLED';
INSERT INTO staff (username, full_name, password_hash, role)
    SELECT 'walker' || g, CASE WHEN g < 3 THEN 'Walker ' || g ELSE '' END, 'x', 'AGENT' FROM generate_series(0, 3) g;
INSERT INTO staff_areas (staff_id, location_id)
    SELECT s.id, l.id FROM staff s JOIN locations l ON l.kind = 'TEHSIL'
    WHERE s.username = 'walker' || array_position(CAST(:tehsils AS text[]), l.name) - 1;
INSERT INTO compliance_visits (client_uuid, unit_id, account_id, bill_month, location_id, staff_id, visit_type, outcome,
                               visited_at, distance_m, promise_date, promise_amount, review_state, reviewed_by)
    SELECT gen_random_uuid(), u.id, CASE WHEN u.id % 2 = 0 THEN a.id END, CASE WHEN u.id % 2 = 0 THEN date '2025-11-01'
        END, u.location_id, s.id, CASE WHEN u.id % 2 = 0 THEN 'DELIVERY' ELSE 'RECOVERY' END,
        CASE WHEN u.id % 2 = 0 THEN 'DELIVERED' WHEN u.id % 3 = 0 THEN 'PROMISED' ELSE 'LOCKED' END,
        timestamptz '2025-10-10 23:30+05' + make_interval(mins => u.id::int * 97), CASE WHEN u.id % 5 > 0 THEN u.id % 90
        END, CASE WHEN u.id % 6 = 3 THEN date '2025-12-24' END, CASE WHEN u.id % 6 = 3 THEN 500 + u.id END,
        (array['PENDING','APPROVED','RETURNED'])[1 + u.id % 3], CASE WHEN u.id % 3 > 0 THEN s.id END
    FROM survey_units u JOIN accounts a ON a.survey_id = u.survey_id
    JOIN location_closure c ON c.location_id = u.location_id JOIN staff_areas x ON x.location_id = c.ancestor_id
    JOIN staff s ON s.id = x.staff_id AND s.username LIKE 'walker%' WHERE u.id % 10 < 9;
"""


def fill(app: Flask) -> None:
    """Fill an empty database."""
    values = {"tehsils": list(TEHSILS), "councils": COUNCILS, "units": UNITS, "months": MONTHS, "nasty": list(NASTY)}
    with app.app_context():
        with db.engine.begin() as connection:
            for statement in _SQL.split(";\n"):
                if statement.strip():
                    names = {name for name in values if f":{name}" in statement}
                    connection.execute(text(statement), {name: values[name] for name in names})
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def rows(app: Flask, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """What a statement of the test's own finds."""
    with app.app_context(), read_snapshot() as connection:
        return [tuple(row) for row in connection.execute(text(statement), values)]


def location(app: Flask, name: str, kind: str = "TEHSIL") -> int:
    """The id of a place of this data set."""
    [(found,)] = rows(app, "SELECT id FROM locations WHERE name = :name AND kind = :kind", name=name, kind=kind)
    return int(found)

# ruff: noqa: E501
"""Many rows, made inside the database: what the plan and time tests (and a benchmark by hand) look at.

Only the shape matters: tehsils are loaded one after another, so that an area's rows lie together on disk as they
do after real imports; a common name stands in a third of the rows, another one in a single tehsil.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, text

COMMON_NAME = "Muhammad"
TEHSIL_WORD = "Chakwala"  # stands in every address of the last tehsil and in no other


@dataclass(frozen=True)
class Volume:
    """What was loaded: ids of the province, its tehsils, and one union council of the last tehsil."""

    province: int
    tehsils: list[int]
    union_council: int
    months: list[dt.date]


def load(
    connection: Connection,
    *,
    units: int,
    months: list[dt.date],
    tehsils: int = 3,
    councils: int = 50,
    survey_from: int = 1_000_000,
) -> Volume:
    """Insert `units` units, an account for 95 % of them, 1 % pending accounts, and a bill per account and month."""
    run = connection.execute
    province = run(text("SELECT id FROM locations WHERE kind = 'PROVINCE'")).scalar()
    if province is None:
        province = run(
            text("INSERT INTO locations (kind, name, match_key) VALUES ('PROVINCE', 'Punjab', 'punjab') RETURNING id")
        ).scalar_one()
    district = run(
        text(
            "INSERT INTO locations (parent_id, kind, name, match_key)"
            " VALUES (:parent, 'DISTRICT', 'Volume', 'volume') RETURNING id"
        ),
        {"parent": province},
    ).scalar_one()
    tehsil_ids: list[int] = []
    for number in range(1, tehsils + 1):
        tehsil = run(
            text(
                "INSERT INTO locations (parent_id, kind, name, match_key)"
                " VALUES (:parent, 'TEHSIL', :name, lower(:name)) RETURNING id"
            ),
            {"parent": district, "name": f"Tehsil {number}"},
        ).scalar_one()
        tehsil_ids.append(tehsil)
        run(
            text(
                "INSERT INTO locations (parent_id, kind, name, match_key, uc_type)"
                " SELECT :parent, 'UNION_COUNCIL', 'UC-' || n || ', Volume ' || :number, 'uc' || n || 'volume' || :number,"
                " CASE WHEN n % 2 = 0 THEN 'URBAN' ELSE 'RURAL' END FROM generate_series(1, :councils) n"
            ),
            {"parent": tehsil, "number": number, "councils": councils},
        )
    run(
        text(
            """WITH RECURSIVE up AS (
                 SELECT id AS location_id, id AS ancestor_id, 0 AS depth FROM locations
                 UNION ALL
                 SELECT up.location_id, l.parent_id, up.depth + 1 FROM up JOIN locations l ON l.id = up.ancestor_id
                 WHERE l.parent_id IS NOT NULL)
               INSERT INTO location_closure (location_id, ancestor_id, depth)
               SELECT location_id, ancestor_id, depth FROM up ON CONFLICT DO NOTHING"""
        )
    )
    run(
        text(
            "INSERT INTO places (tehsil_key, name_key, tehsil, name, location_id, state)"
            " SELECT p.match_key, l.match_key, p.name, l.name, l.id, 'MATCHED' FROM locations l"
            " JOIN locations p ON p.id = l.parent_id WHERE p.id = ANY(:tehsils)"
        ),
        {"tehsils": tehsil_ids},
    )
    per_tehsil = units // tehsils
    for position, tehsil in enumerate(tehsil_ids):
        _load_units(
            connection,
            tehsil,
            first=survey_from + position * per_tehsil,
            units=per_tehsil,
            word=TEHSIL_WORD if position == tehsils - 1 else "Bazar",
        )
    for month in months:
        run(text("SELECT ensure_bill_partition(:month)"), {"month": month})
        _load_bills(connection, month, latest=month == max(months))
    _load_derived(connection, max(months))
    _load_history(connection)
    council = run(
        text("SELECT id FROM locations WHERE parent_id = :tehsil ORDER BY id LIMIT 1"), {"tehsil": tehsil_ids[-1]}
    ).scalar_one()
    return Volume(province, tehsil_ids, council, months)


def _load_units(connection: Connection, tehsil: int, first: int, units: int, word: str) -> None:
    run = connection.execute
    parameters = {"tehsil": tehsil, "first": first, "last": first + units - 1, "word": word}
    run(
        text(
            """WITH councils AS (
                 SELECT l.id, p.id AS place_id, l.uc_type, row_number() OVER (ORDER BY l.id) - 1 AS at, count(*) OVER () AS total
                 FROM locations l JOIN places p ON p.location_id = l.id WHERE l.parent_id = :tehsil)
               INSERT INTO survey_units (survey_id, consumer_name, mobile, cnic, address, place_id, location_id, uc_type, use,
                 size_band, size_text, house_type, business_type, gps_text, gps_lat, gps_lon, surveyor_name, surveyed_at, as_of)
               SELECT n::text,
                 (ARRAY['Muhammad','Ghulam','Abdul','Allah','Rana','محمد'])[1 + n % 6] || ' '
                   || (ARRAY['Akram','Rasool','Sattar','Ditta','Nadeem','Yousaf','اکرم','Tariq','Zafar','Iqbal','Bashir'])[1 + n % 11]
                   || ' ' || substr(md5(n::text), 1, 5),
                 '03' || lpad((n::bigint * 7919 % 1000000000)::text, 9, '0'),
                 CASE WHEN n % 2 = 0 THEN lpad((n::bigint * 104729 % 10000000000000)::text, 13, '0') END,
                 'House ' || n % 900 || ', Street ' || n % 40 || ', ' || :word || ' ' || n % 120,
                 c.place_id, c.id, c.uc_type,
                 CASE WHEN n % 10 = 0 THEN 'COMMERCIAL' ELSE 'DOMESTIC' END,
                 CASE WHEN n % 10 = 0 THEN (ARRAY['SMALL','MEDIUM','LARGE'])[1 + n / 10 % 3]
                      ELSE (ARRAY['M0_5','M5_10','M10_20','M20_40','M40_PLUS'])[1 + n % 5] END,
                 '0-5 Marla', 'Owned', CASE WHEN n % 10 = 0 THEN 'Barber shops' END,
                 '32.3,72.9', 32.3 + (n % 1000) / 10000.0, 72.9, 'Surveyor ' || n % 60,
                 timestamptz '2025-08-01 09:00+05' + n % 90 * interval '1 day', '2025-11-01 00:00+05'
               FROM generate_series(:first, :last) n JOIN councils c ON c.at = n / 7 % c.total"""
        ),
        parameters,
    )
    run(
        text(
            """INSERT INTO accounts (psid, survey_id, unit_id, consumer_name, mobile, cnic, address, place_id, location_id,
                 uc_type, use, size_band, monthly_fee, total_payable, is_active, as_of)
               SELECT '2677' || lpad(u.survey_id, 16, '0'), u.survey_id, u.id, u.consumer_name, u.mobile, u.cnic, u.address,
                 u.place_id, u.location_id, u.uc_type, u.use, u.size_band, 300, 900, true, u.as_of
               FROM survey_units u WHERE u.survey_id::bigint BETWEEN :first AND :last AND u.survey_id::bigint % 20 <> 0
               ORDER BY u.id"""
        ),
        parameters,
    )
    run(
        text(
            """INSERT INTO accounts (psid, survey_id, consumer_name, address, place_id, location_id, use, size_band,
                 monthly_fee, total_payable, is_active, as_of)
               SELECT '2688' || lpad(u.survey_id, 16, '0'), '9' || lpad(u.survey_id, 9, '0'), u.consumer_name, u.address,
                 u.place_id, u.location_id, u.use, u.size_band, 300, 300, true, u.as_of
               FROM survey_units u WHERE u.survey_id::bigint BETWEEN :first AND :last AND u.survey_id::bigint % 100 = 0
               ORDER BY u.id"""
        ),
        parameters,
    )


def _load_bills(connection: Connection, month: dt.date, *, latest: bool) -> None:
    run = connection.execute
    parameters = {"month": month, "latest": latest}
    run(
        text(
            "INSERT INTO bill_keys SELECT id::text || '-' || to_char(cast(:month AS date), 'YYMM'), :month FROM accounts"
        ),
        parameters,
    )
    run(
        text(
            """INSERT INTO bills (billing_month, account_id, psid, portal_bill_id, place_id, location_id, uc_type, use, size_band,
                 issued_at, monthly_fee, amount_payable, demand, status, paid_amount, last_paid_on, month_source, month_as_of, as_of)
               SELECT :month, a.id, a.psid, a.id::text || '-' || to_char(cast(:month AS date), 'YYMM'), a.place_id, a.location_id,
                 a.uc_type, a.use, a.size_band, cast(:month AS date) + time '04:45', 300, 300, 300,
                 CASE WHEN a.id % 8 = 0 THEN 'PAID' WHEN :latest THEN 'UNPAID' ELSE 'ARREARS' END,
                 CASE WHEN a.id % 8 = 0 THEN 300 ELSE 0 END,
                 CASE WHEN a.id % 8 = 0 THEN cast(:month AS date) + 20 END, 'MONTH', now(), now()
               FROM accounts a WHERE a.id % 10 <> 3 ORDER BY a.id"""
        ),
        parameters,
    )
    run(
        text(
            """INSERT INTO payments (psid, month, paid_on, paid_amount, channel, amount, fine, use, size_band, place_id,
                 location_id, place_is_long, place_as_of, account_id, bill_month, bill_id, as_of)
               SELECT b.psid, b.billing_month, b.last_paid_on, 300, '1Bill', 300, 0, b.use, b.size_band, b.place_id,
                 b.location_id, true, now(), b.account_id, b.billing_month, b.id, now()
               FROM bills b WHERE b.billing_month = :month AND b.status = 'PAID' ORDER BY b.id"""
        ),
        parameters,
    )


def _load_derived(connection: Connection, month: dt.date) -> None:
    run = connection.execute
    run(
        text(
            """INSERT INTO account_balances (account_id, location_id, use, size_band, is_pending, latest_bill_month,
                 latest_bill_id, outstanding, unpaid_bills, payments_count)
               SELECT a.id, a.location_id, a.use, a.size_band, a.unit_id IS NULL, b.billing_month, b.id,
                 coalesce(b.demand - b.paid_amount, 0), CASE WHEN b.status = 'UNPAID' THEN 1 ELSE 0 END,
                 CASE WHEN b.status = 'PAID' THEN 1 ELSE 0 END
               FROM accounts a LEFT JOIN bills b ON b.account_id = a.id AND b.billing_month = :month
               ORDER BY a.id ON CONFLICT DO NOTHING"""
        ),
        {"month": month},
    )
    run(
        text(
            """INSERT INTO unit_states (unit_id, location_id, use, accounts)
               SELECT u.id, u.location_id, u.use, count(*) FROM survey_units u JOIN accounts a ON a.unit_id = u.id
               GROUP BY u.id ORDER BY u.id ON CONFLICT DO NOTHING"""
        )
    )
    run(
        text(
            """INSERT INTO unit_cycles (billing_month, unit_id, location_id, use, bills, paid_bills)
               SELECT b.billing_month, u.id, u.location_id, u.use, count(*), count(*) FILTER (WHERE b.status = 'PAID')
               FROM bills b JOIN accounts a ON a.id = b.account_id JOIN survey_units u ON u.id = a.unit_id
               WHERE b.billing_month = :month GROUP BY b.billing_month, u.id ORDER BY u.id ON CONFLICT DO NOTHING"""
        ),
        {"month": month},
    )


def _load_history(connection: Connection) -> None:
    """An import that changed every tenth account, and as many lines in the audit log."""
    run = connection.execute
    batch = run(
        text(
            "INSERT INTO import_batches (kind, file_name, file_sha256, file_size, status, finished_at)"
            " VALUES ('biller', '02_Biller.csv', repeat('0', 64), 1, 'DONE', now()) RETURNING id"
        )
    ).scalar_one()
    run(
        text(
            """INSERT INTO import_rows (batch_id, line_no, outcome, entity_key, changes)
               SELECT :batch, id, 'UPDATED', psid, '{"monthly_fee": [300, 500]}' FROM accounts WHERE id % 10 = 7"""
        ),
        {"batch": batch},
    )
    run(
        text(
            """INSERT INTO audit_log (actor, action, entity, entity_id)
               SELECT 'clerk', 'account.correct', 'account', psid FROM accounts WHERE id % 10 = 7"""
        )
    )

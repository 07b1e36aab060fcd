"""A year of field work on the benchmark's set, as rows: too much for the services, which the tests go through.

A visit to each unit (a third with a photo's row), a ticket for each tenth with two comments, a correction for each
thirtieth, documents, sixty agents with areas of their own, two thousand notifications for each demo user.
"""

from __future__ import annotations

from benchmarks.server import Server

# `hashtext` makes the same rows of the same set. Times are the year up to now, so that "today" has its share.
_AT = "now() - interval '1 minute' * (h % 525600)"
_STEPS = (
    """INSERT INTO staff (username, password_hash, full_name, role, language, created_at)
       SELECT 'agent' || n, repeat('x', 60), 'Agent ' || n, 'AGENT', 'en', now() FROM generate_series(1, 60) n""",
    """INSERT INTO staff_areas (staff_id, location_id)
       SELECT s.id, l.id FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM locations WHERE kind =
       'UNION_COUNCIL') l JOIN (SELECT id, substr(username, 6)::int AS n FROM staff WHERE username ~ '^agent[0-9]+$') s
       ON s.n = 1 + l.n % 60""",
    """INSERT INTO assignments (staff_id, area_id, valid_from)
       SELECT staff_id, location_id, current_date - 300 FROM staff_areas JOIN staff s ON s.id = staff_id
       WHERE s.username ~ '^agent[0-9]+$'""",
    f"""INSERT INTO compliance_visits (client_uuid, unit_id, account_id, location_id, staff_id, visit_type, outcome,
            bill_month, notes, visited_at, device_at, gps_lat, gps_lon, gps_accuracy_m, distance_m, doubts,
            review_state, reviewed_at, promise_date, created_at)
        SELECT gen_random_uuid(), u.id, a.id, u.location_id, s.staff_id,
            CASE WHEN a.id IS NOT NULL AND h % 3 = 0 THEN 'DELIVERY' WHEN h % 3 = 1 THEN 'RECOVERY' ELSE 'ROUTINE' END,
            CASE WHEN a.id IS NOT NULL AND h % 3 = 0 THEN 'DELIVERED' WHEN h % 3 = 1 THEN 'PROMISED' ELSE 'DONE' END,
            CASE WHEN a.id IS NOT NULL AND h % 3 = 0 THEN date_trunc('month', {_AT})::date END,
            CASE WHEN h % 7 = 0 THEN 'Ring twice.' ELSE '' END, {_AT}, {_AT}, u.gps_lat, u.gps_lon, 5 + h % 20,
            h % 60, CASE WHEN h % 50 = 0 THEN 8 + h % 2 * 32 ELSE 0 END,
            CASE WHEN h % 50 = 0 THEN 'PENDING' ELSE 'APPROVED' END, {_AT},
            CASE WHEN h % 3 = 1 THEN (now() + interval '1 day' * (h % 20 - 10))::date END, {_AT}
        FROM survey_units u LEFT JOIN LATERAL (SELECT id FROM accounts WHERE unit_id = u.id LIMIT 1) a ON true
        LEFT JOIN LATERAL (SELECT staff_id FROM assignments WHERE area_id = u.location_id LIMIT 1) s ON true
        CROSS JOIN LATERAL (SELECT abs(hashtext(u.survey_id)) AS h) k""",
    f"""INSERT INTO tickets (number, client_uuid, category_id, priority, status, title, description, location_id,
            unit_id, source, reported_by, assigned_to, assigned_role, due_at, near_at, clock_from, clock_minutes,
            decision, created_at, resolved_at, closed_at)
        SELECT 'T-25-' || lpad(row_number() OVER (ORDER BY u.id)::text, 6, '0'), gen_random_uuid(), c.id,
            (ARRAY['LOW', 'MEDIUM', 'HIGH', 'URGENT'])[1 + h % 4], t.status, 'Complaint about ' || c.code,
            'The cart does not come.', u.location_id, u.id, 'STAFF', s.staff_id,
            CASE WHEN h % 5 > 1 THEN s.staff_id END, 'SUPERVISOR',
            CASE WHEN t.status IN ('OPEN', 'IN_PROGRESS') THEN {_AT} + interval '3 days' END,
            CASE WHEN t.status IN ('OPEN', 'IN_PROGRESS') THEN {_AT} + interval '2 days' END,
            CASE WHEN t.status IN ('OPEN', 'IN_PROGRESS') THEN {_AT} END, 480, NULL, {_AT},
            CASE WHEN t.status IN ('RESOLVED', 'CLOSED') THEN {_AT} + interval '4 days' END,
            CASE WHEN t.status = 'CLOSED' THEN {_AT} + interval '9 days' END
        FROM survey_units u CROSS JOIN LATERAL (SELECT abs(hashtext(u.survey_id || 't')) AS h) k
        CROSS JOIN LATERAL (SELECT (ARRAY['OPEN', 'IN_PROGRESS', 'WAITING', 'RESOLVED', 'CLOSED', 'CLOSED', 'CLOSED',
            'CLOSED'])[1 + h % 8] AS status) t
        LEFT JOIN LATERAL (SELECT staff_id FROM assignments WHERE area_id = u.location_id LIMIT 1) s ON true
        JOIN (SELECT id, code, row_number() OVER (ORDER BY id) - 1 AS n, count(*) OVER () AS all_of
              FROM ticket_categories) c ON c.n = h / 8 % c.all_of
        WHERE h % 10 = 0 OR h % 10 = 5 AND h % 97 = 0""",
    """INSERT INTO ticket_comments (client_uuid, ticket_id, author, body, created_at)
       SELECT gen_random_uuid(), t.id, 'supervisor', 'Seen, comment ' || n, t.created_at + interval '1 hour' * n
       FROM tickets t, generate_series(1, 2) n""",
    """INSERT INTO ticket_events (ticket_id, at, event, actor, detail)
       SELECT id, created_at, 'made', 'agent', '{}' FROM tickets""",
    f"""INSERT INTO corrections (client_uuid, unit_id, location_id, fields, note, state, proposed_by, proposed_at,
            decided_by, decided_at)
        SELECT gen_random_uuid(), u.id, u.location_id, '{{"consumer_name": ["A", "B"]}}', '',
            CASE WHEN h % 300 = 0 THEN 'PENDING' ELSE 'APPROVED' END, s.staff_id, {_AT},
            CASE WHEN h % 300 = 0 THEN NULL ELSE s.staff_id END, CASE WHEN h % 300 = 0 THEN NULL ELSE now() END
        FROM survey_units u CROSS JOIN LATERAL (SELECT abs(hashtext(u.survey_id || 'c')) AS h) k
        JOIN LATERAL (SELECT staff_id FROM assignments WHERE area_id = u.location_id LIMIT 1) s ON true
        WHERE h % 30 = 0""",
    """INSERT INTO stored_files (client_uuid, kind, key, file_name, title, media_type, bytes, sha256, location_id,
           visit_id, created_at)
       SELECT gen_random_uuid(), 'PHOTO', 'bench/v' || id, 'house.jpg', '', 'image/jpeg', 90000, repeat('0', 64),
           location_id, id, created_at FROM compliance_visits WHERE id % 3 = 0""",
    """INSERT INTO stored_files (client_uuid, kind, key, file_name, title, media_type, bytes, sha256, location_id,
           unit_id, created_at)
       SELECT gen_random_uuid(), 'DOCUMENT', 'bench/d' || id, 'deed' || id || '.pdf', 'Deed of ' || survey_id,
           'application/pdf', 90000, repeat('0', 64), location_id, id, created_at
       FROM survey_units WHERE id % 15 = 0""",
    """INSERT INTO notifications (staff_id, type, kind, message, url, entity, entity_id, event_key, shown, mail,
           created_at, read_at)
       SELECT s.id, 'ticket.assigned', 'info', '{"en": "A ticket is yours", "ur": "A ticket is yours"}', '/tickets/',
           'ticket', n::text, 'bench:' || n, true, 'NONE', now() - interval '1 hour' * n,
           CASE WHEN n > 30 THEN now() END
       FROM staff s, generate_series(1, 2000) n WHERE s.username IN ('agent', 'supervisor', 'admin', 'manager', 'head')
    """,
)
# Lists that would be shorter than a page in the small set: each open spelling becomes nine, which share its rows; some
# thousand lines of activity, a page of them in the area that is measured. In the large set, too, made before or after.
_SPELLINGS = 9
_MOVES = """WITH p AS (
           SELECT p.id, p.location_id, o.id AS of_id, right(p.name_key, 1)::int AS n
           FROM places p JOIN places o ON o.state = 'OPEN' AND p.state = 'OPEN'
               AND p.name_key ~ ' spelled [0-9]$' AND o.name_key = left(p.name_key, -length(' spelled 1'))
               AND (o.location_id, o.division_key, o.district_key, o.tehsil_key, o.uc_type) =
                   (p.location_id, p.division_key, p.district_key, p.tehsil_key, p.uc_type))"""
_FULL_PAGES = (
    f"""INSERT INTO places (division_key, district_key, tehsil_key, name_key, uc_type, division, district, tehsil, name,
           location_id, state)
       SELECT division_key, district_key, tehsil_key, name_key || ' spelled ' || n, uc_type, division, district, tehsil,
           name || ' (' || n || ')', location_id, state FROM places, generate_series(1, {_SPELLINGS - 1}) n
       WHERE state = 'OPEN'""",
    *(
        f"{_MOVES} UPDATE {table} r SET place_id = p.id FROM p WHERE r.location_id = p.location_id"  # has the index
        f" AND r.place_id = p.of_id AND r.id % {_SPELLINGS} = p.n"
        for table in ("survey_units", "accounts", "bills", "payments")
    ),
    """INSERT INTO audit_log (at, actor, action, entity, entity_id, location_id)
       SELECT now() - interval '1 minute' * n, 'supervisor', 'unit.edit', 'unit', u.survey_id, u.location_id
       FROM (SELECT survey_id, location_id, row_number() OVER (ORDER BY (location_id = (SELECT location_id FROM tickets
       ORDER BY id LIMIT 1)) DESC, hashtext(survey_id)) AS n FROM survey_units) u WHERE n <= 3000""",
)


def fill(server: Server, database: str) -> None:
    """Insert it all, unless it is there already."""
    is_new = not server.execute("SELECT 1 FROM staff WHERE username = 'agent1'", database)
    is_short = not server.execute("SELECT 1 FROM places WHERE name_key LIKE '% spelled 1'", database)
    if not (is_new or is_short):
        return
    with server.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'Asia/Karachi'; SET statement_timeout = 0; BEGIN")
        for statement in (*(_STEPS if is_new else ()), *(_FULL_PAGES if is_short else ())):
            cursor.execute(statement)
        cursor.execute("COMMIT")
    server.execute("VACUUM ANALYZE" if is_new else "ANALYZE places, audit_log", database)

"""Checks of stored files; whether their bytes are there, `flask files verify` looks."""

from __future__ import annotations

from portal.verify.check import Check

FILE_CHECKS = [
    Check(
        "stored_files",
        "the location of what the file belongs to",
        """
        SELECT f.id::text AS key, o.location_id::text AS expected, f.location_id::text AS found
        FROM stored_files f CROSS JOIN LATERAL (
            SELECT coalesce(
                (SELECT location_id FROM survey_units WHERE id = f.unit_id),
                (SELECT location_id FROM accounts WHERE id = f.account_id),
                (SELECT location_id FROM compliance_visits WHERE id = f.visit_id),
                (SELECT location_id FROM tickets WHERE id = f.ticket_id),
                (SELECT t.location_id FROM ticket_comments c JOIN tickets t ON t.id = c.ticket_id
                 WHERE c.id = f.comment_id),
                (SELECT location_id FROM corrections WHERE id = f.correction_id)
            ) AS location_id
        ) o
        WHERE f.location_id <> o.location_id""",
    ),
]

"""The checks of tickets: see `portal.verify.checks`."""

from __future__ import annotations

from portal.verify.check import Check

TICKET_CHECKS = [
    Check(
        "tickets",
        "how often opened again",
        """
        SELECT t.number AS key, e.times::text AS expected, t.reopened::text AS found
        FROM tickets t CROSS JOIN LATERAL (
            SELECT count(*) AS times FROM ticket_events WHERE ticket_id = t.id AND event = 'reopened'
        ) e WHERE t.source <> 'OLD_SYSTEM' AND t.reopened <> e.times""",
    ),
    Check(
        "tickets",
        "the clock runs while a ticket is worked on",
        """
        SELECT number AS key, CASE WHEN status = 'WAITING' THEN 'stands' ELSE 'runs' END AS expected,
               CASE WHEN due_at IS NULL THEN 'stands' ELSE 'runs' END AS found
        FROM tickets WHERE source <> 'OLD_SYSTEM' AND status IN ('OPEN', 'IN_PROGRESS', 'WAITING')
          AND (status = 'WAITING') <> (due_at IS NULL)""",
    ),
    Check(
        "tickets",
        "a merged ticket leads to one that is not",
        """
        SELECT t.number AS key, 'a ticket that goes on' AS expected, s.number AS found
        FROM tickets t JOIN tickets s ON s.id = t.merged_into_id WHERE s.status = 'MERGED'""",
    ),
]

"""The queues of corrections and of visits in their own order, without what was decided.

The index of visits had both keys rising, while the queue asks for the gravest doubts first and, among these, for the
oldest: all that shared the gravest doubt were sorted for each page.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

WAITS = {"corrections": sa.text("state = 'PENDING'"), "compliance_visits": sa.text("review_state = 'PENDING'")}


def upgrade() -> None:
    op.create_index("ix_corrections_pending_id", "corrections", ["id"], postgresql_where=WAITS["corrections"])
    op.drop_index("ix_compliance_visits_queue", table_name="compliance_visits")
    op.create_index(
        "ix_compliance_visits_queue",
        "compliance_visits",
        [sa.text("doubts DESC"), "id"],
        postgresql_where=WAITS["compliance_visits"],
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

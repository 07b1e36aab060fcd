"""Places to match in the order of their list: a page of them is read from an index, not sorted out of all that wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_places_open_named",
        "places",
        ["district_key", "tehsil_key", "name_key", "id"],
        postgresql_where=sa.text("state = 'OPEN'"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

"""Corrections lie where their unit lies, so that a queue of a few areas is found by its index.

The area of a correction was read from its unit each time: a supervisor's queue walked through what waits in the whole
province. It follows the unit now, as files follow what they belong to; the files of a correction follow it in turn.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# The condition keeps the function from being called for the rows of an import, which hardly ever move.
FOLLOW = """
CREATE FUNCTION corrections_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE corrections SET location_id = NEW.location_id
    WHERE unit_id = NEW.id AND location_id IS DISTINCT FROM NEW.location_id;
    RETURN NULL;
END $$;
CREATE TRIGGER corrections_follow AFTER UPDATE OF location_id ON survey_units FOR EACH ROW
    WHEN (OLD.location_id IS DISTINCT FROM NEW.location_id) EXECUTE FUNCTION corrections_follow();
"""


def upgrade() -> None:
    op.execute(sa.text(FOLLOW))
    op.execute(
        sa.text(
            "UPDATE corrections c SET location_id = u.location_id FROM survey_units u"
            " WHERE u.id = c.unit_id AND c.location_id <> u.location_id"
        )
    )
    op.create_index(
        "ix_corrections_decided_location_id_id",
        "corrections",
        ["location_id", "id"],
        postgresql_where=sa.text("state <> 'PENDING'"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

"""Edits by hand: what the registers need beyond their tables."""

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

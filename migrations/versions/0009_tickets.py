"""Categories to start with, and the counts of tickets."""

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

"""Deliveries on bills, and the counts of visits."""

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

"""The queue's own tables and functions, as the pinned procrastinate release defines them."""

from alembic import op

from portal.jobs.schema import procrastinate_schema_sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A raw cursor: the functions hold characters that SQLAlchemy and the driver would interpret.
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(procrastinate_schema_sql())


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

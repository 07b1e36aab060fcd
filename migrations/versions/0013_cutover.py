"""The old system: runs of the cutover, and by which of its numbers people are known."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cutover_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("files", postgresql.JSONB(), nullable=False),
        sa.Column("phase", sa.String(), server_default="", nullable=False),
        sa.Column("preview", postgresql.JSONB(), nullable=True),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.Column("error", postgresql.JSONB(), nullable=True),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('CHECKING','PREVIEW','QUEUED','RUNNING','DONE','REFUSED','FAILED','CANCELLED')",
            name=op.f("ck_cutover_runs_status"),
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_cutover_runs_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cutover_runs")),
    )
    op.create_table(
        "cutover_rows",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("table_name", sa.String(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("row_key", sa.String(), server_default="", nullable=False),
        sa.Column("detail", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('INSERTED','UPDATED','UNCHANGED','DUPLICATE','REJECTED')", name=op.f("ck_cutover_rows_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["cutover_runs.id"], name=op.f("fk_cutover_rows_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cutover_rows")),
    )
    op.create_index(
        "ix_cutover_rows_run_id_table_name_line_no", "cutover_rows", ["run_id", "table_name", "line_no"]
    )
    op.add_column("staff", sa.Column("legacy_id", sa.String(), nullable=True))
    op.create_index(
        "uq_staff_legacy_id", "staff", ["legacy_id"], unique=True, postgresql_where=sa.text("legacy_id IS NOT NULL")
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

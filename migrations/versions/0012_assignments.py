"""Assignments and corrections; how a person likes his pages on a phone."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff", sa.Column("low_data", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.drop_constraint(op.f("ck_staff_theme"), "staff")
    op.create_check_constraint(op.f("ck_staff_theme"), "staff", "theme IN ('system','light','dark','sunlight')")
    op.drop_constraint(op.f("ck_assignments_from_to"), "assignments")
    op.create_check_constraint(
        op.f("ck_assignments_from_to"), "assignments", "valid_to IS NULL OR valid_to >= valid_from - 1"
    )
    op.drop_index("ix_assignments_staff_id_valid_from", "assignments")
    op.create_index(
        "ix_assignments_staff_id_valid_from",
        "assignments",
        ["staff_id", "valid_from"],
        postgresql_include=["valid_to", "unit_id", "area_id"],
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

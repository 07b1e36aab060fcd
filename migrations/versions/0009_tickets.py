"""Tickets: numbers, the clock of a deadline, what the public writes, the categories to start with."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ACTIVE = "status IN ('OPEN','IN_PROGRESS','WAITING')"
RUNNING = "status IN ('OPEN','IN_PROGRESS')"

# code, name, Urdu name, effect of an approval, who works it, working hours for LOW, MEDIUM, HIGH, URGENT
CATEGORIES = (
    ("MISSED_COLLECTION", "Missed collection", "کوڑا نہیں اٹھایا گیا", "NONE", "SUPERVISOR", (24, 16, 8, 4)),
    ("OVERFLOWING_CONTAINER", "Overflowing container", "بھرا ہوا کوڑے دان", "NONE", "SUPERVISOR", (24, 16, 8, 4)),
    ("DEAD_ANIMAL", "Dead animal", "مردہ جانور", "NONE", "SUPERVISOR", (16, 8, 4, 2)),
    ("ILLEGAL_DUMPING", "Illegal dumping", "غیر قانونی کوڑا پھینکنا", "NONE", "SUPERVISOR", (48, 24, 16, 8)),
    ("WRONG_CATEGORY", "Wrong category or size", "غلط درجہ یا رقبہ", "DATA", "SUPERVISOR", (80, 40, 24, 8)),
    ("DUPLICATE_BILL", "Duplicate bill", "دوہرا بل", "BILLING", "ADMIN", (80, 40, 24, 8)),
    ("BILL_NOT_DELIVERED", "Bill not delivered", "بل نہیں ملا", "NONE", "SUPERVISOR", (40, 24, 16, 8)),
    ("PAYMENT_NOT_POSTED", "Payment not posted", "ادائیگی درج نہیں ہوئی", "BILLING", "ADMIN", (80, 40, 24, 8)),
    ("VACANT_OR_EXEMPT", "Vacant or exempt claim", "خالی یا مستثنیٰ ہونے کا دعویٰ", "BILLING", "ADMIN", (120, 80, 40, 16)),
    ("STAFF_CONDUCT", "Staff conduct", "عملے کا رویہ", "NONE", "MANAGER", (80, 40, 24, 8)),
    ("DATA_CORRECTION", "Data correction", "معلومات کی درستی", "DATA", "SUPERVISOR", (80, 40, 24, 8)),
    ("OTHER", "Other", "دیگر", "NONE", "SUPERVISOR", (80, 40, 24, 8)),
)
PRIORITIES = ("LOW", "MEDIUM", "HIGH", "URGENT")


def upgrade() -> None:
    op.execute("CREATE SEQUENCE ticket_numbers")
    op.add_column("tickets", sa.Column("near_at", sa.DateTime(timezone=True)))
    op.add_column("tickets", sa.Column("clock_from", sa.DateTime(timezone=True)))
    op.add_column("tickets", sa.Column("clock_minutes", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("tickets", sa.Column("place_text", sa.String(), server_default="", nullable=False))
    op.add_column("tickets", sa.Column("reference_text", sa.String(), server_default="", nullable=False))
    op.add_column(
        "tickets",
        sa.Column(
            "wanted", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
    )
    op.add_column("tickets", sa.Column("wanted_by", sa.Integer()))
    op.create_foreign_key(op.f("fk_tickets_wanted_by"), "tickets", "staff", ["wanted_by"], ["id"])
    op.create_index("ix_tickets_location_id_id", "tickets", ["location_id", "id"])
    op.create_index("ix_tickets_active", "tickets", ["id"], postgresql_where=sa.text(ACTIVE))
    op.create_index(
        "ix_tickets_unassigned", "tickets", ["assigned_role", "id"],
        postgresql_where=sa.text(f"assigned_to IS NULL AND {ACTIVE}"),
    )
    op.create_index(
        "ix_tickets_undecided", "tickets", ["id"], postgresql_where=sa.text(f"decision = 'PENDING' AND {ACTIVE}")
    )
    op.create_index(
        "ix_tickets_near_at", "tickets", ["near_at"], postgresql_where=sa.text(f"{RUNNING} AND near_at IS NOT NULL")
    )
    op.create_index(
        "ix_tickets_merged_into_id", "tickets", ["merged_into_id"],
        postgresql_where=sa.text("merged_into_id IS NOT NULL"),
    )
    op.create_index(
        "ix_tickets_words", "tickets", [sa.text("to_tsvector('simple'::regconfig, title)")], postgresql_using="gin"
    )
    op.create_table(
        "public_attempts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("key", sa.String(), server_default="", nullable=False),
        sa.Column("succeeded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('FILE','ASK')", name=op.f("ck_public_attempts_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_public_attempts")),
    )
    op.create_index("ix_public_attempts_kind_address_at", "public_attempts", ["kind", "address", "at"])
    op.create_index("ix_public_attempts_key_at", "public_attempts", ["key", "at"], postgresql_where=sa.text("key <> ''"))
    connection = op.get_bind()
    for position, (code, name, name_ur, effect, role, hours) in enumerate(CATEGORIES, 1):
        made = connection.execute(
            sa.text(
                "INSERT INTO ticket_categories (code, name, name_ur, effect, assigned_role, is_public, position)"
                " VALUES (:code, :name, :name_ur, :effect, :role, true, :position) RETURNING id"
            ),
            {"code": code, "name": name, "name_ur": name_ur, "effect": effect, "role": role, "position": position * 10},
        ).scalar_one()
        connection.execute(
            sa.text("INSERT INTO ticket_deadlines (category_id, priority, hours) VALUES (:id, :priority, :hours)"),
            [{"id": made, "priority": p, "hours": h} for p, h in zip(PRIORITIES, hours, strict=True)],
        )


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

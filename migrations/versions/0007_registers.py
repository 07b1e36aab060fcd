"""Edits by hand: what the registers need beyond their tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BY_HAND = "kept_by_hand <> '{}' OR deleted_at IS NOT NULL"

LOOKUPS = {
    "BUSINESS_TYPE": [
        "Shops", "General stores (kiryana)", "Bakeries", "Banks", "Barber shops", "Beauty parlours", "Book shops",
        "Cloth shops", "Clinics", "Coaching centres", "Cold stores", "Colleges", "Dairy shops", "Dry cleaners",
        "Electric shops", "Factories", "Flour mills", "Furniture shops", "Godowns", "Government offices", "Gyms",
        "Hardware shops", "Hospitals", "Hostels", "Hotels", "Internet cafes", "Jewellers", "Laboratories",
        "Marriage halls", "Meat shops", "Medical stores", "Mobile shops", "Offices", "Paint shops", "Petrol pumps",
        "Poultry shops", "Printing presses", "Private schools", "Property dealers", "Restaurants", "Rice mills",
        "Service stations", "Shoe shops", "Shopping plazas", "Stalls", "Tailors", "Tandoors", "Tea stalls",
        "Timber yards", "Transport stands", "Tyre shops", "Universities", "Vegetable shops", "Wholesale markets",
        "Workshops", "Other",
    ],
    "HOUSE_TYPE": ["Single Storey", "Double Storey", "Three Storey", "Flat", "Portion", "Kacha House", "Bungalow", "Empty Plot"],
    "WATER_CONNECTION": ["Yes", "No", "Own Bore"],
    "CHANNEL": [
        "1Bill", "BOP OTC", "OTC/Cash", "JazzCash", "Easypaisa", "NayaPay", "SadaPay", "UPaisa", "KuickPay", "PayPro",
        "e-Pay Punjab", "1Link", "Raast", "ATM", "Mobile Banking", "Internet Banking", "Bank Transfer", "HBL OTC",
        "NBP OTC", "UBL OTC", "MCB OTC", "ABL OTC", "Unknown",
    ],
}  # fmt: skip


def run(sql: str) -> None:
    """Send SQL as it is: function bodies hold characters that both SQLAlchemy and the driver would interpret."""
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(sql)


# The triggers of the survey register as 0002 makes them, with closed units left out: closing one takes it out of the
# sums, restoring it puts it back.
def unit_triggers() -> str:
    new, old = "SELECT 1 AS sign, * FROM new_rows", "SELECT -1 AS sign, * FROM old_rows"
    return "".join(
        f"""
CREATE OR REPLACE FUNCTION post_survey_units_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH posted AS (
        INSERT INTO rollup_units ("location_id", "use", "surveyed", "listed")
        SELECT location_id, coalesce("use", ''), sum(sign), 0 FROM ({rows}) AS rows_changed
        WHERE deleted_at IS NULL
        GROUP BY 1, 2 HAVING sum(sign) <> 0
        RETURNING location_id
    )
    INSERT INTO data_versions (location_id, changes) SELECT location_id, count(*) FROM posted GROUP BY 1;
    RETURN NULL;
END $$;
"""
        for event, rows in {"insert": new, "update": f"{new} UNION ALL {old}", "delete": old}.items()
    )


def upgrade() -> None:
    for table, key in (("survey_units", "survey_id"), ("accounts", "psid")):
        # Few rows: what an import has to look at, and what the lists of closed ones walk through.
        op.create_index(f"ix_{table}_by_hand", table, [key], postgresql_where=sa.text(BY_HAND))
        op.create_index(
            f"ix_{table}_closed", table, ["location_id", "id"], postgresql_where=sa.text("deleted_at IS NOT NULL")
        )
    op.add_column(
        "locations", sa.Column("kept_by_hand", postgresql.ARRAY(sa.TEXT()), server_default=sa.text("'{}'"), nullable=False)
    )
    op.create_table(
        "location_names",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("match_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("source IN ('ALIAS','RENAMED','MOVED','MERGED','FILE')", name=op.f("ck_location_names_source")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_location_names_location_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["locations.id"], name=op.f("fk_location_names_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location_names")),
        sa.UniqueConstraint("location_id", "parent_id", "match_key", name="uq_location_names_key"),
    )
    op.create_index("ix_location_names_parent_id_match_key", "location_names", ["parent_id", "match_key"])
    op.create_table(
        "unit_moves",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("unit_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("to_location_id", sa.Integer(), nullable=True),
        sa.Column("with_accounts", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("status", sa.String(), server_default="DRAFT", nullable=False),
        sa.Column("promised", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("problem", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("address", sa.String(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('DRAFT','QUEUED','DONE','CHANGED','FAILED')", name=op.f("ck_unit_moves_status")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_unit_moves_staff_id")),
        sa.ForeignKeyConstraint(["to_location_id"], ["locations.id"], name=op.f("fk_unit_moves_to_location_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_moves")),
    )
    op.create_index("ix_unit_moves_staff_id_id", "unit_moves", ["staff_id", "id"])
    run("CREATE SEQUENCE provisional_survey_ids AS bigint START WITH 900000000001")
    run(unit_triggers())
    lookups = sa.table("lookups", sa.column("kind"), sa.column("name"), sa.column("position"))
    op.bulk_insert(
        lookups,
        [
            {"kind": kind, "name": name, "position": 10 * (number + 1)}
            for kind, names in LOOKUPS.items()
            for number, name in enumerate(names)
        ],
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

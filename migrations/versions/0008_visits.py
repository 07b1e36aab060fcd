"""Deliveries on bills, and the counts of visits and tickets.

No table of history is rewritten: the new columns of bills and unit cycles are NULL or have a constant default.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# -- Deltas of rows that have a column `sign`, as in 0002 -----------------------------------------------------------
VISITS = (
    "compliance_visits",
    "rollup_visits",
    {"location_id": "location_id", "day": "(visited_at AT TIME ZONE 'Asia/Karachi')::date", "visit_type": "visit_type",
     "outcome": "outcome", "review_state": "review_state"},
    {"visits": "1"},
)
TICKETS = (
    "tickets",
    "rollup_tickets",
    {"location_id": "location_id",
     "state": "CASE WHEN status IN ('RESOLVED','CLOSED','MERGED') THEN 'CLOSED' ELSE 'OPEN' END",
     "category_id": "category_id", "priority": "priority"},
    {"tickets": "1"},
)
UNIT_CYCLES = (
    "unit_cycles",
    "rollup_unit_cycles",
    {"location_id": "location_id", "billing_month": "billing_month", "use": "coalesce(\"use\", '')"},
    {"billed": "(bills > 0)::int", "paid": "(paid_bills > 0)::int", "delivered": "(delivered_bills > 0)::int",
     "reached": "(delivered_bills > 0 OR paid_bills > 0)::int"},
)

NEW, OLD = "SELECT 1 AS sign, * FROM new_rows", "SELECT -1 AS sign, * FROM old_rows"
EVENTS = {
    "INSERT": ("NEW TABLE AS new_rows", NEW),
    "UPDATE": ("NEW TABLE AS new_rows OLD TABLE AS old_rows", f"{NEW} UNION ALL {OLD}"),
    "DELETE": ("OLD TABLE AS old_rows", OLD),
}
VERSION = "INSERT INTO data_versions (location_id, changes) SELECT location_id, count(*) FROM posted GROUP BY 1;"


def summed(keys: dict[str, str], measures: dict[str, str], rows: str) -> str:
    """The deltas of `rows`."""
    sums = [f"sum(sign * ({expression}))" for expression in measures.values()]
    return (
        f"SELECT {', '.join(keys.values())}, {', '.join(sums)} FROM ({rows}) AS rows_changed"
        f" GROUP BY {', '.join(str(at + 1) for at in range(len(keys)))}"
        f" HAVING {' OR '.join(f'{one} <> 0' for one in sums)}"
    )


def columns_of(keys: dict[str, str], measures: dict[str, str]) -> str:
    return ", ".join(f'"{name}"' for name in [*keys, *measures])


def trigger_functions(name: str, rollup: str, columns: str, deltas: dict[str, str]) -> str:
    """The functions `post_NAME_EVENT`, made anew or in place of those there are."""
    return "".join(
        f"""
CREATE OR REPLACE FUNCTION post_{name}_{event.lower()}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH posted AS (INSERT INTO {rollup} ({columns}) {select} RETURNING location_id)
    {VERSION}
    RETURN NULL;
END $$;"""
        for event, select in deltas.items()
    )


def triggers(table: str) -> str:
    return "".join(
        f"""
CREATE TRIGGER post_{table}_{event.lower()} AFTER {event} ON {table} REFERENCING {referencing}
    FOR EACH STATEMENT EXECUTE FUNCTION post_{table}_{event.lower()}();"""
        for event, (referencing, _rows) in EVENTS.items()
    ) + f"""
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();"""


def functions_of(table: str, rollup: str, keys: dict[str, str], measures: dict[str, str]) -> str:
    deltas = {event: summed(keys, measures, rows) for event, (_referencing, rows) in EVENTS.items()}
    return trigger_functions(table, rollup, columns_of(keys, measures), deltas)


# -- What happened on a day: as in 0005, and bills handed over ------------------------------------------------------
BILLS = """
    SELECT s.location_id, s.billing_month, s."use", d.day, sum(d.monthly_fee) AS monthly_fee,
           sum(d.outstanding) AS outstanding, 0 AS paid_units, sum(d.delivered) AS delivered_bills
    FROM (
        SELECT location_id, billing_month, coalesce("use", '') AS "use", issued_on, settled_on, carried_on,
               delivered_on, sum(sign) AS bills,
               sum(sign * monthly_fee) AS monthly_fee, sum(sign * demand) AS demand,
               sum(sign * CASE WHEN settled_on IS NULL THEN 0 ELSE least(paid_amount, demand) END) AS settled
        FROM (
            SELECT r.*, CASE WHEN r.paid_amount > 0 AND greatest(r.last_paid_on, i.issued_on)
                                  < coalesce(r.carried_on, 'infinity')
                             THEN greatest(r.last_paid_on, i.issued_on) END AS settled_on, i.issued_on
            FROM ({rows}) r
            CROSS JOIN LATERAL (SELECT (r.issued_at AT TIME ZONE 'Asia/Karachi')::date AS issued_on) i
            WHERE r.status <> 'CANCELLED'
        ) b
        GROUP BY 1, 2, 3, 4, 5, 6, 7
        HAVING sum(sign * monthly_fee) <> 0 OR sum(sign * demand) <> 0
            OR sum(sign * CASE WHEN settled_on IS NULL THEN 0 ELSE least(paid_amount, demand) END) <> 0
            OR (delivered_on IS NOT NULL AND sum(sign) <> 0)
    ) s
    CROSS JOIN LATERAL (
        VALUES (s.issued_on, s.monthly_fee, s.demand, 0), (s.settled_on, 0, -s.settled, 0),
               (s.carried_on, 0, s.settled - s.demand, 0), (s.delivered_on, 0, 0, s.bills)
    ) d (day, monthly_fee, outstanding, delivered)
    WHERE d.day IS NOT NULL
    GROUP BY 1, 2, 3, 4 HAVING sum(d.monthly_fee) <> 0 OR sum(d.outstanding) <> 0 OR sum(d.delivered) <> 0"""
DAY_COLUMNS = '"location_id", "billing_month", "use", "day", "monthly_fee", "outstanding", "paid_units", '
DAY_COLUMNS += '"delivered_bills"'


def run(sql: str) -> None:
    """Send SQL as it is: function bodies hold characters that both SQLAlchemy and the driver would interpret."""
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(sql)


def add_measure(table: str, name: str) -> None:
    """A measure of a rollup, 0 in the rows there are; whoever adds rows says it."""
    op.add_column(table, sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.alter_column(table, name, server_default=None)


def upgrade() -> None:
    deliveries()
    days()
    visits()


def deliveries() -> None:
    op.add_column("bills", sa.Column("delivered_on", sa.Date(), nullable=True))
    op.create_index("ix_bills_delivered", "bills", ["account_id"], postgresql_where=sa.text("delivered_on IS NOT NULL"))
    op.add_column(
        "unit_cycles", sa.Column("delivered_bills", sa.SmallInteger(), nullable=False, server_default=sa.text("0"))
    )
    add_measure("rollup_unit_cycles", "delivered")
    add_measure("rollup_unit_cycles", "reached")
    run("UPDATE rollup_unit_cycles SET reached = paid WHERE paid <> 0")
    run(functions_of(*UNIT_CYCLES))


def days() -> None:
    add_measure("rollup_days", "delivered_bills")
    op.drop_index("ix_rollup_days_billing_month_location_id", "rollup_days")
    op.create_index(
        "ix_rollup_days_billing_month_location_id",
        "rollup_days",
        ["billing_month", "location_id"],
        postgresql_include=["use", "day", "monthly_fee", "paid_units", "delivered_bills"],
    )
    deltas = {event: BILLS.format(rows=rows) for event, (_referencing, rows) in EVENTS.items()}
    run(trigger_functions("bills_days", "rollup_days", DAY_COLUMNS, deltas))
    # The days of unit_cycles name their columns and would go on as they are, but for the new one, which is theirs too.
    units = """
    SELECT location_id, billing_month, coalesce("use", '') AS "use", coalesce(paid_on, billing_month) AS day,
           0 AS monthly_fee, 0 AS outstanding, sum(sign) AS paid_units, 0 AS delivered_bills
    FROM ({rows}) r WHERE paid_bills > 0 GROUP BY 1, 2, 3, 4 HAVING sum(sign) <> 0"""
    deltas = {event: units.format(rows=rows) for event, (_referencing, rows) in EVENTS.items()}
    run(trigger_functions("unit_cycles_days", "rollup_days", DAY_COLUMNS, deltas))


def visits() -> None:
    op.add_column("compliance_visits", sa.Column("doubts", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("compliance_visits", sa.Column("sent_back", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_index("ix_compliance_visits_visited_at_id", "compliance_visits", ["visited_at", "id"])
    op.create_index(
        "ix_compliance_visits_queue",
        "compliance_visits",
        ["doubts", "id"],
        postgresql_where=sa.text("review_state = 'PENDING'"),
    )
    op.create_index(
        "ix_compliance_visits_delivered",
        "compliance_visits",
        ["account_id", "bill_month"],
        postgresql_where=sa.text(
            "visit_type = 'DELIVERY' AND review_state = 'APPROVED'"
            " AND outcome IN ('DELIVERED','DELIVERED_TO_NEIGHBOUR')"
        ),
    )
    op.create_table(
        "rollup_visits",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("visit_type", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("review_state", sa.String(), nullable=False),
        sa.Column("visits", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollup_visits")),
    )
    op.create_index("ix_rollup_visits_day_location_id", "rollup_visits", ["day", "location_id"])
    op.create_table(
        "rollup_tickets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("category_id", sa.Integer(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("tickets", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollup_tickets")),
    )
    op.create_index("ix_rollup_tickets_state_location_id", "rollup_tickets", ["state", "location_id"])
    for table, rollup, keys, measures in (VISITS, TICKETS):
        run(f"INSERT INTO {rollup} ({columns_of(keys, measures)}) "
            + summed(keys, measures, f"SELECT 1 AS sign, * FROM {table}"))  # fmt: skip
        run(functions_of(table, rollup, keys, measures))
        run(triggers(table))


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

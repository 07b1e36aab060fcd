"""Figures of a day: when a bill was carried over, when a unit paid, and a rollup by the day things happened."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A year of bills is rewritten without its triggers: no sum of theirs changes.
FILL = """
ALTER TABLE bills DISABLE TRIGGER post_bills_update;
UPDATE bills b SET carried_on = n.carried_on
FROM (
    SELECT billing_month, id,
           lag((issued_at AT TIME ZONE 'Asia/Karachi')::date) OVER (
               PARTITION BY account_id
               ORDER BY issued_at DESC, length(portal_bill_id) DESC NULLS LAST,
                        portal_bill_id COLLATE "C" DESC NULLS LAST, id DESC
           ) AS carried_on
    FROM bills WHERE status <> 'CANCELLED'
) n
WHERE b.billing_month = n.billing_month AND b.id = n.id AND n.carried_on IS NOT NULL;
ALTER TABLE bills ENABLE TRIGGER post_bills_update;

ALTER TABLE unit_cycles DISABLE TRIGGER post_unit_cycles_update;
UPDATE unit_cycles c SET paid_on = n.paid_on
FROM (
    SELECT b.billing_month, a.unit_id,
           min(coalesce(b.last_paid_on, (b.issued_at AT TIME ZONE 'Asia/Karachi')::date)) AS paid_on
    FROM bills b JOIN accounts a ON a.id = b.account_id
    WHERE b.status = 'PAID' AND a.unit_id IS NOT NULL GROUP BY 1, 2
) n
WHERE c.billing_month = n.billing_month AND c.unit_id = n.unit_id;
ALTER TABLE unit_cycles ENABLE TRIGGER post_unit_cycles_update;
"""

# What rows that have a column `sign` mean for each day. A live bill asks for its demand from its day of issue; what
# was paid on it goes off on the day of its last payment, the rest on the day a later bill carries it over; what is
# paid after that day no longer counts. Summed by bills of the same days first: few rows are left to be spread.
BILLS = """
    SELECT s.location_id, s.billing_month, s."use", d.day, sum(d.monthly_fee) AS monthly_fee,
           sum(d.outstanding) AS outstanding, 0 AS paid_units
    FROM (
        SELECT location_id, billing_month, coalesce("use", '') AS "use", issued_on, settled_on, carried_on,
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
        GROUP BY 1, 2, 3, 4, 5, 6
        HAVING sum(sign * monthly_fee) <> 0 OR sum(sign * demand) <> 0
            OR sum(sign * CASE WHEN settled_on IS NULL THEN 0 ELSE least(paid_amount, demand) END) <> 0
    ) s
    CROSS JOIN LATERAL (
        VALUES (s.issued_on, s.monthly_fee, s.demand), (s.settled_on, 0, -s.settled),
               (s.carried_on, 0, s.settled - s.demand)
    ) d (day, monthly_fee, outstanding)
    WHERE d.day IS NOT NULL
    GROUP BY 1, 2, 3, 4 HAVING sum(d.monthly_fee) <> 0 OR sum(d.outstanding) <> 0"""
UNITS = """
    SELECT location_id, billing_month, coalesce("use", '') AS "use", coalesce(paid_on, billing_month) AS day,
           0 AS monthly_fee, 0 AS outstanding, sum(sign) AS paid_units
    FROM ({rows}) r WHERE paid_bills > 0 GROUP BY 1, 2, 3, 4 HAVING sum(sign) <> 0"""

COLUMNS = '(location_id, billing_month, "use", day, monthly_fee, outstanding, paid_units)'


def triggers() -> str:
    new, old = "SELECT 1 AS sign, * FROM new_rows", "SELECT -1 AS sign, * FROM old_rows"
    events = {
        "INSERT": ("NEW TABLE AS new_rows", new),
        "UPDATE": ("NEW TABLE AS new_rows OLD TABLE AS old_rows", f"{new} UNION ALL {old}"),
        "DELETE": ("OLD TABLE AS old_rows", old),
    }
    sql = []
    for table, days in (("bills", BILLS), ("unit_cycles", UNITS)):
        for event, (referencing, rows) in events.items():
            name = f"post_{table}_days_{event.lower()}"
            sql.append(
                f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH posted AS (
        INSERT INTO rollup_days {COLUMNS} {days.format(rows=rows)}
        RETURNING location_id
    )
    INSERT INTO data_versions (location_id, changes) SELECT location_id, count(*) FROM posted GROUP BY 1;
    RETURN NULL;
END $$;
CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {referencing}
    FOR EACH STATEMENT EXECUTE FUNCTION {name}();
"""
            )
    return "".join(sql)


def run(sql: str) -> None:
    """Send SQL as it is: function bodies hold characters that both SQLAlchemy and the driver would interpret."""
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(sql)


def upgrade() -> None:
    op.add_column("bills", sa.Column("carried_on", sa.Date(), nullable=True))
    op.add_column("unit_cycles", sa.Column("paid_on", sa.Date(), nullable=True))
    op.create_table(
        "rollup_days",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("billing_month", sa.Date(), nullable=False),
        sa.Column("use", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("monthly_fee", sa.BigInteger(), nullable=False),
        sa.Column("outstanding", sa.BigInteger(), nullable=False),
        sa.Column("paid_units", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollup_days")),
    )
    run(FILL)
    for table, days in (("bills", BILLS), ("unit_cycles", UNITS)):
        run(f"INSERT INTO rollup_days {COLUMNS} {days.format(rows=f'SELECT 1 AS sign, * FROM {table}')}")
    op.create_index(
        "ix_rollup_days_billing_month_location_id",
        "rollup_days",
        ["billing_month", "location_id"],
        postgresql_include=["use", "day", "monthly_fee", "paid_units"],
    )
    op.create_index(
        "ix_rollup_days_day_location_id", "rollup_days", ["day", "location_id"],
        postgresql_include=["use", "outstanding"],
    )  # fmt: skip
    run(triggers())
    # Derived rows, written for every unit of a file: `flask verify` finds those without a unit.
    op.drop_constraint("fk_unit_states_unit_id", "unit_states")
    op.drop_constraint("fk_unit_cycles_unit_id", "unit_cycles")


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

"""What the database itself keeps right: the tree's closure, the rollups, the audit log, the month partitions."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# -- The closure of the tree ------------------------------------------------------------------------------------
# The whole closure is recomputed by difference: a few thousand nodes, and the tree changes rarely. The lock makes
# two people changing the tree at once see each other's nodes. Every change concerns everybody's figures (NULL).
CLOSURE = """
CREATE VIEW location_ancestry AS
WITH RECURSIVE tree AS (
    SELECT id AS ancestor_id, id AS location_id, 0 AS depth FROM locations
    UNION ALL
    SELECT tree.ancestor_id, child.id, tree.depth + 1
    FROM tree JOIN locations child ON child.parent_id = tree.location_id
    WHERE tree.depth < 10
)
SELECT ancestor_id, location_id, depth FROM tree;

CREATE FUNCTION keep_location_closure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('location_closure'));
    IF EXISTS (SELECT FROM location_ancestry WHERE depth >= 10) THEN
        RAISE EXCEPTION 'the location tree has a cycle or is deeper than 10 levels';
    END IF;
    WITH now_true AS MATERIALIZED (SELECT * FROM location_ancestry)
    DELETE FROM location_closure AS was
    WHERE NOT EXISTS (
        SELECT FROM now_true t WHERE t.ancestor_id = was.ancestor_id AND t.location_id = was.location_id
    );
    INSERT INTO location_closure (ancestor_id, location_id, depth)
    SELECT ancestor_id, location_id, depth FROM location_ancestry
    ON CONFLICT (ancestor_id, location_id) DO UPDATE SET depth = excluded.depth
    WHERE location_closure.depth <> excluded.depth;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_location_closure AFTER INSERT OR DELETE OR UPDATE OF parent_id ON locations
    FOR EACH STATEMENT EXECUTE FUNCTION keep_location_closure();

CREATE FUNCTION post_tree_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO data_versions (location_id, changes) VALUES (NULL, 1);
    RETURN NULL;
END $$;
CREATE TRIGGER post_tree_change AFTER INSERT OR DELETE OR UPDATE ON locations
    FOR EACH STATEMENT EXECUTE FUNCTION post_tree_change();
"""

# -- Rollups: one delta row per touched key and statement ---------------------------------------------------------
# (table, rollup, key expressions, {measure: expression over one row}, condition). `{rows}` are the transition rows.
ROLLUPS = [
    (
        "bills",
        "rollup_bills",
        {"location_id": "location_id", "billing_month": "billing_month", "use": "coalesce(\"use\", '')",
         "size_band": "coalesce(size_band, '')"},
        {"bills": "1", "paid_bills": "(status = 'PAID')::int", "monthly_fee": "monthly_fee", "demand": "demand"},
        "status <> 'CANCELLED'",
    ),
    (
        "payments",
        "rollup_received",
        {"location_id": "location_id", "bill_month": "bill_month", "paid_on": "paid_on",
         "use": "coalesce(\"use\", '')"},
        {"amount": "paid_amount", "payments": "1"},
        "bill_id IS NOT NULL",
    ),
    (
        "payments",
        "rollup_collected",
        {"location_id": "location_id", "paid_on": "paid_on", "channel": "channel", "use": "coalesce(\"use\", '')",
         "size_band": "coalesce(size_band, '')",
         "state": "CASE WHEN account_id IS NULL THEN 'UNMATCHED' ELSE 'POSTED' END"},
        {"amount": "paid_amount", "payments": "1"},
        "true",
    ),
    (
        "account_balances",
        "rollup_accounts",
        {"location_id": "location_id", "use": "coalesce(\"use\", '')", "size_band": "coalesce(size_band, '')",
         "unpaid_bills": "unpaid_bills"},
        {"accounts": "1", "pending": "is_pending::int", "debtors": "(outstanding > 0)::int",
         "never_paid": "(payments_count = 0 AND latest_bill_id IS NOT NULL)::int", "outstanding": "outstanding",
         "credit": "credit"},
        "true",
    ),
    (
        "survey_units",
        "rollup_units",
        {"location_id": "location_id", "use": "coalesce(\"use\", '')"},
        {"surveyed": "1", "listed": "0"},
        "true",
    ),
    (
        "unit_states",
        "rollup_units",
        {"location_id": "location_id", "use": "coalesce(\"use\", '')"},
        {"surveyed": "0", "listed": "(accounts > 0)::int"},
        "true",
    ),
    (
        "unit_cycles",
        "rollup_unit_cycles",
        {"location_id": "location_id", "billing_month": "billing_month", "use": "coalesce(\"use\", '')"},
        {"billed": "(bills > 0)::int", "paid": "(paid_bills > 0)::int"},
        "true",
    ),
]


def post_deltas(rollup: str, keys: dict[str, str], measures: dict[str, str], condition: str, rows: str) -> str:
    """The statement that posts the deltas of `rows` (which has a column `sign`) and their data version."""
    columns = ", ".join(f'"{name}"' for name in [*keys, *measures])
    key_sql = ", ".join(keys.values())
    sums = ", ".join(f"sum(sign * ({expression}))" for expression in measures.values())
    changed = " OR ".join(f"sum(sign * ({expression})) <> 0" for expression in measures.values())
    positions = ", ".join(str(i + 1) for i in range(len(keys)))
    return f"""
        WITH posted AS (
            INSERT INTO {rollup} ({columns})
            SELECT {key_sql}, {sums} FROM ({rows}) AS rows_changed WHERE {condition}
            GROUP BY {positions} HAVING {changed}
            RETURNING location_id
        )
        INSERT INTO data_versions (location_id, changes) SELECT location_id, count(*) FROM posted GROUP BY 1;"""


def rollup_triggers() -> str:
    sql = []
    for table in dict.fromkeys(entry[0] for entry in ROLLUPS):
        bodies = {"INSERT": "", "UPDATE": "", "DELETE": ""}
        for _, rollup, keys, measures, condition in (entry for entry in ROLLUPS if entry[0] == table):
            new, old = "SELECT 1 AS sign, * FROM new_rows", "SELECT -1 AS sign, * FROM old_rows"
            bodies["INSERT"] += post_deltas(rollup, keys, measures, condition, new)
            bodies["UPDATE"] += post_deltas(rollup, keys, measures, condition, f"{new} UNION ALL {old}")
            bodies["DELETE"] += post_deltas(rollup, keys, measures, condition, old)
        for event, body in bodies.items():
            referencing = {
                "INSERT": "NEW TABLE AS new_rows",
                "UPDATE": "NEW TABLE AS new_rows OLD TABLE AS old_rows",
                "DELETE": "OLD TABLE AS old_rows",
            }[event]
            name = f"post_{table}_{event.lower()}"
            sql.append(
                f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN{body}
    RETURN NULL;
END $$;
CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {referencing}
    FOR EACH STATEMENT EXECUTE FUNCTION {name}();
"""
            )
        sql.append(
            f"""
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
        )
    return "".join(sql)


# -- Append-only and refusals -------------------------------------------------------------------------------------
REFUSALS = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

# -- Month partitions of bills ------------------------------------------------------------------------------------
# Made apart and attached: ATTACH takes a lock that readers and writers of bills do not notice.
PARTITIONS = """
CREATE FUNCTION ensure_bill_partition(month date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    first_day date := date_trunc('month', month::timestamp)::date;
    name text := 'bills_y' || to_char(first_day, 'YYYY"m"MM');
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('bill_partitions'));
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE bills INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH (fillfactor = 70)', name);
    EXECUTE format(
        'ALTER TABLE bills ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        name, first_day, (first_day + interval '1 month')::date
    );
    RETURN true;
END $$;
SELECT ensure_bill_partition((date_trunc('month', now()) + n * interval '1 month')::date)
FROM generate_series(-12, 3) AS n;
"""

ROOT = "INSERT INTO locations (kind, name, match_key) VALUES ('PROVINCE', 'Punjab', 'punjab');"


def run(sql: str) -> None:
    """Send SQL as it is: function bodies hold characters that both SQLAlchemy and the driver would interpret."""
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(sql)


def upgrade() -> None:
    run(CLOSURE)
    run(REFUSALS)
    run(rollup_triggers())
    run(PARTITIONS)
    run(ROOT)


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

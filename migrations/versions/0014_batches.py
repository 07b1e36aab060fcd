"""No foreign key is asked for every row of a file where the file itself, or `flask verify`, knows the answer."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# The batch is the same for all rows of a file, and made in the same transaction; as in `bills`, no key is looked up for
# each of them. What such a key is for, that no batch goes while rows name it, is held by this trigger instead.
KEEP_BATCHES = """
CREATE TRIGGER import_batches_kept BEFORE DELETE ON import_batches
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER import_batches_no_truncate BEFORE TRUNCATE ON import_batches
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    for table in ("accounts", "survey_units", "payments"):
        for column in ("first_batch_id", "last_batch_id"):
            op.drop_constraint(f"fk_{table}_{column}", table)
    # A derived row for every account of a file: `flask verify` finds those without an account.
    op.drop_constraint("fk_account_balances_account_id", "account_balances")
    op.execute(KEEP_BATCHES)


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

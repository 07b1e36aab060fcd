"""Files: the words of documents, the order of their list, and areas that follow what a file belongs to."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

VECTOR = 'to_tsvector(\'simple\'::regconfig, translate(coalesce(title, \'\') || \' \' || coalesce(file_name, \'\'), \'يىكه-/,.:;@#()[]{}&"\'\'+_<>|\\!*?=~،۔؛؟ًٌٍَُِّْٰ\', \'ییکہ                                \'))'
LISTED = "kind = 'DOCUMENT' AND deleted_at IS NULL AND (unit_id IS NOT NULL OR account_id IS NOT NULL)"

# A file is seen by whoever may see its owner's area: when the owner moves, so does the file. The condition keeps the
# function from being called for the rows of an import, which hardly ever move.
FOLLOW = """
CREATE FUNCTION stored_files_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('UPDATE stored_files SET location_id = $1 WHERE %I = $2', TG_ARGV[0])
        USING NEW.location_id, NEW.id;
    IF TG_ARGV[0] = 'ticket_id' THEN
        UPDATE stored_files f SET location_id = NEW.location_id FROM ticket_comments c
        WHERE c.ticket_id = NEW.id AND f.comment_id = c.id;
    END IF;
    RETURN NULL;
END $$;
"""
OWNERS = {
    "survey_units": "unit_id",
    "accounts": "account_id",
    "compliance_visits": "visit_id",
    "tickets": "ticket_id",
    "corrections": "correction_id",
}


def run(sql: str) -> None:
    """Send SQL as it is: function bodies hold characters that both SQLAlchemy and the driver would interpret."""
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(sql)


def upgrade() -> None:
    run(f"ALTER TABLE stored_files ADD COLUMN search tsvector GENERATED ALWAYS AS ({VECTOR}) STORED")
    run(f"CREATE INDEX ix_stored_files_documents ON stored_files (id) WHERE {LISTED}")
    run(f"CREATE INDEX ix_stored_files_documents_location_id_id ON stored_files (location_id, id) WHERE {LISTED}")
    run(f"CREATE INDEX ix_stored_files_search ON stored_files USING gin (search) WHERE {LISTED}")
    run(FOLLOW)
    for table, column in OWNERS.items():
        run(
            f"CREATE TRIGGER stored_files_follow AFTER UPDATE OF location_id ON {table} FOR EACH ROW"
            " WHEN (OLD.location_id IS DISTINCT FROM NEW.location_id)"
            f" EXECUTE FUNCTION stored_files_follow('{column}')"
        )


def downgrade() -> None:
    raise NotImplementedError("Migrations run forward only; restore a backup to go back.")

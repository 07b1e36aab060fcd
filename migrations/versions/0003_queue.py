"""The job queue's tables, from the installed procrastinate.

A later procrastinate brings its own migrations (`procrastinate/sql/migrations`): each becomes a migration here when
the pinned version changes, and this one is frozen to the version it was written with.
"""

from alembic import op

from portal.jobs.schema import procrastinate_schema_sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    try:
        cursor.execute(procrastinate_schema_sql())
    finally:
        cursor.close()


def downgrade() -> None:
    op.execute("DROP TABLE procrastinate_periodic_defers, procrastinate_events, procrastinate_jobs, procrastinate_workers")
    op.execute(
        """
        DO $$ DECLARE found record; BEGIN
            FOR found IN SELECT oid::regprocedure AS name FROM pg_proc
                WHERE proname LIKE 'procrastinate\\_%' AND pronamespace = current_schema()::regnamespace
            LOOP EXECUTE 'DROP FUNCTION ' || found.name; END LOOP;
        END $$;
        """
    )
    op.execute("DROP TYPE procrastinate_job_to_defer_v1, procrastinate_job_status, procrastinate_job_event_type")

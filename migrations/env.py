"""Alembic environment: runs inside the Flask app (`flask db ...`), on the app's own engine."""

from alembic import context
from flask import current_app

from portal.db import is_modelled

config = context.config
target_db = current_app.extensions["migrate"].db


def run_migrations_online() -> None:
    """Run on a live connection; each migration in its own transaction."""
    with target_db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=target_db.metadata,
            include_object=is_modelled,
            compare_type=True,
            compare_server_default=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("Migrations run on a database only (flask db upgrade).")
run_migrations_online()

"""Alembic environment: runs inside the Flask app (`flask db ...`), on the app's own engine."""

from typing import Any

from alembic import context
from flask import current_app

config = context.config
target_db = current_app.extensions["migrate"].db


def include_object(obj: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
    """Leave out what models do not describe: month partitions of bills (as tables, and as the targets that
    PostgreSQL adds beside a foreign key to bills), and procrastinate's own tables."""
    if type_ == "table" and reflected and name is not None:
        return not (name.startswith(("bills_y", "procrastinate_")))
    if type_ == "foreign_key_constraint" and reflected:
        return not obj.elements[0].target_fullname.startswith("bills_y")
    return True


def run_migrations_online() -> None:
    """Run on a live connection; each migration in its own transaction."""
    with target_db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=target_db.metadata,
            include_object=include_object,
            compare_type=True,
            compare_server_default=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("Migrations run on a database only (flask db upgrade).")
run_migrations_online()

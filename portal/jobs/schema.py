"""The queue's tables, as the installed procrastinate brings them."""

from __future__ import annotations

from importlib import resources


def procrastinate_schema_sql() -> str:
    """The SQL that makes procrastinate's types, tables, functions and triggers in the current schema.

    Several statements with bare `%` in them: run it through a raw cursor without parameters
    (`connection.connection.cursor().execute(sql)`), not through SQLAlchemy, which would read the `%`.
    Runs on PostgreSQL 15 and 18 inside a transaction. Not idempotent.
    """
    return (resources.files("procrastinate.sql") / "schema.sql").read_text(encoding="utf-8")

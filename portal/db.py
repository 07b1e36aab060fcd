"""The one place that makes engines, opens sessions and commits.

Everything else flushes; views, the command line and jobs commit through `transaction()`.
Dashboards and reports read through `read_snapshot()`, apart from the session that writes.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from flask import Flask, current_app
from sqlalchemy import BigInteger, Connection, DateTime, Engine, Identity, Integer, Text, create_engine, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, mapped_column

from portal.extensions import Base, db

__all__ = [
    "Base",
    "bigint_pk",
    "created_at",
    "db",
    "engine_options",
    "int_pk",
    "is_modelled",
    "json_object",
    "read_snapshot",
    "rupees",
    "rupees_sum",
    "session",
    "side_transaction",
    "timestamp",
    "transaction",
    "updated_at",
]

ENGINE = "portal_engine"
SLOW_SECONDS = 1.0

log = logging.getLogger(__name__)

# Column types. Money is whole rupees: `rupees` for one row, `rupees_sum` for sums.
int_pk = Annotated[int, mapped_column(Integer, Identity(), primary_key=True)]
bigint_pk = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
rupees = Annotated[int, mapped_column(Integer)]
rupees_sum = Annotated[int, mapped_column(BigInteger)]
timestamp = Annotated[dt.datetime, mapped_column(DateTime(timezone=True))]
created_at = Annotated[dt.datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
updated_at = Annotated[
    dt.datetime, mapped_column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())
]
json_object = Annotated[dict[str, Any], mapped_column(JSONB)]
long_text = Annotated[str, mapped_column(Text)]


def engine_options() -> dict[str, Any]:
    """Options of the application's engine.

    `pool_pre_ping` survives a restarted server; `jit=off` because every query here is short. The options go
    through `options=-c`, which PgBouncer in session mode passes when `ignore_startup_parameters` allows it, so
    they are set by statement instead, on connect (see `configure_connection`).
    """
    return {
        "pool_pre_ping": True,
        "pool_size": 5,
        "max_overflow": 10,
        "pool_recycle": 1800,
        # An error message must not carry a consumer's number into a log.
        "hide_parameters": True,
    }


def configure_connection(dbapi_connection: Any, _record: Any = None) -> None:
    """Set the session parameters every connection of ours has."""
    with dbapi_connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'Asia/Karachi'; SET jit = off; SET statement_timeout = '15min'")
    dbapi_connection.commit()


def init_engine(app: Flask) -> None:
    """Bind the extension to the app and configure its connections."""
    from sqlalchemy import event

    from portal import embedded

    db.init_app(app)
    with app.app_context():
        event.listen(db.engine, "connect", configure_connection)
        event.listen(db.engine, "before_cursor_execute", _note_start)
        event.listen(db.engine, "after_cursor_execute", _log_slow)
        app.extensions[ENGINE] = db.engine
        settings = app.extensions.get("settings")
        if settings is not None and settings.database_url is None:
            embedded.attach(db.engine, settings)


def _note_start(_connection: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _many: bool) -> None:
    context.started = time.perf_counter()


def _log_slow(_connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool) -> None:
    """Log what took long, with placeholders instead of values: these may be consumers' numbers."""
    took = time.perf_counter() - context.started
    if took >= SLOW_SECONDS:
        shown = " ".join(statement.split())[:500] if context.compiled is not None else "(written by hand)"
        log.warning("slow statement, %.1f s: %s", took, shown)


def _engine() -> Engine:
    """The engine itself. `db.engine` is the same, but for tests that put one connection in its place."""
    engine: Engine = current_app.extensions[ENGINE]
    return engine


def standalone_engine(url: str) -> Engine:
    """An engine outside an app: for scripts that create or check databases before one exists."""
    return create_engine(url, isolation_level="AUTOCOMMIT")


def is_modelled(obj: Any, name: str | None, type_: str, reflected: bool, _compare_to: Any) -> bool:
    """Whether Alembic is to compare a thing it found in the database with the models.

    Left out: the month partitions of bills and of the audit log (as tables, and as the targets that PostgreSQL adds
    beside a foreign key to bills), and procrastinate's own tables.
    """
    if type_ == "table" and reflected and name is not None:
        return not name.startswith(("bills_y", "audit_log_", "procrastinate_"))
    if type_ == "foreign_key_constraint" and reflected:
        return not obj.elements[0].target_fullname.startswith("bills_y")
    return True


def session() -> Session:
    """The session of the current app context."""
    return db.session()


@contextmanager
def transaction() -> Iterator[Session]:
    """Commit what happens inside, or none of it."""
    current = db.session()
    try:
        yield current
        current.commit()
    except BaseException:
        current.rollback()
        raise


@contextmanager
def side_transaction() -> Iterator[Connection]:
    """A short transaction on a connection of its own, visible at once (progress, last-seen, login attempts)."""
    with _engine().begin() as connection:
        yield connection


@contextmanager
def read_snapshot(timeout_ms: int = 10_000) -> Iterator[Connection]:
    """One REPEATABLE READ, READ ONLY transaction with a statement time-out, on a connection of its own.

    All figures of one answer, and the data version they carry, come from the same snapshot.
    """
    with (
        _engine()
        .connect()
        .execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection,
        connection.begin(),
    ):
        connection.execute(text("SELECT set_config('statement_timeout', :ms, true)"), {"ms": str(timeout_ms)})
        yield connection

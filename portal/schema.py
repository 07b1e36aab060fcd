"""The state of the database's schema, for commands that may meet a database nobody has migrated yet."""

from __future__ import annotations

from alembic.script import ScriptDirectory
from flask import current_app
from flask_migrate import Config, upgrade
from sqlalchemy import inspect, text

from portal.config import PROJECT_DIR, Settings
from portal.db import side_transaction
from portal.errors import ConfigurationError


def current_revision() -> str | None:
    """The revision the database is at; None when it has no tables of ours."""
    with side_transaction() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


def newest_revision() -> str:
    """The revision the code is written for."""
    config = Config()
    config.set_main_option("script_location", str(PROJECT_DIR / "migrations"))
    head = ScriptDirectory.from_config(config).get_current_head()
    assert head is not None
    return head


def ensure_schema() -> None:
    """Bring the embedded database up to date; of an external one demand that somebody has.

    An external database may be shared, so its schema changes when its administrator says so. Raises
    ConfigurationError.
    """
    settings: Settings = current_app.extensions["settings"]
    if current_revision() == newest_revision():
        return
    if settings.database_url is not None:
        raise ConfigurationError(
            "The database's tables are not those of this version. Run 'flask db upgrade' first. Nothing was done."
        )
    upgrade(directory=str(PROJECT_DIR / "migrations"))

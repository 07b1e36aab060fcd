"""Commands meet databases that nobody has migrated: the embedded one is brought up to date, another one refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.db import db
from portal.errors import ConfigurationError
from portal.factory import create_app
from portal.imports.cli import import_command
from portal.schema import current_revision, ensure_schema, newest_revision
from tests.imports.portal_files import area_row
from tests.support.importing import write
from tests.support.servers import Databases


def test_an_external_database_without_tables_gets_a_sentence(databases: Databases, tmp_path: Path) -> None:
    databases.create_empty("portal_no_tables")
    app = create_app(databases.settings("portal_no_tables"))
    result = app.test_cli_runner().invoke(
        import_command, ["areas", str(write(tmp_path, "areas", [area_row(1)])), "--json"]
    )
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "flask db upgrade" in result.stderr
    with app.app_context():
        assert current_revision() is None
        with pytest.raises(ConfigurationError):
            ensure_schema()
        db.engine.dispose()


def test_a_migrated_database_is_left_alone(app) -> None:  # type: ignore[no-untyped-def]
    with app.app_context():
        assert current_revision() == newest_revision()
        ensure_schema()

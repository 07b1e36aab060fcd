"""`/healthz`: the process lives. `/readyz`: it can serve (database reachable, schema up to date)."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from flask import Blueprint, Response, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from portal.config import PROJECT_DIR
from portal.db import side_transaction
from portal.extensions import limiter
from portal.jobs.rescue import STALE_SECONDS
from portal.permissions import Permission, require

blueprint = Blueprint("health", __name__)
MIGRATIONS = PROJECT_DIR / "migrations"
limiter.exempt(blueprint)  # process managers and load balancers ask often


@functools.cache
def _heads(folder: Path) -> frozenset[str]:
    return frozenset(ScriptDirectory(str(folder)).get_heads())


@blueprint.get("/healthz")
@require(Permission.PUBLIC)
def healthz() -> Response:
    """Always 200: asks nobody."""
    return _answer({"status": "ok"}, 200)


@blueprint.get("/readyz")
@require(Permission.PUBLIC)
def readyz() -> Response:
    """200 when requests can be served, else 503 with the reason. A late worker is told, but is no reason."""
    try:
        with side_transaction() as connection:
            connection.execute(text("SET LOCAL statement_timeout = '3s'"))
            found = frozenset(connection.scalars(text("SELECT version_num FROM alembic_version")))
            heard = connection.scalar(
                text(
                    "SELECT count(*) FROM procrastinate_workers"
                    " WHERE last_heartbeat > now() - make_interval(secs => :s)"
                ),
                {"s": STALE_SECONDS},
            )
    except SQLAlchemyError:
        return _answer({"status": "unavailable", "database": "not reachable, or without its tables"}, 503)
    if found != _heads(MIGRATIONS):
        return _answer({"status": "unavailable", "database": "migrations are due: flask db upgrade"}, 503)
    return _answer({"status": "ok", "database": "ok", "worker": "ok" if heard else "not heard of"}, 200)


def _answer(body: dict[str, Any], status: int) -> Response:
    response = jsonify(body)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response

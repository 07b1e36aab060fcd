"""The health endpoints: what a load balancer and `make run` ask."""

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.db import side_transaction


def test_ready_with_database_and_schema(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {"status": "ok", "database": "ok", "worker": "not heard of"}
    assert answer.headers["Cache-Control"] == "no-store"


def test_not_ready_while_migrations_are_due(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), side_transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "flask db upgrade" in answer.json["database"]


def test_not_ready_without_tables(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), side_transaction() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200

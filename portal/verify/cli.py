"""`flask verify`: exits 1 on any difference, naming table, key, expected and found."""

from __future__ import annotations

import json
import sys

import click
from flask.cli import with_appcontext

from portal.db import read_snapshot
from portal.errors import ConfigurationError
from portal.schema import ensure_schema
from portal.verify.service import verify

HOUR_MS = 3_600_000


@click.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def verify_command(as_json: bool) -> None:
    """Recompute every rollup, status, balance and count from the rows."""
    try:
        ensure_schema()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    with read_snapshot(timeout_ms=HOUR_MS) as connection:
        report = verify(connection)
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        for d in report.differences:
            click.echo(f"{d.table} ({d.what}) {d.key}: expected {d.expected}, found {d.found}")
        click.echo(f"{report.checks} checks, {report.total} differences.")
    if report.total:
        sys.exit(1)

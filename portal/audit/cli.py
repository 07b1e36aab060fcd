"""`flask audit ...`: the retention of the audit log by hand."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import click
from flask.cli import AppGroup

from portal.audit import partitions
from portal.db import side_transaction
from portal.schema import ensure_schema
from portal.web.context import settings

audit_cli = AppGroup("audit", help="The audit log.")


@audit_cli.command("retention")
@click.option("--dry-run", is_flag=True, help="Only say which months would go.")
def retention(dry_run: bool) -> None:
    """Drop the months that are wholly older than the retention (a setting); runs every night by itself."""
    ensure_schema()
    today, keep = dt.datetime.now(ZoneInfo("Asia/Karachi")).date(), settings().audit_months
    if dry_run:
        with side_transaction() as connection:
            months = partitions.old_months(connection, today, keep)
    else:
        months = partitions.drop_old(today, keep)
    for month in months:
        click.echo(f"{month.first:%Y-%m}\t{month.lines} lines\t{'would go' if dry_run else 'gone'}")
    if not months:
        click.echo(f"Nothing is wholly older than {keep} months.")

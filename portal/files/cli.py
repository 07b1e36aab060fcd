"""`flask files verify`: is every stored file there, as it was, and is nothing left over?"""

from __future__ import annotations

import datetime as dt
import json
import sys

import click
from flask.cli import with_appcontext

from portal.db import session
from portal.errors import ConfigurationError, DomainError
from portal.files import checking
from portal.files.store import current_storage
from portal.schema import ensure_schema


@click.group("files")
def commands() -> None:
    """Photos and documents."""


@commands.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--quick", is_flag=True, help="Compare sizes only, and read no content.")
@click.option("--prune", is_flag=True, help="Delete files that belong to nothing and are older than a day.")
@with_appcontext
def verify(*, as_json: bool, quick: bool, prune: bool) -> None:
    """Find files that are missing, altered, or belong to nothing. Exit code 1 when there are any."""
    try:
        ensure_schema()
        storage = current_storage()
        found = checking.check(session(), storage, today=dt.datetime.now(dt.UTC).date(), reads=lambda _id: not quick)
        if prune:
            checking.prune(storage, found)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    except DomainError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(found.as_json(), ensure_ascii=False))
    else:
        for wrong in (*found.missing, *found.altered, *found.orphaned):
            number = f"file {wrong.file_id}, " if wrong.file_id is not None else ""
            click.echo(f"{number}{wrong.key}: {wrong.what}")
        click.echo(
            f"{found.files} files: {len(found.missing)} missing, {len(found.altered)} altered,"
            f" {len(found.orphaned)} left over ({found.pruned} deleted), {found.recent} just arriving,"
            f" {found.foreign} not ours."
        )
    if not found.is_well:
        sys.exit(1)

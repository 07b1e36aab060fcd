"""`flask cutover DIR`: the exports of a folder at once, as `system`, without a worker."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path

import click
from flask.cli import with_appcontext

from portal.cutover.outcome import TableOutcome
from portal.cutover.service import exports_in, take_over
from portal.db import transaction
from portal.errors import DomainError
from portal.imports.cli import settings_for_imports
from portal.imports.service import Actor
from portal.schema import ensure_schema
from portal.web.context import settings
from portal.web.format import KARACHI


@click.command("cutover")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only look: nothing is written.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def cutover_command(folder: Path, dry_run: bool, as_json: bool) -> None:
    """Take over the old system's tables from their CSV exports."""
    try:
        files = exports_in(folder)
        ensure_schema()
        with transaction() as session:
            outcomes = take_over(
                session,
                files,
                actor=Actor.system(),
                settings=settings_for_imports(settings()),
                today=dt.datetime.now(KARACHI).date(),
                tell=lambda table: click.echo(f"{table} ...", err=True),
            )
            if dry_run:
                session.rollback()
    except DomainError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps({"tables": [outcome.as_json() for outcome in outcomes]}, ensure_ascii=False))
    else:
        _print(outcomes, dry_run)


def _print(outcomes: list[TableOutcome], dry_run: bool) -> None:
    names = ("rows", "inserted", "updated", "unchanged", "duplicates", "rejected", "pending")
    click.echo(f"{'':<20}" + "".join(f"{name:>12}" for name in names) + ("  (dry run)" if dry_run else ""))
    for outcome in outcomes:
        counts = outcome.counts.as_json()
        click.echo(f"{outcome.kind:<20}" + "".join(f"{counts[name]:>12,}" for name in names))
    for outcome in outcomes:
        for code, rows in outcome.findings.items():
            click.echo(f"  {outcome.kind:<20}{code:<28}{rows:>8,} rows")

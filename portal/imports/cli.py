"""`flask import`: one file at once, as `system` with the whole province as its area, without a worker."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path

import click
from flask.cli import with_appcontext

from portal.config import MIB, Settings
from portal.db import transaction
from portal.errors import DomainError
from portal.imports.models import KINDS
from portal.imports.outcome import ImportOptions, Outcome
from portal.imports.pipeline import KARACHI
from portal.imports.service import Actor, ImportSettings, import_file
from portal.schema import ensure_schema
from portal.web.context import settings


class MonthType(click.ParamType[dt.date]):
    """`2025-11`, the first day of that month."""

    name = "YYYY-MM"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        try:
            return dt.date.fromisoformat(f"{value}-01")
        except ValueError:
            self.fail(f"'{value}' is not a month like 2025-11", param, ctx)


class IssuedType(click.ParamType[tuple[dt.date, dt.date]]):
    """`2025-10-25=2025-11`: the bills issued on that day belong to that month."""

    name = "DATE=YYYY-MM"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[dt.date, dt.date]:
        day, _, month = str(value).partition("=")
        try:
            return dt.date.fromisoformat(day), dt.date.fromisoformat(f"{month}-01")
        except ValueError:
            self.fail(f"'{value}' is not like 2025-10-25=2025-11", param, ctx)


class MomentType(click.ParamType[dt.datetime]):
    """`2025-11-20` or `2025-11-20T14:30`, in Asia/Karachi unless it says otherwise."""

    name = "DATE[TIME]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        try:
            moment = dt.datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"'{value}' is not like 2025-11-20 or 2025-11-20T14:30", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=KARACHI)


def settings_for_imports(settings: Settings) -> ImportSettings:
    """What imports need of the settings."""
    return ImportSettings(
        uploads_dir=settings.uploads_dir,
        max_bytes=settings.max_import_mib * MIB,
        cycle_start_day=settings.cycle_start_day,
    )


@click.command("import")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--month", type=MonthType(), help="Billing month of the bills first seen in this file.")
@click.option("--issued", type=IssuedType(), multiple=True, help="Billing month of the bills issued on one date.")
@click.option("--as-of", type=MomentType(), help="When the file was downloaded from the portal.")
@click.option("--dry-run", is_flag=True, help="Only look: nothing is written.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def import_command(
    kind: str,
    file: Path,
    month: dt.date | None,
    issued: tuple[tuple[dt.date, dt.date], ...],
    as_of: dt.datetime | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import a portal file: areas, survey, biller or paid."""
    options = ImportOptions(month=month, issued=dict(issued), as_of=as_of)
    try:
        ensure_schema()
        with transaction() as session:
            outcome = import_file(
                session,
                file,
                kind=kind,
                options=options,
                settings=settings_for_imports(settings()),
                actor=Actor.system(),
                dry_run=dry_run,
            )
            if dry_run:
                session.rollback()
    except DomainError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(outcome.summary(), ensure_ascii=False))
    else:
        _print_table(outcome, dry_run)


def _print_table(outcome: Outcome, dry_run: bool) -> None:
    counts = outcome.counts
    click.echo(
        f"{outcome.file}: {outcome.kind}, as of {outcome.as_of:%Y-%m-%d %H:%M}" + (" (dry run)" if dry_run else "")
    )
    for name, number in counts.as_json().items():
        click.echo(f"  {name:<12}{number:>12,}")
    for name, number in outcome.totals.items():
        click.echo(f"  {name:<16}{number:>16,}")
    for finding in outcome.findings:
        click.echo(f"  {finding['severity'].lower():<10}{finding['code']:<28}{finding['rows']:>8,} rows")

"""`flask demo`: write demo files, and bring them in."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from flask.cli import with_appcontext

from portal.billing.cycles import cycle_bounds, cycle_of, parse_month
from portal.demo.generate import DemoOptions, file_names, generate
from portal.demo.load import check_database, current_session, load, only_one, unfinished
from portal.errors import DomainError
from portal.schema import ensure_schema
from portal.web.context import settings

KARACHI = ZoneInfo("Asia/Karachi")


def last_day(until: str | None, start_day: int) -> dt.date:
    """The day the set ends: today, or the last day of a cycle that is over. Raises BadParameter."""
    today = dt.datetime.now(KARACHI).date()
    if until is None:
        return today
    month = parse_month(until)
    if month is None:
        raise click.BadParameter(f"'{until}' is not a month like 2025-11", param_hint="--until")
    if month > cycle_of(today, start_day):
        raise click.BadParameter(f"the cycle {until} has not begun", param_hint="--until")
    return min(today, cycle_bounds(month, start_day)[1])


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.command("demo")
@click.option("--units", type=click.IntRange(10, 5_000_000), default=12_000, show_default=True, help="Properties.")
@click.option("--months", type=click.IntRange(1, 60), default=6, show_default=True, help="Billing cycles.")
@click.option(
    "--seed", type=click.IntRange(0, 1_000_000), default=7, show_default=True, help="Another seed, other data."
)
@click.option("--until", metavar="YYYY-MM", help="The last cycle; the current one when left out.")
@click.option(
    "--files", type=click.Path(file_okay=False, path_type=Path), help="Only write the files into this folder."
)
@click.option("--force", is_flag=True, help="Also into a database that is not empty.")
@with_appcontext
def demo(*, units: int, months: int, seed: int, until: str | None, files: Path | None, force: bool) -> None:
    """Make an invented district: files in the portal's formats, faults included, and import them."""
    started = time.monotonic()
    start_day = settings().cycle_start_day
    options = DemoOptions(units, months, seed, last_day(until, start_day), start_day)
    try:
        if files is not None:
            manifest = generate(files, options, _say)
            for entry in manifest["files"]:
                click.echo(f"{entry['file']}\t{entry['kind']}\t{entry['rows']} rows")
            _say(f"{len(manifest['files'])} files in {files}, {time.monotonic() - started:.1f} s")
            return
        _make(options, force=force)
    except DomainError as error:
        raise click.ClickException(str(error)) from error
    _say(f"Demo data ready after {time.monotonic() - started:.1f} s")


def _make(options: DemoOptions, *, force: bool) -> None:
    """Write the set into a folder of its own and import it; go on with a run that was interrupted."""
    ensure_schema()
    with only_one(settings(), _say) as folder:
        _make_alone(options, folder, force=force)


def _make_alone(options: DemoOptions, folder: Path, *, force: bool) -> None:
    """The same while no other process does. Raises ConflictError when the database is not empty."""
    interrupted = unfinished(settings())
    if interrupted is not None and not force:
        _say("Going on with a run that was interrupted")
        options = interrupted
    if not force:
        check_database(current_session(), file_names(options) if interrupted is not None else None)
        current_session().rollback()
    manifest = generate(folder, options, _say)
    load(folder, manifest, options, settings(), click.echo)

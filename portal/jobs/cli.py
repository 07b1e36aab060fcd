"""`flask jobs ...`: look at the queue, work it off, try a failed job again."""

from __future__ import annotations

import json
from typing import Any, cast

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import text

from portal.db import session, transaction

commands = AppGroup("jobs", help="Background jobs.")


@commands.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--all", "everything", is_flag=True, help="Also finished jobs.")
def list_jobs(as_json: bool, everything: bool) -> None:
    """List waiting, running and failed jobs."""
    condition = "" if everything else "WHERE status IN ('todo', 'doing', 'failed')"
    rows = session().execute(
        text(
            "SELECT id, task_name AS task, status::text AS status, attempts, args AS arguments, scheduled_at"
            f" FROM procrastinate_jobs {condition} ORDER BY id DESC LIMIT 200"
        )
    )
    jobs = [dict(row) for row in rows.mappings()]
    if as_json:
        click.echo(json.dumps(jobs, default=str))
        return
    for job in jobs:
        click.echo(f"{job['id']:>8}  {job['status']:<10} {job['task']:<24} {json.dumps(job['arguments'])}")
    if not jobs:
        click.echo("No jobs.")


@commands.command("run")
def run_waiting() -> None:
    """Work off the jobs that wait now, then exit: for use without a worker."""
    from portal.web.context import settings
    from portal.worker import run

    run(cast(Any, current_app)._get_current_object(), settings(), wait=False)


@commands.command("retry")
@click.argument("job_id", type=int)
def retry(job_id: int) -> None:
    """Queue a failed job again."""
    with transaction() as current:
        found = current.execute(
            text("SELECT 1 FROM procrastinate_jobs WHERE id = :id AND status = 'failed' FOR UPDATE"), {"id": job_id}
        ).scalar()
        if found is None:
            raise click.ClickException(f"There is no failed job {job_id}.")
        current.execute(text("SELECT procrastinate_retry_job_v2(:id, now(), NULL, NULL, NULL)"), {"id": job_id})
    click.echo(f"Job {job_id} waits again.")

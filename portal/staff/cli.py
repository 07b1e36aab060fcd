"""`flask staff ...`: accounts from the command line, acting as `system`."""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from portal.db import session, transaction
from portal.errors import DomainError
from portal.permissions import Role
from portal.schema import ensure_schema
from portal.staff import admin_cli, selects, service
from portal.staff.password_rules import PasswordRules
from portal.web.context import settings

staff_cli = AppGroup("staff", help="Staff accounts: create, change, invite, unlock, deactivate.")
for command in admin_cli.COMMANDS:
    staff_cli.add_command(command)


_own = click.option(
    "--own", is_flag=True, help="The password is the person's own choice; else he changes it at the next sign-in."
)


def _read_password() -> str:
    """The first line of standard input; asked for twice, without echo, at a terminal."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


@staff_cli.command("create")
@click.argument("username")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role], case_sensitive=False))
@click.option("--area", "areas", required=True, multiple=True, help="Path of names, e.g. Khushab/Khushab or Punjab.")
@click.option("--name", default="", help="Full name; the user name when left out.")
@_own
def create(username: str, role: str, areas: tuple[str, ...], name: str, own: bool) -> None:
    """Create USERNAME. The password is read from standard input."""
    password = _read_password()
    try:
        ensure_schema()
        with transaction() as db_session:
            staff = service.create_staff(
                db_session,
                username=username,
                password=password,
                role=role.upper(),
                areas=[service.resolve_area(db_session, area) for area in areas],
                full_name=name,
                cost=settings().bcrypt_cost,
                rules=PasswordRules.of(settings()),
                must_change=not own,
            )
            click.echo(f"Created {staff.username} ({staff.role}).")
    except DomainError as error:
        raise click.ClickException(str(error)) from error


@staff_cli.command("list")
def list_staff() -> None:
    """List everybody: user name, role, state, areas."""
    ensure_schema()
    for row in session().execute(selects.staff_list()):
        state = "active" if row.is_active else "inactive"
        click.echo(f"{row.username}\t{row.role}\t{state}\t{row.areas}")


@staff_cli.command("set-password")
@click.argument("username")
@_own
def set_password(username: str, own: bool) -> None:
    """Give USERNAME a new password (from standard input) and end his sessions."""
    password = _read_password()
    try:
        ensure_schema()
        with transaction() as db_session:
            rules, cost = PasswordRules.of(settings()), settings().bcrypt_cost
            service.set_password(db_session, username, password, cost, rules, must_change=not own)
    except DomainError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Password of {username} changed; open sessions ended.")

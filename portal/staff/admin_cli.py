"""`flask staff ...`: what the screens of the administration do, from the command line, acting as `system`.

The same use cases, so the same rules: the last head administrator of the province stays here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from portal.db import transaction
from portal.errors import ConfigurationError, DomainError, NotFoundError
from portal.permissions import Role
from portal.schema import ensure_schema
from portal.staff import accounts, administration, contact, invitations, selects
from portal.staff.administration import Facts
from portal.staff.authority import By
from portal.staff.models import Staff
from portal.staff.service import resolve_area
from portal.staff.tokens import CODE_MINUTES
from portal.web.context import settings

_role = click.Choice([role.value for role in Role], case_sensitive=False)
_reason = click.option("--reason", default="", help="Why; it stands in the audit log.")


@contextmanager
def _changing() -> Iterator[Session]:
    """A transaction whose errors are sentences on standard error."""
    try:
        ensure_schema()
        with transaction() as db_session:
            yield db_session
    except DomainError as error:
        raise click.ClickException(str(error)) from error


def _person(db_session: Session, username: str) -> Staff:
    found: Staff | None = db_session.scalar(selects.by_username(username))
    if found is None:
        raise NotFoundError(f"There is no staff member '{username}'.")
    return found


def _areas(db_session: Session, paths: tuple[str, ...]) -> list[int]:
    return [resolve_area(db_session, path).id for path in paths]


def _base_url() -> str:
    base = settings().public_url
    if not base:
        raise ConfigurationError("PUBLIC_URL is not set: the link would lead nowhere. Set it and try again.")
    return base


@click.command("add")
@click.argument("username")
@click.option("--role", required=True, type=_role)
@click.option("--area", "areas", required=True, multiple=True, help="Path of names, e.g. Khushab/Khushab or Punjab.")
@click.option("--name", required=True, help="Full name.")
@click.option("--email", default="")
@click.option("--mobile", default="")
@with_appcontext
def add(username: str, role: str, areas: tuple[str, ...], name: str, email: str, mobile: str) -> None:
    """Create USERNAME without a password and print the link by which he sets it."""
    with _changing() as db_session:
        base = _base_url()
        facts = Facts(contact.clean_full_name(name), contact.clean_email(email), contact.clean_mobile(mobile))
        wanted = _areas(db_session, areas)
        staff = administration.create(db_session, By.system(), username, facts, Role(role.upper()), wanted)
        link = invitations.link(accounts.invite(db_session, By.system(), staff.id), base)
    click.echo(link)


@click.command("invite")
@click.argument("username")
@with_appcontext
def invite(username: str) -> None:
    """Print a new link by which USERNAME, who has no password yet, sets it. Earlier links stop working."""
    with _changing() as db_session:
        base = _base_url()
        link = invitations.link(accounts.invite(db_session, By.system(), _person(db_session, username).id), base)
    click.echo(link)


@click.command("reset-code")
@click.argument("username")
@_reason
@with_appcontext
def reset_code(username: str, reason: str) -> None:
    """Make the password of USERNAME worthless and print a one-time code for a new one."""
    with _changing() as db_session:
        code = accounts.reset_password(db_session, By.system(), _person(db_session, username).id, reason=reason)
    click.echo(f"{code[:4]}-{code[4:]}  (valid {CODE_MINUTES} minutes, once)")


@click.command("role")
@click.argument("username")
@click.argument("role", type=_role)
@_reason
@with_appcontext
def change_role(username: str, role: str, reason: str) -> None:
    """Give USERNAME the ROLE."""
    with _changing() as db_session:
        staff = _person(db_session, username)
        facts = Facts(staff.full_name, staff.email, staff.mobile)
        administration.edit(db_session, By.system(), staff.id, staff.version, facts, Role(role.upper()), reason)
    click.echo(f"{username}: {role.upper()}")


@click.command("areas")
@click.argument("username")
@click.option("--area", "areas", required=True, multiple=True, help="Path of names; give all of them, they replace.")
@_reason
@with_appcontext
def change_areas(username: str, areas: tuple[str, ...], reason: str) -> None:
    """Give USERNAME other areas; those he had are replaced."""
    with _changing() as db_session:
        staff = _person(db_session, username)
        administration.set_areas(db_session, By.system(), staff.id, None, _areas(db_session, areas), reason)
    click.echo(f"{username}: {'; '.join(areas)}")


def _simple(name: str, text: str, done: str, run: Callable[[Session, int, str], object]) -> click.Command:
    """A command that takes a user name and a reason."""

    @click.command(name, help=text)
    @click.argument("username")
    @_reason
    @with_appcontext
    def command(username: str, reason: str) -> None:
        with _changing() as db_session:
            run(db_session, _person(db_session, username).id, reason)
        click.echo(f"{username}: {done}")

    return command


COMMANDS: list[click.Command] = [
    add,
    invite,
    reset_code,
    change_role,
    change_areas,
    _simple(
        "deactivate",
        "Close the account of USERNAME; sessions and links end at once.",
        "deactivated",
        lambda db, staff_id, reason: accounts.deactivate(db, By.system(), staff_id, None, reason),
    ),
    _simple(
        "reactivate",
        "Open the account of USERNAME again.",
        "active again",
        lambda db, staff_id, reason: accounts.reactivate(db, By.system(), staff_id, None, reason),
    ),
    _simple(
        "sign-out",
        "End every session of USERNAME.",
        "signed out everywhere",
        lambda db, staff_id, reason: accounts.sign_out_everywhere(db, By.system(), staff_id, reason),
    ),
    _simple(
        "unlock",
        "Forgive the failed attempts to sign in as USERNAME.",
        "unlocked",
        lambda db, staff_id, reason: accounts.unlock(db, By.system(), staff_id, reason),
    ),
    _simple(
        "reset-second-factor",
        "Forget the second factor of USERNAME and its recovery codes.",
        "second factor removed",
        lambda db, staff_id, reason: accounts.reset_second_factor(db, By.system(), staff_id, reason),
    ),
    _simple(
        "revoke",
        "Withdraw the open invitation of USERNAME.",
        "invitation withdrawn",
        lambda db, staff_id, reason: accounts.revoke_invitation(db, By.system(), staff_id, reason),
    ),
]

"""Signing in: counting attempts, slowing guesses, checking a password, opening the session. Flushes, never commits.

Nobody can be locked out by somebody else's guessing: attempts with a browser that the person has used before are
counted apart (see `portal.staff.devices`), the waits of strangers end by themselves, and an administrator can end
them at once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, func, insert, select, text, update
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.staff import devices, passwords, selects, sessions
from portal.staff.models import LoginAttempt, Staff

# Failures within the window that cost nothing; each further one of an account doubles the wait up to the cap.
WINDOW_MINUTES = 15
FREE_FAILURES_ACCOUNT = 5
# A whole office signs in from one address, and attempts under way count as failures until they succeed.
FREE_FAILURES_ADDRESS = 200
ADDRESS_WAIT_SECONDS = 30
MAX_WAIT_SECONDS = 300
ANYBODY = "anonymous"  # who tried, for the audit log


@dataclass(frozen=True)
class Account:
    """What signing in needs to know of a person; read once, so that no connection is held while the password waits."""

    id: int
    username: str
    password_hash: str
    is_active: bool
    password_changed_at: dt.datetime | None
    has_second_factor: bool

    @property
    def device_mark(self) -> int:
        return devices.mark_of(self.password_changed_at)


@dataclass(frozen=True)
class Opened:
    """A session just opened: the token for the cookie, and whether the second factor is still to come."""

    token: str
    awaits_second_factor: bool


def find_account(session: Session, username: str) -> Account | None:
    """The account with this name, None when there is none. Any text may come: it is what somebody typed."""
    name = username.strip()
    if not name or "\0" in name or len(name) > 64:
        return None
    staff: Staff | None = session.scalar(selects.by_username(name))
    if staff is None:
        return None
    return Account(
        id=staff.id,
        username=staff.username,
        password_hash=staff.password_hash,
        is_active=staff.is_active,
        password_changed_at=staff.password_changed_at,
        has_second_factor=staff.totp_confirmed_at is not None,
    )


def attempt_name(account: Account | None, typed: str, secret_key: str) -> str:
    """The name an attempt is counted under. Of a name that is nobody's only a keyed digest is kept: people type
    their password into the wrong field."""
    if account is not None:
        return account.username.lower()
    digest = hmac.new(secret_key.encode(), typed.strip().lower().encode("utf-8", "replace"), hashlib.sha256)
    return f"?{digest.hexdigest()[:16]}"


def wait_after(failures: int) -> int:
    """Seconds an account waits after its latest failure, by the number of failures since its last success."""
    if failures < FREE_FAILURES_ACCOUNT:
        return 0
    return int(min(2 ** (failures - FREE_FAILURES_ACCOUNT + 1), MAX_WAIT_SECONDS))


def _recent_failures() -> tuple[ColumnElement[bool], ...]:
    """Failures that count: of the window, not forgiven, and not of a time that a clock set back has made the future."""
    now = func.clock_timestamp()
    window = func.make_interval(0, 0, 0, 0, 0, WINDOW_MINUTES)
    return (~LoginAttempt.succeeded, ~LoginAttempt.forgiven, LoginAttempt.at > now - window, LoginAttempt.at <= now)


def _failures_of(name: str, known_device: bool) -> Select[*tuple[int, float | None]]:
    """Number of an account's failures since its last success, and seconds since the latest."""
    same = (LoginAttempt.username == name, LoginAttempt.known_device == known_device)
    since = (
        select(func.coalesce(func.max(LoginAttempt.at), func.to_timestamp(0)))
        .where(*same, LoginAttempt.succeeded, LoginAttempt.at <= func.clock_timestamp())
        .scalar_subquery()
    )
    seconds = func.extract("epoch", func.clock_timestamp() - func.max(LoginAttempt.at))
    return select(func.count(), seconds).where(*same, *_recent_failures(), LoginAttempt.at > since)


def seconds_to_wait(session: Session | Connection, username: str, known_device: bool = False) -> int:
    """How long attempts on an account (from browsers that are strange to it) are refused still; 0: they are not."""
    failures, elapsed = session.execute(_failures_of(username.lower(), known_device)).one()
    return max(wait_after(failures) - int(elapsed or 0), 0)


def begin_attempt(
    connection: Connection, name: str, address: str, known_device: bool = False
) -> tuple[int | None, int]:
    """Count an attempt before the password is looked at: (attempt id, 0), or (None, seconds to wait).

    Runs in a transaction of its own; attempts on one account, and from one address, queue behind each other, so
    that a hundred at once are counted as a hundred. A refused attempt is not counted: waiting helps. A known device
    is not held up by what others at its address do.
    """
    for lock in sorted({f"login:u:{name}", f"login:a:{address}"}):
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": lock})
    wait = seconds_to_wait(connection, name, known_device)
    if not known_device:
        seconds = func.extract("epoch", func.clock_timestamp() - func.max(LoginAttempt.at))
        from_here = connection.execute(
            select(func.count(), seconds).where(
                LoginAttempt.address == address, ~LoginAttempt.known_device, *_recent_failures()
            )
        ).one()
        if from_here[0] >= FREE_FAILURES_ADDRESS:
            wait = max(wait, ADDRESS_WAIT_SECONDS - int(from_here[1] or 0))
    if wait > 0:
        return None, wait
    attempt_id = connection.execute(
        insert(LoginAttempt)
        .values(username=name, address=address, succeeded=False, known_device=known_device, at=func.clock_timestamp())
        .returning(LoginAttempt.id)
    ).scalar_one()
    return attempt_id, 0


def end_attempt(session: Session, attempt_id: int) -> None:
    """Note that an attempt succeeded."""
    session.execute(update(LoginAttempt).where(LoginAttempt.id == attempt_id).values(succeeded=True))


def check_password(account: Account | None, password: str, cost: int) -> str | None:
    """The hash to store when name and password belong together and the person is active, else None.

    The hash is the old one, or one of the cost in force. Takes its time whatever is wrong, and no database: to be
    called through the queue of password checks.
    """
    stored = account.password_hash if account is not None and account.password_hash else passwords.dummy_hash(cost)
    matches = passwords.verify_password(password[: passwords.MAX_LENGTH + 1], stored)
    if account is None or not matches or not account.is_active:
        return None
    return passwords.hash_password(password, cost) if passwords.needs_rehash(stored, cost) else stored


def accept(
    session: Session, account: Account, new_hash: str, attempt_id: int, address: str, user_agent: str
) -> Opened | None:
    """Open the session of somebody whose password was right. None when the account changed while he waited."""
    staff = session.get(Staff, account.id, with_for_update=True, populate_existing=True)
    if staff is None or not staff.is_active or staff.password_hash != account.password_hash:
        return None
    staff.password_hash = new_hash
    awaits = staff.totp_confirmed_at is not None
    end_attempt(session, attempt_id)
    token = sessions.open_session(session, staff.id, address, user_agent, awaits_second_factor=awaits)
    if not awaits:
        record_sign_in(session, staff.id, staff.username, address)
    return Opened(token, awaits)


def record_sign_in(session: Session, staff_id: int, username: str, address: str, second_factor: str = "") -> None:
    """The audit line of a sign-in that is complete."""
    after = {"second_factor": second_factor} if second_factor else None
    record(session, "staff.sign_in", "staff", staff_id, actor=username, staff_id=staff_id, address=address, after=after)


def record_failure(session: Session, account: Account | None, address: str, reason: str = "") -> None:
    """The audit line of a failed sign-in. A name that is nobody's is not written down: it may be a password."""
    entity_id = account.id if account is not None else ""
    record(session, "staff.sign_in_failed", "staff", entity_id, actor=ANYBODY, address=address, reason=reason)


def unlock(session: Session, staff: Staff) -> int:
    """Forget the failed attempts on an account, so that nobody waits any longer. Returns how many counted."""
    names = (staff.username.lower(), second_factor_name(staff.id))
    forgiven = session.execute(
        update(LoginAttempt)
        .where(LoginAttempt.username.in_(names), *_recent_failures())
        .values(forgiven=True)
        .returning(LoginAttempt.id)
    )
    return len(forgiven.all())


def second_factor_name(staff_id: int) -> str:
    """The name under which tries at a second factor are counted; no account can have it."""
    return f"second factor of {staff_id}"

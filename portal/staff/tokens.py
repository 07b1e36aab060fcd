"""Secrets that may be used once instead of a password: invitations, links of reset mails, administrators' codes.

Invitations and links are long random texts and found by their hash. A code is short enough to be read out over the
phone, so it is found by its person, hashed as slowly as a password, and dead after a few wrong tries.
"""

from __future__ import annotations

import hashlib
import secrets
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from portal.staff import passwords
from portal.staff.models import Staff, StaffToken


class TokenKind(StrEnum):
    """What a one-time secret is for."""

    INVITE = "INVITE"  # the link by which a new person sets his first password
    RESET = "RESET"  # the link of a "forgot password" mail
    CODE = "CODE"  # read out by an administrator


RESET_MINUTES = 30
CODE_MINUTES = 15
INVITE_MINUTES = 7 * 24 * 60

# Nothing that is mistaken for something else on paper or by phone: no 0/O, 1/I/L, 5/S, 2/Z, 8/B, U/V.
CODE_ALPHABET = "34679ACDEFGHJKMNPQRTVWXY"
CODE_LENGTH = 8
MAX_CODE_FAILURES = 5
CODE_COST = 10
# A token made "later than now" was made before the clock was set back; its end cannot be trusted then.
_CLOCK_SLACK_MINUTES = 2


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def normalise_code(typed: str) -> str:
    """A code as it was made, from what somebody typed: case, spaces and hyphens do not count."""
    return "".join(typed.split()).replace("-", "").upper()


def random_code(length: int) -> str:
    """A random text of the characters that are not mistaken for each other."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(length))


def issue(session: Session, staff_id: int, kind: TokenKind | str, *, created_by: int | None, minutes: int) -> str:
    """A new secret for a person, valid for `minutes`; earlier ones of the same kind are used up.

    Returns the plain text, which is stored nowhere. `created_by` is the administrator, None the person or the system.
    """
    kind = TokenKind(kind)
    older = (StaffToken.staff_id == staff_id, StaffToken.kind == kind, StaffToken.used_at.is_(None))
    session.execute(update(StaffToken).where(*older).values(used_at=func.now()))
    token = random_code(CODE_LENGTH) if kind is TokenKind.CODE else secrets.token_urlsafe(32)
    hashed = passwords.hash_password(token, CODE_COST) if kind is TokenKind.CODE else _hash(token)
    session.add(
        StaffToken(
            staff_id=staff_id,
            kind=str(kind),
            token_hash=hashed,
            created_by=created_by,
            expires_at=func.now() + func.make_interval(0, 0, 0, 0, 0, minutes),
        )
    )
    session.flush()
    return token


def _alive(kind: TokenKind) -> tuple[ColumnElement[bool] | InstrumentedAttribute[bool], ...]:
    slack = func.make_interval(0, 0, 0, 0, 0, _CLOCK_SLACK_MINUTES)
    return (
        StaffToken.kind == kind,
        StaffToken.used_at.is_(None),
        StaffToken.expires_at > func.now(),
        StaffToken.created_at <= func.now() + slack,
        Staff.is_active,
    )


def peek(session: Session, kind: TokenKind | str, token: str) -> Staff | None:
    """The person a link stands for, without using it up (mail programs open links to look at them)."""
    kind = TokenKind(kind)
    query = select(Staff).join(StaffToken, StaffToken.staff_id == Staff.id)
    found: Staff | None = session.scalar(query.where(StaffToken.token_hash == _hash(token), *_alive(kind)))
    return found


def take(session: Session, kind: TokenKind | str, token: str) -> Staff | None:
    """Use up the secret of a link; the person it stands for.

    None when it is unknown, used, expired, or the person is not active. Of two at once only one gets it.
    """
    kind = TokenKind(kind)
    taken = session.execute(
        update(StaffToken)
        .where(StaffToken.token_hash == _hash(token), StaffToken.staff_id == Staff.id, *_alive(kind))
        .values(used_at=func.now())
        .returning(StaffToken.staff_id)
        .execution_options(synchronize_session=False)
    ).scalar()
    return session.get(Staff, taken, populate_existing=True) if taken is not None else None


def live_code(session: Session, staff_id: int) -> Any | None:
    """(id, hash) of the code a person may use now, None when there is none."""
    query = select(StaffToken.id, StaffToken.token_hash).join(Staff, Staff.id == StaffToken.staff_id)
    return session.execute(
        query.where(StaffToken.staff_id == staff_id, StaffToken.failures < MAX_CODE_FAILURES, *_alive(TokenKind.CODE))
    ).first()


def begin_code_try(session: Session, token_id: int) -> bool:
    """Count a try at a code before it is compared, so that tries at once count too. False: no try is left."""
    counted = session.execute(
        update(StaffToken)
        .where(StaffToken.id == token_id, StaffToken.used_at.is_(None), StaffToken.failures < MAX_CODE_FAILURES)
        .values(failures=StaffToken.failures + 1)
        .returning(StaffToken.id)
    ).scalar()
    return counted is not None


def use_code(session: Session, token_id: int) -> bool:
    """Use up a code that was given rightly. False: somebody else was faster."""
    used = session.execute(
        update(StaffToken)
        .where(StaffToken.id == token_id, StaffToken.used_at.is_(None))
        .values(used_at=func.now())
        .returning(StaffToken.id)
    ).scalar()
    return used is not None

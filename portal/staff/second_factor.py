"""The second factor: time-based codes of an authenticator app (RFC 6238), and recovery codes for when it is lost.

The secret is kept encrypted, recovery codes as keyed digests, both with keys derived from SECRET_KEY: a copy of the
database alone gives nobody a code. Each code works once.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import re
import time
from typing import NamedTuple

import pyotp
import segno
from cryptography.fernet import Fernet, InvalidToken
from flask_babel import gettext as _
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.errors import InvalidInputError
from portal.staff import tokens
from portal.staff.happenings import Happening, What, tell
from portal.staff.models import RecoveryCode, Staff

STEP_SECONDS = 30
# Codes of the step before and after are taken too: phones' clocks are not exact.
TOLERANCE_STEPS = 1
RECOVERY_CODES = 10
_RECOVERY_LENGTH = 10
SET_UP_MINUTES = 15


class Who(NamedTuple):
    """Who acts, for the audit log."""

    actor: str
    staff_id: int | None
    address: str = ""


def _key(secret_key: str, purpose: str) -> bytes:
    return hmac.new(secret_key.encode(), f"second-factor:{purpose}".encode(), hashlib.sha256).digest()


def _box(secret_key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_key(secret_key, "secret")))


# --- setting it up -------------------------------------------------------------------------------------------------


def new_secret(secret_key: str, staff_id: int) -> tuple[str, str]:
    """A new secret and the same sealed for the form that confirms it: nothing is stored until a code was right."""
    secret = pyotp.random_base32()
    return secret, _box(secret_key).encrypt(f"{staff_id}:{secret}".encode()).decode()


def unseal(secret_key: str, staff_id: int, sealed: str) -> str:
    """The secret of a form made for this person a short while ago. Raises InvalidInputError."""
    try:
        owner, secret = _box(secret_key).decrypt(sealed.encode(), ttl=SET_UP_MINUTES * 60).decode().split(":")
    except (InvalidToken, ValueError):
        owner, secret = "", ""
    if owner != str(staff_id):
        raise InvalidInputError(_("This page was open too long. Here is a new QR code: scan this one."), code="stale")
    return secret


def address_of(secret: str, username: str, issuer: str) -> str:
    """The otpauth:// address that authenticator apps read from the QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=issuer)


def qr_svg(address: str) -> str:
    """The address as a QR code: one SVG element, black on white whatever the theme (cameras want it so)."""
    return str(segno.make(address, error="m").svg_inline(scale=5, border=3, dark="#000", light="#fff"))


def spaced(secret: str) -> str:
    """The secret in groups of four, to be typed by hand."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def confirm(session: Session, staff_id: int, secret: str, code: str, secret_key: str, who: Who) -> list[str] | None:
    """Put the second factor in force when the code belongs to the secret; returns new recovery codes, else None."""
    step = matching_step(secret, code, 0)
    if step is None:
        return None
    staff = session.get_one(Staff, staff_id, with_for_update=True, populate_existing=True)
    had_one = staff.totp_confirmed_at is not None
    staff.totp_secret = _box(secret_key).encrypt(secret.encode()).decode()
    staff.totp_confirmed_at = dt.datetime.now(dt.UTC)
    staff.totp_last_step = step
    action = "staff.second_factor_replaced" if had_one else "staff.second_factor_on"
    record(session, action, "staff", staff.id, actor=who.actor, staff_id=who.staff_id, address=who.address)
    _tell(session, What.FACTOR_REPLACED if had_one else What.FACTOR_ON, staff.id, who)
    return new_recovery_codes(session, staff.id, secret_key)


def remove(session: Session, staff: Staff, who: Who, reason: str = "") -> bool:
    """Take the second factor away, with its recovery codes. False: there was none."""
    if staff.totp_secret is None:
        return False
    staff.totp_secret, staff.totp_confirmed_at, staff.totp_last_step = None, None, 0
    session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff.id))
    session.flush()
    record(
        session, "staff.second_factor_off", "staff", staff.id, actor=who.actor, staff_id=who.staff_id,
        address=who.address, reason=reason,
    )  # fmt: skip
    _tell(session, What.FACTOR_OFF, staff.id, who)
    return True


def renew_codes(session: Session, staff_id: int, secret_key: str, who: Who) -> list[str]:
    """New recovery codes in the place of the old ones, at the person's own wish; they are shown this once."""
    codes = new_recovery_codes(session, staff_id, secret_key)
    record(
        session, "staff.recovery_codes", "staff", staff_id, actor=who.actor, staff_id=who.staff_id, address=who.address
    )
    _tell(session, What.CODES_MADE, staff_id, who)
    return codes


def _tell(session: Session, what: What, staff_id: int, who: Who) -> None:
    tell(session, Happening(what, staff_id, who.actor, who.staff_id == staff_id, who.address))


# --- codes of the app ----------------------------------------------------------------------------------------------


def matching_step(secret: str, code: str, last_step: int, now: float | None = None) -> int | None:
    """The time step a code belongs to, None for a wrong or used one.

    `last_step` is the step of the last code taken: codes up to it are used. When it lies in the future the clock was
    set back, and waiting until it comes would shut the person out: then it does not count.
    """
    typed = re.sub(r"\s", "", code)
    if not (typed.isascii() and typed.isdigit()):
        return None
    current = int((time.time() if now is None else now) // STEP_SECONDS)
    used = last_step if last_step <= current + TOLERANCE_STEPS else -1
    totp = pyotp.TOTP(secret)
    found = None
    for step in range(current - TOLERANCE_STEPS, current + TOLERANCE_STEPS + 1):
        if hmac.compare_digest(totp.generate_otp(step), typed) and step > used:
            found = step
    return found


def use_code(session: Session, staff_id: int, code: str, secret_key: str) -> str | None:
    """Whether somebody gave a right code, and which: `totp` or `recovery`, None for neither. Uses it up.

    The person's row is locked meanwhile: of two who give the same code at once one is let in.
    """
    staff = session.get(Staff, staff_id, with_for_update=True, populate_existing=True)
    if staff is None or staff.totp_secret is None or staff.totp_confirmed_at is None:
        return None
    try:
        secret = _box(secret_key).decrypt(staff.totp_secret.encode()).decode()
    except InvalidToken:  # another SECRET_KEY than the one it was sealed with
        secret = None
    step = matching_step(secret, code, staff.totp_last_step) if secret else None
    if step is not None:
        staff.totp_last_step = step
        session.flush()
        return "totp"
    return "recovery" if _use_recovery_code(session, staff_id, code, secret_key) else None


# --- recovery codes ------------------------------------------------------------------------------------------------


def _digest(secret_key: str, staff_id: int, code: str) -> str:
    text = f"{staff_id}:{tokens.normalise_code(code)}".encode("utf-8", "replace")
    return hmac.new(_key(secret_key, "recovery"), text, hashlib.sha256).hexdigest()


def new_recovery_codes(session: Session, staff_id: int, secret_key: str) -> list[str]:
    """Ten new codes (`ABCDE-FGHJK`), to be shown once; the ones of before are worthless."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    plain = [tokens.random_code(_RECOVERY_LENGTH) for _number in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(staff_id=staff_id, code_hash=_digest(secret_key, staff_id, code)) for code in plain)
    session.flush()
    return [f"{code[:5]}-{code[5:]}" for code in plain]


def _use_recovery_code(session: Session, staff_id: int, code: str, secret_key: str) -> bool:
    used = session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.staff_id == staff_id,
            RecoveryCode.code_hash == _digest(secret_key, staff_id, code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=func.now())
        .returning(RecoveryCode.id)
    )
    return used.scalar() is not None


def recovery_codes_left(session: Session, staff_id: int) -> int:
    """How many of a person's recovery codes are not used."""
    unused = select(func.count()).where(RecoveryCode.staff_id == staff_id, RecoveryCode.used_at.is_(None))
    return session.scalar(unused) or 0

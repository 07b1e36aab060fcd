"""The device cookie: a browser shows that a person has signed in with it before (OWASP's "device cookies").

Attempts from such a browser are counted apart, so that somebody who guesses at an account from elsewhere slows
himself and other strangers, but not the person at his own device. The cookie lets nobody in.
"""

from __future__ import annotations

import datetime as dt

from itsdangerous import BadSignature, URLSafeTimedSerializer

DAYS = 180
_MOST = 10  # people on one shared phone


def _signer(secret_key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key, salt="known-device")


def mark_of(password_changed_at: dt.datetime | None) -> int:
    """What binds the cookie to a password: after a change the devices of before are strangers."""
    return int(password_changed_at.timestamp()) if password_changed_at else 0


def _people(cookie: str | None, secret_key: str) -> dict[int, int]:
    """Staff id and mark of those who have signed in with this browser; nobody, when the cookie is not ours."""
    if not cookie or len(cookie) > 2000:
        return {}
    try:
        read = _signer(secret_key).loads(cookie, max_age=DAYS * 86_400)
        return {int(staff_id): int(mark) for staff_id, mark in read}
    except (BadSignature, ValueError, TypeError):
        return {}


def is_known(cookie: str | None, secret_key: str, staff_id: int, mark: int) -> bool:
    """Whether the person has signed in with this browser since he has this password."""
    return _people(cookie, secret_key).get(staff_id) == mark


def has_met(cookie: str | None, secret_key: str, staff_id: int) -> bool:
    """Whether the person has ever signed in with this browser, with whatever password."""
    return staff_id in _people(cookie, secret_key)


def remembering(cookie: str | None, secret_key: str, staff_id: int, mark: int) -> str:
    """The cookie's new value: the people of before (the ten latest) and this one."""
    people = [pair for pair in _people(cookie, secret_key).items() if pair[0] != staff_id]
    return str(_signer(secret_key).dumps([*people[1 - _MOST :], (staff_id, mark)]))

"""The link in every mail that switches mails of its type off, without signing in (RFC 8058)."""

from __future__ import annotations

from itsdangerous import BadSignature, URLSafeSerializer

from portal.config import Settings
from portal.notifications.preferences import DIGEST
from portal.notifications.types import TYPES

PATH = "/notifications/stop/"


def _signer(secret_key: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret_key, salt="no-more-mails")


def link(settings: Settings, staff_id: int, what: str) -> str:
    """The address for a person and a type (or the daily mail). It does not expire: old mails must work, too."""
    return f"{settings.public_url}{PATH}{_signer(settings.secret_key).dumps([staff_id, what])}"


def read(settings: Settings, token: str) -> tuple[int, str] | None:
    """(staff id, type) of a link; None when it is not ours."""
    try:
        staff_id, what = _signer(settings.secret_key).loads(token)
    except (BadSignature, ValueError, TypeError):
        return None
    return (int(staff_id), str(what)) if what == DIGEST or what in TYPES else None


def headers(url: str) -> tuple[tuple[str, str], ...]:
    """What makes mail programs offer a button for it."""
    return (("List-Unsubscribe", f"<{url}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))

"""What happens to the safety of an account, told to whoever listens (`portal.notifications` tells the person).

Staff stands below notifications, so the listener comes here and not the other way round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session


class What(StrEnum):
    """What happened."""

    PASSWORD_CHANGED = "password_changed"
    PASSWORD_RESET = "password_reset"
    FACTOR_ON = "factor_on"
    FACTOR_REPLACED = "factor_replaced"
    FACTOR_OFF = "factor_off"
    CODES_MADE = "codes_made"
    NEW_DEVICE = "new_device"


@dataclass(frozen=True)
class Happening:
    """`actor`: who did it, as the audit log names him; `address` and `device` from where, where it is known."""

    what: What
    staff_id: int
    actor: str = ""
    is_own: bool = True
    address: str = ""
    device: str = ""


Listener = Callable[[Session, Happening], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Have a function called, in the transaction of what happened. Twice is once."""
    if listener not in _listeners:
        _listeners.append(listener)


def tell(session: Session, happening: Happening) -> None:
    """Tell everybody who listens."""
    for listener in _listeners:
        listener(session, happening)

"""Every type of notification: what it is called, how it looks, and how people are told unless they chose otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from portal.notifications.models import INFO, NONE


@dataclass(frozen=True)
class NotificationType:
    """`kind` is info, success, warning or error. `mail` is NOW, DAILY or NONE: the choice of who has made none."""

    group: str
    label: Any
    kind: str = INFO
    in_app: bool = True
    mail: str = NONE


TYPES: dict[str, NotificationType] = {}

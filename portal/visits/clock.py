"""When a visit happened, by two clocks. Pure.

A phone that was without network sends a visit late: its own clock then says when it happened. But clocks of cheap
phones are wrong, and some people set them: a time in the future, or long gone, is not believed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

AHEAD = dt.timedelta(minutes=5)  # a clock may be a little fast
LATE = dt.timedelta(days=7)  # a phone may have been without network for so long


@dataclass(frozen=True)
class Happened:
    """`at` is when it happened; `is_believed` says that the phone's clock decided, or agrees."""

    at: dt.datetime
    is_believed: bool


def happened(device_at: dt.datetime | None, now: dt.datetime) -> Happened:
    """By the phone's clock where it is believable, else by ours. Never later than `now`."""
    if device_at is None:
        return Happened(now, True)
    if now - LATE <= device_at <= now + AHEAD:
        return Happened(min(device_at, now), True)
    return Happened(now, False)

"""What pages compute from the rollups of a whole area, kept until something in the area changes.

A province has ten times the places of a district, and sums over all of them for a page that shows fifty rows would grow
with it. The version of the area's data is in the key: what is kept is never older than the last commit, nor another
release's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from portal.code_stamp import code_stamp
from portal.extensions import cache
from portal.permissions import AreaScope
from portal.rollups.selects import Where, data_version

KEPT_SECONDS = 24 * 3600
T = TypeVar("T")


def remembered(session: Session | Connection, scope: AreaScope, name: str, asked: object, build: Callable[[], T]) -> T:
    """What `build` gives, from the cache while nothing in the scope has changed since.

    `name` says what it is, `asked` (by its repr) all else that the answer depends on. The answer must be plain values
    from the rollups of the scope: what they do not hold has no version here.
    """
    version = session.scalar(data_version(Where(scope)))
    key = f"{name}:{code_stamp('portal/**/*.py')}:{scope.cache_key}:{version}:{asked!r}"
    kept: tuple[T] | None = cache.get(key)
    if kept is not None:
        return kept[0]
    built = build()
    cache.set(key, (built,), timeout=KEPT_SECONDS)
    return built

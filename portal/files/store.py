"""The storage in force, asked at the time of use: HEAD may change its address while the process runs."""

from __future__ import annotations

import threading

from portal.config import Settings
from portal.storage.places import Storage, storage_at
from portal.web.context import settings

_lock = threading.Lock()
_last: tuple[tuple[str, str], Storage] | None = None


def current_settings() -> Settings:
    """The settings in force, for code that knows no request."""
    return settings()


def current_storage() -> Storage:
    """The storage that the settings name now. Kept until they name another: a bucket's connections are used again."""
    global _last  # noqa: PLW0603 - one driver for each process
    config = settings()
    name = (config.storage_url, str(config.files_dir))
    with _lock:
        if _last is None or _last[0] != name:
            _last = (name, storage_at(config))
        return _last[1]

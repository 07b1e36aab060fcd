"""Photos of the portal as we have drawn them, on disk; what failed is remembered for a while, too."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import threading
import time
import uuid
from pathlib import Path

from flask_babel import gettext as _

from portal.config import MIB
from portal.documents.fetching import FetchError, Rules, fetch
from portal.errors import DomainError, NotFoundError
from portal.files import pictures

LARGE, THUMB = VARIANTS = ("large", "thumb")
FAILED_SECONDS = 15 * 60
DAYS = 30
# So many photos are fetched at the same time by one process: a slow portal must not hold all of its threads.
_AT_ONCE = threading.BoundedSemaphore(2)
_WAIT_SECONDS = 8.0

log = logging.getLogger(__name__)


class PhotoUnavailable(NotFoundError):
    """The photo cannot be had: it is not there, not a picture, too large, or its server does not answer."""

    code = "photo_unavailable"


def photo(folder: Path, url: str, variant: str, rules: Rules) -> bytes:
    """A photo, large or as its small version; of the folder, else fetched and drawn anew. Raises PhotoUnavailable."""
    stem = hashlib.sha256(url.encode()).hexdigest()
    path, failed = folder / f"{stem}-{variant}.jpg", folder / f"{stem}.failed"
    found = _read(path)
    if found is not None and not rules.is_off:
        return found
    if _is_recent(failed) or not _AT_ONCE.acquire(timeout=_WAIT_SECONDS):
        raise PhotoUnavailable(_unavailable())
    try:
        found = _read(path)  # another thread may just have brought it
        return found if found is not None else _bring(folder, stem, url, rules)[variant]
    except (FetchError, DomainError) as error:
        why = error.why if isinstance(error, FetchError) else error.code
        log.info("a photo of the portal is not available: %s", why)
        _write(failed, why.encode())
        raise PhotoUnavailable(_unavailable()) from error
    finally:
        _AT_ONCE.release()


def _unavailable() -> str:
    return str(_("This photo cannot be fetched from the portal just now."))


def _bring(folder: Path, stem: str, url: str, rules: Rules) -> dict[str, bytes]:
    drawn = pictures.draw(io.BytesIO(fetch(url, rules)), "photo")
    found = {LARGE: drawn.data, THUMB: drawn.thumb}
    for variant, data in found.items():
        _write(folder / f"{stem}-{variant}.jpg", data)
    (folder / f"{stem}.failed").unlink(missing_ok=True)
    return found


def _read(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
        if time.time() - path.stat().st_mtime > 86_400:
            path.touch()  # what is looked at stays
        return data
    except OSError:
        return None


def _is_recent(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < FAILED_SECONDS
    except OSError:
        return False


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all. A full disk is no reason to show no photo."""
    half = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(data)
        half.replace(path)
    except OSError as error:
        log.warning("a photo is not kept: %s", type(error).__name__)
        half.unlink(missing_ok=True)


def prune(folder: Path, most_mib: int) -> int:
    """Delete what nobody looked at for a month, and the longest unused above the limit. Returns how many."""
    kept = []
    deleted = 0
    for path in folder.glob("*") if folder.is_dir() else ():
        try:
            seen = path.stat()
        except OSError:
            continue
        age = time.time() - seen.st_mtime
        if age > DAYS * 86_400 or (path.suffix in {".failed", ".part"} and age > FAILED_SECONDS):
            path.unlink(missing_ok=True)
            deleted += 1
        else:
            kept.append((seen.st_mtime, seen.st_size, path))
    total = sum(size for _when, size, _path in kept)
    for _when, size, path in sorted(kept):
        if total <= most_mib * MIB:
            break
        path.unlink(missing_ok=True)
        total -= size
        deleted += 1
    return deleted

"""A storage by its address: bytes by key. Every failure is one of two errors, with a sentence that names no host.

    storage = storage_at(settings)
    storage.write("photos/2026/11/ab12.jpg", data)
    storage.read("photos/2026/11/ab12.jpg")

Keys are made by us (`portal.files.service`): small letters, digits, `/`, `.`, `-` and `_`, never anything from a user.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from flask_babel import lazy_gettext as _l

from portal.config import Settings
from portal.errors import DomainError, NotFoundError, StorageAway

CHUNK = 256 * 1024
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*\.[a-z0-9]{1,5}")
_AWAY = _l("The storage of photos and documents does not answer. Nothing was stored; try again in a few minutes.")
_GONE = _l("This file is no longer in the storage.")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """A file as the storage lists it."""

    key: str
    size: int


class FileGone(NotFoundError):
    """The storage answers, and has no such file."""

    code = "file_gone"


def gone() -> FileGone:
    """The error for a file that is not there."""
    return FileGone(_GONE)


class Storage(Protocol):
    """What every kind of storage does. All raise StorageAway when it does not answer or refuses."""

    def write(self, key: str, data: bytes) -> None:
        """Store under the key: whole, or not at all."""

    def read(self, key: str) -> bytes:
        """The bytes of a key. Raises FileGone."""

    def chunks(self, key: str) -> Iterator[bytes]:
        """The same piece by piece. Raises before the first piece, as far as that can be known then."""

    def delete(self, key: str) -> None:
        """Remove a key; none is no error."""

    def everything(self) -> Iterator[Kept]:
        """Each file there is."""


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Turn whatever a driver raises into our two errors. The log gets its kind only: texts name hosts and keys."""
    try:
        yield
    except DomainError:
        raise
    except FileNotFoundError:
        raise gone() from None
    except Exception as error:
        log.warning("the storage failed: %s", type(error).__name__)
        raise StorageAway(_AWAY) from error


def checked(key: str) -> str:
    """The key, if it is one of ours; so that no key leads out of the storage."""
    if len(key) > 200 or not _KEY.fullmatch(key):
        raise ValueError(f"no key of a stored file: {key!r}")
    return key


class OnFsspec:
    """A storage behind an fsspec file system; `root` is the folder, or the bucket with the folder in it."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._files = filesystem
        self._root = root.rstrip("/")

    def _path(self, key: str) -> str:
        return f"{self._root}/{checked(key)}"

    def write(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with answering():
            self._files.pipe_file(path, data)

    def read(self, key: str) -> bytes:
        path = self._path(key)
        with answering():
            return bytes(self._files.cat_file(path))

    def chunks(self, key: str) -> Iterator[bytes]:
        return iter((self.read(key),))  # no file is larger than a document may be

    def delete(self, key: str) -> None:
        path = self._path(key)
        with contextlib.suppress(FileGone), answering():
            self._files.rm_file(path)

    def everything(self) -> Iterator[Kept]:
        with answering():
            self._files.invalidate_cache()
            found = self._files.find(self._root, detail=True)
        for path, facts in sorted(found.items()):
            yield Kept(path.removeprefix(f"{self._root}/"), int(facts["size"]))


class Folder(OnFsspec):
    """A folder of this machine. Folders are 0700 and files 0600, and a file appears whole or not at all."""

    def __init__(self, root: Path) -> None:
        import fsspec  # type: ignore[import-untyped]

        super().__init__(fsspec.filesystem("file"), str(root))

    def write(self, key: str, data: bytes) -> None:
        path, root = Path(self._path(key)), Path(self._root)
        with answering():
            _private_folders(path.parent, root)
            half = path.with_name(f".{uuid.uuid4().hex}.part")
            try:
                with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                    out.write(data)
                    out.flush()
                    os.fsync(out.fileno())
                half.rename(path)
            except BaseException:
                half.unlink(missing_ok=True)
                raise


def _private_folders(folder: Path, root: Path) -> None:
    """Make a folder and those above it up to `root`, which only we may enter."""
    if folder.is_dir():
        return
    if folder != root:
        _private_folders(folder.parent, root)
    folder.mkdir(mode=0o700, parents=folder == root, exist_ok=True)


def storage_at(settings: Settings) -> Storage:
    """The storage that the settings name: their folder or bucket, else the instance's own folder."""
    url = settings.storage_url
    if not url:
        return Folder(settings.files_dir)
    if url.startswith("file://"):
        return Folder(Path(url.removeprefix("file://")))
    from portal.storage import remote

    return remote.storage_at(settings)

"""Google Drive as a storage, by a service account, over the Drive API (v3).

Every file lies in one folder of a shared drive and is named by its key: Drive has no paths, and a name may hold
slashes. A service account has no room of its own, so the folder must lie in a shared drive of which it is a member.
"""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from portal.errors import ConfigurationError
from portal.storage.places import CHUNK, FileGone, Kept, answering, checked, gone

SCOPE = "https://www.googleapis.com/auth/drive"
GOOGLE = "https://www.googleapis.com"
CONNECT_SECONDS, ANSWER_SECONDS = 3, 30
SMALL = 5 * 1024 * 1024  # in one request with its name; what is larger takes two
_REMEMBERED = 10_000
_EVERYWHERE = {"supportsAllDrives": "true"}


class Drive:
    """A folder of a shared drive. `endpoint` is another server than Google's: a stand-in, or a private way there."""

    def __init__(self, folder_id: str, key_file: str, endpoint: str = "") -> None:
        if not key_file:
            raise ConfigurationError("GOOGLE_APPLICATION_CREDENTIALS must name the key file of a service account.")
        self._folder = folder_id
        self._key_file = key_file
        self._root = (endpoint or GOOGLE).rstrip("/")
        self._ids: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()
        self._local = threading.local()

    @property
    def _session(self) -> Any:
        """One for each thread: sessions are not made for several."""
        if not hasattr(self._local, "session"):
            from google.auth.transport.requests import AuthorizedSession
            from google.oauth2.service_account import Credentials

            try:
                credentials = Credentials.from_service_account_file(self._key_file, scopes=[SCOPE])  # type: ignore[no-untyped-call]
            except OSError as error:  # which would read as: the file asked for is not there
                raise ConfigurationError("The file of GOOGLE_APPLICATION_CREDENTIALS cannot be read.") from error
            self._local.session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
        return self._local.session

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        """The answer to a request; 404 raises FileGone, any other failure what `answering` turns into StorageAway."""
        url = path if path.startswith("http") else f"{self._root}{path}"
        answer = self._session.request(method, url, timeout=(CONNECT_SECONDS, ANSWER_SECONDS), **more)
        if answer.status_code == 404:
            answer.close()
            raise gone()
        answer.raise_for_status()
        return answer

    def write(self, key: str, data: bytes) -> None:
        name = {"name": checked(key), "parents": [self._folder]}
        with answering():
            made = (self._in_one if len(data) <= SMALL else self._in_two)(name, data).json()
            self._remember(key, made["id"])

    def _in_one(self, name: dict[str, Any], data: bytes) -> Any:
        border = uuid.uuid4().hex
        body = b"".join(
            (
                f"--{border}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json.dumps(name)}\r\n".encode(),
                f"--{border}\r\nContent-Type: application/octet-stream\r\n\r\n".encode(),
                data,
                f"\r\n--{border}--\r\n".encode(),
            )
        )
        return self._ask(
            "POST", "/upload/drive/v3/files", params={"uploadType": "multipart", "fields": "id", **_EVERYWHERE},
            data=body, headers={"Content-Type": f"multipart/related; boundary={border}"},
        )  # fmt: skip

    def _in_two(self, name: dict[str, Any], data: bytes) -> Any:
        begun = self._ask(
            "POST", "/upload/drive/v3/files", params={"uploadType": "resumable", "fields": "id", **_EVERYWHERE},
            json=name, headers={"X-Upload-Content-Length": str(len(data))},
        )  # fmt: skip
        return self._ask("PUT", begun.headers["Location"], data=data)

    def read(self, key: str) -> bytes:
        checked(key)
        with answering():
            return bytes(self._content(key).content)

    def chunks(self, key: str) -> Iterator[bytes]:
        checked(key)
        with answering():
            answer = self._content(key, stream=True)

        def pieces() -> Iterator[bytes]:
            with contextlib.closing(answer), answering():
                yield from answer.iter_content(CHUNK)

        return pieces()

    def _content(self, key: str, **more: Any) -> Any:
        params = {"alt": "media", **_EVERYWHERE}
        try:
            return self._ask("GET", f"/drive/v3/files/{self._id_of(key)}", params=params, **more)
        except FileGone:
            self._forget(key)
            raise

    def delete(self, key: str) -> None:
        checked(key)
        with contextlib.suppress(FileGone), answering():
            self._ask("DELETE", f"/drive/v3/files/{self._id_of(key)}", params=_EVERYWHERE)
        self._forget(key)

    def everything(self) -> Iterator[Kept]:
        wanted = f"'{self._folder}' in parents and trashed = false"
        page = ""
        while True:
            with answering():
                found = self._list(wanted, "nextPageToken,files(id,name,size)", page)
            for one in found.get("files", ()):
                yield Kept(one["name"], int(one.get("size", 0)))
            page = found.get("nextPageToken", "")
            if not page:
                return

    def _list(self, wanted: str, fields: str, page: str = "") -> Any:
        params = {"q": wanted, "fields": fields, "pageSize": "1000", "includeItemsFromAllDrives": "true", **_EVERYWHERE}
        if page:
            params["pageToken"] = page
        return self._ask("GET", "/drive/v3/files", params=params).json()

    def _id_of(self, key: str) -> str:
        with self._lock:
            if key in self._ids:
                return self._ids[key]
        # A key holds no quote (see `checked`), so none has to be escaped.
        wanted = f"name = '{checked(key)}' and '{self._folder}' in parents and trashed = false"
        files = self._list(wanted, "files(id)").get("files", [])
        if not files:
            raise gone()
        self._remember(key, files[0]["id"])
        return str(files[0]["id"])

    def _remember(self, key: str, file_id: str) -> None:
        with self._lock:
            self._ids[key] = file_id
            while len(self._ids) > _REMEMBERED:
                self._ids.popitem(last=False)

    def _forget(self, key: str) -> None:
        with self._lock:
            self._ids.pop(key, None)

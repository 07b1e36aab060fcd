"""Servers that storages are tested against, each a process or thread on loopback: S3 (moto), Drive, and web photos."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from portal.config import PROJECT_DIR

MOTO = PROJECT_DIR / ".venv-s3" / "bin" / "moto_server"
BUCKET = "portal-files"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def s3_server() -> Iterator[str]:
    """A real S3-speaking server process with an empty bucket; gives its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [str(MOTO), "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": "/tmp"},
    )  # fmt: skip
    try:
        ends = time.monotonic() + 60
        while True:
            try:
                requests.put(f"{address}/{BUCKET}", timeout=5).raise_for_status()
                break
            except requests.ConnectionError:
                assert process.poll() is None and time.monotonic() < ends, "the S3 server does not start"
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(20)


class Google:
    """A stand-in of Google's token server and Drive API, as far as its documentation says and the portal uses it."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[str, tuple[str, str, bytes]] = {}  # id: (name, parent, content)
        self.refuses = False
        self.page_size = 2
        self._tokens: set[str] = set()
        self._uploads: dict[str, dict[str, Any]] = {}
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._public = key.public_key()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_GoogleHandler,), {"google": self}))
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self.key_file = folder / "service-account.json"
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        facts = {
            "type": "service_account", "client_email": "portal@example.iam.gserviceaccount.com", "private_key": pem,
            "private_key_id": "1", "client_id": "1", "project_id": "portal", "token_uri": f"{self.address}/token",
        }  # fmt: skip
        self.key_file.write_text(json.dumps(facts))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token_for(self, assertion: str) -> str:
        """A token for a request that is signed with the account's key; raises for any other."""
        import base64

        head, claims, signature = assertion.split(".")
        raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        self._public.verify(raw, f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
        said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        assert said["scope"] == "https://www.googleapis.com/auth/drive"
        token = uuid.uuid4().hex
        self._tokens.add(token)
        return token

    def knows(self, header: str) -> bool:
        return header.removeprefix("Bearer ") in self._tokens

    def add(self, about: dict[str, Any], content: bytes) -> str:
        file_id = uuid.uuid4().hex
        self.files[file_id] = (about["name"], about["parents"][0], content)
        return file_id

    def find(self, question: str) -> list[str]:
        parent = re.search(r"'([^']*)' in parents", question)
        name = re.search(r"name = '([^']*)'", question)
        assert parent, question
        return [
            file_id
            for file_id, (own, where, _content) in self.files.items()
            if where == parent[1] and (name is None or own == name[1])
        ]


class _GoogleHandler(BaseHTTPRequestHandler):
    google: Google
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: Any) -> None:
        pass

    def _answer(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _run(self) -> None:  # noqa: PLR0911 - one answer for each request of the API
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        google = self.google
        if parts.path == "/token":
            assertion = parse_qs(body.decode())["assertion"][0]
            return self._answer(200, {"access_token": google.token_for(assertion), "expires_in": 3600})
        if not google.knows(self.headers.get("Authorization", "")):
            return self._answer(401, {"error": {"message": "no token"}})
        if google.refuses:
            return self._answer(403, {"error": {"message": "The user does not have sufficient permissions."}})
        if self.command == "PUT":
            about = google._uploads.pop(parts.path.rpartition("/")[2])
            return self._answer(200, {"id": google.add(about, body)})
        assert asked.get("supportsAllDrives") == "true"
        if parts.path == "/upload/drive/v3/files":
            return self._upload(asked["uploadType"], body)
        if parts.path == "/drive/v3/files":
            assert asked.get("includeItemsFromAllDrives") == "true"
            found = google.find(asked["q"])
            at = int(asked.get("pageToken", "0"))
            page = found[at : at + google.page_size]
            files = [{"id": one, "name": google.files[one][0], "size": str(len(google.files[one][2]))} for one in page]
            more = {"nextPageToken": str(at + google.page_size)} if at + google.page_size < len(found) else {}
            return self._answer(200, {"files": files, **more})
        file_id = parts.path.removeprefix("/drive/v3/files/")
        if file_id not in google.files:
            return self._answer(404, {"error": {"message": "File not found."}})
        if self.command == "DELETE":
            del google.files[file_id]
            return self._answer(204, b"")
        assert asked.get("alt") == "media"
        return self._answer(200, google.files[file_id][2])

    def _upload(self, kind: str, body: bytes) -> None:
        if kind == "resumable":
            upload = uuid.uuid4().hex
            self.google._uploads[upload] = json.loads(body)
            return self._answer(200, {}, {"Location": f"{self.google.address}/resume/{upload}"})
        border = self.headers["Content-Type"].partition("boundary=")[2].encode()
        _before, about, content = body.split(b"--" + border)[:3]
        data = content.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        return self._answer(200, {"id": self.google.add(json.loads(about.partition(b"\r\n\r\n")[2]), data)})

    do_GET = do_POST = do_PUT = do_DELETE = _run

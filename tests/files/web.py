"""A real HTTP server on loopback that has photos, and everything that is none."""

from __future__ import annotations

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.files import samples


class PhotoServer:
    """Answers by path; counts what it was asked."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.hosts: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"photos": self}))
        self.port = self._server.server_port
        self.address = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    photos: PhotoServer

    def log_message(self, *_args: Any) -> None:
        pass

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.photos.asked[self.path] += 1
        self.photos.hosts.add(self.headers["Host"])
        name = self.path.strip("/").partition("/")[0].partition("?")[0]
        {
            "good": lambda: self._send(200, samples.photo(2000, 1500), Content_Type="text/html"),
            "missing": lambda: self._send(404),
            "html": lambda: self._send(200, b"<html><script>alert(1)</script>", Content_Type="image/jpeg"),
            "svg": lambda: self._send(200, b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
            "bomb": lambda: self._send(200, samples.bomb()),
            "gzip": lambda: self._send(200, b"x", Content_Encoding="gzip"),
            "said": lambda: self._send(200, b"x", Content_Length=str(10**9)),
            "endless": self._endless,
            "slow": self._slow,
            "loop": lambda: self._send(302, Location="/loop"),
            "here": lambda: self._send(302, Location="/good/1.jpg"),
            "inside": lambda: self._send(302, Location="http://169.254.169.254/latest/meta-data/"),
            "home": lambda: self._send(302, Location="http://127.0.0.2:1/"),
            "file": lambda: self._send(302, Location="file:///etc/passwd"),
        }.get(name, lambda: self._send(404))()

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * 65536)
        except OSError:
            pass

    def _slow(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            pass

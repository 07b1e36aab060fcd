"""The portal that is attacked: a database with demo data, a copy of it for each role, a server with TLS on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from attack.findings import Finding
from benchmarks.server import PASSWORD, Server
from portal.config import PROJECT_DIR

BASE = "attack_base"
# The set that must be the same afterwards, whatever a scanner has pressed.
KEPT = ("survey_units", "accounts", "bills", "payments")
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_CERTIFICATE = """
import datetime as dt, ipaddress, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "attack")])
now = dt.datetime.now(dt.timezone.utc)
until = now + dt.timedelta(days=2)
builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, until)
builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
open(sys.argv[1], "wb").write(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
open(sys.argv[2], "wb").write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                serialization.NoEncryption()))
"""


@dataclass(frozen=True)
class Target:
    """A running portal and a signed-in session of one role."""

    role: str
    url: str
    database: str
    certificate: Path
    log: Path
    session: requests.Session
    username: str

    @property
    def cookie(self) -> str:
        """The Cookie header of the session."""
        return "; ".join(f"{one.name}={one.value}" for one in self.session.cookies)

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.url + path, timeout=60, allow_redirects=False)

    def is_alive(self) -> bool:
        """Whether the session still opens the person's own page."""
        answer = self.get("/me")
        return answer.status_code == 200 and self.username in answer.text


def make_certificate(tools: Path, folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 of this run alone, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = [str(tools / "bin" / "python"), "-c", _CERTIFICATE, str(certificate), str(key)]
    subprocess.run(command, check=True)
    key.chmod(0o600)
    return certificate, key


def flask(server: Server, database: str, *arguments: str) -> str:
    """Run a command of the portal; returns what it prints."""
    environment = server.environment(database, DEMO_PASSWORD=PASSWORD)
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
    done = subprocess.run(command, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"flask {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def make_base(server: Server, units: int) -> None:
    """The database that each role gets a copy of: demo data and the demo users."""
    server.drop(BASE)
    server.execute(f"CREATE DATABASE {BASE}")
    flask(server, BASE, "db", "upgrade")
    flask(server, BASE, "demo", "--units", str(units), "--months", "3", "--seed", "7")


def counted(server: Server, database: str) -> dict[str, int]:
    """How many rows of the set there are."""
    return {table: int(server.execute(f"SELECT count(*) FROM {table}", database)[0][0]) for table in KEPT}


@contextlib.contextmanager
def running(server: Server, role: str, port: int, folder: Path, tls: tuple[Path, Path]) -> Iterator[Target]:
    """A portal on a copy of the base, served as in real use (gunicorn, TLS), with `role` signed in."""
    database = f"attack_{role}"
    server.copy(BASE, database)
    certificate, key = tls
    environment = server.environment(
        database, HOST="127.0.0.1", PORT=str(port), BEHIND_TLS="1", DEMO_PASSWORD=PASSWORD, WEB_CONCURRENCY="2",
        GUNICORN_CMD_ARGS=f"--certfile={certificate} --keyfile={key}",
    )  # fmt: skip
    log = folder / f"server-{role}.log"
    command = [sys.executable, "-m", "gunicorn", "-c", str(PROJECT_DIR / "portal" / "gunicorn_conf.py"), "wsgi:app"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=PROJECT_DIR, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        _wait(port, process)
        yield _signed_in(role, f"https://127.0.0.1:{port}", database, certificate, log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        server.drop(database)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the portal to be attacked does not start; its log lies beside the report")
        time.sleep(0.2)


def _signed_in(role: str, url: str, database: str, certificate: Path, log: Path) -> Target:
    session = requests.Session()
    session.trust_env = False  # or a bundle named in the environment would count instead of the certificate
    session.verify = str(certificate)
    session.headers["Referer"] = f"{url}/login"
    page = session.get(f"{url}/login", timeout=60)
    token = _CSRF.search(page.text)
    if token is None:
        raise RuntimeError(f"the login page has no form (status {page.status_code})")
    form = {"username": role, "password": PASSWORD, "csrf_token": token[1]}
    answer = session.post(f"{url}/login", data=form, timeout=60, allow_redirects=False)
    if answer.status_code != 303:
        raise RuntimeError(f"signing in as {role} answered {answer.status_code}")
    target = Target(role, url, database, certificate, log, session, role)
    if not target.is_alive():
        raise RuntimeError(f"the session of {role} does not open its own page")
    return target


def failures(target: Target) -> list[Finding]:
    """Requests that the portal itself failed at, out of its log."""
    found: dict[tuple[str, int], int] = {}
    for line in target.log.read_text(errors="replace").splitlines():
        with contextlib.suppress(ValueError, TypeError):
            entry = json.loads(line)
            if entry.get("event") == "request" and int(entry.get("status", 0)) >= 500:
                place = (f"{entry.get('method')} {entry.get('rule')}", int(entry["status"]))
                found[place] = found.get(place, 0) + 1
    return [
        Finding("server log", target.role, 2, f"answered {status}", place, f"{count} times")
        for (place, status), count in found.items()
    ]


def free_port(wanted: int) -> int:
    """The wanted port, or (0) one nobody listens on. Raises OSError when it is taken: nobody else is attacked."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", wanted))
        return int(probe.getsockname()[1])


def environment_of_tools(home: Path) -> dict[str, str]:
    """What a scanner may see of the environment: no secret of this machine, a home of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    home.mkdir(parents=True, exist_ok=True)
    return kept | {"HOME": str(home), "NO_COLOR": "1"}

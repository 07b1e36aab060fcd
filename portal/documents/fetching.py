"""Fetching a picture from an address that a file named: of the open web only, never of a machine beside us.

The address comes from an imported file, so it is anybody's. We resolve the name ourselves, look at every address it
has, and connect to the one that was looked at (a name may point elsewhere a moment later). A redirect is a new address
and goes through the same. No proxy of the environment is used, no cookie, no password, no compressed body.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import time
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from portal.config import MIB, Settings
from portal.files.portal_photos import OFF

MAX_BYTES = 15 * MIB
MAX_REDIRECTS = 3
CONNECT_SECONDS, READ_SECONDS, WHOLE_SECONDS = 3.0, 5.0, 12.0
_PORTS = {"http": 80, "https": 443}
_CHUNK = 64 * 1024
# Addresses of IPv6 that stand for one of IPv4, which would have to be looked at instead: nobody's photos lie there.
_TRANSLATED = tuple(ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
NAMED, ANY = "named", "any"

log = logging.getLogger(__name__)


class FetchError(Exception):
    """The picture was not fetched. `why` is a code for the log: the address itself names a consumer's house."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Rules:
    """Where pictures may be fetched from. `hosts` None: any host of the open web.

    `trusted_addresses` are let through though they are not of the open web: for tests, which have only this machine.
    """

    hosts: frozenset[str] | None = None
    trusted_addresses: frozenset[str] = frozenset()
    is_off: bool = False

    @classmethod
    def of(cls, settings: Settings, trusted_addresses: frozenset[str] = frozenset()) -> Rules:
        named = frozenset(settings.portal_photo_hosts.replace(",", " ").lower().split())
        return cls(
            hosts=named if settings.portal_photos == NAMED else None,
            trusted_addresses=trusted_addresses,
            is_off=settings.portal_photos == OFF,
        )


def fetch(url: str, rules: Rules) -> bytes:
    """The bytes at an address. Raises FetchError for whatever is refused, fails, or takes too much or too long."""
    ends = time.monotonic() + WHOLE_SECONDS
    for _step in range(MAX_REDIRECTS + 1):
        parts = _checked(url, rules)
        answer = _ask(parts, rules)
        try:
            if answer.status in {301, 302, 303, 307, 308}:
                url = urljoin(url, answer.headers.get("Location", ""))
                continue
            if answer.status != 200:
                raise FetchError(f"status {answer.status}")
            return _body(answer, ends)
        except (HTTPError, OSError) as error:
            raise FetchError(type(error).__name__) from error
        finally:
            answer.close()
    raise FetchError("too many redirects")


def _checked(url: str, rules: Rules) -> SplitResult:
    """The address taken apart, if it is one of the web that the rules allow."""
    if rules.is_off:
        raise FetchError("switched off")
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise FetchError("no address") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None or len(url) > 2000:
        raise FetchError("no web address")
    if any(ord(char) < 33 or char == "\\" for char in url.strip()):
        raise FetchError("no web address")
    named = f"{parts.hostname}:{port}" if port is not None else parts.hostname
    if rules.hosts is not None and parts.hostname not in rules.hosts and named not in rules.hosts:
        raise FetchError("host not allowed")
    is_usual = port in {None, _PORTS[parts.scheme]}
    if not is_usual and named not in (rules.hosts or ()) and not rules.trusted_addresses:
        raise FetchError("port not allowed")
    return parts


def _ask(parts: SplitResult, rules: Rules) -> urllib3.BaseHTTPResponse:
    """Send the request to an address of the host that was looked at; the answer's body is not read yet."""
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    address = resolve(host, port, rules.trusted_addresses)
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    shown = f"[{host}]" if ":" in host else host
    headers = {
        "Host": shown if parts.port is None else f"{shown}:{parts.port}",
        "User-Agent": "sanitation-portal",
        "Accept": "image/*",
        "Accept-Encoding": "identity",
    }
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address, port, timeout=timeout, server_hostname=host, assert_hostname=host, cert_reqs="CERT_REQUIRED"
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout)
    try:
        return pool.urlopen(
            "GET", target, headers=headers, retries=False, redirect=False, preload_content=False, decode_content=False,
            assert_same_host=False,
        )  # fmt: skip
    except (HTTPError, OSError, ValueError) as error:
        raise FetchError(type(error).__name__) from error


def resolve(host: str, port: int, trusted: frozenset[str] = frozenset()) -> str:
    """An address of the host. Raises FetchError when one of its addresses is not of the open web."""
    try:
        name = host if ":" in host else host.encode("idna").decode()
        found = {info[4][0] for info in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise FetchError("no such host") from error
    addresses = sorted(str(one) for one in found)
    if not addresses or not all(one in trusted or is_of_the_open_web(one) for one in addresses):
        raise FetchError("address not allowed")
    # IPv4 first: not every server has a way out by the other.
    return min(addresses, key=lambda one: ":" in one)


def is_of_the_open_web(address: str) -> bool:
    """Whether an address belongs to the open Internet: not this machine, a network beside it, or one that stands for
    another."""
    try:
        one = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(one, ipaddress.IPv6Address):
        if one.ipv4_mapped is not None:
            return is_of_the_open_web(str(one.ipv4_mapped))
        if any(one in network for network in _TRANSLATED):
            return False
    return one.is_global and not one.is_multicast and not one.is_reserved and not one.is_unspecified


def _body(answer: urllib3.BaseHTTPResponse, ends: float) -> bytes:
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise FetchError("compressed")
    stated = answer.headers.get("Content-Length", "0")
    if stated.isdecimal() and int(stated) > MAX_BYTES:
        raise FetchError("too large")
    body = bytearray()
    while piece := answer.read1(_CHUNK, decode_content=False):
        body += piece
        if len(body) > MAX_BYTES:
            raise FetchError("too large")
        if time.monotonic() > ends:
            raise FetchError("too slow")
    return bytes(body)

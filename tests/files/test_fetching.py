"""Photos of the portal are fetched from the open web only, drawn anew, and kept; real HTTP on loopback."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from portal.db import transaction
from portal.documents import fetching, photo_cache
from portal.documents.fetching import FetchError, Rules, fetch, is_of_the_open_web, resolve
from portal.documents.photo_views import TEST_ADDRESSES
from portal.locations.models import Location
from portal.permissions import Role
from portal.units.models import SurveyUnit
from tests.files import samples
from tests.files.web import PhotoServer
from tests.support import people
from tests.support.places import small_tree
from tests.support.register import register

TRUSTED = Rules(trusted_addresses=frozenset({"127.0.0.1"}))


@pytest.fixture(scope="module")
def server() -> Iterator[PhotoServer]:
    one = PhotoServer()
    yield one
    one.close()


def why(url: str, rules: Rules = TRUSTED) -> str:
    with pytest.raises(FetchError) as refused:
        fetch(url, rules)
    return refused.value.why


# -- Which addresses -----------------------------------------------------------------------------------------------
PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.5", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::",
    "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:7f00:1::",
    "2001:db8::1", "nonsense", "",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_no_address_beside_us_is_of_the_open_web(address: str) -> None:
    assert not is_of_the_open_web(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "203.215.160.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_open_web(address: str) -> None:
    assert is_of_the_open_web(address)


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="127.0.0.0/8"))
def test_no_private_address_in_any_clothes(address: Any) -> None:
    assert not is_of_the_open_web(str(address))
    assert not is_of_the_open_web(f"::ffff:{address}")
    assert not is_of_the_open_web(f"64:ff9b::{int(address) >> 16:x}:{int(address) & 0xFFFF:x}")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "::1", "0"])
def test_names_and_spellings_of_this_machine_are_refused(host: str) -> None:
    with pytest.raises(FetchError):
        resolve(host, 80)


def test_one_private_address_among_several_refuses_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(*_args: Any, **_more: Any) -> list[Any]:
        return [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("10.0.0.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with pytest.raises(FetchError, match="address not allowed"):
        resolve("photos.example.org", 80)


def test_the_address_that_was_looked_at_is_connected_to(server: PhotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that points elsewhere a moment later: the second answer is never asked for."""
    asked = []

    def once(host: str, *_args: Any, **_more: Any) -> list[Any]:
        asked.append(host)
        address = "127.0.0.1" if host == "photos.example.org" and len(asked) == 1 else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.port))]

    monkeypatch.setattr(socket, "getaddrinfo", once)
    assert fetch(f"http://photos.example.org:{server.port}/good/1.jpg", TRUSTED)
    assert asked == ["photos.example.org", "127.0.0.1"]  # the second is the address itself
    assert f"photos.example.org:{server.port}" in server.hosts


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.org/x.jpg", "no web address"),
        ("file:///etc/passwd", "no web address"),
        ("gopher://127.0.0.1/", "no web address"),
        ("http://user:word@example.org/", "no web address"),
        ("http:///x.jpg", "no web address"),
        ("http://[::1", "no address"),
        ("http://example.org:99999/", "no address"),
        ("http://example.org/a b", "no web address"),
        ("http://example.org\\@127.0.0.1/", "no web address"),
        ("http://127.0.0.1/", "address not allowed"),
        ("http://[::1]/", "address not allowed"),
        ("https://169.254.169.254/latest/meta-data", "address not allowed"),
        ("http://example.org:22/", "port not allowed"),
        ("https://example.org:8443/", "port not allowed"),
    ],
)
def test_what_is_no_photo_of_the_web_is_not_asked(url: str, reason: str) -> None:
    assert why(url, Rules()) == reason


def test_only_named_hosts_when_the_setting_says_so(server: PhotoServer) -> None:
    named = Rules(hosts=frozenset({"photos.example.gov.pk"}), trusted_addresses=TRUSTED.trusted_addresses)
    assert why(f"{server.address}/good/1.jpg", named) == "host not allowed"
    ours = Rules(hosts=frozenset({f"127.0.0.1:{server.port}"}), trusted_addresses=TRUSTED.trusted_addresses)
    assert fetch(f"{server.address}/good/1.jpg", ours)
    assert why(f"{server.address}/good/1.jpg", Rules(is_off=True)) == "switched off"


# -- What comes back -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", "status 404"),
        ("gzip", "compressed"),
        ("said", "too large"),
        ("endless", "too large"),
        ("loop", "too many redirects"),
        ("inside", "port not allowed|address not allowed"),
        ("home", "address not allowed"),
        ("file", "no web address"),
    ],
)
def test_what_goes_wrong_is_refused(server: PhotoServer, path: str, reason: str) -> None:
    assert why(f"{server.address}/{path}") in reason.split("|")


def test_a_redirect_to_another_photo_is_followed(server: PhotoServer) -> None:
    assert fetch(f"{server.address}/here", TRUSTED) == samples.photo(2000, 1500)


def test_what_drips_is_given_up(server: PhotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "WHOLE_SECONDS", 0.5)
    began = time.monotonic()
    assert why(f"{server.address}/slow") == "too slow"
    assert time.monotonic() - began < 5


# -- The pages -----------------------------------------------------------------------------------------------------
class World:
    """A unit with photos at the server, and browsers of its area and of another."""

    def __init__(self, app: Flask, server: PhotoServer) -> None:
        self.app = app
        app.extensions[TEST_ADDRESSES] = frozenset({"127.0.0.1"})
        tree = small_tree(app)
        with app.app_context(), transaction() as session:
            here = session.get(Location, tree["mc-9"])
            assert here is not None
            self.survey_id = register(session, here, 1, "Aslam").survey_id
            names = ("good/1.jpg", "missing/2.jpg", "html/3.jpg", "bomb/4.jpg", "svg/5.jpg")
            urls = [f" {server.address}/{name}" for name in names] + ["no address"]
            session.execute(update(SurveyUnit).values(image_urls=urls))
        browsers = people.known_browsers(app)
        self.reader, self.stranger = browsers(Role.AGENT, tree["mc-9"]), browsers(Role.AGENT, tree["bhakkar"])

    def get(self, number: int, size: str = "", who: str = "reader") -> Any:
        return getattr(self, who).get(f"/photos/portal/{self.survey_id}/{number}" + (f"?size={size}" if size else ""))

    @property
    def folder(self) -> Path:
        return Path(self.app.extensions["settings"].photos_dir)


@pytest.fixture(scope="module")
def world(module_app: Flask, server: PhotoServer) -> Iterator[World]:
    one = World(module_app, server)
    for path in one.folder.glob("*"):
        path.unlink()
    yield one
    module_app.extensions.pop(TEST_ADDRESSES)


def test_a_photo_is_fetched_once_and_drawn_anew(world: World, server: PhotoServer) -> None:
    server.asked.clear()
    large, small, again = world.get(1), world.get(1, "thumb"), world.get(1)
    assert samples.seen(large.data).size == (1600, 1200)
    assert samples.seen(small.data).size == (320, 240)
    assert again.data == large.data
    assert b"SECRET" not in large.data
    assert large.mimetype == "image/jpeg"
    assert large.headers["Cache-Control"] == "private, max-age=86400"
    assert "sandbox" in large.headers["Content-Security-Policy"]
    assert server.asked["/good/1.jpg"] == 1


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_what_is_no_photo_is_said_and_not_asked_for_again(world: World, server: PhotoServer, number: int) -> None:
    server.asked.clear()
    answer = world.get(number)
    assert answer.status_code == 404
    assert "cannot be fetched" in answer.get_data(as_text=True)
    small = world.get(number, "thumb")
    assert (small.status_code, small.mimetype) == (200, "image/svg+xml")
    assert "sandbox" in small.headers["Content-Security-Policy"]
    assert sum(server.asked.values()) == 1


def test_only_photos_of_units_of_the_own_area(world: World, server: PhotoServer) -> None:
    server.asked.clear()
    assert world.get(1, who="stranger").status_code == 404
    assert world.get(0).status_code == 404
    assert world.get(7).status_code == 404
    assert world.get(6).status_code == 404  # text, no address
    assert world.app.test_client().get(f"/photos/portal/{world.survey_id}/1").status_code == 303
    assert sum(server.asked.values()) == 0


def test_without_the_allowance_of_tests_loopback_is_refused(world: World, server: PhotoServer) -> None:
    world.app.extensions[TEST_ADDRESSES] = frozenset()
    try:
        for path in world.folder.glob("*"):
            path.unlink()
        server.asked.clear()
        assert world.get(1).status_code == 404
        assert sum(server.asked.values()) == 0
    finally:
        world.app.extensions[TEST_ADDRESSES] = frozenset({"127.0.0.1"})


def test_the_unit_shows_them_by_our_addresses(world: World) -> None:
    html = world.reader.get(f"/units/{world.survey_id}").get_data(as_text=True)
    assert f"/photos/portal/{world.survey_id}/1" in html
    assert f"/photos/portal/{world.survey_id}/6" not in html
    assert 'loading="lazy"' in html


def test_pruning_keeps_what_is_looked_at_and_fits(tmp_path: Path) -> None:
    now = time.time()
    for name, age_days, size in (("old-large.jpg", 40, 10), ("a-large.jpg", 5, 700_000), ("b-large.jpg", 1, 700_000)):
        (tmp_path / name).write_bytes(b"x" * size)
        os.utime(tmp_path / name, (now - age_days * 86400,) * 2)
    (tmp_path / "x.failed").write_bytes(b"status 404")
    os.utime(tmp_path / "x.failed", (now - 3600,) * 2)
    assert photo_cache.prune(tmp_path, 1) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["b-large.jpg"]
    assert photo_cache.prune(tmp_path / "none", 1) == 0

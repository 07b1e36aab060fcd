"""Every kind of storage does the same: a folder, a bucket of a real S3 server, a drive at a stand-in of its API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from portal.config import Settings
from portal.errors import ConfigurationError, StorageAway
from portal.settings.connections import storage as tried
from portal.storage.places import FileGone, Kept, Storage, storage_at
from tests.support import storages
from tests.support.storages import BUCKET, Google

KEY, OTHER = "photos/2026/11/27/aa.jpg", "documents/2026/11/27/bb.pdf"
DRIVE = "1AbcDriveFolderId"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with storages.s3_server() as address:
        yield address


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    server = Google(tmp_path_factory.mktemp("google"))
    yield server
    server.close()


@pytest.fixture(params=["folder", "named folder", "s3", "gdrive"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings that name a storage; each test has a part of it for its own."""
    plain = Settings(instance_dir=tmp_path, database_url=None, secret_key="x" * 32)
    if request.param == "s3":
        address = request.getfixturevalue("s3")
        return replace(
            plain, storage_url=f"s3://{BUCKET}/{tmp_path.name}", s3_endpoint=address, s3_access_key="a",
            s3_secret_key="b",
        )  # fmt: skip
    if request.param == "gdrive":
        google = request.getfixturevalue("google")
        google.files.clear()
        google.refuses = False
        return replace(
            plain, storage_url=f"gdrive://{DRIVE}", google_key_file=str(google.key_file), gdrive_endpoint=google.address
        )
    return replace(plain, storage_url="" if request.param == "folder" else f"file://{tmp_path}/elsewhere")


@pytest.fixture
def storage(config: Settings) -> Storage:
    return storage_at(config)


@pytest.mark.parametrize("size", [1, 300_000, 6_000_000])
def test_what_is_written_is_read_back(storage: Storage, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    storage.write(KEY, data)
    assert storage.read(KEY) == data
    assert b"".join(storage.chunks(KEY)) == data


def test_a_second_process_reads_it_too(storage: Storage, config: Settings) -> None:
    storage.write(KEY, b"one")
    assert storage_at(config).read(KEY) == b"one"


def test_everything_is_listed_with_its_size(storage: Storage) -> None:
    assert list(storage.everything()) == []
    for number in range(5):
        storage.write(f"photos/2026/11/27/{number}.jpg", b"x" * (number + 1))
    storage.write(OTHER, b"pdf")
    found = sorted(storage.everything(), key=lambda one: one.key)
    assert found == [Kept(OTHER, 3), *(Kept(f"photos/2026/11/27/{n}.jpg", n + 1) for n in range(5))]


def test_deleting_twice_is_once(storage: Storage) -> None:
    storage.write(KEY, b"x")
    storage.delete(KEY)
    storage.delete(KEY)
    assert list(storage.everything()) == []
    with pytest.raises(FileGone):
        storage.read(KEY)
    with pytest.raises(FileGone):
        next(iter(storage.chunks(KEY)))


@pytest.mark.parametrize(
    "key", ["../secret_key", "/etc/passwd", "photos/../../x.jpg", "a'b.jpg", "", "photos/x", "P.jpg"]
)
def test_no_key_leads_out(storage: Storage, key: str) -> None:
    for act in (storage.read, storage.delete, lambda one: storage.write(one, b"x")):
        with pytest.raises(ValueError):
            act(key)


def test_the_settings_page_tries_it(config: Settings, module_app: object) -> None:
    assert tried(config).works is True
    assert list(storage_at(config).everything()) == []


def test_a_bucket_whose_server_is_away(tmp_path: Path, app: object) -> None:
    away = Settings(
        instance_dir=tmp_path, database_url=None, secret_key="x" * 32, storage_url=f"s3://{BUCKET}",
        s3_endpoint=f"http://127.0.0.1:{storages.free_port()}", s3_access_key="a", s3_secret_key="b",
    )  # fmt: skip
    for act in (lambda: storage_at(away).read(KEY), lambda: storage_at(away).write(KEY, b"x")):
        with pytest.raises(StorageAway):
            act()
    with pytest.raises(StorageAway):
        list(storage_at(away).everything())
    assert tried(away).works is False


def test_a_bucket_that_does_not_exist(s3: str, tmp_path: Path) -> None:
    settings = Settings(
        instance_dir=tmp_path, database_url=None, secret_key="x" * 32, storage_url="s3://another-bucket",
        s3_endpoint=s3, s3_access_key="a", s3_secret_key="b",
    )  # fmt: skip
    assert tried(settings).works is False


def test_a_drive_that_refuses(google: Google, tmp_path: Path) -> None:
    settings = Settings(
        instance_dir=tmp_path, database_url=None, secret_key="x" * 32, storage_url=f"gdrive://{DRIVE}",
        google_key_file=str(google.key_file), gdrive_endpoint=google.address,
    )  # fmt: skip
    google.refuses = True
    with pytest.raises(StorageAway):
        storage_at(settings).write(KEY, b"x")
    assert tried(settings).works is False
    with pytest.raises(ConfigurationError, match="GOOGLE_APPLICATION_CREDENTIALS"):
        storage_at(replace(settings, google_key_file=""))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        storage_at(replace(settings, google_key_file=str(tmp_path / "none.json"))).read(KEY)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    settings = Settings(
        instance_dir=tmp_path, database_url=None, secret_key="x" * 32, storage_url=f"file://{tmp_path}/file"
    )
    with pytest.raises(StorageAway):
        storage_at(settings).write(KEY, b"x")
    assert tried(settings).works is False

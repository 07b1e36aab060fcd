"""Storages that are reached over the network: drivers are loaded when the first one is asked for."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from portal.config import Settings
from portal.errors import ConfigurationError
from portal.storage.places import OnFsspec, Storage

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

CONNECT_SECONDS, ANSWER_SECONDS = 3, 30


def storage_at(settings: Settings) -> Storage:
    """The storage of an `s3://` or `gdrive://` address; keys come from the environment."""
    scheme, _, rest = settings.storage_url.partition("://")
    if scheme == "s3":
        return OnFsspec(_s3(settings), rest)
    if scheme == "gdrive":
        from portal.storage.drive import Drive

        return Drive(rest.strip("/"), settings.google_key_file, settings.gdrive_endpoint)
    raise ConfigurationError(f"STORAGE_URL begins with '{scheme}://', which is no storage the portal knows.")


def _s3(settings: Settings) -> object:
    """An fsspec file system over any server that speaks S3. What is not given is looked for where AWS tools do."""
    from obstore.fsspec import FsspecStore

    client: ClientConfig = {
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "timeout": f"{ANSWER_SECONDS}s",
        # An endpoint of http:// was written by whoever runs the portal, for a server beside it.
        "allow_http": settings.s3_endpoint.startswith("http://"),
    }
    config: S3Config = {"region": settings.s3_region}
    if settings.s3_endpoint:
        config["endpoint"] = settings.s3_endpoint
    if settings.s3_access_key and settings.s3_secret_key:
        config["access_key_id"], config["secret_access_key"] = settings.s3_access_key, settings.s3_secret_key
    retry: RetryConfig = {"max_retries": 2, "retry_timeout": dt.timedelta(seconds=15)}
    return FsspecStore("s3", config=config, client_options=client, retry_config=retry)

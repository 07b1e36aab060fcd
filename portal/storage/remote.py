"""Storages that are reached over the network: drivers are loaded when the first one is asked for."""

from __future__ import annotations

from portal.storage.places import Remote, Storage


def storage_at(url: str) -> Storage:
    """The storage of an `s3://` address."""
    import fsspec  # type: ignore[import-untyped]

    scheme, _, rest = url.partition("://")
    return Remote(fsspec.filesystem(scheme), rest)

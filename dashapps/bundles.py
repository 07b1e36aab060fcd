"""The script bundles of Dash, served once for all dashboards.

Every dashboard's script tags point to one prefix, `/dash/_dash-component-suites/<build>/`, so that a browser
fetches React, Dash and plotly.js once and keeps them for ever. The build is in the folder, not in the file name,
because the bundles load further chunks relative to themselves, by their plain names. Only files that the used
packages declare are served. Compressed copies are made once per machine, under the instance's cache folder.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import brotli
import plotly
from dash import __version__ as dash_version
from dash import _dash_renderer, dcc, html

URL_PREFIX = "/dash/_dash-component-suites"
PLOTLY = ("plotly", "package_data/plotly.min.js")
# Licensed parts and developer's aids are never served.
_LEFT_OUT = ("async-enterprise", ".map", "dash-ws-worker", "mathjax")


@dataclass(frozen=True)
class Bundle:
    """A file of a package: `as_tag` when the page names it in a script tag, else it is a chunk loaded on demand."""

    package: str
    path: str
    as_tag: bool

    @property
    def file(self) -> Path:
        root = importlib.import_module(self.package).__file__
        assert root is not None
        return Path(root).parent / self.path


def _declared(resources: Any) -> list[Bundle]:
    """Bundles out of a package's `_js_dist`, production files only."""
    found: list[Bundle] = []
    for resource in resources:
        paths = resource.get("relative_package_path")
        if resource.get("dev_only") or not paths:
            continue
        if isinstance(paths, dict):
            paths = paths["prod"]
        for path in [paths] if isinstance(paths, str) else list(paths):
            if any(part in path for part in _LEFT_OUT):
                continue
            as_tag = not resource.get("async") and not resource.get("dynamic")
            found.append(
                Bundle(
                    str(resource["namespace"]),
                    path.replace("dash.", "", 1) if path.startswith("dash.") else path,
                    as_tag,
                )
            )
    return found


@cache
def bundles(libraries: tuple[str, ...] = ()) -> tuple[Bundle, ...]:
    """Every bundle of a page with these further component packages, in the order of their script tags."""
    parts = _declared(_dash_renderer._js_dist_dependencies)
    for library in libraries:
        parts += _declared(importlib.import_module(library)._js_dist)
    # As Dash itself orders them: the renderer first, since dcc and html use what it defines.
    parts += _declared(_dash_renderer._js_dist) + _declared(dcc._js_dist) + _declared(html._js_dist)
    unique = {(b.package, b.path): b for b in parts if (b.package, b.path) != PLOTLY}
    # dcc needs its shared chunk first.
    return tuple(sorted(unique.values(), key=lambda b: b.path == "dcc/dash_core_components.js"))


class BundleStore:
    """The bundles of all mounted dashboards: which exist, under which URL, and their compressed copies."""

    def __init__(self, library_sets: list[tuple[str, ...]], cache_dir: Path) -> None:
        self.files: dict[str, Path] = {f"{PLOTLY[0]}/{PLOTLY[1]}": Bundle(*PLOTLY, as_tag=False).file}
        for libraries in library_sets:
            self.files |= {f"{b.package}/{b.path}": b.file for b in bundles(libraries)}
        stamp = [f"{name}:{path.stat().st_size}" for name, path in sorted(self.files.items())]
        versions = f"{dash_version} {plotly.__version__} "
        self.build = hashlib.sha256((versions + " ".join(stamp)).encode()).hexdigest()[:12]
        self.folder = cache_dir / "bundles" / self.build

    def url(self, package: str, path: str) -> str:
        return f"{URL_PREFIX}/{self.build}/{package}/{path}"

    @property
    def plotly_url(self) -> str:
        return self.url(*PLOTLY)

    def script_urls(self, libraries: tuple[str, ...]) -> list[str]:
        """URLs of a page's script tags, in order."""
        return [self.url(b.package, b.path) for b in bundles(libraries) if b.as_tag]

    def compressed(self, name: str, encoding: str) -> Path:
        """The compressed copy of a bundle (`br` or `gzip`), made now if it is not there yet.

        Brotli at 9 takes 0.7 s for plotly.js, once per machine and release, and leaves 1.23 MB; at 11 it would take
        10 s and leave 1.11 MB.
        """
        target = self.folder / f"{name}.{'br' if encoding == 'br' else 'gz'}"
        if not target.exists():
            self._write(name, encoding, target)
        return target

    def _write(self, name: str, encoding: str, target: Path) -> None:
        data = self.files[name].read_bytes()
        packed = brotli.compress(data, quality=9) if encoding == "br" else gzip.compress(data, 9, mtime=0)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(handle, "wb") as out:
            out.write(packed)
        Path(temporary).replace(target)

"""Finished answers, kept under everything they depend on."""

from __future__ import annotations

import hashlib
from functools import cache as once
from pathlib import Path

from portal.config import PROJECT_DIR

_MAKERS = ("dashapps/**/*.py", "portal/web/format.py", "portal/translations/**/*.mo")


@once
def code_stamp() -> str:
    """Digest of the code and the texts that make answers: a new release never shows an old release's page."""
    digest = hashlib.sha256()
    for pattern in _MAKERS:
        for path in sorted(Path(PROJECT_DIR).glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]

"""What tells one release's answers from another's, for the keys under which they are cached."""

from __future__ import annotations

import hashlib
from functools import cache as once

from portal.config import PROJECT_DIR


@once
def code_stamp(*patterns: str) -> str:
    """Digest of the files (globs below the project) that make answers: a new release never shows an old one's."""
    digest = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(PROJECT_DIR.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]

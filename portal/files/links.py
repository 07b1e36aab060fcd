"""Links to stored files: signed, for one person, and over after a while.

A page that may show a file links to it; the link opens it for the one it was made for, while it lasts. So the route
does not have to know what each owner's page knows (which tickets an agent sees), and still looks at the area.
"""

from __future__ import annotations

import time
from typing import Any

from flask import current_app, url_for
from flask_login import current_user
from itsdangerous import BadSignature, URLSafeSerializer

from portal.files.models import StoredFile

LARGE, THUMB = VARIANTS = ("large", "thumb")
# A link lasts from half an hour to an hour. The same page within half an hour has the same links, so that a browser
# can use again what it has.
STEP_SECONDS = 1800


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt="stored-file")


def link(file: StoredFile, variant: str = LARGE) -> str:
    """The address of a file, or of its small version ("thumb"), for the signed-in person."""
    if variant not in VARIANTS:
        raise ValueError(f"no variant of a file: {variant}")
    ends = (int(time.time()) // STEP_SECONDS + 2) * STEP_SECONDS
    token = _serializer().dumps([file.id, variant, current_user.id, ends])
    return url_for("files.show", file_id=file.id, variant=variant, s=token)


def seconds_left(token: str, file_id: int, variant: str) -> int:
    """How long the link still lasts; 0 when it is over, was changed, or was made for somebody else."""
    try:
        signed: Any = _serializer().loads(token)
    except BadSignature:
        return 0
    if not isinstance(signed, list) or signed[:3] != [file_id, variant, current_user.id] or len(signed) != 4:
        return 0
    return max(0, int(signed[3]) - int(time.time()))

"""The password of the demo users: the setting DEMO_PASSWORD, else one generated once into the instance folder."""

from __future__ import annotations

import os
import secrets

from portal.config import Settings

FILE_NAME = "demo_password"


def demo_password(settings: Settings) -> str:
    """The password in force. A generated one is stored with mode 0600 and found again by the next call."""
    if settings.demo_password:
        return settings.demo_password
    path = settings.instance_dir / FILE_NAME
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        stored = path.read_text(encoding="utf-8").strip()
        if stored:
            return stored
        handle = os.open(path, os.O_WRONLY | os.O_TRUNC, 0o600)
    password = secrets.token_urlsafe(9)
    with os.fdopen(handle, "w") as out:
        out.write(password)
    return password

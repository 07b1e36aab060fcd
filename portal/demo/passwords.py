"""The password of the demo users: the setting DEMO_PASSWORD, else one generated once into the instance folder."""

from __future__ import annotations

import os
import secrets

from portal.config import Settings

FILE_NAME = "demo_password"
LENGTH = 14
# No sign that a command line takes for an option, no characters that are read for one another.
CHARACTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def new_password() -> str:
    """A password that can be typed from a screen."""
    return "".join(secrets.choice(CHARACTERS) for _ in range(LENGTH))


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
    password = new_password()
    with os.fdopen(handle, "w") as out:
        out.write(password)
    return password

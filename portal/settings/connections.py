"""Whether what the environment holds is set, and works. Never what it is: no value and no part of one is shown."""

from __future__ import annotations

import contextlib
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from portal.config import Settings
from portal.db import side_transaction
from portal.errors import DomainError
from portal.mail import service as mail
from portal.mail.service import MailError

SECONDS = 3


@dataclass(frozen=True)
class Secret:
    """A variable of the environment that no page shows. `state` says in words what is known of it."""

    variable: str
    label: Any
    is_set: bool
    state: str
    can_check: bool


@dataclass(frozen=True)
class Finding:
    """The outcome of a check: None is not checked, since there is nothing to check."""

    works: bool | None
    sentence: str


def secrets_of(settings: Settings) -> list[Secret]:
    """What is set. Asks nobody."""
    given, missing = str(_("set")), str(_("not set"))
    return [
        Secret(
            "SECRET_KEY", _l("Signs cookies"), settings.secret_key_is_given,
            given if settings.secret_key_is_given else str(_("not set: generated into the instance folder")), False,
        ),
        Secret(
            "DATABASE_URL", _l("Database"), settings.database_url is not None,
            given if settings.database_url else str(_("not set: the embedded database")), True,
        ),
        Secret(
            "REDIS_URL", _l("Cache and rate limits of several machines"), settings.redis_url is not None,
            given if settings.redis_url else str(_("not set: files of the instance")), settings.redis_url is not None,
        ),
        Secret(
            "SMTP_PASSWORD", _l("Password at the mail server"), settings.smtp_password is not None,
            given if settings.smtp_password else missing, mail.is_configured(settings),
        ),
    ]  # fmt: skip


def check_all(settings: Settings) -> dict[str, Finding]:
    """Try each connection, each within a few seconds. Answers are our own sentences: errors of drivers name hosts."""
    return {
        "SECRET_KEY": Finding(True, str(_("Long enough, and in use."))),
        "DATABASE_URL": _database(),
        "REDIS_URL": _redis(settings),
        "SMTP_PASSWORD": _mail(settings),
        "STORAGE_URL": storage(settings),
    }


def _database() -> Finding:
    try:
        with side_transaction() as connection:
            connection.execute(text(f"SET LOCAL statement_timeout = '{SECONDS}s'"))
            version = connection.scalar(text("SHOW server_version"))
    except (SQLAlchemyError, DomainError):
        return Finding(False, str(_("The database does not answer.")))
    return Finding(True, str(_("Connected: PostgreSQL %(version)s.", version=str(version).split()[0])))


def _redis(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return Finding(None, str(_("Not used.")))
    import redis

    try:
        with contextlib.closing(
            redis.Redis.from_url(settings.redis_url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
        ) as client:
            client.ping()
    except redis.AuthenticationError:
        return Finding(False, str(_("Redis refuses the password.")))
    except (redis.RedisError, OSError, ValueError):
        return Finding(False, str(_("Redis does not answer.")))
    return Finding(True, str(_("Connected.")))


def _mail(settings: Settings) -> Finding:
    if not mail.is_configured(settings):
        return Finding(None, str(_("No mail server is set up.")))
    try:
        mail.check_login(settings)
    except MailError as error:
        return Finding(False, str(error))
    if not settings.smtp_user:
        return Finding(True, str(_("Connected; the server asks for no password.")))
    return Finding(True, str(_("Connected and signed in.")))


def storage(settings: Settings) -> Finding:
    """Whether files can be written to the storage. A bucket is not asked: its driver comes with photos."""
    url = settings.storage_url
    if url.startswith("s3://"):
        return Finding(None, str(_("Buckets come into use with photos, in a later version; not checked.")))
    folder = Path(url.removeprefix("file://")) if url else settings.instance_dir
    probe = folder / f".portal-{uuid.uuid4().hex}"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        probe.unlink()
    except OSError:
        return Finding(False, str(_("The portal cannot write into this folder.")))
    return Finding(True, str(_("The portal can write there.")))

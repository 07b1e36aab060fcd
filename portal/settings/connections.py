"""Whether what the environment holds is set, and works. Never what it is: no value and no part of one is shown."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from portal.config import Settings
from portal.db import side_transaction
from portal.errors import ConfigurationError, DomainError
from portal.mail import service as mail
from portal.mail.service import MailError
from portal.storage.places import storage_at

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
        Secret(
            "AWS_SECRET_ACCESS_KEY", _l("Key of the bucket"), bool(settings.s3_secret_key),
            given if settings.s3_secret_key else missing, False,
        ),
        Secret(
            "GOOGLE_APPLICATION_CREDENTIALS", _l("Key file of Google Drive"), bool(settings.google_key_file),
            given if settings.google_key_file else missing, False,
        ),
    ]  # fmt: skip


def check_all(settings: Settings) -> dict[str, Finding]:
    """Try each connection, each within a few seconds. Answers are our own sentences: errors of drivers name hosts."""
    return {
        "SECRET_KEY": Finding(True, str(_("Long enough, and in use."))),
        "DATABASE_URL": _database(),
        "REDIS_URL": _redis(settings),
        "SMTP_PASSWORD": _mail(settings),
        "AWS_SECRET_ACCESS_KEY": _used_by_storage(settings, "s3://"),
        "GOOGLE_APPLICATION_CREDENTIALS": _used_by_storage(settings, "gdrive://"),
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


def _used_by_storage(settings: Settings, scheme: str) -> Finding:
    if settings.storage_url.startswith(scheme):
        return Finding(None, str(_("Tried with the storage.")))
    return Finding(None, str(_("Not used.")))


def storage(settings: Settings) -> Finding:
    """Whether a file can be stored, read back and deleted."""
    key, data = f"check/{uuid.uuid4().hex}.txt", b"The portal tries whether it can store files here.\n"
    try:
        place = storage_at(settings)
        place.write(key, data)
        same = place.read(key) == data
        place.delete(key)
    except ConfigurationError as error:
        return Finding(False, str(error))
    except DomainError:
        if settings.storage_url.startswith(("s3://", "gdrive://")):
            return Finding(
                False,
                str(_("The storage does not answer, refuses the keys, or has no such bucket or folder.")),
            )
        return Finding(False, str(_("The portal cannot write into this folder.")))
    if not same:
        return Finding(False, str(_("What was read back is not what was stored.")))
    return Finding(True, str(_("A file was stored, read back and deleted.")))

"""The settings in force, in every process, without a restart: the environment's with what was changed on the page.

The version of all settings is the greatest id of their history. For a signed-in request it comes along with the query
that finds the person, so that a change holds from everybody's next request on, at no query more. Requests of nobody,
jobs and commands look at most every few seconds. What a version means is kept until the version is another.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask, g, has_app_context, has_request_context
from flask_babel import force_locale
from sqlalchemy.exc import SQLAlchemyError

from portal.config import Settings
from portal.db import side_transaction
from portal.errors import DomainError
from portal.settings import catalogue, selects
from portal.web.context import SETTINGS_PROVIDER

CHECK_SECONDS = 3.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Known:
    """What was read: a version and the stored values of the settings that are not at their default."""

    version: int
    stored: Mapping[str, Any]


class Provider:
    """One for each app; shared by the threads of a process."""

    def __init__(self) -> None:
        self._known = _Known(0, {})
        self._applied: tuple[Settings, _Known, Settings] | None = None
        self._next_check = 0.0
        self._lock = threading.Lock()

    def current(self, environment: Settings) -> Settings:
        """The settings in force. Never raises: without a database, what was last known."""
        if not (has_request_context() and "settings_version" in g) and self._is_due():
            self._read(self._is_due)
        return self.known(environment)

    def known(self, environment: Settings) -> Settings:
        """The settings as last known; asks nobody. The same object until they change."""
        known, applied = self._known, self._applied
        if applied is None or applied[0] is not environment or applied[1] is not known:
            # The reader's language is itself a question to the settings.
            with force_locale("en"):
                applied = (environment, known, apply(environment, known.stored))
            self._applied = applied
        return applied[2]

    def note_version(self, version: int) -> None:
        """The version in force as this request's own query has read it."""
        if has_app_context():
            g.settings_version = version
        if version != self._known.version:
            self._read(lambda: version != self._known.version)

    def _is_due(self) -> bool:
        return time.monotonic() >= self._next_check

    def forget(self) -> None:
        """Look anew at the next occasion: the database is another one."""
        self._known, self._next_check = _Known(0, {}), 0.0

    def _read(self, is_needed: Callable[[], bool]) -> None:
        with self._lock:
            if not is_needed():
                return  # another thread has just done it
            # First, so that other threads go on with what is known, and a database that is away is not asked at once.
            self._next_check = time.monotonic() + CHECK_SECONDS
            try:
                with side_transaction() as connection:
                    rows = connection.execute(selects.overrides()).all()
            except (SQLAlchemyError, DomainError, OSError) as error:
                log.debug("settings not read: %s", type(error).__name__)
                return
            version = rows[0].version or 0
            if version != self._known.version:
                self._known = _Known(version, {row.name: row.value for row in rows if row.name is not None})


def apply(environment: Settings, stored: Mapping[str, Any]) -> Settings:
    """The environment's settings with stored values put over them. What no longer is a value is left out and logged."""
    changes: dict[str, Any] = {}
    for name, value in stored.items():
        spec = catalogue.BY_NAME.get(name)
        if spec is None:
            continue
        try:
            changes[name] = catalogue.in_force(spec, catalogue.clean(spec, value))
        except (DomainError, TypeError, ValueError, KeyError):
            log.warning("the stored value of the setting %s is not usable", name)
    settings = replace(environment, **changes)
    if settings.default_language not in settings.languages:
        settings = replace(settings, default_language=settings.languages[0])
    return settings


def install(app: Flask) -> None:
    """Make `portal.web.context.settings()` return what is in force."""
    app.extensions[SETTINGS_PROVIDER] = Provider()

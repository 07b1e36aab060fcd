"""Structured logs: one line a request with its id, rule, status, time, and who asked from where. No personal data.

The URL's rule is logged instead of the URL, and never the query string: both hold numbers of consumers. Whatever else
is logged, an error of the database that quotes a row for instance, loses its long numbers.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from flask import Flask, Response, g, request

from portal.config import Settings
from portal.web.context import client_address

log = structlog.get_logger("portal.request")


# Eight digits and more may be a mobile number, a CNIC or a PSID; so may these groups of digits.
_LONG_NUMBER = re.compile(r"(?<![\w.])(?:\+?\d{8,}|\d{5}-\d{7}-\d|\+?\d{3,5}[ -]\d{7})(?!\w)", re.ASCII)
# What PostgreSQL adds to an error: the row, the line of a file, the statement with its values.
_QUOTED = re.compile(r"^(DETAIL|CONTEXT|LINE \d+): .*$", re.MULTILINE)
_OWN_FIELDS = frozenset({"timestamp", "request_id", "level", "logger"})


def without_personal_data(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor: long numbers in texts become `[number]`, rows quoted by the database `[left out]`."""
    for name, value in event.items():
        if isinstance(value, str) and name not in _OWN_FIELDS:
            event[name] = _LONG_NUMBER.sub("[number]", _QUOTED.sub(r"\1: [left out]", value))
    return event


def configure(settings: Settings) -> None:
    """JSON lines on standard error; readable ones at a terminal."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    readable = sys.stderr.isatty()
    last: list[Any] = [
        structlog.processors.format_exc_info,
        without_personal_data,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if readable
        else structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=not settings.testing,
    )
    root = logging.getLogger()
    if any(getattr(handler, "is_portal", False) for handler in root.handlers):
        return
    handler = logging.StreamHandler()
    handler.is_portal = True  # type: ignore[attr-defined]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    root.addHandler(handler)
    root.setLevel(logging.WARNING if settings.testing else logging.INFO)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    logging.getLogger("flask_wtf.csrf").setLevel(logging.WARNING)


def _staff_id() -> int | None:
    """Who is signed in, without asking the database for it."""
    user = g.get("_login_user")
    return user.id if user is not None and user.is_authenticated else None


def install(app: Flask, settings: Settings) -> None:
    """Configure logging and log every request."""
    configure(settings)

    @app.before_request
    def _start() -> None:
        g.started = time.perf_counter()
        g.request_id = secrets.token_hex(6)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def _end(response: Response) -> Response:
        if "started" in g and request.endpoint not in {"static", "bootstrap.static"}:
            rule = request.url_rule.rule if request.url_rule else None
            took = round((time.perf_counter() - g.started) * 1000, 1)
            log.info(
                "request",
                method=request.method,
                rule=rule,
                status=response.status_code,
                ms=took,
                staff_id=_staff_id(),
                address=client_address(),
            )
            response.headers["X-Request-Id"] = g.request_id
        return response

"""Structured logs: one line a request with its id, endpoint, status and time. No personal data.

The URL's rule is logged instead of the URL, and never the query string: both hold numbers of consumers.
"""

from __future__ import annotations

import logging
import secrets
import sys
import time
from typing import Any

import structlog
from flask import Flask, Response, g, request

from portal.config import Settings

log = structlog.get_logger("portal.request")


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
    last: list[Any] = (
        [structlog.dev.ConsoleRenderer()]
        if readable
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
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
            log.info("request", method=request.method, rule=rule, status=response.status_code, ms=took)
            response.headers["X-Request-Id"] = g.request_id
        return response

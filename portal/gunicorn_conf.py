"""Gunicorn's settings: `gunicorn -c portal/gunicorn_conf.py wsgi:app`.

Threads, because a phone on 2G keeps its connection for a minute over one page, and browsers keep idle ones open:
a sync worker would serve nobody else meanwhile. One process per core does the computing.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

from portal import supervision
from portal.config import load_settings
from portal.web.slots import WAITING_ROOM

_settings = load_settings()
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host

bind = f"{_host}:{_settings.port}"
workers = _settings.web_processes or max(2, min(4, os.cpu_count() or 2))
worker_class = "gthread"
# Requests worked on at once, and a waiting room for those whose password check has not had its turn (portal.web.slots).
threads = _settings.web_threads + WAITING_ROOM
timeout = 120
graceful_timeout = 20
keepalive = 15
preload_app = False
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() and sys.platform == "linux" else None
# Addresses hold numbers of consumers and one-time links; the application logs each request by its rule instead.
accesslog = None
errorlog = "-"
forwarded_allow_ips = "127.0.0.1,::1"
# No header of a request may change where the application believes to be mounted.
forwarder_headers = ""


class WithoutAddresses(logging.Filter):
    """Takes the address out of the server's own complaints about a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, str) and record.msg.startswith("Error handling request") and record.args:
            record.msg, record.args = "Error handling a request", ()
        return True


def post_worker_init(worker: Any) -> None:
    """In each worker, before it serves."""
    worker.log.error_log.addFilter(WithoutAddresses())


def on_starting(_server: Any) -> None:
    """Before the port is taken: end workers that a killed predecessor left with it in their hands."""
    mark = supervision.instance_mark(_settings)
    if mark in sys.argv:
        web = [p for p in supervision.program_processes(_settings) if "gunicorn" in " ".join(p.cmdline()[:4])]
        supervision.end(web, seconds=3)

"""Ports for servers that tests start."""

from __future__ import annotations

import os
import random
import socket
from collections import deque

# Below those that Linux gives to outgoing connections: nobody takes such a port between the look and the use. Each
# process of a parallel run has a part of its own, so that two never choose the same.
_FIRST, _PART, _PARTS = 20_000, 1_000, 12
_worker = int("".join(filter(str.isdigit, os.environ.get("PYTEST_XDIST_WORKER", ""))) or 0) % _PARTS
_mine = range(_FIRST + _worker * _PART, _FIRST + (_worker + 1) * _PART)
_random = random.Random(os.getpid())
_given: deque[int] = deque(maxlen=_PART // 2)


def free_port() -> int:
    """A port nobody listens on, other than those given lately."""
    while True:
        port = _random.choice(_mine)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.append(port)
        return port

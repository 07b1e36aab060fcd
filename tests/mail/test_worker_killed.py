"""The worker that sends a mail is killed at every moment of it: no recipient gets it twice."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from socket import socket
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from portal.db import side_transaction, transaction
from portal.mail.service import Message
from portal.mail.tasks import queue_mail
from tests.mail.servers import mail_server, talking
from tests.support.servers import Databases
from tests.support.workers import start_worker, wait_for

pytestmark = pytest.mark.slow


def set_up(app: Flask, port: int) -> None:
    """The mail server as HEAD sets it on the page: the worker is another process."""
    values = {"smtp_host": '"127.0.0.1"', "smtp_port": str(port), "smtp_security": '"none"', "smtp_from": '"a@b.org"'}
    with app.app_context(), side_transaction() as connection:
        for name, value in values.items():
            connection.execute(
                text(
                    "INSERT INTO settings VALUES (:n, cast(:v AS jsonb))"
                    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
                ),
                {"n": name, "v": value},
            )
            connection.execute(text("INSERT INTO setting_changes (actor, name) VALUES ('head', :n)"), {"n": name})


def state(app: Flask, key: str) -> str | None:
    with app.app_context(), side_transaction() as connection:
        return connection.scalar(text("SELECT state FROM mail_deliveries WHERE key = :key"), {"key": key})


def job(app: Flask) -> str:
    with app.app_context(), side_transaction() as connection:
        return str(connection.scalar(text("SELECT status FROM procrastinate_jobs WHERE task_name = 'mail.send'")))


@pytest.mark.parametrize("moment", ["before the content", "after the content"])
def test_the_next_worker_sends_it_only_if_it_did_not_go_out(app: Flask, databases: Databases, moment: str) -> None:
    reached, killed = threading.Event(), threading.Event()

    def stall(connection: socket) -> None:
        """Answers up to the moment, then says nothing until the worker is dead."""
        connection.sendall(b"220 mail.test ready\r\n")
        answers = [b"250 OK\r\n", b"250 OK\r\n", b"250 OK\r\n", b"354 Go on\r\n"]
        for answer in answers[: 2 if moment == "before the content" else 4]:
            connection.recv(100_000)
            connection.sendall(answer)
        connection.recv(100_000)
        reached.set()
        killed.wait(30)

    key = f"test:{moment}"
    with contextlib.ExitStack() as stack:
        set_up(app, stack.enter_context(talking(stall)))
        worker: Any = start_worker(app, databases)
        try:
            with app.app_context(), transaction():
                queue_mail(Message("sana@example.org", "Your report", "It is ready.\n"), key)
            assert reached.wait(30)
            assert state(app, key) == ("WAITING" if moment == "before the content" else "HANDED_OVER")
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
            killed.set()
            with mail_server() as inbox:
                set_up(app, inbox.port)
                worker = start_worker(app, databases)
                wait_for(lambda: job(app) == "succeeded")
                assert len(inbox.mails) == (1 if moment == "before the content" else 0)
                assert state(app, key) == ("SENT" if moment == "before the content" else "HANDED_OVER")
        finally:
            killed.set()
            worker.kill()
            worker.wait()

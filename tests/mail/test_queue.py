"""Queued mails: tried again while that helps, given up otherwise, never sent twice."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from portal.db import side_transaction, transaction
from portal.mail.outbox import WAITS, Outcome, deliver, next_try
from portal.mail.service import Message
from portal.mail.tasks import queue_mail, send_queued
from tests.mail.servers import Inbox, mail_server
from tests.support.ports import free_port

MESSAGE = Message("sana@example.org", "Your report", "It is ready.\n")


@pytest.fixture
def mailing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The app with a mail server in its settings, which is away."""
    settings = replace(
        app.extensions["settings"], smtp_host="127.0.0.1", smtp_port=free_port(), smtp_security="none",
        smtp_from="portal@example.org",
    )  # fmt: skip
    monkeypatch.setitem(app.extensions, "settings", settings)
    with app.app_context():
        yield app


@pytest.fixture
def inbox(mailing: Flask) -> Iterator[Inbox]:
    """The mail server of the settings, running."""
    with mail_server(port=mailing.extensions["settings"].smtp_port) as running:
        yield running


def waiting() -> list[dict[str, Any]]:
    """Jobs in the queue: their arguments and when they may run."""
    with side_transaction() as connection:
        rows = connection.execute(
            text("SELECT args, scheduled_at FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
        )
        return [{**row.args, "at": row.scheduled_at} for row in rows]


def take() -> dict[str, Any]:
    """The oldest job of the queue, out of it."""
    (job, *_more) = waiting()
    with side_transaction() as connection:
        oldest = "(SELECT min(id) FROM procrastinate_jobs WHERE status = 'todo')"
        connection.execute(text(f"DELETE FROM procrastinate_jobs WHERE id = {oldest}"))
    del job["at"]
    return job


def state(key: str) -> tuple[str, int, str]:
    with side_transaction() as connection:
        row = connection.execute(
            text("SELECT state, attempts, answer FROM mail_deliveries WHERE key = :key"), {"key": key}
        ).one()
        return row.state, row.attempts, row.answer


def queue(key: str = "") -> str:
    with transaction():
        return queue_mail(MESSAGE, key)


def test_a_queued_mail_is_sent_once(inbox: Inbox) -> None:
    key = queue("report:7:2025-12-01")
    queue("report:7:2025-12-01")
    assert len(waiting()) == 2
    send_queued(**take())
    send_queued(**take())  # the same mail
    (mail,) = inbox.mails
    assert mail["Message-ID"] == f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@example.org>"
    assert state(key) == ("SENT", 1, "250 2.0.0 Ok: queued as A1B2C3")
    assert waiting() == []


def test_a_mail_of_a_transaction_that_fails_is_none(mailing: Flask) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        queue_mail(MESSAGE)
        raise ZeroDivisionError
    assert waiting() == []


def test_it_is_tried_again_while_the_server_is_away(mailing: Flask) -> None:
    key = queue()
    before = dt.datetime.now(dt.UTC)
    for attempt, wait in enumerate(WAITS, 1):
        job = take()
        assert job["attempt"] == attempt
        send_queued(**job)
        assert state(key)[:2] == ("WAITING", attempt)
        (again,) = waiting()
        assert 0 <= (again["at"] - before).total_seconds() - wait < 60
    with mail_server(port=mailing.extensions["settings"].smtp_port) as running:
        send_queued(**take())
    assert len(running.mails) == 1
    assert state(key)[:2] == ("SENT", len(WAITS) + 1)
    assert waiting() == []


def test_after_the_last_attempt_it_is_given_up(mailing: Flask) -> None:
    key = queue()
    for _attempt in range(len(WAITS) + 1):
        send_queued(**take())
    assert waiting() == []
    assert state(key)[0] == "FAILED"
    assert "takes no connections" in state(key)[2]
    assert next_try(len(WAITS) + 1) is None


@pytest.mark.parametrize(("said", "outcome"), [("550 5.1.1 Unknown", "FAILED"), ("450 4.7.1 Later", "WAITING")])
def test_a_refusal_for_good_is_not_tried_again(inbox: Inbox, said: str, outcome: str) -> None:
    inbox.refuse["RCPT"] = said
    key = queue()
    send_queued(**take())
    assert state(key)[0] == outcome
    assert len(waiting()) == (outcome == "WAITING")
    assert said in state(key)[2]


def test_a_refused_content_is_tried_again(inbox: Inbox) -> None:
    inbox.refuse["DATA"] = "451 4.3.0 Later"
    key = queue()
    send_queued(**take())
    inbox.refuse.clear()
    send_queued(**take())
    assert len(inbox.mails) == 1
    assert state(key)[:2] == ("SENT", 2)


def test_whoever_died_while_handing_over_sends_no_second_one(mailing: Flask, inbox: Inbox) -> None:
    settings = mailing.extensions["settings"]
    with side_transaction() as connection:
        connection.execute(text("INSERT INTO mail_deliveries (key, state, attempts) VALUES ('k', 'HANDED_OVER', 1)"))
    assert deliver("k", MESSAGE, settings) is Outcome.NOT_TWICE
    assert inbox.mails == []
    # One that died before is sent.
    with side_transaction() as connection:
        connection.execute(text("INSERT INTO mail_deliveries (key, attempts) VALUES ('early', 1)"))
    assert deliver("early", MESSAGE, settings) is Outcome.SENT


def test_many_at_once_send_one(mailing: Flask, inbox: Inbox) -> None:
    settings, outcomes = mailing.extensions["settings"], []
    start = threading.Barrier(6)

    def attempt() -> None:
        with mailing.app_context():
            start.wait()
            outcomes.append(deliver("same", MESSAGE, settings))

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(inbox.mails) == 1
    assert sorted(outcomes) == sorted([Outcome.SENT] + [Outcome.NOT_TWICE] * 5)

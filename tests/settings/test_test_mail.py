"""The test mail: to oneself, over a real server, with the server's own answer."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.db import side_transaction
from portal.permissions import Role
from tests.mail.servers import mail_server
from tests.settings.pages import Desk, scalar
from tests.support.ports import free_port

LoginAs = Callable[..., FlaskClient]


@pytest.fixture
def desk(app: Flask, login_as: LoginAs) -> Desk:
    client = login_as(Role.HEAD)
    with app.app_context(), side_transaction() as connection:
        connection.execute(text("UPDATE staff SET email = 'sana@example.org', full_name = 'Sana Malik'"))
    return Desk(client)


def use(desk: Desk, port: int) -> None:
    changes: dict[str, Any] = {"smtp_host": "127.0.0.1", "smtp_port": str(port), "smtp_security": "none"}
    assert desk.save("mail", **changes, smtp_from="portal@example.org").status_code == 303
    desk.page("mail")  # shows, and so forgets, that it was saved


def send(desk: Desk) -> str:
    """Press the button; what the page then says."""
    assert desk.post("/settings/mail/test").status_code == 303
    page = desk.page("mail")
    found = re.search(r'<div class="notice is-\w+" role="\w+">([^<]*)</div>', page)
    assert found
    return html.unescape(found[1])


def test_the_page_tells_what_the_server_said(app: Flask, desk: Desk) -> None:
    with mail_server() as inbox:
        use(desk, inbox.port)
        said = send(desk)
        assert said == ("The mail server took the mail to sana@example.org. It said: 250 2.0.0 Ok: queued as A1B2C3")
        inbox.refuse["RCPT"] = "550 5.7.1 Relaying denied"
        assert send(desk) == "The mail server refused the recipient. It said: 550 5.7.1 Relaying denied"
    assert inbox.recipients == ["sana@example.org"]
    assert "Sana Malik" in inbox.mails[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    lines = "SELECT count(*) FROM audit_log WHERE action = 'settings.test_mail' AND after->>'sent' = :sent"
    assert scalar(app, lines, sent="true") == scalar(app, lines, sent="false") == 1


def test_a_server_that_is_away_is_told(desk: Desk) -> None:
    use(desk, free_port())
    assert "takes no connections on port" in send(desk)


def test_without_an_address_or_a_server_there_is_no_button(app: Flask, desk: Desk, login_as: LoginAs) -> None:
    assert "/settings/mail/test" not in desk.page("mail")
    use(desk, 25)
    assert "/settings/mail/test" in desk.page("mail")
    nobody = Desk(login_as(Role.HEAD))
    assert "/settings/mail/test" not in nobody.page("mail")
    assert "no e-mail address" in send(nobody)
    for role in (Role.AGENT, Role.MANAGER):
        assert Desk(login_as(role)).client.post("/settings/mail/test").status_code in {400, 403}

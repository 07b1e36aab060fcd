"""Sending over a real SMTP server on loopback: what arrives, and a sentence for whatever goes wrong."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from socket import socket
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from portal.config import Settings
from portal.mail import service
from portal.mail.compose import compose
from portal.mail.service import MailError, Message, check_login, is_address, is_configured, send
from tests.mail.servers import PASSWORD, USER, certificate, mail_server, talking
from tests.support.ports import free_port

MESSAGE = Message("sana@example.org", "Hello سلام", "First line\n.\n.dot\nآخر\n", "<p>Hello <b>آخر</b></p>")


def config(port: int, **more: Any) -> Settings:
    given: dict[str, Any] = {
        "instance_dir": Path("/nonexistent"), "database_url": None, "secret_key": "x" * 32,
        "smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", "smtp_from": "portal@example.org",
    }  # fmt: skip
    return Settings(**(given | more))


@pytest.fixture
def in_app(_transaction_app: Flask) -> Iterator[Flask]:
    with _transaction_app.app_context():
        yield _transaction_app


@pytest.fixture
def trusted_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS that this machine trusts."""
    context, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    return context


def failure(settings: Settings, message: Message = MESSAGE) -> MailError:
    with pytest.raises(MailError) as caught:
        send(message, settings)
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    return caught.value


def test_a_mail_arrives_as_it_was_written(in_app: Flask) -> None:
    with mail_server() as inbox:
        answer = send(MESSAGE, config(inbox.port, company_name="Khushab Sanitation, صفائی"), message_id="k1")
    assert answer == "250 2.0.0 Ok: queued as A1B2C3"
    (mail,) = inbox.mails
    assert inbox.recipients == ["sana@example.org"]
    assert mail["Subject"] == "Hello سلام"
    assert mail["From"].addresses[0].display_name == "Khushab Sanitation, صفائی"
    assert mail["From"].addresses[0].addr_spec == "portal@example.org"
    assert mail["Message-ID"] == "<k1@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime is not None
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None and html is not None
    assert plain.get_content().replace("\r\n", "\n") == MESSAGE.text
    assert html.get_content().strip() == MESSAGE.html
    inbox.raw[0].decode("ascii")  # any server takes it


def test_starttls_with_a_password(in_app: Flask, trusted_tls: ssl.SSLContext) -> None:
    with mail_server(tls=trusted_tls, login=True) as inbox:
        settings = config(inbox.port, smtp_host="localhost", smtp_security="starttls", smtp_user=USER)
        send(MESSAGE, replace(settings, smtp_password=PASSWORD))
        assert len(inbox.mails) == 1
        assert check_login(replace(settings, smtp_password=PASSWORD)).startswith("250")
        refused = failure(replace(settings, smtp_password="wrong"))
        assert "refused the user portal or his password" in str(refused)
        assert "535" in str(refused)
        assert not refused.is_temporary
        assert "SMTP_PASSWORD is not set" in str(failure(settings))
    assert len(inbox.mails) == 1
    assert set(inbox.logins) == {USER}


def test_tls_from_the_first_byte(in_app: Flask, trusted_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server(tls=trusted_tls, implicit=True) as inbox:
        settings = config(inbox.port, smtp_host="localhost", smtp_security="tls")
        send(MESSAGE, settings)
        assert len(inbox.mails) == 1
        monkeypatch.setattr(service, "TIMEOUT_SECONDS", 1.0)  # each waits for the other to speak
        said = str(failure(replace(settings, smtp_security="none")))
        assert "is no mail server, or speaks TLS at once" in said or "broke" in said, said


@pytest.mark.parametrize("implicit", [True, False])
def test_a_certificate_nobody_vouches_for_is_refused(in_app: Flask, tmp_path: Path, implicit: bool) -> None:
    context, _trusted = certificate(tmp_path)
    with mail_server(tls=context, implicit=implicit) as inbox:
        security = "tls" if implicit else "starttls"
        error = failure(config(inbox.port, smtp_host="localhost", smtp_security=security))
    assert "certificate of localhost is not to be trusted" in str(error)
    assert inbox.mails == []


def test_a_certificate_of_another_name_is_refused(
    in_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = certificate(tmp_path, "elsewhere.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with mail_server(tls=context) as inbox:
        error = failure(config(inbox.port, smtp_host="localhost", smtp_security="starttls"))
    assert "certificate of localhost is not to be trusted" in str(error)
    assert inbox.mails == []


def test_without_starttls_nothing_is_sent(in_app: Flask) -> None:
    with mail_server() as inbox:
        error = failure(config(inbox.port, smtp_security="starttls"))
    assert "does not offer STARTTLS" in str(error)
    assert not error.is_temporary
    assert inbox.mails == []


def test_a_password_never_goes_over_an_open_line(in_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as inbox:
        settings = config(inbox.port, smtp_user=USER, smtp_password=PASSWORD)
        # The same server under a name that is not the machine's own.
        monkeypatch.setattr(service, "is_this_machine", lambda _host: False)
        assert "not sent over an open line" in str(failure(settings))
        monkeypatch.undo()
        # To the machine itself it may; this server takes none.
        assert "takes no user name and password" in str(failure(settings))
    assert inbox.logins == []
    assert [service.is_this_machine(host) for host in ("127.0.0.1", "::1", "localhost", "10.0.0.1", "mail.test")] == [
        True, True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "said", "words", "is_temporary"),
    [
        ("RCPT", "550 5.1.1 No such user here", "refused the recipient. It said: 550 5.1.1 No such user", False),
        ("RCPT", "450 4.2.0 Greylisted", "450 4.2.0 Greylisted", True),
        ("MAIL", "553 5.7.1 Not your domain", "refused the sender portal@example.org", False),
        ("DATA", "554 5.7.1 Looks like spam", "did not take the mail. It said: 554 5.7.1 Looks like spam", False),
        ("DATA", "451 4.3.0 Try again", "451 4.3.0 Try again", True),
    ],
)
def test_refusals_are_told_in_the_server_s_words(
    in_app: Flask, command: str, said: str, words: str, is_temporary: bool
) -> None:
    with mail_server() as inbox:
        inbox.refuse[command] = said
        error = failure(config(inbox.port))
        assert words in str(error)
        assert (error.is_temporary, error.is_unknown) == (is_temporary, False)
        inbox.refuse.clear()
        send(MESSAGE, config(inbox.port))
    assert len(inbox.mails) == 1


def test_a_server_that_is_away(in_app: Flask) -> None:
    error = failure(config(free_port()))
    assert "takes no connections on port" in str(error)
    assert error.is_temporary
    unknown = failure(config(25, smtp_host="nobody.invalid"))
    assert "no mail server called nobody.invalid" in str(unknown)


def test_a_server_that_says_nothing(in_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "TIMEOUT_SECONDS", 0.3)

    def silent(connection: socket) -> None:
        connection.recv(1000)

    with talking(silent) as port:
        for security in ("none", "tls", "starttls"):
            assert failure(config(port, smtp_security=security)).is_temporary


def test_something_else_than_a_mail_server(in_app: Flask) -> None:
    def web(connection: socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with talking(web) as port:
        assert "turned us away: something that is no answer" in str(failure(config(port)))

    def busy(connection: socket) -> None:
        connection.sendall(b"421 4.3.2 \x1b[31mToo many\x07 connections\r\n")

    with talking(busy) as port:
        error = failure(config(port))
    assert "421 4.3.2 [31mToo many connections" in str(error)
    assert error.is_temporary
    assert str(error).isprintable()


def dialogue(*answers: bytes) -> Any:
    def speak(connection: socket) -> None:
        connection.sendall(b"220 mail.test ready\r\n")
        for answer in answers:
            connection.recv(100_000)
            connection.sendall(answer)

    return speak


def test_a_connection_that_breaks(in_app: Flask) -> None:
    ok = b"250 OK\r\n"
    with talking(dialogue(ok, ok)) as port:  # after the sender
        error = failure(config(port))
        assert (error.is_temporary, error.is_unknown) == (True, False)
    with talking(dialogue(ok, ok, ok, b"354 Go on\r\n")) as port:  # after the content
        error = failure(config(port))
        assert (error.is_temporary, error.is_unknown) == (False, True)
        assert "may have been sent" in str(error)


def test_what_is_not_set_up(in_app: Flask) -> None:
    for lacking in ({"smtp_host": ""}, {"smtp_from": ""}):
        assert not is_configured(config(25, **lacking))
        assert "No mail server is set up" in str(failure(config(25, **lacking)))
    assert "sender's address in the settings" in str(failure(config(25, smtp_from="no address")))


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Hi\r\nBcc: all@example.org"},
        {"subject": "Hi\nX: y"},
        {"subject": "Hi\u2028there"},
        {"to": "a@example.org\r\nBcc: b@example.org"},
        {"to": "a@example.org, b@example.org"},
        {"to": "<a@example.org>"},
        {"to": "a b@example.org"},
        {"to": ""},
    ],
)
def test_nothing_gets_into_a_header(in_app: Flask, changes: dict[str, str]) -> None:
    with mail_server() as inbox:
        failure(config(inbox.port), replace(MESSAGE, **changes))
        with pytest.raises(MailError):
            send(MESSAGE, config(inbox.port, company_name="Portal\r\nBcc: b@example.org"))
    assert inbox.mails == []


@hypothesis_settings(max_examples=300)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_whatever_is_an_address_is_one_header(text: str) -> None:
    if is_address(text):
        assert text.isascii() and text.isprintable() and text.count("@") == 1
        assert not set(text) & set(' ,;:<>()"\\\r\n')


@pytest.mark.parametrize("address", ["a@example.org", "first.last+tag@sub.example-one.pk", "x_1@a.bc"])
def test_addresses(address: str) -> None:
    assert is_address(address)
    assert not any(is_address(bad) for bad in (address + ".", "." + address, address + "\n", "é" + address))
    assert not is_address("a" * 250 + "@b.co")


def test_templates_in_both_languages(in_app: Flask) -> None:
    english = compose("a@example.org", "test", "en", name="Sana <b>Malik</b>")
    assert english.subject == "Test mail of Suthra Portal"
    assert "Sana <b>Malik</b>" in english.text
    assert english.html is not None
    assert "Sana &lt;b&gt;Malik&lt;/b&gt;" in english.html
    assert 'dir="ltr"' in english.html
    urdu = compose("a@example.org", "test", "ur", name="Sana")
    assert urdu.html is not None
    assert 'dir="rtl"' in urdu.html
    assert (
        compose("a@example.org", "test", "xx", name="Sana").html
        == compose("a@example.org", "test", "en", name="Sana").html
    )

"""Sending one mail to one person over SMTP. Every failure becomes a sentence that says what to do.

The certificate of the server is always verified, a password never goes over an open line, and every step has a
time-out. Nothing typed gets into a header unchecked.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import re
import secrets
import smtplib
import socket
import ssl
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from flask_babel import gettext as _

from portal.config import Settings
from portal.errors import DomainError

TIMEOUT_SECONDS = 10.0
MAX_ADDRESS = 254
MAX_ANSWER = 200
_DOT = re.compile(rb"^\.", re.MULTILINE)  # a line with one dot would end the mail
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+"
)


class MailError(DomainError):
    """The mail was not sent; the sentence says why. `is_temporary`: trying again later may help.

    `is_unknown`: the connection broke after the content was handed over, so it may have been sent all the same.
    `is_address_refused`: the server will never take a mail to this address.
    """

    status = 502
    code = "mail"

    def __init__(
        self, message: str, *, is_temporary: bool = False, is_unknown: bool = False, is_address_refused: bool = False
    ) -> None:
        super().__init__(message)
        self.is_address_refused = is_address_refused
        self.is_temporary = is_temporary
        self.is_unknown = is_unknown


@dataclass(frozen=True)
class Message:
    """A mail to one address. `text` is what every mail program can show, `html` the same in the product's look."""

    to: str
    subject: str
    text: str
    html: str | None = None
    headers: tuple[tuple[str, str], ...] = ()  # besides those that every mail has


def is_address(address: str) -> bool:
    """Whether a text is an e-mail address that mail servers everywhere take (letters of English, no comments)."""
    return len(address) <= MAX_ADDRESS and _ADDRESS.fullmatch(address) is not None


def is_configured(settings: Settings) -> bool:
    """Whether there is a mail server and an address to send from."""
    return bool(settings.smtp_host and settings.smtp_from)


def send(
    message: Message,
    settings: Settings,
    *,
    message_id: str = "",
    before_content: Callable[[], None] | None = None,
) -> str:
    """Send it now; returns the server's answer. Raises MailError.

    `message_id` is the part before the @ of the Message-ID: the same for the same mail. `before_content` is called
    when the server has taken sender and recipient, directly before the content goes out; what it raises stops that.
    """
    if not is_configured(settings):
        raise MailError(_("No mail server is set up. The head administrator enters one under Settings, Mail."))
    content = _as_bytes(message, settings, message_id)
    with _connected(settings) as server:
        _reply(server.mail(settings.smtp_from), settings, _sender_refused)
        recipient = server.rcpt(message.to)
        if _is_about_the_address(*recipient):
            raise MailError(_recipient_refused("", _as_said(*recipient)), is_address_refused=True)
        _reply(recipient, settings, _recipient_refused)
        if before_content is not None:
            before_content()
        code, said = server.docmd("DATA")
        if code != 354:
            return _reply((code, said), settings, _content_refused)
        try:
            server.send(_DOT.sub(b"..", content) + b".\r\n")
            reply = server.getreply()
        except (smtplib.SMTPServerDisconnected, OSError):
            raise MailError(
                _("The connection to the mail server broke while the mail was handed over. It may have been sent."),
                is_unknown=True,
            ) from None
        return _reply(reply, settings, _content_refused)


def _is_about_the_address(code: int, said: bytes) -> bool:
    """Whether a refusal of the recipient says that the mailbox will never take a mail (RFC 5321, RFC 3463).

    550 and its like also answer a server that may not send at all: where an enhanced code says so (5.7.1, policy), it
    is believed. 552 (mailbox full) passes.
    """
    if code not in {550, 551, 553, 556}:
        return False
    stated = re.match(rb"5\.(\d{1,3})\.\d{1,3}\b", said)
    return stated is None or stated[1] == b"1" or said.startswith((b"5.2.1", b"5.2.0"))


def check_login(settings: Settings) -> str:
    """Connect and sign in, send nothing; returns the server's answer. Raises MailError."""
    if not is_configured(settings):
        raise MailError(_("No mail server is set up. The head administrator enters one under Settings, Mail."))
    with _connected(settings) as server:
        return _reply(server.noop(), settings, _content_refused)


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(char) in {"Cc", "Zl", "Zp", "Cs"} for char in text)


def _as_bytes(message: Message, settings: Settings, message_id: str) -> bytes:
    """The mail as it goes over the line. Raises MailError for an address or a subject that cannot be in a header."""
    if not is_address(message.to):
        raise MailError(_("This is not an e-mail address: %(address)s", address=_printable(message.to)))
    if not is_address(settings.smtp_from):
        raise MailError(_("The sender's address in the settings is not an e-mail address."))
    name = settings.company_name or "Suthra Portal"
    if any(map(_has_controls, (message.subject, name, *(value for _name, value in message.headers)))):
        raise MailError(_("The subject of a mail is one line. Nothing was sent."))
    local, _at, domain = settings.smtp_from.rpartition("@")
    mail = EmailMessage(policy=policy.SMTP.clone(cte_type="7bit"))
    mail["From"] = Address(name, local, domain)
    mail["To"] = message.to
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(dt.datetime.now(dt.UTC))
    mail["Message-ID"] = f"<{message_id or secrets.token_hex(16)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # no out-of-office answers
    for header, value in message.headers:
        mail[header] = value
    mail.set_content(message.text)
    if message.html is not None:
        mail.add_alternative(message.html, subtype="html")
    return bytes(mail)


@contextlib.contextmanager
def _connected(settings: Settings) -> Iterator[smtplib.SMTP]:
    """A connection on which mail may be sent: encrypted as the settings say, signed in when they name a user."""
    host, port = settings.smtp_host, settings.smtp_port
    named = {"host": host, "port": port}
    try:
        server = _open(settings)
    except ssl.SSLError as error:
        raise _tls_failed(settings, error) from None
    except socket.gaierror:
        raise MailError(_("There is no mail server called %(host)s. Check the name.", host=host)) from None
    except TimeoutError:
        text = _("The mail server %(host)s does not answer on port %(port)s. Check host and port.", **named)
        raise MailError(text, is_temporary=True) from None
    except smtplib.SMTPConnectError as error:
        text = _("The mail server %(host)s turned us away: %(answer)s", host=host, answer=_answer(error))
        raise MailError(text, is_temporary=400 <= error.smtp_code < 500) from None
    except smtplib.SMTPServerDisconnected:
        text = _("What listens on port %(port)s of %(host)s is no mail server, or speaks TLS at once.", **named)
        raise MailError(text, is_temporary=True) from None
    except OSError:
        text = _("The mail server %(host)s takes no connections on port %(port)s. Check host and port.", **named)
        raise MailError(text, is_temporary=True) from None
    try:
        _secure(server, settings)
        _sign_in(server, settings)
        server.ehlo_or_helo_if_needed()
        yield server
    except ssl.SSLError as error:
        raise _tls_failed(settings, error) from None
    except (smtplib.SMTPServerDisconnected, smtplib.SMTPHeloError, OSError):
        text = _("The connection to the mail server %(host)s broke. Nothing was sent.", host=host)
        raise MailError(text, is_temporary=True) from None
    finally:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            server.quit()
        server.close()


def _open(settings: Settings) -> smtplib.SMTP:
    # Our own name would be looked up in the DNS, which may take long and helps nobody.
    name = "[127.0.0.1]"
    server: smtplib.SMTP
    if settings.smtp_security == "tls":
        server = smtplib.SMTP_SSL(local_hostname=name, timeout=TIMEOUT_SECONDS, context=_tls())
    else:
        server = smtplib.SMTP(local_hostname=name, timeout=TIMEOUT_SECONDS)
    # The constructor would do this, but forget the host by which the certificate is checked.
    server._host = settings.smtp_host  # type: ignore[attr-defined]
    code, said = server.connect(settings.smtp_host, settings.smtp_port)
    if code != 220:
        server.close()
        raise smtplib.SMTPConnectError(code, said)
    return server


def _tls() -> ssl.SSLContext:
    """The machine's own certificate authorities, names checked, nothing older than TLS 1.2."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _secure(server: smtplib.SMTP, settings: Settings) -> None:
    if settings.smtp_security != "starttls":
        return
    server.ehlo()
    if not server.has_extn("starttls"):
        raise MailError(
            _(
                "The mail server %(host)s does not offer STARTTLS on port %(port)s. Nothing was sent, since everybody"
                " on the way could read it. Choose TLS (usually port 465) or another port.",
                host=settings.smtp_host,
                port=settings.smtp_port,
            )
        )
    try:
        server.starttls(context=_tls())
    except smtplib.SMTPResponseException as error:
        raise MailError(
            _("The mail server %(host)s refused to encrypt: %(answer)s", host=settings.smtp_host, answer=_answer(error))
        ) from None


def is_this_machine(host: str) -> bool:
    """Whether a host is the machine itself: the only one to which a password may go over an open line."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host.lower() == "localhost"


def _sign_in(server: smtplib.SMTP, settings: Settings) -> None:
    if not settings.smtp_user:
        return
    if not settings.smtp_password:
        raise MailError(
            _("The settings name the user %(user)s, but SMTP_PASSWORD is not set.", user=settings.smtp_user)
        )
    if settings.smtp_security == "none" and not is_this_machine(settings.smtp_host):
        raise MailError(_("A password is not sent over an open line. Choose STARTTLS or TLS. Nothing was sent."))
    try:
        server.login(settings.smtp_user, settings.smtp_password)
    except smtplib.SMTPNotSupportedError:
        text = _("The mail server %(host)s takes no user name and password here.", host=settings.smtp_host)
        raise MailError(text) from None
    except smtplib.SMTPResponseException as error:
        raise MailError(
            _(
                "The mail server refused the user %(user)s or his password. It said: %(answer)s",
                user=settings.smtp_user,
                answer=_answer(error),
            ),
            is_temporary=400 <= error.smtp_code < 500,
        ) from None


def _tls_failed(settings: Settings, error: ssl.SSLError) -> MailError:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = _printable(error.verify_message)
        return MailError(
            _(
                "The certificate of %(host)s is not to be trusted: %(reason)s. Nothing was sent.",
                host=settings.smtp_host,
                reason=reason,
            )
        )
    text = _(
        "No encrypted connection to %(host)s came about on port %(port)s. TLS usually is port 465, STARTTLS 587.",
        host=settings.smtp_host,
        port=settings.smtp_port,
    )
    return MailError(text, is_temporary=isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError))


def _printable(said: str) -> str:
    """One line of a foreign text, without what could act on a terminal or a page."""
    return " ".join("".join(char if char.isprintable() else " " for char in said).split())[:MAX_ANSWER]


def _answer(error: smtplib.SMTPResponseException) -> str:
    return _as_said(error.smtp_code, error.smtp_error)


def _as_said(code: int, said: bytes | str) -> str:
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return _printable(f"{code} {words}") if code >= 0 else _("something that is no answer")


def _reply(reply: tuple[int, bytes], settings: Settings, refused: Callable[[str, str], str]) -> str:
    """The server's answer when it is a yes. Raises MailError: temporary for 4xx, as SMTP has it."""
    code, said = reply
    if 200 <= code < 300:
        return _as_said(code, said)
    raise MailError(refused(settings.smtp_from, _as_said(code, said)), is_temporary=400 <= code < 500)


def _sender_refused(sender: str, answer: str) -> str:
    return str(_("The mail server refused the sender %(sender)s. It said: %(answer)s", sender=sender, answer=answer))


def _recipient_refused(_sender: str, answer: str) -> str:
    return str(_("The mail server refused the recipient. It said: %(answer)s", answer=answer))


def _content_refused(_sender: str, answer: str) -> str:
    return str(_("The mail server did not take the mail. It said: %(answer)s", answer=answer))

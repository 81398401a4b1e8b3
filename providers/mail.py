"""E-mail by SMTP (RFC 5321): one letter per connection, plain text, TLS with the server's certificate checked."""

from __future__ import annotations

import re
import smtplib
import ssl
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Literal

from app.ports import Clock, SendFailed, SendFault

Security = Literal["tls", "starttls", "none"]
FULL = 452, 552  # RFC 5321 4.2.3: no room in the mailbox
NO_ROOM = "5.2.2"
NO_SUCH = 550, 551, 553  # RFC 5321 4.2.3: not here, moved, no such name; 550 also stands for "not allowed"
GONE = re.compile(r"5\.(?:1\.(?!7$|8$)[0-9]{1,3}|2\.1)")
"""RFC 3463: what is wrong with the recipient's address (5.1.x, of which 7 and 8 are about the sender's), or a mailbox
that was closed (5.2.1)."""
_NOBODY = re.compile(
    rb"no such|not found|unknown|doe?s ?n[o']t exist|not exist|no mailbox|invalid (?:user|mailbox|recipient|address)"
    rb"|not a valid|disabled",
    re.IGNORECASE,
)
_TOO_OFTEN = re.compile(rb"frequen|too (?:many|much|fast)|\brate|limit|try again|busy", re.IGNORECASE)
"""Words of a 550 without an enhanced code, which means anything from "no such user" to "not so fast": an address is
dead only where it is said to be."""
_ENHANCED = re.compile(rb"5\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")


@dataclass(frozen=True, slots=True)
class MailServer:
    """``security`` none is for a server on this very machine; settings refuse it elsewhere in production."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)
    timeout_s: float = 10.0


class SmtpMailer:
    """app.letter_ports.Mailer. Thread-safe: nothing is shared between calls."""

    def __init__(
        self, server: MailServer, sender: str, school: str, clock: Clock, *, trust: ssl.SSLContext | None = None
    ) -> None:
        """``trust``: other authorities than the machine's, for a school's own."""
        self._server, self._sender, self._school, self._clock = server, sender, school, clock
        self._trust = trust or ssl.create_default_context()

    def send(self, to: str, subject: str, body: str, *, message_id: str) -> None:
        letter = self._written(to, subject, body, message_id)
        try:
            self._deliver(to, letter)
        except smtplib.SMTPException as error:
            fault, reason = _of_smtp(error)
        except ssl.SSLError:
            fault, reason = SendFault.CONFIG, "tls"
        except OSError:
            fault, reason = SendFault.RETRY, "connection"
        else:
            return
        # out here, so that no cause carries the server's words, which may repeat the address
        raise SendFailed(fault, reason)

    def _written(self, to: str, subject: str, body: str, message_id: str) -> bytes:
        for value in (to, subject, message_id):
            if not value.isprintable():
                raise SendFailed(SendFault.CONTENT, "control_character")
        recipient = _address(to)
        if recipient is None:
            raise SendFailed(SendFault.CONTENT, "address")
        letter = EmailMessage(policy=SMTP)
        letter["From"] = Address(self._school, addr_spec=self._sender)
        letter["To"] = recipient
        letter["Subject"] = subject
        letter["Date"] = format_datetime(self._clock.now())
        letter["Message-ID"] = message_id
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies, please
        letter.set_content(body)
        return letter.as_bytes()

    def _deliver(self, to: str, letter: bytes) -> None:
        server = self._server
        if server.security == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=server.timeout_s, context=self._trust
            )
        else:
            client = smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)
        try:
            if server.security == "starttls":
                client.starttls(context=self._trust)
            client.ehlo_or_helo_if_needed()
            if server.user:
                client.login(server.user, server.password)
            _expect(client.mail(self._sender), smtplib.SMTPSenderRefused, self._sender)
            code, said = client.rcpt(to)
            if code not in (250, 251):
                raise smtplib.SMTPRecipientsRefused({"": (code, said)})
            self._hand_over(client, letter)
        finally:
            client.close()

    @staticmethod
    def _hand_over(client: smtplib.SMTP, letter: bytes) -> None:
        """From here on the letter may have been taken though no answer comes."""
        lost = False
        try:
            code, said = client.data(letter)
        except (smtplib.SMTPServerDisconnected, OSError):
            lost = True
        if lost:
            raise SendFailed(SendFault.UNKNOWN, "no_answer")
        if code != 250:
            raise smtplib.SMTPDataError(code, said)


def _address(written: str) -> Address | None:
    """None where it is none: the parser's own errors repeat it."""
    try:
        return Address(addr_spec=written)
    except (ValueError, IndexError, MessageError):
        return None


def _expect(answer: tuple[int, bytes], refusal: type[smtplib.SMTPSenderRefused], sender: str) -> None:
    code, said = answer
    if code != 250:
        raise refusal(code, said, sender)


def _of_smtp(error: smtplib.SMTPException) -> tuple[SendFault, str]:
    """(fault, reason): the reply codes alone, never the server's words."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _of_recipient(*next(iter(error.recipients.values())))
    if isinstance(error, smtplib.SMTPResponseException):
        if error.smtp_code < 500:
            return SendFault.RETRY, str(error.smtp_code)
        content = isinstance(error, smtplib.SMTPDataError)
        return SendFault.CONTENT if content else SendFault.CONFIG, str(error.smtp_code)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return SendFault.CONFIG, "not_supported"
    return SendFault.RETRY, "connection"


def _of_recipient(code: int, said: bytes) -> tuple[SendFault, str]:
    """An address counts as dead only where the server speaks of the address. "Relaying denied", "sign in first" and
    "your machine is listed" are said at the same place, and are about us.
    """
    found = _ENHANCED.match(said.strip())
    enhanced = found[0].decode("ascii") if found else ""
    reason = f"{code} {enhanced}".strip()
    if code in FULL or enhanced == NO_ROOM:
        return SendFault.FULL, reason
    if code < 500:
        return SendFault.RETRY, reason
    if code == 550 and not enhanced:
        return _of_words(said), reason
    gone = code in NO_SUCH and (not enhanced or GONE.fullmatch(enhanced) is not None)
    return SendFault.RECIPIENT if gone else SendFault.CONFIG, reason


def _of_words(said: bytes) -> SendFault:
    if _TOO_OFTEN.search(said):
        return SendFault.RETRY
    return SendFault.RECIPIENT if _NOBODY.search(said) else SendFault.CONFIG

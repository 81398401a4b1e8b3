"""E-mail against a real SMTP server: what arrives, TLS, and what each refusal means."""

from __future__ import annotations

import socket
import ssl
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.ports import SendFailed, SendFault
from providers.mail import MailServer, SmtpMailer
from tests.providers.fake_server import FakeClock

TO, SENDER = "graduate@example.edu.cn", "notice@lantai.example"
MESSAGE_ID = "<0123456789abcdef@lantai.example>"


@dataclass
class Mailbox:
    """aiosmtpd's handler: keeps letters; ``rcpt`` and ``data`` are the answers, empty to vanish instead."""

    rcpt: str = "250 OK"
    data: str = "250 OK"
    letters: list[tuple[list[str], EmailMessage, bytes]] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        del session
        if not self.data:
            assert server.transport is not None
            server.transport.close()
            return ""
        assert isinstance(envelope.content, bytes)
        self.letters.append(
            (list(envelope.rcpt_tos), message_from_bytes(envelope.content, policy=default), envelope.content)
        )
        return self.data


Serve = Callable[..., tuple[Mailbox, int]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[Controller] = []

    def start(box: Mailbox | None = None, **options: Any) -> tuple[Mailbox, int]:
        box = box or Mailbox()
        controller = Controller(box, hostname="127.0.0.1", port=free_port(), **options)
        controller.start()
        running.append(controller)
        return box, controller.port

    yield start
    for each in running:
        each.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(the server's certificate for 127.0.0.1's name localhost, a client's trust in it)."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "cert.pem"))


def mailer(port: int, **changes: Any) -> SmtpMailer:
    trust = changes.pop("trust", None)
    server = MailServer(**{"host": "127.0.0.1", "port": port, "security": "none", "timeout_s": 2.0, **changes})
    return SmtpMailer(server, SENDER, "兰台大学", FakeClock(), trust=trust)


def send(mailer: SmtpMailer, **changes: str) -> None:
    given = {"to": TO, "subject": "【兰台大学】更正申请：已更正", "body": "您好：\n\n请查看。\n", **changes}
    mailer.send(given["to"], given["subject"], given["body"], message_id=given.get("message_id", MESSAGE_ID))


def fault_of(mailer: SmtpMailer, **changes: str) -> tuple[SendFault, str]:
    with pytest.raises(SendFailed) as caught:
        send(mailer, **changes)
    told = "".join(traceback.format_exception(caught.value))
    assert TO not in told
    assert "secret" not in told
    return caught.value.fault, caught.value.reason


def test_a_letter_arrives_as_it_was_written(serve: Serve) -> None:
    box, port = serve()
    send(mailer(port))
    ((to, letter, raw),) = box.letters
    assert to == [TO]
    assert letter["Subject"] == "【兰台大学】更正申请：已更正"
    assert letter["From"] == "兰台大学 <notice@lantai.example>"
    assert (letter["To"], letter["Message-ID"]) == (TO, MESSAGE_ID)
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"].datetime == FakeClock().now().replace(microsecond=0)
    assert letter.get_content().replace("\r\n", "\n") == "您好：\n\n请查看。\n"
    head = raw.split(b"\r\n\r\n")[0]
    assert head.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))


@pytest.mark.parametrize("name", ["to", "subject", "message_id"])
@pytest.mark.parametrize("evil", ["x\r\nBcc: other@example.cn", "x\nX: y", "x\x00y", "x\u2028y"])
def test_no_value_becomes_a_header(name: str, evil: str, serve: Serve) -> None:
    box, port = serve()
    assert fault_of(mailer(port), **{name: evil}) == (SendFault.CONTENT, "control_character")
    assert box.letters == []


@pytest.mark.parametrize("to", ["a..b@x.cn", ".a@x.cn", "a.@x.cn", "a b@x.cn", "名@x.cn", "@x.cn", "a@", "a", ""])
def test_what_is_no_address_is_a_fault_of_the_letter(to: str, serve: Serve) -> None:
    box, port = serve()
    with pytest.raises(SendFailed) as caught:
        send(mailer(port), to=to)
    assert (caught.value.fault, caught.value.reason) == (SendFault.CONTENT, "address")
    assert box.letters == []


def test_a_dot_at_the_beginning_of_a_line_survives(serve: Serve) -> None:
    box, port = serve()
    send(mailer(port), body="第一行\n.\n..\n最后一行\n")
    assert box.letters[0][1].get_content().replace("\r\n", "\n") == "第一行\n.\n..\n最后一行\n"


@pytest.mark.parametrize(
    ("rcpt", "data", "fault"),
    [
        ("450 later", "250 OK", (SendFault.RETRY, "450")),
        ("550 no such user graduate@example.edu.cn", "250 OK", (SendFault.RECIPIENT, "550")),
        ("550 User not found: graduate@example.edu.cn", "250 OK", (SendFault.RECIPIENT, "550")),
        ("550 Domain frequency limited", "250 OK", (SendFault.RETRY, "550")),
        ("550 Mailbox unavailable or access denied", "250 OK", (SendFault.CONFIG, "550")),
        ("550 Mail is rejected by recipients", "250 OK", (SendFault.CONFIG, "550")),
        ("550 5.1.1 <graduate@example.edu.cn> unknown", "250 OK", (SendFault.RECIPIENT, "550 5.1.1")),
        ("550 5.2.1 closed", "250 OK", (SendFault.RECIPIENT, "550 5.2.1")),
        ("551 moved", "250 OK", (SendFault.RECIPIENT, "551")),
        ("553 no such name", "250 OK", (SendFault.RECIPIENT, "553")),
        ("550 5.7.1 relaying denied", "250 OK", (SendFault.CONFIG, "550 5.7.1")),
        ("550 5.1.8 sender's domain unknown", "250 OK", (SendFault.CONFIG, "550 5.1.8")),
        ("553 5.7.1 sender not yours", "250 OK", (SendFault.CONFIG, "553 5.7.1")),
        ("554 your machine is listed", "250 OK", (SendFault.CONFIG, "554")),
        ("554 5.7.1 refused", "250 OK", (SendFault.CONFIG, "554 5.7.1")),
        ("530 5.7.0 sign in first", "250 OK", (SendFault.CONFIG, "530 5.7.0")),
        ("550 5.2.2 over quota", "250 OK", (SendFault.FULL, "550 5.2.2")),
        ("552 full", "250 OK", (SendFault.FULL, "552")),
        ("250 OK", "451 later", (SendFault.RETRY, "451")),
        ("250 OK", "554 looks like spam", (SendFault.CONTENT, "554")),
        ("250 OK", "", (SendFault.UNKNOWN, "no_answer")),
    ],
)
def test_what_each_refusal_means(rcpt: str, data: str, fault: tuple[SendFault, str], serve: Serve) -> None:
    _, port = serve(Mailbox(rcpt, data))
    assert fault_of(mailer(port)) == fault


def test_nobody_there_and_nobody_answering() -> None:
    assert fault_of(mailer(free_port())) == (SendFault.RETRY, "connection")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert fault_of(mailer(silent.getsockname()[1], timeout_s=0.3)) == (SendFault.RETRY, "connection")


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_tls_with_a_certificate_that_is_trusted_and_one_that_is_not(
    security: str, serve: Serve, trust: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    server, client = trust
    wrapped = {"ssl_context": server} if security == "tls" else {"tls_context": server, "require_starttls": True}
    box, port = serve(**wrapped)
    send(mailer(port, host="localhost", security=security, trust=client))
    assert len(box.letters) == 1
    assert fault_of(mailer(port, host="localhost", security=security)) == (SendFault.CONFIG, "tls")
    named = fault_of(mailer(port, host="127.0.0.1", security=security, trust=client))
    assert named == (SendFault.CONFIG, "tls")  # a certificate of another name
    assert len(box.letters) == 1


def test_a_server_without_starttls_is_never_spoken_to_in_the_clear(serve: Serve) -> None:
    box, port = serve()
    assert fault_of(mailer(port, security="starttls")) == (SendFault.CONFIG, "not_supported")
    assert box.letters == []


@pytest.mark.parametrize(("password", "accepted"), [("right-secret", True), ("wrong-secret", False)])
def test_signing_in(password: str, accepted: bool, serve: Serve, trust: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    def check(*given: Any) -> AuthResult:
        return AuthResult(success=given[-1].password == b"right-secret", handled=False)

    server, client = trust
    box, port = serve(tls_context=server, authenticator=check, auth_required=True)
    made = mailer(port, host="localhost", security="starttls", trust=client, user="notice", password=password)
    if accepted:
        send(made)
    else:
        assert fault_of(made) == (SendFault.CONFIG, "535")
    assert len(box.letters) == int(accepted)

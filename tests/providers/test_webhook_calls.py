"""Calling subscribers: nowhere but to public addresses, to the one that was judged, and never for long."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.webhook_ports import WebhookCall, WebhookFailed
from providers.webhook_calls import HttpWebhookCaller

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntaken"
BODY = b"{}"
PUBLIC = "93.184.215.14"
Talk = Callable[[socket.socket], None]


def whole(taken: socket.socket) -> bytes:
    """A request with its body, which comes by itself: a peer that closes with it unread resets the line."""
    got = b""
    while not got.endswith(BODY) and (more := taken.recv(65536)):
        got += more
    return got


@contextmanager
def peer(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """(port, what came in) of a server that answers each connection with ``talk``."""
    server, heard = socket.create_server(("127.0.0.1", 0)), list[bytes]()

    def serve() -> None:
        while True:
            try:
                plain, _ = server.accept()
            except OSError:
                return
            try:
                with plain, tls.wrap_socket(plain, server_side=True) if tls else plain as taken:
                    taken.settimeout(5)
                    heard.append(whole(taken))
                    talk(taken)
            except OSError:
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1], heard
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def call(url: str, timeout_s: float = 5.0, keep: int = 0) -> WebhookCall:
    return WebhookCall(url, {"webhook-id": "m"}, BODY, timeout_s, keep)


def answering(reply: bytes) -> Talk:
    return lambda taken: taken.sendall(reply)


def never(host: str, port: int) -> list[str]:
    raise AssertionError(f"{host}:{port} was asked for")


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["10.1.2.3"],
        ["172.16.0.9"],
        ["192.168.1.1"],
        ["169.254.169.254"],
        ["100.64.0.1"],
        ["0.0.0.0"],
        ["224.0.0.1"],
        ["255.255.255.255"],
        ["fe80::1%eth0"],
        ["fc00::1"],
        ["::"],
        ["::ffff:127.0.0.1"],
        ["::ffff:10.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::1"],
        [PUBLIC, "10.0.0.1"],
        [],
    ],
)
def test_only_public_addresses_are_called_and_all_of_a_name_count(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "create_connection", never)
    caller = HttpWebhookCaller(loopback=False, resolve=lambda *_: addresses)
    with pytest.raises(WebhookFailed) as refused:
        caller.call(call("https://bot.example/hook"))
    assert refused.value.reason == ("target_refused" if addresses else "unknown_host")


@pytest.mark.parametrize(
    "url",
    [
        "http://bot.example/hook",
        "ftp://bot.example/hook",
        "https://user:word@bot.example/hook",
        "https://bot.example/hook#part",
        "https://bot.example:22/hook",
        "https://bot.example:6379/hook",
        "https://bot.example:99999/hook",
        "https:///hook",
        "//bot.example",
    ],
)
def test_addresses_in_another_form_are_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", never)
    with pytest.raises(WebhookFailed, match="target_refused"):
        HttpWebhookCaller(loopback=False, resolve=lambda *_: [PUBLIC]).call(call(url))


def test_a_public_address_is_connected_to_as_it_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control for the refusals above."""
    tried: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    for url in ("https://bot.example/hook?a=b", "https://bot.example:8443/hook"):
        with pytest.raises(WebhookFailed, match="connection"):
            HttpWebhookCaller(loopback=False, resolve=lambda *_: [PUBLIC]).call(call(url))
    assert tried == [(PUBLIC, 443), (PUBLIC, 8443)]


def test_a_name_that_changes_its_mind_is_asked_once_and_the_judged_address_is_called() -> None:
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    with peer(answering(OK)) as (port, heard):
        caller = HttpWebhookCaller(loopback=True, resolve=lambda *_: answers.pop(0))
        assert caller.call(call(f"http://rebinding.example:{port}/hook?a=b")).status == 200
    assert answers == [["10.0.0.1"]]
    head = heard[0].decode()
    assert head.startswith("POST /hook?a=b HTTP/1.1\r\n")
    assert f"Host: rebinding.example:{port}\r\n" in head


def test_the_sandbox_allows_this_machine_and_nothing_else_private() -> None:
    with pytest.raises(WebhookFailed, match="target_refused"):
        HttpWebhookCaller(loopback=True, resolve=lambda *_: ["10.0.0.1"]).call(call("http://bot.example/"))
    with pytest.raises(WebhookFailed, match="target_refused"):
        HttpWebhookCaller(loopback=True, resolve=lambda *_: ["127.0.0.1", "10.0.0.1"]).call(call("http://bot.example/"))


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with peer(answering(OK)) as (elsewhere, reached):
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{elsewhere}/\r\nContent-Length: 0\r\n\r\n"
        with peer(answering(moved.encode())) as (port, _):
            assert HttpWebhookCaller(loopback=True).call(call(f"http://127.0.0.1:{port}/")).status == 302
        assert reached == []


def test_of_the_answer_only_what_was_asked_for_is_read() -> None:
    with peer(answering(OK)) as (port, _):
        caller, url = HttpWebhookCaller(loopback=True), f"http://127.0.0.1:{port}/"
        assert caller.call(call(url)).body == b""
        assert caller.call(call(url, keep=3)).body == b"tak"
    late = b"HTTP/1.1 429 Slow\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"
    with peer(answering(late)) as (port, _):
        assert HttpWebhookCaller(loopback=True).call(call(f"http://127.0.0.1:{port}/")).retry_after == "120"


def dripping(taken: socket.socket) -> None:
    """A header line that never ends: each read is in time."""
    taken.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(200):
        taken.sendall(b"a")
        time.sleep(0.05)


def silent(taken: socket.socket) -> None:
    time.sleep(3)


@pytest.mark.parametrize("talk", [dripping, silent])
def test_the_whole_exchange_ends_in_time(talk: Talk) -> None:
    with peer(talk) as (port, _):
        begun = time.monotonic()
        with pytest.raises(WebhookFailed, match="timeout"):
            HttpWebhookCaller(loopback=True).call(call(f"http://127.0.0.1:{port}/", timeout_s=0.4))
        assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("reply", [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 two hundred\r\n\r\n"])
def test_what_is_no_http_is_no_answer(reply: bytes) -> None:
    with peer(answering(reply)) as (port, _), pytest.raises(WebhookFailed) as failed:
        HttpWebhookCaller(loopback=True).call(call(f"http://127.0.0.1:{port}/"))
    assert failed.value.reason == ("malformed" if reply else "connection")
    assert failed.value.__cause__ is failed.value.__context__ is None
    assert str(port) not in str(failed.value)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(a server's context for bot.example, a client's that trusts it)."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bot")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("bot.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem: Path = tmp_path_factory.mktemp("tls") / "bot.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))


def test_tls_is_for_the_name_and_by_somebody_trusted(authority: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    served, trusting = authority
    with peer(answering(OK), served) as (port, heard):

        def caller(tls: ssl.SSLContext | None) -> HttpWebhookCaller:
            return HttpWebhookCaller(loopback=True, resolve=lambda *_: ["127.0.0.1"], tls=tls)

        assert caller(trusting).call(call(f"https://bot.example:{port}/")).status == 200
        for url, tls in ((f"https://other.example:{port}/", trusting), (f"https://bot.example:{port}/", None)):
            with pytest.raises(WebhookFailed, match="tls"):
                caller(tls).call(call(url))
        assert len([h for h in heard if h.startswith(b"POST")]) == 1

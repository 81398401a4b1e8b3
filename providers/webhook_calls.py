"""Calling the machines that subscribe to events: one POST, to nowhere but where a subscriber may be.

The name is resolved once, every address of it is judged, and the connection goes to a judged address, so that a name
which changes its mind in between (DNS rebinding) leads nowhere else. No redirect is followed.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from urllib.parse import SplitResult, urlsplit

from app.webhook_ports import WebhookAnswer, WebhookCall, WebhookFailed
from providers.targets import Resolve, addresses_of, refuse_target

PORTS = (443, 8443)
"""Elsewhere than on this machine; a subscriber must not make us knock at other services' doors."""


class _Exchange:
    """The socket of one call, cut off at its deadline: a peer that drips a byte now and then is never late for a
    single read.
    """

    def __init__(self, timeout_s: float) -> None:
        self.late = False
        self._ends, self._timer = time.monotonic() + timeout_s, threading.Timer(timeout_s, self._cut)
        self._timer.daemon = True
        self._held: socket.socket | None = None

    @property
    def left(self) -> float:
        return max(0.05, self._ends - time.monotonic())

    def hold(self, sock: socket.socket) -> None:
        self._held = sock
        sock.settimeout(self.left)

    def _cut(self) -> None:
        self.late = True
        if self._held is not None:
            with contextlib.suppress(OSError):
                # not SSLSocket's own, which would go on in the clear
                socket.socket.shutdown(self._held, socket.SHUT_RDWR)

    @contextmanager
    def bounded(self) -> Iterator[None]:
        self._timer.start()
        try:
            yield
        finally:
            self._timer.cancel()
            if self._held is not None:
                self._held.close()


class HttpWebhookCaller:
    """app.webhook_ports.WebhookCaller. ``loopback``: subscribers on this machine are called too, over plain HTTP."""

    def __init__(self, *, loopback: bool, resolve: Resolve = addresses_of, tls: ssl.SSLContext | None = None) -> None:
        self._loopback, self._resolve, self._given = loopback, resolve, tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Made at the first call: reading the machine's authorities takes longer than wiring all the rest."""
        return self._given or ssl.create_default_context()

    def call(self, call: WebhookCall) -> WebhookAnswer:
        """app.webhook_ports.WebhookCaller."""
        url, port, address = self._judged(call.url)
        exchange, answer, reason = _Exchange(call.timeout_s), None, "connection"
        try:
            with exchange.bounded():
                answer = self._exchange(exchange, url, port, address, call)
        except ssl.SSLCertVerificationError:
            reason = "tls"
        except TimeoutError:
            reason = "timeout"
        except (OSError, http.client.HTTPException, ValueError) as error:
            # a peer that goes away is a bad status line too, to http.client
            gone = isinstance(error, OSError)
            reason = "connection" if gone or not isinstance(error, http.client.HTTPException) else "malformed"
        # cut off in the middle of the headers, an answer looks whole to http.client
        if answer is None or exchange.late:  # raised out here so that no __context__ carries the address
            raise WebhookFailed("timeout" if exchange.late else reason)
        return answer

    def _judged(self, text: str) -> tuple[SplitResult, int, str]:
        """(parts, port, the address to connect to)."""
        addresses: list[str] = []
        try:
            url = urlsplit(text)
            port = url.port or (443 if url.scheme == "https" else 80)
            addresses = self._resolve(url.hostname or "", port)
            refused = refuse_target(url, addresses, loopback=self._loopback, query=True, ports=PORTS)
        except ValueError:
            refused = "form"
        except OSError:
            refused = "unknown_host"
        if refused:
            raise WebhookFailed("unknown_host" if refused == "unknown_host" else "target_refused")
        return url, port, addresses[0]

    def _exchange(
        self, exchange: _Exchange, url: SplitResult, port: int, address: str, call: WebhookCall
    ) -> WebhookAnswer:
        plain = socket.create_connection((address, port), timeout=exchange.left)
        exchange.hold(plain)
        connection = http.client.HTTPConnection(address, port)
        connection.sock = self._wrapped(exchange, plain, url) if url.scheme == "https" else plain
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("POST", target, body=call.body, headers={**call.headers, "Host": url.netloc})
        with connection.getresponse() as response:
            body = response.read(call.keep) if call.keep else b""
            return WebhookAnswer(response.status, (response.getheader("Retry-After") or "")[:40], body)

    def _wrapped(self, exchange: _Exchange, plain: socket.socket, url: SplitResult) -> ssl.SSLSocket:
        wrapped = self._tls.wrap_socket(plain, server_hostname=url.hostname, do_handshake_on_connect=False)
        exchange.hold(wrapped)
        wrapped.do_handshake()
        return wrapped

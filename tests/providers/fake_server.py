"""A small HTTP server whose every answer a test decides, including the bad ones."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


class FakeClock:
    """Stands still until moved."""

    def __init__(self, at: float = 1_760_000_000.0) -> None:
        self._now = datetime.fromtimestamp(at, UTC)

    def now(self) -> datetime:
        return self._now

    def forward(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True)
class Answer:
    """``manner``: "plain", "reset" (read the request, then break), "silent" (never answers), "drip" (never ends)."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    manner: str = "plain"
    headers: dict[str, str] = field(default_factory=dict)


def as_json(value: object, content_type: str = "application/json") -> Answer:
    return Answer(json.dumps(value, ensure_ascii=False).encode(), content_type=content_type)


RESET, SILENT, DRIP = Answer(manner="reset"), Answer(manner="silent"), Answer(manner="drip")
HTML = Answer(b"<html><body>502 Bad Gateway</body></html>", content_type="text/html")


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a stampede must reach us, not the kernel's short queue

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up on purpose here."""


class FakeServer:
    """``answer`` is called for every request; ``seen`` keeps them in order."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answer: Callable[[Seen], Answer] = lambda seen: Answer(b"{}")
        self._gate = threading.Lock()
        self._closing = threading.Event()
        self._http = _Http(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def paths(self, ending: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path.endswith(ending)]

    def close(self) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()

    def _note(self, seen: Seen) -> Answer:
        with self._gate:
            self.seen.append(seen)
        return self.answer(seen)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                return

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                self._give(server._note(Seen(self.command, parts.path, query, headers, body)))

            do_GET = _serve
            do_POST = _serve
            do_HEAD = _serve
            do_DELETE = _serve

            def do_PUT(self) -> None:
                if self.headers.get("Expect") == "100-continue":
                    self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                self._serve()

            def _give(self, answer: Answer) -> None:
                if answer.manner == "reset":
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close_connection = True
                    self.connection.close()
                    return
                if answer.manner == "silent":
                    server._closing.wait(30)
                    return
                drips = answer.manner == "drip"
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", "100000" if drips else str(len(answer.body)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)
                while drips and not server._closing.wait(0.05):
                    self.wfile.write(b" ")
                    self.wfile.flush()

        return Handler


def closed_port_url() -> str:
    """An address nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"

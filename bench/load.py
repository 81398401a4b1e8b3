"""A closed-loop HTTP loader: each client sends its next request when the answer to the last has come."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

CHUNK = 65536


@dataclass(slots=True)
class Client:
    """One keep-alive connection and the answer it is waiting for."""

    connection: socket.socket
    request: bytes
    sent_at: float = 0.0
    buffer: bytearray = field(default_factory=bytearray)

    def send(self) -> None:
        self.buffer.clear()
        self.sent_at = time.perf_counter()
        self.connection.sendall(self.request)

    def receive(self) -> bytes | None:
        """The status code once a whole answer has come. Raises ConnectionError when the server hung up."""
        piece = self.connection.recv(CHUNK)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self.buffer += piece
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self.buffer[:end]).lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        return head[9:12] if len(self.buffer) >= end + 4 + length else None


@dataclass(frozen=True, slots=True)
class Load:
    """``latencies`` in seconds, one per answer; ``statuses`` counts them."""

    seconds: float
    latencies: Sequence[float]
    statuses: dict[str, int]

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def get(path: str, token: str = "") -> bytes:
    """The bytes of a keep-alive GET."""
    lines = [f"GET {path} HTTP/1.1", "Host: bench", "Accept: application/json"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def closed_loop(port: int, requests: Sequence[bytes], *, clients: int, seconds: float) -> Load:
    """``clients`` connections, each with one of ``requests``, for ``seconds``. Every connection is new."""
    watch = selectors.DefaultSelector()
    people = []
    for number in range(clients):
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        person = Client(connection, requests[number % len(requests)])
        watch.register(connection, selectors.EVENT_READ, person)
        people.append(person)
    latencies: list[float] = []
    statuses: dict[str, int] = {}
    started = time.perf_counter()
    ends = started + seconds
    for person in people:
        person.send()
    while (now := time.perf_counter()) < ends:
        for key, _ in watch.select(timeout=ends - now):
            _take(key.data, latencies, statuses)
    took = time.perf_counter() - started
    for person in people:
        person.connection.close()
    watch.close()
    return Load(took, latencies, statuses)


def _take(person: Any, latencies: list[float], statuses: dict[str, int]) -> None:
    status = person.receive()
    if status is None:
        return
    latencies.append(time.perf_counter() - person.sent_at)
    word = status.decode()
    statuses[word] = statuses.get(word, 0) + 1
    person.send()

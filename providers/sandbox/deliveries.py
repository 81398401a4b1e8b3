"""Calls from the platforms to us: sent in the background, and sent again until they are taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import requests

REPLY_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Parcel:
    """One call-back, repeated byte for byte at every try.

    ``pauses_s`` are the waits before the second, third … try, so their number plus one is the number of tries.
    """

    kind: str
    url: str
    body: bytes
    content_type: str
    accept: Callable[[int, bytes], bool]
    pauses_s: tuple[float, ...]
    timeout_s: float = 5.0


class Post(Protocol):
    def __call__(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
        """(status, body). Raises OSError when there is no answer."""
        ...


def http_post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
    """Neither proxies of the environment nor redirects are used."""
    with requests.Session() as session:
        session.trust_env = False
        reply = session.post(url, data=body, headers=dict(headers), timeout=timeout_s, allow_redirects=False)
        return reply.status_code, reply.content[:REPLY_LIMIT]


@dataclass(slots=True)
class Delivery:
    """What became of a parcel: ``state`` is pending, delivered, given_up or skipped (we have no public URL)."""

    id: int
    kind: str
    at: float
    state: str = "pending"
    tries: int = 0
    statuses: list[int] = field(default_factory=list)
    reply: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Courier:
    """Each parcel has a thread of its own. ``idle`` lets a test wait for all of them."""

    def __init__(self, post: Post = http_post, sleep: Callable[[float], None] = time.sleep) -> None:
        self._post = post
        self._sleep = sleep
        self._deliveries: list[Delivery] = []
        self._seq = 0
        self._changed = threading.Condition()

    def send(self, parcel: Parcel, *, wait: bool = False) -> Delivery:
        """Hand the parcel over; with ``wait`` only return when it was taken or given up."""
        with self._changed:
            self._seq += 1
            delivery = Delivery(self._seq, parcel.kind, time.time())
            self._deliveries.append(delivery)
        if not parcel.url:
            self._end(delivery, "skipped")
        elif wait:
            self._run(parcel, delivery)
        else:
            threading.Thread(target=self._run, args=(parcel, delivery), daemon=True).start()
        return delivery

    def idle(self, timeout_s: float) -> bool:
        """True once nothing is pending; False if that takes longer than ``timeout_s``."""
        with self._changed:
            return self._changed.wait_for(lambda: all(d.state != "pending" for d in self._deliveries), timeout_s)

    def all(self) -> list[dict[str, Any]]:
        with self._changed:
            return [delivery.as_json() for delivery in self._deliveries]

    def forget(self) -> None:
        """Drop what is over; what is under way goes on."""
        with self._changed:
            self._deliveries = [d for d in self._deliveries if d.state == "pending"]

    def _run(self, parcel: Parcel, delivery: Delivery) -> None:
        for pause in (0.0, *parcel.pauses_s):
            if pause:
                self._sleep(pause)
            if self._try(parcel, delivery):
                return self._end(delivery, "delivered")
        return self._end(delivery, "given_up")

    def _try(self, parcel: Parcel, delivery: Delivery) -> bool:
        headers = {"Content-Type": parcel.content_type, "User-Agent": "Mozilla/4.0"}
        delivery.tries += 1
        try:
            status, body = self._post(parcel.url, parcel.body, headers, parcel.timeout_s)
        except OSError:
            delivery.statuses.append(0)
            return False
        delivery.statuses.append(status)
        delivery.reply = body[:200].decode("utf-8", "replace")
        return parcel.accept(status, body)

    def _end(self, delivery: Delivery, state: str) -> None:
        with self._changed:
            delivery.state = state
            self._changed.notify_all()

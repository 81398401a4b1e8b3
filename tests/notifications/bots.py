"""Bots of other systems over real HTTP on this machine, and clients of the partner door that subscribe them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import Any
from uuid import UUID

from sqlalchemy import select
from standardwebhooks import Webhook

from app.actors import Actor, ActorKind
from notifications.public_events import EVENT_TYPES, PING
from notifications.webhook_models import WebhookAttempt, WebhookMessage, WebhookSubscription
from notifications.webhook_rules import Attempt, Message, State
from parts import Lantai


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> dict[str, Any]:
        """By the receivers' library, against the machine's own clock. Raises WebhookVerificationError."""
        said: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return said


@dataclass
class Bot:
    """Answers as told: ``status``, after ``wait_s``, with ``headers``. Pings are answered as they should be unless
    ``deaf``.
    """

    url: str = ""
    status: int = 200
    wait_s: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    deaf: bool = False
    seen: list[Received] = field(default_factory=list)
    pings: list[Received] = field(default_factory=list)
    on_message: Callable[[], None] = lambda: None
    at_once: int = 0
    most_at_once: int = 0

    def types(self) -> list[str]:
        return [r.said["type"] for r in self.seen]

    def answer(self, received: Received) -> tuple[int, bytes]:
        if received.said["type"] == PING:
            self.pings.append(received)
            return 200, b"" if self.deaf else received.said["data"]["challenge"].encode()
        self.seen.append(received)
        self.on_message()
        time.sleep(self.wait_s)
        return self.status, b"taken"


@contextmanager
def bot() -> Iterator[Bot]:
    made, lock = Bot(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with lock:
                made.at_once += 1
                made.most_at_once = max(made.most_at_once, made.at_once)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, said = made.answer(Received({k.lower(): v for k, v in self.headers.items()}, body))
            with lock:
                made.at_once -= 1
            self.send_response(status)
            for name, value in made.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Client:
    """A client of the partner door."""

    actor: Actor
    credential: str


def client_of(lantai: Lantai, name: str = "通知机器人", receiver: str = "") -> Client:
    scopes = ["events:subscribe", *(["dossiers:receive"] if receiver else [])]
    client_id, credential = lantai.partners.add(name, scopes, receiver)
    return Client(Actor(ActorKind.PARTNER, client_id), credential)


def subscribed(lantai: Lantai, client: Client, there: Bot, *types: str) -> tuple[UUID, str]:
    """(a live subscription, its secret): to every type unless some are named."""
    made, secret = lantai.webhooks.subscribe(client.actor, there.url, list(types) or list(EVENT_TYPES))
    result = lantai.webhooks.test(client.actor, made.id)
    assert result.passed, result
    return made.id, secret


Deliver = Callable[[], None]


def fared(lantai: Lantai, client: Actor, webhook: UUID) -> None:
    """Makes it live with a log that has something of everything, without calling anybody."""
    now, luck = lantai.clock.now(), cycle(Message)
    with lantai.db.transaction() as session:
        session.get_one(WebhookSubscription, webhook).state = State.FAILING
    lantai.event_feed.take_in()
    lantai.webhook_log.replay_span(client, webhook, now - timedelta(days=1), now + timedelta(days=1))
    with lantai.db.transaction() as session:
        for message in session.scalars(select(WebhookMessage).limit(6)):
            message.state = next(luck)
            failed = {"state": Attempt.FAILED, "status": 503, "reason": "status", "duration_ms": 40}
            session.add(WebhookAttempt(message_id=message.id, number=1, created_at=now, **failed))
            if message.state is Message.DELIVERED:
                done = {"state": Attempt.DELIVERED, "status": 200, "duration_ms": 12}
                session.add(WebhookAttempt(message_id=message.id, number=2, created_at=now, **done))

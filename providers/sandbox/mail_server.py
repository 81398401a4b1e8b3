"""The sandbox's e-mail server: real SMTP on loopback, for every recipient. It keeps what came."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from providers.sandbox.world import World

HOST = "127.0.0.1"


class PostBox:
    """aiosmtpd's handler. A fault for ``mail`` with an errcode is the answer to the next recipient."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        fault = self._world.faults.take("mail")
        if fault is not None:
            return f"{fault.value or 450} scripted by the sandbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        del server, session
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        with self._world.lock:
            self._world.letters.take_mail(tuple(envelope.rcpt_tos), message_from_bytes(content, policy=default))
        return "250 OK, kept by the sandbox"


@contextmanager
def mail_server(world: World) -> Iterator[None]:
    """On a thread of this process, at the configured port; nothing where none is configured."""
    if not world.config.mail_port:
        yield
        return
    controller = Controller(PostBox(world), hostname=HOST, port=world.config.mail_port)
    controller.start()
    try:
        yield
    finally:
        controller.stop()

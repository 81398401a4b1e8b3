"""Several worker processes share the notices that wait: each message leaves once, and more than one takes part."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

import worker
from app.actors import SYSTEM
from app.dossiers.incoming import NewDossier
from app.jobs import Announce
from app.people.rules import id_check_digit
from app.people.service import Card
from app.ports import OutboundMessage, Platform, PlatformAccount
from notifications.catalogue.text import Template
from notifications.models import AttemptState, DeliveryAttempt
from parts import Lantai
from providers.embedded.services import ServiceUrls
from providers.keys import FileKeys
from tests.proof.forked import Forked
from tests.proof.house import wired
from wiring import build_queue_app

WORKERS, PEOPLE, EACH, LIMIT_S = 3, 20, 3, 120.0


class Written:
    """app.ports.MessageSender whose messages are lines of a file that all processes append to."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def send(self, message: OutboundMessage) -> str:
        time.sleep(0.05)
        with self._file.open("a", encoding="utf-8") as out:
            out.write(f"{os.getpid()} {message.open_id}\n")
        return ""


def with_sender(urls: ServiceUrls, folder: Path) -> Lantai:
    parts, _ = wired(urls, folder)
    senders, templates = parts.delivery._channels.senders, parts.delivery._channels.template_ids["wechat"]
    assert isinstance(senders, dict)
    assert isinstance(templates, dict)
    senders[Platform.WECHAT], templates[Template.TICKET_DECIDED] = Written(folder / "sent"), "template"
    return parts


@pytest.fixture
def parts(urls: ServiceUrls, tmp_path: Path) -> Iterator[Lantai]:
    FileKeys.create(tmp_path / "keys")
    made = with_sender(urls, tmp_path)
    yield made
    made.close()


def test_each_message_leaves_once_and_all_take_part(parts: Lantai, urls: ServiceUrls, tmp_path: Path) -> None:
    for serial in range(PEOPLE):
        _told(parts, serial)
    working = [Forked(lambda: worker.run(build_queue_app(urls), with_sender(urls, tmp_path))) for _ in range(WORKERS)]
    try:
        deadline = time.monotonic() + LIMIT_S
        while _sent(parts) < PEOPLE * EACH and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        for each in working:
            each.kill()
            each.wait()
    lines = [line.split() for line in (tmp_path / "sent").read_text("utf-8").splitlines()]
    assert Counter(open_id for _, open_id in lines) == {f"open-{n}": EACH for n in range(PEOPLE)}
    assert len({pid for pid, _ in lines}) > 1


def _told(parts: Lantai, serial: int) -> None:
    body = f"11010520040316{serial:03d}"
    card = Card("测试己", body + id_check_digit(body), f"2024{serial:06d}", f"136{serial:08d}")
    graduate = parts.filing.file_dossier(SYSTEM, NewDossier(card, 2026, "文学院", "档案学", "本科", {}, []))
    with parts.db.transaction() as session:
        identity = parts.people.remember_identity(session, PlatformAccount(Platform.WECHAT, "app", f"open-{serial}"))
        parts.people.bind(session, identity.id, graduate)
        for _ in range(EACH):
            event = parts.log.record(session, SYSTEM, "ticket.decided", graduate_id=graduate, data={"state": "applied"})
            parts.queue.enqueue(session, Announce(event))


def _sent(parts: Lantai) -> int:
    with parts.db.transaction() as session:
        query = select(func.count()).select_from(DeliveryAttempt).where(DeliveryAttempt.state == AttemptState.SENT)
        return session.scalar(query) or 0

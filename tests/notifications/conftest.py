"""What tests share: for webhooks a clock that agrees with the bots' and a worker; for notices somebody to be told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text

import worker
from app.actors import SYSTEM, Purpose
from app.job_worker import work
from app.jobs import Announce, DeliverNotice, DeliverWebhooks
from notifications.channel_rules import ContactKind
from notifications.models import Notice
from parts import Lantai
from providers.embedded.services import ServiceUrls
from providers.keys import FileKeys
from tests.conftest import ApiClient, Person, World
from tests.fakes import FakeClock
from tests.notifications.bots import Bot, Client, bot, client_of
from tests.notifications.ways import ADDRESSES, DATA, Tell, code_of
from tests.proof.forked import Forked
from tests.proof.house import wired
from wiring import build_queue_app, register_work


@pytest.fixture
def there() -> Iterator[Bot]:
    with bot() as made:
        yield made


@pytest.fixture
def client_of_all(lantai: Lantai) -> Client:
    return client_of(lantai)


@pytest.fixture
def deliver(lantai: Lantai, urls: ServiceUrls) -> Callable[[], None]:
    """As the worker does until nothing more is due at this moment."""

    def run() -> None:
        while lantai.webhook_delivery.tick():
            queue = build_queue_app(urls)
            register_work(queue, lantai)
            asyncio.run(work(queue, [DeliverWebhooks.queue], concurrency=4, wait=False))

    return run


@pytest.fixture
def today(clock: FakeClock) -> FakeClock:
    """The test's clock at the machine's own time: receivers refuse what is more than five minutes off."""
    clock.advance(seconds=(datetime.now(UTC) - clock.now()).total_seconds())
    return clock


# --- a graduate who is told something --------------------------------------------------------------------------------


@pytest.fixture
def person(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    run_jobs: Callable[[], None],
    world: World,
) -> Person:
    """A graduate with one WeChat account and an empty queue, at nine in the morning."""
    made = graduate_factory()
    signed_in(made, 2)
    run_jobs()
    world.wechat_sender.sent.clear()
    return made


@pytest.fixture
def tell(lantai: Lantai, person: Person) -> Tell:
    """Record an event, announce it, and give the delivery job instead of running it; the queue is empty after."""

    def make(kind: str) -> DeliverNotice:
        with lantai.db.transaction() as session:
            event = lantai.log.record(session, SYSTEM, kind, graduate_id=person.id, data=DATA.get(kind, {}))
        lantai.announcing.announce(Announce(event))
        with lantai.db.transaction() as session:
            session.execute(text("delete from procrastinate_jobs"))
            return DeliverNotice(session.scalars(select(Notice.id).where(Notice.event_id == event)).one())

    return make


@pytest.fixture
def reach(lantai: Lantai, person: Person, world: World) -> Callable[..., None]:
    """Verified addresses of these kinds."""

    def make(*kinds: ContactKind) -> None:
        actor = person.actor(Purpose.MANAGE_ACCOUNT, now=lantai.clock.now())
        for kind in kinds:
            added = lantai.contacts.add(actor, kind, ADDRESSES[kind])
            lantai.contacts.verify(actor, added.id, code_of(world, kind))
        world.mailer.sent.clear()
        world.sms.sent.clear()
        with lantai.db.transaction() as session:
            session.execute(text("delete from procrastinate_jobs"))

    return make


# --- processes that are killed ----------------------------------------------------------------------------------------


@pytest.fixture
def parts(urls: ServiceUrls, tmp_path: Path) -> Iterator[Lantai]:
    FileKeys.create(tmp_path / "keys")
    made, _ = wired(urls, tmp_path)
    yield made
    made.close()


@pytest.fixture
def begin(urls: ServiceUrls, tmp_path: Path) -> Iterator[Callable[[], Forked]]:
    begun: list[Forked] = []

    def work() -> None:
        worker.run(build_queue_app(urls), wired(urls, tmp_path)[0])

    def make() -> Forked:
        begun.append(Forked(work))
        return begun[-1]

    yield make
    for each in begun:
        if not each.ended():
            each.kill()
            each.wait()

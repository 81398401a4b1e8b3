"""The feed: every event once and in order, whatever commits when; who sees what; cursors; forgetting."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.actors import SYSTEM
from app.db import Database, new_id, new_ids
from app.errors import Gone, NotFound
from app.events import COPIED, Event
from notifications.feed import KEEP, EventFeed, Subscriber
from notifications.public_events import EVENT_TYPES
from notifications.webhook_models import EventOutbox, PublicEvent, WebhookMessage
from parts import Lantai
from providers.embedded.services import ServiceUrls
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.notifications.bots import Bot, Client, Deliver, client_of, subscribed

People = Callable[..., Person]
WRITERS, EACH = 4, 60


def happened(lantai: Lantai, graduate: UUID, dossier: UUID, db: Database | None = None) -> None:
    with (db or lantai.db).transaction() as session:
        lantai.log.record(
            session, SYSTEM, "dossier.filed", graduate_id=graduate, object_kind="dossier", object_id=dossier
        )


def everybody(lantai: Lantai, client: Client) -> Subscriber:
    return lantai.webhooks.subscriber(client.actor)


def test_events_that_commit_out_of_order_come_once_without_gaps(
    lantai: Lantai, urls: ServiceUrls, client_of_all: Client
) -> None:
    """Writers hold their transactions open over each other's commits while two sequencers number and a reader pulls."""
    pool, done = Database(urls.database_url, pool_size=WRITERS + 4), threading.Event()
    feeds = [
        EventFeed(pool, lantai.event_feed._subscribers, lantai.event_feed._receivers, lantai.clock) for _ in (1, 2)
    ]
    reader, luck = everybody(lantai, client_of_all), random.Random(7)
    naps = [[luck.choice((0, 0, 0.001, 0.02)) for _ in range(EACH)] for _ in range(WRITERS)]
    written: list[UUID] = []
    pulled: list[str] = []

    def write(naps: list[float]) -> None:
        for nap in naps:
            ids = [new_id(), new_id()]
            with pool.transaction():
                for each in ids:
                    happened(lantai, new_id(), each, pool)
                # the serial numbers are drawn already
                threading.Event().wait(nap)
            written.extend(ids)

    def number(feed: EventFeed) -> None:
        while not done.is_set():
            feed.take_in()

    def pull() -> None:
        position, last = 0, False
        while True:
            page = feeds[0].read(reader, position, 7)
            pulled.extend(item["data"]["dossier"] for item in page.items)
            assert page.position >= position
            position = page.position
            if not page.more and last:
                return
            last = done.is_set() and not page.more

    writers = [threading.Thread(target=write, args=(n,)) for n in naps]
    others = [threading.Thread(target=number, args=(f,)) for f in feeds] + [threading.Thread(target=pull)]
    for thread in (*others, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    while outbox(lantai):
        feeds[0].take_in()
    done.set()
    for thread in others:
        thread.join()
    pool.dispose()
    assert len(written) == WRITERS * EACH * 2
    assert len(pulled) == len(set(pulled))
    assert set(pulled) == {str(i) for i in written}
    with lantai.db.transaction() as session:
        serials = list(session.scalars(select(PublicEvent.serial).order_by(PublicEvent.serial)))
    assert serials == list(range(1, len(written) + 1))


def outbox(lantai: Lantai) -> int:
    with lantai.db.transaction() as session:
        return session.scalars(select(func.count()).select_from(EventOutbox)).one()


def test_reading_the_log_by_its_numbers_would_have_lost_one(
    lantai: Lantai, urls: ServiceUrls, client_of_all: Client
) -> None:
    """The planted fault: an event numbered first commits last, after the reader has passed by."""
    pool, late = Database(urls.database_url, pool_size=2), new_id()
    with pool.transaction():
        happened(lantai, new_id(), late, pool)
        happened(lantai, new_id(), new_id())
        lantai.event_feed.take_in()
        first = lantai.event_feed.read(everybody(lantai, client_of_all), 0, 10)
        assert len(first.items) == 1
    lantai.event_feed.take_in()
    second = lantai.event_feed.read(everybody(lantai, client_of_all), first.position, 10)
    assert [item["data"]["dossier"] for item in second.items] == [str(late)]
    pool.dispose()


def test_a_transaction_that_rolls_back_leaves_nothing(lantai: Lantai, client_of_all: Client) -> None:
    def fails() -> None:
        with lantai.db.transaction():
            happened(lantai, new_id(), new_id())
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert (outbox(lantai), lantai.event_feed.take_in()) == (0, 0)


def test_types_pages_and_the_end(lantai: Lantai, client_of_all: Client, graduate_factory: People) -> None:
    people = [graduate_factory() for _ in range(5)]
    lantai.event_feed.take_in()
    client, found, position, pages = everybody(lantai, client_of_all), list[str](), 0, 0
    while True:
        page = lantai.event_feed.read(client, position, 2)
        found, position, pages = found + [i["data"]["graduate"] for i in page.items], page.position, pages + 1
        if not page.more:
            break
    assert (found, pages) == ([str(p.id) for p in people], 3)
    assert position == lantai.event_feed.end()
    assert not lantai.event_feed.read(client, position, 2).items
    none_of_it = lantai.event_feed.read(client, 0, 2, ["ticket.opened"])
    assert (none_of_it.items, none_of_it.position, none_of_it.more) == ([], position, False)


def test_what_is_older_than_thirty_days_is_forgotten_and_the_reader_is_told(
    lantai: Lantai, clock: FakeClock, there: Bot, client_of_all: Client, graduate_factory: People, deliver: Deliver
) -> None:
    subscribed(lantai, client_of_all, there)
    graduate_factory()
    graduate_factory()
    deliver()
    clock.advance(seconds=KEEP.total_seconds() - 60)
    newest = graduate_factory()
    lantai.event_feed.take_in()
    assert lantai.event_feed.sweep() == 0
    clock.advance(minutes=2)
    assert lantai.event_feed.sweep() == 2
    client = everybody(lantai, client_of_all)
    with pytest.raises(Gone, match="cursor_too_old"):
        lantai.event_feed.read(client, 1, 10)
    for position in (0, 2):
        assert [i["data"]["graduate"] for i in lantai.event_feed.read(client, position, 10).items] == [str(newest.id)]
    with lantai.db.transaction() as session:
        assert list(session.scalars(select(WebhookMessage.event_serial))) == [3]
    clock.advance(seconds=KEEP.total_seconds() + 60)
    assert lantai.event_feed.sweep() == 1
    graduate_factory()
    lantai.event_feed.take_in()
    assert len(lantai.event_feed.read(client, 3, 10).items) == 1, "numbers go on after everything was forgotten"


def test_who_has_no_scope_or_is_closed_has_no_feed(lantai: Lantai) -> None:
    client = client_of(lantai, "将停用")
    lantai.partners.disable("将停用")
    with pytest.raises(NotFound):
        lantai.webhooks.subscriber(client.actor)


def test_the_trigger_marks_just_the_public_types(lantai: Lantai, graduate_factory: People) -> None:
    """The list stands in the database too: it is the catalogue's."""
    person = graduate_factory()
    lantai.event_feed.take_in()
    with lantai.db.transaction() as session:
        for kind in (*EVENT_TYPES, "dossier.section_read", "ticket.read", "ticket.noted", "account.bound"):
            lantai.log.record(
                session, SYSTEM, kind, graduate_id=person.id, object_kind="x", object_id=new_id(), data={"state": "-"}
            )
    assert outbox(lantai) == len(EVENT_TYPES)


def test_a_cohort_that_is_copied_in_is_published_too(lantai: Lantai, client_of_all: Client) -> None:
    many = [(new_id(), new_id()) for _ in range(3)]
    with lantai.db.transaction() as session:
        lantai.log.record_many(session, SYSTEM, "ticket.opened", "ticket", many, {"state": "submitted"})
        rows = lantai.log.copied(SYSTEM, "dossier.filed", "dossier", many, {}, new_ids())
        lantai.db.copy_in(session, Event.metadata.tables["event"], COPIED, rows)
    assert lantai.event_feed.take_in() == 6
    page = lantai.event_feed.read(everybody(lantai, client_of_all), 0, 10, ["dossier.filed"])
    assert [(i["data"]["graduate"], i["data"]["dossier"]) for i in page.items] == [(str(g), str(d)) for g, d in many]


def test_a_sweep_takes_the_oldest_first_and_not_too_many_at_once(
    lantai: Lantai, clock: FakeClock, client_of_all: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.feed.SWEPT", 2)
    for _ in range(3):
        happened(lantai, new_id(), new_id())
    lantai.event_feed.take_in()
    clock.advance(seconds=KEEP.total_seconds() + 1)
    assert [lantai.event_feed.sweep() for _ in range(3)] == [2, 1, 0]

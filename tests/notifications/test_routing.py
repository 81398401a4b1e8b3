"""Which way a notice goes: choices, quiet hours, credits, and e-mail or SMS where no push arrived."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from app.actors import Actor, ActorKind
from app.db import new_id
from app.jobs import DeliverNotice
from app.people.models import PlatformIdentity
from app.ports import OutboundMessage, Platform, SendFault
from notifications.catalogue.text import Importance, Template, Topic
from notifications.catalogue.words import notice_for
from notifications.channel_models import SendTurn
from notifications.channel_rules import CHANNEL_LABELS, TOPIC_LABELS, Channel, morning_spread
from notifications.models import AttemptState, DeliveryAttempt, Notice, Subscription
from notifications.partner_sending import PATIENCE
from notifications.turns import SPACING
from parts import Lantai
from tests.conftest import Person, World
from tests.fakes import FakeClock
from tests.notifications.ways import (
    DATA,
    IMPORTANT,
    ORDINARY,
    URGENT,
    Tell,
    choose,
    queued,
)

IMPORTANCE = {URGENT: Importance.URGENT, IMPORTANT: Importance.IMPORTANT, ORDINARY: Importance.ORDINARY}


def test_what_the_tests_call_by_importance_is_of_it() -> None:
    for kind, importance in IMPORTANCE.items():
        notice = notice_for(kind, DATA.get(kind, {}))
        assert notice is not None
        assert notice.importance is importance


def near(at: datetime, away: timedelta) -> bool:
    """So far from now by the queue's own clock, which the tests do not hold."""
    return abs(at - datetime.now(UTC) - away) < timedelta(minutes=2)


# --- quiet hours and choices ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "now"), [(URGENT, True), (IMPORTANT, False), (ORDINARY, False)])
def test_in_quiet_hours_only_the_urgent_goes_out(
    kind: str, now: bool, lantai: Lantai, tell: Tell, world: World, clock: FakeClock
) -> None:
    clock.advance(hours=14)  # 23:00 in Beijing
    job, begun = tell(kind), clock.now()
    lantai.delivery.deliver(job)
    lantai.delivery.deliver(job)  # a worker that was killed right after does it again
    assert len(world.wechat_sender.sent) == int(now)
    waits = sorted(at for _, at in queued(lantai))
    assert len(waits) == (0 if now else 2)
    spread = morning_spread(IMPORTANCE[kind], job.notice_id)
    assert now or (waits[0] == begun + timedelta(hours=9) + spread and near(waits[1], timedelta(hours=9) + spread))
    clock.advance(hours=9)
    for _ in range(2):
        lantai.delivery.deliver(job)
    assert len(world.wechat_sender.sent) == 1
    with lantai.db.transaction() as session:
        assert session.get_one(Notice, job.notice_id).created_at == begun  # in the inbox at once


def test_a_retry_that_falls_into_the_next_night_waits_again(
    lantai: Lantai, tell: Tell, world: World, clock: FakeClock
) -> None:
    clock.advance(hours=14)
    job = tell(IMPORTANT)
    lantai.delivery.deliver(job)
    world.wechat_sender.faults = [SendFault.RETRY]
    clock.advance(hours=9)
    lantai.delivery.deliver(job)
    clock.advance(hours=14, minutes=30)  # 22:30 of the next day
    again, night = DeliverNotice(job.notice_id, 2), clock.now()
    lantai.delivery.deliver(again)
    assert world.wechat_sender.sent == []
    spread = morning_spread(Importance.IMPORTANT, job.notice_id)
    assert ("notifications.deliver", night + timedelta(hours=9, minutes=30) + spread) in queued(lantai)
    clock.advance(hours=9, minutes=29, seconds=30)  # the queue's clock is a little ahead of ours
    lantai.delivery.deliver(again)
    assert len(world.wechat_sender.sent) == 1


def test_a_job_that_is_woken_too_early_comes_again_by_the_workers_clock(
    lantai: Lantai, tell: Tell, world: World, clock: FakeClock
) -> None:
    clock.advance(hours=14)
    job = tell(ORDINARY)
    lantai.delivery.deliver(job)
    clock.advance(hours=8, minutes=57)  # the queue's clock is three minutes ahead of ours
    with lantai.db.transaction() as session:
        session.execute(text("delete from procrastinate_jobs"))
    lantai.delivery.deliver(job)
    assert world.wechat_sender.sent == []
    ((_, at),) = queued(lantai)
    assert near(at, timedelta(minutes=3) + morning_spread(Importance.ORDINARY, job.notice_id))
    clock.advance(minutes=3)
    lantai.delivery.deliver(job)
    assert len(world.wechat_sender.sent) == 1


def test_the_end_of_the_night_is_no_flood_and_the_more_important_go_first() -> None:
    """Of a thousand notices held by one night no minute gets many times its share, and each has its moment for good."""
    ids = [UUID(int=n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128) for n in range(1000)]
    spread = {
        kind: [morning_spread(kind, each) for each in ids] for kind in (Importance.IMPORTANT, Importance.ORDINARY)
    }
    assert spread[Importance.IMPORTANT] == [morning_spread(Importance.IMPORTANT, each) for each in ids]
    assert max(spread[Importance.IMPORTANT]) < min(spread[Importance.ORDINARY])
    for waits in spread.values():
        in_a_second = Counter(waits).most_common(1)[0][1]
        assert in_a_second < 1000 / 20
    assert max(spread[Importance.ORDINARY]) < PATIENCE


def test_who_wants_no_quiet_hours_has_none(
    lantai: Lantai, person: Person, tell: Tell, world: World, clock: FakeClock
) -> None:
    choose(lantai, person, quiet=False)
    clock.advance(hours=14)
    lantai.delivery.deliver(tell(ORDINARY))
    assert len(world.wechat_sender.sent) == 1


def test_a_topic_that_was_switched_off_is_not_pushed_but_safety_is(
    lantai: Lantai, person: Person, tell: Tell, world: World
) -> None:
    choose(lantai, person, "transfer:push", "correction:push", "security:push")
    for kind in (IMPORTANT, ORDINARY):
        lantai.delivery.deliver(tell(kind))
    assert world.wechat_sender.sent == []
    lantai.delivery.deliver(tell(URGENT))
    assert len(world.wechat_sender.sent) == 1


@pytest.mark.parametrize(("credits", "ordinary", "important"), [(2, 1, 1), (1, 0, 1), (0, 0, 1)])
def test_the_last_credit_is_kept_for_what_matters(
    credits: int, ordinary: int, important: int, lantai: Lantai, tell: Tell, world: World, clock: FakeClock
) -> None:
    with lantai.db.transaction() as session:
        identity = session.scalars(select(PlatformIdentity)).one()
        for template in Template:
            session.add(
                Subscription(
                    identity_id=identity.id,
                    template=template,
                    accepted=True,
                    credits=credits,
                    updated_at=clock.now(),
                )
            )
    lantai.delivery.deliver(tell(ORDINARY))
    assert len(world.wechat_sender.sent) == ordinary
    lantai.delivery.deliver(tell(IMPORTANT))
    assert len(world.wechat_sender.sent) == ordinary + important


def test_an_ordinary_step_is_pushed_to_an_alipay_account_that_agreed(lantai: Lantai, tell: Tell, world: World) -> None:
    """Alipay tells nobody of single agreements: the client says that they agreed, and that is all there is."""
    with lantai.db.transaction() as session:
        identity = session.scalars(select(PlatformIdentity)).one()
        identity.platform = Platform.ALIPAY
    actor = Actor(ActorKind.GRADUATE, new_id(), identity_id=identity.id)
    for template in Template:
        lantai.subscriptions.record_choice(actor, template.value, accepted=True)
    lantai.delivery.deliver(tell(ORDINARY))
    assert len(world.alipay_sender.sent) == 1


# --- one at a time ----------------------------------------------------------------------------------------------------


class SlowSender:
    """Notes when each call began and ended."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float]] = []

    def send(self, message: OutboundMessage) -> str:
        begun = time.monotonic()
        time.sleep(0.15)
        self.spans.append((begun, time.monotonic()))
        return f"slow-{len(self.spans)}"


def test_two_workers_never_send_to_one_account_at_once(lantai: Lantai, tell: Tell) -> None:
    slow, senders = SlowSender(), dict[Platform, Any]()
    senders = lantai.outside.senders  # type: ignore[assignment]
    senders[Platform.WECHAT] = slow
    jobs = [tell(IMPORTANT) for _ in range(4)]
    workers = [threading.Thread(target=lantai.delivery.deliver, args=(job,)) for job in jobs]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    spans = sorted(slow.spans)
    assert len(spans) == 4
    for earlier, later in itertools.pairwise(spans):
        assert later[0] - earlier[1] >= SPACING.total_seconds() * 0.9


@pytest.mark.parametrize("kind", [URGENT, IMPORTANT])
def test_a_second_job_for_a_notice_leaves_the_living_worker_its_attempt(kind: str, lantai: Lantai, tell: Tell) -> None:
    slow, senders = SlowSender(), dict[Platform, Any]()
    senders = lantai.outside.senders  # type: ignore[assignment]
    senders[Platform.WECHAT] = slow
    job = tell(kind)
    workers = [threading.Thread(target=lantai.delivery.deliver, args=(job,)) for _ in range(2)]
    for each in workers:
        each.start()
        time.sleep(0.05)
    for each in workers:
        each.join()
    assert len(slow.spans) == 1
    with lantai.db.transaction() as session:
        states = session.scalars(select(DeliveryAttempt.state).where(DeliveryAttempt.notice_id == job.notice_id)).all()
    assert states == [AttemptState.SENT]


def test_who_cannot_have_a_turn_comes_again_and_burns_no_attempt(
    lantai: Lantai, tell: Tell, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.turns.PATIENCE_S", 0.0)
    job = tell(IMPORTANT)
    with lantai.db.transaction() as session:
        identity = session.scalars(select(PlatformIdentity)).one()
        session.merge(SendTurn(identity_id=identity.id, free_at=lantai.clock.now() + timedelta(days=400)))
    lantai.delivery.deliver(job)
    with lantai.db.transaction() as session:
        assert session.scalars(select(DeliveryAttempt).where(DeliveryAttempt.notice_id == job.notice_id)).all() == []
        args = session.execute(text("select args from procrastinate_jobs where status = 'todo'")).scalars().all()
    assert args == [{"notice_id": str(job.notice_id), "attempt": 1, "bulk": False}]
    assert world.wechat_sender.sent == []


def test_every_topic_has_its_words() -> None:
    assert set(TOPIC_LABELS) == set(Topic)
    assert set(CHANNEL_LABELS) == set(Channel)

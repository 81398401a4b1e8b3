"""What did not reach a phone: listed with its reason, and sent again once when staff ask for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text, update

from app.actors import Actor, ActorKind, Role
from app.errors import Forbidden, Invalid
from app.events import Event
from app.jobs import DeliverNotice
from app.people.models import PlatformIdentity
from app.ports import SendFault
from notifications.catalogue.text import Importance, Template
from notifications.channel_models import NoticePreference
from notifications.channel_rules import Way, morning_spread
from notifications.models import AttemptState, DeliveryAttempt, Notice, Subscription
from notifications.undelivered import CAUSES, MOST, Replayed, UndeliveredFilter
from parts import Lantai
from tests.conftest import World
from tests.fakes import FakeClock
from tests.notifications.test_breaker import ONCE, SURE, Tell, tell

__all__ = ["tell"]
CLERK = Actor(ActorKind.STAFF, uuid4(), frozenset({Role.ARCHIVIST}))
ALL = UndeliveredFilter()


def shown(lantai: Lantai, wanted: UndeliveredFilter = ALL) -> list[tuple[str, bool, bool]]:
    lines, total = lantai.undelivered.page(CLERK, wanted, 1, 50)
    assert total == len(lines)
    return [(line.reason, line.doubtful, line.replayable) for line in lines]


def ids(lantai: Lantai, wanted: UndeliveredFilter = ALL) -> list[UUID]:
    return [line.id for line in lantai.undelivered.page(CLERK, wanted, 1, 50)[0]]


def failing(lantai: Lantai, world: World, tell: Tell, kind: str, fault: SendFault) -> UUID:
    """The attempt that did not get through."""
    job = tell(kind)
    world.wechat_sender.faults = [fault]
    lantai.delivery.deliver(job)
    with lantai.db.transaction() as session:
        session.execute(text("delete from channel_breaker"))
        return session.scalars(select(DeliveryAttempt.id).where(DeliveryAttempt.notice_id == job.notice_id)).one()


def test_each_is_listed_with_reason_and_filtered_by_it(lantai: Lantai, world: World, tell: Tell) -> None:
    assert shown(lantai) == []
    for fault in (SendFault.NO_CREDIT, SendFault.CONTENT, SendFault.UNKNOWN, SendFault.CONFIG):
        failing(lantai, world, tell, ONCE, fault)
    failing(lantai, world, tell, ONCE, SendFault.RETRY)  # is tried again by itself
    assert sorted(shown(lantai)) == [
        ("config:scripted", False, True),
        ("content:scripted", False, True),
        ("unknown:scripted", True, True),
    ]
    assert shown(lantai, UndeliveredFilter("no_credit")) == [("no_credit:scripted", False, True)]
    assert shown(lantai, UndeliveredFilter("content")) == [("content:scripted", False, True)]
    assert shown(lantai, UndeliveredFilter("held")) == []
    assert shown(lantai, UndeliveredFilter(way=Way.ALIPAY)) == []
    assert all(CAUSES.values())


def test_sent_again_once_however_often_it_is_asked_for(
    lantai: Lantai, world: World, tell: Tell, run_jobs: Callable[[], None]
) -> None:
    attempt = failing(lantai, world, tell, ONCE, SendFault.CONFIG)
    assert lantai.undelivered.replay(CLERK, [attempt], double_known=False) == Replayed(1, 0)
    assert lantai.undelivered.replay(CLERK, [attempt, uuid4()], double_known=False) == Replayed(0, 2)
    assert shown(lantai) == []
    run_jobs()
    assert len(world.wechat_sender.sent) == 1
    assert lantai.undelivered.replay(CLERK, [attempt], double_known=True) == Replayed(0, 1)
    run_jobs()
    assert len(world.wechat_sender.sent) == 1
    with lantai.db.transaction() as session:
        [event] = session.scalars(select(Event).where(Event.type == "notice.replayed"))
    assert (event.actor_id, event.data["reason"], event.data["double"]) == (CLERK.id, "config", False)


def pressed_by_four(lantai: Lantai, attempt: UUID) -> list[int]:
    """How many messages each of four sent again who pressed at the same moment."""
    gate, done = Barrier(4), list[Replayed]()

    def press() -> None:
        gate.wait()
        done.append(lantai.undelivered.replay(CLERK, [attempt], double_known=False))

    threads = [Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(each.again for each in done)


def test_two_who_press_at_once_send_one(lantai: Lantai, world: World, tell: Tell, run_jobs: Callable[[], None]) -> None:
    assert pressed_by_four(lantai, failing(lantai, world, tell, SURE, SendFault.CONFIG)) == [0, 0, 0, 1]
    run_jobs()
    assert len(world.wechat_sender.sent) == 1


@pytest.mark.parametrize("kind", [ONCE, SURE])
def test_what_may_have_arrived_is_sent_again_only_when_a_double_is_accepted(
    kind: str, lantai: Lantai, world: World, tell: Tell, run_jobs: Callable[[], None]
) -> None:
    plain = failing(lantai, world, tell, ONCE, SendFault.CONFIG)
    doubtful = failing(lantai, world, tell, kind, SendFault.UNKNOWN)
    with lantai.db.transaction() as session:
        session.get_one(DeliveryAttempt, doubtful).state = AttemptState.UNKNOWN  # as after the last of its tries
    with pytest.raises(Invalid, match="double_unconfirmed"):
        lantai.undelivered.replay(CLERK, [plain, doubtful], double_known=False)
    assert len(shown(lantai)) == 2  # nothing was begun
    assert lantai.undelivered.replay(CLERK, [plain, doubtful], double_known=True) == Replayed(2, 0)
    run_jobs()
    assert len(world.wechat_sender.sent) == 2


def test_an_account_that_cannot_receive_is_passed_over_and_stays_listed(
    lantai: Lantai, world: World, tell: Tell
) -> None:
    attempt, dead = failing(lantai, world, tell, ONCE, SendFault.RECIPIENT), UndeliveredFilter("recipient")
    assert shown(lantai, dead) == [("recipient:scripted", False, False)]
    assert lantai.undelivered.replay(CLERK, [attempt], double_known=False) == Replayed(0, 1)
    assert shown(lantai, dead) == [("recipient:scripted", False, False)]
    assert shown(lantai) == []  # until its owner comes back, there is nothing that staff could do
    with lantai.db.transaction() as session:
        session.scalars(select(PlatformIdentity)).one().unreachable_at = None
    assert shown(lantai) == [("recipient:scripted", False, True)]


def test_nothing_and_too_much_are_refused(lantai: Lantai) -> None:
    with pytest.raises(Invalid, match="nothing_chosen"):
        lantai.undelivered.replay(CLERK, [], double_known=False)
    with pytest.raises(Invalid, match="too_many_chosen"):
        lantai.undelivered.replay(CLERK, [uuid4() for _ in range(MOST + 1)], double_known=False)


def test_a_replay_that_fails_again_is_listed_again(
    lantai: Lantai, world: World, tell: Tell, run_jobs: Callable[[], None]
) -> None:
    attempt = failing(lantai, world, tell, ONCE, SendFault.CONFIG)
    lantai.undelivered.replay(CLERK, [attempt], double_known=False)
    world.wechat_sender.faults = [SendFault.CONTENT]
    run_jobs()
    [(reason, _, _)] = shown(lantai)
    assert (reason, ids(lantai) != [attempt]) == ("content:scripted", True)


@pytest.mark.parametrize(
    ("kind", "role", "reads"),
    [
        (ActorKind.STAFF, Role.AUDITOR, True),
        (ActorKind.STAFF, Role.REVIEWER, False),
        (ActorKind.GRADUATE, Role.ARCHIVIST, False),
    ],
)
def test_the_second_wall_knows_who_may(kind: ActorKind, role: Role, reads: bool, lantai: Lantai) -> None:
    actor = Actor(kind, uuid4(), frozenset({role}))
    if reads:
        assert lantai.undelivered.page(actor, ALL, 1, 50) == ([], 0)
    else:
        with pytest.raises(Forbidden):
            lantai.undelivered.page(actor, ALL, 1, 50)
    with pytest.raises(Forbidden):
        lantai.undelivered.replay(actor, [uuid4()], double_known=True)


def test_a_replay_that_is_not_wanted_any_more_is_listed_as_such(
    lantai: Lantai, world: World, tell: Tell, run_jobs: Callable[[], None]
) -> None:
    attempt = failing(lantai, world, tell, ONCE, SendFault.CONFIG)
    with lantai.db.transaction() as session:
        graduate = session.scalars(select(PlatformIdentity.graduate_id)).one()
        off = NoticePreference(graduate_id=graduate, version=1, quiet=False, quiet_begins="22:00", quiet_ends="08:00")
        off.off, off.updated_at = ["correction:push"], lantai.clock.now()
        session.add(off)
    lantai.undelivered.replay(CLERK, [attempt], double_known=False)
    run_jobs()
    assert shown(lantai) == []
    assert shown(lantai, UndeliveredFilter("not_wanted")) == [("not_wanted", False, True)]
    assert world.wechat_sender.sent == []


def test_what_a_cancelled_campaign_did_not_send_is_not_sent_again(lantai: Lantai, world: World, tell: Tell) -> None:
    attempt = failing(lantai, world, tell, ONCE, SendFault.CONFIG)
    with lantai.db.transaction() as session:
        session.execute(update(DeliveryAttempt).values(reason="cancelled"))
    assert shown(lantai) == []
    assert shown(lantai, UndeliveredFilter("cancelled")) == [("cancelled", False, False)]
    assert lantai.undelivered.replay(CLERK, [attempt], double_known=True) == Replayed(0, 1)


def test_a_replay_passes_the_estimate_of_credits(
    lantai: Lantai, world: World, tell: Tell, run_jobs: Callable[[], None]
) -> None:
    attempt = failing(lantai, world, tell, "transfer.moved", SendFault.CONFIG)
    with lantai.db.transaction() as session:
        identity = session.scalars(select(PlatformIdentity.id)).one()
        session.merge(
            Subscription(
                identity_id=identity,
                template=Template.TRANSFER_STEP,
                accepted=False,
                credits=0,
                updated_at=lantai.clock.now(),
            )
        )
    assert lantai.undelivered.replay(CLERK, [attempt], double_known=False) == Replayed(1, 0)
    run_jobs()
    assert len(world.wechat_sender.sent) == 1


def test_a_replay_at_night_is_not_lost_to_a_letter_that_waits_for_the_morning(
    lantai: Lantai, world: World, tell: Tell, clock: FakeClock
) -> None:
    attempt = failing(lantai, world, tell, ONCE, SendFault.CONFIG)
    clock.advance(hours=14)  # 23:00 in Beijing
    with lantai.db.transaction() as session:
        notice = session.get_one(DeliveryAttempt, attempt).notice_id
        session.execute(update(Notice).values(held_until=clock.now() + timedelta(hours=9)))  # as the letter wrote it
    lantai.undelivered.replay(CLERK, [attempt], double_known=False)
    lantai.delivery.deliver(DeliverNotice(notice))
    with lantai.db.transaction() as session:
        queued = "select scheduled_at from procrastinate_jobs where scheduled_at is not null"
        (at,) = session.scalars(text(queued))
    morning = timedelta(hours=9) + morning_spread(Importance.IMPORTANT, notice)
    assert abs(at - datetime.now(UTC) - morning) < timedelta(minutes=2)  # by the queue's own clock
    clock.advance(hours=9)
    lantai.delivery.deliver(DeliverNotice(notice))
    assert len(world.wechat_sender.sent) == 1

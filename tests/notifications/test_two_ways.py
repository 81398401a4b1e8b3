"""A notice whose push and whose letter both failed, or of which one arrived: staff send it again once, not twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Barrier, BrokenBarrierError, Thread
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Select, select, text

from app.actors import Actor, ActorKind, Role
from app.errors import Invalid
from app.people.models import PlatformIdentity
from app.ports import SendFault
from notifications import unarrived
from notifications.channel_models import ContactAttempt
from notifications.channel_rules import Way
from notifications.models import DeliveryAttempt, Notice
from notifications.undelivered import Replayed, UndeliveredFilter
from parts import Lantai
from tests.conftest import World
from tests.fakes import FakeClock
from tests.notifications.ways import EMAIL, IMPORTANT, URGENT, Tell, work_off

CLERK = Actor(ActorKind.STAFF, uuid4(), frozenset({Role.ARCHIVIST}))
ALL = UndeliveredFilter()
Both = Callable[..., tuple[UUID, UUID]]


def shown(lantai: Lantai, wanted: UndeliveredFilter = ALL) -> list[tuple[Way, bool, bool]]:
    lines, total = lantai.undelivered.page(CLERK, wanted, 1, 50)
    assert total == len(lines)
    return sorted((line.way, line.doubtful, line.replayable) for line in lines)


def heard(world: World) -> tuple[int, int]:
    return len(world.wechat_sender.sent), len(world.mailer.sent)


@pytest.fixture
def both(lantai: Lantai, tell: Tell, reach: Callable[..., None], world: World) -> Both:
    """A notice whose push is refused for its content and whose letter meets this; gives the push and the letter."""
    reach(EMAIL)

    def make(letter: SendFault | None = SendFault.CONTENT) -> tuple[UUID, UUID]:
        job = tell(IMPORTANT)
        world.wechat_sender.faults, world.mailer.faults = [SendFault.CONTENT], [letter] if letter else []
        lantai.delivery.deliver(job)
        work_off(lantai)
        with lantai.db.transaction() as session:
            push = select(DeliveryAttempt.id).where(DeliveryAttempt.notice_id == job.notice_id)
            written = select(ContactAttempt.id).where(ContactAttempt.notice_id == job.notice_id)
            return session.scalars(push).one(), session.scalars(written).one()

    return make


def test_of_a_push_and_a_letter_of_one_notice_the_push_is_sent_again(
    lantai: Lantai, both: Both, world: World, run_jobs: Callable[[], None]
) -> None:
    push, letter = both()
    assert shown(lantai) == [(Way.EMAIL, False, True), (Way.WECHAT, False, True)]
    assert lantai.undelivered.replay(CLERK, [letter, push], double_known=False) == Replayed(1, 1)
    run_jobs()
    assert heard(world) == (1, 0)
    assert shown(lantai) == []


def test_the_letter_goes_where_the_push_that_was_chosen_with_it_reaches_nobody(
    lantai: Lantai, both: Both, world: World, run_jobs: Callable[[], None]
) -> None:
    push, letter = both()
    with lantai.db.transaction() as session:
        session.scalars(select(PlatformIdentity)).one().unreachable_at = lantai.clock.now()
    assert lantai.undelivered.replay(CLERK, [letter, push], double_known=False) == Replayed(1, 1)
    run_jobs()
    assert heard(world) == (0, 1)


def test_after_the_push_the_letter_is_passed_over(
    lantai: Lantai, both: Both, world: World, run_jobs: Callable[[], None]
) -> None:
    push, letter = both()
    assert lantai.undelivered.replay(CLERK, [push], double_known=False) == Replayed(1, 0)
    assert shown(lantai) == []
    assert lantai.undelivered.replay(CLERK, [letter], double_known=True) == Replayed(0, 1)
    world.wechat_sender.faults = [SendFault.CONTENT]
    run_jobs()
    assert shown(lantai) == [(Way.EMAIL, False, True), (Way.WECHAT, False, True)]  # both lack it as before
    assert heard(world) == (0, 0)


def test_after_the_letter_the_push_asks_whether_it_may_arrive_twice(
    lantai: Lantai, both: Both, world: World, run_jobs: Callable[[], None]
) -> None:
    push, letter = both()
    assert lantai.undelivered.replay(CLERK, [letter], double_known=False) == Replayed(1, 0)
    assert shown(lantai) == []
    with pytest.raises(Invalid, match="double_unconfirmed"):
        lantai.undelivered.replay(CLERK, [push], double_known=False)
    run_jobs()
    assert heard(world) == (0, 1)


@pytest.mark.parametrize(
    ("met", "listed"),
    [
        (None, []),
        (SendFault.UNKNOWN, [(Way.EMAIL, True, True), (Way.WECHAT, True, True)]),
    ],
)
def test_a_push_whose_letter_arrived_or_may_have_asks_first(
    met: SendFault | None,
    listed: list[tuple[Way, bool, bool]],
    lantai: Lantai,
    both: Both,
    world: World,
    run_jobs: Callable[[], None],
) -> None:
    push, _ = both(met)
    assert shown(lantai) == listed
    assert shown(lantai, UndeliveredFilter("content")) == [(Way.WECHAT, True, True)]
    (line,), _ = lantai.undelivered.page(CLERK, UndeliveredFilter("content"), 1, 50)
    assert "收到两次" in line.advice
    mailed = len(world.mailer.sent)
    with pytest.raises(Invalid, match="double_unconfirmed"):
        lantai.undelivered.replay(CLERK, [push], double_known=False)
    run_jobs()
    assert heard(world) == (0, mailed)
    assert lantai.undelivered.replay(CLERK, [push], double_known=True) == Replayed(1, 0)
    run_jobs()
    assert heard(world) == (1, mailed)


def test_a_push_that_was_tried_again_after_an_open_end_asks_first(
    lantai: Lantai, tell: Tell, world: World, clock: FakeClock
) -> None:
    job = tell(URGENT)
    for fault in (SendFault.UNKNOWN, SendFault.CONTENT):
        world.wechat_sender.faults = [fault]
        lantai.delivery.deliver(job)
        clock.advance(hours=1)
    assert shown(lantai) == [(Way.WECHAT, True, True)]


def test_two_who_chose_crosswise_wait_for_each_other_and_not_forever(
    lantai: Lantai, both: Both, world: World, run_jobs: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between what each of them holds and what each writes both are stopped, if both get there."""
    (one, its_letter), (other, others_letter) = both(), both()
    gate, done, pushes = Barrier(2), list[Replayed](), unarrived.pushes

    def stopped() -> Select[DeliveryAttempt, Notice, PlatformIdentity, bool]:
        with suppress(BrokenBarrierError):
            gate.wait(timeout=1)
        return pushes()

    monkeypatch.setattr(unarrived, "pushes", stopped)

    def press(*chosen: UUID) -> None:
        done.append(lantai.undelivered.replay(CLERK, chosen, double_known=True))

    threads = [Thread(target=press, args=pair) for pair in ((one, others_letter), (other, its_letter))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((each.again, each.passed_over) for each in done) == [(1, 1), (2, 0)]
    with lantai.db.transaction() as session:
        jobs = text("select count(*) from procrastinate_jobs where task_name like 'notifications.deliver%'")
        assert session.scalar(jobs) == 3

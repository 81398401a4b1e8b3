"""The circuit breaker of a template: opens on faults of the set-up and on runs of failures; nothing is lost then."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select, text, update

from app.actors import SYSTEM
from app.jobs import Announce, DeliverNotice
from app.ports import OutboundMessage, Platform, SendFailed, SendFault
from notifications.breaker import PATIENCE, PAUSES, SPREAD_S, TRY, Breakers, ChannelBreaker, Outlet, Standing
from notifications.catalogue.text import Promise, Template
from notifications.fault_actions import STRIKES, next_day
from notifications.models import DeliveryAttempt, Notice
from parts import Lantai
from tests.conftest import ApiClient, Person, World
from tests.fakes import FakeClock
from tests.notifications.ways import DATA

ONCE, SURE = "ticket.decided", "account.totp_enrolled"
Tell = Callable[[str], DeliverNotice]


@pytest.fixture
def tell(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    run_jobs: Callable[[], None],
    lantai: Lantai,
    world: World,
) -> Tell:
    """A further notice to one graduate with a WeChat account; its job is given instead of being run."""
    person = graduate_factory()
    signed_in(person, 2)
    run_jobs()
    world.wechat_sender.sent.clear()

    def make(kind: str) -> DeliverNotice:
        with lantai.db.transaction() as session:
            data = DATA.get(kind, {})
            event = lantai.log.record(session, SYSTEM, kind, graduate_id=person.id, data=data)
        lantai.announcing.announce(Announce(event))
        with lantai.db.transaction() as session:
            session.execute(text("delete from procrastinate_jobs"))
            return DeliverNotice(session.scalars(select(Notice.id).where(Notice.event_id == event)).one())

    return make


def pause(clock: FakeClock, span: timedelta) -> None:
    clock.advance(seconds=span.total_seconds())


def ended(lantai: Lantai, job: DeliverNotice) -> list[tuple[str, str]]:
    with lantai.db.transaction() as session:
        query = select(DeliveryAttempt.state, DeliveryAttempt.reason).where(DeliveryAttempt.notice_id == job.notice_id)
        return [(state.value, reason) for state, reason in session.execute(query.order_by(DeliveryAttempt.number))]


def due(lantai: Lantai) -> list[datetime]:
    with lantai.db.transaction() as session:
        return list(session.scalars(text("select scheduled_at from procrastinate_jobs order by id")))


def open_until(lantai: Lantai) -> datetime | None:
    with lantai.db.transaction() as session:
        return session.scalar(select(ChannelBreaker.open_until))


def test_a_fault_of_the_set_up_opens_at_once_and_staff_hear_of_it_once(
    lantai: Lantai, tell: Tell, world: World, clock: FakeClock
) -> None:
    first, second, other = tell(ONCE), tell(ONCE), tell(SURE)
    world.wechat_sender.faults = [SendFault.CONFIG]
    lantai.delivery.deliver(first)
    assert ended(lantai, first) == [("failed", "config:scripted")]
    assert open_until(lantai) == clock.now() + PAUSES[0]
    lantai.delivery.deliver(second)
    assert ended(lantai, second) == []  # it waits, and counts as no attempt
    [at] = due(lantai)
    assert clock.now() + PAUSES[0] <= at < clock.now() + PAUSES[0] + timedelta(seconds=SPREAD_S)
    lantai.delivery.deliver(other)
    assert ended(lantai, other) == [("sent", "")]  # another template goes on
    assert [line for line in world.alerts.lines if "消息通道暂停" in line] == world.alerts.lines[-1:]
    pause(clock, PAUSES[0])
    lantai.delivery.deliver(second)
    assert (ended(lantai, second), open_until(lantai)) == ([("sent", "")], None)
    assert "消息通道已恢复" in world.alerts.lines[-1]


def test_each_failed_try_makes_the_next_pause_longer_and_is_told_to_nobody(
    lantai: Lantai, tell: Tell, world: World, clock: FakeClock
) -> None:
    world.wechat_sender.faults = [SendFault.CONFIG] * (len(PAUSES) + 2)
    for n in range(len(PAUSES) + 2):
        lantai.delivery.deliver(tell(ONCE))
        until = open_until(lantai)
        assert until == clock.now() + PAUSES[min(n, len(PAUSES) - 1)]
        pause(clock, until - clock.now())
    assert len(world.alerts.lines) == 1


@pytest.mark.parametrize("fault", [SendFault.RETRY, SendFault.UNKNOWN])
def test_a_run_of_failures_of_different_messages_opens(
    fault: SendFault, lantai: Lantai, tell: Tell, world: World
) -> None:
    world.wechat_sender.faults = [fault] * STRIKES
    for n in range(STRIKES):
        assert open_until(lantai) is None, n
        lantai.delivery.deliver(tell(ONCE))
    assert open_until(lantai) is not None


@pytest.mark.parametrize("between", [None, SendFault.NO_CREDIT, SendFault.RECIPIENT, SendFault.CONTENT])
def test_one_answer_between_them_begins_the_run_anew(
    between: SendFault | None, lantai: Lantai, tell: Tell, world: World
) -> None:
    """Also a refusal for the message's own sake: whoever refuses is there."""
    jobs = [tell(ONCE) for _ in range(2 * STRIKES - 1)]
    for n, job in enumerate(jobs):
        middle = n == STRIKES - 1
        fault = between if middle else SendFault.RETRY
        world.wechat_sender.faults = [] if fault is None else [fault]
        lantai.delivery.deliver(job)
        if middle and between is SendFault.RECIPIENT:
            with lantai.db.transaction() as session:
                session.execute(text("update platform_identity set unreachable_at = null"))
    assert open_until(lantai) is None
    with lantai.db.transaction() as session:
        assert session.scalars(select(ChannelBreaker.failures)).one() == STRIKES - 1


def test_one_sick_message_is_not_a_sick_channel(lantai: Lantai, tell: Tell, world: World) -> None:
    job = tell(ONCE)
    world.wechat_sender.faults = [SendFault.RETRY] * STRIKES
    for n in range(STRIKES):
        lantai.delivery.deliver(DeliverNotice(job.notice_id, n + 1))
    assert open_until(lantai) is None


def test_one_message_at_a_time_tries_and_a_dead_one_lets_the_next(lantai: Lantai, clock: FakeClock) -> None:
    breakers, here = Breakers(clock), Outlet.of_push(Platform.WECHAT, Template.TICKET_DECIDED)
    with lantai.db.transaction() as session:
        breakers.failed(session, here, SendFault.CONFIG, "40037", tried=False)
    pause(clock, PAUSES[0])
    for tries in (True, False):
        with lantai.db.transaction() as session:
            standing = breakers.look(session, here)
        assert (standing.tries, standing.held_until is None) == (tries, tries)
    pause(clock, TRY)
    with lantai.db.transaction() as session:
        assert breakers.look(session, here).tries


@pytest.mark.parametrize(("kind", "promise"), [(ONCE, Promise.AT_MOST_ONCE), (SURE, Promise.AT_LEAST_ONCE)])
def test_what_waited_too_long_stays_in_the_inbox_and_is_found_among_the_undelivered(
    kind: str, promise: Promise, lantai: Lantai, tell: Tell, world: World, clock: FakeClock
) -> None:
    first, second = tell(kind), tell(kind)
    world.wechat_sender.faults = [SendFault.CONFIG]
    lantai.delivery.deliver(first)
    with lantai.db.transaction() as session:
        session.execute(update(ChannelBreaker).values(open_until=clock.now() + timedelta(days=9)))
    pause(clock, PATIENCE[promise])
    lantai.delivery.deliver(second)
    assert ended(lantai, second) == []
    pause(clock, timedelta(seconds=1))
    lantai.delivery.deliver(second)
    assert ended(lantai, second) == [("failed", "held")]
    assert world.wechat_sender.sent == []


@pytest.mark.parametrize("answer", [SendFault.NO_CREDIT, SendFault.CONTENT])
def test_staff_hear_of_the_recovery_also_where_the_message_that_tried_was_refused_for_its_own_sake(
    answer: SendFault, lantai: Lantai, tell: Tell, world: World, clock: FakeClock
) -> None:
    world.wechat_sender.faults = [SendFault.CONFIG, answer]
    lantai.delivery.deliver(tell(ONCE))
    pause(clock, PAUSES[0])
    lantai.delivery.deliver(tell(ONCE))
    assert open_until(lantai) is None
    assert [line for line in world.alerts.lines if "消息通道已恢复" in line]


def test_a_daily_limit_is_no_recovery(lantai: Lantai, tell: Tell, world: World, clock: FakeClock) -> None:
    world.wechat_sender.faults = [SendFault.CONFIG, SendFault.LATER]
    lantai.delivery.deliver(tell(ONCE))
    pause(clock, PAUSES[0])
    lantai.delivery.deliver(tell(ONCE))
    assert open_until(lantai) == next_day(clock.now())
    assert not [line for line in world.alerts.lines if "已恢复" in line]


class Crowded:
    """WeChat's answer to two messages to one person at once."""

    def send(self, message: OutboundMessage) -> str:
        raise SendFailed(SendFault.RETRY, "43108")


def test_two_at_once_to_one_person_is_no_sick_template(lantai: Lantai, tell: Tell) -> None:
    senders: Any = lantai.outside.senders
    senders[Platform.WECHAT] = Crowded()
    for _ in range(STRIKES + 1):
        lantai.delivery.deliver(tell(ONCE))
    assert open_until(lantai) is None


def test_a_breaker_that_another_worker_closes_while_it_is_looked_at_is_closed(lantai: Lantai, clock: FakeClock) -> None:
    breakers, seen = Breakers(clock), list[Standing]()
    here = Outlet.of_push(Platform.WECHAT, Template.TICKET_DECIDED)
    with lantai.db.transaction() as session:
        breakers.failed(session, here, SendFault.CONFIG, "40037", tried=False)

    def look() -> None:
        with lantai.db.transaction() as session:
            seen.append(breakers.look(session, here))

    looking = Thread(target=look)
    with lantai.db.transaction() as session:
        breakers.passed(session, here)
        looking.start()
        while not session.scalar(text("select count(*) from pg_locks where not granted")):
            time.sleep(0.01)
    looking.join()
    assert seen == [Standing()]


def test_the_quiet_hours_use_up_nobodys_patience(lantai: Lantai, tell: Tell, world: World, clock: FakeClock) -> None:
    pause(clock, timedelta(hours=14))  # 23:00 in Beijing
    job = tell(ONCE)
    lantai.delivery.deliver(job)
    pause(clock, timedelta(hours=9))
    world.wechat_sender.faults = [SendFault.CONFIG]
    lantai.delivery.deliver(tell(ONCE))
    lantai.delivery.deliver(job)
    assert ended(lantai, job) == []
    pause(clock, PAUSES[0])
    lantai.delivery.deliver(job)
    assert ended(lantai, job) == [("sent", "")]

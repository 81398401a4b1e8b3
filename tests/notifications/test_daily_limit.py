"""A platform's limit of a day holds a whole template until the platform's next day, or until staff lift it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.event import listen

from app.actors import Actor, ActorKind, Role
from app.errors import Conflict, Forbidden
from app.events import Event
from app.jobs import DeliverNotice
from app.office_time import OFFICE_TIME
from app.ports import Platform, SendFault
from notifications.breaker import LIMITED_SPREAD_S, PATIENCE, TURN_PAUSE, Breakers, Outlet
from notifications.catalogue.text import Template
from notifications.delivery import NoticeDelivery
from notifications.fault_actions import next_day
from notifications.turns import LATER
from parts import Lantai
from tests.conftest import World
from tests.fakes import FakeClock
from tests.notifications.test_breaker import ONCE, SURE, Tell, due, ended, open_until, pause, tell

__all__ = ["tell"]
CLERK = Actor(ActorKind.STAFF, uuid4(), frozenset({Role.ARCHIVIST}))
HERE = Outlet.of_push(Platform.WECHAT, Template.TICKET_DECIDED)


def tomorrow(clock: FakeClock) -> datetime:
    midnight = clock.now().astimezone(OFFICE_TIME).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1)


@pytest.mark.parametrize(
    ("at", "begins"),
    [
        ("2026-06-01T15:59:59+00:00", "2026-06-01T16:00:00+00:00"),
        ("2026-06-01T16:00:00+00:00", "2026-06-02T16:00:00+00:00"),
        ("2026-12-31T23:30:00+08:00", "2027-01-01T00:00:00+08:00"),
    ],
)
def test_days_are_the_platforms(at: str, begins: str) -> None:
    assert next_day(datetime.fromisoformat(at)) == datetime.fromisoformat(begins)


def test_one_message_meets_the_limit_and_the_others_wait_for_tomorrow(
    lantai: Lantai, tell: Tell, world: World, clock: FakeClock
) -> None:
    first, second, other = tell(ONCE), tell(ONCE), tell(SURE)
    world.wechat_sender.faults = [SendFault.LATER, SendFault.LATER]
    lantai.delivery.deliver(first)
    assert (ended(lantai, first), open_until(lantai)) == ([("retry", "later:scripted")], tomorrow(clock))
    assert due(lantai) == [tomorrow(clock)]
    lantai.delivery.deliver(second)
    assert (ended(lantai, second), len(world.wechat_sender.faults)) == ([], 1)  # nobody was asked
    assert tomorrow(clock) <= due(lantai)[-1] < tomorrow(clock) + timedelta(seconds=LIMITED_SPREAD_S)
    world.wechat_sender.faults.clear()
    lantai.delivery.deliver(other)
    assert ended(lantai, other) == [("sent", "")]  # another template goes on
    assert len([line for line in world.alerts.lines if "当日发送上限" in line]) == 1


def test_the_limit_uses_up_nobodys_patience_and_ends_with_the_day(
    lantai: Lantai, tell: Tell, world: World, clock: FakeClock
) -> None:
    """What was told of in the morning is still sent, though it waits for longer than a breaker may hold it."""
    first, second, third = tell(ONCE), tell(ONCE), tell(ONCE)
    world.wechat_sender.faults = [SendFault.LATER]
    lantai.delivery.deliver(first)
    pause(clock, timedelta(hours=9))
    lantai.delivery.deliver(second)
    assert ended(lantai, second) == []
    pause(clock, tomorrow(clock) - clock.now())
    for job in (first, second):
        lantai.delivery.deliver(job)  # comes at midnight, and waits out the quiet hours
    pause(clock, timedelta(hours=8))
    world.wechat_sender.faults = [SendFault.CONFIG]
    lantai.delivery.deliver(first)  # it tries, and something else is wrong
    lantai.delivery.deliver(second)
    assert ended(lantai, second) == []  # waits for the breaker, from the end of the limit on
    until = open_until(lantai)
    assert until is not None
    pause(clock, until - clock.now())
    for job in (second, third):
        lantai.delivery.deliver(job)
        assert ended(lantai, job) == [("sent", "")]
    assert open_until(lantai) is None
    assert "消息通道已恢复" in world.alerts.lines[-1]


def test_patience_is_shorter_than_the_day() -> None:
    """Else the test above would show nothing."""
    assert min(PATIENCE.values()) < timedelta(hours=9)


def test_staff_lift_it_by_hand_and_what_waited_goes_on_now(
    lantai: Lantai, tell: Tell, world: World, clock: FakeClock
) -> None:
    first, second = tell(ONCE), tell(ONCE)
    world.wechat_sender.faults = [SendFault.LATER]
    lantai.delivery.deliver(first)
    with lantai.db.transaction() as session:
        lantai.queue.enqueue(session, DeliverNotice(uuid4()), at=clock.now() + timedelta(minutes=5))
    lantai.delivery.deliver(second)
    [stopped] = lantai.undelivered.stopped()
    assert (stopped.outlet, stopped.limited) == (HERE, True)
    lantai.undelivered.reopen(CLERK, HERE)
    assert lantai.undelivered.stopped() == []
    other, *woken = sorted(due(lantai))
    assert other == clock.now() + timedelta(minutes=5)  # waits for something else
    assert len(woken) == 2
    assert all(abs(at - datetime.now(UTC)) < timedelta(minutes=1) for at in woken)  # by the queue's own clock
    for job in (first, second):
        lantai.delivery.deliver(job)
        assert ended(lantai, job)[-1] == ("sent", "")
    with lantai.db.transaction() as session:
        [event] = session.scalars(select(Event).where(Event.type == "channel.reopened"))
    assert (event.actor_id, event.data) == (CLERK.id, {"way": "wechat", "template": "ticket_decided"})


def test_a_limit_met_again_at_the_turn_of_the_day_is_tried_soon_and_not_a_day_later(
    lantai: Lantai, tell: Tell, world: World, clock: FakeClock
) -> None:
    """The platform's day may begin later than ours."""
    job = tell(SURE)
    world.wechat_sender.faults = [SendFault.LATER]
    lantai.delivery.deliver(job)
    pause(clock, tomorrow(clock) - clock.now())
    world.wechat_sender.faults = [SendFault.LATER]
    lantai.delivery.deliver(job)
    assert open_until(lantai) == due(lantai)[-1] == clock.now() + TURN_PAUSE
    pause(clock, TURN_PAUSE)
    lantai.delivery.deliver(job)
    assert (ended(lantai, job)[-1], open_until(lantai)) == (("sent", ""), None)
    assert len([line for line in world.alerts.lines if "当日发送上限" in line]) == 1
    world.wechat_sender.faults = [SendFault.LATER]
    lantai.delivery.deliver(tell(SURE))
    assert open_until(lantai) == tomorrow(clock)  # the new day's own


def test_what_was_begun_before_the_limit_and_gets_through_does_not_lift_it(lantai: Lantai, clock: FakeClock) -> None:
    breakers = Breakers(clock)
    with lantai.db.transaction() as session:
        until, first = breakers.limited(session, HERE, "45009")
        assert first
        assert not breakers.passed(session, HERE)
    assert open_until(lantai) == until
    pause(clock, until - clock.now())
    assert lantai.undelivered.stopped() == []  # over by itself
    with lantai.db.transaction() as session:
        assert breakers.passed(session, HERE)
    assert open_until(lantai) is None


def test_what_met_the_limit_and_is_put_off_after_staff_lifted_it_goes_on_at_once(
    lantai: Lantai, tell: Tell, world: World, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, again = tell(ONCE), NoticeDelivery._again

    def lifted_meanwhile(delivery: NoticeDelivery, *args: Any) -> None:
        lantai.undelivered.reopen(CLERK, HERE)
        again(delivery, *args)

    monkeypatch.setattr(NoticeDelivery, "_again", lifted_meanwhile)
    world.wechat_sender.faults = [SendFault.LATER]
    lantai.delivery.deliver(job)
    assert due(lantai) == [clock.now() + LATER]


def test_many_that_wait_are_woken_in_slices(lantai: Lantai, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.jobs.HASTENED_AT_ONCE", 2)
    most: list[int] = []
    with lantai.db.transaction() as session:
        until, _ = Breakers(clock).limited(session, HERE, "45009")
        for second in range(5):
            lantai.queue.enqueue(session, DeliverNotice(uuid4()), at=until + timedelta(seconds=second))

    def look(_connection: object, cursor: Any, statement: str, *_: object) -> None:
        if statement.startswith("with waiting as"):
            most.append(cursor.rowcount)

    listen(lantai.db.engine, "after_cursor_execute", look)
    lantai.undelivered.reopen(CLERK, HERE)
    assert most == [2, 2, 1, 0]
    assert all(abs(at - datetime.now(UTC)) < timedelta(minutes=1) for at in due(lantai))


def test_what_is_not_stopped_is_not_lifted_and_not_by_everybody(lantai: Lantai, clock: FakeClock) -> None:
    with pytest.raises(Conflict, match="channel_not_stopped"):
        lantai.undelivered.reopen(CLERK, HERE)
    with lantai.db.transaction() as session:
        Breakers(clock).limited(session, HERE, "45009")
    with pytest.raises(Forbidden):
        lantai.undelivered.reopen(Actor(ActorKind.STAFF, uuid4(), frozenset({Role.AUDITOR})), HERE)
    assert len(lantai.undelivered.stopped()) == 1

"""E-mails and SMS stop as pushes do: what opens their breakers, what waits meanwhile, and what goes the other way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event as Signal
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update

from app.actors import Actor, ActorKind, Purpose, Role
from app.errors import Unavailable
from app.job_worker import payload
from app.jobs import DeliverByContact, DeliverNotice
from app.ports import SendFault
from notifications.breaker import LIMITED_SPREAD_S, PATIENCE, PAUSES, SPREAD_S, Breakers, ChannelBreaker, Outlet
from notifications.catalogue.text import Importance, Promise
from notifications.channel_models import ContactAttempt, NoticeContact
from notifications.channel_rules import OTHER_WAY_AFTER, ContactKind, Way
from notifications.contact_delivery import LEASE
from notifications.contacts import PER_PERSON
from notifications.fault_actions import STRIKES, next_day
from notifications.models import AttemptState, DeliveryAttempt
from notifications.undelivered import UndeliveredFilter
from parts import Lantai
from tests.conftest import Person, World
from tests.fakes import FakeClock
from tests.notifications.ways import EMAIL, IMPORTANT, PHONE, URGENT, Tell, queued

CLERK = Actor(ActorKind.STAFF, uuid4(), frozenset({Role.ARCHIVIST}))
HERE = Outlet.of_letter(EMAIL)
Write = Callable[..., DeliverByContact]


@pytest.fixture
def write(lantai: Lantai, tell: Tell, world: World) -> Write:
    """A notice that no push could tell: gives the job of its letter; the queue is empty after."""

    def make(kind: str = IMPORTANT) -> DeliverByContact:
        world.wechat_sender.faults = [SendFault.NO_CREDIT]
        lantai.delivery.deliver(tell(kind))
        return taken(lantai)

    return make


def taken(lantai: Lantai) -> DeliverByContact:
    """The one letter that is queued, taken out."""
    with lantai.db.transaction() as session:
        return payload(DeliverByContact, session.scalars(text("delete from procrastinate_jobs returning args")).one())


def pause(clock: FakeClock, span: timedelta) -> None:
    clock.advance(seconds=span.total_seconds())


def letters(lantai: Lantai, job: DeliverByContact) -> list[tuple[ContactKind, str, str, bool]]:
    """(kind, state, reason, whether it waits for its channel) of one notice."""
    query = select(ContactAttempt).where(ContactAttempt.notice_id == job.notice_id)
    with lantai.db.transaction() as session:
        rows = session.scalars(query.order_by(ContactAttempt.created_at, ContactAttempt.number))
        return [(r.kind, r.state.value, r.reason, r.held_until is not None) for r in rows]


def open_until(lantai: Lantai) -> datetime | None:
    with lantai.db.transaction() as session:
        return session.scalar(select(ChannelBreaker.open_until).where(ChannelBreaker.way == Way.EMAIL))


def stop(lantai: Lantai, write: Write, world: World, fault: SendFault = SendFault.CONFIG) -> DeliverByContact:
    """A letter that stops all e-mails; what follows from it is dropped."""
    job = write()
    world.mailer.faults = [fault]
    lantai.contact_delivery.deliver(job)
    with lantai.db.transaction() as session:
        session.execute(text("delete from procrastinate_jobs"))
    return job


def told(world: World, words: str) -> int:
    return len([line for line in world.alerts.lines if words in line])


def test_a_wrong_password_is_met_once_and_the_others_wait_in_sight_and_lose_no_try(
    lantai: Lantai, person: Person, write: Write, reach: Callable[..., None], world: World, clock: FakeClock
) -> None:
    reach(EMAIL)
    stop(lantai, write, world)
    second = write()
    for _ in range(2):
        lantai.contact_delivery.deliver(second)
        assert letters(lantai, second) == [(EMAIL, "retry", "", True)]
        [(_, at)] = queued(lantai)
        assert clock.now() + PAUSES[0] <= at < clock.now() + PAUSES[0] + timedelta(seconds=SPREAD_S)
        assert taken(lantai) == second  # the same try of the same letter
    history = lantai.notice_history.of(CLERK, person.id, way=Way.EMAIL, offset=0, limit=1)
    assert "等待通道恢复" in history.lines[0].ways[-1].words
    assert (told(world, "消息通道暂停：邮件（scripted）"), told(world, "请检查配置")) == (1, 1)
    pause(clock, PAUSES[0])
    lantai.contact_delivery.deliver(second)
    assert (letters(lantai, second), open_until(lantai)) == ([(EMAIL, "sent", "", False)], None)
    assert told(world, "消息通道已恢复：邮件") == 1


def test_the_pauses_are_those_of_pushes(
    lantai: Lantai, write: Write, reach: Callable[..., None], world: World, clock: FakeClock
) -> None:
    reach(EMAIL)
    for span in (*PAUSES, PAUSES[-1]):
        stop(lantai, write, world)
        assert open_until(lantai) == clock.now() + span
        pause(clock, span)
    assert told(world, "消息通道暂停") == 1


@pytest.mark.parametrize("fault", [SendFault.RETRY, SendFault.UNKNOWN])
def test_five_failures_of_five_letters_open_it_and_five_of_one_do_not(
    fault: SendFault, lantai: Lantai, write: Write, reach: Callable[..., None], world: World, clock: FakeClock
) -> None:
    reach(EMAIL)
    sick = write(URGENT)
    world.mailer.faults = [fault] * STRIKES
    for attempt in range(STRIKES):
        lantai.contact_delivery.deliver(DeliverByContact(sick.notice_id, sick.contact_id, attempt + 1))
    assert open_until(lantai) is None
    for n in range(STRIKES - 1):  # that letter was the first of five
        assert open_until(lantai) is None, n
        stop(lantai, write, world, fault)
    assert open_until(lantai) == clock.now() + PAUSES[0]


@pytest.mark.parametrize("own", [SendFault.RECIPIENT, SendFault.FULL, SendFault.CONTENT])
def test_what_is_wrong_with_one_letter_stops_none_and_shows_that_the_server_is_there(
    own: SendFault, lantai: Lantai, write: Write, reach: Callable[..., None], world: World
) -> None:
    reach(EMAIL)
    failing = [SendFault.RETRY] * (STRIKES - 1)
    for fault in (*failing, own, *failing, *[own] * STRIKES):
        stop(lantai, write, world, fault)
        assert open_until(lantai) is None
        with lantai.db.transaction() as session:
            session.execute(update(NoticeContact).values(unreachable_at=None))


@pytest.mark.parametrize(
    ("fault", "reason", "strikes"),
    [
        (SendFault.CONFIG, "535", STRIKES),
        (SendFault.CONFIG, "550", 1),  # for one recipient, or for all of them
        (SendFault.RETRY, "450", 0),  # one mailbox that is busy
        (SendFault.CONTENT, "address", 1),  # nobody was asked, so the failure before stands
    ],
)
def test_how_far_one_answer_brings_it(fault: SendFault, reason: str, strikes: int, lantai: Lantai) -> None:
    breakers = Breakers(lantai.clock)
    with lantai.db.transaction() as session:
        if reason == "address":
            breakers.judge(session, HERE, breakers.look(session, HERE), SendFault.RETRY, "connection", first=True)
        breakers.judge(session, HERE, breakers.look(session, HERE), fault, reason, first=True)
        assert (session.scalar(select(ChannelBreaker.failures)) or 0) == strikes


def test_the_vendors_limit_of_the_day_holds_all_until_the_next_and_uses_up_nobodys_patience(
    lantai: Lantai, write: Write, reach: Callable[..., None], world: World, clock: FakeClock
) -> None:
    reach(EMAIL)
    first, second = stop(lantai, write, world, SendFault.LATER), write()
    assert open_until(lantai) == next_day(clock.now())
    pause(clock, PATIENCE[Promise.AT_MOST_ONCE] + timedelta(hours=1))
    lantai.contact_delivery.deliver(second)
    [(_, at)] = queued(lantai)
    assert timedelta(0) <= at - next_day(clock.now()) < timedelta(seconds=LIMITED_SPREAD_S)
    assert letters(lantai, second) == [(EMAIL, "retry", "", True)]
    assert told(world, "当日发送上限：邮件") == 1
    pause(clock, timedelta(hours=24))
    for job in (first, second):
        lantai.contact_delivery.deliver(job)
        assert letters(lantai, job)[-1] == (EMAIL, "sent", "", False)


@pytest.mark.parametrize(("kind", "promise"), [(IMPORTANT, Promise.AT_MOST_ONCE), (URGENT, Promise.AT_LEAST_ONCE)])
@pytest.mark.parametrize("tried", [False, True])
def test_what_waited_too_long_ends_and_is_listed(
    tried: bool,
    kind: str,
    promise: Promise,
    lantai: Lantai,
    write: Write,
    reach: Callable[..., None],
    world: World,
    clock: FakeClock,
) -> None:
    reach(EMAIL)
    job = write(kind)
    if tried:
        world.mailer.faults = [SendFault.RETRY]
        lantai.contact_delivery.deliver(job)
    stop(lantai, write, world)
    with lantai.db.transaction() as session:
        session.execute(update(ChannelBreaker).values(open_until=clock.now() + timedelta(days=9)))
    pause(clock, PATIENCE[promise])
    lantai.contact_delivery.deliver(job)
    assert letters(lantai, job)[-1][3]
    pause(clock, timedelta(seconds=1))
    lantai.contact_delivery.deliver(job)
    ended = [(EMAIL, "retry", "retry:scripted", True)] if tried else []
    assert [each[:3] for each in letters(lantai, job)] == [e[:3] for e in (*ended, (EMAIL, "failed", "held", False))]
    (line,), _ = lantai.undelivered.page(CLERK, UndeliveredFilter("held"), 1, 50)
    assert (line.way, line.words, line.replayable) == (Way.EMAIL, "通道暂停过久，未发送", True)


@pytest.mark.parametrize(
    ("kind", "fault"), [(URGENT, SendFault.CONFIG), (IMPORTANT, SendFault.CONFIG), (IMPORTANT, SendFault.LATER)]
)
def test_the_other_kind_goes_meanwhile_and_what_waited_is_not_told_again(
    kind: str,
    fault: SendFault,
    lantai: Lantai,
    write: Write,
    reach: Callable[..., None],
    world: World,
    clock: FakeClock,
) -> None:
    """An urgent notice at once, an important one after its time, any where it would wait for tomorrow."""
    reach(EMAIL)
    stop(lantai, write, world, fault)
    job = write(kind)
    reach(PHONE)
    if fault is SendFault.CONFIG and kind == IMPORTANT:
        with lantai.db.transaction() as session:
            session.execute(update(ChannelBreaker).values(open_until=clock.now() + timedelta(hours=1)))
        pause(clock, OTHER_WAY_AFTER[Importance.IMPORTANT] - timedelta(seconds=1))
        lantai.contact_delivery.deliver(job)
        lantai.delivery.deliver(DeliverNotice(job.notice_id))  # nor may anybody else begin it
        assert taken(lantai) == job
        pause(clock, timedelta(seconds=1))
    lantai.contact_delivery.deliver(job)
    with lantai.db.transaction() as session:
        args = session.scalars(text("select args from procrastinate_jobs order by id")).all()
    waits, other = (payload(DeliverByContact, each) for each in args)
    assert (waits, other.attempt) == (job, 1)
    lantai.contact_delivery.deliver(other)
    pause(clock, timedelta(hours=24))
    lantai.contact_delivery.deliver(job)
    assert (len(world.sms.sent), world.mailer.sent) == (1, [])
    assert letters(lantai, job) == [(PHONE, "sent", "", False)]


def test_what_may_have_arrived_is_not_told_by_the_other_kind_while_it_waits(
    lantai: Lantai, write: Write, reach: Callable[..., None], world: World, clock: FakeClock
) -> None:
    """Its server took it and did not answer, or its worker died over it."""
    reach(EMAIL)
    unanswered, lost = write(URGENT), write(URGENT)
    world.mailer.faults = [SendFault.UNKNOWN]
    lantai.contact_delivery.deliver(unanswered)
    with lantai.db.transaction() as session:
        row = session.scalars(select(ContactAttempt).where(ContactAttempt.notice_id == lost.notice_id)).one()
        row.state = AttemptState.SENDING
    stop(lantai, write, world)
    reach(PHONE)
    with lantai.db.transaction() as session:
        session.execute(update(ChannelBreaker).values(open_until=clock.now() + timedelta(hours=1)))
    pause(clock, LEASE)
    for job in (unanswered, lost):
        lantai.contact_delivery.deliver(job)
        assert taken(lantai) == job
        assert letters(lantai, job)[-1][3]
    pause(clock, timedelta(hours=1))
    for job in (unanswered, lost):
        lantai.contact_delivery.deliver(job)
        assert letters(lantai, job)[-1] == (EMAIL, "sent", "", False)
    assert (len(world.mailer.sent), world.sms.sent) == (2, [])


def test_what_staff_asked_for_waits_as_such(
    lantai: Lantai, write: Write, reach: Callable[..., None], world: World, clock: FakeClock
) -> None:
    """No other way begins beside it, and it goes though a push may have arrived."""
    reach(EMAIL)
    failed = stop(lantai, write, world)
    reach(PHONE)
    (line,), _ = lantai.undelivered.page(CLERK, UndeliveredFilter("config"), 1, 50)
    lantai.undelivered.replay(CLERK, [line.id], double_known=False)
    with lantai.db.transaction() as session:
        session.execute(update(ChannelBreaker).values(open_until=clock.now() + timedelta(hours=1)))
        session.execute(update(DeliveryAttempt).values(state=AttemptState.FAILED))
    pause(clock, OTHER_WAY_AFTER[Importance.IMPORTANT])
    lantai.contact_delivery.deliver(taken(lantai))
    assert taken(lantai).contact_id == failed.contact_id
    with lantai.db.transaction() as session:
        session.execute(update(DeliveryAttempt).values(state=AttemptState.UNKNOWN))
    pause(clock, timedelta(hours=1))
    lantai.contact_delivery.deliver(failed)
    assert letters(lantai, failed)[-1] == (EMAIL, "sent", "config:scripted", False)


def test_staff_lift_it_by_hand_and_what_waited_goes_on_now(
    lantai: Lantai, write: Write, reach: Callable[..., None], world: World, clock: FakeClock
) -> None:
    reach(EMAIL)
    stop(lantai, write, world)
    waits = write()
    lantai.contact_delivery.deliver(waits)
    [stopped] = lantai.undelivered.stopped()
    assert (stopped.outlet, stopped.limited) == (HERE, False)
    lantai.undelivered.reopen(CLERK, HERE)
    [(_, at)] = queued(lantai)
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=1)  # by the queue's own clock
    lantai.contact_delivery.deliver(waits)
    assert letters(lantai, waits) == [(EMAIL, "sent", "", False)]


def test_of_two_workers_one_tries_and_the_other_waits_for_its_end(
    lantai: Lantai,
    write: Write,
    reach: Callable[..., None],
    world: World,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reach(EMAIL)
    stop(lantai, write, world)
    one, other = write(), write()
    pause(clock, PAUSES[0])
    asked, may, send = Signal(), Signal(), world.mailer.send

    def slowly(*args: Any, **named: Any) -> None:
        asked.set()
        assert may.wait(20)
        send(*args, **named)

    monkeypatch.setattr(world.mailer, "send", slowly)
    working = Thread(target=lantai.contact_delivery.deliver, args=(one,))
    working.start()
    assert asked.wait(20)
    lantai.contact_delivery.deliver(other)
    assert (letters(lantai, other), open_until(lantai)) == ([(EMAIL, "retry", "", True)], clock.now() + LEASE)
    may.set()
    working.join()
    assert (letters(lantai, one), len(world.mailer.sent)) == ([(EMAIL, "sent", "", False)], 1)
    lantai.contact_delivery.deliver(other)
    assert len(world.mailer.sent) == 2


def test_a_worker_that_dies_over_its_turn_gives_it_on(
    lantai: Lantai,
    write: Write,
    reach: Callable[..., None],
    world: World,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reach(EMAIL)
    stop(lantai, write, world)
    one, other = write(), write()
    pause(clock, PAUSES[0])

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(world.mailer, "send", killed)
        with pytest.raises(KeyboardInterrupt):
            lantai.contact_delivery.deliver(one)
    pause(clock, LEASE - timedelta(seconds=1))
    lantai.contact_delivery.deliver(other)
    assert (letters(lantai, other)[0][1], world.mailer.sent) == ("retry", [])
    pause(clock, timedelta(seconds=1))
    lantai.contact_delivery.deliver(other)
    assert (letters(lantai, other)[0][1], open_until(lantai)) == ("sent", None)


def test_a_code_is_refused_at_once_and_costs_nobody_anything(
    lantai: Lantai, person: Person, write: Write, reach: Callable[..., None], world: World, clock: FakeClock
) -> None:
    """And says nothing of the channel: else any address that no server takes could stop it for everybody."""
    reach(EMAIL)
    stop(lantai, write, world)
    actor = person.actor(Purpose.MANAGE_ACCOUNT, now=clock.now())
    for _ in range(PER_PERSON + 1):
        with pytest.raises(Unavailable) as refused:
            lantai.contacts.add(actor, EMAIL, "new@example.edu.cn")
        assert refused.value.code == "contact_kind_stopped"
    assert (len(lantai.contacts.list(actor)), world.mailer.sent, queued(lantai)) == (1, [], [])
    assert lantai.contacts.add(actor, PHONE, "13900000000").verified_at is None  # the other kind is well
    pause(clock, PAUSES[0])
    assert lantai.contacts.add(actor, EMAIL, "new@example.edu.cn").verified_at is None
    before = open_until(lantai)
    world.sms.faults = world.mailer.faults = [SendFault.CONFIG]
    with pytest.raises(Unavailable, match="contact_code_not_sent"):
        lantai.contacts.add(actor, EMAIL, "other@example.edu.cn")
    with lantai.db.transaction() as session:
        assert session.scalars(select(ChannelBreaker.open_until)).all() == [before]

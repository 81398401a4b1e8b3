"""What follows from pushed events, in whatever order they come: the ledger of credits and the attempts at sending."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, text, update

from app.actors import SYSTEM
from app.jobs import Announce, DeliverNotice, HandlePush
from app.people.models import PlatformIdentity
from app.ports import PushedMessage, SendFault
from notifications.catalogue.text import Template
from notifications.models import AttemptState, DeliveryAttempt, InboundPush, Notice, Subscription
from notifications.sent_events import UNDER_WAY
from parts import Lantai
from tests.conftest import ApiClient, Person, World
from tests.fakes import FakeClock

TEMPLATE = {Template.TICKET_DECIDED: "wechat-ticket_decided", Template.ACCOUNT_NOTICE: "wechat-account_notice"}
POPUP, CHANGE, SENT = "subscribe_msg_popup_event", "subscribe_msg_change_event", "subscribe_msg_sent_event"
ONCE, SURE = "ticket.decided", "account.totp_enrolled"
Push = Callable[..., None]


@pytest.fixture
def identity(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    run_jobs: Callable[[], None],
    lantai: Lantai,
    world: World,
) -> PlatformIdentity:
    """A graduate's WeChat account, with nothing sent and nothing left to do."""
    signed_in(graduate_factory(), 2)
    run_jobs()
    world.wechat_sender.sent.clear()
    with lantai.db.transaction() as session:
        session.execute(text("delete from procrastinate_jobs"))
        session.execute(text("delete from delivery_attempt"))
        return session.scalars(select(PlatformIdentity)).one()


@pytest.fixture
def push(lantai: Lantai, identity: PlatformIdentity) -> Push:
    """Takes an event of that second in and works it off."""

    def take(event: str, at: datetime, *items: dict[str, str]) -> None:
        seconds = int(at.timestamp())
        entries = tuple({"TemplateId": TEMPLATE[Template.TICKET_DECIDED], **item} for item in items)
        key = f"{identity.open_id}:{seconds}:{event}"
        lantai.pushes.accept(PushedMessage(key, "event", event, identity.open_id, seconds, items=entries))
        with lantai.db.transaction() as session:
            waiting = session.scalars(select(InboundPush.id).where(InboundPush.handled_at.is_(None))).all()
        for push_id in waiting:
            lantai.pushes.handle(HandlePush(push_id))

    return take


def ledger(lantai: Lantai) -> tuple[bool, int]:
    with lantai.db.transaction() as session:
        row = session.scalars(select(Subscription)).one()
        return row.accepted, row.credits


# --- order ------------------------------------------------------------------------------------------------------------

ACCEPT, REJECT = {"SubscribeStatusString": "accept"}, {"SubscribeStatusString": "reject"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_refusal_stands_whenever_it_is_told(
    order: tuple[int, ...], push: Push, lantai: Lantai, clock: FakeClock
) -> None:
    start = clock.now()
    clock.advance(seconds=60)
    events = [(POPUP, ACCEPT), (POPUP, ACCEPT), (CHANGE, REJECT)]
    for n in order:
        push(events[n][0], start + timedelta(seconds=n), events[n][1])
    assert ledger(lantai) == (False, 0)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_accepting_again_after_a_refusal_stands_whenever_it_is_told(
    order: tuple[int, ...], push: Push, lantai: Lantai, clock: FakeClock
) -> None:
    start = clock.now()
    clock.advance(seconds=60)
    events = [(POPUP, ACCEPT), (CHANGE, REJECT), (POPUP, ACCEPT)]
    for n in order:
        push(events[n][0], start + timedelta(seconds=n), events[n][1])
    accepted, credits = ledger(lantai)
    assert accepted
    # an estimate: of two credits that are there, the late refusal took one, or a late one was taken already
    assert credits == (1 if order[-1] == 2 else 2)


def test_credits_of_two_accepts_count_in_either_order(push: Push, lantai: Lantai, clock: FakeClock) -> None:
    start = clock.now()
    clock.advance(seconds=60)
    push(POPUP, start + timedelta(seconds=1), ACCEPT)
    push(POPUP, start, ACCEPT)
    assert ledger(lantai) == (True, 2)


def test_a_platform_whose_clock_is_ahead_does_not_overrule_what_follows(
    push: Push, lantai: Lantai, clock: FakeClock
) -> None:
    push(POPUP, clock.now() + timedelta(days=3), ACCEPT)
    clock.advance(seconds=5)
    push(CHANGE, clock.now(), REJECT)
    assert ledger(lantai) == (False, 0)


# --- sent events ------------------------------------------------------------------------------------------------------


@pytest.fixture
def deliver(lantai: Lantai, identity: PlatformIdentity) -> Callable[[str], DeliverNotice]:
    """Something is told by a message of which the sender's next answer decides."""

    def make(kind: str) -> DeliverNotice:
        with lantai.db.transaction() as session:
            data = {"state": "applied"} if kind == ONCE else {}
            event = lantai.log.record(session, SYSTEM, kind, graduate_id=identity.graduate_id, data=data)
        lantai.announcing.announce(Announce(event))
        with lantai.db.transaction() as session:
            job = DeliverNotice(session.scalars(select(Notice.id).where(Notice.event_id == event)).one())
        lantai.delivery.deliver(job)
        return job

    return make


def attempt(lantai: Lantai) -> tuple[AttemptState, str, str]:
    with lantai.db.transaction() as session:
        row = session.scalars(select(DeliveryAttempt)).one()
        return row.state, row.reason, row.provider_id


def finished(code: str = "0", message_id: str = "1864323726461255680", **more: str) -> dict[str, str]:
    return {"MsgID": message_id, "ErrorCode": code, "ErrorStatus": "success" if code == "0" else "failed", **more}


@pytest.mark.parametrize("kind", [ONCE, SURE])
def test_a_message_whose_answer_was_lost_is_settled_by_the_event_and_not_sent_again(
    kind: str, push: Push, deliver: Callable[[str], DeliverNotice], lantai: Lantai, world: World, clock: FakeClock
) -> None:
    template = TEMPLATE[Template.TICKET_DECIDED if kind == ONCE else Template.ACCOUNT_NOTICE]
    push(POPUP, clock.now(), {**ACCEPT, "TemplateId": template})
    world.wechat_sender.faults = [SendFault.UNKNOWN]
    job = deliver(kind)
    assert attempt(lantai)[0] in (AttemptState.UNKNOWN, AttemptState.RETRY)
    clock.advance(seconds=2)
    for _ in range(2):  # a resend, too
        push(SENT, clock.now(), finished(TemplateId=template))
    assert attempt(lantai) == (AttemptState.SENT, "", "1864323726461255680")
    assert ledger(lantai) == (True, 0)
    lantai.delivery.deliver(DeliverNotice(job.notice_id, 2))
    assert world.wechat_sender.sent == []


def test_a_send_that_failed_after_the_platform_had_said_ok(
    push: Push, deliver: Callable[[str], DeliverNotice], lantai: Lantai, clock: FakeClock
) -> None:
    deliver(ONCE)
    assert attempt(lantai)[0] is AttemptState.SENT
    with lantai.db.transaction() as session:
        session.execute(update(DeliveryAttempt).values(provider_id="77"))
    push(SENT, clock.now(), finished("2", "77"))
    assert attempt(lantai) == (AttemptState.FAILED, "event:2", "77")


def test_an_event_that_is_sooner_than_the_answer_waits(
    push: Push, deliver: Callable[[str], DeliverNotice], lantai: Lantai, clock: FakeClock
) -> None:
    deliver(ONCE)
    with lantai.db.transaction() as session:
        session.execute(update(DeliveryAttempt).values(state=AttemptState.SENDING, settled_at=None, provider_id=""))
        session.execute(text("delete from procrastinate_jobs"))
    push(SENT, clock.now(), finished())
    assert attempt(lantai)[0] is AttemptState.SENDING
    with lantai.db.transaction() as session:
        name, at = session.execute(
            text("select task_name, scheduled_at from procrastinate_jobs where scheduled_at is not null")
        ).one()
        push_id = session.scalars(select(InboundPush.id).where(InboundPush.handled_at.is_(None))).one()
    assert (name, at) == ("notifications.handle_push", clock.now() + UNDER_WAY)
    clock.advance(seconds=UNDER_WAY.total_seconds())
    lantai.pushes.handle(HandlePush(push_id))
    assert attempt(lantai) == (AttemptState.SENT, "", "1864323726461255680")


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"MsgID": "", "ErrorCode": "0"},
        {"MsgID": "9" * 81, "ErrorCode": "0"},
        finished(TemplateId="not-ours"),
        finished(TemplateId=TEMPLATE[Template.ACCOUNT_NOTICE]),
    ],
)
def test_an_event_about_nothing_of_ours_changes_nothing(
    item: dict[str, str],
    push: Push,
    deliver: Callable[[str], DeliverNotice],
    lantai: Lantai,
    world: World,
    clock: FakeClock,
) -> None:
    world.wechat_sender.faults = [SendFault.UNKNOWN]
    deliver(ONCE)
    before = attempt(lantai)
    push(SENT, clock.now(), item)
    assert attempt(lantai) == before
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(InboundPush.id)).where(InboundPush.handled_at.is_(None))) == 0


def test_an_event_long_after_its_message_is_about_another(
    push: Push, deliver: Callable[[str], DeliverNotice], lantai: Lantai, world: World, clock: FakeClock
) -> None:
    world.wechat_sender.faults = [SendFault.UNKNOWN]
    deliver(ONCE)
    clock.advance(hours=2)
    push(SENT, clock.now(), finished())
    assert attempt(lantai)[0] is AttemptState.UNKNOWN

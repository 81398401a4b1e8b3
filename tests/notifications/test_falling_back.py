"""E-mail or SMS where no push arrived: which one, when, and what they say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select, text, update

from app.actors import Purpose
from app.job_worker import payload
from app.jobs import DeliverByContact, DeliverNotice
from app.people.models import PlatformIdentity
from app.ports import SendFault
from notifications.catalogue.text import Importance
from notifications.channel_models import ContactAttempt, NoticeContact
from notifications.channel_rules import OTHER_WAY_AFTER, ContactKind
from notifications.delivery import BACKOFF, MAX_ATTEMPTS
from notifications.models import AttemptState, DeliveryAttempt
from notifications.sent_events import SentEvents
from parts import Lantai
from tests.conftest import Person, World
from tests.fakes import FakeClock
from tests.notifications.ways import (
    ADDRESSES,
    EMAIL,
    IMPORTANT,
    ORDINARY,
    PHONE,
    URGENT,
    Tell,
    choose,
    letters,
    queued,
    work_off,
)


@pytest.mark.parametrize(
    ("kind", "kinds", "used"),
    [
        (URGENT, (EMAIL, PHONE), PHONE),
        (URGENT, (EMAIL,), EMAIL),
        (IMPORTANT, (EMAIL, PHONE), EMAIL),
        (IMPORTANT, (PHONE,), PHONE),
        (IMPORTANT, (), None),
        (ORDINARY, (EMAIL, PHONE), None),
    ],
)
def test_where_no_push_arrives_importance_chooses_the_next_way(
    kind: str,
    kinds: tuple[ContactKind, ...],
    used: ContactKind | None,
    lantai: Lantai,
    tell: Tell,
    reach: Callable[..., None],
    world: World,
) -> None:
    reach(*kinds)
    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    job = tell(kind)
    for _ in range(2):
        lantai.delivery.deliver(job)
        work_off(lantai)
    assert letters(lantai) == ([(used, AttemptState.SENT)] if used else [])
    assert (len(world.mailer.sent), len(world.sms.sent)) == (int(used is EMAIL), int(used is PHONE))


def test_letters_name_nobody_and_say_where_to_look(
    lantai: Lantai, person: Person, tell: Tell, reach: Callable[..., None], world: World
) -> None:
    reach(EMAIL, PHONE)
    world.wechat_sender.faults = [SendFault.NO_CREDIT] * 2
    for kind in (URGENT, IMPORTANT):
        lantai.delivery.deliver(tell(kind))
        work_off(lantai)
    ((to, subject, body, message_id),) = world.mailer.sent
    ((number, _, values, _),) = world.sms.sent
    assert (to, number) == (ADDRESSES[EMAIL], ADDRESSES[PHONE])
    assert "已更正" in subject or "更正" in subject
    assert message_id.startswith("<")
    assert "小程序" in body
    assert "http" not in body
    assert {k: v for k, v in values.items() if k != "check"} == {"subject": "动态口令已启用", "state": "账号变动"}
    for code in (values["check"], body.partition("核验码：")[2][:8]):
        assert lantai.message_checks.ask(code, "10.0.0.1") is not None
    card = person.card
    for secret in (card.name, card.id_number, card.student_number, card.phone):
        assert secret not in subject + body + str(values)
    with lantai.db.transaction() as session:
        jobs = session.execute(text("select args::text from procrastinate_jobs")).scalars().all()
        tries = session.execute(text("select row_to_json(a)::text from contact_attempt a")).scalars().all()
    assert all(address not in line for line in (*jobs, *tries) for address in ADDRESSES.values())


def test_a_push_that_arrived_or_may_have_is_not_told_again(
    lantai: Lantai, tell: Tell, reach: Callable[..., None], world: World
) -> None:
    reach(EMAIL, PHONE)
    lantai.delivery.deliver(tell(IMPORTANT))
    world.wechat_sender.faults = [SendFault.UNKNOWN]
    lantai.delivery.deliver(tell(IMPORTANT))
    work_off(lantai)
    assert letters(lantai) == []


def test_an_important_push_that_is_tried_again_lets_a_letter_go_after_half_an_hour(
    lantai: Lantai, tell: Tell, reach: Callable[..., None], world: World, clock: FakeClock
) -> None:
    reach(EMAIL, PHONE)
    world.wechat_sender.faults = [SendFault.RETRY] * MAX_ATTEMPTS
    job, begun = tell(IMPORTANT), clock.now()
    for pause in (*BACKOFF, BACKOFF[-1]):
        lantai.delivery.deliver(job)
        work_off(lantai)
        assert bool(letters(lantai)) is (clock.now() - begun >= OTHER_WAY_AFTER[Importance.IMPORTANT])
        clock.advance(seconds=pause.total_seconds())
    assert letters(lantai) == [(EMAIL, AttemptState.SENT)]
    assert world.wechat_sender.faults == []  # the push went on being tried


@pytest.mark.parametrize("fault", [SendFault.RETRY, SendFault.LATER, SendFault.CONFIG])
def test_an_urgent_notice_goes_another_way_at_once_and_the_push_goes_on(
    fault: SendFault, lantai: Lantai, tell: Tell, reach: Callable[..., None], world: World
) -> None:
    """Config: the second one finds the breaker open."""
    reach(PHONE)
    world.wechat_sender.faults = [fault]
    for job in (tell(URGENT), tell(URGENT)):
        lantai.delivery.deliver(job)
        if fault is not SendFault.CONFIG:
            break
    assert "notifications.deliver" in [name for name, _ in queued(lantai)]
    work_off(lantai)
    assert set(letters(lantai)) == {(PHONE, AttemptState.SENT)}
    assert len(world.sms.sent) == (2 if fault is SendFault.CONFIG else 1)


def test_two_jobs_ask_for_one_letter(lantai: Lantai, tell: Tell, reach: Callable[..., None], world: World) -> None:
    reach(EMAIL, PHONE)
    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    job = tell(IMPORTANT)
    for _ in range(2):
        lantai.delivery.deliver(job)
    assert [name for name, _ in queued(lantai)] == ["notifications.deliver_by_contact"]
    work_off(lantai)
    assert letters(lantai) == [(EMAIL, AttemptState.SENT)]


@pytest.fixture
def retried(lantai: Lantai, tell: Tell, reach: Callable[..., None], world: World) -> DeliverByContact:
    """A letter that is to be tried again, its job taken out of the queue."""
    reach(EMAIL, PHONE)
    world.wechat_sender.faults, world.mailer.faults = [SendFault.NO_CREDIT], [SendFault.RETRY]
    lantai.delivery.deliver(tell(IMPORTANT))
    with lantai.db.transaction() as session:
        args = session.scalars(text("delete from procrastinate_jobs returning args")).one()
    job = payload(DeliverByContact, args)
    lantai.contact_delivery.deliver(job)
    with lantai.db.transaction() as session:
        session.execute(text("delete from procrastinate_jobs"))
    assert letters(lantai) == [(EMAIL, AttemptState.RETRY)]
    return job


def test_while_a_letter_is_tried_again_no_other_way_is_taken(lantai: Lantai, retried: DeliverByContact) -> None:
    lantai.delivery.deliver(DeliverNotice(retried.notice_id))
    assert queued(lantai) == []
    lantai.contact_delivery.deliver(retried)
    assert letters(lantai) == [(EMAIL, AttemptState.RETRY), (EMAIL, AttemptState.SENT)]


@pytest.mark.parametrize("change", ["arrived", "not_wanted", "recipient:gone"])
def test_a_letter_is_looked_at_again_before_each_try(
    change: str, lantai: Lantai, person: Person, retried: DeliverByContact, world: World, clock: FakeClock
) -> None:
    with lantai.db.transaction() as session:
        if change == "arrived":
            session.execute(update(DeliveryAttempt).values(state=AttemptState.SENT))
        elif change == "recipient:gone":
            mine = update(NoticeContact).where(NoticeContact.kind == EMAIL)
            session.execute(mine.values(unreachable_at=clock.now()))
    if change == "not_wanted":
        choose(lantai, person, "correction:email")
    lantai.contact_delivery.deliver(retried)
    assert world.mailer.sent == []
    with lantai.db.transaction() as session:
        ended = session.scalars(select(ContactAttempt).where(ContactAttempt.kind == EMAIL)).one()
    assert (ended.state, ended.reason) == (AttemptState.FAILED, change)
    work_off(lantai)
    assert len(world.sms.sent) == int(change != "arrived")


def test_a_dead_address_is_not_used_again_and_the_next_kind_is(
    lantai: Lantai, tell: Tell, reach: Callable[..., None], world: World
) -> None:
    reach(EMAIL, PHONE)
    world.mailer.faults, world.wechat_sender.faults = [SendFault.RECIPIENT], [SendFault.NO_CREDIT] * 2
    lantai.delivery.deliver(tell(IMPORTANT))
    work_off(lantai)
    assert letters(lantai) == [(EMAIL, AttemptState.FAILED), (PHONE, AttemptState.SENT)]
    with lantai.db.transaction() as session:
        reachable = {c.kind: c.unreachable_at is None for c in session.scalars(select(NoticeContact))}
    assert reachable == {EMAIL: False, PHONE: True}
    lantai.delivery.deliver(tell(IMPORTANT))
    work_off(lantai)
    assert letters(lantai)[2:] == [(PHONE, AttemptState.SENT)]


def test_a_letter_is_tried_again_and_an_open_end_is_not(
    lantai: Lantai, tell: Tell, reach: Callable[..., None], world: World
) -> None:
    reach(EMAIL)
    world.mailer.faults = [SendFault.RETRY, SendFault.UNKNOWN]
    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    lantai.delivery.deliver(tell(IMPORTANT))
    work_off(lantai)
    assert letters(lantai) == [(EMAIL, AttemptState.RETRY), (EMAIL, AttemptState.UNKNOWN)]
    assert world.mailer.sent == []


def test_a_push_that_the_platform_lost_after_it_had_said_ok_goes_another_way(
    lantai: Lantai, tell: Tell, reach: Callable[..., None], world: World, clock: FakeClock
) -> None:
    reach(EMAIL)
    job = tell(IMPORTANT)
    lantai.delivery.deliver(job)
    assert letters(lantai) == []
    with lantai.db.transaction() as session:
        attempt = session.scalars(select(DeliveryAttempt).where(DeliveryAttempt.notice_id == job.notice_id)).one()
        attempt.provider_id = "1864323726461255680"
    lost = {
        "TemplateId": "wechat-ticket_decided",
        "MsgID": "1864323726461255680",
        "ErrorCode": "2",
        "ErrorStatus": "failed",
    }
    sent_events = SentEvents(lantai.subscriptions, lantai.queue, clock)
    for _ in range(2):  # told twice
        with lantai.db.transaction() as session:
            identity = session.scalars(select(PlatformIdentity)).one()
            sent_events.settle(session, identity.id, lost, clock.now())
    assert [name for name, _ in queued(lantai)] == ["notifications.deliver"]
    lantai.delivery.deliver(job)
    work_off(lantai)
    assert letters(lantai) == [(EMAIL, AttemptState.SENT)]
    assert len(world.wechat_sender.sent) == 1


def test_a_switched_off_way_is_left_out(
    lantai: Lantai, person: Person, tell: Tell, reach: Callable[..., None], world: World
) -> None:
    reach(EMAIL, PHONE)
    choose(lantai, person, "correction:email")
    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    lantai.delivery.deliver(tell(IMPORTANT))
    work_off(lantai)
    assert letters(lantai) == [(PHONE, AttemptState.SENT)]


def test_a_removed_address_gets_nothing(
    lantai: Lantai, person: Person, tell: Tell, reach: Callable[..., None], world: World
) -> None:
    reach(EMAIL)
    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    lantai.delivery.deliver(tell(IMPORTANT))
    actor = person.actor(Purpose.MANAGE_ACCOUNT, now=lantai.clock.now())
    lantai.contacts.remove(actor, lantai.contacts.list(actor)[0].id)
    work_off(lantai)
    assert world.mailer.sent == []


@pytest.mark.parametrize("meets", [True, False])
def test_an_important_push_that_is_held_till_tomorrow_lets_a_letter_go_at_once(
    meets: bool, lantai: Lantai, tell: Tell, reach: Callable[..., None], world: World
) -> None:
    """Whether it meets the limit of the day itself or finds it met."""
    reach(EMAIL)
    world.wechat_sender.faults = [SendFault.LATER]
    first, second = tell(IMPORTANT), tell(IMPORTANT)
    lantai.delivery.deliver(first)
    if not meets:
        work_off(lantai)
        lantai.delivery.deliver(second)
    work_off(lantai)
    assert letters(lantai) == [(EMAIL, AttemptState.SENT)] * (1 if meets else 2)
    assert world.wechat_sender.sent == []

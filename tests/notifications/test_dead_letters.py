"""E-mails and SMS that reached nobody: listed with the pushes, explained, and sent again once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text, update

from app.actors import Actor, ActorKind, Role
from app.errors import Invalid
from app.job_worker import payload
from app.jobs import DeliverByContact
from app.office_time import OFFICE_TIME
from app.ports import SendFault
from notifications.channel_models import ContactAttempt, NoticeContact
from notifications.channel_rules import ContactKind, Way
from notifications.contact_delivery import BACKOFF, MAX_ATTEMPTS
from notifications.fault_actions import ACTIONS, Again
from notifications.models import AttemptState, DeliveryAttempt, Notice
from notifications.undelivered import Replayed, UndeliveredFilter
from parts import Lantai
from tests.conftest import Person, World
from tests.fakes import FakeClock
from tests.notifications.test_undelivered import pressed_by_four
from tests.notifications.ways import EMAIL, IMPORTANT, PHONE, URGENT, Tell, choose, letters, queued, work_off

CLERK = Actor(ActorKind.STAFF, uuid4(), frozenset({Role.ARCHIVIST}))
ALL = UndeliveredFilter()
Fail = Callable[..., UUID]


def shown(lantai: Lantai, wanted: UndeliveredFilter = ALL) -> list[tuple[Way, str, bool, bool]]:
    lines, total = lantai.undelivered.page(CLERK, wanted, 1, 50)
    assert total == len(lines)
    return [(line.way, line.reason, line.doubtful, line.replayable) for line in lines]


@pytest.fixture
def fail(lantai: Lantai, tell: Tell, world: World) -> Fail:
    """A notice that no push could tell and whose letters meet these faults; gives the last letter."""

    def make(*faults: SendFault, kind: str = IMPORTANT) -> UUID:
        job = tell(kind)
        world.wechat_sender.faults = [SendFault.NO_CREDIT]
        world.mailer.faults, world.sms.faults = list(faults), []
        lantai.delivery.deliver(job)
        work_off(lantai)
        with lantai.db.transaction() as session:
            mine = select(ContactAttempt.id).where(ContactAttempt.notice_id == job.notice_id)
            return session.scalars(mine.order_by(ContactAttempt.number.desc()).limit(1)).one()

    return make


def test_each_is_listed_with_its_reason_and_filtered_by_channel(
    lantai: Lantai, reach: Callable[..., None], fail: Fail, world: World
) -> None:
    reach(EMAIL)
    for fault in (SendFault.CONTENT, SendFault.UNKNOWN, SendFault.CONFIG):
        fail(fault)
    mails = [
        (Way.EMAIL, "config:scripted", False, True),
        (Way.EMAIL, "content:scripted", False, True),
        (Way.EMAIL, "unknown:scripted", True, True),
    ]
    assert sorted(shown(lantai), key=lambda line: line[1]) == mails
    assert sorted(shown(lantai, UndeliveredFilter(way=Way.EMAIL)), key=lambda line: line[1]) == mails
    assert shown(lantai, UndeliveredFilter("content", Way.EMAIL)) == [mails[1]]
    assert shown(lantai, UndeliveredFilter(way=Way.SMS)) == shown(lantai, UndeliveredFilter(way=Way.WECHAT)) == []
    words = {line.words for line in lantai.undelivered.page(CLERK, ALL, 1, 50)[0]}
    assert any("邮件或短信服务的配置有误" in each for each in words)


def test_pages_go_through_pushes_and_letters_by_time(
    lantai: Lantai, reach: Callable[..., None], fail: Fail, tell: Tell, world: World, clock: FakeClock
) -> None:
    reach(EMAIL)
    for _ in range(2):
        fail(SendFault.CONTENT)
        clock.advance(minutes=1)
        world.wechat_sender.faults, world.mailer.faults = [SendFault.CONTENT], [SendFault.CONTENT]
        lantai.delivery.deliver(tell(IMPORTANT))
        work_off(lantai)
        clock.advance(minutes=1)
    pages = [lantai.undelivered.page(CLERK, ALL, number, 2) for number in (1, 2, 3)]
    assert {total for _, total in pages} == {6}
    seen = [line for lines, _ in pages for line in lines]
    assert len({line.id for line in seen}) == 6
    assert [line.at for line in seen] == sorted((line.at for line in seen), reverse=True)


def test_what_was_told_another_way_lacks_nothing(
    lantai: Lantai, reach: Callable[..., None], fail: Fail, world: World
) -> None:
    reach(EMAIL, PHONE)
    fail(SendFault.CONTENT)
    assert letters(lantai) == [(EMAIL, AttemptState.FAILED), (PHONE, AttemptState.SENT)]
    assert shown(lantai) == []


def test_sent_again_once_however_often_and_by_however_many(
    lantai: Lantai, reach: Callable[..., None], fail: Fail, world: World
) -> None:
    reach(EMAIL)
    letter = fail(SendFault.CONTENT)
    assert pressed_by_four(lantai, letter) == [0, 0, 0, 1]
    assert shown(lantai) == []
    work_off(lantai)
    assert len(world.mailer.sent) == 1
    assert letters(lantai) == [(EMAIL, AttemptState.FAILED), (EMAIL, AttemptState.SENT)]
    assert lantai.undelivered.replay(CLERK, [letter], double_known=True) == Replayed(0, 1)


def test_of_two_letters_of_one_notice_one_is_sent_again(
    lantai: Lantai, reach: Callable[..., None], fail: Fail, world: World
) -> None:
    reach(EMAIL, PHONE)
    fail(SendFault.CONTENT)
    with lantai.db.transaction() as session:
        session.execute(update(ContactAttempt).values(state=AttemptState.FAILED, reason="content:scripted"))
    chosen = [line.id for line in lantai.undelivered.page(CLERK, ALL, 1, 50)[0]]
    world.sms.sent.clear()
    assert len(chosen) == 2
    assert lantai.undelivered.replay(CLERK, chosen, double_known=False) == Replayed(1, 1)
    work_off(lantai)
    assert len(world.mailer.sent) + len(world.sms.sent) == 1


@pytest.mark.parametrize("way", ["letter", "push"])
def test_what_may_have_arrived_is_sent_again_only_when_a_double_is_accepted(
    way: str, lantai: Lantai, reach: Callable[..., None], fail: Fail, world: World
) -> None:
    """Also where not this letter but a push of its notice has an open end."""
    reach(EMAIL)
    letter = fail(SendFault.UNKNOWN if way == "letter" else SendFault.CONTENT)
    if way == "push":
        with lantai.db.transaction() as session:
            session.execute(update(DeliveryAttempt).values(state=AttemptState.UNKNOWN, reason="unknown:no_answer"))
    with pytest.raises(Invalid, match="double_unconfirmed"):
        lantai.undelivered.replay(CLERK, [letter], double_known=False)
    work_off(lantai)
    assert world.mailer.sent == []
    assert lantai.undelivered.replay(CLERK, [letter], double_known=True) == Replayed(1, 0)
    work_off(lantai)
    assert len(world.mailer.sent) == 1


def test_a_must_arrive_letter_without_an_answer_ends_as_unknown(
    lantai: Lantai, reach: Callable[..., None], tell: Tell, world: World
) -> None:
    reach(EMAIL)
    world.wechat_sender.faults, world.mailer.faults = [SendFault.NO_CREDIT], [SendFault.UNKNOWN] * MAX_ATTEMPTS
    lantai.delivery.deliver(tell(URGENT))
    work_off(lantai)
    assert [state for _, state in letters(lantai)] == [AttemptState.RETRY] * (MAX_ATTEMPTS - 1) + [AttemptState.UNKNOWN]
    assert shown(lantai) == [(Way.EMAIL, "unknown:scripted", True, True)]


def test_a_dead_address_is_told_to_its_owner_once_and_a_new_one_gets_what_was_lost(
    lantai: Lantai,
    person: Person,
    reach: Callable[..., None],
    fail: Fail,
    run_jobs: Callable[[], None],
    world: World,
) -> None:
    reach(EMAIL)
    letter = fail(SendFault.RECIPIENT)
    assert shown(lantai) == []  # its owner is told: there is nothing that staff could do
    assert shown(lantai, UndeliveredFilter("recipient")) == [(Way.EMAIL, "recipient:scripted", False, False)]
    assert lantai.undelivered.replay(CLERK, [letter], double_known=False) == Replayed(0, 1)
    run_jobs()
    with lantai.db.transaction() as session:
        told = select(Notice).where(Notice.event_type == "account.contact_unreachable")
        assert [n.graduate_id for n in session.scalars(told)] == [person.id]
    assert world.wechat_sender.sent  # the line in the inbox is pushed like every other
    reach(EMAIL)
    assert shown(lantai) == [(Way.EMAIL, "recipient:scripted", False, True)]
    assert lantai.undelivered.replay(CLERK, [letter], double_known=False) == Replayed(1, 0)
    work_off(lantai)
    assert len(world.mailer.sent) == 1


@pytest.mark.parametrize(
    ("kind", "title", "words"),
    [
        (EMAIL, "接收通知的邮箱已失效", "发往您邮箱的通知未能送达，系统已停止使用该邮箱。"),
        (PHONE, "接收通知的手机号已失效", "发往您手机号的短信通知未能送达，系统已停止使用该手机号。"),
    ],
)
def test_an_owner_reads_which_address_is_dead_and_is_not_woken_for_it(
    kind: ContactKind,
    title: str,
    words: str,
    lantai: Lantai,
    person: Person,
    reach: Callable[..., None],
    tell: Tell,
    run_jobs: Callable[[], None],
    world: World,
    clock: FakeClock,
) -> None:
    reach(kind)
    clock.advance(hours=14)  # 23:00 in Beijing
    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    (world.mailer if kind is EMAIL else world.sms).faults = [SendFault.RECIPIENT]
    lantai.delivery.deliver(tell(URGENT))
    work_off(lantai)
    run_jobs()
    assert world.wechat_sender.sent == []
    (line, *_), _ = lantai.inbox.notices(person.actor(), before=None, limit=1)
    assert (line.title, words in line.body) == (title, True)


def test_a_replay_that_is_not_wanted_any_more_is_listed_as_such(
    lantai: Lantai, person: Person, reach: Callable[..., None], fail: Fail, world: World
) -> None:
    reach(EMAIL)
    letter = fail(SendFault.CONFIG)
    choose(lantai, person, "correction:email")
    lantai.undelivered.replay(CLERK, [letter], double_known=False)
    work_off(lantai)
    assert shown(lantai) == []
    assert shown(lantai, UndeliveredFilter("not_wanted")) == [(Way.EMAIL, "not_wanted", False, True)]
    assert world.mailer.sent == []


@pytest.mark.parametrize("fault", list(SendFault))
def test_what_follows_a_fault_is_what_the_table_says(
    fault: SendFault, lantai: Lantai, reach: Callable[..., None], tell: Tell, world: World, clock: FakeClock
) -> None:
    reach(EMAIL)
    world.wechat_sender.faults, world.mailer.faults = [SendFault.NO_CREDIT], [fault]
    lantai.delivery.deliver(tell(IMPORTANT))
    with lantai.db.transaction() as session:
        args = session.scalars(text("delete from procrastinate_jobs returning args")).one()
    lantai.contact_delivery.deliver(payload(DeliverByContact, args))
    again = ACTIONS[fault].again
    due = {
        Again.BACK_OFF: [clock.now() + BACKOFF[0]],
        Again.NEXT_DAY: [clock.now().astimezone(OFFICE_TIME).replace(hour=0) + timedelta(days=1)],
    }
    assert [at for name, at in queued(lantai) if name == DeliverByContact.name] == due.get(again, [])
    with lantai.db.transaction() as session:
        gone = session.scalars(select(NoticeContact.unreachable_at)).one() is not None
    assert gone is ACTIONS[fault].address_gone
    told = [line for line in world.alerts.lines if "邮件" in line]
    starts = {
        SendFault.CONFIG: ["消息通道暂停：邮件（scripted）"],
        SendFault.CONTENT: ["邮件通知未能发出（scripted）"],
        SendFault.LATER: ["消息通道达到当日发送上限：邮件（scripted）"],
    }
    assert [line.partition("，")[0] for line in told] == starts.get(fault, [])


def test_a_letter_that_waits_for_tomorrow_lets_the_other_kind_go(
    lantai: Lantai, reach: Callable[..., None], tell: Tell, world: World
) -> None:
    reach(EMAIL, PHONE)
    world.wechat_sender.faults, world.mailer.faults = [SendFault.NO_CREDIT], [SendFault.LATER]
    lantai.delivery.deliver(tell(IMPORTANT))
    for _ in (EMAIL, PHONE):
        with lantai.db.transaction() as session:
            due = text("delete from procrastinate_jobs where scheduled_at is null returning args")
            args = session.scalars(due).one()
        lantai.contact_delivery.deliver(payload(DeliverByContact, args))
    assert letters(lantai) == [(EMAIL, AttemptState.RETRY), (PHONE, AttemptState.SENT)]
    work_off(lantai)  # tomorrow
    assert (len(world.mailer.sent), len(world.sms.sent)) == (0, 1)
    assert shown(lantai) == []

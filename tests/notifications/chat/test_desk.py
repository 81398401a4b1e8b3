"""Hand-over: who waits, who takes, what reaches the person and how, and who may read it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, select

from app.actors import Actor, ActorKind, Role
from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, VersionMismatch
from app.events import Event
from app.keyring import WrappedKey
from app.ports import SendFault
from notifications.chat import texts
from notifications.chat.desk import Look
from notifications.chat.models import ChatMessage, Conversation, Delivery
from notifications.chat.rules import MAX_TEXT, RETENTION, WINDOW, WINDOW_MESSAGES, Act, Author, ChatState
from notifications.models import Notice
from parts import Lantai
from tests.conftest import Person, StaffLogin, World
from tests.fakes import FakeClock
from tests.notifications.chat.conftest import Writer


@pytest.fixture
def staff(staff_factory: Callable[..., StaffLogin]) -> Actor:
    return staff_factory(Role.ARCHIVIST).actor


@pytest.fixture
def taken(bound: Writer, staff: Actor, lantai: Lantai) -> Writer:
    """The person asked for somebody, and the member of staff took it."""
    bound.say("转人工")
    row = bound.conversation()
    lantai.chat_desk.take(staff, row.id, row.version)
    return bound


def reply(lantai: Lantai, staff: Actor, writer: Writer, text: str = "请到小程序查看。") -> Delivery:
    row = writer.conversation()
    lantai.chat_desk.reply(staff, row.id, row.version, text)
    writer.run_jobs()
    return writer.kept()[-1].delivery


def events(lantai: Lantai, kind: str) -> list[Event]:
    with lantai.db.transaction() as session:
        return list(session.scalars(select(Event).where(Event.type == kind)))


# --- handing over -----------------------------------------------------------------------------------------------------


def test_who_asks_for_a_person_waits_in_the_queue_and_staff_are_told_the_number(
    bound: Writer, staff: Actor, lantai: Lantai, world: World, clock: FakeClock
) -> None:
    assert bound.say("转人工") == texts.WAITING_ON_DUTY
    clock.advance(minutes=7)
    (line,), total = lantai.chat_desk.listed(staff, Look.WAITING, offset=0, limit=20)
    assert (total, line.state, line.waited_s) == (1, ChatState.WAITING, 420)
    assert line.who == "测***"[: len(line.who)]
    assert world.alerts.lines == ["在线咨询：1 人等待人工答复，请到“在线咨询”办理"]
    assert bound.say("我的档案到哪了") == ""  # staff go on, the bot is silent


def test_two_in_a_row_that_nobody_understands_go_to_staff(bound: Writer) -> None:
    assert bound.say("今天天气怎么样") == texts.fitted(texts.FIXED["unknown"])  # type: ignore[index]
    assert bound.say("你好").startswith(texts.GREETING)
    assert texts.TO_HUMAN in bound.say("今天天气怎么样")
    assert bound.say("中午吃什么") == texts.WAITING_ON_DUTY
    assert bound.conversation().state is ChatState.WAITING


def test_outside_office_hours_it_says_when_somebody_answers(bound: Writer, clock: FakeClock) -> None:
    clock.advance(days=4, hours=10)  # Friday 19:00 in Beijing
    said = bound.say("转人工")
    assert "09:00–17:00" in said
    assert "2026年6月8日 09:00 起" in said
    assert bound.conversation().state is ChatState.WAITING


# --- acts -------------------------------------------------------------------------------------------------------------


def test_a_reply_reaches_the_chat_and_staff_see_that_it_did(
    taken: Writer, staff: Actor, lantai: Lantai, world: World
) -> None:
    world.chat.sent.clear()
    assert reply(lantai, staff, taken, "您好，\u200b已为您核实。") is Delivery.SENT
    assert world.chat.sent == [(taken.open_id, "您好，已为您核实。")]
    view = lantai.chat_desk.read(staff, taken.conversation().id)
    assert [m.text for m in view.messages][-1] == "您好，已为您核实。"
    assert view.messages[-1].delivery is Delivery.SENT
    assert view.window_left == WINDOW_MESSAGES - 2
    assert view.acts == {Act.REPLY, Act.HAND_BACK, Act.CLOSE}


@pytest.mark.parametrize(
    ("fault", "reason", "outcome", "told"),
    [
        (SendFault.NO_CREDIT, "45015", Delivery.INBOX, True),
        (SendFault.NO_CREDIT, "45047", Delivery.INBOX, True),
        (SendFault.RECIPIENT, "40003", Delivery.INBOX, True),
        (SendFault.CONFIG, "48001", Delivery.INBOX, True),
        (SendFault.UNKNOWN, "no_answer", Delivery.UNKNOWN, True),
    ],
)
def test_what_cannot_be_sent_waits_in_the_app_with_a_notice(
    taken: Writer,
    staff: Actor,
    lantai: Lantai,
    world: World,
    fault: SendFault,
    reason: str,
    outcome: Delivery,
    told: bool,
) -> None:
    world.chat.faults = [(fault, reason)]
    assert reply(lantai, staff, taken) is outcome
    assert taken.kept()[-1].reason == f"{fault.value}:{reason}"
    with lantai.db.transaction() as session:
        notices = session.scalars(select(Notice).where(Notice.event_type == "chat.answered")).all()
    assert bool(notices) is told
    assert lantai.chat_desk.read(staff, taken.conversation().id).messages[-1].delivery is outcome


def test_a_busy_platform_is_asked_again(taken: Writer, staff: Actor, lantai: Lantai, world: World) -> None:
    world.chat.sent.clear()
    world.chat.faults = [(SendFault.RETRY, "-1")] * 2
    assert reply(lantai, staff, taken) is Delivery.SENT
    assert (len(world.chat.sent), world.chat.faults) == (1, [])
    assert taken.conversation().sent_since == 2
    world.chat.faults = [(SendFault.RETRY, "-1")] * 3
    assert reply(lantai, staff, taken) is Delivery.INBOX


def test_after_the_window_nothing_is_tried(
    taken: Writer, staff: Actor, lantai: Lantai, world: World, clock: FakeClock
) -> None:
    clock.advance(seconds=WINDOW.total_seconds())
    world.chat.sent.clear()
    assert reply(lantai, staff, taken) is Delivery.INBOX
    assert (world.chat.sent, taken.kept()[-1].reason) == ([], "window")


def test_five_replies_fit_the_window_and_the_next_message_opens_it_anew(
    taken: Writer, staff: Actor, lantai: Lantai
) -> None:
    outcomes = [reply(lantai, staff, taken) for _ in range(WINDOW_MESSAGES)]
    assert outcomes == [Delivery.SENT] * (WINDOW_MESSAGES - 1) + [Delivery.INBOX]  # the bot's own was the first
    taken.say("收到")
    assert reply(lantai, staff, taken) is Delivery.SENT


def test_a_stranger_gets_no_notice_but_finds_it_in_the_app(
    stranger: Writer, staff: Actor, lantai: Lantai, world: World
) -> None:
    stranger.say("转人工")
    row = stranger.conversation()
    lantai.chat_desk.take(staff, row.id, row.version)
    world.chat.faults = [(SendFault.NO_CREDIT, "45015")]
    assert reply(lantai, staff, stranger) is Delivery.IN_APP
    assert events(lantai, "chat.answered") == []


def test_handing_back_lets_the_bot_answer_again(taken: Writer, staff: Actor, lantai: Lantai) -> None:
    row = taken.conversation()
    lantai.chat_desk.hand_back(staff, row.id, row.version)
    assert taken.say("你好").startswith(texts.GREETING)


def test_closing_says_so_and_the_next_message_begins_anew(
    taken: Writer, staff: Actor, lantai: Lantai, world: World
) -> None:
    world.chat.sent.clear()
    row = taken.conversation()
    lantai.chat_desk.close(staff, row.id, row.version)
    taken.run_jobs()
    assert world.chat.sent == [(taken.open_id, texts.ENDED)]
    assert lantai.chat_desk.counts(staff)[Look.CLOSED] == 1
    assert taken.say("你好").startswith(texts.GREETING)
    assert taken.conversation().state is ChatState.BOT


def test_a_colleague_may_take_over_but_not_reply_before(
    taken: Writer, lantai: Lantai, staff_factory: Callable[..., StaffLogin]
) -> None:
    other, row = staff_factory(Role.DISPATCHER).actor, taken.conversation()
    with pytest.raises(Conflict, match="chat_not_yours"):
        lantai.chat_desk.reply(other, row.id, row.version, "您好")
    lantai.chat_desk.take(other, row.id, row.version)
    assert reply(lantai, other, taken) is Delivery.SENT


@pytest.mark.parametrize("words", ["", "  \u200b ", "长" * (MAX_TEXT + 1)])
def test_words_that_are_none(taken: Writer, staff: Actor, lantai: Lantai, words: str) -> None:
    row = taken.conversation()
    with pytest.raises(Invalid):
        lantai.chat_desk.reply(staff, row.id, row.version, words)


def test_of_two_who_take_at_once_one_has_it(
    bound: Writer, lantai: Lantai, staff_factory: Callable[..., StaffLogin]
) -> None:
    bound.say("转人工")
    row, outcomes, both = bound.conversation(), [], threading.Barrier(2)
    actors = [staff_factory(Role.ARCHIVIST).actor for _ in range(2)]

    def take(actor: Actor) -> None:
        both.wait()
        try:
            lantai.chat_desk.take(actor, row.id, row.version)
            outcomes.append((actor.id, "taken"))
        except DomainError as error:
            outcomes.append((actor.id, error.code))

    threads = [threading.Thread(target=take, args=(a,)) for a in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(o for _, o in outcomes) == ["taken", VersionMismatch.default_code]
    assert bound.conversation().assigned_to == next(who for who, outcome in outcomes if outcome == "taken")


# --- who reads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMINISTRATOR])
def test_others_may_not_even_see_the_queue(
    taken: Writer, lantai: Lantai, staff_factory: Callable[..., StaffLogin], role: Role
) -> None:
    actor, row = staff_factory(role).actor, taken.conversation()
    acts: list[Callable[[], Any]] = [
        lambda: lantai.chat_desk.listed(actor, Look.WAITING, offset=0, limit=1),
        lambda: lantai.chat_desk.counts(actor),
        lambda: lantai.chat_desk.read(actor, row.id),
        lambda: lantai.chat_desk.take(actor, row.id, row.version),
    ]
    for act in acts:
        with pytest.raises(Forbidden):
            act()


def test_reading_is_recorded_as_a_reading_of_the_graduates(
    taken: Writer, person: Person, staff: Actor, lantai: Lantai
) -> None:
    lantai.chat_desk.read(staff, taken.conversation().id)
    (event,) = events(lantai, "chat.read")
    assert (event.graduate_id, event.actor_kind, event.actor_id) == (person.id, ActorKind.STAFF, staff.id)


def test_an_erased_graduates_messages_open_for_nobody(
    taken: Writer, person: Person, staff: Actor, lantai: Lantai, world: World
) -> None:
    taken.say("我的话")
    with lantai.db.transaction() as session:
        session.execute(delete(WrappedKey).where(WrappedKey.owner_id == person.id))
    lantai.keys._cache.clear()
    row = taken.conversation()
    view = lantai.chat_desk.read(staff, row.id)
    assert {m.text for m in view.messages} == {texts.UNREADABLE}
    assert (view.readable, view.acts, view.line.who) == (False, frozenset(), "")
    with pytest.raises(Conflict, match="chat_unreadable"):
        lantai.chat_desk.reply(staff, row.id, row.version, "您好")
    with pytest.raises(NotFound):
        lantai.chat.messages(Actor(ActorKind.GRADUATE, person.id, identity_id=row.identity_id), before=None, limit=5)
    assert lantai.chat_desk.listed(staff, Look.MINE, offset=0, limit=5)[1] == 1


def test_whoever_the_account_stands_for_next_sees_nothing_of_it(bound: Writer, lantai: Lantai, world: World) -> None:
    bound.say("只给本人看的话")
    row = bound.conversation()
    with lantai.db.transaction() as session:
        lantai.people.unbind(session, row.identity_id)
    actor = Actor(ActorKind.GRADUATE, row.identity_id, identity_id=row.identity_id)
    assert lantai.chat.messages(actor, before=None, limit=5) == []
    assert bound.say("我的档案到哪了") == texts.fitted(texts.NOT_BOUND)
    assert [m.text for m in lantai.chat.messages(actor, before=None, limit=5)][-1] == "我的档案到哪了"


# --- keeping ----------------------------------------------------------------------------------------------------------


def test_what_was_said_is_sealed_and_stands_in_no_log(
    bound: Writer, lantai: Lantai, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = "金丝雀飞过兰台"
    bound.say(canary)
    bound.say(f"{canary}，转人工")
    with lantai.db.transaction() as session:
        rows = session.connection().exec_driver_sql("select chat_message::text from chat_message").scalars().all()
        jobs = session.connection().exec_driver_sql("select args::text from procrastinate_jobs").scalars().all()
        pushes = session.connection().exec_driver_sql("select inbound_push::text from inbound_push").scalars().all()
        logged = session.connection().exec_driver_sql("select event::text from event").scalars().all()
    printed = capsys.readouterr()
    for place in (*rows, *jobs, *pushes, *logged, caplog.text, printed.out, printed.err):
        assert canary not in place
    assert len(rows) == 4


def test_messages_go_after_their_time(bound: Writer, lantai: Lantai, clock: FakeClock) -> None:
    bound.say("你好")
    clock.advance(days=RETENTION.days - 1)
    bound.say("在吗")
    assert lantai.chat.sweep() == 0
    clock.advance(days=2)
    assert lantai.chat.sweep() == 2
    assert [m.author for m in bound.kept()] == [Author.PERSON, Author.BOT]
    clock.advance(days=RETENTION.days)
    assert lantai.chat.sweep() == 2
    with lantai.db.transaction() as session:
        assert session.scalars(select(ChatMessage)).all() == []
        assert session.scalars(select(Conversation)).all() == []

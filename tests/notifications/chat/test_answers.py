"""What the bot says: live to the bound, general to strangers, nothing personal beyond state words, never twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text

from app.jobs import AnswerChat, DeliverChat
from notifications.chat import texts
from notifications.chat.book import ChatBook
from notifications.chat.intents import PERSONAL, Intent
from notifications.chat.models import Delivery
from notifications.chat.rules import MAX_PUSHED, Author, ChatState
from parts import Lantai
from tests.conftest import Person, StaffLogin, World
from tests.moving import opened
from tests.notifications.chat.conftest import Writer

ASKED = {
    Intent.STATUS: "我的档案怎么样了",
    Intent.TRANSFER: "我的档案到哪了",
    Intent.TICKET: "更正申请进度",
    Intent.MATERIALS: "我的档案还缺什么材料",
}


@pytest.mark.parametrize("intent", sorted(PERSONAL))
def test_a_stranger_gets_nothing_but_how_to_bind(stranger: Writer, intent: Intent) -> None:
    assert stranger.say(ASKED[intent]) == texts.fitted(texts.NOT_BOUND)


def test_a_stranger_gets_how_to(stranger: Writer) -> None:
    assert stranger.say("怎么解除绑定") == texts.fitted(texts.HOW_TO[Intent.UNBIND])


@pytest.mark.parametrize("intent", sorted(PERSONAL))
def test_the_bound_are_answered_without_name_number_or_address(bound: Writer, person: Person, intent: Intent) -> None:
    said = bound.say(ASKED[intent])
    assert said.endswith(texts.TO_HUMAN)
    assert texts.NOT_NOW not in said
    card = person.card
    for secret in (card.name, card.name[0] + "*", card.id_number, card.student_number, card.phone):
        assert secret not in said


def test_answers_follow_what_happened(
    bound: Writer, person: Person, lantai: Lantai, staff_factory: Callable[..., StaffLogin]
) -> None:
    assert "还没有办理转递" in bound.say("我的档案到哪了")
    staff = staff_factory()
    transfer = opened(lantai, staff.actor, person.id)
    said = bound.say("我的档案到哪了")
    assert transfer.state_label in said
    assert transfer.next_words in said
    assert transfer.receiver_name not in said
    assert transfer.receiver_address not in said
    assert "没有办理中的更正申请" in bound.say("更正申请进度")
    lacking = lantai.completeness.of(person.actor(), person.id).lacking
    assert f"还缺 {len(lacking)} 项材料" in bound.say("我的档案还缺什么材料")


@pytest.mark.parametrize("about", ["查一下张三的档案", "我同学的档案到哪了", "他的档案在哪"])
def test_nobody_is_told_of_another(bound: Writer, about: str) -> None:
    assert bound.say(about) == texts.fitted(texts.FIXED[Intent.OTHERS])


def test_a_resend_is_answered_once(bound: Writer, world: World) -> None:
    for _ in range(3):
        bound.push("你好", key="one-msg-id")
    bound.run_jobs()
    assert len(world.chat.sent) == 1
    assert [m.author for m in bound.kept()] == [Author.PERSON, Author.BOT]


def test_a_job_that_runs_again_answers_once(bound: Writer, lantai: Lantai, world: World) -> None:
    bound.say("你好")
    for _ in range(2):
        lantai.chat_answering.answer(AnswerChat(bound.kept()[0].id))
    bound.run_jobs()
    assert len(bound.kept()) == 2


def test_a_killed_delivery_is_not_sent_again(bound: Writer, lantai: Lantai, world: World) -> None:
    bound.say("你好")
    reply = bound.kept()[-1]
    with lantai.db.transaction() as session:
        session.execute(text("update chat_message set delivery = 'sending' where id = :id"), {"id": reply.id})
    world.chat.sent.clear()
    lantai.chat_delivery.deliver(DeliverChat(reply.id))
    assert world.chat.sent == []
    assert bound.kept()[-1].delivery is Delivery.UNKNOWN


@pytest.mark.parametrize("kind", ["image", "voice", "video", "miniprogrampage"])
def test_media_are_declined_politely(stranger: Writer, kind: str) -> None:
    assert stranger.say("", kind=kind) == texts.fitted(texts.MEDIA)


def test_entering_is_greeted_once(stranger: Writer) -> None:
    greeting = texts.fitted(texts.GREETING)
    assert stranger.say("", kind="event", event="user_enter_tempsession") == greeting
    assert stranger.say("", kind="event", event="user_enter_tempsession") == ""


def test_odd_text_is_kept_as_it_can_be_and_answered(stranger: Writer, lantai: Lantai) -> None:
    assert stranger.say("你\x07好\u202e👩\u200d🎓")
    stranger.say("长" * 5000)
    longest = [m for m in stranger.kept() if m.author is Author.PERSON][-1]
    key = lantai.keys.house()
    assert len(ChatBook(lantai.keys, lantai.clock).open(key, longest)) == MAX_PUSHED


def test_a_letter_goes_to_staff(stranger: Writer) -> None:
    assert texts.TOO_LONG in stranger.say("我想说的事情比较长。" * 40)
    assert stranger.conversation().state is ChatState.WAITING


def test_every_text_fits_one_message() -> None:
    for words in (*texts.FIXED.values(), texts.NOT_BOUND, texts.GREETING, texts.MEDIA, texts.TOO_LONG):
        assert texts.fitted(words).endswith(texts.TO_HUMAN)
        assert "http" not in words
    with pytest.raises(ValueError, match="too long"):
        texts.fitted("长" * 700)


def test_who_writes_too_fast_is_not_heard(stranger: Writer) -> None:
    assert [stranger.push("你好") for _ in range(21)] == [True] * 20 + [False]

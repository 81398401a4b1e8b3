"""在线咨询 at the console: the queue, one conversation, and what each act says."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from app.actors import Actor, ActorKind, Role
from notifications.chat import texts
from notifications.chat.desk import Look
from parts import Lantai
from tests.conftest import ApiClient, Person
from tests.staff_console.browsing import CHROMIUM, NO_CHROMIUM, Visit, apart
from tests.staff_console.conftest import Desk


@pytest.fixture
def clerk(desk: Callable[..., Desk]) -> Desk:
    return desk(Role.DISPATCHER)


@pytest.fixture
def person(graduate_factory: Callable[..., Person]) -> Person:
    return graduate_factory("欧阳文静")


@pytest.fixture
def waiting(
    person: Person, signed_in: Callable[..., ApiClient], run_jobs: Callable[[], None], clerk: Desk, lantai: Lantai
) -> UUID:
    http = signed_in(person, 2)
    for text, key in (("我的档案到哪了", "first-message"), ("转人工", "second-message")):
        http.post("/chat/messages", json={"text": text}, headers={"Idempotency-Key": key})
        apart(run_jobs)
    ((line,), _) = lantai.chat_desk.listed(clerk.login.actor, Look.WAITING, offset=0, limit=5)
    return line.id


def test_the_queue_shows_who_waits_masked(clerk: Desk, waiting: UUID, person: Person) -> None:
    seen = clerk.read("/chats").text
    assert "欧阳**" in seen
    assert "不到 1 分钟" in seen
    assert person.card.name not in seen
    assert "这里没有咨询" in clerk.read("/chats?look=mine").text
    assert "这里没有咨询" in clerk.read("/chats?look=closed&page=1").text
    assert "这一页没有内容" in clerk.read("/chats?page=9").text


def test_who_waits_stands_on_the_first_page_until_somebody_takes_it(
    clerk: Desk, waiting: UUID, desk: Callable[..., Desk]
) -> None:
    for who in (clerk, desk(Role.REVIEWER)):
        home = who.read("/")
        assert "在线咨询待人工答复 1" in home.text
        assert "欧阳**" in home.text
        assert f"/console/chats/{waiting}" in {a.get("href") for _, a in home.tags}
    assert "在线咨询待人工答复" not in desk(Role.AUDITOR).read("/").text
    clerk.post(f"/chats/{waiting}/take", {"version": "2"})
    assert "在线咨询待人工答复" not in clerk.read("/").text


def test_a_conversation_is_taken_answered_and_closed(
    clerk: Desk, waiting: UUID, run_jobs: Callable[[], None], person: Person
) -> None:
    seen = clerk.read(f"/chats/{waiting}").text
    assert "我的档案到哪了" in seen
    assert texts.WAITING_ON_DUTY in seen
    assert person.card.name not in seen
    assert "答复内容" not in seen
    taken = clerk.post(f"/chats/{waiting}/take", {"version": "2"})
    assert (taken.status_code, "答复内容" in clerk.read(f"/chats/{waiting}").text) == (303, True)
    assert clerk.post(f"/chats/{waiting}/reply", {"version": "3", "text": "已交寄。"}).status_code == 303
    apart(run_jobs)
    assert "已发站内通知，本人打开小程序可见" in clerk.read(f"/chats/{waiting}").text
    assert clerk.post(f"/chats/{waiting}/close", {"version": "4"}).status_code == 303
    assert "欧阳**" in clerk.read("/chats?look=closed").text


def test_what_was_typed_stays_when_it_cannot_be_sent(clerk: Desk, waiting: UUID) -> None:
    clerk.post(f"/chats/{waiting}/take", {"version": "2"})
    stale = clerk.post(f"/chats/{waiting}/reply", {"version": "2", "text": "写好的答复"})
    assert (stale.status_code, "写好的答复" in stale.text) == (412, True)
    empty = clerk.post(f"/chats/{waiting}/reply", {"version": "3", "text": "  "})
    assert (empty.status_code, "必填" in empty.text) == (422, True)


def test_a_colleague_sees_who_has_it_and_may_take_it_over(
    clerk: Desk, waiting: UUID, desk: Callable[..., Desk]
) -> None:
    clerk.post(f"/chats/{waiting}/take", {"version": "2"})
    other = desk(Role.REVIEWER)
    seen = other.read(f"/chats/{waiting}").text
    assert "接手" in seen
    assert "答复内容" not in seen
    refused = other.post(f"/chats/{waiting}/hand-back", {"version": "3"})
    assert (refused.status_code, "请先接手" in refused.text) == (409, True)
    assert other.post(f"/chats/{waiting}/take", {"version": "3"}).status_code == 303


def test_the_graduate_sees_that_staff_read_it(clerk: Desk, waiting: UUID, person: Person, lantai: Lantai) -> None:
    clerk.read(f"/chats/{waiting}")
    types = [e.type for e in lantai.dossiers.access_log(person.actor(), before=None, limit=20)]
    assert "chat.read" in types


def test_the_pages_tell_of_news_without_showing_any(
    clerk: Desk, waiting: UUID, person: Person, lantai: Lantai, signed_in: Callable[..., ApiClient]
) -> None:
    last = lantai.chat_desk.read(clerk.login.actor, waiting).messages[-1].serial
    assert clerk.post("/chats/news", {"shown": "1"}).text == ""
    assert "现有 1 人等待人工" in clerk.post("/chats/news", {"shown": "0"}).text
    assert clerk.post(f"/chats/{waiting}/news", {"shown": str(last)}).text == ""
    seen = clerk.post(f"/chats/{waiting}/news", {"shown": "x"}).text
    assert "咨询人发来 2 条新消息" in seen
    assert "档案到哪了" not in seen
    assert clerk.post(f"/chats/{uuid4()}/news", {"shown": "0"}).status_code == 404


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
@pytest.mark.parametrize("scripts", [True, False], ids=["with-keys", "without-javascript"])
def test_a_conversation_in_a_browser(
    scripts: bool, visit: Callable[..., Visit], clerk: Desk, waiting: UUID, person: Person, lantai: Lantai
) -> None:
    one = visit(clerk, java_script_enabled=scripts)
    page = one.open("/chats")
    if scripts:
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/chats/{waiting}")
        page.keyboard.press("a")
    else:
        page.get_by_role("link", name="欧阳**").click()
        page.get_by_role("button", name="受理，由我答复").click()
    page.get_by_text("已由您答复").wait_for()
    if scripts:
        page.keyboard.press("r")
        page.keyboard.type("已交寄，请留意进度。")
    else:
        page.get_by_label("答复内容").fill("已交寄，请留意进度。")
    page.get_by_role("button", name="发送答复").click()
    page.get_by_text("答复已发出").wait_for()
    if scripts:
        (identity,) = lantai.people.identities_of(person.id)
        lantai.chat.say(Actor(ActorKind.GRADUATE, person.id, identity_id=identity.id), "谢谢")
        page.get_by_text("咨询人发来 1 条新消息").wait_for(timeout=15_000)
        page.get_by_role("link", name="刷新查看").click()
        page.get_by_text("谢谢").wait_for()
    assert one.complaints == []


def test_what_is_not_there_and_who_may_not(clerk: Desk, waiting: UUID, desk: Callable[..., Desk]) -> None:
    assert clerk.get(f"/chats/{uuid4()}").status_code == 404
    assert clerk.post(f"/chats/{waiting}/take", {"version": "x"}).status_code == 422
    assert desk(Role.AUDITOR).get(f"/chats/{waiting}").status_code == 403

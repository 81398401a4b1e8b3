"""The page of what did not reach a phone, and sending it again from there."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from app.actors import Role
from app.ports import Platform, SendFault
from notifications.breaker import Breakers, Outlet
from notifications.catalogue.text import Template
from notifications.channel_models import ContactAttempt
from notifications.channel_rules import ContactKind
from notifications.models import AttemptState, DeliveryAttempt
from parts import Lantai
from tests.conftest import World
from tests.notifications.replays.outage import outage
from tests.notifications.test_breaker import ONCE, Tell, tell
from tests.staff_console.conftest import Desk

__all__ = ["tell"]
Desks = Callable[..., Desk]


@pytest.fixture
def failed(lantai: Lantai, world: World, tell: Tell) -> Callable[[SendFault], UUID]:
    """An attempt that ends with this fault."""

    def make(fault: SendFault) -> UUID:
        job = tell(ONCE)
        world.wechat_sender.faults = [fault]
        lantai.delivery.deliver(job)
        with lantai.db.transaction() as session:
            return session.scalars(select(DeliveryAttempt.id).where(DeliveryAttempt.notice_id == job.notice_id)).one()

    return make


def test_reasons_advice_and_filters(desk: Desks, failed: Callable[[SendFault], UUID]) -> None:
    archivist = desk(Role.ARCHIVIST)
    assert "没有未送达的消息" in archivist.read("/undelivered").text
    for fault in (SendFault.NO_CREDIT, SendFault.CONTENT, SendFault.UNKNOWN, SendFault.CONFIG):
        failed(fault)
    text = archivist.read("/undelivered").text
    for words in ("消息内容不符合平台规则", "可能已送达", "检查模板编号", "暂停的通道", "content:scripted"):
        assert words in text
    assert "no_credit" not in text.replace('value="no_credit"', "")
    assert "订阅次数已用完" in archivist.read("/undelivered?cause=no_credit").text
    only = archivist.read("/undelivered?cause=content&way=wechat").text
    assert "content:scripted" in only
    assert "config:scripted</span></td>" not in only
    assert "没有未送达的消息" in archivist.read("/undelivered?way=alipay").text
    assert "content:scripted" in archivist.read("/undelivered?cause=nonsense&way=nowhere&page=x").text


def test_sending_again(
    desk: Desks,
    failed: Callable[[SendFault], UUID],
    world: World,
    run_jobs: Callable[[], None],
) -> None:
    clerk = desk(Role.ADMINISTRATOR)
    doubtful, plain = failed(SendFault.UNKNOWN), failed(SendFault.CONTENT)
    assert clerk.post("/undelivered/replay", {}).status_code == 422
    refused = clerk.post("/undelivered/replay", {"pick": [str(doubtful), str(plain)]})
    assert refused.status_code == 422
    assert "可能使毕业生收到两次" in refused.text
    assert clerk.post("/undelivered/replay", {"pick": [str(plain), "nonsense"]}).status_code == 303
    assert "已安排重新发送" in clerk.read("/undelivered").text
    assert clerk.post("/undelivered/replay", {"pick": [str(doubtful)], "double": "yes"}).status_code == 303
    assert (
        clerk.post("/undelivered/replay", {"pick": [str(doubtful), str(uuid4())], "double": "yes"}).status_code == 303
    )
    assert "已跳过" in clerk.read("/undelivered").text
    run_jobs()
    assert len(world.wechat_sender.sent) == 2


def test_letters_stand_among_them(desk: Desks, failed: Callable[[SendFault], UUID], lantai: Lantai) -> None:
    attempt = failed(SendFault.CONTENT)
    with lantai.db.transaction() as session:
        for number, reason in enumerate(("config:NO_BALANCE", "recipient:gone")):
            session.add(
                ContactAttempt(
                    notice_id=session.get_one(DeliveryAttempt, attempt).notice_id,
                    kind=list(ContactKind)[number],
                    number=1,
                    state=AttemptState.FAILED,
                    reason=reason,
                    created_at=lantai.clock.now(),
                    settled_at=lantai.clock.now(),
                )
            )
    clerk = desk(Role.ARCHIVIST)
    page = clerk.read("/undelivered").text
    for words in (
        "电子邮件",
        "邮件或短信服务的配置有误",
        "content:scripted",
    ):
        assert words in page
    assert "recipient:gone" not in page
    gone = clerk.read("/undelivered?cause=recipient").text
    assert "不能重新发送。系统已通知本人更换，无需处理" in gone
    only = clerk.read("/undelivered?cause=recipient&way=sms").text
    assert ("recipient:gone" in only, "NO_BALANCE" in only, "content:scripted" in only) == (True, False, False)


def test_what_was_cancelled_says_that_nothing_is_to_be_done(
    desk: Desks, failed: Callable[[SendFault], UUID], lantai: Lantai
) -> None:
    attempt = failed(SendFault.CONTENT)
    with lantai.db.transaction() as session:
        session.get_one(DeliveryAttempt, attempt).reason = "cancelled"
    clerk = desk(Role.ARCHIVIST)
    assert "没有未送达的消息" in clerk.read("/undelivered").text
    text = clerk.read("/undelivered?cause=cancelled").text
    assert "无需处理；站内通知已送达" in text
    assert "不能重新发送" not in text
    assert f'value="{attempt}"' not in text


def test_a_stopped_channel_is_lifted_by_hand(desk: Desks, failed: Callable[[SendFault], UUID]) -> None:
    failed(SendFault.LATER)
    clerk, auditor = desk(Role.ARCHIVIST), desk(Role.AUDITOR)
    page = clerk.read("/undelivered").text
    assert "达到当日发送上限" in page
    assert "立即恢复" in page
    assert "立即恢复" not in auditor.read("/undelivered").text
    form = {"way": "wechat", "template": "ticket_decided"}
    assert auditor.post("/undelivered/reopen", form).status_code == 403
    for unreadable in ({"way": "nowhere"}, {"way": "wechat", "template": "nothing"}):
        assert clerk.post("/undelivered/reopen", unreadable).status_code == 422
    assert clerk.post("/undelivered/reopen", form).status_code == 303
    shown = clerk.read("/undelivered").text
    assert "已恢复发送" in shown
    assert "暂停的通道" not in shown
    again = clerk.post("/undelivered/reopen", form)
    assert (again.status_code, "该通道没有暂停" in again.text) == (409, True)


def test_a_stopped_kind_of_letter_is_lifted_by_hand(desk: Desks, lantai: Lantai) -> None:
    with lantai.db.transaction() as session:
        sms = Outlet.of_letter(ContactKind.PHONE)
        Breakers(lantai.clock).failed(session, sms, SendFault.CONFIG, "NO_BALANCE", tried=False)
    clerk = desk(Role.ARCHIVIST)
    page = clerk.read("/undelivered").text
    assert "短信：" in page
    assert "NO_BALANCE" in page
    assert clerk.post("/undelivered/reopen", {"way": "sms", "template": ""}).status_code == 303
    assert "暂停的通道" not in clerk.read("/undelivered").text


def test_who_may(desk: Desks, failed: Callable[[SendFault], UUID]) -> None:
    attempt = failed(SendFault.CONTENT)
    auditor = desk(Role.AUDITOR)
    seen = auditor.read("/undelivered").text
    assert "content:scripted" in seen
    assert "重新发送所选" not in seen
    assert auditor.post("/undelivered/replay", {"pick": [str(attempt)]}).status_code == 403
    assert desk(Role.REVIEWER).get("/undelivered").status_code == 403


# --- all of it ------------------------------------------------------------------------------------------------------


def test_all_of_a_cause_are_counted_confirmed_sent_and_accounted_for(desk: Desks, lantai: Lantai) -> None:
    outage(lantai, 3)
    outage(lantai, 2, "unknown:lost")
    clerk = desk(Role.ARCHIVIST)
    listed = clerk.get("/undelivered?cause=retry&way=wechat").text
    assert 'href="/console/undelivered/again?cause=retry&amp;way=wechat">这一原因的全部重新发送' in listed
    asked = clerk.get("/undelivered/again?cause=retry&way=wechat").text
    for words in ("可重新发送</dt><dd>3 条</dd>", "更正申请：已更正", "平台繁忙", "微信"):
        assert words in asked
    assert 'name="double"' not in asked
    begun = clerk.post("/undelivered/again", {"cause": "retry", "way": "wechat"})
    assert begun.status_code == 303
    path = str(begun.headers["Location"]).removeprefix("/console")
    page = clerk.get(path).text
    assert "已开始重新发送" in page
    for words in ("已处理 <b>0</b> / 3 条", 'hx-trigger="every 2s"', "刷新进度", "停止"):
        assert words in page
    again = clerk.post("/undelivered/again", {"cause": "retry", "way": "wechat"})
    assert again.headers["Location"] == begun.headers["Location"]
    joined = clerk.read(path).text
    assert ("没有重复开始" in joined, "他人" in joined) == (True, False)  # it was the same person
    assert "正在进行" in clerk.read("/undelivered/again?cause=retry&way=wechat").text
    lantai.replay_sending.tick()
    part = clerk.get(f"{path}?part=progress")
    assert ("已处理 <b>3</b> / 3 条" in part.text, part.headers.get("HX-Refresh")) == (True, "true")
    done = clerk.get(path).text
    assert ("已完成" in done, "刷新进度" in done, "/stop" in done) == (True, False, False)
    assert path in clerk.get("/undelivered").text


def test_whoever_sends_all_again_is_told_that_its_channel_is_stopped(desk: Desks, lantai: Lantai) -> None:
    outage(lantai, 2)
    clerk, words = desk(Role.ARCHIVIST), "有暂停的通道"
    for outlet, told in (
        (Outlet.of_letter(ContactKind.EMAIL), False),
        (Outlet.of_push(Platform.WECHAT, Template.TICKET_DECIDED), True),
    ):
        with lantai.db.transaction() as session:
            Breakers(lantai.clock).failed(session, outlet, SendFault.CONFIG, "scripted", tried=False)
        assert (words in clerk.get("/undelivered/again?cause=retry").text) is told


def test_doubles_of_all_of_it_are_asked_about(desk: Desks, lantai: Lantai) -> None:
    outage(lantai, 2, "unknown:lost")
    clerk = desk(Role.ADMINISTRATOR)
    asked = clerk.get("/undelivered/again?cause=unknown").text
    assert "其中 2 条可能已送达" in asked
    assert 'name="double"' in asked
    refused = clerk.post("/undelivered/again", {"cause": "unknown", "way": ""})
    assert (refused.status_code, "都可能已经送达" in refused.text) == (422, True)
    begun = clerk.post("/undelivered/again", {"cause": "unknown", "double": "yes"})
    assert begun.status_code == 303
    path = str(begun.headers["Location"]).removeprefix("/console")
    assert "已确认毕业生可能收到两次" in clerk.read(path).text
    assert clerk.post(f"{path}/stop", {}).status_code == 303
    assert "其余的没有发送" in clerk.read(path).text
    late = clerk.post(f"{path}/stop", {})
    assert (late.status_code, "已经结束" in late.text) == (409, True)


def test_who_may_send_all_again(desk: Desks, lantai: Lantai) -> None:
    outage(lantai, 1)
    auditor, clerk = desk(Role.AUDITOR), desk(Role.ARCHIVIST)
    assert "/undelivered/again?" not in auditor.get("/undelivered?cause=retry").text
    counted = auditor.get("/undelivered/again?cause=retry").text
    assert ("1 条" in counted, 'action="/console/undelivered/again"' in counted) == (True, False)
    assert auditor.post("/undelivered/again", {"cause": "retry"}).status_code == 403
    path = str(clerk.post("/undelivered/again", {"cause": "retry"}).headers["Location"]).removeprefix("/console")
    assert "进度" in auditor.read(path).text
    assert auditor.post(f"{path}/stop", {}).status_code == 403
    assert desk(Role.REVIEWER).get(path).status_code == 403
    assert clerk.get(f"/undelivered/again/{uuid4()}").status_code == 404
    empty = clerk.post("/undelivered/again", {"cause": "content"})
    assert (empty.status_code, "没有可重新发送的消息" in empty.text) == (422, True)

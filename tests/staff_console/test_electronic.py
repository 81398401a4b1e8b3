"""The electronic leg on the transfer page: both legs, what keeps a package back, why it came back, and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.actors import SYSTEM, Role
from app.errors import Unavailable
from app.jobs import PushElectronic
from app.package_ports import Delivery
from app.transfers.electronic_push import WAITS
from app.transfers.electronic_rules import Leg, Reason
from app.transfers.states import State
from parts import Lantai
from tests.app.checks.conftest import MATERIALS
from tests.conftest import ApiClient, Person
from tests.electronic import Registry, plugged, registry, sealed_transfer
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk

__all__ = ["plugged", "registry"]
Desks = Callable[..., Desk]


@pytest.fixture(autouse=True)
def _plugged_in(plugged: None, registry: Registry) -> None:
    """The registry is there before anything is wired."""


@pytest.fixture
def person(graduate_factory: Callable[..., Person]) -> Person:
    return graduate_factory(materials=MATERIALS)


def test_packed_rejected_and_packed_again(
    desk: Desks, person: Person, lantai: Lantai, registry: Registry, run_jobs: Callable[[], None]
) -> None:
    transfer, dispatcher = sealed_transfer(lantai, person), desk(Role.DISPATCHER)
    path = f"/graduates/{person.id}/transfers"
    page = dispatcher.read(path).text
    assert "打包并发送电子档案" in page
    assert "未发送" in page
    assert dispatcher.post(f"{path}/{transfer}/electronic", {}).status_code == 303
    assert "正在打包" in dispatcher.read(path).text
    again = dispatcher.post(f"{path}/{transfer}/electronic", {})
    assert (again.status_code, "已有电子档案包在办理中" in again.text) == (409, True)
    run_jobs()
    page = dispatcher.read(path).text
    assert "已提交，待接收单位取件" in page
    assert "重新打包" not in page
    (legs,) = lantai.electronic.of_graduate(dispatcher.login.actor, person.id).values()
    assert legs.latest is not None
    reasons = [Reason.MATERIAL_MISSING, Reason.OTHER]
    lantai.receiver_door.reject(SYSTEM, registry.office, legs.latest.id, reasons, "缺<b>登记表</b>")
    page = dispatcher.read(path).text
    for words in ("接收单位已退回", "缺少应有材料", "缺&lt;b&gt;登记表", "重新打包", "需要处理"):
        assert words in page or words.replace("&lt;b&gt;", "<b>") in page, words
    dispatcher.post(f"{path}/{transfer}/electronic", {})
    run_jobs()
    page = dispatcher.read(path).text
    assert "第 2 次" in page
    assert dispatcher.post(f"{path}/{transfer}/electronic/withdraw", {}).status_code == 303
    assert "已撤回" in dispatcher.read(path).text


def test_what_keeps_a_package_back_stands_in_words(desk: Desks, person: Person, lantai: Lantai) -> None:
    transfer, dispatcher = sealed_transfer(lantai, person), desk(Role.DISPATCHER)
    leg = lantai.electronic.order(dispatcher.login.actor, person.id, transfer)
    lantai.packer._keep_trouble(leg.id, "hand_over_check_failed")
    page = dispatcher.read(f"/graduates/{person.id}/transfers").text
    assert "移交环节的四性检测未通过" in page
    assert "重新打包" in page
    lantai.packer._keep_trouble(leg.id, "receiver_not_authorised_now")
    page = dispatcher.read(f"/graduates/{person.id}/transfers").text
    assert "接收单位现在不能接收档案，请另选接收单位" in page


def test_reviewers_see_it_and_may_not_send(desk: Desks, person: Person, lantai: Lantai) -> None:
    transfer, reviewer = sealed_transfer(lantai, person), desk(Role.REVIEWER)
    path = f"/graduates/{person.id}/transfers"
    assert "打包并发送电子档案" not in reviewer.read(path).text
    for act in ("electronic", "electronic/withdraw", "electronic/push"):
        assert reviewer.post(f"{path}/{transfer}/{act}", {}).status_code == 403


def test_a_graduate_sees_both_legs_and_the_lesser_and_is_told(
    person: Person,
    lantai: Lantai,
    registry: Registry,
    run_jobs: Callable[[], None],
    signed_in: Callable[..., ApiClient],
    desk: Desks,
) -> None:
    transfer = sealed_transfer(lantai, person, State.IN_TRANSIT)
    client = signed_in(person)
    (line,) = client.get("/transfers").json["items"]
    assert (line["electronic"], line["combined"]) == (None, "已发出，尚未送达")
    leg = lantai.electronic.order(desk(Role.DISPATCHER).login.actor, person.id, transfer)
    (line,) = client.get("/transfers").json["items"]
    assert (line["electronic"]["state"], line["combined"]) == ("preparing", "准备中")
    run_jobs()
    lantai.receiver_door.reject(SYSTEM, registry.office, leg.id, [Reason.OTHER], "内部说明")
    run_jobs()
    reply = client.get("/transfers")
    (line,) = reply.json["items"]
    assert (line["electronic"]["reasons"], line["combined"]) == (["其他原因（见说明）"], "需要处理")
    assert "内部说明" not in reply.text
    inbox = client.get("/notices").json["items"]
    titles = [n["title"] for n in inbox]
    assert {"电子档案：接收单位已退回", "电子档案：已提交，待接收单位取件"} <= set(titles)
    assert not [t for t in titles if "打包" in t]
    assert Leg(line["electronic"]["state"]) is Leg.REJECTED


class Away:
    """app.package_ports.PackagePusher to an office that is away."""

    def push(self, delivery: Delivery) -> None:
        raise Unavailable("receiver_unreachable")


def test_a_push_that_was_given_up_is_pushed_again_from_the_page(
    desk: Desks,
    person: Person,
    lantai: Lantai,
    registry: Registry,
    clock: FakeClock,
    run_jobs: Callable[[], None],
) -> None:
    registry.pushed_to("https://hr.example.cn/inbox")
    lantai.electronic_push._pusher = Away()
    transfer, path = sealed_transfer(lantai, person), f"/graduates/{person.id}/transfers"
    leg = lantai.electronic.order(desk(Role.DISPATCHER).login.actor, person.id, transfer)
    run_jobs()
    page = desk(Role.ARCHIVIST).read(path).text
    assert "下次推送" in page
    assert "再次推送" in page
    for wait in WAITS:
        clock.advance(seconds=wait.total_seconds())
        lantai.electronic_push.work(PushElectronic(leg.id))
    clerk = desk(Role.ARCHIVIST)
    page = clerk.read(path).text
    for words in ("推送未能送达接收单位", "下一步：推送未能送达，学校档案管理部门处理后再次推送", "再次推送"):
        assert words in page, words
    assert "下次推送" not in page
    lantai.electronic_push._pusher = Arriving()
    assert clerk.post(f"{path}/{transfer}/electronic/push", {}).status_code == 303
    run_jobs()
    page = clerk.read(path).text
    assert "再次推送" not in page
    assert "已提交，待接收单位取件" in page
    again = clerk.post(f"{path}/{transfer}/electronic/push", {})
    assert (again.status_code, "无需再次推送" in again.text) == (409, True)


class Arriving:
    """app.package_ports.PackagePusher to an office that is there."""

    def push(self, delivery: Delivery) -> None:
        """Everything arrives."""


def test_what_is_late_is_listed_and_the_graduate_reads_whom_to_call(
    desk: Desks,
    person: Person,
    lantai: Lantai,
    registry: Registry,
    clock: FakeClock,
    run_jobs: Callable[[], None],
    signed_in: Callable[..., ApiClient],
) -> None:
    assert registry.receiver is not None
    registry.receiver = replace(registry.receiver, phone="020-81234567")
    transfer = sealed_transfer(lantai, person, State.IN_TRANSIT)
    lantai.electronic.order(desk(Role.DISPATCHER).login.actor, person.id, transfer)
    run_jobs()
    number = lantai.transfers.under_way(desk(Role.DISPATCHER).login.actor)[0][0].number
    clerk = desk(Role.DISPATCHER)
    assert number in clerk.read("/transfers").text
    assert number not in clerk.read("/transfers?electronic=late").text
    clock.advance(days=10)
    lantai.electronic_watch.tick()
    run_jobs()
    clerk = desk(Role.DISPATCHER)
    page = clerk.read("/transfers?electronic=late").text
    for words in (number, "电子件超期的转递", "电子件取件期限"):
        assert words in page, words
    page = clerk.read(f"/graduates/{person.id}/transfers").text
    for words in ("电子件超期", "本校规定：电子档案包提交后 5 个工作日内未取件的，学校联系接收单位"):
        assert words in page, words
    client = signed_in(person)
    (line,) = client.get("/transfers").json["items"]
    due = line["electronic"]["due"]
    assert (due["on"], due["label"], due["overdue"]) == ("2026-06-08", "取件期限", True)
    for words in ("已超过", "学校将联系接收单位取件", "咨询：学校档案馆学生档案科", "某市人才服务中心 020-81234567"):
        assert words in due["words"], due["words"]
    (notice,) = [n for n in client.get("/notices").json["items"] if n["title"] == "电子档案：已超过取件期限"]
    assert "学校将联系接收单位取件" in notice["body"]

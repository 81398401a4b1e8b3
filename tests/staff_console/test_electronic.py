"""The electronic leg on the transfer page: both legs, what keeps a package back, why it came back, and again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.actors import SYSTEM, Role
from app.transfers.electronic_rules import Leg, Reason
from app.transfers.states import State
from parts import Lantai
from tests.app.checks.conftest import MATERIALS
from tests.conftest import ApiClient, Person
from tests.electronic import Registry, plugged, registry, sealed_transfer
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


def test_reviewers_see_it_and_may_not_send(desk: Desks, person: Person, lantai: Lantai) -> None:
    transfer, reviewer = sealed_transfer(lantai, person), desk(Role.REVIEWER)
    path = f"/graduates/{person.id}/transfers"
    assert "打包并发送电子档案" not in reviewer.read(path).text
    for act in ("electronic", "electronic/withdraw"):
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

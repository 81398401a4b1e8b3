"""The console says what a transfer stands on: a receiver that changed or lapsed, and by what its channel was chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.actors import Role
from app.receivers.rules import DestinationCase
from app.transfers.channel_rules import PersonHistory
from app.transfers.destination import Destination
from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from parts import Lantai
from tests.app.transfers.footings import OTHER, changed, ended, other, view_by_id
from tests.conftest import Person
from tests.moving import Pair, lead, now, opened, receiver_code
from tests.staff_console.conftest import Desk
from tests.staff_console.reading import Reader
from tests.supplementing import supplement_after

Desks = Callable[..., Desk]
People = Callable[..., Person]


@pytest.fixture
def going(lantai: Lantai, pair: Pair, graduate_factory: People) -> Callable[[State], TransferView]:
    return lambda at: lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), at)


def page_of(desk: Desk, view: TransferView) -> Any:
    return desk.read(f"/graduates/{view.graduate_id}/transfers")


def ticked_in(html: str) -> list[str]:
    return [a["value"] for _, a in Reader(html).tags if a.get("name") == "history" and "checked" in a]


def test_a_lapsed_receiver_is_refused_with_what_to_do_and_another_is_chosen(
    desk: Desks, lantai: Lantai, pair: Pair, going: Callable[[State], TransferView]
) -> None:
    clerk, view = desk(), going(State.COLLEGE_REVIEWED)
    assert "现在不能接收" not in page_of(clerk, view).text
    code = other(lantai, pair)
    ended(lantai, pair)
    said = page_of(clerk, view).text
    assert "接收单位现在不能接收档案（授权已经到期）。请在“更改去向”中另选接收单位" in said
    path = f"/graduates/{view.graduate_id}/transfers/{view.id}"
    refused = clerk.post(f"{path}/move/school_approved", {"version": str(view.version)})
    assert (refused.status_code, "请另选接收单位" in refused.text) == (409, True)
    form = {"version": str(view.version), "case": "unemployed", "receiver": code, "channel": ""}
    assert clerk.post(f"{path}/destination", form).status_code == 303
    view = now(lantai, pair.first, view)
    assert (view.state, view.receiver_name) == (State.DESTINATION_REGISTERED, "另一人才服务中心")
    assert "现在不能接收" not in page_of(clerk, view).text


def test_the_list_shows_the_concern_and_is_narrowed_to_it(
    desk: Desks, lantai: Lantai, pair: Pair, going: Callable[[State], TransferView], graduate_factory: People
) -> None:
    clerk, lapsed = desk(Role.DISPATCHER), going(State.SEALED)
    elsewhere = Destination(DestinationCase.UNEMPLOYED, other(lantai, pair), Channel.EMS)
    sound = view_by_id(lantai, pair, lantai.destinations.open(pair.first, graduate_factory().id, elsewhere))
    ended(lantai, pair)
    everything = clerk.read("/transfers")
    assert "接收单位有变" in everything.text
    assert "▲ 授权已经到期" in everything.text
    assert "receivers" not in everything.forms["/console/transfers"]
    narrowed = clerk.read("/transfers?receivers=doubtful")
    assert [v.number in narrowed.text for v in (lapsed, sound)] == [True, False]
    assert narrowed.forms["/console/transfers"]["receivers"] == "doubtful"


def test_old_and_new_stand_side_by_side_on_the_page_and_at_the_scanner(
    desk: Desks, lantai: Lantai, pair: Pair, going: Callable[[State], TransferView]
) -> None:
    clerk, view = desk(Role.DISPATCHER), going(State.SEALED)
    batch = lantai.dispatching.begin(pair.first, Channel.EMS)
    changed(lantai, pair, address="某市新路 9 号", phone="010-12345678")
    said = page_of(clerk, view).text
    assert "办公地址 改 某市某路 1 号 某市新路 9 号" in said
    assert "办公电话 改 （未登记） 010-12345678" in said
    assert "单位仍可接收，不影响办理" in said
    assert clerk.post(f"/dispatch/{batch}/scan", {"code": view.number}).status_code == 200
    scanned = clerk.post(f"/dispatch/{batch}/scan", {"code": "1000000000001", "scanned": view.number})
    assert scanned.status_code == 303
    listed = clerk.read(f"/dispatch/{batch}").text
    assert "办公地址有变动，选定时：某市某路 1 号；现在：某市新路 9 号" in listed


def test_a_lapsed_one_is_refused_at_the_first_scan(
    desk: Desks, lantai: Lantai, pair: Pair, going: Callable[[State], TransferView]
) -> None:
    clerk, view = desk(Role.DISPATCHER), going(State.SEALED)
    batch = lantai.dispatching.begin(pair.first, Channel.EMS)
    ended(lantai, pair)
    refused = clerk.post(f"/dispatch/{batch}/scan", {"code": view.number})
    assert (refused.status_code, "由两人“启封重新整理”" in refused.text) == (409, True)
    assert "请两人“启封重新整理”，再在“更改去向”中" in page_of(clerk, view).text


def test_the_basis_of_the_channel_is_shown_and_what_was_declared_stands_in_the_form(
    desk: Desks, lantai: Lantai, pair: Pair, graduate_factory: People
) -> None:
    wanted = Destination(
        DestinationCase.UNEMPLOYED, receiver_code(lantai), history=frozenset({PersonHistory.FORMER_OFFICIAL})
    )
    view = view_by_id(lantai, pair, lantai.destinations.open(pair.first, graduate_factory().id, wanted))
    label = "曾任党政领导干部、公务员或参照公务员法管理的工作人员"
    for role in (Role.REVIEWER, Role.DISPATCHER):
        page = page_of(desk(role), view)
        assert "渠道依据：机要通信" in page.text
        assert f"申报的本人经历 {label}" in page.text
        assert "N-2 曾任党政领导干部" in page.text
        assert "依据：《流动人员人事档案管理服务规定》（人社部发〔2021〕112 号）" in page.text
        assert "规则版本 2026-1" in page.text
        assert "寄送要求：密封：填写材料目录清单后严密包封" in page.text
    clerk = desk()
    assert ticked_in(clerk.get(f"/graduates/{view.graduate_id}/transfers").text) == ["former_official"]
    path = f"/graduates/{view.graduate_id}/transfers/{view.id}"
    form = {"version": str(view.version), "case": "unemployed", "receiver": wanted.receiver, "history_asked": "1"}
    # a step that was refused unticks nothing, a form that was refused keeps what was ticked in it
    refused = clerk.post(f"{path}/move/withdrawn", {"version": str(view.version), "reason": ""})
    assert (refused.status_code, ticked_in(refused.text)) == (422, ["former_official"])
    refused = clerk.post(f"{path}/destination", {**form, "receiver": ""})
    assert (refused.status_code, ticked_in(refused.text)) == (422, [])
    assert clerk.post(f"{path}/destination", form).status_code == 303
    page = page_of(clerk, view)
    assert "渠道依据：EMS 标准快递" in page.text
    assert f"此前曾申报，本次没有申报：{label}" in page.text


def test_for_a_supplement_keeping_it_at_school_is_not_offered(
    desk: Desks, lantai: Lantai, pair: Pair, going: Callable[[State], TransferView]
) -> None:
    supplement, main = supplement_after(lantai, going(State.CLOSED)), going(State.SCHOOL_APPROVED)
    other(lantai, pair)
    ended(lantai, pair)
    clerk = desk()
    offered = [{a.get("value") for tag, a in page_of(clerk, v).tags if tag == "option"} for v in (supplement, main)]
    assert [{"unemployed", "kept_at_school"} & values for values in offered] == [
        {"unemployed"},
        {"unemployed", "kept_at_school"},
    ]
    path = f"/graduates/{supplement.graduate_id}/transfers/{supplement.id}/destination"
    form = {"version": str(supplement.version), "case": "kept_at_school", "receiver": OTHER}
    refused = clerk.post(path, form)
    assert (refused.status_code, "不能留校保管" in refused.text) == (422, True)


def test_after_a_withdrawal_what_was_declared_stands_in_the_form_of_the_next(
    desk: Desks, lantai: Lantai, pair: Pair, graduate_factory: People
) -> None:
    former = frozenset({PersonHistory.FORMER_OFFICIAL})
    wanted = Destination(DestinationCase.UNEMPLOYED, receiver_code(lantai), history=former)
    view = view_by_id(lantai, pair, lantai.destinations.open(pair.first, graduate_factory().id, wanted))
    lead(lantai, pair, view, State.WITHDRAWN)
    assert ticked_in(desk().get(f"/graduates/{view.graduate_id}/transfers").text) == ["former_official"]

"""Two people on one ticket, what changed meanwhile, text blocks in forms, and answering without moving the ticket."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.actors import Role
from app.corrections.rules import State
from app.corrections.views import TicketView
from app.errors import Invalid
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk
from tests.staff_console.reading import Reader

Desks = Callable[..., Desk]
People = Callable[..., Person]
Opener = Callable[..., TicketView]


@pytest.fixture
def ticket(graduate_factory: People, open_ticket: Opener) -> TicketView:
    return open_ticket(graduate_factory("欧阳文静", college="数学学院"))


def faulty(html: str) -> dict[str, str]:
    """Field -> the fault it points at; every fault that stands beside a field is pointed at by one."""
    tags = Reader(html).tags
    fields = {a["id"]: a["aria-describedby"] for _, a in tags if a.get("aria-invalid") == "true"}
    assert sorted(a["id"] for _, a in tags if a.get("class") == "fault") == sorted(fields.values())
    return fields


def beat(desk: Desk, ticket: TicketView, doing: str) -> str:
    answer = desk.post(f"/tickets/{ticket.line.id}/presence", {"doing": doing}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    return Reader(answer.text).text


def test_who_else_has_it_open_is_said_at_load_and_while_it_lasts(
    desk: Desks, ticket: TicketView, clock: FakeClock
) -> None:
    one, two = desk(), desk()
    path = f"/tickets/{ticket.line.id}"
    assert "正在查看" not in one.read(path).text
    assert "员工1 正在查看本申请" in two.read(path).text
    assert "员工2 正在查看本申请" in beat(one, ticket, "viewing")
    assert beat(two, ticket, "typing").startswith("◉ 员工1")
    assert "员工2 正在填写本申请" in beat(one, ticket, "viewing")
    clock.advance(seconds=70)  # two types no longer and has not said it is still there
    assert beat(one, ticket, "viewing") == ""
    assert "员工1" in beat(two, ticket, "viewing")
    beat(two, ticket, "left")
    assert beat(one, ticket, "viewing") == ""


def test_a_page_left_open_does_not_keep_the_session_awake(desk: Desks, ticket: TicketView, clock: FakeClock) -> None:
    clerk = desk()
    clerk.get(f"/tickets/{ticket.line.id}")
    for _ in range(15):
        clock.advance(minutes=1)
        clerk.post(f"/tickets/{ticket.line.id}/presence", {"doing": "viewing"}, headers={"HX-Request": "true"})
    clock.advance(minutes=1)
    answer = clerk.post(f"/tickets/{ticket.line.id}/presence", {"doing": "viewing"}, headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"].startswith("/console/sign-in")


def test_who_comes_too_late_reads_what_happened_since(desk: Desks, ticket: TicketView) -> None:
    slow, quick = desk(), desk()
    path, version = f"/tickets/{ticket.line.id}", ticket.line.version
    assert "您打开本页之后" not in slow.read(path).text
    quick.post(f"{path}/take", {"version": version})
    quick.post(f"{path}/ask", {"version": version + 1, "text": "请补充学籍卡"})
    answer = slow.post(f"{path}/reject", {"version": version, "reason": "record_is_right", "explanation": "经核对无误"})
    assert answer.status_code == 412
    page = Reader(answer.text)
    for words in ("您打开本页之后", "受理 员工2", "请申请人补充 员工2"):
        assert words in page.text
    assert "提交申请 毕业生" not in page.text.split("您打开本页之后")[1].split("记录对照")[0]
    assert page.forms[f"/console{path}/reject"]["explanation"] == "经核对无误"


def test_a_text_block_is_put_into_the_form_without_a_script(desk: Desks, ticket: TicketView, lantai: Lantai) -> None:
    clerk, reviewer = desk(), desk(Role.REVIEWER)
    macro = lantai.macros.add(reviewer.login.actor, "收到", "{姓名}同学（{学院}）：{工单号}已收到，{缺少的材料}")
    path = f"/tickets/{ticket.line.id}"
    assert "收到" in clerk.get(path).text
    sent = {"draft": "ask", "text": "您好：", "macro": str(macro), "version": str(ticket.line.version)}
    answer = clerk.post(f"{path}/insert", sent)
    assert answer.headers["Location"] == f"/console{path}#do-ask"
    typed = clerk.read(path).forms[f"/console{path}/ask"]["text"]
    assert typed == f"您好：\n欧阳**同学（数学学院）：{ticket.line.number}已收到，（申请中未写明）"
    assert clerk.post(f"{path}/insert", {**sent, "macro": "x"}).status_code == 422
    lantai.macros.retire(reviewer.login.actor, macro, 1)
    assert clerk.post(f"{path}/insert", sent).status_code == 409


def test_a_text_block_goes_where_sentences_are_written(desk: Desks, ticket: TicketView, lantai: Lantai) -> None:
    clerk, reviewer = desk(), desk(Role.REVIEWER)
    macro = lantai.macros.add(reviewer.login.actor, "收到", "已收到，正在核对。")
    path = f"/tickets/{ticket.line.id}"
    offered = [(action, form) for action, form in clerk.read(path).forms.items() if "draft" in form and "macro" in form]
    assert {action.rsplit("/", 1)[1] for action, _ in offered} >= {"ask", "accept", "reject", "internal-note"}
    for action, form in offered:
        assert clerk.post(f"{path}/insert", {**form, "macro": str(macro)}).status_code == 303
        assert "已收到，正在核对。" in clerk.read(path).forms[action].values(), action


def test_an_answer_leaves_the_ticket_where_it_is(desk: Desks, ticket: TicketView, lantai: Lantai) -> None:
    clerk = desk()
    path = f"/tickets/{ticket.line.id}"
    assert clerk.post(f"{path}/reply", {"version": "1", "text": "已收到，正在核对原件。"}).status_code == 303
    page = clerk.read(path)
    assert "已收到，正在核对原件。" in page.text
    assert "答复申请人" in page.text
    found = lantai.desk.ticket(clerk.login.actor, ticket.line.id)
    assert (found.line.state, found.line.assigned_to) == (State.SUBMITTED, clerk.login.id)
    stale = clerk.post(f"{path}/reply", {"version": "1", "text": "第二次"})
    assert stale.status_code == 412
    assert Reader(stale.text).forms[f"/console{path}/reply"]["text"] == "第二次"
    refused = clerk.post(f"{path}/reply", {"version": "2", "text": "x\u202e"})
    assert (refused.status_code, faulty(refused.text)) == (422, {"reply-text": "reply-fault"})
    refused = clerk.post(f"{path}/ask", {"version": "2", "text": "x\u202e"})
    assert (refused.status_code, faulty(refused.text)) == (422, {"text": "text-fault"})
    done = lantai.desk.reject(clerk.login.actor, ticket.line.id, found.line.version, "record_is_right", "无误").line
    assert clerk.post(f"{path}/reply", {"version": str(done.version), "text": "再说一句"}).status_code == 409


def test_assigning_from_the_tickets_page(desk: Desks, ticket: TicketView, lantai: Lantai) -> None:
    clerk, colleague = desk(), desk()
    path = f"/tickets/{ticket.line.id}"
    form = clerk.read(path).forms[f"/console{path}/assign"]
    assert form["version"] == str(ticket.line.version)
    assert clerk.post(f"{path}/assign", {**form, "to": str(colleague.login.id)}).status_code == 303
    assert lantai.desk.ticket(clerk.login.actor, ticket.line.id).line.assigned_to == colleague.login.id
    # what is refused is said on the ticket's own page, with what was chosen
    late = clerk.post(f"{path}/assign", {**form, "to": "me"})
    empty = clerk.post(f"{path}/assign", {**form, "to": ""})
    again = clerk.post(
        f"{path}/assign", {**clerk.read(path).forms[f"/console{path}/assign"], "to": str(colleague.login.id)}
    )
    assert [a.status_code for a in (late, empty, again)] == [412, 422, 409]
    for answer in (late, empty, again):
        page = Reader(answer.text)
        assert ticket.line.number in page.text
        assert f"/console{path}/reply" in page.forms
    assert Reader(late.text).forms[f"/console{path}/assign"]["to"] == "me"
    assert faulty(empty.text) == {"assign-to": "assign-fault"}


def test_text_blocks_are_kept_by_those_who_may_in_versions(desk: Desks, lantai: Lantai) -> None:
    clerk, reviewer = desk(), desk(Role.REVIEWER)
    form = {"title": "请补充学籍卡", "body": "{姓名}同学：请于{期限}前补充学籍卡。", "act": "keep"}
    assert clerk.post("/macros", form).status_code == 403
    preview = reviewer.post("/macros", {**form, "act": "preview"})
    assert "张**同学：请于2026年7月15日前补充学籍卡。" in preview.text
    assert lantai.macros.macros(reviewer.login.actor) == []
    assert reviewer.post("/macros", form).status_code == 303
    (kept,) = lantai.macros.macros(clerk.login.actor)
    path = f"/macros/{kept.id}"
    for body, words in (("{学号}您好", "{学号}"), ("{姓名", "不成对"), ("", "必填"), ("{}", "未知的变量")):
        answer = reviewer.post(path, {**form, "body": body, "version": str(kept.version)})
        assert answer.status_code == 422, body
        assert words in answer.text
        assert Reader(answer.text).forms[f"/console{path}"]["body"] == body
    assert reviewer.post(path, {**form, "body": "新的内容", "version": str(kept.version)}).status_code == 303
    late = reviewer.post(path, {**form, "body": "更晚的内容", "version": str(kept.version)})
    assert late.status_code == 412
    shown = clerk.read(path).text
    assert "第 2 版" in shown
    assert "补充学籍卡。" in shown  # the version before stays to be read
    (now,) = lantai.macros.macros(clerk.login.actor)
    assert (now.body, now.number) == ("新的内容", 2)
    assert reviewer.post(f"{path}/retire", {"version": str(now.version), "act": "retire"}).status_code == 303
    assert lantai.macros.macros(clerk.login.actor) == []
    again = {"version": str(now.version + 1), "act": "restore"}
    assert reviewer.post(f"{path}/retire", again).status_code == 303
    assert len(lantai.macros.macros(clerk.login.actor)) == 1
    with pytest.raises(Invalid):
        lantai.macros.add(reviewer.login.actor, "看不见\u200b", "x")

"""One act on several tickets, without a script: results per ticket, and nothing twice."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from app.actors import Role
from app.corrections.bulk import Act, Order
from app.corrections.rules import Kind, State
from app.corrections.views import TicketView
from app.errors import NotFound
from parts import Lantai
from tests.conftest import Person
from tests.staff_console.conftest import Desk
from tests.staff_console.reading import Reader

Desks = Callable[..., Desk]
People = Callable[..., Person]
Opener = Callable[..., TicketView]


@pytest.fixture
def three(graduate_factory: People, open_ticket: Opener) -> list[TicketView]:
    person = graduate_factory("欧阳文静")
    return [open_ticket(person, Kind.OTHER, None, {}) for _ in range(3)]


def picks(*tickets: TicketView) -> list[str]:
    return [f"{t.line.id}:{t.line.version}" for t in tickets]


def test_taking_what_is_ticked_with_a_reason_for_each_that_is_refused(
    desk: Desks, three: list[TicketView], lantai: Lantai
) -> None:
    clerk, colleague = desk(), desk()
    lantai.desk.take(colleague.login.actor, three[1].line.id, three[1].line.version)
    reader = clerk.read("/tickets")
    form = reader.forms["/console/tickets/bulk"]
    sent = {"run": form["run"], "query": form["query"], "act": "take", "pick": picks(*three)}
    answer = clerk.post("/tickets/bulk", sent)
    assert answer.status_code == 303
    result = clerk.read(answer.headers["Location"].removeprefix("/console"))
    assert "已办 2 件，未办 1 件" in result.text
    assert "申请状态已变化" in result.text
    states = {t.line.number: lantai.desk.ticket(clerk.login.actor, t.line.id).line for t in three}
    assert [states[t.line.number].assigned_to for t in three] == [clerk.login.id, colleague.login.id, clerk.login.id]
    # the same form again: the same page, and nothing is done a second time
    versions = {n: line.version for n, line in states.items()}
    again = clerk.post("/tickets/bulk", sent)
    assert again.headers["Location"] == answer.headers["Location"]
    assert {t.line.number: lantai.desk.ticket(clerk.login.actor, t.line.id).line.version for t in three} == versions
    assert colleague.get(answer.headers["Location"].removeprefix("/console")).status_code == 404


def test_one_page_can_be_ticked_whole_without_a_script(desk: Desks, three: list[TicketView]) -> None:
    clerk = desk()
    ticked = [v for tag, v in clerk.read("/tickets?pick=all").tags if tag == "input" and v.get("name") == "pick"]
    assert len(ticked) == len(three)
    assert all("checked" in v for v in ticked)


def test_assigning_what_is_ticked(desk: Desks, three: list[TicketView], lantai: Lantai) -> None:
    clerk, colleague = desk(), desk()
    form = {"run": str(uuid.uuid4()), "act": "assign", "pick": picks(*three), "to": str(colleague.login.id)}
    assert clerk.post("/tickets/bulk", form).status_code == 303
    held = [lantai.desk.ticket(clerk.login.actor, t.line.id).line.assigned_to for t in three]
    assert held == [colleague.login.id] * 3
    by_turn = {**form, "run": str(uuid.uuid4()), "to": "turn", "pick": [f"{p.split(':')[0]}:2" for p in picks(*three)]}
    assert clerk.post("/tickets/bulk", by_turn).status_code == 303


def test_a_macro_is_filled_for_each(desk: Desks, three: list[TicketView], lantai: Lantai) -> None:
    clerk, reviewer = desk(), desk(Role.REVIEWER)
    macro = lantai.macros.add(reviewer.login.actor, "收到", "{姓名}同学：您的申请{工单号}已收到。")
    form = {"run": str(uuid.uuid4()), "act": "reply", "pick": picks(*three), "macro": str(macro)}
    assert clerk.post("/tickets/bulk", form).status_code == 303
    for ticket in three:
        shown = lantai.desk.ticket(clerk.login.actor, ticket.line.id)
        assert [m.text for m in shown.messages] == [f"欧阳**同学：您的申请{ticket.line.number}已收到。"]
        assert shown.line.state is State.SUBMITTED
        assert shown.timeline[-1].type == "ticket.replied"
    asked = {**form, "run": str(uuid.uuid4()), "act": "ask", "pick": [f"{t.line.id}:2" for t in three]}
    assert clerk.post("/tickets/bulk", asked).status_code == 303
    assert lantai.desk.ticket(clerk.login.actor, three[0].line.id).line.state is State.NEEDS_INFO


def test_a_form_that_says_nothing_keeps_what_was_typed(desk: Desks, three: list[TicketView]) -> None:
    clerk = desk()
    for changes, words in (
        ({"act": "take"}, "请至少勾选一件申请"),
        ({"act": "assign", "pick": picks(*three)}, "必填"),
        ({"act": "reply", "pick": picks(*three), "words": " "}, "请选择常用语或填写内容"),
        ({"act": "ask", "pick": [], "words": "请补充学籍卡"}, "请至少勾选一件申请"),
        ({"act": "destroy", "pick": picks(*three)}, "必填"),
    ):
        answer = clerk.post("/tickets/bulk", {"run": str(uuid.uuid4()), **changes})
        assert answer.status_code == 422, changes
        assert words in answer.text
        assert str(changes.get("words", "")).strip() in Reader(answer.text).forms["/console/tickets/bulk"]["words"]
    assert clerk.post("/tickets/bulk", {"act": "take", "pick": picks(*three), "run": "x"}).status_code == 422


def test_a_run_belongs_to_one_person_and_one_act(desk: Desks, three: list[TicketView], lantai: Lantai) -> None:
    clerk, colleague = desk(), desk()
    run, first = uuid.uuid4(), three[0].line
    lantai.bulk.run(clerk.login.actor, run, Order(Act.TAKE), [(first.id, first.version)])
    with pytest.raises(NotFound):
        lantai.bulk.run(colleague.login.actor, run, Order(Act.TAKE), [(three[1].line.id, three[1].line.version)])
    with pytest.raises(NotFound):
        lantai.bulk.run(clerk.login.actor, run, Order(Act.ASK, words="x"), [(three[1].line.id, 1)])
    # a run that was cut short goes on with the lines that were never begun
    more = lantai.bulk.run(
        clerk.login.actor, run, Order(Act.TAKE), [(t.line.id, t.line.version) for t in three] + [(uuid.uuid4(), 1)]
    )
    assert [line.code for line in more.lines] == ["", "", ""]

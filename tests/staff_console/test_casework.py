"""The forms for the rest of the work on a ticket, by the browser of a member of staff."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from sqlalchemy import update

from app.actors import Purpose, Role
from app.corrections.rules import Kind, State
from app.corrections.views import TicketView
from app.people.models import StaffMember
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock, jpeg
from tests.staff_console.conftest import Desk
from tests.staff_console.reading import Reader

Opener = Callable[..., TicketView]
Desks = Callable[..., Desk]
People = Callable[..., Person]


def now(lantai: Lantai, clerk: Desk, ticket: TicketView) -> TicketView:
    return lantai.desk.ticket(clerk.login.actor, ticket.line.id)


def scan(**fields: str) -> dict[str, Any]:
    return {**fields, "file": (io.BytesIO(jpeg(9)), "scan.jpg")}


def test_a_missing_material_from_the_form_to_the_dossier(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    clerk, ticket = desk(), open_ticket(graduate_factory(), Kind.MISSING_MATERIAL, None, {})
    path = f"/tickets/{ticket.line.id}"
    version = str(ticket.line.version)
    early = clerk.post(f"{path}/accept", {"version": version})
    assert early.status_code == 409
    assert "收集到的材料扫描件" in early.text
    empty = clerk.post(f"{path}/collect", {"version": version, "class_code": "7", "title": "登记表"})
    assert empty.status_code == 422
    sent = clerk.post(
        f"{path}/collect",
        scan(version=version, class_code="7", title="三好学生登记表"),
        content_type="multipart/form-data",
    )
    assert sent.status_code == 303
    page = clerk.read(path)
    assert "三好学生登记表" in page.text
    assert clerk.post(f"{path}/accept", page.forms[f"/console{path}/accept"]).status_code == 303
    assert now(lantai, clerk, ticket).material_id is not None
    assert "归档材料第 1 版" in clerk.read(path).text


def test_a_forming_unit_answers(desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai) -> None:
    clerk = desk()
    ticket = open_ticket(graduate_factory(), Kind.FORMING_UNIT, proofs=(jpeg(),))
    path = f"/tickets/{ticket.line.id}"
    form = clerk.read(path).forms[f"/console{path}/send-out"]
    assert clerk.post(f"{path}/send-out", {**form, "unit": "已函请学院核实"}).status_code == 303
    page = clerk.read(path)
    assert "形成单位核实中" in page.text
    assert f"/console{path}/accept" not in page.forms
    answer = clerk.post(
        f"{path}/unit-answered",
        scan(version=page.forms[f"/console{path}/unit-answered"]["version"]),
        content_type="multipart/form-data",
    )
    assert answer.status_code == 303
    done = clerk.post(f"{path}/accept", clerk.read(path).forms[f"/console{path}/accept"])
    assert done.status_code == 303
    record = clerk.read(f"/records/{ticket.record_id}")
    assert ticket.line.number in record.text
    assert "形成单位出具的更正件或说明" in record.text


def test_editing_shows_both_what_was_asked_and_what_stands_now(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    clerk, ticket = desk(), open_ticket(graduate_factory())
    path = f"/tickets/{ticket.line.id}"
    form = clerk.read(path).forms[f"/console{path}/edit"]
    assert form["field-class_name"] == "二班"
    same = clerk.post(f"{path}/edit", form)
    assert same.status_code == 422
    bad = clerk.post(f"{path}/edit", {**form, "field-class_name": "三\u202e班"})
    assert bad.status_code == 422
    assert "含有不可见或改变方向的字符" in bad.text
    assert clerk.post(f"{path}/edit", {**form, "field-class_name": "三班"}).status_code == 303
    page = clerk.read(path)
    assert "申请人原提：二班" in page.text
    assert [c.after for c in now(lantai, clerk, ticket).changes] == ["三班"]
    stale = clerk.post(f"{path}/edit", {**form, "field-class_name": "四班"})
    assert stale.status_code == 412
    assert Reader(stale.text).forms[f"/console{path}/edit"]["field-class_name"] == "四班"


def test_notes_stay_inside(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai, clock: FakeClock
) -> None:
    person, clerk = graduate_factory(), desk()
    ticket = open_ticket(person)
    path = f"/tickets/{ticket.line.id}"
    assert clerk.post(f"{path}/internal-note", {"internal": "原件在三号柜"}).status_code == 303
    assert "原件在三号柜" in clerk.read(path).text
    own = lantai.corrections.ticket(person.actor(Purpose.VIEW_DOSSIER, now=clock.now()), ticket.line.id)
    assert "三号柜" not in repr(own.messages) + repr(own.notes)
    long = clerk.post(f"{path}/internal-note", {"internal": "长" * 10_000})
    assert long.status_code == 422
    assert "最多 2000 字" in long.text


def test_duplicates_are_merged_and_mistakes_reopened(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    person, clerk = graduate_factory(), desk()
    first = open_ticket(person, Kind.OTHER, None, {}, "第一次说明。")
    second = open_ticket(person, Kind.OTHER, None, {}, "第二次说明。")
    path, kept = f"/tickets/{second.line.id}", f"/tickets/{first.line.id}"
    version = str(second.line.version)
    # only the older one is offered, and a form from elsewhere the other way is told why not
    assert f"/console{path}/merge" in clerk.read(path).forms
    assert f"/console{kept}/merge" not in clerk.read(kept).forms
    wrong = clerk.post(f"{kept}/merge", {"version": str(first.line.version), "survivor": str(second.line.id)})
    assert (wrong.status_code, "只能并入更早提交的申请" in wrong.text) == (409, True)
    assert clerk.post(f"{path}/merge", {"version": version, "survivor": "x"}).status_code == 422
    done = clerk.post(f"{path}/merge", {"version": version, "survivor": str(first.line.id)})
    assert done.status_code == 303
    assert first.line.number in clerk.read(path).text
    page = clerk.read(kept)
    assert "第二次说明。" in page.text
    form = {**page.forms[f"/console{kept}/reject"], "reason": "other", "explanation": "不属于更正"}
    assert clerk.post(f"{kept}/reject", form).status_code == 303
    closed = clerk.read(kept)
    assert "个人信息保护法" in closed.text
    again = {**closed.forms[f"/console{kept}/reopen"], "reopening": "看错了申请"}
    assert clerk.post(f"{kept}/reopen", again).status_code == 303
    assert now(lantai, clerk, first).line.state is State.IN_REVIEW
    release = clerk.read(kept).forms[f"/console{kept}/release"]
    assert clerk.post(f"{kept}/release", release).status_code == 303
    assert now(lantai, clerk, first).line.state is State.SUBMITTED


def test_a_page_says_that_an_earlier_decision_stands(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    clerk, ticket = desk(), open_ticket(graduate_factory())
    done = lantai.desk.accept(clerk.login.actor, ticket.line.id, ticket.line.version).line
    line = lantai.casework.reopen(clerk.login.actor, done.id, done.version, "看错了行").line
    path = f"/tickets/{line.id}"
    page = clerk.read(path)
    assert "同意即维持，不再生成新版本" in page.text
    assert "不能直接同意" not in page.text
    form = {**page.forms[f"/console{path}/reject"], "reason": "record_is_right", "explanation": "原件无误"}
    refused = clerk.post(f"{path}/reject", form)
    assert (refused.status_code, "请直接同意，维持现有内容" in refused.text) == (409, True)


def test_a_role_revoked_between_page_and_post_decides_nothing(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    ticket, clerk = open_ticket(graduate_factory()), desk()
    path = f"/tickets/{ticket.line.id}"
    form = clerk.read(path).forms[f"/console{path}/accept"]
    with lantai.db.transaction() as session:
        session.execute(update(StaffMember).where(StaffMember.id == clerk.login.id).values(roles=[Role.AUDITOR.value]))
    assert clerk.post(f"{path}/accept", form).status_code == 403
    assert now(lantai, desk(), ticket).line.state is State.SUBMITTED


def test_approving_statutory_data_asks_for_the_factor_again(
    desk: Desks,
    graduate_factory: People,
    identity_ticket: Callable[[Person], TicketView],
    lantai: Lantai,
    clock: FakeClock,
) -> None:
    ticket, clerk = identity_ticket(graduate_factory()), desk()
    path = f"/tickets/{ticket.line.id}"
    clock.advance(minutes=11)
    page = clerk.read(path)
    form = page.forms[f"/console{path}/accept"]
    assert "fresh_code" in form
    for code in ("", "000000"):
        refused = clerk.post(f"{path}/accept", {**form, "fresh_code": code, "note": "已核对证明"})
        assert refused.status_code == 422
        assert "已核对证明" in refused.text
        assert now(lantai, clerk, ticket).approvals == ()
    good = pyotp.TOTP(clerk.login.credentials.totp_secret).at(clock.now())
    # what is refused for another reason does not spend the code
    assert clerk.post(f"{path}/accept", {**form, "version": "9", "fresh_code": good}).status_code == 412
    assert clerk.post(f"{path}/accept", {**form, "fresh_code": good}).status_code == 303
    agreed = now(lantai, clerk, ticket)
    assert (agreed.line.state, len(agreed.approvals)) == (State.AWAITING_SECOND, 1)


def test_a_door_that_does_not_ask_is_refused_by_the_desk(
    desk: Desks,
    graduate_factory: People,
    identity_ticket: Callable[[Person], TicketView],
    lantai: Lantai,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a route added later could: the console then sends to the page that takes a factor."""
    ticket, clerk = identity_ticket(graduate_factory()), desk()
    path = f"/tickets/{ticket.line.id}"
    monkeypatch.setattr("staff_console.tickets.ensure_fresh", lambda: None)
    clock.advance(minutes=6)
    form = clerk.read(path).forms[f"/console{path}/accept"]
    answer = clerk.post(f"{path}/accept", form)
    assert (answer.status_code, answer.location.split("?")[0]) == (303, "/console/step-up")
    assert now(lantai, clerk, ticket).approvals == ()
    code = pyotp.TOTP(clerk.login.credentials.totp_secret).at(clock.now())
    assert clerk.post("/step-up", {"fresh_code": code}).status_code == 303
    assert clerk.post(f"{path}/accept", form).location == f"/console{path}"
    assert len(now(lantai, clerk, ticket).approvals) == 1


@pytest.mark.parametrize(
    "move",
    [
        *("release", "internal-note", "edit", "send-out", "merge", "reopen", "collect", "unit-answered"),
        *("reply", "assign", "undo", "draft", "draft/forget", "insert", "presence"),
    ],
)
def test_every_form_needs_the_token_and_the_role(
    move: str, desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    ticket, clerk = open_ticket(graduate_factory()), desk()
    path, form = f"/tickets/{ticket.line.id}/{move}", {"version": str(ticket.line.version), "internal": "x"}
    assert clerk.login.client.post(f"/console{path}", data=form).status_code == 403
    assert clerk.post(path, {**form, "csrf_token": desk().login.csrf}).status_code == 403
    assert desk(Role.DISPATCHER).post(path, form).status_code == 403
    assert desk(Role.ADMINISTRATOR).post(path, form).status_code == 403
    assert now(lantai, clerk, ticket).line.version == ticket.line.version

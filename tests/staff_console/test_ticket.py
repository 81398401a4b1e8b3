"""One ticket: what is shown and every decision, with stale forms, forged tokens and wrong roles."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from app.actors import Purpose, Role
from app.corrections.rules import Kind, State
from app.corrections.views import TicketView
from app.dossiers.incoming import FieldChange
from app.dossiers.rules import Section
from app.transfers.states import State as Moved
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.moving import desk_pair, lead, opened
from tests.staff_console.conftest import STATEMENT, Desk
from tests.staff_console.reading import Reader

Opener = Callable[..., TicketView]
Desks = Callable[..., Desk]
People = Callable[..., Person]


def _state(lantai: Lantai, desk: Desk, ticket: TicketView) -> State:
    return lantai.desk.ticket(desk.login.actor, ticket.line.id).line.state


def seal(lantai: Lantai, clerk: Desk, person: Person) -> None:
    """Walk a transfer until the dossier is sealed."""
    actor = clerk.login.actor
    lead(lantai, desk_pair(lantai), opened(lantai, actor, person.id), Moved.SEALED)


def test_shows_the_record_beside_the_wish_and_masks_the_person(
    desk: Desks, graduate_factory: People, open_ticket: Opener
) -> None:
    person = graduate_factory("欧阳文静")
    ticket = open_ticket(person)
    page = desk().read(f"/tickets/{ticket.line.id}")
    assert ticket.line.number in page.text
    assert STATEMENT in page.text
    assert "二班" in page.text
    assert "文学院" in page.text  # unchanged fields are there to compare with
    assert "欧阳**" in page.text
    assert "欧阳文静" not in page.text
    assert "还剩 15 个工作日" in page.text
    assert ("ins", {}) in page.tags


def test_takes_a_ticket_once_and_says_so_once(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    ticket, clerk = open_ticket(graduate_factory()), desk()
    path = f"/tickets/{ticket.line.id}"
    form = clerk.read(path).forms[f"/console{path}/take"]
    answer = clerk.post(f"{path}/take", form)
    assert answer.status_code == 303
    assert answer.location == f"/console{path}"
    assert "已受理，由您办理" in clerk.read(path).text
    assert "已受理，由您办理" not in clerk.read(path).text
    assert _state(lantai, clerk, ticket) is State.IN_REVIEW
    again = clerk.post(f"{path}/take", form)
    assert again.status_code == 412
    assert "没有提交" in Reader(again.text).text


def test_a_stale_form_keeps_what_was_typed(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    ticket, clerk, other = open_ticket(graduate_factory()), desk(), desk()
    path = f"/tickets/{ticket.line.id}"
    lantai.desk.take(other.login.actor, ticket.line.id, ticket.line.version)
    answer = clerk.post(f"{path}/ask", {"version": str(ticket.line.version), "text": "请补充学籍卡照片。"})
    page = Reader(answer.text)
    assert answer.status_code == 412
    kept = page.forms[f"/console{path}/ask"]
    assert kept["text"] == "请补充学籍卡照片。"
    assert int(kept["version"]) > ticket.line.version
    assert "重新载入" in page.text
    sent = clerk.post(f"{path}/ask", kept)
    assert sent.status_code == 303
    assert _state(lantai, clerk, ticket) is State.NEEDS_INFO


def test_typed_text_survives_even_when_the_ticket_was_closed(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    ticket, clerk, other = open_ticket(graduate_factory()), desk(), desk()
    lantai.desk.accept(other.login.actor, ticket.line.id, ticket.line.version)
    answer = clerk.post(
        f"/tickets/{ticket.line.id}/reject",
        {"version": str(ticket.line.version), "reason": "duplicate", "explanation": "与前一申请相同。"},
    )
    assert answer.status_code == 412
    assert "与前一申请相同。" in answer.text
    assert "未提交，可复制" in answer.text


def test_asking_needs_words(desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai) -> None:
    ticket, clerk = open_ticket(graduate_factory()), desk()
    answer = clerk.post(f"/tickets/{ticket.line.id}/ask", {"version": str(ticket.line.version), "text": "  "})
    assert answer.status_code == 422
    assert "必填" in answer.text
    assert _state(lantai, clerk, ticket) is State.SUBMITTED


def test_accepting_writes_a_new_version(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    ticket, clerk = open_ticket(graduate_factory()), desk()
    answer = clerk.post(
        f"/tickets/{ticket.line.id}/accept", {"version": str(ticket.line.version), "note": "已核对学籍卡。"}
    )
    assert answer.status_code == 303
    page = clerk.read(f"/tickets/{ticket.line.id}")
    assert "已同意更正，档案已生成新版本" in page.text
    assert "生成第 2 版" in page.text
    assert "已核对学籍卡。" in page.text
    assert ticket.record_id is not None
    assert (
        lantai.dossiers.record(clerk.login.actor, ticket.record_id, purpose="correction").body["class_name"] == "二班"
    )


def test_two_persons_must_agree_to_statutory_data(
    desk: Desks, graduate_factory: People, identity_ticket: Callable[[Person], TicketView], lantai: Lantai
) -> None:
    ticket, first, second = identity_ticket(graduate_factory()), desk(), desk(Role.REVIEWER)
    path = f"/tickets/{ticket.line.id}"
    assert first.post(f"{path}/accept", first.read(path).forms[f"/console{path}/accept"]).status_code == 303
    mine = first.read(path)
    assert "双人核准 1/2" in mine.text
    assert "员工1 已同意" in mine.text
    assert f"/console{path}/accept" not in mine.forms
    again = first.post(f"{path}/accept", mine.forms[f"/console{path}/ask"])
    assert again.status_code == 409
    assert "须由另一位工作人员复核" in again.text
    assert second.post(f"{path}/accept", second.read(path).forms[f"/console{path}/accept"]).status_code == 303
    assert _state(lantai, first, ticket) is State.APPLIED
    assert "2/2" in second.read(path).text


def test_rejecting_needs_a_known_reason_and_an_explanation(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    ticket, clerk = open_ticket(graduate_factory()), desk()
    path, version = f"/tickets/{ticket.line.id}", str(ticket.line.version)
    unknown = clerk.post(f"{path}/reject", {"version": version, "reason": "because", "explanation": "原件如此。"})
    assert unknown.status_code == 422
    assert Reader(unknown.text).forms[f"/console{path}/reject"]["explanation"] == "原件如此。"
    silent = clerk.post(f"{path}/reject", {"version": version, "reason": "record_is_right", "explanation": ""})
    assert silent.status_code == 422
    assert _state(lantai, clerk, ticket) is State.SUBMITTED
    done = clerk.post(f"{path}/reject", {"version": version, "reason": "record_is_right", "explanation": "原件如此。"})
    assert done.status_code == 303
    page = clerk.read(path)
    assert "经核对原件，现有记录无误" in page.text
    assert "申请复核" in page.text


def test_warns_when_the_record_moved_on(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai, clock: FakeClock
) -> None:
    person, clerk = graduate_factory(), desk()
    ticket = open_ticket(person)
    assert ticket.record_id is not None
    key = lantai.keys.of(person.id)
    with lantai.db.transaction() as session:
        from_desk = lantai.filing.apply_correction(
            session,
            clerk.login.actor,
            key,
            ticket.record_id,
            base_version=1,
            changes=[FieldChange("class_name", "三班")],
            ticket_id=uuid4(),
        )
    assert from_desk == 2
    page = clerk.read(f"/tickets/{ticket.line.id}")
    assert "记录在申请提交之后已经变化" in page.text
    assert "三班" in page.text
    answer = clerk.post(f"/tickets/{ticket.line.id}/accept", {"version": str(ticket.line.version), "note": "同意"})
    assert answer.status_code == 412
    assert Reader(answer.text).forms[f"/console/tickets/{ticket.line.id}/accept"]["note"] == "同意"


def test_a_request_without_changes_is_resolved(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    clerk = desk()
    ticket = open_ticket(graduate_factory(), Kind.OTHER, None, {})
    assert "并办结" in clerk.read(f"/tickets/{ticket.line.id}").text
    answer = clerk.post(f"/tickets/{ticket.line.id}/accept", {"version": str(ticket.line.version)})
    assert answer.status_code == 303
    assert _state(lantai, clerk, ticket) is State.RESOLVED


def test_what_people_write_is_never_markup(desk: Desks, graduate_factory: People, open_ticket: Opener) -> None:
    ticket = open_ticket(graduate_factory(), statement="<script>alert(1)</script><img src=x onerror=alert(2)>")
    html = desk().get(f"/tickets/{ticket.line.id}").text
    assert "<script>alert(1)" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize("move", ["take", "ask", "accept", "reject"])
def test_moves_need_the_token_the_role_and_a_real_ticket(
    move: str, desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    ticket, clerk = open_ticket(graduate_factory()), desk()
    path, form = f"/tickets/{ticket.line.id}/{move}", {"version": str(ticket.line.version), "text": "请补充。"}
    assert clerk.login.client.post(f"/console{path}", data=form).status_code == 403
    assert clerk.post(path, {**form, "csrf_token": desk().login.csrf}).status_code == 403
    assert desk(Role.DISPATCHER).post(path, form).status_code == 403
    assert desk(Role.ADMINISTRATOR).post(path, form).status_code == 403
    assert _state(lantai, clerk, ticket) is State.SUBMITTED
    assert clerk.post(f"/tickets/{uuid4()}/{move}", form).status_code == 404


@pytest.mark.parametrize("version", ["", "abc", "-1", "9" * 40, "²"])
def test_a_version_nobody_wrote_is_refused(
    version: str, desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    ticket, clerk = open_ticket(graduate_factory()), desk()
    answer = clerk.post(f"/tickets/{ticket.line.id}/take", {"version": version})
    assert answer.status_code == 422
    assert _state(lantai, clerk, ticket) is State.SUBMITTED


def test_a_sealed_dossier_is_not_changed(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai, clock: FakeClock
) -> None:
    person, clerk = graduate_factory(), desk()
    ticket = open_ticket(person)
    seal(lantai, clerk, person)
    answer = clerk.post(f"/tickets/{ticket.line.id}/accept", {"version": str(ticket.line.version)})
    assert answer.status_code == 409
    assert "档案已密封" in answer.text
    actor = person.actor(Purpose.VIEW_DOSSIER, now=clock.now())
    assert "class_name" not in lantai.dossiers.section(actor, Section.ENROLMENT).records[0].body

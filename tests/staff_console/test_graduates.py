"""Finding a graduate without a number in any address, reading a dossier by role, and the counter."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.actors import Purpose, Role
from app.corrections.views import TicketView
from app.events import Event
from app.people.models import IdentityState
from app.ports import Platform, PlatformAccount
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk
from tests.staff_console.reading import Reader

Desks = Callable[..., Desk]
People = Callable[..., Person]
CODE = r"[A-Z2-9]{5}-[A-Z2-9]{5}"


def test_finds_by_number_and_goes_to_an_opaque_address(desk: Desks, graduate_factory: People) -> None:
    person, clerk = graduate_factory("欧阳文静"), desk()
    answer = clerk.post("/graduates/find", {"student_number": f" {person.card.student_number} "})
    assert (answer.status_code, answer.location) == (303, f"/console/graduates/{person.id}")
    html = clerk.get(f"/graduates/{person.id}").text
    assert "欧阳**" in html
    for secret in (person.card.name, person.card.id_number, person.card.student_number, person.card.phone):
        assert secret not in html


@pytest.mark.parametrize("number", ["20990001", "", "'; drop table graduate; --", "九" * 500])
def test_says_when_nobody_is_found(number: str, desk: Desks, graduate_factory: People) -> None:
    graduate_factory()
    answer = desk().post("/graduates/find", {"student_number": number})
    assert answer.status_code == 404
    assert "未找到该学号对应的毕业生" in answer.text


def test_finding_is_for_readers_by_post_only(desk: Desks, graduate_factory: People) -> None:
    person = graduate_factory()
    number = {"student_number": person.card.student_number}
    assert desk(Role.ADMINISTRATOR).post("/graduates/find", number).status_code == 403
    assert desk(Role.AUDITOR).get(f"/graduates/{person.id}").status_code == 403
    clerk = desk()
    assert clerk.get(f"/graduates/find?student_number={person.card.student_number}").status_code == 405
    assert clerk.get(f"/graduates/{uuid4()}").status_code == 404
    assert clerk.get(f"/graduates/{person.card.student_number}").status_code == 404


def test_a_dispatcher_sees_the_catalogue_and_no_content(desk: Desks, graduate_factory: People) -> None:
    person, dispatcher = graduate_factory(), desk(Role.DISPATCHER)
    page = dispatcher.read(f"/graduates/{person.id}/dossier")
    assert "学年鉴定表" in page.text
    assert "查看内容" not in page.text
    assert "查阅记录" in page.text
    assert dispatcher.get(f"/graduates/{person.id}/dossier/course").status_code == 403
    assert dispatcher.get(f"/graduates/{person.id}/counter").status_code == 403
    assert "柜台核验" not in page.text


def test_the_desk_reads_a_section_and_the_graduate_can_see_it(
    desk: Desks, graduate_factory: People, lantai: Lantai, clock: FakeClock
) -> None:
    person, clerk = graduate_factory(), desk(Role.REVIEWER)
    clerk.state_purpose(person.id)
    assert "课程2" in clerk.read(f"/graduates/{person.id}/dossier/course").text
    part = clerk.get(f"/graduates/{person.id}/dossier/identity", headers={"HX-Request": "true"})
    assert person.card.id_number in part.text
    assert "<html" not in part.text
    assert clerk.get(f"/graduates/{person.id}/dossier/nonsense").status_code == 404
    seen = lantai.dossiers.access_log(person.actor(Purpose.VIEW_DOSSIER, now=clock.now()), before=None, limit=10)
    assert [e.type for e in seen] == ["dossier.section_read", "dossier.section_read"]
    assert {e.actor_id for e in seen} == {clerk.login.id}


def test_a_record_shows_every_version(
    desk: Desks, graduate_factory: People, open_ticket: Callable[..., TicketView], lantai: Lantai
) -> None:
    clerk = desk()
    ticket = open_ticket(graduate_factory())
    lantai.desk.accept(clerk.login.actor, ticket.line.id, ticket.line.version)
    clerk.state_purpose(ticket.line.graduate_id)
    page = clerk.read(f"/records/{ticket.record_id}")
    assert "第 2 版" in page.text
    assert "第 1 版" in page.text
    assert "二班" in page.text
    assert ("a", {"href": f"/console/tickets/{ticket.line.id}"}) in page.tags


def test_an_activation_code_is_shown_once_and_works(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    path = f"/graduates/{person.id}/counter"
    answer = clerk.post(f"{path}/activation", {"document_kind": "id_card", "identity_checked": "yes"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    code = _code(answer.text)
    assert code not in clerk.get(path).text
    assert person.card.name not in answer.text
    assert lantai.activation.redeem(code, person.id)
    assert not lantai.activation.redeem(code, person.id)


def test_a_second_submit_voids_the_first_code(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    path, form = f"/graduates/{person.id}/counter/activation", {"document_kind": "passport", "identity_checked": "yes"}
    first, second = _code(clerk.post(path, form).text), _code(clerk.post(path, form).text)
    assert not lantai.activation.redeem(first, person.id)
    assert lantai.activation.redeem(second, person.id)


def test_no_code_without_a_checked_document(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    path = f"/graduates/{person.id}/counter/activation"
    unchecked = clerk.post(path, {"document_kind": "id_card"})
    assert unchecked.status_code == 422
    assert "须确认已核对证件原件" in unchecked.text
    assert Reader(unchecked.text).forms[f"/console{path}"]["document_kind"] == "id_card"
    odd = clerk.post(path, {"document_kind": "library_card", "identity_checked": "yes"})
    assert (odd.status_code, "请选择证件种类" in odd.text) == (422, True)
    assert desk(Role.DISPATCHER).post(path, {}).status_code == 403
    assert clerk.post(f"/graduates/{uuid4()}/counter/activation", {"document_kind": "id_card"}).status_code == 404
    with lantai.db.transaction() as session:
        assert session.scalars(select(Event).where(Event.type == "activation.issued")).all() == []


def test_a_lost_phone_parts_every_account(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    with lantai.db.transaction() as session:
        account = lantai.people.remember_identity(session, PlatformAccount(Platform.WECHAT, "app", "open-1"))
        lantai.people.bind(session, account.id, person.id)
    path, form = f"/graduates/{person.id}/counter/lost-phone", {"document_kind": "id_card", "identity_checked": "yes"}
    assert "现有 1 个：微信" in clerk.read(f"/graduates/{person.id}/counter").text
    unsure = clerk.post(path, form)
    assert (unsure.status_code, "请确认知晓后果" in unsure.text) == (422, True)
    assert lantai.people.identity(account.id).state is IdentityState.BOUND
    done = clerk.post(path, {**form, "understood": "yes"})
    assert "已解除全部绑定" in done.text
    assert lantai.people.identity(account.id).state is IdentityState.REVOKED
    assert lantai.activation.redeem(_code(done.text), person.id)


def _code(html: str) -> str:
    found = re.findall(CODE, Reader(html).text)
    assert len(found) == 1
    return str(found[0])

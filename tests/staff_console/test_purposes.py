"""Content is opened for a purpose on record: asked, remembered for half an hour, shown to graduate and auditor."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from sqlalchemy import select

from app.actors import Purpose, Role
from app.corrections.views import TicketView
from app.events import Event
from app.retrieval.models import RetrievalPurpose
from parts import Lantai
from tests.conftest import ApiClient, Person
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
People = Callable[..., Person]


def test_content_asks_for_a_purpose_and_comes_back_to_what_was_asked_for(desk: Desks, graduate_factory: People) -> None:
    person, clerk = graduate_factory(), desk()
    path = f"/graduates/{person.id}/dossier/course"
    asked = clerk.get(path)
    assert asked.status_code == 303
    form = f"/console/graduates/{person.id}/purpose"
    assert asked.headers["Location"] == f"{form}?next=/console{path}"
    assert "登记调取目的" in clerk.read(asked.headers["Location"].removeprefix("/console")).text
    done = clerk.post(f"/graduates/{person.id}/purpose", {"purpose": "filing", "next": f"/console{path}"})
    assert (done.status_code, done.headers["Location"]) == (303, f"/console{path}")
    assert "课程2" in clerk.read(path).text
    assert "本次调取目的" in clerk.read(f"/graduates/{person.id}/dossier").text


def test_a_fragment_leads_the_whole_page_to_the_form(desk: Desks, graduate_factory: People) -> None:
    person, clerk = graduate_factory(), desk()
    answer = clerk.get(f"/graduates/{person.id}/dossier/course", headers={"HX-Request": "true"})
    assert answer.text == ""
    assert answer.headers["HX-Redirect"].startswith(f"/console/graduates/{person.id}/purpose?next=")


def test_a_purpose_holds_for_one_graduate_one_person_and_half_an_hour(
    desk: Desks, graduate_factory: People, clock: FakeClock
) -> None:
    person, other, clerk, colleague = graduate_factory(), graduate_factory(), desk(), desk(Role.REVIEWER)
    clerk.state_purpose(person.id)
    assert clerk.get(f"/graduates/{person.id}/dossier/award").status_code == 200
    assert clerk.get(f"/graduates/{other.id}/dossier/award").status_code == 303
    assert colleague.get(f"/graduates/{person.id}/dossier/award").status_code == 303
    for _ in range(3):  # not idle meanwhile
        clock.advance(minutes=9)
        assert clerk.get(f"/graduates/{person.id}/dossier/award").status_code == 200
    clock.advance(minutes=3)
    assert clerk.get(f"/graduates/{person.id}/dossier/award").status_code == 303


def test_sensitive_purposes_need_a_note_or_a_number(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    path = f"/graduates/{person.id}/purpose"
    for form, words in (
        ({}, "请选择调取目的"),
        ({"purpose": "other"}, "须说明理由"),
        ({"purpose": "organisation", "note": "来函"}, "须填写函号"),
        ({"purpose": "checking"}, "请选择调取目的"),  # the system's own
        ({"purpose": "other", "note": "长" * 501}, "过长"),
    ):
        answer = clerk.post(path, form)
        assert answer.status_code == 422
        assert words in answer.text
    with lantai.db.transaction() as session:
        assert session.scalars(select(RetrievalPurpose)).all() == []
    assert clerk.post(path, {"purpose": "organisation", "reference": "调函〔2026〕9 号"}).status_code == 303


def test_the_graduate_sees_why_in_chinese(
    desk: Desks, graduate_factory: People, signed_in: Callable[..., ApiClient]
) -> None:
    person, clerk = graduate_factory(), desk()
    clerk.state_purpose(person.id, "own_request")
    clerk.get(f"/graduates/{person.id}/dossier/award")
    log = signed_in(person).get("/dossier/access-log").json["items"]
    assert [(e["type"], e["by"], e["purpose"]) for e in log] == [("dossier.section_read", "staff", "本人申请")]


def test_a_ticket_is_its_own_purpose(
    desk: Desks, graduate_factory: People, open_ticket: Callable[..., TicketView], lantai: Lantai, clock: FakeClock
) -> None:
    person, clerk = graduate_factory(), desk()
    ticket = open_ticket(person)
    assert clerk.get(f"/records/{ticket.record_id}").status_code == 303
    clerk.get(f"/tickets/{ticket.line.id}")
    clerk.get(f"/tickets/{ticket.line.id}")
    assert clerk.get(f"/records/{ticket.record_id}").status_code == 200
    log = lantai.dossiers.access_log(person.actor(Purpose.VIEW_DOSSIER, now=clock.now()), before=None, limit=10)
    assert {e.data.get("purpose") for e in log if e.actor_id == clerk.login.id} == {"correction"}
    with lantai.db.transaction() as session:
        assert len(session.scalars(select(RetrievalPurpose)).all()) == 1  # not once more for every look


def test_auditors_see_the_register_and_nothing_of_the_dossier(
    desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    person, clerk, other, auditor = graduate_factory(), desk(), desk(Role.REVIEWER), desk(Role.AUDITOR)
    clerk.post(f"/graduates/{person.id}/purpose", {"purpose": "other", "note": "协助核对学籍", "reference": "档 7"})
    other.state_purpose(person.id, "filing")
    page = auditor.read("/retrieval/purposes").text
    for words in ("协助核对学籍", "档 7", "其他", "材料归档", person.id.hex[:8]):
        assert words in page
    assert person.card.name not in page
    assert person.card.student_number not in page
    assert "协助核对学籍" not in auditor.read(f"/retrieval/purposes?staff={other.login.id}").text
    assert "协助核对学籍" not in auditor.read("/retrieval/purposes?purpose=filing").text
    assert "没有符合条件的登记" in auditor.read("/retrieval/purposes?until=2001-01-01").text
    assert "协助核对学籍" in auditor.read("/retrieval/purposes?since=2001-01-01&page=nonsense").text
    for stranger in (clerk, desk(Role.DISPATCHER), desk(Role.ADMINISTRATOR)):
        assert stranger.get("/retrieval/purposes").status_code == 403
    assert auditor.get(f"/graduates/{person.id}/purpose").status_code == 403
    with lantai.db.transaction() as session:
        kinds = {e.type for e in session.scalars(select(Event).where(Event.actor_id == auditor.login.id))}
        note = session.scalars(select(RetrievalPurpose.sealed_note)).first()
    assert "retrieval.register_read" in kinds
    assert note is not None
    assert "协助".encode() not in note


def test_nobody_is_led_out_of_the_console(desk: Desks, graduate_factory: People) -> None:
    person, clerk = graduate_factory(), desk()
    for target in ("https://example.com/", "//example.com", "/api/v1/me", "javascript:alert(1)"):
        done = clerk.post(f"/graduates/{person.id}/purpose", {"purpose": "filing", "next": target})
        assert done.headers["Location"] == f"/console/graduates/{person.id}/dossier"
    assert clerk.get(f"/graduates/{uuid4()}/purpose").status_code == 404

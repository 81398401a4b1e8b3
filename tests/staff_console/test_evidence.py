"""Files leave the archive under strict headers, to the right people, and leave a trace."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from sqlalchemy import select

from app.actors import Role
from app.corrections.views import TicketView
from app.dossiers.incoming import NewMaterial
from app.events import Event
from app.file_ports import CleanDocument
from parts import Lantai
from tests import fakes
from tests.conftest import Person
from tests.staff_console.conftest import Desk

PDF = b"%PDF-1.7 proof"
Desks = Callable[..., Desk]
People = Callable[..., Person]
Opener = Callable[..., TicketView]


def test_pictures_are_shown_and_documents_handed_over(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    picture = fakes.jpeg()
    ticket, clerk = open_ticket(graduate_factory(), proofs=(picture, PDF)), desk()
    view = lantai.desk.ticket(clerk.login.actor, ticket.line.id)
    by_type = {e.media_type: f"/tickets/{ticket.line.id}/evidence/{e.id}" for e in view.evidence}
    shown = clerk.get(by_type["image/jpeg"])
    assert shown.data == picture
    assert shown.headers["Content-Disposition"].startswith("inline")
    assert clerk.get(by_type["image/jpeg"] + "?download=1").headers["Content-Disposition"].startswith("attachment")
    handed = clerk.get(by_type["application/pdf"])
    assert handed.data == PDF
    assert handed.headers["Content-Disposition"].startswith("attachment")
    for answer in (shown, handed):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_openings_are_recorded(desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    ticket = open_ticket(person, proofs=(PDF,))
    evidence = lantai.desk.ticket(clerk.login.actor, ticket.line.id).evidence[0]
    clerk.get(f"/tickets/{ticket.line.id}/evidence/{evidence.id}")
    with lantai.db.transaction() as session:
        row = session.scalars(select(Event).where(Event.type == "evidence.read")).one()
    assert (row.graduate_id, row.actor_id, row.object_id) == (person.id, clerk.login.id, evidence.id)


def test_evidence_answers_only_under_its_own_ticket(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    clerk = desk()
    ticket, other = open_ticket(graduate_factory(), proofs=(PDF,)), open_ticket(graduate_factory())
    evidence = lantai.desk.ticket(clerk.login.actor, ticket.line.id).evidence[0].id
    assert clerk.get(f"/tickets/{other.line.id}/evidence/{evidence}").status_code == 404
    assert clerk.get(f"/tickets/{uuid4()}/evidence/{evidence}").status_code == 404
    assert desk(Role.DISPATCHER).get(f"/tickets/{ticket.line.id}/evidence/{evidence}").status_code == 403


def test_material_files(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    document = CleanDocument("application/pdf", PDF, 1)
    material = lantai.filing.add_material(
        clerk.login.actor, person.id, NewMaterial("4-1", "transcript", "成绩单", document=document)
    )
    clerk.state_purpose(person.id)
    answer = clerk.get(f"/materials/{material}/file")
    assert answer.data == PDF
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert clerk.get(f"/materials/{uuid4()}/file").status_code == 404
    assert desk(Role.DISPATCHER).get(f"/materials/{material}/file").status_code == 403

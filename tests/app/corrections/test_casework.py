"""The desk's work beside decisions: release, notes, edits, collected material, the forming unit, merging, reopening."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update

from app.actors import Role
from app.corrections.casework import SentFile
from app.corrections.models import TicketApproval, TicketNote, VoidedApproval
from app.corrections.rules import Kind, State
from app.corrections.views import MissingMaterial
from app.dossiers.models import Dossier, MaterialVersion
from app.dossiers.rules import DossierState, Source
from app.errors import Conflict, Forbidden, Invalid, NotFound, VersionMismatch
from app.people.models import StaffMember
from app.transfers.models import Transfer
from app.transfers.states import State as Moved
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import BroughtTo, OpenFor, reader
from tests.conftest import Person
from tests.fakes import FakeClock, jpeg
from tests.moving import RECEIVER, desk_pair, lead, now, opened

People = Callable[..., Person]
SCAN = SentFile(jpeg(9), "image/jpeg")


def test_only_the_handler_releases(
    graduate_factory: People, brought_to: BroughtTo, clerk: Clerk, lantai: Lantai
) -> None:
    mine, other = clerk(), clerk()
    taken = brought_to(graduate_factory(), State.IN_REVIEW, mine).line
    with pytest.raises(Conflict, match="not_the_handler"):
        lantai.casework.release(other, taken.id, taken.version)
    free = lantai.casework.release(mine, taken.id, taken.version).line
    assert (free.state, free.assigned_to) == (State.SUBMITTED, None)


def test_a_note_is_for_staff_alone(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()
    line = open_for(person).line
    seen = lantai.casework.note(staff, line.id, "原件在三号柜")
    assert [n.text for n in seen.notes] == ["原件在三号柜"]
    assert seen.line.version == line.version
    own = lantai.corrections.ticket(reader(person, clock), line.id)
    assert "原件在三号柜" not in repr(own)
    assert own.notes == ()
    assert own.messages == ()
    assert "ticket.noted" not in {s.type for s in own.timeline}
    assert "ticket.noted" in {s.type for s in seen.timeline}
    for text, code in (("x" * 10_000, "over_2000_characters"), ("a\u202eb", "invisible_characters"), (" ", "required")):
        with pytest.raises(Invalid) as caught:
            lantai.casework.note(staff, line.id, text)
        assert [f.code for f in caught.value.faults] == [code]
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(TicketNote.id))) == 1
    with pytest.raises(Forbidden):
        lantai.casework.note(clerk(Role.DISPATCHER), line.id, "x")


def test_an_edit_voids_what_was_agreed_and_keeps_what_was_asked(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, first, second = graduate_factory(), clerk(), clerk()
    line = open_for(person, Kind.STATUTORY_IDENTITY).line
    once = lantai.desk.accept(first, line.id, line.version).line
    edited = lantai.casework.edit(second, line.id, once.version, {"ethnicity": "回族"})
    assert (edited.line.state, edited.approvals) == (State.IN_REVIEW, ())
    assert [(c.name, c.after) for c in edited.changes] == [("ethnicity", "回族")]
    assert lantai.corrections.ticket(reader(person, clock), line.id).asked == {"sex": "男"}
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(TicketApproval.id))) == 0
        assert session.scalar(select(func.count(VoidedApproval.id))) == 1
    again = lantai.desk.accept(first, line.id, edited.line.version)
    assert again.line.state is State.AWAITING_SECOND
    assert lantai.desk.accept(second, line.id, again.line.version).line.state is State.APPLIED


def test_edits_that_are_refused(graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai) -> None:
    person, staff = graduate_factory(), clerk()
    line = open_for(person).line
    for changes, code in (
        ({}, "required_for_kind"),
        ({"grade": "95"}, "unchanged"),
        ({"salary": "1"}, "unknown_field"),
        ({"grade": "9\u200b5"}, "invisible_characters"),
        ({"grade": "x" * 501}, "over_500_characters"),
    ):
        with pytest.raises(Invalid) as caught:
            lantai.casework.edit(staff, line.id, line.version, changes)
        assert code in [f.code for f in caught.value.faults]
    with pytest.raises(VersionMismatch, match="ticket_changed"):
        lantai.casework.edit(staff, line.id, line.version + 1, {"grade": "90"})
    plain = open_for(person, Kind.OTHER).line
    with pytest.raises(Conflict, match="ticket_without_record"):
        lantai.casework.edit(staff, plain.id, plain.version, {"grade": "90"})


def test_a_base_is_refreshed_on_purpose_only(
    graduate_factory: People, brought_to: BroughtTo, clerk: Clerk, lantai: Lantai
) -> None:
    """Reopened after it was applied: the record stands on version 2 and the ticket still on 1."""
    staff = clerk()
    done = brought_to(graduate_factory(), State.APPLIED)
    again = lantai.casework.reopen(staff, done.line.id, done.line.version, "看错了行")
    assert again.stale
    assert (again.base_version, again.record_version) == (1, 2)
    for rebase in (None, 1, 3):
        with pytest.raises(VersionMismatch, match="record_changed"):
            lantai.casework.edit(staff, again.line.id, again.line.version, {"grade": "70"}, rebase)
    moved = lantai.casework.edit(staff, again.line.id, again.line.version, {"grade": "70"}, 2)
    assert not moved.stale
    assert moved.timeline[-1].type == "ticket.rebased"
    final = lantai.desk.accept(staff, moved.line.id, moved.line.version)
    assert (final.line.state, final.applied_version) == (State.APPLIED, 3)
    assert [(d.round, d.applied_version) for d in final.decisions] == [(1, 2), (2, 3)]


def test_missing_material_is_collected_and_filed_by_the_decision(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()
    line = open_for(person, Kind.MISSING_MATERIAL).line
    with pytest.raises(Conflict, match="proof_missing"):
        lantai.desk.accept(staff, line.id, line.version)
    with pytest.raises(Invalid) as caught:
        lantai.casework.collect(staff, line.id, line.version, MissingMaterial("99", "登记表"), SCAN)
    assert [f.code for f in caught.value.faults] == ["unknown_class"]
    wanted = MissingMaterial("7", "三好学生登记表")
    held = lantai.casework.collect(staff, line.id, line.version, wanted, SCAN)
    assert held.missing == wanted
    assert all(p.given for p in held.proofs)
    done = lantai.desk.accept(staff, line.id, held.line.version)
    assert (done.line.state, done.material_version) == (State.RESOLVED, 1)
    with lantai.db.transaction() as session:
        version = session.scalars(select(MaterialVersion).where(MaterialVersion.material_id == done.material_id)).one()
        assert (version.source, version.source_id) == (Source.CORRECTION, line.id)
    assert done.decisions[-1].material_id == done.material_id
    own = lantai.corrections.ticket(reader(person, clock), line.id)
    assert (own.evidence, own.missing, [p.given for p in own.proofs]) == ((), wanted, [True])
    # the same content once more is refused by the dossier
    second = open_for(person, Kind.MISSING_MATERIAL).line
    twice = lantai.casework.collect(staff, second.id, second.version, wanted, SCAN).line
    with pytest.raises(Conflict, match="material_same_here"):
        lantai.desk.accept(staff, twice.id, twice.version)


def test_a_forming_unit_is_waited_for_and_its_answer_is_the_proof(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    person, staff = graduate_factory(), clerk()
    line = open_for(person, Kind.FORMING_UNIT).line
    with pytest.raises(Conflict, match="proof_missing"):
        lantai.desk.accept(staff, line.id, line.version)
    waiting = lantai.casework.send_out(staff, line.id, line.version, "已函请教务处核实成绩")
    assert waiting.line.state is State.WITH_UNIT
    assert waiting.messages[-1].text == "已函请教务处核实成绩"
    with pytest.raises(Conflict, match="move_not_allowed"):
        lantai.desk.accept(staff, line.id, waiting.line.version)
    with pytest.raises(Invalid):
        lantai.casework.unit_answered(staff, line.id, waiting.line.version, SentFile(b""))
    back = lantai.casework.unit_answered(staff, line.id, waiting.line.version, SCAN, "教务处更正件")
    assert back.line.state is State.IN_REVIEW
    done = lantai.desk.accept(staff, line.id, back.line.version)
    assert (done.line.state, done.applied_version) == (State.APPLIED, 2)
    assert done.record_id is not None
    history = lantai.correction_history.of_record(staff, done.record_id)
    assert [d.number for d in history.decisions[2]] == [line.number]
    assert {e.proof for e in history.proofs[line.id]} == {"supporting_document", "unit_reply"}
    assert lantai.correction_history.of_record(clerk(Role.DISPATCHER), done.record_id).decisions == {}


def test_a_duplicate_goes_into_the_survivor_with_all_it_brought(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()
    oldest, kept, twin = (open_for(person, Kind.OTHER).line for _ in range(3))
    lantai.corrections.add_information(reader(person, clock), twin.id, twin.version, "证书在学院")
    twin = lantai.desk.ticket(staff, twin.id).line
    with pytest.raises(Conflict, match="merge_with_itself"):
        lantai.casework.merge(staff, twin.id, twin.version, twin.id)
    foreign = open_for(graduate_factory(), Kind.OTHER).line
    with pytest.raises(NotFound):
        lantai.casework.merge(staff, twin.id, twin.version, foreign.id)
    survivor = lantai.casework.merge(staff, twin.id, twin.version, kept.id)
    assert survivor.line.id == kept.id
    assert [m.number for m in survivor.merged] == [twin.number]
    assert [m.text for m in survivor.messages] == ["证书在学院"]
    gone = lantai.corrections.ticket(reader(person, clock), twin.id)
    assert (gone.line.state, gone.merged_into_number) == (State.MERGED, kept.number)
    assert gone.moves == ()
    # a chain ends at the last survivor
    last = lantai.casework.merge(staff, kept.id, survivor.line.version, oldest.id)
    assert {m.number for m in last.merged} == {twin.number, kept.number}
    newest = open_for(person, Kind.OTHER).line
    with pytest.raises(Conflict, match="merge_into_closed"):
        lantai.casework.merge(staff, newest.id, newest.version, kept.id)


def test_reopening_needs_time_left_and_nothing_that_depends_on_it(
    graduate_factory: People, brought_to: BroughtTo, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    staff = clerk()
    person = graduate_factory()
    done = brought_to(person, State.APPLIED).line
    later = open_for(person, grade="77").line
    with pytest.raises(Conflict, match="record_has_open_ticket"):
        lantai.casework.reopen(staff, done.id, done.version, "看错了")
    lantai.desk.accept(staff, later.id, later.version)
    with pytest.raises(Conflict, match="decision_relied_on"):
        lantai.casework.reopen(staff, done.id, done.version, "看错了")
    refused = brought_to(graduate_factory(), State.REJECTED).line
    clock.advance(days=7, seconds=1)
    with pytest.raises(Conflict, match="reopen_too_late"):
        lantai.casework.reopen(staff, refused.id, refused.version, "看错了")


def test_a_role_taken_away_decides_nothing(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    """The actor still says archivist, as a page shown before would; the account does not."""
    staff, closed = clerk(), clerk()
    line = open_for(graduate_factory()).line
    with lantai.db.transaction() as session:
        session.execute(update(StaffMember).where(StaffMember.id == staff.id).values(roles=[Role.AUDITOR.value]))
        session.execute(update(StaffMember).where(StaffMember.id == closed.id).values(disabled_at=lantai.clock.now()))
    for who in (staff, closed):
        with pytest.raises(Forbidden, match="role_required"):
            lantai.desk.accept(who, line.id, line.version)
        with pytest.raises(Forbidden, match="role_required"):
            lantai.desk.reject(who, line.id, line.version, "other", "不予更正")
    assert lantai.desk.ticket(clerk(), line.id).line.state is State.SUBMITTED


def test_a_reason_of_another_kind_is_refused(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    line = open_for(graduate_factory()).line
    with pytest.raises(Invalid) as caught:
        lantai.desk.reject(clerk(), line.id, line.version, "police_first", "请先到公安机关")
    assert [f.code for f in caught.value.faults] == ["reason_not_for_kind"]


def test_a_dossier_handed_over_sends_a_supplement_after_itself(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()
    line = open_for(person).line
    pair = desk_pair(lantai)
    view = lead(lantai, pair, opened(lantai, staff, person.id), Moved.RECEIVED)
    done = lantai.desk.accept(staff, line.id, line.version)
    assert (done.line.state, done.applied_version) == (State.APPLIED, 2)
    assert done.supplement is not None
    assert (done.supplement.receiver_name, done.supplement.receipt) == (RECEIVER[0], "HZ-001")
    with lantai.db.transaction() as session:
        row = session.get_one(Transfer, done.supplement.id)
        assert (row.supplements, row.ticket_id) == (view.id, line.id)
    shown = next(t for t in lantai.transfers.of_graduate(staff, person.id) if t.id == done.supplement.id)
    assert now(lantai, staff, view).state is Moved.SUPPLEMENT_OPEN
    lead(lantai, pair, shown, Moved.RECEIVED)
    assert now(lantai, staff, view).state is Moved.CLOSED
    with lantai.db.transaction() as session:
        state = session.scalar(select(Dossier.state).where(Dossier.graduate_id == person.id))
    assert state is DossierState.TRANSFERRED
    with pytest.raises(Conflict, match="decision_relied_on"):
        lantai.casework.reopen(staff, line.id, done.line.version, "看错了")


def test_an_absent_ticket_is_not_found(clerk: Clerk, lantai: Lantai) -> None:
    with pytest.raises(NotFound):
        lantai.casework.release(clerk(), uuid.uuid4(), 1)

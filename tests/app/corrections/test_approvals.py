"""Four eyes by person, bound to one exact change; and races on one ticket."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.corrections.models import Evidence, Ticket, TicketApproval, VoidedApproval
from app.corrections.rules import Kind, State
from app.corrections.views import OpenTicket
from app.dossiers.models import Dossier, RecordVersion
from app.dossiers.rules import DossierState
from app.errors import Conflict, DomainError, Invalid, NotFound, StepUpRequired, VersionMismatch
from app.people.models import StaffMember
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import OpenFor, reader
from tests.conftest import Person, make_id_number
from tests.fakes import FakeClock, jpeg


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Each call in a thread of its own, released together; results or the domain's error codes."""
    start, found = threading.Barrier(len(calls)), []

    def run(call: Callable[[], object]) -> None:
        start.wait()
        try:
            found.append(call())
        except DomainError as error:
            found.append(error.code)

    threads = [threading.Thread(target=run, args=(c,)) for c in calls]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return found


def versions(lantai: Lantai, person: Person) -> int:
    with lantai.db.transaction() as session:
        return session.scalar(select(func.count(RecordVersion.id)).where(RecordVersion.source == "correction")) or 0


def test_a_statutory_field_needs_two_persons_not_two_accounts(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    person, someone = graduate_factory(), uuid.uuid4()
    first, same_person, second = clerk(person=someone), clerk(person=someone), clerk()
    ticket = open_for(person, Kind.STATUTORY_IDENTITY).line
    once = lantai.desk.accept(first, ticket.id, ticket.version)
    assert (once.line.state, len(once.approvals), once.approvals_needed) == (State.AWAITING_SECOND, 1, 2)
    # whose approval is not offered again goes by the person too
    assert once.agreed
    assert [lantai.desk.ticket(who, ticket.id).agreed for who in (first, same_person, second)] == [True, True, False]
    for again in (first, same_person):
        with pytest.raises(Conflict) as caught:
            lantai.desk.accept(again, ticket.id, once.line.version)
        assert caught.value.code == "second_person_required"
    assert versions(lantai, person) == 0
    done = lantai.desk.accept(second, ticket.id, once.line.version)
    assert (done.line.state, done.applied_version) == (State.APPLIED, 2)
    assert versions(lantai, person) == 1


@pytest.mark.parametrize("second", [False, True])
def test_where_two_persons_agree_each_shows_a_factor_for_it(
    second: bool,
    graduate_factory: Callable[..., Person],
    open_for: OpenFor,
    clerk: Clerk,
    lantai: Lantai,
    clock: FakeClock,
) -> None:
    """The service asks, not only the page: the first agreement and the second alike."""
    person = graduate_factory()
    line = open_for(person, Kind.STATUTORY_IDENTITY).line
    if second:
        line = lantai.desk.accept(clerk(), line.id, line.version).line
    fresh = clerk()
    clock.advance(seconds=301)
    for stale in (fresh, replace(fresh, factor_at=None), replace(fresh, factor_at=clock.now() + timedelta(seconds=1))):
        with pytest.raises(StepUpRequired) as caught:
            lantai.desk.accept(stale, line.id, line.version, "同意")
        assert caught.value.code == "fresh_factor_required"
    untouched = lantai.desk.ticket(fresh, line.id)
    assert (untouched.line.version, untouched.line.state) == (line.version, line.state)
    assert (len(untouched.approvals), len(untouched.messages), versions(lantai, person)) == (int(second), 0, 0)
    shown = replace(fresh, factor_at=clock.now() - timedelta(seconds=300))
    done = lantai.desk.accept(shown, line.id, line.version, "同意")
    assert done.line.state is (State.APPLIED if second else State.AWAITING_SECOND)


def test_one_person_alone_needs_no_fresh_factor(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    line = open_for(graduate_factory()).line
    assert lantai.desk.accept(replace(clerk(), factor_at=None), line.id, line.version).line.state is State.APPLIED


def test_who_may_not_agree_is_told_so_rather_than_asked_for_a_factor(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    first = clerk()
    line = open_for(graduate_factory(), Kind.STATUTORY_IDENTITY).line
    once = lantai.desk.accept(first, line.id, line.version).line
    with pytest.raises(Conflict, match="second_person_required"):
        lantai.desk.accept(replace(first, factor_at=None), line.id, once.version)
    with pytest.raises(VersionMismatch):
        lantai.desk.accept(replace(clerk(), factor_at=None), line.id, line.version)


@pytest.mark.parametrize("gone", ["closed", "role taken", "too old"])
def test_an_agreement_counts_while_its_person_could_agree(
    gone: str,
    graduate_factory: Callable[..., Person],
    open_for: OpenFor,
    clerk: Clerk,
    lantai: Lantai,
    clock: FakeClock,
) -> None:
    first, second, third = clerk(), clerk(), clerk()
    line = open_for(graduate_factory(), Kind.STATUTORY_IDENTITY).line
    once = lantai.desk.accept(first, line.id, line.version).line

    def account(**values: Any) -> None:
        with lantai.db.transaction() as session:
            session.execute(update(StaffMember).where(StaffMember.id == first.id).values(**values))

    clock.advance(days=30)
    assert len(lantai.desk.ticket(second, line.id).approvals) == 1
    if gone == "too old":
        clock.advance(seconds=1)
    else:
        account(**({"disabled_at": clock.now()} if gone == "closed" else {"roles": ["auditor"]}))
    assert lantai.desk.ticket(second, line.id).approvals == ()
    second, third, first = (replace(a, factor_at=clock.now()) for a in (second, third, first))
    again = lantai.desk.accept(second, line.id, once.version)
    assert (again.line.state, len(again.approvals), again.agreed) == (State.AWAITING_SECOND, 1, True)
    with lantai.db.transaction() as session:
        assert session.scalars(select(VoidedApproval.staff_id)).all() == [first.id]
    account(disabled_at=None, roles=[r.value for r in first.roles])  # back again: agrees anew, not by the old word
    assert len(lantai.desk.ticket(third, line.id).approvals) == 1
    assert lantai.desk.accept(first, line.id, again.line.version).line.state is State.APPLIED
    account(disabled_at=clock.now())
    assert len(lantai.desk.ticket(third, line.id).approvals) == 2  # what was decided stays


def test_what_is_said_after_an_approval_voids_it(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    """By the desk asking or by the graduate answering: whoever agreed has not seen it."""
    for by_graduate in (True, False):
        person = graduate_factory()
        first, second = clerk(), clerk()
        ticket = open_for(person, Kind.STATUTORY_IDENTITY).line
        once = lantai.desk.accept(first, ticket.id, ticket.version).line
        if not by_graduate:
            once = lantai.desk.ask(second, ticket.id, once.version, "请补充户籍证明").line
        answered = lantai.corrections.add_information(reader(person, clock), ticket.id, once.version, "见附件").line
        assert answered.state is State.IN_REVIEW
        assert lantai.desk.ticket(first, ticket.id).approvals == ()
        third = lantai.desk.accept(second, ticket.id, answered.version)
        assert third.line.state is State.AWAITING_SECOND
        assert lantai.desk.accept(first, ticket.id, third.line.version).line.state is State.APPLIED


def test_an_approval_of_another_change_does_not_count(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    """The digest names base version and values: an approval row that fits another diff is worth nothing."""
    first, second = clerk(), clerk()
    ticket = open_for(graduate_factory(), Kind.STATUTORY_IDENTITY).line
    once = lantai.desk.accept(first, ticket.id, ticket.version).line
    with lantai.db.transaction() as session:
        session.execute(update(TicketApproval).values(diff_digest=bytes(32)))
    assert lantai.desk.accept(second, ticket.id, once.version).line.state is State.AWAITING_SECOND


def test_a_record_that_moved_on_stops_the_older_request(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()
    first = open_for(person).line
    lantai.corrections.withdraw(reader(person, clock), first.id, first.version)
    second = open_for(person, grade="77").line
    assert lantai.desk.accept(staff, second.id, second.version).applied_version == 2
    with lantai.db.transaction() as session:  # an older request, as an operator's repair could leave it
        session.execute(update(Ticket).where(Ticket.id == first.id).values(state=State.SUBMITTED))
    stale = lantai.desk.ticket(staff, first.id)
    assert stale.stale
    with pytest.raises(VersionMismatch) as caught:
        lantai.desk.accept(staff, first.id, stale.line.version)
    assert (caught.value.code, caught.value.extra) == ("record_changed", {"current_version": 2})
    assert lantai.desk.ticket(staff, first.id).line.state is State.SUBMITTED  # nothing half-done


@pytest.mark.parametrize(
    ("state", "code"), [(DossierState.SEALED, "dossier_sealed"), (DossierState.TRANSFERRED, "no_receipt")]
)
def test_a_dossier_that_is_closed_without_a_receipt_is_not_corrected(
    state: DossierState,
    code: str,
    graduate_factory: Callable[..., Person],
    open_for: OpenFor,
    clerk: Clerk,
    lantai: Lantai,
) -> None:
    person = graduate_factory()
    ticket = open_for(person).line
    with lantai.db.transaction() as session:
        session.execute(update(Dossier).where(Dossier.id == person.dossier_id).values(state=state))
    with pytest.raises(Conflict) as caught:
        lantai.desk.accept(clerk(), ticket.id, ticket.version)
    assert caught.value.code == code
    assert versions(lantai, person) == 0


def test_of_two_deciding_at_once_one_wins(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    person = graduate_factory()
    one, two = clerk(), clerk()
    ticket = open_for(person).line
    found = at_once(
        lambda: lantai.desk.accept(one, ticket.id, ticket.version).line.state,
        lambda: lantai.desk.reject(two, ticket.id, ticket.version, "other", "不予更正").line.state,
    )
    assert "ticket_changed" in found
    assert {State.APPLIED, State.REJECTED} & set(found)
    final = lantai.desk.ticket(one, ticket.id)
    assert final.line.version == ticket.version + 1
    assert versions(lantai, person) == (final.line.state is State.APPLIED)
    decided = [s for s in final.timeline if s.type == "ticket.decided"]
    assert len(decided) == 1


def test_two_second_eyes_at_once_apply_one_version(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    person = graduate_factory()
    ticket = open_for(person, Kind.STATUTORY_IDENTITY).line
    once = lantai.desk.accept(clerk(), ticket.id, ticket.version).line
    two, three = clerk(), clerk()
    found = at_once(
        lambda: lantai.desk.accept(two, ticket.id, once.version).line.state,
        lambda: lantai.desk.accept(three, ticket.id, once.version).line.state,
    )
    assert sorted(map(str, found)) == ["applied", "ticket_changed"]
    assert versions(lantai, person) == 1


def test_a_corrected_identity_moves_the_card_and_its_look_ups(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    person, new = graduate_factory(name="张三"), make_id_number(901)
    card = person.card
    for change, (old_number, old_name), (number, name) in (
        ({"id_number": f" {new.lower()} "}, (card.id_number, "张三"), (new, "张三")),
        ({"name": "阿依古丽•买买提"}, (new, "张三"), (new, "阿依古丽·买买提")),
    ):
        ticket = open_for(person, Kind.STATUTORY_IDENTITY, **change).line
        once = lantai.desk.accept(clerk(), ticket.id, ticket.version).line
        lantai.desk.accept(clerk(), ticket.id, once.version)
        assert lantai.people.match_claim(card.student_number, number, name) == person.id
        assert lantai.people.match_claim(card.student_number, old_number, old_name) is None


def test_what_cannot_be_asked_for(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, other = graduate_factory(), graduate_factory()
    actor = reader(person, clock)
    identity = lantai.dossiers.section_by_name(actor, "identity").records[0]
    course = lantai.dossiers.section_by_name(actor, "course").records[0]
    prepared = lantai.corrections.prepare_evidence(actor, jpeg(), "")
    proof = lantai.corrections.add_evidence(actor, prepared).id

    def faults(kind: Kind, statement: str = "请更正", **values: Any) -> set[tuple[str, str]]:
        with pytest.raises(Invalid) as caught:
            lantai.corrections.open_ticket(actor, OpenTicket(kind, statement, **values))
        return {(f.pointer, f.code) for f in caught.value.faults}

    on: dict[str, Any] = {"record_id": identity.id, "base_version": 1, "evidence_ids": (proof,)}
    both = {"name": "李四", "id_number": make_id_number(902)}
    statutory = Kind.STATUTORY_IDENTITY
    assert faults(statutory, changes=both, **on) == {("/changes", "name_and_id_number_together")}
    assert faults(statutory, changes={"id_number": "110105200403150010"}, **on) == {
        ("/changes/id_number", "id_number_check_digit")
    }
    assert faults(Kind.TRANSCRIPTION, changes={"sex": "男"}, record_id=identity.id) == {
        ("/kind", "statutory_field_needs_statutory_kind")
    }
    assert faults(statutory, changes={"sex": "男"}, record_id=identity.id) == {("/evidence_ids", "required_for_kind")}
    assert faults(Kind.TRANSCRIPTION) == {("/changes", "required_for_kind")}
    assert faults(Kind.OTHER, changes={"grade": "1"}) == {("/record_id", "required_with_changes")}
    same = {"grade": course.body["grade"], "salary": "1"}
    assert faults(Kind.TRANSCRIPTION, changes=same, record_id=course.id) == {
        ("/changes/grade", "unchanged"),
        ("/changes/salary", "unknown_field"),
    }
    assert faults(Kind.OTHER, statement="") == {("/statement", "required")}
    assert faults(Kind.OTHER, statement="x" * 2001) == {("/statement", "over_2000_characters")}
    assert faults(Kind.OTHER, statement="a\u200bb") == {("/statement", "invisible_characters")}
    assert faults(Kind.OTHER, evidence_ids=(uuid.uuid4(),)) == {("/evidence_ids", "evidence_unknown")}
    with pytest.raises(NotFound):
        lantai.corrections.open_ticket(reader(other, clock), OpenTicket(Kind.OTHER, "x", record_id=course.id))
    with pytest.raises(Conflict, match="record_changed"):
        lantai.corrections.open_ticket(actor, OpenTicket(Kind.TRANSCRIPTION, "x", course.id, 2, {"grade": "1"}))


def test_two_requests_on_one_record_at_once_leave_one(
    graduate_factory: Callable[..., Person], open_for: OpenFor, lantai: Lantai
) -> None:
    person = graduate_factory()
    found = at_once(*[lambda: open_for(person).line.state] * 3)
    assert sorted(map(str, found)) == ["record_has_open_ticket", "record_has_open_ticket", "submitted"]


def test_limits_on_open_tickets_and_loose_evidence(
    graduate_factory: Callable[..., Person], open_for: OpenFor, lantai: Lantai, clock: FakeClock
) -> None:
    person = graduate_factory()
    actor = reader(person, clock)
    open_for(person)
    with pytest.raises(Conflict, match="record_has_open_ticket"):
        open_for(person)
    for _ in range(19):
        open_for(person, Kind.OTHER)
    with pytest.raises(Conflict, match="too_many_tickets"):
        open_for(person, Kind.OTHER)
    for _ in range(20):
        lantai.corrections.add_evidence(actor, lantai.corrections.prepare_evidence(actor, jpeg(), ""))
    with pytest.raises(Conflict, match="too_much_evidence"):
        lantai.corrections.add_evidence(actor, lantai.corrections.prepare_evidence(actor, jpeg(), ""))
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(Evidence.id))) == 20

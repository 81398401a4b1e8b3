"""One appeal, decided by persons who took no part before it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from app.corrections.rules import Kind, State
from app.errors import Conflict, Invalid, NotFound, VersionMismatch
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import BroughtTo, OpenFor, reader
from tests.conftest import Person
from tests.fakes import FakeClock

People = Callable[..., Person]


def test_whoever_took_part_does_not_decide_the_appeal(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, someone = graduate_factory(), uuid.uuid4()
    asked, refused, same_person, fresh = clerk(), clerk(person=someone), clerk(person=someone), clerk()
    own = reader(person, clock)
    line = open_for(person).line
    line = lantai.desk.ask(asked, line.id, line.version, "请补充").line
    line = lantai.corrections.add_information(own, line.id, line.version, "见附件").line
    line = lantai.desk.reject(refused, line.id, line.version, "record_is_right", "原件如此").line
    appealed = lantai.corrections.appeal(own, line.id, line.version, "请再核对原件第三行")
    assert (appealed.line.state, appealed.line.round, appealed.line.appealed) == (State.SUBMITTED, 2, True)
    assert appealed.line.state_label == "复核·已提交"
    assert appealed.line.assigned_to is None
    assert appealed.reason is None
    assert [d.outcome for d in appealed.decisions] == [State.REJECTED]
    for who in (asked, refused, same_person):
        with pytest.raises(Conflict, match="appeal_needs_others"):
            lantai.desk.accept(who, line.id, appealed.line.version)
        with pytest.raises(Conflict, match="appeal_needs_others"):
            lantai.desk.reject(who, line.id, appealed.line.version, "other", "维持")
    done = lantai.desk.accept(fresh, line.id, appealed.line.version)
    assert (done.line.state, done.applied_version) == (State.APPLIED, 2)
    assert [d.on_appeal for d in done.decisions] == [False, True]
    with pytest.raises(Conflict, match="appeal_made"):
        lantai.corrections.appeal(own, line.id, done.line.version, "再一次")


@pytest.mark.parametrize("state", [State.APPLIED, State.RESOLVED, State.REJECTED])
def test_every_decision_can_be_appealed_within_thirty_days(
    state: State, graduate_factory: People, brought_to: BroughtTo, lantai: Lantai, clock: FakeClock
) -> None:
    person = graduate_factory()
    line = brought_to(person, state).line
    seen = lantai.corrections.ticket(reader(person, clock), line.id)
    assert seen.appeal_until is not None
    clock.advance(days=30)
    lantai.corrections.appeal(reader(person, clock), line.id, line.version, "请复核")
    late_person = graduate_factory()
    late = brought_to(late_person, state).line
    clock.advance(days=30, seconds=1)
    with pytest.raises(Conflict, match="appeal_too_late"):
        lantai.corrections.appeal(reader(late_person, clock), late.id, late.version, "请复核")
    assert lantai.corrections.ticket(reader(late_person, clock), late.id).appeal_until is None


def test_appeals_that_are_refused(
    graduate_factory: People, brought_to: BroughtTo, open_for: OpenFor, lantai: Lantai, clock: FakeClock
) -> None:
    person, other = graduate_factory(), graduate_factory()
    line = brought_to(person, State.REJECTED).line
    own = reader(person, clock)
    with pytest.raises(NotFound):
        lantai.corrections.appeal(reader(other, clock), line.id, line.version, "请复核")
    with pytest.raises(VersionMismatch):
        lantai.corrections.appeal(own, line.id, line.version - 1, "请复核")
    for text in ("", "x" * 2001, "a\u200bb"):
        with pytest.raises(Invalid):
            lantai.corrections.appeal(own, line.id, line.version, text)
    open_for(person)
    with pytest.raises(Conflict, match="record_has_open_ticket"):
        lantai.corrections.appeal(own, line.id, line.version, "请复核")
    pending = open_for(person, Kind.OTHER).line
    with pytest.raises(Conflict, match="move_not_allowed"):
        lantai.corrections.appeal(own, pending.id, pending.version, "请复核")
